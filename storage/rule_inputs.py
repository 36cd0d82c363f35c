"""Inputs of rules: what a rule looks at over a stretch of time, as columns of numbers. Times are seconds since 1970.

Readings are asked of the observations themselves, never of rollups, which would hide what a rule is there to see. They are packed
by the database, one row a series, so that a million of them takes a second.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from domain.anomalies import Lane
from storage.connection import Connection
from storage.forecasts import DAY
from storage.lifelines import VOICES

Floats = npt.NDArray[np.float64]
_EPOCH_S = 946_684_800.0
"""PostgreSQL counts microseconds since 2000-01-01 UTC."""


class Place(NamedTuple):
    """A series with its device and where that is."""

    datastream_id: int
    device_id: str
    item: str
    unit: str | None
    name: str | None
    district: str | None
    lon: float | None
    lat: float | None


def list_places(conn: Connection, property_name: str | None = None) -> list[Place]:
    """The series of a property, or of all, of devices in service, by number."""
    rows = conn.execute(
        "SELECT datastream_id, device_id, item, unit, coalesce(attributes ->> 'name_zh', name), device.district_code, lon, lat "
        "FROM datastream JOIN device USING (device_id) "
        "WHERE (%s::text IS NULL OR property = %s) AND retired_at IS NULL ORDER BY datastream_id",
        (property_name, property_name),
    )
    return [Place(*row) for row in rows]


def read_series(
    conn: Connection, numbers: Sequence[int], start: datetime, end: datetime, qualities: Collection[int]
) -> dict[int, tuple[Floats, Floats]]:
    """Readings of some series measured in (start, end] with one of these qualities: times, ascending, and values."""
    with conn.cursor(binary=True) as cur:
        rows = cur.execute(_SERIES, {"numbers": list(numbers), "start": start, "end": end, "qualities": sorted(qualities)})
        return {number: _unpacked(packed) for number, packed in rows}


def oldest_reading(conn: Connection, numbers: Sequence[int], start: datetime, end: datetime) -> datetime | None:
    """The oldest reading of some series in (start, end]."""
    row = conn.execute(_OLDEST, {"numbers": list(numbers), "start": start, "end": end}).fetchone()
    return row[0] if row else None


class Issues(NamedTuple):
    """Forecasts of one series, oldest first: when issued (issues), first target, step, quantiles (issues, slots; NaN where a
    forecast is shorter)."""

    issued_s: Floats
    first_s: Floats
    step_s: Floats
    q10: Floats
    q50: Floats
    q90: Floats


def read_issues(conn: Connection, number: int, start: datetime, end: datetime, slots: int) -> Issues:
    """The first `slots` slots of every forecast of a series issued in (start, end]."""
    rows = conn.execute(_ISSUES, {"number": number, "start": start, "end": end, "slots": slots}).fetchall()
    width = max((len(row[4]) for row in rows), default=0)
    quantiles = [np.full((len(rows), width), np.nan) for _ in range(3)]
    for k, row in enumerate(rows):
        for filled, said in zip(quantiles, row[3:], strict=True):
            filled[k, : len(said)] = said
    at = np.array([row[:3] for row in rows], float).reshape(-1, 3)
    return Issues(at[:, 0], at[:, 1], at[:, 2], *quantiles)


def mean_by_slot(
    conn: Connection, property_name: str, start: datetime, end: datetime, slot: timedelta, qualities: Collection[int]
) -> dict[str, tuple[Floats, Floats]]:
    """Mean over the readings of a district in each slot that ends in (start, end]: ends of slots and means, by district."""
    said = {
        "property": property_name, "start": start, "first": start - slot, "end": end,
        "slot": slot, "origin": datetime.fromtimestamp(0, start.tzinfo),
        "qualities": sorted(qualities),
    }  # fmt: skip
    found: dict[str, list[tuple[float, float]]] = {}
    for district, ends_s, mean in conn.execute(_MEANS, said):
        found.setdefault(district, []).append((ends_s, mean))
    return {code: (np.array([at for at, _ in rows]), np.array([mean for _, mean in rows])) for code, rows in found.items()}


class Happened(NamedTuple):
    """An incident or a request: when it happened and when it was known, where, of which class."""

    object_id: str
    at_s: float
    known_s: float
    lon: float | None
    lat: float | None
    kind: str


def list_happened(conn: Connection, table: str, start: datetime, end: datetime, classes: Sequence[str]) -> list[Happened]:
    """Incidents (`incident`) or requests (`request`) of (start, end], of some classes or (none given) all; no exercise's."""
    number, column, kind = _TOLD[table]
    rows = conn.execute(
        f"SELECT {number}, extract(epoch FROM {column})::float8, extract(epoch FROM received_time)::float8, lon, lat, {kind} "
        f"FROM {table} WHERE exercise_id IS NULL AND {column} > %(start)s AND {column} <= %(end)s "
        f"AND (%(classes)s::text[] = '{{}}' OR {kind} = ANY(%(classes)s)) ORDER BY {column}",
        {"start": start, "end": end, "classes": list(classes)},
    )
    return [Happened(*row) for row in rows]


