-- What is done about it: units, incidents, requests, orders. Histories carry two times: valid_from (what was true) and
-- recorded_at (when we knew). exercise_id is NULL for what really happens, so that a drill never mixes with it.

CREATE TABLE unit (
    unit_id       text PRIMARY KEY,
    device_id     text NOT NULL UNIQUE REFERENCES device,
    kind          text NOT NULL,
    name_zh       text NOT NULL,
    name_en       text NOT NULL,
    capabilities  text[] NOT NULL DEFAULT '{}',
    department    text,
    home_lon      double precision,
    home_lat      double precision
);

CREATE TABLE unit_status (                         -- the history; the newest valid row is the status
    unit_id      text NOT NULL REFERENCES unit,
    exercise_id  text,
    valid_from   timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL,
    status       text NOT NULL,
    order_id     text,
    source       text NOT NULL,                   -- 'unit' said it, or an 'order' made it so
    UNIQUE NULLS NOT DISTINCT (unit_id, exercise_id, valid_from, recorded_at, status)
);
CREATE INDEX unit_status_newest ON unit_status (unit_id, valid_from DESC, recorded_at DESC);

CREATE TABLE unit_position (
    unit_id         text NOT NULL,
    phenomenon_time timestamptz NOT NULL,
    received_time   timestamptz NOT NULL,
    lon             double precision NOT NULL,
    lat             double precision NOT NULL,
    speed_kmh       real,
    heading_deg     real,
    PRIMARY KEY (unit_id, phenomenon_time)
) /*partition phenomenon_time*/;

CREATE TABLE unit_latest (
    unit_id         text PRIMARY KEY,
    phenomenon_time timestamptz NOT NULL,
    received_time   timestamptz NOT NULL,
    lon             double precision NOT NULL,
    lat             double precision NOT NULL,
    speed_kmh       real,
    heading_deg     real
);

CREATE TABLE incident (
    incident_id   text PRIMARY KEY,
    exercise_id   text,
    device_id     text,
    hazard_class  text NOT NULL,
    lon           double precision NOT NULL,
    lat           double precision NOT NULL,
    crs_origin    text NOT NULL DEFAULT 'EPSG:4326',
    channel       text NOT NULL,
    reported_at   timestamptz NOT NULL,
    received_time timestamptz NOT NULL,
    closed_at     timestamptz                     -- when its end was recorded; NULL while it is open
);
CREATE INDEX incident_by_time ON incident (reported_at);
CREATE INDEX incident_by_end ON incident (closed_at);

CREATE TABLE incident_history (
    incident_id    text NOT NULL REFERENCES incident,
    valid_from     timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    state          text NOT NULL,
    grade          text NOT NULL,
    response_level text NOT NULL,
    actor          text,
    PRIMARY KEY (incident_id, valid_from, recorded_at, state)
);

CREATE TABLE incident_text (                       -- free text stands apart, so that it can be masked by right
    incident_id text NOT NULL REFERENCES incident,
    recorded_at timestamptz NOT NULL,
    text        text NOT NULL,
    PRIMARY KEY (incident_id, recorded_at)
);

CREATE TABLE request (                             -- 12345, grid management, 311
    request_id      text NOT NULL,
    device_id       text NOT NULL,
    phenomenon_time timestamptz NOT NULL,
    received_time   timestamptz NOT NULL,
    source          text NOT NULL,
    request_class   text NOT NULL,
    lon             double precision,
    lat             double precision,
    crs_origin      text NOT NULL DEFAULT 'EPSG:4326',
    due             timestamptz,
    exercise_id     text,
    PRIMARY KEY (device_id, request_id)
);
CREATE INDEX request_by_time ON request (phenomenon_time);

CREATE TABLE detection (
    detection_id    text NOT NULL,
    device_id       text NOT NULL,
    phenomenon_time timestamptz NOT NULL,
    received_time   timestamptz NOT NULL,
    detection_class text NOT NULL,
    confidence      real NOT NULL,
    snapshot_url    text,
    exercise_id     text,
    PRIMARY KEY (device_id, detection_id)
);

CREATE TABLE dispatch_order (
    order_id        text PRIMARY KEY,
    exercise_id     text,
    incident_id     text NOT NULL REFERENCES incident,
    unit_id         text NOT NULL REFERENCES unit,
    actor           text NOT NULL,
    issued_at       timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    is_open         boolean NOT NULL DEFAULT true,
    closed_at       timestamptz,
    recommendation_id text,
    rank_chosen     integer,
    override_reason text,
    coverage_lost   double precision
);
-- The database itself promises that a unit has one open order.
CREATE UNIQUE INDEX one_open_order_per_unit ON dispatch_order (unit_id, exercise_id) NULLS NOT DISTINCT WHERE is_open;
CREATE INDEX dispatch_order_by_end ON dispatch_order (closed_at);
CREATE INDEX dispatch_order_by_incident ON dispatch_order (incident_id);

CREATE TABLE order_history (
    order_id    text NOT NULL REFERENCES dispatch_order,
    valid_from  timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    state       text NOT NULL,
    detail      text,
    PRIMARY KEY (order_id, valid_from, recorded_at, state)
);

CREATE TABLE command_ack (                         -- what devices answered to our commands, as they said it
    device_id       text NOT NULL,
    command_id      text NOT NULL,
    phenomenon_time timestamptz NOT NULL,
    received_time   timestamptz NOT NULL,
    result          text NOT NULL,
    PRIMARY KEY (device_id, command_id, phenomenon_time)
);
CREATE INDEX command_ack_by_command ON command_ack (command_id);

CREATE TABLE outbox (                              -- commands to devices, written in the transaction that decides them
    outbox_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exercise_id text,
    topic       text NOT NULL,
    payload     jsonb NOT NULL,
    created_at  timestamptz NOT NULL,
    sent_at     timestamptz
);
CREATE INDEX outbox_unsent ON outbox (outbox_id) WHERE sent_at IS NULL;
CREATE INDEX outbox_by_time ON outbox (created_at);
