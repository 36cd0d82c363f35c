"""The sensors of the simulated city: which there are, where they stand, how often they speak. The same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

import numpy as np
import shapely

from domain.sensors import PROPERTIES, DeviceMode, SensorKind
from gis_data.city import ROAD_CLASSES, City, Place
from gis_data.layers import Layer
from iot.payloads import Birth, BirthProperty
from iot.plane import distance_m, moved
from iot.simulated import crowd
from iot.simulated.basins import Basin, Basins
from iot.simulated.chance import key, uniform
from iot.simulated.water import MEASURES, TIDE_REACH_M, known_underpasses

N_LOOPS = 150
LOOP_SHARE = {"expressway": 0.2, "arterial": 0.5, "secondary": 0.3}
N_RAIN_GAUGES, N_NOISE_METERS, N_DISTRICT_METERS, N_CABINETS = 36, 60, 40, 240
N_GAUGES = {"river": 8, "stream": 16}
DETECTORS_PER_WORKS, DETECTOR_AWAY_M = 8, 100.0
BINS_AT = {"school": 1, "hospital": 1, "service_hall": 1, "metro_station": 2, "mall": 2, "square": 3, "railway_station": 3}
KVA_PER_BED, KVA_PER_M2 = 4.0, 0.08
"""Transformers of large consumers: some 4 kVA for each bed of a hospital, 80 VA for each square metre of a shopping centre."""

DOMAINS = {
    SensorKind.AIR_QUALITY: "air",
    SensorKind.WEATHER: "weather",
    SensorKind.RAIN: "weather",
    SensorKind.TRAFFIC_FLOW: "traffic",
    SensorKind.FLOOD: "water",
    SensorKind.UNDERPASS: "water",
    SensorKind.NOISE: "noise",
    SensorKind.PARKING: "parking",
    SensorKind.CROWD_FLOW: "crowd",
    SensorKind.GAS: "gas",
    SensorKind.POWER: "power",
    SensorKind.WATER_NETWORK: "supply",
    SensorKind.WASTE: "waste",
    SensorKind.LIGHT_CABINET: "lighting",
}

SPEAKS_ON_CHANGE = (SensorKind.GAS, SensorKind.PARKING, SensorKind.WASTE, SensorKind.LIGHT_CABINET)
"""The others speak at their interval; for these the interval is that of the heartbeat."""

Traits = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Device:
    """One sensor. `traits` are what its physics needs to know of it (class of road, capacity and so on), `basin` what drains to
    the water that it watches or that receives what is pumped."""

    device_id: str
    kind: SensorKind
    lon: float
    lat: float
    name_zh: str
    name_en: str
    interval_s: int
    traits: Traits = field(default_factory=dict)
    basin: Basin | None = field(default=None, repr=False)

    @property
    def district_code(self) -> str:
        return self.device_id.split("/", 1)[0]

    @property
    def mode(self) -> DeviceMode:
        return DeviceMode.ON_CHANGE if self.kind in SPEAKS_ON_CHANGE else DeviceMode.PERIODIC

    def highest(self, name: str) -> float:
        """The largest plausible value of a property."""
        return self.traits.get("capacity", PROPERTIES[name].high)

    def birth(self, at: datetime, interval_s: float | None = None) -> Birth:
        properties = {
            name: BirthProperty(PROPERTIES[name].unit, PROPERTIES[name].low, self.highest(name)) for name in self.kind.properties
        }
        return Birth(
            id="birth", ts=at, type=self.kind.type_name, position=(self.lon, self.lat), interval_s=interval_s or self.interval_s,
            properties=properties, mode=self.mode.value, name_zh=self.name_zh, name_en=self.name_en,
        )  # fmt: skip


def deploy(city: City, seed: int) -> tuple[Device, ...]:
    """The sensors of a city. Kinds whose places or layers the city lacks are left out."""
    streets, basins = _Streets.of(city), Basins(city)
    return tuple(chain(
        _air_stations(city), _weather_stations(city), _rain_gauges(city), _loops(city, streets, seed),
        _gauges(city, streets, basins, seed), _underpass_gauges(city, basins), _noise_meters(city), _crowd_counters(city),
        _detectors(city, seed), _power_meters(city), _supply_meters(city, seed), _bins(city, seed), _car_parks(city, seed),
        _cabinets(city, streets, seed),
    ))  # fmt: skip


def _device(
    kind: SensorKind, district: str, site: str, name: str, at: tuple[float, float], zh: str, en: str, traits: Traits,
    basin: Basin | None = None,
) -> Device:  # fmt: skip
    device_id, (lon, lat) = f"{district}/{DOMAINS[kind]}/{site}/{name}", at
    return Device(device_id, kind, round(lon, 6), round(lat, 6), zh, en, kind.interval_s, traits, basin)


def _no_traits(place: Place) -> Traits:
    return {}


def _at_places(
    kind: SensorKind, prefix: str, places: Iterable[Place], zh: str, en: str, traits: Callable[[Place], Traits] = _no_traits
) -> Iterator[Device]:
    """One device at each place that lies in a district."""
    for number, p in enumerate((p for p in places if p.district_code), 1):
        name, at = f"{prefix}-{number:03d}", (p.lon, p.lat)
        yield _device(kind, str(p.district_code), p.id, name, at, f"{p.name_zh}{zh}", f"{p.name_en} {en}", traits(p))


def _around(
    city: City, kind: SensorKind, prefix: str, places: Iterable[tuple[Place, int]], away_m: float, zh: str, en: str, seed: int,
    traits: Traits,
) -> Iterator[Device]:  # fmt: skip
    """So many devices around each place, evenly in all directions from a drawn one, where that is in a district."""
    number = 0
    for place, n in places:
        first = float(uniform(key(seed, prefix, place.id), 0))
        for k in range(n):
            turn = 2 * np.pi * (first + k / n)
            at = moved(place.lon, place.lat, away_m * float(np.cos(turn)), away_m * float(np.sin(turn)))
            district = city.district_of(*at)
            if district is None:
                continue
            number += 1
            nth = f"{k + 1}" if n > 1 else ""
            yield _device(
                kind, district.code, place.id, f"{prefix}-{number:03d}", at, f"{place.name_zh}{nth}{'号' if nth else ''}{zh}",
                f"{place.name_en} {en} {nth}".rstrip(), traits,
            )  # fmt: skip


def _air_stations(city: City) -> Iterator[Device]:
    """A hospital and a school of each district."""
    places = [p for kind in ("hospital", "school") for p in _first_of_each_district(city.places_of(kind))]
    return _at_places(SensorKind.AIR_QUALITY, "air", places, "空气站", "air station")


def _weather_stations(city: City) -> Iterator[Device]:
    return _at_places(
        SensorKind.WEATHER, "weather", _first_of_each_district(city.places_of("fire_station")), "气象站", "weather station"
    )


def _rain_gauges(city: City) -> Iterator[Device]:
    return _at_places(SensorKind.RAIN, "rain", _every(city.places_of("shelter"), N_RAIN_GAUGES), "雨量站", "rain gauge")


def _noise_meters(city: City) -> Iterator[Device]:
    return _at_places(SensorKind.NOISE, "noise", _every(city.places_of("school"), N_NOISE_METERS), "噪声监测点", "noise meter")


def _underpass_gauges(city: City, basins: Basins) -> Iterator[Device]:
    """One in each underpass, numbered as the underpasses of iot.simulated.water."""
    for number, p in enumerate(known_underpasses(city), 1):
        traits = {name: float(p.attributes[name]) for name in MEASURES}
        yield _device(
            SensorKind.UNDERPASS, str(p.district_code), p.id, f"depth-{number:03d}", (p.lon, p.lat), f"{p.name_zh}积水监测点",
            f"{p.name_en} water gauge", traits, basins.at(p.lon, p.lat),
        )  # fmt: skip


def _crowd_counters(city: City) -> Iterator[Device]:
    """Busiest: 2,400 people in an interchange and 1,000 in another metro station, 5,000 in a railway station, one on 25 m² of
    a shopping centre and on 15 m² of a square."""

    def traits(place: Place) -> Traits:
        area_m2 = _number(place, "area_m2", 20_000.0)
        match place.kind:
            case "metro_station":
                return {"busiest": 2_400.0 if _number(place, "interchange") else 1_000.0, "setting": crowd.STATION}
            case "railway_station":
                return {"busiest": 5_000.0, "setting": crowd.STATION}
            case "mall":
                return {"busiest": area_m2 / 25, "setting": crowd.SHOPPING}
            case _:
                return {"busiest": area_m2 / 15, "setting": crowd.OUTDOORS}

    places = [p for kind in ("metro_station", "railway_station", "mall", "square") for p in city.places_of(kind)]
    return _at_places(SensorKind.CROWD_FLOW, "crowd", places, "客流检测器", "crowd counter", traits)


def _detectors(city: City, seed: int) -> Iterator[Device]:
    """Around works that hold ammonia, so close to one another that no plume gets between two of them unseen."""
    works = [(p, DETECTORS_PER_WORKS) for p in city.places_of("factory") if _number(p, "ammonia_t")]
    return _around(city, SensorKind.GAS, "nh3", works, DETECTOR_AWAY_M, "氨气探测器", "ammonia detector", seed, {})


def _power_meters(city: City) -> Iterator[Device]:
    """Substations, and the feeders of hospitals and shopping centres at 10 kV."""

    def traits(place: Place) -> Traits:
        if place.kind == "substation":
            return {
                "rated_kva": 1_000 * _number(place, "capacity_mva", 100.0), "nominal_kv": _number(place, "voltage_kv", 110.0),
            }  # fmt: skip
        rated_kva = KVA_PER_BED * _number(place, "beds") + KVA_PER_M2 * _number(place, "area_m2")
        return {"rated_kva": rated_kva or 2_000.0, "nominal_kv": 10.0}

    meters = "电力监测点", "power meter", traits
    yield from _at_places(SensorKind.POWER, "power", city.places_of("substation"), *meters)
    if city.places_of("substation"):
        yield from _at_places(SensorKind.POWER, "feeder", (*city.places_of("hospital"), *city.places_of("mall")), *meters)


def _supply_meters(city: City, seed: int) -> Iterator[Device]:
    """At pumping stations, and in the mains of quarters (beside schools), each fed by the nearest station."""
    stations = [p for p in city.places_of("pumping_station") if p.district_code]
    if not stations:
        return
    lon, lat = (np.array(column) for column in zip(*((p.lon, p.lat) for p in stations), strict=True))

    def traits(place: Place) -> Traits:
        station = stations[int(distance_m(lon, lat, place.lon, place.lat).argmin())]
        fed_by = {"head_m": _number(station, "head_m", 42.0), "station_lon": station.lon, "station_lat": station.lat}
        if place.kind == "pumping_station":
            busiest_m3_h = 0.9 * _number(place, "supply_m3_h", 4_000.0)
            return {**fed_by, "higher_m": 0.0, "friction_m": 1.0, "busiest_m3_h": busiest_m3_h}
        draw = uniform(key(seed, "mains", place.id), np.arange(3))
        return {
            **fed_by, "higher_m": 1 + 8 * float(draw[0]), "friction_m": 3 + 6 * float(draw[1]),
            "busiest_m3_h": 120 + 300 * float(draw[2]),
        }  # fmt: skip

    quarters = _every(city.places_of("school"), N_DISTRICT_METERS)
    yield from _at_places(SensorKind.WATER_NETWORK, "pump", stations, "出站监测点", "outlet meter", traits)
    yield from _at_places(SensorKind.WATER_NETWORK, "main", quarters, "供水管网监测点", "main meter", traits)


def _bins(city: City, seed: int) -> Iterator[Device]:
    places = [(p, n) for kind, n in BINS_AT.items() for p in city.places_of(kind)]
    return _around(city, SensorKind.WASTE, "bin", places, 60.0, "智能垃圾箱", "waste bin", seed, {})


def _car_parks(city: City, seed: int) -> Iterator[Device]:
    serves = {"service_hall": 0.0, "hospital": 0.0, "railway_station": 1.0, "metro_station": 1.0, "mall": 2.0}

    def traits(place: Place) -> Traits:
        draw = float(uniform(key(seed, "capacity", place.id), 0))
        return {"capacity": 20.0 * round((10 if serves[place.kind] else 7) + 24 * draw), "serves": serves[place.kind]}

    transit = (*city.places_of("railway_station"), *_every(city.places_of("metro_station"), 14))
    chosen = [*transit, *city.places_of("service_hall"), *city.places_of("hospital"), *city.places_of("mall")]
    return _at_places(SensorKind.PARKING, "park", chosen, "停车场", "car park", traits)


@dataclass(frozen=True, eq=False)
class _Streets:
    """The roads layer with the middle of each stretch (degrees, n × 2)."""

    layer: Layer
    middle: Any

    @staticmethod
    def of(city: City) -> _Streets | None:
        roads = city.layer("roads")
        if roads is None:
            return None
        return _Streets(roads, shapely.get_coordinates(shapely.line_interpolate_point(roads.shapes, 0.5, normalized=True)))

    def order(self, seed: int, word: str) -> list[int]:
        return [int(k) for k in np.argsort(uniform(key(seed, word), np.arange(len(self.middle))))]

    def of_class(self, road_class: str, among: Iterable[int]) -> list[int]:
        return [k for k in among if self.layer.properties[k].get("class") == road_class]

    def names(self, k: int) -> tuple[str, str]:
        row = self.layer.properties[k]
        return row.get("name_zh") or row["class"], row.get("name_en") or row["class"]


def _loops(city: City, streets: _Streets | None, seed: int) -> Iterator[Device]:
    """Loops in front of underpasses, and in the middle of stretches of the larger roads apart from one another."""
    if streets is None:
        return
    number = 0
    in_front = list(_in_front_of_underpasses(city, streets))
    order = streets.order(seed, "loops")
    elsewhere: list[tuple[int, tuple[float, float]]] = []
    for road_class, share in LOOP_SHARE.items():
        of_class = streets.of_class(road_class, order)
        for k in _spaced(of_class, streets.middle, round((N_LOOPS - len(in_front)) * share), 700.0, city):
            elsewhere.append((k, (float(streets.middle[k][0]), float(streets.middle[k][1]))))
    for k, at in (*in_front, *elsewhere):
        road_class, (zh, en) = str(streets.layer.properties[k]["class"]), streets.names(k)
        district = city.district_of(*at)
        if district is None:
            continue
        number += 1
        yield _device(
            SensorKind.TRAFFIC_FLOW, district.code, road_class, f"loop-{number:03d}", at, f"{zh}检测器 {number:03d}",
            f"{en} detector {number:03d}", {"road_class": float(ROAD_CLASSES.index(road_class))},
        )  # fmt: skip


def _in_front_of_underpasses(city: City, streets: _Streets) -> Iterator[tuple[int, tuple[float, float]]]:
    """The road of each underpass and a point of it some way from the lowest."""
    large = [k for road_class in ("arterial", "secondary") for k in streets.of_class(road_class, range(len(streets.middle)))]
    if not large:
        return
    tree = shapely.STRtree(streets.layer.shapes[large])
    for place in city.places_of("underpass"):
        lowest = shapely.Point(place.lon, place.lat)
        k = large[int(tree.nearest(lowest))]
        line = streets.layer.shapes[k]
        at = shapely.line_locate_point(line, lowest, normalized=True)
        point = shapely.line_interpolate_point(line, at + (0.15 if at < 0.5 else -0.15), normalized=True)
        yield k, (float(point.x), float(point.y))


def _cabinets(city: City, streets: _Streets | None, seed: int) -> Iterator[Device]:
    """Cabinets of street lights along arterials and secondary roads."""
    if streets is None:
        return
    order = streets.order(seed, "cabinets")
    lit = [k for k in order if streets.layer.properties[k].get("class") in ("arterial", "secondary")]
    for number, k in enumerate(_spaced(lit, streets.middle, N_CABINETS, 400.0, city), 1):
        at, (zh, en) = (float(streets.middle[k][0]), float(streets.middle[k][1])), streets.names(k)
        district = city.district_of(*at)
        assert district is not None
        lamps = 30.0 + round(60 * float(uniform(key(seed, "lamps"), number)))
        yield _device(
            SensorKind.LIGHT_CABINET, district.code, "street", f"light-{number:03d}", at, f"{zh}路灯控制箱 {number:03d}",
            f"{en} light cabinet {number:03d}", {"lamps": lamps},
        )  # fmt: skip


def _gauges(city: City, streets: _Streets | None, basins: Basins, seed: int) -> Iterator[Device]:
    """Gauges where roads cross the river and its streams."""
    waters = city.layer("waterways")
    if streets is None or waters is None:
        return
    number, order = 0, streets.order(seed, "gauges")
    for kind, wanted in N_GAUGES.items():
        over: dict[int, tuple[int, Any]] = {}
        for water, row in enumerate(waters.properties):
            if row.get("kind") == kind:
                shapely.prepare(waters.shapes[water])
                crossing = np.flatnonzero(shapely.intersects(waters.shapes[water], streets.layer.shapes))
                middle = shapely.centroid(shapely.intersection(streets.layer.shapes[crossing], waters.shapes[water]))
                over |= {k: (water, xy) for k, xy in zip(crossing.tolist(), shapely.get_coordinates(middle), strict=True)}
        candidates = [k for k in order if k in over]
        points = np.array([over[k][1] for k in candidates]).reshape(-1, 2)
        for nth in _spaced(range(len(candidates)), points, wanted, 1_200.0, city):
            number += 1
            k, at = candidates[nth], (float(points[nth][0]), float(points[nth][1]))
            district = city.district_of(*at)
            assert district is not None
            name, (zh, en) = waters.properties[over[k][0]], streets.names(k)
            basin = basins.at(*at, kind=kind)
            tide = max(0.0, 1 - basin.mouth_m / TIDE_REACH_M) if basin is not None and basin.is_river else 0.0
            yield _device(
                SensorKind.FLOOD, district.code, kind, f"gauge-{number:03d}", at, f"{name['name_zh']}{zh}桥水位站",
                f"{name['name_en']} gauge at {en} bridge", {"is_river": float(kind == "river"), "tide_share": tide}, basin,
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


def _number(place: Place, attribute: str, usual: float = 0.0) -> float:
    """An attribute of a place, or what is usual where the city does not know it."""
    value = place.attributes.get(attribute)
    return float(value) if value else usual


def _first_of_each_district(places: Iterable[Place]) -> list[Place]:
    first: dict[str | None, Place] = {}
    for place in places:
        first.setdefault(place.district_code, place)
    return list(first.values())


def _every(places: Sequence[Place], wanted: int) -> list[Place]:
    """So many of the places, evenly spread over their order."""
    n = min(wanted, len(places))
    return [places[k * len(places) // n] for k in range(n)]
