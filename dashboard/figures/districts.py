"""Districts: the composite index with its parts, and the figures a map may be coloured by.

Values of the parts: `traffic` the traffic index (0-10); `air` the AQI; `water` the highest of level over warning stage and of
depth in underpasses over the wading depth (1 is where it becomes dangerous); `safety` incidents of the last 24 hours by their
grade's points, over what is usual; `service` the 90th percentile of the waits in halls over 24 hours, minutes; `requests` those
of 24 hours over what is usual; `devices` the share that is live, %. A score (0-100, 100 is best) follows from a value by the
part's scale. The index is the mean of the scores by weight; a part without data is left out and the others share its weight; with
less than `least_weight` of the weights there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.figures import traffic
from dashboard.figures.present import Hours, Present
from dashboard.figures.vitals import LEAST_DAYS, district_air, loops_by_district, supplied_share
from domain.indices import IndexPolicy
from storage.overview import IncidentCount, RequestCount, Waits

DAY = timedelta(days=1)

UNITS: dict[str, str | None] = {
    "traffic": None, "air": None, "water": "unit.ratio", "safety": "unit.ratio", "service": "unit.minutes",
    "requests": "unit.ratio", "devices": "unit.percent",
}  # fmt: skip
SOURCES = {
    "traffic": "latest · storage.overview.list_readings; district_hour · storage.overview.list_hours",
    "air": "district_hour · storage.overview.list_hours",
    "water": "latest · storage.overview.list_readings",
    "safety": "incident, incident_history · storage.overview.count_incidents",
    "service": "hall_event · storage.overview.list_waits",
    "requests": "request · storage.overview.count_requests",
    "devices": "latest, device · storage.overview.list_readings",
}


@dataclass(frozen=True, slots=True)
class PartNow:
    """A part: its value and score (None without data), its share of the index (0 without data), of how many things and when."""

    key: str
    value: float | None
    score: float | None
    weight: float
    share: float
    n: int
    measured: datetime | None


@dataclass(frozen=True, slots=True)
class DistrictNow:
    """A district: its place among those with an index (1 is best), the index, the parts, the figures for the map."""

    code: str
    rank: int | None
    score: float | None
    parts: tuple[PartNow, ...]
    metrics: Mapping[str, float | None]

    @property
    def missing(self) -> tuple[str, ...]:
        """The parts whose weight the others share."""
        return tuple(part.key for part in self.parts if part.score is None)


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted in the last 24 hours (`now`) and is usual for them (None: too few earlier days), by district."""

    now: Mapping[str, float]
    usual: Mapping[str, float] | None
    n: Mapping[str, int]

    def ratio(self, district: str, damping: float) -> float | None:
        """(now + damping) ÷ (usual + damping): few cases do not swing it."""
        if self.usual is None:
            return None
        return (self.now.get(district, 0.0) + damping) / (self.usual.get(district, 0.0) + damping)


UNKNOWN = Counts({}, None, {})


