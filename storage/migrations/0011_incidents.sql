-- Incidents by people: what they rest on, who commands, where they reach, which are one; and the resources of all departments.
-- Histories carry two times as elsewhere; exercise_id is NULL for what really happens.

CREATE SEQUENCE incident_number;                   -- of what a person took down: ids that can be said over the radio
CREATE SEQUENCE request_number;

CREATE TABLE incident_command (                    -- who commands; the newest valid row
    incident_id text NOT NULL REFERENCES incident,
    valid_from  timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    commander   text NOT NULL,
    PRIMARY KEY (incident_id, valid_from, recorded_at)
);

CREATE TABLE incident_area (                       -- where it is, as drawn
    incident_id text NOT NULL REFERENCES incident,
    valid_from  timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    shape       jsonb,                             -- GeoJSON geometry in WGS-84; NULL: taken back
    reach_m     double precision,                  -- round a point, along a line
    crs_origin  text NOT NULL DEFAULT 'EPSG:4326',
    actor       text NOT NULL,
    PRIMARY KEY (incident_id, valid_from, recorded_at)
);

CREATE TABLE incident_merge (                      -- which incident another turned out to be
    incident_id text NOT NULL REFERENCES incident,
    valid_from  timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    root_id     text REFERENCES incident,          -- NULL: it stands by itself again
    actor       text NOT NULL,
    PRIMARY KEY (incident_id, valid_from, recorded_at)
);
CREATE INDEX incident_merge_by_root ON incident_merge (root_id);

CREATE TABLE incident_source (                     -- the evidence, found from either side
    incident_id text NOT NULL REFERENCES incident,
    kind        text NOT NULL,
    source_id   text NOT NULL,
    device_id   text NOT NULL DEFAULT '',          -- ids of requests and detections are given by devices
    linked_at   timestamptz NOT NULL,
    actor       text NOT NULL,
    PRIMARY KEY (kind, source_id, device_id, incident_id)
);
CREATE INDEX incident_source_by_incident ON incident_source (incident_id);
CREATE INDEX request_by_id ON request (request_id);
CREATE INDEX detection_by_id ON detection (detection_id);

-- An order that goes on for another incident keeps the name of the one it was issued for.
ALTER TABLE dispatch_order ADD COLUMN issued_for text;

CREATE TABLE resource (                            -- teams, equipment, supply lots, shelters, hospitals; units have a table of theirs
    resource_id   text PRIMARY KEY,
    kind          text NOT NULL,
    type          text NOT NULL,                   -- which article, within its kind
    name_zh       text NOT NULL,
    name_en       text NOT NULL,
    unit_zh       text NOT NULL DEFAULT '',
    unit_en       text NOT NULL DEFAULT '',
    department    text,
    district_code text,
    site_id       text,                            -- the place of the city's layers where it is kept, or that it is
    site_zh       text NOT NULL DEFAULT '',
    site_en       text NOT NULL DEFAULT '',
    lon           double precision NOT NULL,
    lat           double precision NOT NULL,
    crs_origin    text NOT NULL DEFAULT 'EPSG:4326',
    added_at      timestamptz NOT NULL
);
CREATE INDEX resource_by_type ON resource (kind, type);

CREATE TABLE resource_history (                    -- how much there is, how much of it is taken; the newest valid row
    resource_id text NOT NULL REFERENCES resource,
    exercise_id text,
    valid_from  timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    status      text NOT NULL,
    capacity    bigint NOT NULL,                   -- in the resource's unit: stock of a lot, places, beds
    occupied    bigint,                            -- NULL: not known
    expires_on  date,
    actor       text,                              -- NULL: from the city's layers
    UNIQUE NULLS NOT DISTINCT (resource_id, exercise_id, valid_from, recorded_at)
);
CREATE INDEX resource_history_newest ON resource_history (resource_id, valid_from DESC, recorded_at DESC);

CREATE TABLE resource_request (                    -- what was asked for, from whom
    request_id  text PRIMARY KEY,
    exercise_id text,
    incident_id text NOT NULL REFERENCES incident,
    type        text NOT NULL,
    amount      bigint NOT NULL,
    department  text,
    created_at  timestamptz NOT NULL
);
CREATE INDEX resource_request_by_incident ON resource_request (incident_id);
CREATE INDEX resource_request_by_time ON resource_request (created_at);

CREATE TABLE resource_request_history (
    request_id   text NOT NULL REFERENCES resource_request,
    valid_from   timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL,
    state        text NOT NULL,
    needed_until timestamptz,
    actor        text NOT NULL,
    words        text NOT NULL DEFAULT '',
    PRIMARY KEY (request_id, valid_from, recorded_at, state)
);

CREATE TABLE resource_reservation (                -- so much of a resource is held for an incident until it is released
    reservation_id text PRIMARY KEY,
    exercise_id    text,
    resource_id    text NOT NULL REFERENCES resource,
    incident_id    text NOT NULL REFERENCES incident,
    request_id     text REFERENCES resource_request,
    amount         bigint NOT NULL,
    reserved_at    timestamptz NOT NULL,
    actor          text NOT NULL,
    released_at    timestamptz,
    used           bigint NOT NULL DEFAULT 0       -- used up: it left the stock
);
CREATE INDEX resource_reservation_by_resource ON resource_reservation (resource_id, reserved_at);
CREATE INDEX resource_reservation_by_incident ON resource_reservation (incident_id);
