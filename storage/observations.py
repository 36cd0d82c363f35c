"""Observations: one idempotent batch in, series and newest values out.

A batch goes by binary COPY into a temporary table, then into `observation` where a second value for the same time is a
duplicate and changes nothing; `latest` follows the measured time, never the time of arrival.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

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
    """
    if not readings:
        return
    rows: list[_Row] = []
    corrections: list[_Row] = []
    received: Counter[LedgerKey] = Counter()
    for reading in readings:
        stream = registry.find((reading.device_id, reading.property, reading.item))
        if stream is None:
            raise LookupError(f"{reading.device_id} {reading.property}: expected its datastream to be registered first")
        row = (
            stream.datastream_id, reading.phenomenon_time, reading.received_time, reading.value,
            reading.quality.code, reading.seq,
        )  # fmt: skip
        (corrections if reading.is_correction else rows).append(row)
        received[(reading.device_id, hour_of(reading.phenomenon_time))] += 1
    with conn.cursor() as cur:
        if corrections:
            # Locking the row itself is what one would do; TimescaleDB cannot lock rows of the columnstore.
            cur.execute("SELECT pg_advisory_xact_lock(%s)", (_CORRECTIONS_LOCK,))
        with cur.copy(_COPY_INCOMING) as copy:
            copy.set_types(["int4", "timestamptz", "timestamptz", "float8", "int2", "int8"])
            for row in rows:
                copy.write_row(row)
        cur.execute(_STORE_INCOMING)
        for step, row in enumerate(corrections, start=1):
            _correct(conn, row, step)
        cur.execute(_UPDATE_LATEST)
        cur.execute(_MARK_HOURS)
        kept = {(row[0], row[1]): row[2:] for row in cur.execute(_COUNT_STORED, (LATE_FLOOR_S,)).fetchall()}
    for key, n in received.items():
        stored, late, corrected = kept.get(key, (0, 0, 0))
        ledger.count("received", *key, n=n)
        ledger.count("stored", *key, n=stored)
        ledger.count("late", *key, n=late)
        ledger.count("corrected", *key, n=corrected)
        ledger.count("duplicate", *key, n=n - stored - corrected)


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
SELECT device_id, date_trunc('hour', phenomenon_time) AS hour,
       count(*) FILTER (WHERE NOT is_correction),
       count(*) FILTER (WHERE NOT is_correction
                        AND extract(epoch FROM received_time - phenomenon_time) > greatest(%s, interval_s)),
       count(*) FILTER (WHERE is_correction)
FROM stored JOIN datastream USING (datastream_id) JOIN device USING (device_id)
GROUP BY 1, 2
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
