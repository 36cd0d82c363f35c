-- What was owed, what is doubted and why, and which numbers are missing.

-- Why a reading is not to be relied on (domain/quality.py): 16 x code of the quality the device gave + code of the cause; NULL: it
-- is. A column without a value costs no room.
ALTER TABLE observation ADD COLUMN doubt smallint;
ALTER TABLE observation_superseded ADD COLUMN doubt smallint, ADD COLUMN seq bigint;
CREATE INDEX observation_superseded_by_time ON observation_superseded (phenomenon_time);

-- The UCUM code in which the device announced its values, where they are converted.
ALTER TABLE datastream ADD COLUMN sent_unit text;

ALTER TABLE device ADD COLUMN retired_at timestamptz;  -- from then on it owes nothing

-- Part of `duplicate`: a second value for a moment, other than the first and not said to be a correction.
ALTER TABLE ingest_ledger ADD COLUMN contradicted bigint NOT NULL DEFAULT 0;

-- Part of `stored`: rows of `observation`. NULL for hours in which there was no such account yet.
ALTER TABLE ingest_ledger ADD COLUMN readings bigint;

-- What devices promised, and since when: a row for each change. What was owed in an hour follows from what held then.
CREATE TABLE device_announcement (
    device_id       text NOT NULL REFERENCES device,
    phenomenon_time timestamptz NOT NULL,         -- since when
    received_time   timestamptz NOT NULL,
    interval_s      double precision NOT NULL,
    mode            text NOT NULL,
    n_streams       integer NOT NULL,             -- readings at a time; 0: it speaks in messages of other kinds
    lon             double precision,
    lat             double precision,
    PRIMARY KEY (device_id, phenomenon_time)
);
INSERT INTO device_announcement (device_id, phenomenon_time, received_time, interval_s, mode, n_streams, lon, lat)
SELECT device_id, least(first_seen, birth_time), first_seen, interval_s, mode,
       (SELECT count(*) FROM datastream WHERE datastream.device_id = device.device_id), lon, lat
FROM device WHERE birth_time IS NOT NULL;

-- Readings of a device in an hour, by what they are worth, with its delays and the numbers of its messages. Kept for hours that
-- have been rolled up; hours that are marked are read from the observations themselves, as for `district_hour`.
CREATE TABLE device_hour_kept (
    device_id   text NOT NULL,
    hour        timestamptz NOT NULL,
    readings    integer NOT NULL,
    good        integer NOT NULL,
    late        integer NOT NULL,                 -- usable, but came late
    causes      integer[] NOT NULL,               -- by code of the cause, from 1 on
    delays      integer NOT NULL,                 -- how many delays the next two sum up, in seconds
    delay_sum   double precision NOT NULL,
    delay_square_sum double precision NOT NULL,
    messages    integer NOT NULL,                 -- numbered ones; what follows is of them
    gaps        integer NOT NULL,                 -- numbers between the lowest and the highest that are missing
    restarts    integer NOT NULL,
    low_seq     bigint,                           -- of the first run in the hour
    high_seq    bigint,                           -- of the last
    has_twin    boolean NOT NULL,                 -- two runs of numbers at the same time
    PRIMARY KEY (device_id, hour)
);
CREATE INDEX device_hour_by_hour ON device_hour_kept (hour);

-- Runs of numbers: in the order of the numbers, a hole across which time goes back is where the numbering began anew, and any other
-- hole is a loss. NULL for `known_at`: what is known now.
CREATE FUNCTION count_device_hours(first timestamptz, until timestamptz, known_at timestamptz)
RETURNS TABLE (device_id text, hour timestamptz, readings integer, good integer, late integer, causes integer[], delays integer,
               delay_sum double precision, delay_square_sum double precision, messages integer, gaps integer, restarts integer,
               low_seq bigint, high_seq bigint, has_twin boolean)
