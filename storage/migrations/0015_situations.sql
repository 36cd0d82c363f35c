-- What people do with warnings beside taking steps, what belongs together, and what is remembered of readings for those that come
-- late. exercise_id is NULL for what really happens.

ALTER TABLE warning_history ADD COLUMN transition text;  -- what the step is (domain/warnings.py); NULL before this migration
ALTER TABLE warning
    ADD COLUMN gathered_at timestamptz,            -- when it became part of its situation
    ADD COLUMN maintenance_id bigint;              -- the maintenance in which it was raised
CREATE INDEX warning_by_rule ON warning (rule_id, raised_at);
CREATE INDEX warning_by_maintenance ON warning (maintenance_id) WHERE maintenance_id IS NOT NULL;

CREATE TABLE warning_assignment (                  -- who looks after a warning: an account or a role
    warning_id  uuid NOT NULL REFERENCES warning,
    valid_from  timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    kind        text NOT NULL,                     -- account, role
    assignee    text NOT NULL,
    actor       text NOT NULL,
    comment     text,
    PRIMARY KEY (warning_id, valid_from, recorded_at)
);

CREATE TABLE warning_verdict (                     -- whether it was right, as people say; the last word counts
    warning_id  uuid NOT NULL REFERENCES warning,
    valid_from  timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    verdict     text NOT NULL,
    actor       text NOT NULL,
    words       text,
    PRIMARY KEY (warning_id, valid_from, recorded_at)
);

CREATE TABLE warning_reminder (                    -- the key keeps the n-th reminder of one wait from being given twice
    warning_id    uuid NOT NULL REFERENCES warning,
    waiting_since timestamptz NOT NULL,
    n             integer NOT NULL,
    role          text NOT NULL,
    reminded_at   timestamptz NOT NULL,
    PRIMARY KEY (warning_id, waiting_since, n)
);

CREATE TABLE shelf (                               -- a rule and object, or a situation, that nobody wants to hear of for a while
    shelf_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exercise_id  text,
    warning_id   uuid REFERENCES warning,          -- by which rule and object were named
    rule_id      text,
    object_id    text,
    situation_id bigint,
    level        text NOT NULL,                    -- up to which it holds
    shelved_at   timestamptz NOT NULL,
    until        timestamptz NOT NULL,
    reason       text NOT NULL,
    actor        text NOT NULL,
    ended_at     timestamptz,                      -- taken back before its time
    ended_by     text
);
CREATE INDEX shelf_by_end ON shelf (until);
CREATE INDEX shelf_by_object ON shelf (rule_id, object_id);
CREATE INDEX shelf_by_situation ON shelf (situation_id) WHERE situation_id IS NOT NULL;

CREATE TABLE maintenance (                         -- what is raised inside is counted, not shown
    maintenance_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exercise_id    text,
    begins_at      timestamptz NOT NULL,
    until          timestamptz NOT NULL,
    reason         text NOT NULL,
    actor          text NOT NULL,
    planned_at     timestamptz NOT NULL,
    area           jsonb,                          -- GeoJSON geometry, WGS-84
    districts      text[] NOT NULL DEFAULT '{}',
    devices        text[] NOT NULL DEFAULT '{}',
    ended_at       timestamptz,
    ended_by       text
);
CREATE INDEX maintenance_by_end ON maintenance (until);

CREATE TABLE situation (
    situation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exercise_id  text,
    opened_at    timestamptz NOT NULL,
    closed_at    timestamptz,
    merged_into  bigint
);
CREATE INDEX situation_by_end ON situation (closed_at);

CREATE TABLE situation_history (                   -- one row a change
    situation_id bigint NOT NULL REFERENCES situation,
    valid_from   timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL,
    is_open      boolean NOT NULL,
    root         uuid NOT NULL,
    members      uuid[] NOT NULL,
    level        text NOT NULL,
    lon          double precision,
    lat          double precision,
    outline      jsonb,
    hazards      jsonb NOT NULL,                   -- hazard class → how many members
    words_zh     text NOT NULL,
    words_en     text NOT NULL,
    PRIMARY KEY (situation_id, valid_from, recorded_at)
);

-- How a rule stood at a series after a reading that changed it: from there readings that come late are judged in their place.
CREATE TABLE judged_state (
    rule_id       text NOT NULL,
    datastream_id integer NOT NULL,
    measured_at   timestamptz NOT NULL,
    level         text,                            -- NULL: none
    waiting       jsonb NOT NULL,                  -- level → [since (µs since 1970), whether to be raised]
    PRIMARY KEY (rule_id, datastream_id, measured_at)
);
CREATE INDEX judged_state_by_age ON judged_state (measured_at);