def days_known(oldest: datetime | None, at: datetime, most: int) -> int:
    """How many whole spans of 24 hours before the last one lie within what is stored, `most` at most."""
    return 0 if oldest is None else max(0, min(most, (at - oldest) // DAY - 1))


def usual_incidents(before: Iterable[IncidentCount], days: int, points: Mapping[str, float]) -> dict[str, float] | None:
    """Points of incidents a day by district, over so many earlier days; None with fewer than LEAST_DAYS."""
    if days < LEAST_DAYS:
        return None
    usual = _Sums()
    for of in before:
        if of.days_back <= days:
            usual.add(of.district_code, of.n * points.get(of.grade, 1.0) / days)
    return usual


def counted_incidents(
    day: Iterable[IncidentCount] | None, usual: Mapping[str, float] | None, points: Mapping[str, float]
) -> Counts:
    """Incidents of the last 24 hours by district, in points of their grades. None: not known, and no ratio either."""
    if day is None:
        return UNKNOWN
    now, n = _Sums(), Counter[str]()
    for of in day:
        now.add(of.district_code, of.n * points.get(of.grade, 1.0))
        n[of.district_code] += of.n
    return Counts(now, usual, n)


def counted_requests(day: Iterable[RequestCount] | None, usual: Mapping[tuple[str, str], float] | None) -> Counts:
    """Requests of the last 24 hours by district; `usual` is by class and district. None: not known, and no ratio either."""
    if day is None:
        return UNKNOWN
    n = Counter[str]()
    for of in day:
        n[of.district_code] += of.n
    by_district = _Sums()
    for (_, code), mean in (usual or {}).items():
        by_district.add(code, mean)
    return Counts(n, None if usual is None else by_district, n)


class _Sums(dict[str, float]):
    def add(self, key: str, what: float) -> None:
        self[key] = self.get(key, 0.0) + what


def composite(parts: Sequence[PartNow], least_weight: float) -> tuple[float | None, tuple[PartNow, ...]]:
    """The index and the parts with the share each has in it."""
    known = sum(part.weight for part in parts if part.score is not None)
    whole = sum(part.weight for part in parts)
    shared = tuple(
        PartNow(p.key, p.value, p.score, p.weight, p.weight / known if p.score is not None and known else 0.0, p.n, p.measured)
        for p in parts
    )
    if not known or known < least_weight * whole:
        return None, shared
    return sum(p.share * p.score for p in shared if p.score is not None), shared


def districts(
    now: Present, hours: Hours, free: Mapping[str, float], policy: IndexPolicy, *, incidents: Counts, requests: Counts,
    waits_hour: Iterable[Waits], waits_day: Iterable[Waits], units_ready: Mapping[str, int], codes: Iterable[str] = (),
) -> list[DistrictNow]:  # fmt: skip
    """Every district that has a device, a case or a name of its own (`codes`), best index first, those without one last."""
    in_hour = {of.district_code: of for of in waits_hour if of.district_code is not None}
    in_day = {of.district_code: of for of in waits_day if of.district_code is not None}
    known = {*now.districts, *incidents.now, *requests.now, *units_ready, *codes} - {""}
    loops = loops_by_district(now)
    found = []
    for code in sorted(known):
        index = traffic.city_index({code: loops[code]}, free) if code in loops else None
        aqi = district_air(hours, policy, code)
        live, n = now.devices.get(code, (0, 0))
        values: dict[str, tuple[float | None, int, datetime | None]] = {
            "traffic": (index, *_of(now, traffic.SPEED, code)),
            "air": (float(aqi.aqi) if aqi else None, _of(now, "pm25", code)[0], hours.until if aqi else None),
            "water": _water(now, code, policy),
            "safety": (incidents.ratio(code, policy.damping), incidents.n.get(code, 0), now.at),
            "service": _service(in_day.get(code)),
            "requests": (requests.ratio(code, policy.damping), requests.n.get(code, 0), now.at),
            "devices": (100 * live / n if n else None, n, now.newest if n else None),
        }
        parts = [_part(key, part.weight, part.scale.at, *values[key]) for key, part in policy.parts.items() if part.weight > 0]
        score, shared = composite(parts, policy.least_weight)
        rain, people, pressure = (now.mean(name, code) for name in ("precipitation", "peopleCount", "waterPressure"))
        metrics: dict[str, float | None] = {
            "index": score,
            "traffic_index": index,
            "speed_km_h": loops[code][1] if code in loops else None,
            "aqi": aqi.aqi if aqi else None,
            "rain": rain.value if rain else None,
            "people": people.value * people.n if people else None,
            "water": values["water"][0],
            "water_pressure": pressure.value if pressure else None,
            "power": supplied_share(now.of("voltage", code)),
            "incidents_24h": incidents.n.get(code, 0) if incidents.usual is not None or incidents.n else None,
            "requests_24h": requests.n.get(code, 0) if requests.usual is not None or requests.n else None,
            "wait_p90_min": in_hour[code].p90_s / 60 if code in in_hour else None,
            "devices_fresh_share": live / n if n else None,
            "units_ready": units_ready.get(code, 0) if units_ready else None,
        }
        found.append(DistrictNow(code, None, score, shared, metrics))
    return ranked(found)


def ranked(found: Iterable[DistrictNow]) -> list[DistrictNow]:
    """Best index first; equal ones share a rank, those without an index have none and come last."""
    ordered = sorted(found, key=lambda d: (d.score is None, -(d.score or 0.0), d.code))
    scores = [d.score for d in ordered]
    return [
        DistrictNow(d.code, None if d.score is None else scores.index(d.score) + 1, d.score, d.parts, d.metrics) for d in ordered
    ]


def _part(
    key: str, weight: float, score: Callable[[float], float], value: float | None, n: int, measured: datetime | None
) -> PartNow:
    return PartNow(key, value, None if value is None else score(value), weight, 0.0, n, measured)


def _of(now: Present, name: str, code: str) -> tuple[int, datetime | None]:
    mean = now.mean(name, code)
    return (mean.n, mean.measured) if mean else (0, None)


def _water(now: Present, code: str, policy: IndexPolicy) -> tuple[float | None, int, datetime | None]:
    """The worst ratio to what is dangerous, of how many gauges, when."""
    said = [
        (r.value / danger, r.phenomenon_time)
        for name, danger in (("waterLevel", policy.river_warning_m), ("waterDepth", policy.wading_depth_m))
        for r in now.of(name, code)
        if r.value is not None and r.phenomenon_time is not None
    ]
    if not said:
        return None, 0, None
    return max(0.0, *(ratio for ratio, _ in said)), len(said), max(time for _, time in said)


def _service(waits: Waits | None) -> tuple[float | None, int, datetime | None]:
    return (waits.p90_s / 60, waits.n, waits.newest) if waits else (None, 0, None)
