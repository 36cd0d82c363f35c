-- TimescaleDB: the same relation names, kept by the extension.

SELECT create_hypertable('observation', by_range('phenomenon_time', INTERVAL '1 day'));
SELECT create_hypertable('hall_event', by_range('phenomenon_time', INTERVAL '7 days'));
SELECT create_hypertable('raw_field', by_range('phenomenon_time', INTERVAL '7 days'));

ALTER TABLE observation SET (
    timescaledb.enable_columnstore,
    timescaledb.segmentby = 'datastream_id',
    timescaledb.orderby = 'phenomenon_time DESC'
);
CALL add_columnstore_policy('observation', after => INTERVAL '7 days');

-- Refreshed by storage.rollups for the marked hours alone: a policy that reached behind the retention would erase history.
CREATE MATERIALIZED VIEW district_hour_kept
WITH (timescaledb.continuous, timescaledb.materialized_only = true) AS
SELECT datastream.district_code, datastream.property, time_bucket(INTERVAL '1 hour', phenomenon_time) AS hour,
       count(*) AS n, sum(value) AS total, min(value) AS low, max(value) AS high
FROM observation JOIN datastream ON datastream.datastream_id = observation.datastream_id
WHERE quality IN (0, 3, 4)
GROUP BY 1, 2, 3
WITH NO DATA;

-- A marked hour is read from the observations themselves, so that an answer is never older than the data it stands for.
-- Qualities 0, 3, 4: good, simulated, back-filled.
CREATE VIEW district_hour AS
SELECT kept.district_code, kept.property, kept.hour, kept.n, kept.total, kept.low, kept.high
FROM district_hour_kept kept
WHERE NOT EXISTS (SELECT FROM rollup_mark WHERE rollup_mark.hour = kept.hour)
UNION ALL
SELECT live.district_code, live.property, marked.hour, live.n, live.total, live.low, live.high
FROM (SELECT DISTINCT hour FROM rollup_mark) marked
CROSS JOIN LATERAL (
    SELECT datastream.district_code, datastream.property,
           count(*) AS n, sum(value) AS total, min(value) AS low, max(value) AS high
    FROM observation JOIN datastream ON datastream.datastream_id = observation.datastream_id
    WHERE phenomenon_time >= marked.hour AND phenomenon_time < marked.hour + interval '1 hour' AND quality IN (0, 3, 4)
    GROUP BY 1, 2
) live;
