"""Headline figures: today against the same time on the clock yesterday.

Days are local days of the city. `good` says which way is better: 1 up, -1 down, 0 neither. A figure that nothing was measured for
is None, and so is that of yesterday when the memory does not reach back to yesterday's beginning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dashboard.figures.readiness import Readiness, readiness
from storage.overview import Compared, OverviewSnapshot, Tally, UnitNow, Waits


@dataclass(frozen=True, slots=True)
class Headline:
    """One figure: value and that of yesterday, unit (a key of the catalogue), how many cases it stands on, when the newest was,
    as of when it was taken, where it is from."""

    key: str
    value: float | None
    unit_key: str
    before: float | None
    n: int
    measured: datetime | None
    taken: datetime
    good: int
    source: str
    detail: Mapping[str, float | None] = field(default_factory=dict)


def headlines(snapshot: OverviewSnapshot, ready: Readiness, yesterday: Compared) -> list[Headline]:
    """The six figures, in the order of the screen."""
    slow, at = snapshot.minutely, snapshot.moment.at
    first_incident, first_request = snapshot.incident_days.oldest, snapshot.request_days.oldest
    incidents_before = slow.incidents_before if first_incident and first_incident <= yesterday.start else None
    requests_before = slow.requests_before if first_request and first_request <= yesterday.start else None
    units_before = readiness(slow.units_before)
    response = _city_response(snapshot)
    wait, wait_before = _city(slow.waits_hour), _city(snapshot.hall_days.waits_hour_before)
    return [
        _count("incidents_today", snapshot.incidents_today, incidents_before, "unit.cases", at, -1, first_incident is not None,
               "incident · storage.overview.count_reported"),
        _count("requests_today", snapshot.requests_today, requests_before, "unit.requests", at, -1, first_request is not None,
               "request · storage.overview.count_asked"),
        _count("served_today", slow.served, slow.served_before, "unit.persons", slow.taken_at, 1,
               bool((slow.served and slow.served.n) or (slow.served_before and slow.served_before.n)),
               "hall_event · storage.overview.count_served"),
        response,
        Headline("units_ready", ready.ready if ready.kinds else None, "unit.vehicles",
                 units_before.ready if _said_any(slow.units_before) else None, sum(kind.total for kind in ready.kinds),
                 ready.measured, at, 1, "unit, unit_status · storage.overview.list_unit_statuses"),
        Headline("wait_p90_min", wait.p90_s / 60 if wait else None, "unit.minutes",
                 wait_before.p90_s / 60 if wait_before else None, wait.n if wait else 0, wait.newest if wait else None,
                 slow.taken_at, -1, "hall_event · storage.overview.list_waits", {"p50": wait.p50_s / 60 if wait else None}),
    ]  # fmt: skip


def _city_response(snapshot: OverviewSnapshot) -> Headline:
    slow = snapshot.minutely
    now, before = slow.response, slow.response_before
    value = now.p50_s / 60 if now and now.p50_s is not None else None
    was = before.p50_s / 60 if before and before.p50_s is not None else None
    p90 = now.p90_s / 60 if now and now.p90_s is not None else None
    return Headline(
        "response_min", value, "unit.minutes", was, now.n if now else 0, now.newest if now else None, slow.taken_at, -1,
        "incident, dispatch_order, unit_status · storage.overview.find_response", {"p90": p90},
    )  # fmt: skip


def _said_any(units: Iterable[UnitNow]) -> bool:
    return any(unit.since is not None for unit in units)


def _count(
    key: str, now: Tally | None, before: Tally | None, unit: str, taken: datetime, good: int, has_data: bool, source: str
) -> Headline:
    value = now.n if now is not None and has_data else None
    return Headline(
        key, value, unit, before.n if before is not None and has_data else None, now.n if now else 0,
        now.newest if now else None, taken, good, source,
    )  # fmt: skip


def _city(waits: tuple[Waits, ...]) -> Waits | None:
    return next((of for of in waits if of.district_code is None), None)
