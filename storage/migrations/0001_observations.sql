-- What devices say: who they are, what they measured, what was received of it.

CREATE TABLE device (
    device_id      text PRIMARY KEY,              -- district/domain/site/device, as in the topic
    district_code  text NOT NULL,
    domain_name    text NOT NULL,
    site           text NOT NULL,
    type_name      text NOT NULL DEFAULT 'Unknown', -- FIWARE type from the birth message
    name           text,
    lon            double precision,              -- WGS-84
    lat            double precision,
    crs_origin     text,                          -- the CRS the device announced
    interval_s     double precision NOT NULL DEFAULT 60,
    mode           text NOT NULL DEFAULT 'periodic',
    state          text NOT NULL DEFAULT 'unknown',
    state_time     timestamptz,
    birth_time     timestamptz,
    first_seen     timestamptz NOT NULL,
    attributes     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX device_by_type ON device (type_name);

CREATE TABLE device_state (                        -- history of online / offline
    device_id       text NOT NULL REFERENCES device,
    phenomenon_time timestamptz NOT NULL,
    received_time   timestamptz NOT NULL,
    state           text NOT NULL,
    PRIMARY KEY (device_id, phenomenon_time, received_time)
);

CREATE TABLE datastream (
    datastream_id  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id      text NOT NULL REFERENCES device,
    property       text NOT NULL,
    item           text NOT NULL DEFAULT '',      -- the service, for halls that report per service
    district_code  text NOT NULL,                 -- the device's, repeated for the rollups
    unit           text,                          -- UCUM
    low            double precision,              -- plausible range, inclusive
    high           double precision,
    UNIQUE (device_id, property, item)
);
CREATE INDEX datastream_by_property ON datastream (property);

-- No foreign key to datastream: the ingester resolves the number itself, and a check per row would halve its speed.
CREATE TABLE observation (
    datastream_id   integer NOT NULL,
    phenomenon_time timestamptz NOT NULL,
    received_time   timestamptz NOT NULL,
    value           double precision NOT NULL,
    quality         smallint NOT NULL,
    seq             bigint,
    PRIMARY KEY (datastream_id, phenomenon_time)
) /*partition phenomenon_time*/;

-- Values that a correction has replaced, with the span during which they were believed.
CREATE TABLE observation_superseded (
    datastream_id   integer NOT NULL,
    phenomenon_time timestamptz NOT NULL,
    received_time   timestamptz NOT NULL,
    superseded_at   timestamptz NOT NULL,
    value           double precision NOT NULL,
    quality         smallint NOT NULL,
    PRIMARY KEY (datastream_id, phenomenon_time, received_time)
);

CREATE TABLE latest (
    datastream_id   integer PRIMARY KEY,
    phenomenon_time timestamptz NOT NULL,
    received_time   timestamptz NOT NULL,
    value           double precision NOT NULL,
    quality         smallint NOT NULL
);

-- Counts of readings by the hour they belong to: received = stored + corrected + duplicate + rejected; late is part of stored.
CREATE TABLE ingest_ledger (
    device_id  text NOT NULL,                     -- '' when the topic named no device
    hour       timestamptz NOT NULL,
    received   bigint NOT NULL DEFAULT 0,
    stored     bigint NOT NULL DEFAULT 0,
    late       bigint NOT NULL DEFAULT 0,
    duplicate  bigint NOT NULL DEFAULT 0,
    corrected  bigint NOT NULL DEFAULT 0,
    rejected   bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (device_id, hour)
);
CREATE INDEX ingest_ledger_by_hour ON ingest_ledger (hour);

-- The same counts by the minute in which the messages came: what the ingester has done lately, however old the readings.
CREATE TABLE ingest_minute (
    minute     timestamptz PRIMARY KEY,
    received   bigint NOT NULL,
    stored     bigint NOT NULL,
    late       bigint NOT NULL,
    duplicate  bigint NOT NULL,
    corrected  bigint NOT NULL,
    rejected   bigint NOT NULL
);

CREATE TABLE dead_letter (
    dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_time  timestamptz NOT NULL,
    topic          text NOT NULL,
    device_id      text,
    code           text NOT NULL,
    reason         text NOT NULL,
    payload        bytea NOT NULL,
    replayed_at    timestamptz
);
CREATE INDEX dead_letter_by_time ON dead_letter (received_time);

CREATE TABLE raw_field (                           -- fields of messages that this version does not know
    device_id       text NOT NULL,
    message_id      text NOT NULL,
    phenomenon_time timestamptz NOT NULL,
    received_time   timestamptz NOT NULL,
    fields          jsonb NOT NULL,
    PRIMARY KEY (device_id, phenomenon_time, message_id)
) /*partition phenomenon_time*/;

CREATE TABLE hall_event (
    hall_id         text NOT NULL,
    device_id       text NOT NULL,
    event_id        text NOT NULL,
    phenomenon_time timestamptz NOT NULL,
    received_time   timestamptz NOT NULL,
    event           text NOT NULL,
    ticket          text,
    item            text,
    window_no       integer,
    clerk           text,                         -- pseudonym
    channel         text,
    grade           smallint,
    to_item         text,
    items           text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (hall_id, phenomenon_time, event_id)
) /*partition phenomenon_time*/;

-- Hours whose observations changed since they were last rolled up. Only ever appended to by the writers, so that two of them
-- never wait for one another; the refresher deletes the marks it saw.
CREATE TABLE rollup_mark (
    mark_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hour    timestamptz NOT NULL
);

CREATE TABLE process_heartbeat (
    process     text NOT NULL,
    instance    text NOT NULL,                    -- host:pid
    started_at  timestamptz NOT NULL,
    beat_at     timestamptz NOT NULL,
    metrics     jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (process, instance)
);

CREATE TABLE backfill (                            -- imports of files, and how far they have come
    name      text PRIMARY KEY,
    begun_at  timestamptz NOT NULL,
    rows_done bigint NOT NULL
);
