"""Notices: what people report of water in underpasses and of what scenes do: smoke, smell, darkness, crowds.

Numbers of callers are a share of the people who are concerned, an hour: drawn by hand, of the order of one in some thousand. A
scene that is stopped early brings until then what it would have brought anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gis_data.city import City
from iot.plane import Floats
from iot.scenarios import GasRelease, Plume, PowerCut, Scene, TrainStandstill
from iot.simulated.call_classes import ROUND_THE_CLOCK, CallClass, Desk
from iot.simulated.chance import key, uniform
from iot.simulated.occurrences import FIRST_WORD, HOUR_S, Occurrences, occurrences
from iot.simulated.streets import Mix, Spread, Streets
from iot.simulated.telling import WORDS_USED, Call, Teller
from iot.simulated.water import WADING_DEPTH_M, Underpasses
from iot.simulated.weather import DAY_S, Weather

HOMES = Mix(homes=1.0)


def _class(name: str, desk: Desk, channel: str | None = None, due_days: int | None = None) -> CallClass:
    return CallClass(name, desk, 0.0, ROUND_THE_CLOCK, HOMES, channel=channel, due_days=due_days)


FIRE, GAS_LEAK = _class("fire", Desk.INCIDENTS, "119"), _class("gas_leak", Desk.INCIDENTS, "119")
POWER_FAILURE, CROWD = _class("power_failure", Desk.INCIDENTS, "12345"), _class("crowd", Desk.INCIDENTS, "110")
WATERLOGGING = _class("waterlogging", Desk.INCIDENTS, "110")
WET_ROAD, SMELL, DARKNESS, STRANDED = (
    _class(name, Desk.HOTLINE, due_days=7) for name in ("waterlogging", "odour", "power_supply", "public_transport")
)


class Mark(NamedTuple):
    """A depth of water in an underpass that is reported, as an incident of a severity or (None) as a request."""

    depth_m: float
    severity: int | None
    text: str = ""


MARKS = (
    Mark(0.15, None),
    Mark(WADING_DEPTH_M, 3, "积水超过27厘米，车辆无法通行"),
    Mark(0.60, 2, "积水超过60厘米，有车辆被困"),
)
DRY_BEFORE_MIN = 30
"""A mark is reported again when the water has stayed below it for so many minutes."""

Span = tuple[float, float]
REPORTED_AFTER_S: Span = (30.0, 240.0)
SMOKE_SEEN_AFTER_S: Span = (60.0, 120.0)
NOTICED_AFTER_S: Span = (60.0, 240.0)
CROWD_NOTICED_S: Span = (0.0, 600.0)

SMELT_FROM_MG_M3, UNPLEASANT_MG_M3, SMELT_WITHIN_M = 1.0, 21.0, 6_000.0
"""Ammonia is smelt from about one on; 30 ppm, 21 mg/m³, is where notable discomfort begins (AEGL-1 of the US EPA). Between them
the smell grows with the logarithm (Weber and Fechner)."""
SMELL_CALLS_PER_H, DARKNESS_CALLS_PER_H, STRANDED_CALLS_PER_H = 1 / 150, 1 / 1_500, 1 / 200
"""Calls an hour for everyone who smells unpleasantly much, sits in the dark, stands on a platform."""
NEWS_FOR_S = 1_800.0
"""A power cut is reported ever more seldom, with this time constant, once word of it has gone round."""
MANY_PEOPLE = 50_000.0
"""Residents without power from whom on a cut is a major incident."""
CROWD_OF, STATIONS_CALLING = 500.0, 3
"""People waiting at a station at whom it calls for help, and how many stations of a line do."""

STREET, ALONG, ACCEPT = range(FIRST_WORD + WORDS_USED, FIRST_WORD + WORDS_USED + 3)

Share = Callable[[Floats, Floats, Floats], Floats]
"""How much of its highest rate a stream has at positions and moments (lon, lat, time in s)."""


class Notices:
    """What is noticed in a city."""

    def __init__(self, city: City, streets: Streets, teller: Teller, weather: Weather) -> None:
        self._streets, self._teller, self._weather = streets, teller, weather
        self._underpasses = Underpasses.of(city)
        self._place_of = {place.id: place for place in city.places_of("underpass")}
        self._around = lru_cache(maxsize=64)(self._living_around)
        self._stream = lru_cache(maxsize=64)(_one_stream)

    def between(self, from_s: float, to_s: float, scenes: Sequence[Scene]) -> Iterator[Call]:
        """Calls whose moment lies in [from_s, to_s), in no order."""
        yield from self._of_underpasses(from_s, to_s, scenes)
        for scene in scenes:
            if scene.start_s < to_s and from_s < scene.end_s + CROWD_NOTICED_S[1]:
                for call in self._of_scene(scene, from_s, to_s):
                    if from_s <= call.event.ts.timestamp() < to_s:
                        yield call

    def _of_underpasses(self, from_s: float, to_s: float, scenes: Sequence[Scene]) -> Iterator[Call]:
        for began_s in np.arange(from_s, to_s, DAY_S).tolist():
            until_s = min(began_s + DAY_S, to_s)
            first, last = int((began_s - REPORTED_AFTER_S[1]) // 60), int(until_s // 60)
            minutes = np.arange(first - DRY_BEFORE_MIN, last + 1)
            depth_m = self._underpasses.depth_m(self._weather, 60.0 * minutes, scenes)
            if not depth_m.any():
                continue
            before = sliding_window_view(depth_m, DRY_BEFORE_MIN, axis=1)[:, :-1].max(axis=2)
            for mark in MARKS:
                passes = (depth_m[:, DRY_BEFORE_MIN:] >= mark.depth_m) & (before < mark.depth_m)
                for row, column in np.argwhere(passes).tolist():
                    underpass_id, passed_s = self._underpasses.ids[row], 60.0 * (first + column)
                    mark_key = key(self._weather.seed, underpass_id, round(1_000 * mark.depth_m), round(passed_s))
                    moment_s = passed_s + _between(REPORTED_AFTER_S, mark_key)
                    if began_s <= moment_s < until_s:
                        yield self._of_mark(mark, underpass_id, moment_s, _suffix("u", mark_key))

    def _of_mark(self, mark: Mark, underpass_id: str, moment_s: float, suffix: str) -> Call:
        at = self._place_of[underpass_id]
        if mark.severity is None:
            return self._teller.request(WET_ROAD, at.lon, at.lat, moment_s, suffix)
        text = f"{at.name_zh}{mark.text}"
        return self._teller.incident(WATERLOGGING, mark.severity, text, at.lon, at.lat, moment_s, suffix, near=False)

    def _of_scene(self, scene: Scene, from_s: float, to_s: float) -> Iterator[Call]:
        """What people notice of a scene. Of halls that are full and lines that are cut nobody calls."""
        match scene:
            case Plume():
                yield self._once(scene, FIRE, 2, "露天堆放的垃圾起火，浓烟明显", SMOKE_SEEN_AFTER_S)
            case GasRelease():
                yield self._once(scene, GAS_LEAK, 2, "氨气泄漏，刺激性气味强烈，请求处置", NOTICED_AFTER_S)
                yield from self._of_smell(scene, from_s, to_s)
            case PowerCut():
                people = self._around(scene.lon, scene.lat, scene.radius_m).people
                severity = 2 if people >= MANY_PEOPLE else 3
                yield self._once(scene, POWER_FAILURE, severity, "大面积停电，路口信号灯不亮", NOTICED_AFTER_S)
                yield from self._of_darkness(scene, from_s, to_s)
            case TrainStandstill():
                yield from self._of_full_stations(scene)
                yield from self._of_the_stranded(scene, from_s, to_s)

    def _once(self, scene: Plume | GasRelease | PowerCut, of: CallClass, severity: int, text: str, after_s: Span) -> Call:
        scene_key = self._key(scene, scene.lon, scene.lat)
        moment_s = round(scene.start_s + _between(after_s, scene_key), 1)
        return self._teller.incident(of, severity, text, scene.lon, scene.lat, moment_s, _suffix("x", scene_key))

    def _of_smell(self, scene: GasRelease, from_s: float, to_s: float) -> Iterator[Call]:
        around = self._around(scene.lon, scene.lat, SMELT_WITHIN_M)

        def share(lon: Floats, lat: Floats, time_s: Floats) -> Floats:
            ammonia = np.clip(scene.ammonia_mg_m3(lon, lat, time_s), SMELT_FROM_MG_M3, UNPLEASANT_MG_M3)
            return np.asarray(np.log(ammonia / SMELT_FROM_MG_M3) / np.log(UNPLEASANT_MG_M3 / SMELT_FROM_MG_M3))

        most_per_h = around.people * SMELL_CALLS_PER_H
        return self._along(SMELL, self._key(scene, scene.lon, scene.lat), most_per_h, around, share, from_s, to_s)

    def _of_darkness(self, scene: PowerCut, from_s: float, to_s: float) -> Iterator[Call]:
        around = self._around(scene.lon, scene.lat, scene.radius_m)

        def share(lon: Floats, lat: Floats, time_s: Floats) -> Floats:
            is_news = 0.15 + 0.85 * np.exp(-(time_s - scene.start_s) / NEWS_FOR_S)
            return np.where(scene.is_dark(lon, lat, time_s), is_news, 0.0)

        most_per_h = around.people * DARKNESS_CALLS_PER_H
        return self._along(DARKNESS, self._key(scene, scene.lon, scene.lat), most_per_h, around, share, from_s, to_s)

    def _of_full_stations(self, scene: TrainStandstill) -> Iterator[Call]:
        minutes = scene.start_s + np.arange(0.0, scene.lasts_s, 60.0)
        full = np.flatnonzero(scene.crowd(minutes) >= CROWD_OF)
        if not len(full):
            return
        chances = [self._key(scene, *station) for station in scene.stations]
        for station, chance in sorted(zip(scene.stations, chances, strict=True), key=lambda each: each[1])[:STATIONS_CALLING]:
            moment_s = round(float(minutes[full[0]]) + _between(CROWD_NOTICED_S, chance), 1)
            yield self._teller.incident(CROWD, 3, "乘客大量滞留，请求疏导", *station, moment_s, _suffix("x", chance))

    def _of_the_stranded(self, scene: TrainStandstill, from_s: float, to_s: float) -> Iterator[Call]:
        most = scene.arriving_per_min / 60 * scene.PATIENCE_S
        if most <= 0 or not scene.stations:
            return iter(())

        def share(lon: Floats, lat: Floats, time_s: Floats) -> Floats:
            return np.asarray(scene.crowd(time_s) / most)

        most_per_h = most * len(scene.stations) * STRANDED_CALLS_PER_H
        points = np.array(scene.stations)
        return self._along(STRANDED, self._key(scene, *scene.stations[0]), most_per_h, points, share, from_s, to_s)

    def _along(
        self, of: CallClass, stream_key: int, most_per_h: float, where: Spread | NDArray[np.float64], share: Share, from_s: float,
        to_s: float,
    ) -> Iterator[Call]:  # fmt: skip
        """Calls of a stream of its own, along streets or at points (n × lon, lat)."""
        first, last = int(from_s // HOUR_S), int(np.ceil(to_s / HOUR_S))
        what = self._stream(stream_key, most_per_h, first, last - first)
        what = what.picked((what.time_s >= from_s) & (what.time_s < to_s))
        if not len(what.time_s):
            return
        streets = None
        if isinstance(where, Spread):
            streets = where.drawn(what.draw(STREET))
            lon, lat = self._streets.along(streets, what.draw(ALONG))
        else:
            lon, lat = where[(what.draw(STREET) * len(where)).astype(np.intp)].T
        happens = what.draw(ACCEPT) < share(lon, lat, what.time_s)
        streets = None if streets is None else streets[happens]
        yield from self._teller.tell((of,), what.picked(happens), lon[happens], lat[happens], streets, _suffix("x", stream_key))

    def _living_around(self, lon: float, lat: float, radius_m: float) -> Spread:
        return self._streets.spread(HOMES, (lon, lat), radius_m)

    def _key(self, scene: Scene, lon: float, lat: float) -> int:
        """The same for a scene that is stopped early."""
        return key(self._weather.seed, type(scene).__name__, round(scene.start_s), round(1e6 * lon), round(1e6 * lat))


def _one_stream(stream_key: int, most_per_h: float, first_hour: int, n_hours: int) -> Occurrences:
    return occurrences(np.array([stream_key], dtype=np.uint64), np.array([most_per_h / HOUR_S]), first_hour, n_hours)


def _suffix(letter: str, of_key: int) -> str:
    """What tells apart numbers of the same tenth of a second."""
    return f"{letter}{of_key % 4_096:03x}"


def _between(span_s: Span, of_key: int) -> float:
    return span_s[0] + float(uniform(of_key, 0)) * (span_s[1] - span_s[0])