class Oddness(NamedTuple):
    """An anomaly of a series: open from its detection until it ended (infinity: it has not)."""

    series_id: int
    detected_s: float
    ended_s: float
    score: float
    cause: str


def list_oddness(conn: Connection, metric: str | None, start: datetime, end: datetime) -> list[Oddness]:
    """Anomalies of a lane or a cause, or of all, that were open at some time in (start, end]."""
    column = "lane" if metric is not None and Lane.known(metric) else "cause"
    rows = conn.execute(
        "SELECT series_id, extract(epoch FROM detected_at)::float8, coalesce(extract(epoch FROM ended_at)::float8, 'infinity'), "
        f"score, cause FROM anomaly WHERE (%(metric)s::text IS NULL OR {column} = %(metric)s) AND detected_at <= %(end)s "
        "AND (ended_at IS NULL OR ended_at > %(start)s) AND detected_at > %(oldest)s ORDER BY detected_at",
        {"metric": metric, "start": start, "end": end, "oldest": start - 30 * DAY},
    )
    return [Oddness(*row) for row in rows]


class Standing(NamedTuple):
    """A warning that stood: of which rule and object, where, and since when until when (infinity: it stands)."""

    rule_id: str
    object_id: str
    district: str | None
    lon: float | None
    lat: float | None
    began_s: float
    ended_s: float
    zh: str
    en: str


def list_standing(conn: Connection, rule_ids: Sequence[str], start: datetime, end: datetime) -> list[Standing]:
    """Warnings of some rules that stood at some time in (start, end], no exercise's."""
    rows = conn.execute(
        "SELECT rule_id, object_id, district_code, lon, lat, extract(epoch FROM raised_at)::float8, "
        "coalesce(extract(epoch FROM closed_at)::float8, 'infinity'), words_zh, words_en FROM warning "
        "WHERE exercise_id IS NULL AND rule_id = ANY(%s) AND raised_at <= %s AND (closed_at IS NULL OR closed_at > %s)",
        (list(rule_ids), end, start),
    )
    return [Standing(*row) for row in rows]


class Speaker(NamedTuple):
    """A device that owes words, its interval, and when it was last heard."""

    device_id: str
    name: str | None
    type_name: str
    district: str | None
    lon: float | None
    lat: float | None
    interval_s: float
    born_s: float | None
    heard_s: float | None


def list_speakers(conn: Connection, type_name: str | None) -> list[Speaker]:
    """Devices in service of a type, or of all, vehicles left out: those are heard of on duty."""
    return [Speaker(*row) for row in conn.execute(_SPEAKERS, {"type": type_name})]


def list_gaps(
    conn: Connection, device_ids: Sequence[str], start: datetime, end: datetime, intervals: float
) -> Mapping[str, list[tuple[float, float]]]:
    """When devices talked from a day before the start until the end: spans within which no two words lie farther apart than
    `intervals` of the device."""
    found: dict[str, list[tuple[float, float]]] = {}
    said = {"devices": list(device_ids), "start": start - DAY, "end": end, "intervals": intervals, "measured": start - 2 * DAY}
    for device_id, begins_s, ends_s in conn.execute(_TALKED, said):
        found.setdefault(device_id, []).append((begins_s, ends_s))
    return found


def list_listened(conn: Connection, start: datetime, end: datetime) -> Floats:
    """The starts of the minutes in [start, end) in which anything came."""
    rows = conn.execute(
        "SELECT extract(epoch FROM minute)::float8 FROM ingest_minute WHERE minute >= %s AND minute < %s AND received > 0 "
        "ORDER BY minute",
        (start, end),
    )
    return np.array([row[0] for row in rows], float)


