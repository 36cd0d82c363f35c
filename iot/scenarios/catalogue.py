"""The catalogue: the scenarios that can be started in the simulated city, with their parameters and what scenes they are made of.

A plan is a pure function of city, weather, seed, start and parameters: a simulator that is started again plans the same. Any of
them may run at the same time: the city adds up their scenes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gis_data.city import City, Place
from iot.plane import distance_m, moved
from iot.scenarios.background import Wind
from iot.scenarios.scenes import (
    Downpour,
    GasRelease,
    HallRush,
    NetworkOutage,
    PowerCut,
    Scene,
    TrainStandstill,
)
from iot.simulated.chance import key, normal, uniform

Value = float | str
LIST_SEPARATOR, ALL = ",", "all"


@dataclass(frozen=True, slots=True)
class Parameter:
    """What can be asked of a scenario: a number within limits, in a unit, or some of the `choices`, ids of places or names."""

    zh: str
    en: str
    default: Value
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    is_list: bool = False


Parameters = Mapping[str, Parameter]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One entry. `lasts_min` is how long its causes last as a rule, `parameters` looks for its places in a city (raises
    ValueError where there are none), `compose` makes the scenes."""

    name: str
    zh: str
    en: str
    about_zh: str
    about_en: str
    lasts_min: float
    parameters: Callable[[City, int], Parameters] = field(repr=False)
    compose: Callable[..., tuple[Scene, ...]] = field(repr=False)

    def asks(self, city: City, seed: int) -> dict[str, Parameter]:
        """What can be asked of it in a city. Raises ValueError with one sentence where it cannot be."""
        lasts = Parameter("持续时间", "how long the cause lasts", self.lasts_min, "min", 1, 24 * 60)
        return {"lasts_min": lasts, **self.parameters(city, seed)}

    def settings(self, city: City, seed: int, given: Mapping[str, Value]) -> dict[str, Value]:
        """Every parameter with its value, as given or as usual. Raises ValueError with one sentence for what cannot be."""
        known = self.asks(city, seed)
        for name in given:
            if name not in known:
                raise ValueError(f"{self.name} has no parameter '{name}': expected one of {', '.join(known)}")
        return {name: _checked(self.name, name, given[name], of) if name in given else of.default for name, of in known.items()}

    def plan(self, city: City, weather: Wind, seed: int, start_s: float, **given: Value) -> tuple[Scene, ...]:
        """The scenes of a run that begins at `start_s` (seconds since 1970 UTC). Raises ValueError as `settings` does."""
        settings = self.settings(city, seed, given)
        lasts_s = 60 * float(settings.pop("lasts_min"))
        return self.compose(city, weather, key(seed, self.name, round(start_s)), start_s, lasts_s, **settings)


def _checked(scenario: str, name: str, value: Value, of: Parameter) -> Value:
    named = f"{scenario}: {name} is '{value}'"
    if not of.choices:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not of.low <= number <= of.high:
            raise ValueError(f"{named}: expected a number from {of.low:g} to {of.high:g} {of.unit}, such as {of.default}")
        return number
    picked = str(value).split(LIST_SEPARATOR) if of.is_list else [str(value)]
    if unknown := [word for word in picked if word not in of.choices]:
        some = ", ".join(of.choices[:12]) + (" …" if len(of.choices) > 12 else "")
        raise ValueError(f"{named}: there is no '{unknown[0]}'; expected {'some' if of.is_list else 'one'} of {some}")
    return str(value)


# Rainstorm -----------------------------------------------------------------------------------------------------------------

CELL_LIVES_S = 2_400.0
CELL_DRIFT = 0.4
"""Share of the wind near the ground at which the cells drift: a storm floods where it hardly moves."""


def _storm(city: City, seed: int) -> Parameters:
    return {
        "peak_mm_h": Parameter("雨强峰值", "rain at its heaviest", 110.0, "mm/h", 1, 300),
        "radius_m": Parameter("雨区半径", "where rain is 0.6 of its heaviest", 9_000.0, "m", 500, 50_000),
        "centre": Parameter(
            "暴雨中心", "the district under its middle", _middle(city), choices=tuple(d.code for d in city.districts)
        ),
    }


def _middle(city: City) -> str:
    return min(city.districts, key=lambda d: float(distance_m(d.centroid[0], d.centroid[1], *city.centre))).code


