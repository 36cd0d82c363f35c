-- What was foreseen, what was warned of, and the account of every act.

CREATE TABLE forecast (                            -- one row a forecast: arrays keep 10,000 series × 96 steps small
    datastream_id   integer NOT NULL,
    issued_at       timestamptz NOT NULL,
    first_target    timestamptz NOT NULL,
    step_s          integer NOT NULL,
    q10             real[] NOT NULL,
    q50             real[] NOT NULL,
    q90             real[] NOT NULL,
    model           text NOT NULL,
    model_version   text NOT NULL,
    watermark       timestamptz,
    fallback_reason text NOT NULL DEFAULT '',
    PRIMARY KEY (datastream_id, issued_at)
) /*partition issued_at*/;

CREATE INDEX forecast_by_issue ON forecast (issued_at);

CREATE VIEW forecast_value AS
SELECT datastream_id, issued_at, first_target + (k - 1) * step_s * interval '1 second' AS target_time,
       q10[k] AS q10, q50[k] AS q50, q90[k] AS q90, model, model_version, watermark, fallback_reason
FROM forecast, LATERAL generate_subscripts(q50, 1) AS k;

CREATE TABLE rule (                                -- live rules; the file only seeds them
    rule_id    text NOT NULL,
    version    integer NOT NULL,
    spec       jsonb NOT NULL,
    author     text NOT NULL,
    approver   text,
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    PRIMARY KEY (rule_id, version)
);
CREATE UNIQUE INDEX one_live_version_per_rule ON rule (rule_id) WHERE retired_at IS NULL;

CREATE TABLE rule_condition (                      -- since when a rule's condition holds for an object (hold times)
    rule_id       text NOT NULL,
    datastream_id integer NOT NULL,
    level         text,                            -- NULL: clear
    since         timestamptz NOT NULL,
    PRIMARY KEY (rule_id, datastream_id)
);

CREATE TABLE warning (
    warning_id    uuid PRIMARY KEY,
    identifier    text NOT NULL UNIQUE,            -- 31 characters, Chinese CAP profile
    exercise_id   text,
    rule_id       text NOT NULL,
    rule_version  integer NOT NULL,
    source        text NOT NULL,
    hazard_class  text NOT NULL,
    mode          text NOT NULL,
    object_id     text NOT NULL,
    device_id     text,
    district_code text,
    lon           double precision,
    lat           double precision,
    raised_at     timestamptz NOT NULL,
    is_open       boolean NOT NULL DEFAULT true,
    closed_at     timestamptz,
    situation_id  text,
    words_zh      text NOT NULL,
    words_en      text NOT NULL
);
-- One open warning per rule and object, whoever evaluates.
CREATE UNIQUE INDEX one_open_warning ON warning (rule_id, object_id, exercise_id) NULLS NOT DISTINCT WHERE is_open;

CREATE INDEX warning_by_end ON warning (closed_at);

CREATE TABLE warning_history (
    warning_id  uuid NOT NULL REFERENCES warning,
    valid_from  timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    state       text NOT NULL,
    level       text NOT NULL,
    probability double precision,
    lead_time_s double precision,
    evidence    jsonb NOT NULL DEFAULT '{}',
    actor       text,
    comment     text,
    PRIMARY KEY (warning_id, valid_from, recorded_at, state, level)
);

CREATE SEQUENCE warning_number MINVALUE 0 MAXVALUE 9 START 0 CYCLE; -- the profile's one-digit sequence

CREATE TABLE audit_entry (                         -- written in the transaction of the act, unsealed
    audit_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    acted_at     timestamptz NOT NULL,
    actor        text NOT NULL,
    role         text NOT NULL,
    action       text NOT NULL,
    object       text NOT NULL,
    outcome      text NOT NULL,                    -- done, refused
    detail       jsonb NOT NULL DEFAULT '{}',
    before_hash  text,
    after_hash   text,
    exercise_id  text
);

CREATE TABLE audit_unsealed (                      -- what the sealer has still to chain
    audit_id bigint PRIMARY KEY REFERENCES audit_entry
);

CREATE TABLE audit_chain (                         -- the sealer's: each entry bound to all before it
    seq       bigint PRIMARY KEY,
    audit_id  bigint NOT NULL UNIQUE REFERENCES audit_entry,
    prev_hash text NOT NULL,
    hash      text NOT NULL,
    sealed_at timestamptz NOT NULL
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP;
END $$;
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_chain_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
