-- What of a dead letter is said in two languages, and how many are kept; every level of a rule waits by itself.

ALTER TABLE dead_letter
    ADD COLUMN detail jsonb NOT NULL DEFAULT '{}', -- the reason as a key with what fills its sentence (domain/rejections.py)
    ADD COLUMN n bigint NOT NULL DEFAULT 1,        -- how many letters the row stands for
    ADD COLUMN hour timestamptz;                   -- in which the letters came that are only counted; NULL: one kept whole
CREATE UNIQUE INDEX dead_letter_counted ON dead_letter (device_id, code, hour) NULLS NOT DISTINCT WHERE hour IS NOT NULL;

-- Holds under way are not taken over: a level that is asked for holds anew.
DROP TABLE rule_condition;
CREATE TABLE rule_condition (                      -- since when readings ask that a level of a rule be raised or cleared
    rule_id       text NOT NULL,
    datastream_id integer NOT NULL,
    level         text NOT NULL,
    to_raise      boolean NOT NULL,
    since         timestamptz NOT NULL,
    PRIMARY KEY (rule_id, datastream_id, level)
);

-- The newest reading of a datastream that rules have judged. Rewritten every time: room on its page saves work in the index.
CREATE TABLE judged_reading (
    datastream_id   integer PRIMARY KEY,
    phenomenon_time timestamptz NOT NULL,
    received_time   timestamptz NOT NULL
) WITH (fillfactor = 50);
