-- The account of device hours, counted in less than half the time: devices are numbered for the count, so that nothing is sorted by
-- their names, and only hours whose numbers have a hole or a repetition are looked at in the order of the numbers.

CREATE OR REPLACE FUNCTION count_device_hours(first timestamptz, until timestamptz, known_at timestamptz)
RETURNS TABLE (device_id text, hour timestamptz, readings integer, good integer, late integer, causes integer[], delays integer,
               delay_sum double precision, delay_square_sum double precision, messages integer, gaps integer, restarts integer,
               low_seq bigint, high_seq bigint, has_twin boolean)
LANGUAGE sql STABLE AS $$
WITH device_no AS MATERIALIZED (
    SELECT device_id, row_number() OVER ()::integer AS no, greatest(interval_s, 30) AS allowed_s FROM device
), stream AS MATERIALIZED (
    SELECT datastream_id, no, allowed_s FROM datastream JOIN device_no USING (device_id)
), replaced AS MATERIALIZED (
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
), said AS MATERIALIZED (
    SELECT no, date_bin('1 hour', phenomenon_time, '2000-01-01T00:00:00Z') AS hour, phenomenon_time, received_time, seq,
           CASE WHEN doubt IS NOT NULL THEN doubt & 15 WHEN quality IN (0, 3, 4) THEN 0 ELSE 3 END AS cause,
           extract(epoch FROM received_time - phenomenon_time)::double precision AS delay_s, allowed_s
    FROM versions JOIN stream USING (datastream_id)
), counted AS (
    SELECT no, hour, count(*)::integer AS readings,
           count(*) FILTER (WHERE cause = 0 AND delay_s <= allowed_s)::integer AS good,
           count(*) FILTER (WHERE cause = 0 AND delay_s > allowed_s)::integer AS late,
           ARRAY[count(*) FILTER (WHERE cause = 1), count(*) FILTER (WHERE cause = 2), count(*) FILTER (WHERE cause = 3),
                 count(*) FILTER (WHERE cause = 4), count(*) FILTER (WHERE cause = 5),
                 count(*) FILTER (WHERE cause = 6)]::integer[] AS causes,
           sum(delay_s) AS delay_sum, sum(delay_s * delay_s) AS delay_square_sum
    FROM said GROUP BY 1, 2
), message AS MATERIALIZED (
    SELECT no, hour, seq, min(phenomenon_time) AS at, min(received_time) AS received_time
    FROM said WHERE seq IS NOT NULL GROUP BY 1, 2, 3
), plain AS MATERIALIZED (  -- is_whole: every number between the lowest and the highest, each once
    SELECT no, hour, count(*) AS n, min(seq) AS low, max(seq) AS high, max(seq)::numeric - min(seq) + 1 = count(*) AS is_whole
    FROM message GROUP BY 1, 2
), step AS (
    SELECT no, hour, seq, at,
           seq::numeric - lag(seq) OVER numbers - 1 AS hole,
           at < lag(at) OVER numbers AND message.received_time < lag(message.received_time) OVER numbers AS goes_back
    FROM message JOIN plain USING (no, hour) WHERE NOT is_whole
    WINDOW numbers AS (PARTITION BY no, hour ORDER BY seq)
), numbered AS (
    SELECT *, count(*) FILTER (WHERE hole > 0 AND goes_back) OVER (PARTITION BY no, hour ORDER BY seq) AS run
    FROM step
), run AS MATERIALIZED (
    SELECT no, hour, run, count(*) AS n, min(seq) AS low, max(seq) AS high, min(at) AS began, max(at) AS ended,
           coalesce(sum(hole) FILTER (WHERE hole > 0 AND NOT goes_back), 0) AS holes
    FROM numbered GROUP BY 1, 2, 3
), twin AS (  -- joined, not asked for each run: that would read all runs for every one of them
    SELECT DISTINCT no, hour
    FROM run JOIN run other USING (no, hour)
    WHERE other.run < run.run AND least(other.n, run.n) >= 3 AND other.began < run.ended AND run.began < other.ended
), sequence AS (
    SELECT no, hour, sum(n)::integer AS messages, least(sum(holes), 2000000000)::integer AS gaps,
           (count(*) - 1)::integer AS restarts, (array_agg(low ORDER BY began))[1] AS low_seq,
           (array_agg(high ORDER BY ended DESC))[1] AS high_seq
    FROM run GROUP BY 1, 2
    UNION ALL
    SELECT no, hour, n::integer, 0, 0, low, high FROM plain WHERE is_whole
)
SELECT device_id, hour, readings, good, late, causes, readings, delay_sum, delay_square_sum, coalesce(messages, 0),
       coalesce(gaps, 0), coalesce(restarts, 0), low_seq, high_seq, twin.no IS NOT NULL
FROM counted JOIN device_no USING (no) LEFT JOIN sequence USING (no, hour) LEFT JOIN twin USING (no, hour)
$$;
