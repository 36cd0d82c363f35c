"""Forecasts: stored as issued, never rewritten; read as known at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import errors, sql

from domain.forecasts import Forecast
from domain.moments import Moment
from storage.connection import Connection
from storage.partitions import DayPartitions, days_of, list_days

DAY, FURTHEST = timedelta(days=1), timedelta(days=8)
"""Bounds are given as times, not reckoned in SQL: only then are the days beyond them left out of the plan, which with a year of
them takes two milliseconds instead of three hundred. No forecast looks further ahead than a week (`forecast.horizon_h`)."""


def write_forecasts(conn: Connection, partitions: DayPartitions, forecasts: Sequence[Forecast]) -> int:
    """Stores forecasts; one already issued for the same series and time stays as it is. Returns how many were new."""
    partitions.ensure(conn, "forecast", days_of({forecast.issued_at for forecast in forecasts}))
    with conn.transaction(), conn.cursor() as cur:
        cur.executemany(
            "INSERT INTO forecast (datastream_id, issued_at, first_target, step_s, q10, q50, q90, model, model_version, "
            "watermark, fallback_reason, q05, q95) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            [
                (f.datastream_id, f.issued_at, f.first_target, f.step_s, list(f.q10), list(f.q50), list(f.q90), f.model,
                 f.model_version, f.watermark, f.fallback_reason, list(f.q05) or None, list(f.q95) or None)
                for f in forecasts
            ],
        )  # fmt: skip
        return cur.rowcount


def newest_issue(conn: Connection, now: datetime) -> datetime | None:
    """When forecasts were last issued, within a day before `now`: of the days stored only the last two are looked at."""
    row = conn.execute(
        "SELECT issued_at FROM forecast WHERE issued_at <= %s AND issued_at > %s ORDER BY issued_at DESC LIMIT 1",
        (now, now - DAY),
    ).fetchone()
    return row[0] if row else None


def thin_forecasts(conn: Connection, day: datetime, *, every: timedelta) -> int:
    """Of the forecasts issued on a UTC day keeps the first of each series in each `every`, and those on which warnings rest;
    returns how many went. The table of that day is written anew, so that their room is free; -1 when somebody was reading it just
    then, and it has to be asked for again."""
    said = {"day": day, "next": day + DAY, "every": every}
    try:
        with conn.transaction():
            conn.execute("SET LOCAL lock_timeout = '200ms'")
            gone = conn.execute(_THIN, said).rowcount
        for name, start, end in list_days(conn, "forecast"):
            if start < day + DAY and end > day:
                conn.execute("SET lock_timeout = '200ms'")
                conn.execute(sql.SQL("VACUUM (FULL) {}").format(sql.SQL(name)))
    except errors.LockNotAvailable:
        return -1
    finally:
        conn.execute("RESET lock_timeout")
    return gone


@dataclass(frozen=True, slots=True)
class Issue:
    """When a series was last forecast, and by whom."""

    issued_at: datetime
    model: str
    fallback_reason: str


def newest_issues(conn: Connection, *, since: datetime) -> dict[int, Issue]:
    """The newest issue of every series forecast after `since`."""
    return {row[0]: Issue(*row[1:]) for row in conn.execute(_NEWEST_ISSUES, {"since": since})}


def find_forecast(conn: Connection, datastream_id: int, moment: Moment) -> Forecast | None:
    """The newest forecast of a series issued by the moment, if it still looks ahead of it."""
    row = conn.execute(
        f"{_SELECT} WHERE datastream_id = %s AND issued_at <= %s AND issued_at > %s ORDER BY issued_at DESC LIMIT 1",
        (datastream_id, moment.at, moment.at - FURTHEST),
    ).fetchone()
    if row is None:
        return None
    forecast = _forecast(row)
    return forecast if forecast.target_times[-1] >= moment.at else None


def find_forecast_before(conn: Connection, datastream_id: int, time: datetime) -> Forecast | None:
    """The newest forecast of a series issued in the day before a time."""
    row = conn.execute(
        f"{_SELECT} WHERE datastream_id = %s AND issued_at <= %s AND issued_at > %s ORDER BY issued_at DESC LIMIT 1",
        (datastream_id, time, time - DAY),
    ).fetchone()
    return _forecast(row) if row is not None else None


def find_issue(conn: Connection, datastream_id: int, issued_at: datetime) -> Forecast | None:
    """The forecast of a series issued at a time, however old; None when none was, or it is no longer kept."""
    row = conn.execute(f"{_SELECT} WHERE datastream_id = %s AND issued_at = %s", (datastream_id, issued_at)).fetchone()
    return _forecast(row) if row is not None else None


def list_forecasts(conn: Connection, properties: Sequence[str], moment: Moment) -> list[Forecast]:
    """The newest forecast of every series of the given properties, issued within a day before the moment."""
    rows = conn.execute(_NEWEST, {"properties": list(properties), "at": moment.at, "since": moment.at - DAY})
    return [_forecast(row) for row in rows]


def _forecast(row: tuple) -> Forecast:  # type: ignore[type-arg]
    return Forecast(
        datastream_id=row[0], issued_at=row[1], first_target=row[2], step_s=row[3], q10=tuple(row[4]), q50=tuple(row[5]),
        q90=tuple(row[6]), model=row[7], model_version=row[8], watermark=row[9], fallback_reason=row[10],
        q05=tuple(row[11] or ()), q95=tuple(row[12] or ()),
    )  # fmt: skip


_COLUMNS = (
    "datastream_id, issued_at, first_target, step_s, q10, q50, q90, model, model_version, watermark, fallback_reason, q05, q95"
)
_SELECT = f"SELECT {_COLUMNS} FROM forecast"
_NEWEST = f"""
SELECT newest.* FROM datastream
CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM forecast
    WHERE forecast.datastream_id = datastream.datastream_id AND issued_at <= %(at)s AND issued_at > %(since)s
    ORDER BY issued_at DESC LIMIT 1
) newest
WHERE datastream.property = ANY(%(properties)s)
"""

_THIN = """
DELETE FROM forecast USING (
    SELECT datastream_id AS id, issued_at AS at, row_number() OVER (
        PARTITION BY datastream_id, date_bin(%(every)s, issued_at, %(day)s) ORDER BY issued_at
    ) AS k
    FROM forecast WHERE issued_at >= %(day)s AND issued_at < %(next)s
) each
WHERE issued_at >= %(day)s AND issued_at < %(next)s AND datastream_id = each.id AND issued_at = each.at AND each.k > 1
  AND NOT EXISTS (
    SELECT FROM warning JOIN warning_history USING (warning_id)
    WHERE source = 'forecast' AND object_id = each.id::text AND (evidence ->> 'issued_at')::timestamptz = each.at
  )
"""

_NEWEST_ISSUES = """
SELECT series.id, newest.* FROM (SELECT datastream_id FROM datastream UNION ALL SELECT series_id FROM derived_series) series (id)
CROSS JOIN LATERAL (
    SELECT issued_at, model, fallback_reason FROM forecast
    WHERE forecast.datastream_id = series.id AND issued_at > %(since)s
    ORDER BY issued_at DESC LIMIT 1
) newest
"""
