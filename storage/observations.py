"""Observations: one idempotent batch in, series and newest values out.

A batch goes by binary COPY into a temporary table, then into `observation` where a second value for the same time is a
duplicate and changes nothing; `latest` follows the measured time, never the time of arrival.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from domain.moments import Moment
from domain.observations import FUTURE_TOLERANCE, LATE_FLOOR_S, USABLE_QUALITY_CODES, Quality, Reading
from storage.connection import Connection
from storage.devices import Registry
from storage.ledger import LedgerCounts, LedgerKey, hour_of

_CORRECTIONS_LOCK = 7_205_005
_Row = tuple[int, datetime, datetime, float, int, int | None]


def prepare(conn: Connection) -> None:
    """Makes this session's temporary tables. Call once per connection."""
    conn.execute(_TEMPORARY_TABLES)


def write_readings(conn: Connection, registry: Registry, readings: Sequence[Reading], ledger: LedgerCounts) -> None:
    """Stores readings inside the caller's transaction and counts them in `ledger`.

    Every reading's datastream must be in `registry`. Partitions of the days concerned must exist (`partitions.ensure`).
    Raises OverflowError for a sequence number that does not fit 8 bytes.
    """
    if not readings:
        return
    ids = np.array([_number(registry, reading) for reading in readings], dtype=np.int64)
    measured_us = _since_2000_us([reading.phenomenon_time for reading in readings])
    received_us = _since_2000_us([reading.received_time for reading in readings])
    corrections = [k for k, reading in enumerate(readings) if reading.is_correction]
    with conn.cursor() as cur:
        if corrections:
            # Locking the row itself is what one would do; TimescaleDB cannot lock rows of the columnstore.
            cur.execute("SELECT pg_advisory_xact_lock(%s)", (_CORRECTIONS_LOCK,))
        plain = np.ones(len(readings), dtype=bool)
        plain[corrections] = False
        with cur.copy(_COPY_INCOMING) as copy:
            copy.write(_binary_rows(readings, ids, measured_us, received_us, plain))
        cur.execute(_STORE_INCOMING)
        for step, k in enumerate(corrections, start=1):
            r = readings[k]
            row = (int(ids[k]), r.phenomenon_time, r.received_time, r.value, r.quality.code, r.seq)
            _correct(conn, row, step)
        cur.execute(_UPDATE_LATEST)
        cur.execute(_MARK_HOURS)
        kept = {(row[0], row[1]): row[2:] for row in cur.execute(_COUNT_STORED, (LATE_FLOOR_S,)).fetchall()}
        minutes = {row[0]: row[1:] for row in cur.execute(_COUNT_MINUTES, (LATE_FLOOR_S,)).fetchall()}
    for key, n in _by_device_and_hour(readings, ids, measured_us).items():
        ledger.count_readings(key, n, *kept.get(key, (0, 0, 0)))
    for minute, n in _by_minute(received_us).items():
        ledger.count_minute(minute, n, *minutes.get(minute, (0, 0, 0)))


def copy_plainly(conn: Connection, rows: int, now: datetime) -> None:
    """Copies so many rows into a table like `observation` without keys and undoes it: what no way of storing can exceed. For
    benchmarks. Call `prepare` first."""
    reading = Reading("", "", now, now, 1.0)
    ids, times = np.arange(rows), np.full(rows, 0)
    with conn.transaction(force_rollback=True), conn.cursor() as cur:
        cur.execute("CREATE TABLE plainly (LIKE incoming)")
        with cur.copy(_COPY_INCOMING.replace("incoming", "plainly", 1)) as copy:
            copy.write(_binary_rows([reading] * rows, ids, times, times, np.ones(rows, dtype=bool)))


_EPOCH_US = 946_684_800_000_000
"""PostgreSQL counts microseconds since 2000-01-01 UTC."""
_HOUR_US, _MINUTE_US = 3_600_000_000, 60_000_000
Numbers = npt.NDArray[np.int64]


def _number(registry: Registry, reading: Reading) -> int:
    stream = registry.streams.get((reading.device_id, reading.property, reading.item))
    if stream is None:
        raise LookupError(f"{reading.device_id} {reading.property}: expected its datastream to be registered first")
    return stream.datastream_id


