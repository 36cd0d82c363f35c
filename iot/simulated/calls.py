"""Calls: what people report (110, 119, 120, 12345) in the simulated city, where and how often.

Both streams are Poisson in slots of ten seconds, thinned by the hour; incidents choose class and place by what is plausible
there, a fire of the scenario is reported from where it burns, and heavy rain brings waterlogging. Texts speak of places,
never of persons.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import shapely
from scipy.spatial import cKDTree

from gis_data.city import City
from iot.payloads import Birth, Event
from iot.plane import metres_from
from iot.scenarios import Downpour, Plume, Scene
from iot.simulated.chance import key, uniform
from iot.simulated.driving import Roads
from iot.simulated.rhythm import CALLS, local_time
from iot.simulated.weather import Weather

SLOT_S = 10.0
INCIDENT_EVERY_S, REQUEST_EVERY_S = 120.0, 60.0
"""Mean spacing in the busiest hour; over a day about one incident in three minutes and one request in a minute and a half."""

REQUEST_WORKING_DAYS = 7


@dataclass(frozen=True, slots=True)
class CallClass:
    """A class of incident: how often (relative), who is called, shares of severity 1–4, what is said after the place."""

    name: str
    weight: float
    channel: str
    severities: tuple[float, float, float, float]
    texts: tuple[str, ...]
    on_large_roads: bool = False


INCIDENTS = (
    CallClass(
        "medical", 46, "120", (0.03, 0.22, 0.5, 0.25), ("有人突发不适，需急救", "有人跌倒受伤", "有人胸痛，呼吸困难", "有人晕倒")
    ),
    CallClass(
        "traffic_accident", 27, "110", (0.01, 0.09, 0.4, 0.5),
        ("两车相撞，占用车道", "电动车与汽车刮擦", "追尾，通行缓慢", "单车撞护栏"), on_large_roads=True,
    ),
    CallClass("fire", 12, "119", (0.02, 0.14, 0.44, 0.4), ("厨房冒烟", "垃圾桶起火", "电动车棚起火", "烟感报警，待核实")),
    CallClass("gas_leak", 4, "119", (0.02, 0.28, 0.5, 0.2), ("楼道有燃气味", "施工挖破燃气管")),
    CallClass("power_failure", 4, "12345", (0.0, 0.05, 0.45, 0.5), ("小区停电", "路灯及信号灯不亮")),
    CallClass("crowd", 3, "110", (0.0, 0.1, 0.5, 0.4), ("人流密集，请求疏导", "出入口拥堵")),
    CallClass("other", 4, "110", (0.0, 0.05, 0.35, 0.6), ("树枝倒伏占道", "井盖缺失")),
)  # fmt: skip
WATERLOGGING = CallClass(
    "waterlogging", 0, "110", (0.0, 0.2, 0.6, 0.2), ("路面积水，车辆缓行", "下穿通道积水", "地下车库进水"), on_large_roads=True
)

REQUESTS: Mapping[str, float] = {
    "noise": 24, "parking": 18, "waste": 13, "road_damage": 11, "streetlight": 8, "water_supply": 8, "waterlogging": 4,
    "construction": 8, "public_transport": 6,
}  # fmt: skip
"""Classes of 12345 requests and how often (relative)."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the desk that took it and the event it sends."""

    device_id: str
    event: Event

    @property
    def district_code(self) -> str:
        return self.device_id.split("/", 1)[0]


