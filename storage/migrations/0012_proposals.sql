-- Who should go: what the planner recommends, which roads are closed and how fast the others are, where units were told to stand by.

CREATE TABLE recommendation (                      -- the plan for all open incidents, stored when it changes
    recommendation_id text PRIMARY KEY,
    exercise_id       text,
    issued_at         timestamptz NOT NULL,
    basis             text NOT NULL,               -- roads, or distance where there is no road graph
    cost              double precision NOT NULL,   -- weighted seconds
    content           jsonb NOT NULL               -- incidents, moves, inputs (dispatch/proposals.py)
);
CREATE INDEX recommendation_by_issue ON recommendation (issued_at);

-- What was said when the order was given, so that it can be held against what became of it.
ALTER TABLE dispatch_order ADD COLUMN eta_s real, ADD COLUMN eta_low_s real, ADD COLUMN eta_high_s real,
    ADD COLUMN eta_basis text,                     -- roads, distance
    ADD COLUMN coverage_district text;             -- the district that loses most of its cover; how much is coverage_lost
CREATE INDEX dispatch_order_by_unit ON dispatch_order (unit_id, issued_at);
CREATE INDEX dispatch_order_by_recommendation ON dispatch_order (recommendation_id) WHERE recommendation_id IS NOT NULL;

CREATE TABLE road_closure (
    closure_id     text PRIMARY KEY,
    exercise_id    text,
    source         text NOT NULL,                  -- drawn by a person; a sensor; an incident
    object_id      text,                           -- the underpass or the incident
    geometry       jsonb NOT NULL,                 -- GeoJSON, WGS-84
    reason         text NOT NULL,
    depth_m        double precision,               -- of the water that closed it
    actor          text NOT NULL,
    valid_from     timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    valid_until    timestamptz,                    -- planned; NULL: until it is opened
    opened_at      timestamptz,
    open_recorded  timestamptz,
    opened_by      text,
    open_reason    text,
    cause_ended_at timestamptz                     -- a road that a person opened all the same is not closed again by the same water
);
CREATE UNIQUE INDEX one_closure_per_cause ON road_closure (source, object_id, exercise_id) NULLS NOT DISTINCT
    WHERE cause_ended_at IS NULL AND source <> 'drawn';
CREATE INDEX road_closure_by_end ON road_closure (opened_at);

CREATE TABLE road_speed (                          -- measured ÷ free speed by row of the roads layer and by class, minute by minute
    measured_at timestamptz PRIMARY KEY,
    n_loops     integer NOT NULL,
    content     jsonb NOT NULL
);

CREATE TABLE stand_by (                            -- free units told to wait somewhere else
    command_id        text PRIMARY KEY,
    exercise_id       text,
    unit_id           text NOT NULL REFERENCES unit,
    place_id          text NOT NULL,
    lon               double precision NOT NULL,
    lat               double precision NOT NULL,
    actor             text NOT NULL,
    issued_at         timestamptz NOT NULL,
    recommendation_id text
);
CREATE INDEX stand_by_by_unit ON stand_by (unit_id, issued_at);
