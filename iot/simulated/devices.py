"""The sensors of the simulated city: which there are, where they stand, how often they speak. The same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
import shapely

from domain.sensors import PROPERTIES, SensorKind
from gis_data.city import ROAD_CLASSES, City, Place
from iot.payloads import Birth, BirthProperty
from iot.plane import distance_m
from iot.simulated.chance import key, uniform

N_LOOPS = 120
LOOP_SHARE = {"expressway": 0.15, "arterial": 0.5, "secondary": 0.35}
N_RIVER_GAUGES, N_STREAM_GAUGES = 8, 8
N_NOISE_METERS, N_CAR_PARKS = 24, 36
TIDE_REACH_M = 45_000.0

DOMAINS = {
    SensorKind.AIR_QUALITY: "air",
    SensorKind.WEATHER: "weather",
    SensorKind.TRAFFIC_FLOW: "traffic",
    SensorKind.FLOOD: "water",
    SensorKind.NOISE: "noise",
    SensorKind.PARKING: "parking",
}
INTERVAL_S = {
    SensorKind.AIR_QUALITY: 30,
    SensorKind.WEATHER: 30,
    SensorKind.TRAFFIC_FLOW: 10,
    SensorKind.FLOOD: 30,
    SensorKind.NOISE: 10,
    SensorKind.PARKING: 30,
}
"""Faster than such devices usually report, so that a demonstration is alive."""


@dataclass(frozen=True, slots=True)
class Device:
    """One sensor. `traits` are what its physics needs to know of it (class of road, capacity and so on).

    A stuck device repeats, every second day, what it read when that day began (UTC).
    """

    device_id: str
    kind: SensorKind
    lon: float
    lat: float
    name_zh: str
    name_en: str
    interval_s: int
    traits: Mapping[str, float] = field(default_factory=dict)
    is_stuck: bool = False

    @property
    def district_code(self) -> str:
        return self.device_id.split("/", 1)[0]

    def birth(self, at: datetime, interval_s: float | None = None) -> Birth:
        properties = {}
        for name in self.kind.properties:
            usual = PROPERTIES[name]
            properties[name] = BirthProperty(usual.unit, usual.low, self.traits.get("capacity", usual.high))
        return Birth(
            id="birth", ts=at, type=self.kind.type_name, position=(self.lon, self.lat), interval_s=interval_s or self.interval_s,
            properties=properties, name_zh=self.name_zh, name_en=self.name_en,
        )  # fmt: skip


def deploy(city: City, seed: int) -> tuple[Device, ...]:
    """The sensors of a city. Kinds whose places or layers the city lacks are left out."""
    return tuple(chain(
        _air_stations(city), _weather_stations(city), _loops(city, seed), _gauges(city, seed), _noise_meters(city),
        _car_parks(city, seed),
    ))  # fmt: skip


def _device(
    kind: SensorKind, district: str, site: str, name: str, at: tuple[float, float], zh: str, en: str, traits: Mapping[str, float],
    *, is_stuck: bool = False,
) -> Device:  # fmt: skip
    return Device(
        f"{district}/{DOMAINS[kind]}/{site}/{name}", kind, round(at[0], 6), round(at[1], 6), zh, en, INTERVAL_S[kind], traits,
        is_stuck,
    )  # fmt: skip


def _no_traits(place: Place) -> Mapping[str, float]:
    return {}


def _at_places(
    kind: SensorKind, prefix: str, places: Iterable[Place], zh: str, en: str,
    traits: Callable[[Place], Mapping[str, float]] = _no_traits,
) -> Iterator[Device]:  # fmt: skip
    """One device at each place that lies in a district."""
    for number, p in enumerate((p for p in places if p.district_code), 1):
        name, at = f"{prefix}-{number:03d}", (p.lon, p.lat)
        yield _device(kind, str(p.district_code), p.id, name, at, f"{p.name_zh}{zh}", f"{p.name_en} {en}", traits(p))


def _air_stations(city: City) -> Iterator[Device]:
    """A hospital and a school of each district."""
    places = [p for kind in ("hospital", "school") for p in _first_of_each_district(city.places_of(kind))]
    return _at_places(SensorKind.AIR_QUALITY, "air", places, "空气站", "air station")


def _weather_stations(city: City) -> Iterator[Device]:
    return _at_places(
        SensorKind.WEATHER, "weather", _first_of_each_district(city.places_of("fire_station")), "气象站", "weather station"
    )


def _noise_meters(city: City) -> Iterator[Device]:
    return _at_places(SensorKind.NOISE, "noise", _every(city.places_of("school"), N_NOISE_METERS), "噪声监测点", "noise meter")


def _car_parks(city: City, seed: int) -> Iterator[Device]:
    transit = (*city.places_of("railway_station"), *_every(city.places_of("metro_station"), 10))
    offices = (*city.places_of("service_hall"), *city.places_of("hospital"))

    def traits(place: Place) -> Mapping[str, float]:
        is_transit = place.kind in ("railway_station", "metro_station")
        draw = float(uniform(key(seed, "capacity", place.id), 0))
        return {"capacity": 20.0 * round((10 if is_transit else 7) + 24 * draw), "is_transit": float(is_transit)}

    chosen = [*transit, *offices][:N_CAR_PARKS]
    return _at_places(SensorKind.PARKING, "park", chosen, "停车场", "car park", traits)


def _loops(city: City, seed: int) -> Iterator[Device]:
    """Loops in the middle of stretches of the larger roads, apart from one another."""
    roads = city.layer("roads")
    if roads is None:
        return
    middle = shapely.get_coordinates(shapely.line_interpolate_point(roads.shapes, 0.5, normalized=True))
    order = np.argsort(uniform(key(seed, "loops"), np.arange(len(middle))))
    number = 0
    for road_class, share in LOOP_SHARE.items():
        of_class = [int(k) for k in order if roads.properties[k].get("class") == road_class]
        for k in _spaced(of_class, middle, round(N_LOOPS * share), 700.0, city):
            number += 1
            at = (float(middle[k][0]), float(middle[k][1]))
            district = city.district_of(*at)
            assert district is not None
            zh, en = roads.properties[k].get("name_zh") or road_class, roads.properties[k].get("name_en") or road_class
            traits = {"road_class": float(ROAD_CLASSES.index(road_class))}
            yield _device(
                SensorKind.TRAFFIC_FLOW, district.code, road_class, f"loop-{number:03d}", at, f"{zh}检测器 {number:03d}",
                f"{en} detector {number:03d}", traits, is_stuck=number == N_LOOPS // 3,
            )  # fmt: skip


def _gauges(city: City, seed: int) -> Iterator[Device]:
    """Gauges at bridges over the river and its streams."""
    roads, waters = city.layer("roads"), city.layer("waterways")
    if roads is None or waters is None:
        return
    bridges = [k for k, row in enumerate(roads.properties) if row.get("bridge")]
    middle = shapely.get_coordinates(shapely.line_interpolate_point(roads.shapes, 0.5, normalized=True))
    order = [bridges[k] for k in np.argsort(uniform(key(seed, "gauges"), np.arange(len(bridges))))]
    number = 0
    for kind, wanted, apart_m in (("river", N_RIVER_GAUGES, 1_500.0), ("stream", N_STREAM_GAUGES, 1_500.0)):
        over = {
            k: water
            for water, row in enumerate(waters.properties)
            if row.get("kind") == kind
            for k in order
            if shapely.intersects(roads.shapes[k], waters.shapes[water])
        }
        for k in _spaced([k for k in order if k in over], middle, wanted, apart_m, city):
            number += 1
            water = over[k]
            at = (float(middle[k][0]), float(middle[k][1]))
            district = city.district_of(*at)
            assert district is not None
            mouth = shapely.get_coordinates(waters.shapes[water])[-1]
            tide = max(0.0, 1 - float(distance_m(*at, *mouth)) / TIDE_REACH_M) if kind == "river" else 0.0
            name = waters.properties[water]
            road = roads.properties[k]
            yield _device(
                SensorKind.FLOOD, district.code, kind, f"gauge-{number:03d}", at, f"{name['name_zh']}{road['name_zh']}桥水位站",
                f"{name['name_en']} gauge at {road['name_en']} bridge", {"is_river": float(kind == "river"), "tide_share": tide},
            )  # fmt: skip


def _spaced(candidates: Sequence[int], points: Any, wanted: int, apart_m: float, city: City) -> list[int]:
    """The first of the candidates that lie in a district and not within `apart_m` of one taken before."""
    taken: list[int] = []
    for k in candidates:
        if len(taken) == wanted:
            break
        lon, lat = points[k]
        if taken and float(distance_m(points[taken, 0], points[taken, 1], lon, lat).min()) < apart_m:
            continue
        if city.district_of(lon, lat) is not None:
            taken.append(k)
    return taken


def _first_of_each_district(places: Iterable[Place]) -> list[Place]:
    first: dict[str | None, Place] = {}
    for place in places:
        first.setdefault(place.district_code, place)
    return list(first.values())


def _every(places: Sequence[Place], wanted: int) -> list[Place]:
    """So many of the places, evenly spread over their order."""
    n = min(wanted, len(places))
    return [places[k * len(places) // n] for k in range(n)]