def _rain(
    city: City, wind: Wind, seed: int, start_s: float, lasts_s: float, *, peak_mm_h: float, radius_m: float, centre: str
) -> tuple[Scene, ...]:
    """Cells that live some forty minutes, each beginning in the middle of the one before: since sin² + cos² = 1, it rains with
    the whole strength from the middle of the first to the middle of the last. All pass within a sixth of their radius or so of
    the same place."""
    district = city.find_district(centre)
    assert district is not None
    n = max(1, round(2 * lasts_s / CELL_LIVES_S) - 1)
    life_s = 2 * lasts_s / (n + 1)
    cells = []
    for k in range(n):
        begins_s = start_s + k * life_s / 2
        lon, lat = moved(*district.centroid, *(radius_m / 6 * float(normal(seed, 2 * k + axis)) for axis in (0, 1)))
        speed, towards = CELL_DRIFT * float(wind.wind_m_s(begins_s)), float(wind.wind_towards_rad(begins_s))
        cells.append(Downpour(begins_s, life_s, peak_mm_h, radius_m, lon, lat, speed, towards))
    return tuple(cells)


# Factory gas leak ----------------------------------------------------------------------------------------------------------


def _works(city: City, seed: int) -> Parameters:
    works = [p for p in city.places_of("factory") if _number(p, "ammonia_t")]
    return {
        "factory": _place(city, works, seed, "泄漏工厂", "the factory", "place of kind factory with ammonia_t"),
        "tonnes": Parameter("泄漏量", "ammonia let out", 3.0, "t", 0.01, 50),
    }


def _leak(city: City, wind: Wind, seed: int, start_s: float, lasts_s: float, *, factory: str, tonnes: float) -> tuple[Scene, ...]:
    """A vessel that runs out evenly more slowly loses half of what it would at its first rate, Q₀ = 2 m ÷ t; at the most what the
    works hold."""
    works = _get_place(city, factory)
    tonnes = min(tonnes, _number(works, "ammonia_t"))
    speed, towards = float(wind.wind_m_s(start_s)), float(wind.wind_towards_rad(start_s))
    return (GasRelease(start_s, lasts_s, 2e6 * tonnes / lasts_s, works.lon, works.lat, speed, towards),)


# Metro breakdown -----------------------------------------------------------------------------------------------------------


def _line(city: City, seed: int) -> Parameters:
    lines = sorted(_stations_by_line(city))
    if not lines:
        raise ValueError("the city has no metro station: expected places of kind metro_station")
    return {
        "line": Parameter("停运线路", "the line", _drawn(lines, seed, "line"), choices=tuple(lines)),
        "arriving_per_min": Parameter("每站每分钟进站人数", "people who come to each station", 40.0, "/min", 0, 1_000),
    }


def _standstill(
    city: City, wind: Wind, seed: int, start_s: float, lasts_s: float, *, line: str, arriving_per_min: float
) -> tuple[Scene, ...]:
    stations = tuple((p.lon, p.lat) for p in _stations_by_line(city)[line])
    return (TrainStandstill(start_s, lasts_s, line, stations, arriving_per_min),)


def _stations_by_line(city: City) -> dict[str, list[Place]]:
    """The stations of each metro line, by its Chinese name; those of a city that does not name lines are one line."""
    lines: dict[str, list[Place]] = {}
    for station in city.places_of("metro_station"):
        for line in str(station.attributes.get("lines", "轨道交通")).split("、"):
            lines.setdefault(line, []).append(station)
    return lines


# Hall surge ----------------------------------------------------------------------------------------------------------------


def _halls(city: City, seed: int) -> Parameters:
    ids = tuple(p.id for p in city.places_of("service_hall"))
    if not ids:
        raise ValueError("the city has no service hall: expected places of kind service_hall")
    return {
        "halls": Parameter("办事大厅", "the halls", ALL, choices=(ALL, *ids), is_list=True),
        "factor": Parameter("人流倍数", "how many times as many people come", 2.5, "", 1, 20),
    }


def _surge(city: City, wind: Wind, seed: int, start_s: float, lasts_s: float, *, halls: str, factor: float) -> tuple[Scene, ...]:
    chosen = tuple(halls.split(LIST_SEPARATOR))
    return (HallRush(start_s, lasts_s, () if ALL in chosen else chosen, factor),)


# Power failure -------------------------------------------------------------------------------------------------------------


