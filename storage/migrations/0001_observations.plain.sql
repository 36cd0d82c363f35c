-- Plain PostgreSQL: daily partitions are made by storage.partitions when rows need them; rollups are kept by storage.rollups.

-- A rollup reads one hour of all series: the primary key begins with the series and is no help.
CREATE INDEX observation_by_time ON observation USING brin (phenomenon_time);

CREATE TABLE district_hour_kept (
    district_code text NOT NULL,
    property      text NOT NULL,
    hour          timestamptz NOT NULL,
    n             bigint NOT NULL,
    total         double precision NOT NULL,
    low           double precision NOT NULL,
    high          double precision NOT NULL,
    PRIMARY KEY (district_code, property, hour)
);

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
