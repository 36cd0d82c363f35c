"""The halls of the city together: days that are over in figures, who came for what of late, what was foreseen for it, what rain
and closed roads there were, surges, and what the weeks say of all halls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from domain.halls import HallEventKind
from domain.moments import Moment
from storage.connection import Connection

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class StoredDay:
    """A day of a hall that is over; `content` as `staffing.hall_days` made it from `n_events`."""

    hall_id: str
    day: date
    n_events: int
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredSurge:
    """A surge as it is, or was (`ended_at`); `hall_id` is empty for the whole city."""

    hall_id: str
    item: str
    since: datetime
    raised_at: datetime
    shown_at: datetime
    ended_at: datetime | None
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """What was expected of a series when `issued_at`: medians and the 10 and 90 % quantiles of steps from `first_target`."""

    key: str
    issued_at: datetime
    first_target: datetime
    step_s: float
    q10: Sequence[float]
    q50: Sequence[float]
    q90: Sequence[float]


@dataclass(frozen=True, slots=True)
class ClosedSpan:
    """A road that was closed within a span; GeoJSON, WGS-84; `until` None: it still is."""

    geometry: Mapping[str, Any]
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class WaitRow:
    """The newest forecast of waits of a hall and item."""

    hall_id: str
    item: str
    issued_at: datetime
    leads_s: Sequence[float]
    p10_s: Sequence[float]
    p50_s: Sequence[float]
    p90_s: Sequence[float]


def write_day(conn: Connection, row: StoredDay, now: datetime) -> None:
    """Stores a day; made again from other events, it replaces what was there."""
    conn.execute(
        "INSERT INTO hall_day (hall_id, day, made_at, n_events, content) VALUES (%s, %s, %s, %s, %s) ON CONFLICT (hall_id, day) "
        "DO UPDATE SET made_at = excluded.made_at, n_events = excluded.n_events, content = excluded.content",
        (row.hall_id, row.day, now, row.n_events, Jsonb(row.content)),
    )


def count_days(conn: Connection, day: date) -> dict[str, int]:
    """From how many events each hall's day was made."""
    return dict(conn.execute("SELECT hall_id, n_events FROM hall_day WHERE day = %s", (day,)).fetchall())


def list_days(conn: Connection, since: date) -> list[StoredDay]:
    """Every stored day of every hall from a date on."""
    rows = conn.execute("SELECT hall_id, day, n_events, content FROM hall_day WHERE day >= %s ORDER BY hall_id, day", (since,))
    return [StoredDay(*row) for row in rows]


def count_came(
    conn: Connection, start: datetime, end: datetime, step: timedelta, moment: Moment
) -> dict[tuple[str, str], dict[int, int]]:
    """How many came to each hall for each item in steps of [start, end), by the number of the step."""
    found: dict[tuple[str, str], dict[int, int]] = {}
    said = {
        "start": start, "end": end, "step": step, "step_s": step.total_seconds(), "known_at": moment.known_at,
        "arrive": HallEventKind.ARRIVE.value,
    }  # fmt: skip
    for hall_id, item, k, n in conn.execute(_CAME, said):
        found.setdefault((hall_id, item), {})[int(k)] = int(n)
    return found


def list_expected(conn: Connection, *, issued_by: datetime) -> list[Expected]:
    """The newest forecast of arrivals of every hall and item issued by a time, within a day before it."""
    rows = conn.execute(_EXPECTED, {"by": issued_by, "since": issued_by - DAY, "keys": "hall/%/arrivals/%"})
    return [Expected(*row) for row in rows]


def list_rain(conn: Connection, property_name: str, start: datetime, end: datetime) -> dict[datetime, float]:
    """How much fell in each hour of [start, end), the mean of all gauges: mean reading times how often they speak."""
    rows = conn.execute(_RAIN, {"property": property_name, "start": start, "end": end})
    return {hour: float(fallen) for hour, fallen in rows if fallen is not None}


