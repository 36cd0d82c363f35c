"""Waits ahead: forecasts of how long people wait at halls, as issued and never rewritten; how they held by day; how their
bounds are set right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from domain.derived import Derived, Measure, parse_key
from domain.forecasts import Forecast
from domain.moments import Moment
from domain.sensors import SensorKind
from storage.connection import Connection

SIMULATION, SNAPSHOTS = "simulation", "snapshots"
"""What a forecast of waits rests on; any other basis is the reason why there is none, and its waits are NaN."""
CLOSED, CLOSED_EARLY = "closed", "closed_early"
"""Two of these: nobody comes any more."""
LATELY = timedelta(hours=1)
"""A forecast of waits that was issued longer ago says nothing of now."""


@dataclass(frozen=True, slots=True)
class WaitForecast:
    """How long somebody would wait who comes for an item ("": any) so many seconds after `issued_at`: seconds, NaN where nobody
    can come then, infinite where no window will call him. `raw_…` are the bounds before they were calibrated."""

    hall_id: str
    item: str
    issued_at: datetime
    known_until: datetime
    basis: str
    leads_s: tuple[int, ...]
    p10_s: tuple[float, ...]
    p50_s: tuple[float, ...]
    p90_s: tuple[float, ...]
    leave_share: tuple[float, ...]
    raw_p10_s: tuple[float, ...]
    raw_p50_s: tuple[float, ...]
    raw_p90_s: tuple[float, ...]


def write_wait_forecasts(conn: Connection, forecasts: Sequence[WaitForecast]) -> None:
    """Stores forecasts; one already issued for the same hall, item and time stays as it is."""
    with conn.transaction(), conn.cursor() as cur:
        cur.executemany(
            f"INSERT INTO wait_forecast ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            [
                (f.hall_id, f.item, f.issued_at, f.known_until, f.basis, list(f.leads_s), list(f.p10_s), list(f.p50_s),
                 list(f.p90_s), list(f.leave_share), list(f.raw_p10_s), list(f.raw_p50_s), list(f.raw_p90_s))
                for f in forecasts
            ],
        )  # fmt: skip


def newest_wait_forecasts(
    conn: Connection, moment: Moment, *, hall_ids: Sequence[str] | None = None, items: Sequence[str] | None = None
) -> list[WaitForecast]:  # fmt: skip
    """The forecasts of the newest issue of each hall, of the last hour before the moment, of all halls and items, or some; of a
    hall for which it was a reason why there is none, nothing."""
    said = {
        "at": moment.at, "since": moment.at - LATELY, "halls": list(hall_ids) if hall_ids is not None else None,
        "items": list(items) if items is not None else None, "bases": [SIMULATION, SNAPSHOTS],
    }  # fmt: skip
    return [_forecast(row) for row in conn.execute(_NEWEST, said)]


def list_wait_forecasts(
    conn: Connection, hall_id: str, since: datetime, until: datetime, *, items: Sequence[str] | None = None,
    with_reasons: bool = False,
) -> list[WaitForecast]:  # fmt: skip
    """All forecasts of a hall issued in (since, until], the oldest first; with reasons, also why there were none."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM wait_forecast WHERE hall_id = %(hall)s AND issued_at > %(since)s AND issued_at <= %(until)s "
        "AND (%(bases)s::text[] IS NULL OR basis = ANY(%(bases)s::text[])) "
        "AND (%(items)s::text[] IS NULL OR item = ANY(%(items)s::text[])) ORDER BY issued_at, item",
        {"hall": hall_id, "since": since, "until": until, "items": list(items) if items is not None else None,
         "bases": None if with_reasons else [SIMULATION, SNAPSHOTS]},
    )  # fmt: skip
    return [_forecast(row) for row in rows]


def find_wait_reason(conn: Connection, hall_id: str, moment: Moment) -> str | None:
    """Why nothing was foreseen for a hall at its newest issue of the last hour; None when something was, or nothing was
    issued."""
    row = conn.execute(
        "SELECT basis FROM wait_forecast WHERE hall_id = %s AND item = '' AND issued_at <= %s AND issued_at > %s "
        "ORDER BY issued_at DESC LIMIT 1",
        (hall_id, moment.at, moment.at - LATELY),
    ).fetchone()
    return row[0] if row is not None and row[0] not in (SIMULATION, SNAPSHOTS) else None


