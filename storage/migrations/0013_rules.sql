-- Rules as people change them: drafts, what was tried on stored history before, and what judging of other things than readings
-- remembers.

ALTER TABLE rule ADD COLUMN backtest_id text, ADD COLUMN reason text;

CREATE TABLE rule_draft (                          -- one a rule: a wish that nobody goes by yet
    rule_id     text PRIMARY KEY,
    spec        jsonb NOT NULL,
    author      text NOT NULL,
    saved_at    timestamptz NOT NULL,
    backtest_id text
);

CREATE TABLE rule_wait (                           -- rule_condition for objects that are no datastream
    rule_id   text NOT NULL,
    object_id text NOT NULL,
    level     text NOT NULL,
    since     timestamptz NOT NULL,
    to_raise  boolean NOT NULL,
    PRIMARY KEY (rule_id, object_id, level)
);

CREATE TABLE rule_progress (                       -- up to when such a rule has been judged
    rule_id      text PRIMARY KEY,
    judged_until timestamptz NOT NULL
);

CREATE TABLE backtest (                            -- the newest hundred, and those a version was agreed to with
    backtest_id  text PRIMARY KEY,
    rule_id      text NOT NULL,
    spec         jsonb NOT NULL,
    base_version integer,                          -- the live version it was held against
    days         integer NOT NULL,
    asked_by     text NOT NULL,
    asked_at     timestamptz NOT NULL,
    state        text NOT NULL,                    -- running, done, failed
    progress     real NOT NULL DEFAULT 0,
    beat_at      timestamptz NOT NULL,
    ended_at     timestamptz,
    result       jsonb,
    fault        text
);
CREATE UNIQUE INDEX one_backtest_at_a_time ON backtest ((true)) WHERE state = 'running';
CREATE INDEX backtest_by_rule ON backtest (rule_id, asked_at);

INSERT INTO two_person_rule (action, is_required, expiry_s, facts) VALUES
    ('rule.retire', true, 86400, '{}'), ('rule.enable', true, 86400, '{}'), ('rule.disable', true, 86400, '{}');
