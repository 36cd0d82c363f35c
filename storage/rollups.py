"""Rollups: hourly figures per district and property, from readings of usable quality.

`district_hour` always equals the observations: hours whose readings changed since the last refresh are marked by the writer
and read live. `refresh` moves them into the kept table (plain PostgreSQL) or the continuous aggregate (TimescaleDB), and counts
with them what the readings of each device were worth (`device_hour_kept`, read by `storage.health`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.connection import Connection
from storage.migrate import recorded_flavour

_LOCK = 7_205_004
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
HOURS_A_ROUND = 500
"""So that an import of years does not hold one transaction for minutes."""


@dataclass(frozen=True, slots=True)
class DistrictHour:
    """Readings of one property in one district in one hour; `mean`, `low` and `high` in the property's unit."""

    district_code: str
    property: str
    hour: datetime
    n: int
    mean: float
    low: float
    high: float


def refresh(conn: Connection, now: datetime, *, oldest_kept: datetime | None = None) -> int:
    """Rolls up the marked hours that have ended before `now`, the newest HOURS_A_ROUND at most; returns how many. One refresher
    works at a time.

    An hour before `oldest_kept` that is rolled up already stays as it is: its readings may have been dropped since, and one late
    reading must not stand for all of them.
    """
    if conn.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone() != (True,):
        return 0
    try:
        _thin_marks(conn)
        rows = conn.execute(
            "SELECT mark_id, hour FROM rollup_mark WHERE hour < %s ORDER BY hour DESC LIMIT %s", (now - _HOUR, HOURS_A_ROUND)
        ).fetchall()
        hours = sorted({row[1] for row in rows} - _settled(conn, oldest_kept))
        if not rows:
            return 0
        is_timescale = recorded_flavour(conn) == "timescale"
        if is_timescale:
            for first, end in _spans(hours):
                conn.execute("CALL refresh_continuous_aggregate('district_hour_kept', %s, %s)", (first, end))
        with conn.transaction():
            if not is_timescale:
                conn.execute("DELETE FROM district_hour_kept WHERE hour = ANY(%s)", (hours,))
                for first, end in _spans(hours):
                    conn.execute(_KEEP, {"first": first, "end": end})
            conn.execute("DELETE FROM device_hour_kept WHERE hour = ANY(%s)", (hours,))
            for first, end in _spans(hours, within=_DAY):
                conn.execute(_KEEP_DEVICES, {"first": first, "end": end})
            conn.execute("DELETE FROM rollup_mark WHERE mark_id = ANY(%s)", ([row[0] for row in rows],))
        return len(hours)
    finally:
        conn.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def _settled(conn: Connection, oldest_kept: datetime | None) -> set[datetime]:
    """Marked hours before `oldest_kept` that have been rolled up."""
    if oldest_kept is None:
        return set()
    rows = conn.execute(
        "SELECT DISTINCT hour FROM rollup_mark WHERE hour < %s AND EXISTS (SELECT FROM district_hour_kept kept "
        "WHERE kept.hour = rollup_mark.hour)",
        (oldest_kept,),
    )
    return {row[0] for row in rows}


def _thin_marks(conn: Connection) -> None:
    """Keeps one mark per hour: a busy hour gathers several a second."""
    conn.execute("DELETE FROM rollup_mark WHERE mark_id NOT IN (SELECT min(mark_id) FROM rollup_mark GROUP BY hour)")


def _spans(hours: list[datetime], *, within: timedelta = timedelta.max) -> list[tuple[datetime, datetime]]:
    spans: list[tuple[datetime, datetime]] = []
    for hour in hours:
        if spans and spans[-1][1] == hour and hour - spans[-1][0] < within:
            spans[-1] = (spans[-1][0], hour + _HOUR)
        else:
            spans.append((hour, hour + _HOUR))
    return spans


def list_district_hours(conn: Connection, property_name: str, *, since: datetime, until: datetime) -> list[DistrictHour]:
    """Hours in [since, until) of one property, by hour and district."""
    rows = conn.execute(
        "SELECT district_code, property, hour, n, total / n, low, high FROM district_hour "
        "WHERE property = %s AND hour >= %s AND hour < %s ORDER BY hour, district_code",
        (property_name, since, until),
    )
    return [DistrictHour(*row) for row in rows]


# One walk over a stretch of hours: rows just written are in no summary of the index yet, and a walk for each hour would read the
# whole day every time. Readings are added up by datastream first, of which there are few.
_KEEP = """
INSERT INTO district_hour_kept (district_code, property, hour, n, total, low, high)
SELECT datastream.district_code, datastream.property, streams.hour, sum(streams.n)::bigint, sum(streams.total),
       min(streams.low), max(streams.high)
FROM (
    SELECT datastream_id, date_bin('1 hour', phenomenon_time, '2000-01-01T00:00:00Z') AS hour,
           count(*) AS n, sum(value) AS total, min(value) AS low, max(value) AS high
    FROM observation
    WHERE phenomenon_time >= %(first)s AND phenomenon_time < %(end)s AND quality IN (0, 3, 4)
    GROUP BY 1, 2
) streams
JOIN datastream USING (datastream_id)
GROUP BY 1, 2, 3
"""

_KEEP_DEVICES = "INSERT INTO device_hour_kept SELECT * FROM count_device_hours(%(first)s, %(end)s, NULL)"