def _unpacked(packed: bytes) -> tuple[Floats, Floats]:
    rows = np.frombuffer(packed, np.dtype([("at", ">i8"), ("value", ">f8")]))
    return rows["at"] / 1e6 + _EPOCH_S, rows["value"].astype(np.float64)


def chunks(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """So many at a time."""
    for k in range(0, len(numbers), size):
        yield numbers[k : k + size]


_TOLD = {
    "incident": ("incident_id", "reported_at", "hazard_class"),
    "request": ("request_id", "phenomenon_time", "request_class"),
}

_SERIES = """
SELECT datastream_id, string_agg(timestamptz_send(phenomenon_time) || float8send(value), ''::bytea ORDER BY phenomenon_time)
FROM observation
WHERE datastream_id = ANY(%(numbers)s) AND phenomenon_time > %(start)s AND phenomenon_time <= %(end)s
  AND quality = ANY(%(qualities)s)
GROUP BY 1
"""

_OLDEST = """
SELECT min(first.phenomenon_time) FROM unnest(%(numbers)s::integer[]) AS stream (number)
CROSS JOIN LATERAL (
    SELECT phenomenon_time FROM observation
    WHERE datastream_id = stream.number AND phenomenon_time > %(start)s AND phenomenon_time <= %(end)s
    ORDER BY phenomenon_time LIMIT 1
) first
"""

_ISSUES = """
SELECT extract(epoch FROM issued_at)::float8, extract(epoch FROM first_target)::float8, step_s,
       q10[1:%(slots)s], q50[1:%(slots)s], q90[1:%(slots)s]
FROM forecast WHERE datastream_id = %(number)s AND issued_at > %(start)s AND issued_at <= %(end)s ORDER BY issued_at
"""

_MEANS = """
SELECT district_code, extract(epoch FROM begins + %(slot)s)::float8, mean FROM (
    SELECT district_code, date_bin(%(slot)s, phenomenon_time, %(origin)s) AS begins, avg(value) AS mean
    FROM observation JOIN datastream USING (datastream_id)
    WHERE property = %(property)s AND quality = ANY(%(qualities)s)
      AND phenomenon_time > %(first)s AND phenomenon_time < %(end)s
    GROUP BY 1, 2
) slots
WHERE begins + %(slot)s > %(start)s AND begins + %(slot)s <= %(end)s ORDER BY 1, 2
"""

_SPEAKERS = f"""
SELECT device_id, coalesce(attributes ->> 'name_zh', name), type_name, district_code, lon, lat, interval_s,
       extract(epoch FROM birth_time)::float8, extract(epoch FROM greatest(
           (SELECT max(latest.received_time) FROM latest JOIN datastream USING (datastream_id)
            WHERE datastream.device_id = device.device_id),
           CASE WHEN mode = 'on_change' THEN voice.heard_at END))::float8
FROM device JOIN ({VOICES}) voice USING (device_id)
WHERE retired_at IS NULL AND birth_time IS NOT NULL AND interval_s > 0 AND type_name <> 'Vehicle'
  AND (%(type)s::text IS NULL OR type_name = %(type)s)
ORDER BY device_id
"""

# A word is a reading or that a device says it is there. What came late counts from when it came.
_TALKED = """
WITH word AS (
    SELECT device_id, received_time AS at FROM observation JOIN datastream USING (datastream_id)
    WHERE device_id = ANY(%(devices)s) AND phenomenon_time > %(measured)s
      AND received_time > %(start)s AND received_time <= %(end)s
    UNION ALL
    SELECT device_id, received_time FROM device_state
    WHERE device_id = ANY(%(devices)s) AND state = 'online' AND received_time > %(start)s AND received_time <= %(end)s
), gap AS (
    SELECT device_id, at, at - lag(at) OVER spoken > %(intervals)s * interval_s * interval '1 second' AS is_new
    FROM word JOIN device USING (device_id) WINDOW spoken AS (PARTITION BY device_id ORDER BY at)
), span AS (
    SELECT device_id, at, count(*) FILTER (WHERE is_new) OVER (PARTITION BY device_id ORDER BY at) AS number FROM gap
)
SELECT device_id, extract(epoch FROM min(at))::float8, extract(epoch FROM max(at))::float8 FROM span
GROUP BY device_id, number ORDER BY device_id, number
"""
