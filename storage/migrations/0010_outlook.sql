-- What is foreseen of every series, how good that turned out to be, who may speak for it, and what was odd.

-- Series that no device reports: events counted, readings of the city averaged. Their numbers lie below zero and those of
-- datastreams above, so that one number names a series wherever it is foreseen, scored or found odd.
CREATE TABLE derived_series (
    series_id  integer GENERATED ALWAYS AS IDENTITY (START WITH -1 INCREMENT BY -1 MINVALUE -2147483647 MAXVALUE -1) PRIMARY KEY,
    key        text NOT NULL UNIQUE,               -- hall/hall-1/arrivals, city/requests (domain/derived.py)
    first_seen timestamptz NOT NULL
);

ALTER TABLE forecast ADD COLUMN q05 real[], ADD COLUMN q95 real[]; -- NULL: issued before there were any
CREATE OR REPLACE VIEW forecast_value AS
SELECT datastream_id, issued_at, first_target + (k - 1) * step_s * interval '1 second' AS target_time,
       q10[k] AS q10, q50[k] AS q50, q90[k] AS q90, model, model_version, watermark, fallback_reason,
       q05[k] AS q05, q95[k] AS q95
FROM forecast, LATERAL generate_subscripts(q50, 1) AS k;

CREATE TABLE rival_forecast (                      -- what each contestant says of a series at one issue; kept until it is scored
    series_id     integer NOT NULL,
    issued_at     timestamptz NOT NULL,
    model         text NOT NULL,
    model_version text NOT NULL,
    first_target  timestamptz NOT NULL,
    step_s        integer NOT NULL,
    q50           real[] NOT NULL,
    PRIMARY KEY (series_id, issued_at, model)
);
CREATE INDEX rival_forecast_by_issue ON rival_forecast (issued_at);

-- Errors of stored forecasts, added up by the UTC day of their targets. A reference is the same slot of the day before.
CREATE TABLE forecast_score (
    series_id       integer NOT NULL,
    day             date NOT NULL,
    lead_h          smallint NOT NULL,
    model           text NOT NULL,
    is_rival        boolean NOT NULL,              -- of rival_forecast, not of forecast
    n               integer NOT NULL,
    error           double precision NOT NULL,     -- sum of |measured - q50| over the n targets
    n_compared      integer NOT NULL,              -- targets of which the reference is known as well
    error_compared  double precision NOT NULL,
    error_reference double precision NOT NULL,
    n_80            integer NOT NULL,              -- targets with such an interval, and how many lay inside
    inside_80       integer NOT NULL,
    n_90            integer NOT NULL,
    inside_90       integer NOT NULL,
    PRIMARY KEY (series_id, day, lead_h, model, is_rival)
);
CREATE INDEX forecast_score_by_day ON forecast_score (day);

CREATE TABLE score_mark (                          -- targets before it have been scored, each once
    step_s       integer PRIMARY KEY,
    scored_until timestamptz NOT NULL
);

CREATE TABLE champion (                            -- who speaks for a series, since when, why, and how the others did
    series_id  integer PRIMARY KEY,
    model      text NOT NULL,
    since      timestamptz NOT NULL,
    reason     text NOT NULL,
    decided_at timestamptz NOT NULL,
    contest    jsonb NOT NULL                      -- model → mean error over that of the reference
);

CREATE TABLE kept_state (                          -- what a process remembers beyond its end: calibration, detectors
    name     text PRIMARY KEY,
    saved_at timestamptz NOT NULL,
    content  bytea NOT NULL
);

CREATE TABLE anomaly (
    anomaly_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series_id   integer NOT NULL,
    lane        text NOT NULL,
    cause       text NOT NULL,
    since       timestamptz NOT NULL,
    detected_at timestamptz NOT NULL,
    ended_at    timestamptz,                       -- NULL: not known to have ended
    value       double precision NOT NULL,
    low         double precision NOT NULL,         -- what was expected
    high        double precision NOT NULL,
    score       real NOT NULL,
    extras      jsonb NOT NULL DEFAULT '{}',
    UNIQUE (series_id, cause, detected_at)
);
CREATE INDEX anomaly_by_time ON anomaly (detected_at);