def _since_2000_us(times: Sequence[datetime]) -> Numbers:
    """Microseconds since 2000. A double holds today's seconds to a quarter of a microsecond."""
    seconds = np.fromiter((time.timestamp() for time in times), dtype=np.float64, count=len(times))
    return np.rint(seconds * 1e6).astype(np.int64) - _EPOCH_US


def _binary_rows(
    readings: Sequence[Reading], ids: Numbers, measured_us: Numbers, received_us: Numbers, chosen: npt.NDArray[np.bool_]
) -> bytes:
    """Rows of `incoming` in PostgreSQL's binary COPY format (big-endian, each field after its length; manual, "COPY", Binary
    Format): made as one array, which takes a twentieth of the time of writing row by row."""
    has_seq = np.fromiter((reading.seq is not None for reading in readings), dtype=bool, count=len(readings))
    parts = [b"PGCOPY\n\xff\r\n\0" + bytes(8)]
    for with_seq in (True, False):
        where = np.flatnonzero(chosen & (has_seq == with_seq))
        rows = np.zeros(len(where), dtype=_ROW_WITH_SEQ if with_seq else _ROW)
        rows["fields"] = 6
        for name, length, values in (
            ("id", 4, ids[where]), ("measured", 8, measured_us[where]), ("received", 8, received_us[where]),
            ("value", 8, [readings[k].value for k in where.tolist()]),
            ("quality", 2, [readings[k].quality.code for k in where.tolist()]),
        ):  # fmt: skip
            rows[f"{name}_length"], rows[name] = length, values
        if with_seq:
            rows["seq_length"] = 8
            rows["seq"] = [readings[k].seq for k in where.tolist()]
        else:
            rows["seq_length"] = -1
        parts.append(rows.tobytes())
    return b"".join([*parts, b"\xff\xff"])


_ROW = np.dtype(
    [("fields", ">i2"), ("id_length", ">i4"), ("id", ">i4"), ("measured_length", ">i4"), ("measured", ">i8"),
     ("received_length", ">i4"), ("received", ">i8"), ("value_length", ">i4"), ("value", ">f8"),
     ("quality_length", ">i4"), ("quality", ">i2"), ("seq_length", ">i4")]
)  # fmt: skip
_ROW_WITH_SEQ = np.dtype([*_ROW.descr, ("seq", ">i8")])