LANGUAGE sql STABLE AS $$
WITH replaced AS MATERIALIZED (
    SELECT datastream_id, phenomenon_time, received_time, superseded_at, quality, doubt, seq
    FROM observation_superseded WHERE phenomenon_time >= first AND phenomenon_time < until
), arrived AS (  -- when the first version came, and under which number
    SELECT datastream_id, phenomenon_time, min(received_time) AS received_time, min(seq) AS seq FROM replaced GROUP BY 1, 2
), versions AS (
    SELECT o.datastream_id, o.phenomenon_time, o.quality, o.doubt, coalesce(arrived.seq, o.seq) AS seq,
           coalesce(arrived.received_time, o.received_time) AS received_time
    FROM observation o LEFT JOIN arrived USING (datastream_id, phenomenon_time)
    WHERE o.phenomenon_time >= first AND o.phenomenon_time < until AND (known_at IS NULL OR o.received_time <= known_at)
    UNION ALL
    SELECT r.datastream_id, r.phenomenon_time, r.quality, r.doubt, arrived.seq, arrived.received_time
    FROM replaced r JOIN arrived USING (datastream_id, phenomenon_time)
    WHERE r.received_time <= known_at AND r.superseded_at > known_at
), said AS (
    SELECT datastream.device_id, date_trunc('hour', phenomenon_time, 'UTC') AS hour, phenomenon_time, received_time, seq,
           CASE WHEN doubt IS NOT NULL THEN doubt & 15 WHEN quality IN (0, 3, 4) THEN 0 ELSE 3 END AS cause,
           extract(epoch FROM received_time - phenomenon_time)::double precision AS delay_s,
           greatest(device.interval_s, 30) AS allowed_s
    FROM versions JOIN datastream USING (datastream_id) JOIN device USING (device_id)
), counted AS (
    SELECT device_id, hour, count(*)::integer AS readings,
           count(*) FILTER (WHERE cause = 0 AND delay_s <= allowed_s)::integer AS good,
           count(*) FILTER (WHERE cause = 0 AND delay_s > allowed_s)::integer AS late,
           ARRAY[count(*) FILTER (WHERE cause = 1), count(*) FILTER (WHERE cause = 2), count(*) FILTER (WHERE cause = 3),
                 count(*) FILTER (WHERE cause = 4), count(*) FILTER (WHERE cause = 5),
                 count(*) FILTER (WHERE cause = 6)]::integer[] AS causes,
           sum(delay_s) AS delay_sum, sum(delay_s * delay_s) AS delay_square_sum
    FROM said GROUP BY 1, 2
), message AS (
    SELECT device_id, hour, seq, min(phenomenon_time) AS at, min(received_time) AS received_time
    FROM said WHERE seq IS NOT NULL GROUP BY 1, 2, 3
), step AS (
    SELECT device_id, hour, seq, at,
           seq::numeric - lag(seq) OVER numbers - 1 AS hole,
           at < lag(at) OVER numbers AND received_time < lag(received_time) OVER numbers AS goes_back
    FROM message WINDOW numbers AS (PARTITION BY device_id, hour ORDER BY seq)
), numbered AS (
    SELECT *, count(*) FILTER (WHERE hole > 0 AND goes_back)
              OVER (PARTITION BY device_id, hour ORDER BY seq) AS run
    FROM step
), run AS (
    SELECT device_id, hour, run, count(*) AS n, min(seq) AS low, max(seq) AS high, min(at) AS began, max(at) AS ended,
           coalesce(sum(hole) FILTER (WHERE hole > 0 AND NOT goes_back), 0) AS holes
    FROM numbered GROUP BY 1, 2, 3
), twin AS (  -- joined, not asked for each run: that would read all runs for every one of them
    SELECT DISTINCT device_id, hour
    FROM run JOIN run other USING (device_id, hour)
    WHERE other.run < run.run AND least(other.n, run.n) >= 3 AND other.began < run.ended AND run.began < other.ended
), sequence AS (
    SELECT device_id, hour, sum(n)::integer AS messages, least(sum(holes), 2000000000)::integer AS gaps,
           (count(*) - 1)::integer AS restarts, (array_agg(low ORDER BY began))[1] AS low_seq,
           (array_agg(high ORDER BY ended DESC))[1] AS high_seq
    FROM run GROUP BY 1, 2
)
SELECT device_id, hour, readings, good, late, causes, readings, delay_sum, delay_square_sum, coalesce(messages, 0),
       coalesce(gaps, 0), coalesce(restarts, 0), low_seq, high_seq, twin.device_id IS NOT NULL
FROM counted LEFT JOIN sequence USING (device_id, hour) LEFT JOIN twin USING (device_id, hour)
$$;

-- What was rolled up before there was this account is counted for two days back; older hours have none.
INSERT INTO rollup_mark (hour) SELECT DISTINCT hour FROM ingest_ledger WHERE stored > 0 AND hour > (SELECT max(hour) FROM ingest_ledger) - interval '2 days';