def newest_wait_issues(conn: Connection, now: datetime) -> dict[str, datetime]:
    """When waits were last forecast for each hall, of the last hour."""
    rows = conn.execute(
        "SELECT hall_id, max(issued_at) FROM wait_forecast WHERE issued_at > %s AND issued_at <= %s GROUP BY hall_id",
        (now - LATELY, now),
    )
    return dict(rows.fetchall())


@dataclass(frozen=True, slots=True)
class WaitScore:
    """How forecasts of an item and a lead held on some days: people, those inside and below the interval, sums of absolute errors
    (seconds) of the median and of "as long as now"."""

    item: str
    lead_s: int
    n: int
    n_inside: int
    n_below: int
    abs_error_s: float
    persist_s: float


def list_wait_scores(conn: Connection, hall_id: str, since: date) -> list[WaitScore]:
    """Scores of a hall summed over the days from one on, by item and lead."""
    rows = conn.execute(
        "SELECT item, lead_s, sum(n)::integer, sum(n_inside)::integer, sum(n_below)::integer, sum(abs_error_s), sum(persist_s) "
        "FROM wait_score WHERE hall_id = %s AND day >= %s GROUP BY item, lead_s ORDER BY item, lead_s",
        (hall_id, since),
    )
    return [WaitScore(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class StoredCalibration:
    """How the bounds of a hall are set right (`content` as `staffing.waits.Calibration` says it), and up to when its forecasts
    are judged."""

    judged_until: datetime
    content: Any


def list_calibrations(conn: Connection) -> dict[str, StoredCalibration]:
    rows = conn.execute("SELECT hall_id, judged_until, content FROM wait_calibration")
    return {hall_id: StoredCalibration(*rest) for hall_id, *rest in rows}


def write_judgement(
    conn: Connection, hall_id: str, day: date, calibration: StoredCalibration, scores: Iterable[WaitScore], *,
    since: datetime | None,
) -> bool:  # fmt: skip
    """Adds scores to those of a local day and keeps how far was judged, in one transaction; False, and nothing is written, when
    the hall had been judged up to another time than `since` (None: never)."""
    with conn.transaction():
        row = conn.execute("SELECT judged_until FROM wait_calibration WHERE hall_id = %s FOR UPDATE", (hall_id,)).fetchone()
        if (row[0] if row else None) != since:
            return False
        conn.execute(
            "INSERT INTO wait_calibration (hall_id, judged_until, content) VALUES (%s, %s, %s) "
            "ON CONFLICT (hall_id) DO UPDATE SET judged_until = excluded.judged_until, content = excluded.content",
            (hall_id, calibration.judged_until, Jsonb(calibration.content)),
        )
        with conn.cursor() as cur:
            cur.executemany(
                _ADD_SCORE,
                [(hall_id, s.item, s.lead_s, day, s.n, s.n_inside, s.n_below, s.abs_error_s, s.persist_s) for s in scores],
            )
    return True


def list_wait_streams(conn: Connection) -> dict[str, dict[str, int]]:
    """The datastreams of waits of the halls that report snapshots alone, by hall and item ("": of the whole hall)."""
    found: dict[str, dict[str, int]] = {}
    said = {"kind": SensorKind.HALL_QUEUE.type_name, "property": "wait_s"}
    for hall_id, item, number in conn.execute(_STREAMS, said):
        found.setdefault(hall_id, {})[item] = number
    return found


def clock_offset_s(conn: Connection, hall_id: str, moment: Moment) -> float | None:
    """By how many seconds the newest events of a hall (of the last hour and the next two) are stamped later than they came, in
    the median; None without any."""
    said = {
        "hall": hall_id, "since": moment.at - 2 * LATELY, "until": moment.at + 2 * LATELY, "received": moment.at - LATELY,
        "known_at": moment.known_at,
    }  # fmt: skip
    row = conn.execute(_OFFSET, said).fetchone()
    return float(row[0]) if row is not None and row[0] is not None else None


def delete_wait_forecasts(conn: Connection, before: datetime, *, limit: int = 20_000) -> int:
    """Deletes forecasts issued before a time, so many at most; returns how many went."""
    return conn.execute(
        "DELETE FROM wait_forecast WHERE ctid = ANY(ARRAY(SELECT ctid FROM wait_forecast WHERE issued_at < %s LIMIT %s))",
        (before, limit),
    ).rowcount


def list_arrival_forecasts(conn: Connection, moment: Moment, *, since: datetime) -> dict[str, dict[str, Forecast]]:
    """The newest forecasts of arrivals issued after `since`, by hall and item ("": all of a hall together)."""
    found: dict[str, dict[str, Forecast]] = {}
    for key, *row in conn.execute(_ARRIVALS, {"at": moment.at, "since": since, "like": f"hall/%/{Measure.ARRIVALS.value}%"}):
        derived: Derived | None = parse_key(key)
        if derived is not None and derived.measure is Measure.ARRIVALS and derived.hall_id:
            forecast = Forecast(*row[:4], *map(tuple, row[4:7]), *row[7:])
            found.setdefault(derived.hall_id, {})[derived.item] = forecast
    return found


def _forecast(row: Sequence[Any]) -> WaitForecast:
    return WaitForecast(*row[:5], *map(tuple, row[5:]))


_COLUMNS = (
    "hall_id, item, issued_at, known_until, basis, leads_s, p10_s, p50_s, p90_s, leave_share, raw_p10_s, raw_p50_s, raw_p90_s"
)

# The index by time leads to the last hour, whatever the halls are.
_NEWEST = f"""
WITH newest AS (
    SELECT hall_id, max(issued_at) AS issued_at FROM wait_forecast
    WHERE issued_at > %(since)s AND issued_at <= %(at)s AND (%(halls)s::text[] IS NULL OR hall_id = ANY(%(halls)s::text[]))
    GROUP BY hall_id
)
SELECT {_COLUMNS} FROM newest JOIN wait_forecast USING (hall_id, issued_at)
WHERE basis = ANY(%(bases)s) AND (%(items)s::text[] IS NULL OR item = ANY(%(items)s::text[]))
ORDER BY hall_id, item
"""

_ADD_SCORE = """
INSERT INTO wait_score AS old (hall_id, item, lead_s, day, n, n_inside, n_below, abs_error_s, persist_s)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (hall_id, item, lead_s, day) DO UPDATE SET
    n = old.n + excluded.n, n_inside = old.n_inside + excluded.n_inside, n_below = old.n_below + excluded.n_below,
    abs_error_s = old.abs_error_s + excluded.abs_error_s, persist_s = old.persist_s + excluded.persist_s
"""

_STREAMS = """
SELECT split_part(device_id, '/', 4), coalesce(item, ''), datastream_id FROM device JOIN datastream USING (device_id)
WHERE type_name = %(kind)s AND property = %(property)s AND retired_at IS NULL
ORDER BY 1, 2, 3
"""

_OFFSET = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM phenomenon_time - received_time)) FROM (
    SELECT phenomenon_time, received_time FROM hall_event
    WHERE hall_id = %(hall)s AND phenomenon_time > %(since)s AND phenomenon_time < %(until)s
      AND received_time > %(received)s AND received_time <= %(known_at)s
    ORDER BY phenomenon_time DESC LIMIT 50
) newest
"""

_ARRIVALS = """
SELECT key, newest.* FROM derived_series
CROSS JOIN LATERAL (
    SELECT datastream_id, issued_at, first_target, step_s, q10, q50, q90, model, model_version, watermark, fallback_reason
    FROM forecast
    WHERE forecast.datastream_id = derived_series.series_id AND issued_at <= %(at)s AND issued_at > %(since)s
    ORDER BY issued_at DESC LIMIT 1
) newest
WHERE key LIKE %(like)s
"""