def list_closed_spans(conn: Connection, start: datetime, end: datetime) -> list[ClosedSpan]:
    """Roads that were closed at some time of [start, end), those of exercises aside."""
    rows = conn.execute(
        "SELECT geometry, valid_from, least(opened_at, valid_until) FROM road_closure "
        "WHERE exercise_id IS NULL AND valid_from < %s "
        "AND coalesce(least(opened_at, valid_until) > %s, true)",
        (end, start),
    )
    return [ClosedSpan(*row) for row in rows]


def list_waits_ahead(conn: Connection, at: datetime, *, issued_since: datetime) -> list[WaitRow]:
    """The newest forecast of waits of every hall and item issued since a time."""
    rows = conn.execute(
        "SELECT DISTINCT ON (hall_id, item) hall_id, item, issued_at, leads_s, p10_s, p50_s, p90_s FROM wait_forecast "
        "WHERE issued_at <= %s AND issued_at > %s ORDER BY hall_id, item, issued_at DESC",
        (at, issued_since),
    )
    return [WaitRow(*row) for row in rows]


def list_surges(conn: Connection, *, ended_after: datetime) -> list[StoredSurge]:
    """Surges that go on, and those that ended after a time, newest first."""
    rows = conn.execute(
        "SELECT hall_id, item, since, raised_at, shown_at, ended_at, content FROM hall_surge "
        "WHERE ended_at IS NULL OR ended_at > %s ORDER BY since DESC, hall_id, item",
        (ended_after,),
    )
    return [StoredSurge(*row) for row in rows]


def write_surges(conn: Connection, surges: Sequence[StoredSurge], now: datetime) -> None:
    """Stores the surges that are there now; those stored as going on that are not among them have ended."""
    with conn.transaction(), conn.cursor() as cur:
        cur.executemany(
            "INSERT INTO hall_surge (hall_id, item, since, raised_at, shown_at, content) VALUES (%s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (hall_id, item, raised_at) DO UPDATE SET shown_at = excluded.shown_at, content = excluded.content",
            [(s.hall_id, s.item, s.since, s.raised_at, s.shown_at, Jsonb(s.content)) for s in surges],
        )
        cur.execute(
            "UPDATE hall_surge SET ended_at = %s WHERE ended_at IS NULL "
            "AND (hall_id, item) NOT IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
            (now, [s.hall_id for s in surges], [s.item for s in surges]),
        )


def write_weeks(conn: Connection, content: Mapping[str, Any], now: datetime) -> None:
    """Stores what the weeks say of all halls, in place of what they said before."""
    with conn.transaction():
        conn.execute("DELETE FROM hall_weeks")
        conn.execute("INSERT INTO hall_weeks (made_at, content) VALUES (%s, %s)", (now, Jsonb(content)))


def find_weeks(conn: Connection) -> tuple[datetime, Mapping[str, Any]] | None:
    """What the weeks say, and when that was reckoned."""
    row = conn.execute("SELECT made_at, content FROM hall_weeks ORDER BY made_at DESC LIMIT 1").fetchone()
    return (row[0], row[1]) if row is not None else None


_CAME = """
SELECT hall_id, coalesce(item, ''), floor(extract(epoch FROM phenomenon_time - %(start)s) / %(step_s)s), count(*)
FROM hall_event
WHERE event = %(arrive)s AND phenomenon_time >= %(start)s AND phenomenon_time < %(end)s AND received_time <= %(known_at)s
GROUP BY 1, 2, 3
"""

_EXPECTED = """
SELECT derived_series.key, newest.* FROM derived_series
CROSS JOIN LATERAL (
    SELECT issued_at, first_target, step_s, q10, q50, q90 FROM forecast
    WHERE forecast.datastream_id = derived_series.series_id AND issued_at <= %(by)s AND issued_at > %(since)s
    ORDER BY issued_at DESC LIMIT 1
) newest
WHERE derived_series.key LIKE %(keys)s
"""

_RAIN = """
SELECT hour, sum(total) / sum(n) * (
    SELECT avg(3600 / interval_s) FROM datastream JOIN device USING (device_id) WHERE property = %(property)s AND interval_s > 0
)
FROM district_hour WHERE property = %(property)s AND hour >= %(start)s AND hour < %(end)s AND n > 0 GROUP BY hour
"""