def _substation(city: City, seed: int) -> Parameters:
    inmost = sorted(city.places_of("substation"), key=lambda p: float(distance_m(p.lon, p.lat, *city.centre)))
    return {
        "substation": _place(city, inmost, seed, "停电变电站", "the substation", "place of kind substation", usual=8),
        "radius_m": Parameter("停电半径", "how far around it there is no power", 1_500.0, "m", 100, 20_000),
    }


def _cut(
    city: City, wind: Wind, seed: int, start_s: float, lasts_s: float, *, substation: str, radius_m: float
) -> tuple[Scene, ...]:
    at = _get_place(city, substation)
    return (PowerCut(start_s, lasts_s, at.lon, at.lat, radius_m),)


# Sensor network failure ----------------------------------------------------------------------------------------------------


def _networks(city: City, seed: int) -> Parameters:
    """Unless told, not that of the works that leak unless told: the two scenarios together would show nothing of either."""
    codes = [d.code for d in city.districts]
    works = [p for p in city.places_of("factory") if _number(p, "ammonia_t")]
    leaks_in = _get_place(city, str(_works(city, seed)["factory"].default)).district_code if works else None
    order = sorted(codes, key=lambda code: (code == leaks_in, float(uniform(key(seed, "networks", code), 0))))
    lost = LIST_SEPARATOR.join(sorted(order[: max(1, len(codes) // 6)]))
    return {"districts": Parameter("中断区域", "the districts", lost, choices=tuple(codes), is_list=True)}


def _outage(city: City, wind: Wind, seed: int, start_s: float, lasts_s: float, *, districts: str) -> tuple[Scene, ...]:
    return (NetworkOutage(start_s, lasts_s, tuple(districts.split(LIST_SEPARATOR))),)


# ---------------------------------------------------------------------------------------------------------------------------

CATALOGUE: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "rainstorm", "暴雨内涝", "Rainstorm and urban flood",
            "近乎停滞的雨带数小时内持续带来暴雨，河道上涨，下穿通道积水，道路受阻。",
            "A storm that hardly moves rains on the city for hours: streams and river rise, underpasses fill, roads are cut off.",
            150, _storm, _rain,
        ),
        Scenario(
            "gas-leak", "工厂泄漏", "Factory gas leak",
            "一家工厂的氨储罐破裂，氨气顺风扩散。",
            "An ammonia tank of a factory breaks, and the gas drifts downwind.",
            40, _works, _leak,
        ),
        Scenario(
            "metro-breakdown", "地铁故障", "Metro breakdown with crowding",
            "一条轨道交通线路停运，各站乘客滞留。",
            "The trains of one line stand still, and crowds gather at its stations.",
            50, _line, _standstill,
        ),
        Scenario(
            "hall-surge", "大厅办事高峰", "Surge at the service halls",
            "前往政务大厅办事的人数增至平日的数倍，排队变长。",
            "Several times as many people as usual come to the service halls, and queues grow.",
            90, _halls, _surge,
        ),
        Scenario(
            "power-failure", "停电", "Power failure",
            "一座变电站跳闸，周边停电。",
            "A substation trips, and there is no power around it.",
            60, _substation, _cut,
        ),
        Scenario(
            "network-failure", "传感网络中断", "Sensor network failure",
            "部分区域的网关断线，设备失联；恢复后补传中断期间的数据。",
            "Gateways of some districts lose their lines; what was measured meanwhile comes late, when the lines are back.",
            15, _networks, _outage,
        ),
    )
}  # fmt: skip


def get_scenario(name: str) -> Scenario:
    """The entry of that name. Raises ValueError naming those that exist."""
    if name not in CATALOGUE:
        raise ValueError(f"there is no scenario '{name}': expected one of {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def _place(
    city: City, among: Sequence[Place], seed: int, zh: str, en: str, expected: str, *, usual: int | None = None
) -> Parameter:
    """The id of one of the places; without being told, one of the first so many."""
    if not among:
        raise ValueError(f"{city.name_en} has no {expected}: expected at least one; build the city again with this version")
    ids = tuple(place.id for place in among)
    return Parameter(zh, en, _drawn(ids[:usual], seed, en), choices=ids)


def _get_place(city: City, place_id: str) -> Place:
    return next(place for place in city.places if place.id == place_id)


def _drawn(options: Sequence[str], seed: int, *words: str) -> str:
    return options[int(float(uniform(key(seed, "scenario", *words), 0)) * len(options))]


def _number(place: Place, attribute: str) -> float:
    value: Any = place.attributes.get(attribute, 0)
    return float(value or 0)