class Callers:
    """The people of a city: where they live and drive, by district."""

    def __init__(self, city: City, roads: Roads, weather: Weather) -> None:
        self._city, self._roads, self._weather, self._seed = city, roads, weather, weather.seed
        inside = [np.flatnonzero(shapely.contains_xy(d.polygon, roads.lon, roads.lat)) for d in city.districts]
        self._streets = [nodes[roads.node_class[nodes] >= 1] for nodes in inside]
        self._large = [nodes[roads.node_class[nodes] <= 1] for nodes in inside]
        people = np.array(
            [(d.population or 1) * bool(len(nodes)) for d, nodes in zip(city.districts, self._streets, strict=True)]
        )
        self._people = np.cumsum(people / people.sum())
        self._known = [place for place in city.places if place.district_code]
        self._tree = cKDTree(np.stack(self._plane([p.lon for p in self._known], [p.lat for p in self._known]), axis=-1))

    def desks(self, at: datetime) -> Iterator[tuple[str, Birth]]:
        """Births of the desks: one for incidents and one for requests in each district."""
        for district in self._city.districts:
            for device_id, zh, en in (
                (incident_desk(district.code), "接警台", "emergency desk"),
                (request_desk(district.code), "12345热线", "12345 hotline"),
            ):
                birth = Birth(
                    id="birth", ts=at, type="CallDesk", mode="on_change", interval_s=3600, name_zh=f"{district.name_zh}{zh}",
                    name_en=f"{district.name_en} {en}",
                )  # fmt: skip
                yield device_id, birth

    def between(self, from_s: float, to_s: float, scenes: Sequence[Scene] = (), *, requests_only: bool = False) -> list[Call]:
        """The calls whose moment lies in [from_s, to_s), in order."""
        calls = [*self._requests(from_s, to_s, scenes)]
        if not requests_only:
            calls += [*self._incidents(from_s, to_s), *self._of_scenes(from_s, to_s, scenes)]
        return sorted(calls, key=lambda call: (call.event.ts, call.event.id))

    def _incidents(self, from_s: float, to_s: float) -> Iterator[Call]:
        for slot_key, moment_s in self._moments("incident", INCIDENT_EVERY_S, from_s, to_s):
            weights = np.cumsum([c.weight for c in INCIDENTS])
            k = int(np.searchsorted(weights / weights[-1], _draw(slot_key, "class"), side="right"))
            yield self._incident(INCIDENTS[k], slot_key, moment_s)

    def _requests(self, from_s: float, to_s: float, scenes: Sequence[Scene]) -> Iterator[Call]:
        names, weights = list(REQUESTS), np.cumsum(list(REQUESTS.values()))
        for slot_key, moment_s in self._moments("request", REQUEST_EVERY_S, from_s, to_s):
            district, lon, lat = self._somewhere(self._streets, slot_key)
            k = int(np.searchsorted(weights / weights[-1], _draw(slot_key, "class"), side="right"))
            is_soaked = float(self._weather.rain_mm_h(lon, lat, moment_s, scenes)) > 15
            name = "waterlogging" if is_soaked and _draw(slot_key, "rain") < 0.6 else names[k]
            due = working_days_later(datetime.fromtimestamp(moment_s, UTC), REQUEST_WORKING_DAYS, self._weather)
            yield Call(
                request_desk(district),
                Event(
                    id=self._number(moment_s), ts=_time(moment_s), event="request.opened", source="12345", class_=name,
                    position=(lon, lat), due=due,
                ),
            )  # fmt: skip

    def _of_scenes(self, from_s: float, to_s: float, scenes: Sequence[Scene]) -> Iterator[Call]:
        """A fire is called in when it can be seen; a downpour floods low roads once it has rained for a while."""
        for scene in scenes:
            scene_key = key(self._seed, "scene", round(scene.start_s))
            match scene:
                case Plume():
                    moment_s = scene.start_s + 60 + 60 * _draw(scene_key, "seen")
                    if from_s <= moment_s < to_s:
                        yield self._at(scene.lon, scene.lat, "fire", 2, "119", "露天堆放的垃圾起火，浓烟明显", moment_s, "f")
                case Downpour():
                    for nth, share in enumerate((0.45, 0.6, 0.75)):
                        moment_s = scene.start_s + scene.lasts_s * (share + 0.1 * _draw(scene_key, "flooded", nth))
                        if from_s <= moment_s < to_s:
                            yield self._flooded(scene, key(scene_key, nth), moment_s)

    def _flooded(self, scene: Downpour, slot_key: int, moment_s: float) -> Call:
        """Waterlogging on a large road under the cell."""
        here = self._roads.nearest(*scene.centre(moment_s))
        nodes = self._roads.within(here, 0.4 * scene.radius_m)
        large = [node for node in nodes if self._roads.node_class[node] <= 1] or [here]
        node = large[int(_draw(slot_key, "place") * len(large))]
        lon, lat = float(self._roads.lon[node]), float(self._roads.lat[node])
        text = _picked(WATERLOGGING.texts, _draw(slot_key, "text"))
        severity = _severity(WATERLOGGING, _draw(slot_key, "severity"))
        return self._at(lon, lat, WATERLOGGING.name, severity, WATERLOGGING.channel, text, moment_s, "w")

    def _incident(self, of: CallClass, slot_key: int, moment_s: float) -> Call:
        _, lon, lat = self._somewhere(self._large if of.on_large_roads else self._streets, slot_key)
        text = _picked(of.texts, _draw(slot_key, "text"))
        return self._at(lon, lat, of.name, _severity(of, _draw(slot_key, "severity")), of.channel, text, moment_s)

    def _at(
        self, lon: float, lat: float, class_name: str, severity: int, channel: str, text: str, moment_s: float, suffix: str = ""
    ) -> Call:
        place = self._known[int(self._tree.query(np.stack(self._plane(lon, lat), axis=-1))[1])]
        district = self._city.district_of(lon, lat)
        code = district.code if district else str(place.district_code)
        event = Event(
            id=self._number(moment_s) + suffix, ts=_time(moment_s), event="incident.reported", class_=class_name,
            severity=severity, position=(round(lon, 6), round(lat, 6)), channel=channel, text=f"{place.name_zh}附近{text}",
        )  # fmt: skip
        return Call(incident_desk(code), event)

    def _number(self, moment_s: float) -> str:
        """The number a desk gives a call: its local time, so that people can read it out."""
        return datetime.fromtimestamp(moment_s, self._weather.zone).strftime("%y%m%d%H%M%S")

    def _moments(self, stream: str, busiest_every_s: float, from_s: float, to_s: float) -> Iterator[tuple[int, float]]:
        """Key and moment of every call of a stream: at most one a slot, by the hour's rate."""
        slots = np.arange(math.floor(from_s / SLOT_S), math.ceil(to_s / SLOT_S))
        stream_key = key(self._seed, stream)
        rate = CALLS.at(local_time(slots * SLOT_S, self._weather.zone)) / busiest_every_s
        for slot in slots[uniform(stream_key, slots) < rate * SLOT_S].tolist():
            slot_key = key(stream_key, slot)
            moment_s = slot * SLOT_S + math.floor(_draw(slot_key, "moment") * 10 * SLOT_S) / 10  # to a tenth, within the slot
            if from_s <= moment_s < to_s:
                yield slot_key, moment_s

    def _somewhere(self, nodes_of: Sequence[np.ndarray], slot_key: int) -> tuple[str, float, float]:
        """District code and position: a district by its residents, then one of its junctions."""
        k = int(np.searchsorted(self._people, _draw(slot_key, "district"), side="right"))
        nodes = nodes_of[k] if len(nodes_of[k]) else self._streets[k]
        node = int(nodes[int(_draw(slot_key, "place") * len(nodes))])
        return self._city.districts[k].code, round(float(self._roads.lon[node]), 6), round(float(self._roads.lat[node]), 6)

    def _plane(self, lon: object, lat: object) -> tuple[np.ndarray, np.ndarray]:
        return metres_from(np.asarray(lon), np.asarray(lat), *self._city.centre)


def incident_desk(district_code: str) -> str:
    return f"{district_code}/incident/desk/i{district_code}"


def request_desk(district_code: str) -> str:
    return f"{district_code}/request/12345/hotline-{district_code}"


def working_days_later(moment: datetime, days: int, weather: Weather) -> datetime:
    """So many days from Monday to Friday later, at the same local hour; public holidays count as their weekday."""
    local = moment.astimezone(weather.zone)
    while days:
        local += timedelta(days=1)
        days -= local.weekday() < 5
    return local.astimezone(UTC)


def _draw(of: int, *words: int | str) -> float:
    return float(uniform(key(of, *words), 0))


def _picked(texts: Sequence[str], draw: float) -> str:
    return texts[int(draw * len(texts))]


def _severity(of: CallClass, draw: float) -> int:
    return 1 + int(np.searchsorted(np.cumsum(of.severities), draw, side="right").clip(0, 3))


def _time(moment_s: float) -> datetime:
    return datetime.fromtimestamp(round(moment_s, 1), UTC)
