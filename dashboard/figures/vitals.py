"""Vital signs of the city: eight figures with a word for where they stand, their share of a scale and their last 24 hours.

Each figure is made of what stands for now (dashboard.figures.present); air quality, which its standard defines by the hour, of
the last full hours. Without data a figure is None and has no word. The sentence that says how a figure is made is in the
catalogue under `how.` and its key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from dashboard.figures import traffic
from dashboard.figures.present import HOURS_SHOWN, Hours, Present
from domain import air
from domain.indices import IndexPolicy, Scale
from storage.overview import ReadingNow, is_supplied

DAY = timedelta(days=1)
LEAST_DAYS = 3
"""Earlier days without which nothing counts as usual."""

RAIN_BANDS = ((0.1, "none"), (2.5, "light"), (8.0, "moderate"), (16.0, "heavy"))
"""Up to how many millimetres in an hour; above the last, "storm": the customary steps of Chinese weather services."""
RAIN_SHARE = Scale(((0, 0), (2.5, 0.25), (8, 0.5), (16, 0.75), (50, 1)))
CROWD_BANDS = ((0.8, "few"), (1.2, "usual"), (1.5, "many"))
"""Below which ratio to what is usual; from the last on, "crowded"."""
POWER_BANDS = ((95.0, "out"), (99.0, "partly_out"))
"""Below which share of the points measured, %; from the last on, "normal"."""
ONLINE_BANDS = ((80.0, "poor"), (95.0, "fair"))

READINGS = "latest, device · storage.overview.list_readings"
HOURLY = "district_hour · storage.overview.list_hours"


@dataclass(frozen=True, slots=True)
class Vital:
    """One figure: `value` in `unit` (a key of the catalogue), the catalogue's key of its word, its share (0-1) of its scale, when
    the newest of its `n` values was measured, its hourly values (oldest first, full hours), where it is from, what else there is
    to say of it."""

    key: str
    value: float | None
    unit: str | None
    band: str | None
    share: float | None
    measured: datetime | None
    n: int
    hours: Sequence[float | None]
    source: str = f"{READINGS}; {HOURLY}"
    detail: Mapping[str, Any] = field(default_factory=dict)


def vitals(
    now: Present, hours: Hours, free: Mapping[str, float], policy: IndexPolicy, *, people_before: Hours,
    power_hours: Mapping[datetime, float], heard_hours: Mapping[datetime, float] | None,
) -> list[Vital]:  # fmt: skip
    """All eight, in the order of the screen. `free` are free-flow speeds by district; `people_before` the hours of earlier days;
    `power_hours` and `heard_hours` shares in % by hour."""
    return [
        _traffic(now, hours, free),
        _air(now, hours, policy),
        _rain(now, hours),
        _river(now, hours, policy),
        _power(now, power_hours, hours),
        _water_pressure(now, hours, policy),
        _crowd(now, people_before),
        _online(now, heard_hours, hours),
    ]


def _traffic(now: Present, hours: Hours, free: Mapping[str, float]) -> Vital:
    index = traffic.city_index(loops_by_district(now), free)
    mean = now.mean(traffic.SPEED) if index is not None else None
    return Vital(
        "traffic_index", index, None, _word("traffic", index, traffic.band), _part(index, 10),
        mean.measured if mean else None, mean.n if mean else 0,
        hours.shown(lambda hour: traffic.index_of_hour(hours, hour, free)),
        detail={"speed_km_h": mean.value if mean else None},
    )  # fmt: skip


def loops_by_district(now: Present) -> dict[str, tuple[int, float]]:
    """District → loops that stand for now, their mean speed."""
    found = {code: now.mean(traffic.SPEED, code) for code in now.districts}
    return {code: (mean.n, mean.value) for code, mean in found.items() if mean is not None}


def district_air(hours: Hours, policy: IndexPolicy, district: str | None, back: int = 0) -> air.AirQuality | None:
    """Air quality of a district (None: the city) by the full hours up to `back` hours before the last."""
    last = 2 * HOURS_SHOWN - back
    means = {pollutant: hours.means(pollutant, district)[last - HOURS_SHOWN : last] for pollutant in air.POLLUTANTS}
    return air.air_quality(means, particulate_h=policy.particulate_h)


def _air(now: Present, hours: Hours, policy: IndexPolicy) -> Vital:
    course = [district_air(hours, policy, None, back) for back in range(HOURS_SHOWN - 1, -1, -1)]
    found = course[-1]
    stations = {r.device_id for pollutant in air.POLLUTANTS for r in now.readings.get(pollutant, ())}
    return Vital(
        "aqi", found.aqi if found else None, None, _word("aqi", found.aqi if found else None, air.band),
        _part(found.aqi if found else None, 300), hours.until if found else None, len(stations) if found else 0,
        [of.aqi if of else None for of in course], HOURLY,
        {"primary": found.primary, "by_pollutant": dict(found.by_pollutant)} if found else {},
    )  # fmt: skip


def _rain(now: Present, hours: Hours) -> Vital:
    mean = now.mean("precipitation")
    value = mean.value if mean else None
    by_district = [of.value for code in now.districts if (of := now.mean("precipitation", code)) is not None]
    return Vital(
        "rain", value, "unit.mm_h", _word("rain", value, lambda v: _step(v, RAIN_BANDS, "storm", inclusive=True)),
        None if value is None else RAIN_SHARE.at(value), mean.measured if mean else None, mean.n if mean else 0,
        hours.shown(lambda hour: hours.mean("precipitation", hour)), detail={"max_district": max(by_district, default=None)},
    )  # fmt: skip


def _river(now: Present, hours: Hours, policy: IndexPolicy) -> Vital:
    highest = _highest(now.of("waterLevel"))
    level = highest.value if highest else None

    def word(value: float) -> str:
        return "guarantee" if value >= policy.river_guarantee_m else "warning" if value >= policy.river_warning_m else "normal"

    def of_hour(hour: datetime) -> float | None:
        return max((row.high for row in hours.at("waterLevel", hour).values()), default=None)

    return Vital(
        "river", level, "unit.metres", _word("river", level, word), _part(level, policy.river_guarantee_m),
        highest.phenomenon_time if highest else None, len(now.of("waterLevel")), hours.shown(of_hour),
        detail={"device": highest.device_id if highest else None, "warning_m": policy.river_warning_m,
                "guarantee_m": policy.river_guarantee_m},
    )  # fmt: skip


def _power(now: Present, power_hours: Mapping[datetime, float], hours: Hours) -> Vital:
    share = supplied_share(now.of("voltage"))
    newest = now.mean("voltage")
    return Vital(
        "power", share, "unit.percent", _word("power", share, lambda v: _step(v, POWER_BANDS, "normal")), _part(share, 100),
        newest.measured if newest else None, newest.n if newest else 0, hours.shown(power_hours.get),
        f"{READINGS}; observation · storage.overview.list_power_hours",
        {"out": sum(not is_supplied(r.value) for r in now.of("voltage") if r.value is not None)},
    )  # fmt: skip


def supplied_share(readings: Sequence[ReadingNow]) -> float | None:
    """Points whose voltage is within the tolerance of a nominal one, % of those measured."""
    said = [is_supplied(r.value) for r in readings if r.value is not None]
    return 100 * sum(said) / len(said) if said else None


def _water_pressure(now: Present, hours: Hours, policy: IndexPolicy) -> Vital:
    mean = now.mean("waterPressure")
    low, target = policy.water_pressure_low_kpa, policy.water_pressure_target_kpa
    value = mean.value if mean else None
    said = [r.value for r in now.of("waterPressure") if r.value is not None]
    return Vital(
        "water_pressure", value, "unit.kpa",
        _word("water_pressure", value, lambda v: "low" if v < low else "reduced" if v < target else "normal"),
        None if value is None else Scale(((0, 0), (low, 0.25), (target, 0.75), (2 * target, 1))).at(value),
        mean.measured if mean else None, mean.n if mean else 0, hours.shown(lambda hour: hours.mean("waterPressure", hour)),
        detail={"lowest": min(said, default=None), "low_points": sum(v < low for v in said), "low_kpa": low,
                "target_kpa": target},
    )  # fmt: skip


def _crowd(now: Present, before: Hours) -> Vital:
    """People at all counters together; counters that are silent count as the mean of their district."""
    mean = now.mean("peopleCount")
    by_district = {code: of.value for code in now.districts if (of := now.mean("peopleCount", code)) is not None}
    value = _total(by_district, now)
    usual = usual_people(now, before)
    ratio = value / usual if value is not None and usual else None
    return Vital(
        "crowd", value, "unit.people", _word("crowd", ratio, lambda v: _step(v, CROWD_BANDS, "crowded")), _part(ratio, 2),
        mean.measured if mean else None, mean.n if mean else 0, before.shown(lambda hour: people_of_hour(now, before, hour)),
        detail={"usual": usual, "ratio": ratio},
    )  # fmt: skip


def people_of_hour(now: Present, hours: Hours, hour: datetime) -> float | None:
    """People at all counters in the mean of an hour."""
    return _total({code: row.mean for code, row in hours.at("peopleCount", hour).items()}, now)


def usual_people(now: Present, before: Hours) -> float | None:
    """The mean of the same hour on the seven days before; None with fewer than LEAST_DAYS of them."""
    said = [people_of_hour(now, before, before.until - back * DAY) for back in range(1, 8)]
    known = [value for value in said if value is not None]
    return sum(known) / len(known) if len(known) >= LEAST_DAYS else None


def _total(by_district: Mapping[str, float], now: Present) -> float | None:
    """Mean per counter × counters, over the districts that have both."""
    said = [mean * now.streams["peopleCount", code] for code, mean in by_district.items() if ("peopleCount", code) in now.streams]
    return sum(said) if said else None


def _online(now: Present, heard_hours: Mapping[datetime, float] | None, hours: Hours) -> Vital:
    live, n = (sum(counts[k] for counts in now.devices.values()) for k in (0, 1))
    share = 100 * live / n if n else None
    return Vital(
        "online", share, "unit.percent", _word("online", share, lambda v: _step(v, ONLINE_BANDS, "good")), _part(share, 100),
        now.newest, n, [None] * HOURS_SHOWN if heard_hours is None else hours.shown(heard_hours.get),
        f"{READINGS}; ingest_ledger · storage.overview.count_heard", {"live": live, "silent": n - live},
    )  # fmt: skip


def _highest(readings: Sequence[ReadingNow]) -> ReadingNow | None:
    return max((r for r in readings if r.value is not None), key=lambda r: r.value or 0.0, default=None)


def _word(kind: str, value: float | None, band: Callable[[float], str]) -> str | None:
    """The catalogue's key of the word for a value."""
    return None if value is None else f"band.{kind}.{band(value)}"


def _step(value: float, bands: Sequence[tuple[float, str]], beyond: str, *, inclusive: bool = False) -> str:
    return next((word for limit, word in bands if value < limit or (inclusive and value == limit)), beyond)


def _part(value: float | None, whole: float) -> float | None:
    return None if value is None else min(1.0, max(0.0, value / whole))