def _by_device_and_hour(readings: Sequence[Reading], ids: Numbers, measured_us: Numbers) -> Counter[LedgerKey]:
    """How many readings came of each device for each hour."""
    keys = ids << 32 | (measured_us // _HOUR_US)
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    counted: Counter[LedgerKey] = Counter()
    for k, n in zip(first.tolist(), counts.tolist(), strict=True):
        counted[(readings[k].device_id, hour_of(readings[k].phenomenon_time))] += n
    return counted


def _by_minute(received_us: Numbers) -> dict[datetime, int]:
    minutes, counts = np.unique(received_us // _MINUTE_US, return_counts=True)
    starts = (minutes * _MINUTE_US + _EPOCH_US) // 1_000_000
    return {datetime.fromtimestamp(s, UTC): n for s, n in zip(starts.tolist(), counts.tolist(), strict=True)}


def _correct(conn: Connection, row: _Row, step: int) -> None:
    """Puts a correction in place of the stored value and keeps the old one with the span in which it was believed.

    The spans of a value's versions never overlap: at every moment one of them is believed.
    """
    datastream_id, phenomenon_time, received_time, value, quality, seq = row
    found = conn.execute(
        "SELECT received_time, value, quality FROM observation WHERE datastream_id = %s AND phenomenon_time = %s",
        (datastream_id, phenomenon_time),
    ).fetchone()
    if found is None:
        conn.execute(
            "INSERT INTO observation (datastream_id, phenomenon_time, received_time, value, quality, seq) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            row,
        )
    elif (found[1], found[2]) == (value, quality):
        return
    else:
        # One message may correct a value twice, and two ingesters may write in another order than they received.
        received_time = max(received_time, found[0] + timedelta(microseconds=1))
        conn.execute(
            "INSERT INTO observation_superseded (datastream_id, phenomenon_time, received_time, superseded_at, value, quality) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            (datastream_id, phenomenon_time, found[0], received_time, found[1], found[2]),
        )
        conn.execute(
            "UPDATE observation SET received_time = %s, value = %s, quality = %s, seq = coalesce(%s, seq) "
            "WHERE datastream_id = %s AND phenomenon_time = %s",
            (received_time, value, quality, seq, datastream_id, phenomenon_time),
        )
    conn.execute(
        "INSERT INTO stored (datastream_id, phenomenon_time, received_time, value, quality, is_correction, step) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (datastream_id, phenomenon_time, received_time, value, quality, found is not None, step),
    )


@dataclass(frozen=True, slots=True)
class Series:
    """Regular series of several datastreams: `values[i, k]` is the mean of datastream i in the slot that starts at
    `start + k × step_s`; NaN where nothing usable was measured. `watermark` is the newest measured time used."""

    datastream_ids: tuple[int, ...]
    start: datetime
    step_s: int
    values: npt.NDArray[np.float64]
    watermark: datetime | None


def load_series(
    conn: Connection, datastream_ids: Sequence[int], *, start: datetime, end: datetime, step_s: int, moment: Moment
) -> Series:
    """Slot means of usable values measured in [start, end), as known at the moment. `start` must lie on a step boundary."""
    n_slots = int((end - start).total_seconds() // step_s)
    values = np.full((len(datastream_ids), n_slots), np.nan)
    row_of = {number: row for row, number in enumerate(datastream_ids)}
    watermark: datetime | None = None
    parameters = {
        "ids": list(datastream_ids), "start": start, "end": min(end, moment.at), "known_at": moment.known_at,
        "step": timedelta(seconds=step_s), "usable": list(USABLE_QUALITY_CODES),
    }  # fmt: skip
    for number, slot, mean, newest in conn.execute(_SERIES_LIVE if moment.is_live else _SERIES_AS_KNOWN, parameters):
        k = int((slot - start).total_seconds() // step_s)
        if 0 <= k < n_slots:
            values[row_of[number], k] = mean
            watermark = newest if watermark is None or newest > watermark else watermark
    return Series(tuple(datastream_ids), start, step_s, values, watermark)


@dataclass(frozen=True, slots=True)
class Value:
    """The newest value of a datastream at some moment."""

    datastream_id: int
    phenomenon_time: datetime
    received_time: datetime
    value: float
    quality: Quality


def list_values(conn: Connection, moment: Moment) -> list[Value]:
    """The latest measured value of every datastream at the moment; datastreams that never spoke are absent."""
    query = _LATEST_LIVE if moment.is_live else _LATEST_AS_KNOWN
    parameters = {"at": moment.at, "horizon": moment.at + FUTURE_TOLERANCE, "known_at": moment.known_at}
    return [Value(row[0], row[1], row[2], row[3], Quality.from_code(row[4])) for row in conn.execute(query, parameters)]


_TEMPORARY_TABLES = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming (
    datastream_id integer, phenomenon_time timestamptz, received_time timestamptz,
    value double precision, quality smallint, seq bigint
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS stored (
    datastream_id integer, phenomenon_time timestamptz, received_time timestamptz,
    value double precision, quality smallint, is_correction boolean DEFAULT false, step integer DEFAULT 0
) ON COMMIT DELETE ROWS;
"""

_COPY_INCOMING = "COPY incoming (datastream_id, phenomenon_time, received_time, value, quality, seq) FROM STDIN (FORMAT BINARY)"

# The order by series and time keeps index pages warm and makes concurrent writers take `latest` in one order (no deadlock).
_STORE_INCOMING = """
WITH inserted AS (
    INSERT INTO observation (datastream_id, phenomenon_time, received_time, value, quality, seq)
    SELECT datastream_id, phenomenon_time, received_time, value, quality, seq FROM incoming
    ORDER BY datastream_id, phenomenon_time, received_time
    ON CONFLICT DO NOTHING
    RETURNING datastream_id, phenomenon_time, received_time, value, quality
)
INSERT INTO stored (datastream_id, phenomenon_time, received_time, value, quality) SELECT * FROM inserted
"""

_UPDATE_LATEST = """
INSERT INTO latest (datastream_id, phenomenon_time, received_time, value, quality)
SELECT DISTINCT ON (datastream_id) datastream_id, phenomenon_time, received_time, value, quality
FROM stored ORDER BY datastream_id, phenomenon_time DESC, step DESC
ON CONFLICT (datastream_id) DO UPDATE SET
    phenomenon_time = excluded.phenomenon_time, received_time = excluded.received_time,
    value = excluded.value, quality = excluded.quality
WHERE latest.phenomenon_time <= excluded.phenomenon_time
"""

_MARK_HOURS = "INSERT INTO rollup_mark (hour) SELECT DISTINCT date_trunc('hour', phenomenon_time) FROM stored"

_COUNT_STORED = """
SELECT device_id, hour, sum(n)::bigint, sum(late)::bigint, sum(corrected)::bigint
FROM (
    SELECT datastream_id, date_trunc('hour', phenomenon_time) AS hour, count(*) FILTER (WHERE NOT is_correction) AS n,
           count(*) FILTER (WHERE NOT is_correction
                            AND received_time - phenomenon_time > greatest(%s, interval_s) * interval '1 second') AS late,
           count(*) FILTER (WHERE is_correction) AS corrected
    FROM stored JOIN datastream USING (datastream_id) JOIN device USING (device_id)
    GROUP BY 1, 2
) counted JOIN datastream USING (datastream_id)
GROUP BY 1, 2
"""

_COUNT_MINUTES = """
SELECT date_trunc('minute', received_time), count(*) FILTER (WHERE NOT is_correction),
       count(*) FILTER (WHERE NOT is_correction
                        AND received_time - phenomenon_time > greatest(%s, interval_s) * interval '1 second'),
       count(*) FILTER (WHERE is_correction)
FROM stored JOIN datastream USING (datastream_id) JOIN device USING (device_id)
GROUP BY 1
"""

_SERIES_LIVE = """
SELECT datastream_id, date_bin(%(step)s, phenomenon_time, %(start)s) AS slot, avg(value), max(phenomenon_time)
FROM observation
WHERE datastream_id = ANY(%(ids)s) AND phenomenon_time >= %(start)s AND phenomenon_time < %(end)s
  AND quality = ANY(%(usable)s)
GROUP BY 1, 2
"""

_SERIES_AS_KNOWN = """
SELECT datastream_id, date_bin(%(step)s, phenomenon_time, %(start)s) AS slot, avg(value), max(phenomenon_time)
FROM (
    SELECT datastream_id, phenomenon_time, value, quality FROM observation
    WHERE datastream_id = ANY(%(ids)s) AND phenomenon_time >= %(start)s AND phenomenon_time < %(end)s
      AND received_time <= %(known_at)s
    UNION ALL
    SELECT datastream_id, phenomenon_time, value, quality FROM observation_superseded
    WHERE datastream_id = ANY(%(ids)s) AND phenomenon_time >= %(start)s AND phenomenon_time < %(end)s
      AND received_time <= %(known_at)s AND superseded_at > %(known_at)s
) known
WHERE quality = ANY(%(usable)s)
GROUP BY 1, 2
"""

_LATEST_LIVE = "SELECT datastream_id, phenomenon_time, received_time, value, quality FROM latest"

# A week back is enough to tell silent from stale; what is older than that shows as never seen. What has reached us was
# measured, even where the device's clock runs ahead of ours.
_LATEST_AS_KNOWN = """
SELECT datastream.datastream_id, newest.*
FROM datastream
CROSS JOIN LATERAL (
    SELECT phenomenon_time, received_time, value, quality FROM (
        (SELECT phenomenon_time, received_time, value, quality FROM observation
         WHERE observation.datastream_id = datastream.datastream_id AND received_time <= %(known_at)s
           AND least(phenomenon_time, received_time) <= %(at)s
           AND phenomenon_time <= %(horizon)s AND phenomenon_time > %(at)s - interval '7 days'
         ORDER BY phenomenon_time DESC LIMIT 1)
        UNION ALL
        (SELECT phenomenon_time, received_time, value, quality FROM observation_superseded
         WHERE observation_superseded.datastream_id = datastream.datastream_id AND received_time <= %(known_at)s
           AND superseded_at > %(known_at)s
           AND least(phenomenon_time, received_time) <= %(at)s
           AND phenomenon_time <= %(horizon)s AND phenomenon_time > %(at)s - interval '7 days'
         ORDER BY phenomenon_time DESC LIMIT 1)
    ) candidates
    ORDER BY phenomenon_time DESC LIMIT 1
) newest
"""
