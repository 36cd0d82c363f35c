"""Calls: what people report (110, 119, 120, 12345) and grid inspectors find in the simulated city, where, when and how often.

Each class of calls is a stream of its own (iot.simulated.occurrences) whose rate follows its hours on working days, at weekends
and on holidays, an unrest that drifts from day to day and hour to hour as it does in real streams, and the weather at the place:

- accidents: in rain of i mm/h by 1 + 0.71 w with w = 1 − e^(−i/2) (Qiu, Nixon: Effects of adverse weather on traffic crashes,
  Transportation Research Record 2055, 2008), and in the dark by 1 + d (0.17 + 0.33 w), d growing from 0 to 1 while the sun sinks
  from 3° above the horizon to 6° below it (lit roads, dry and in rain: Wanvik, Accident Analysis and Prevention 41, 2009);
- waterlogging: as the rain of the past half hour exceeds what drains take in, by the rate of the class for every 10 mm/h.

To these come underpasses that fill and scenes that are noticed (iot.simulated.notices). All follows from seed, time and scenes,
so that any stretch of time may be asked for, in one piece or in many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.sensors import DeviceState
from gis_data.city import City
from iot.payloads import Birth, State
from iot.plane import Floats
from iot.scenarios import Downpour, Scene
from iot.simulated.call_classes import CLASSES, Desk, Influence
from iot.simulated.chance import drift, key
from iot.simulated.driving import Ints, Roads
from iot.simulated.lighting import sun_elevation_deg
from iot.simulated.notices import Notices
from iot.simulated.occurrences import FIRST_WORD, HOUR_S, Occurrences, occurrences
from iot.simulated.rhythm import LocalTime, local_time
from iot.simulated.streets import Streets
from iot.simulated.telling import WORDS_USED, Call, Teller
from iot.simulated.weather import DAY_S, Weather

UNREST_OF_DAY, UNREST_OF_HOUR, UNREST_AT_MOST = 0.07, 0.10, 1.8
"""Standard deviations of the logarithm. Ambulance calls of New York vary by 8 % more than chance alone from hour to hour, those
of Montgomery County by 6 % from day to day."""
TRAFFIC_UNREST = 2.0
"""How much more restless traffic is: accidents there vary by some 20 % from day to day, part of which is weather."""

WET_RISE, DARK_RISE, DARK_AND_WET_RISE = 0.71, 0.17, 0.33
DRAINS_TAKE_MM_H = 20.0
"""A third of the rain of an hour for which drains are designed (58 mm/h once in five years): many inlets are clogged."""
PAST_RAIN_S = np.arange(300.0, 2_101.0, 300.0)
"""How long ago the rain fell that stands on a street when somebody calls."""

HOURS_KEPT, HOURS_AT_ONCE = 4, 24
STREET, ALONG, ACCEPT = range(FIRST_WORD + WORDS_USED, FIRST_WORD + WORDS_USED + 3)

MOST = np.array([of.influence.value for of in CLASSES])
DESK = np.array([list(Desk).index(of.desk) for of in CLASSES])
EVERY, IS_REQUEST = np.ones(len(CLASSES), dtype=bool), np.array([of.desk.takes_requests for of in CLASSES])
REPORT_OF = {False: "incident.reported", True: "request.opened"}
IS_WET_AND_DARK, IS_FLOODED = (
    np.array([of.influence is which for of in CLASSES]) for which in (Influence.WET_AND_DARK, Influence.FLOODED)
)


class _Likely(NamedTuple):
    """What happens if weather makes it at least `needs` times as frequent as usual."""

    what: Occurrences
    needs: Floats

    def between(self, from_s: float, to_s: float) -> _Likely:
        span = slice(*np.searchsorted(self.what.time_s, (from_s, to_s)).tolist())
        return _Likely(self.what.picked(span), self.needs[span])


class Callers:
    """The people of a city, who call when something happens."""

    def __init__(self, city: City, roads: Roads, weather: Weather) -> None:
        self._city, self._weather = city, weather
        self._streets = Streets(city, roads)
        self._teller = Teller(city, self._streets, weather.zone)
        self._notices = Notices(city, self._streets, self._teller, weather)
        spreads = {mix: self._streets.spread(mix) for mix in dict.fromkeys(of.mix for of in CLASSES)}
        self._spreads = [spreads[of.mix] for of in CLASSES]
        self._keys = np.array([key(weather.seed, "calls", of.desk.word, of.name) for of in CLASSES], dtype=np.uint64)
        residents = sum(d.population or 0 for d in city.districts)
        peak_per_s = np.array([residents / 1e5 * of.per_100k_day / of.hours.a_day_at_most_s for of in CLASSES])
        self._most_per_s = peak_per_s * MOST * UNREST_AT_MOST
        self._kept: dict[int, _Likely] = {}

    def desks(self, at: datetime) -> Iterator[tuple[str, Birth]]:
        """Births of the desks: for incidents, the hotline and the grid centre of each district."""
        for district in self._city.districts:
            for desk in Desk:
                birth = Birth(
                    id="birth", ts=at, type="CallDesk", mode="on_change", interval_s=HOUR_S,
                    name_zh=f"{district.name_zh}{desk.zh}", name_en=f"{district.name_en} {desk.en}",
                )  # fmt: skip
                yield desk.device_id(district.code), birth

    def heartbeats(self, from_s: float, to_s: float) -> Iterator[tuple[str, State]]:
        """That every desk is there, on the hours in [from_s, to_s)."""
        for hour_s in np.arange(np.ceil(from_s / HOUR_S) * HOUR_S, to_s, HOUR_S).tolist():
            said = State(
                id=f"{DeviceState.ONLINE.value}-{int(hour_s)}", ts=datetime.fromtimestamp(hour_s, UTC),
                state=DeviceState.ONLINE.value,
            )  # fmt: skip
            yield from ((desk.device_id(district.code), said) for district in self._city.districts for desk in Desk)

    def between(self, from_s: float, to_s: float, scenes: Sequence[Scene] = (), *, requests_only: bool = False) -> list[Call]:
        """The calls whose moment lies in [from_s, to_s), in order."""
        return self._of_desks(IS_REQUEST if requests_only else EVERY, from_s, to_s, scenes)

    def incidents(self, from_s: float, to_s: float, scenes: Sequence[Scene] = ()) -> list[Call]:
        """Those of them that are incidents."""
        return self._of_desks(~IS_REQUEST, from_s, to_s, scenes)

    def _of_desks(self, asked: NDArray[np.bool_], from_s: float, to_s: float, scenes: Sequence[Scene]) -> list[Call]:
        """Calls of the classes that are asked for, in order."""
        kinds = {REPORT_OF[bool(is_request)] for is_request in IS_REQUEST[asked]}
        noticed = (call for call in self._notices.between(from_s, to_s, scenes) if call.event.event in kinds)
        calls = [*self._of_every_day(asked, from_s, to_s, scenes), *noticed]
        return sorted(calls, key=lambda call: (call.event.ts, call.event.id))

    def _of_every_day(self, asked: NDArray[np.bool_], from_s: float, to_s: float, scenes: Sequence[Scene]) -> Iterator[Call]:
        for likely in self._likely(from_s, to_s):
            may_be = asked[likely.what.stream]
            may_be &= ~IS_FLOODED[likely.what.stream] | self._may_pour(likely.what.time_s, scenes)
            what, needs = likely.what.picked(may_be), likely.needs[may_be]
            if not len(needs):
                continue
            streets = self._streets_of(what)
            lon, lat = self._streets.along(streets, what.draw(ALONG))
            happens = needs < self._influence(what, lon, lat, scenes)
            yield from self._teller.tell(CLASSES, what.picked(happens), lon[happens], lat[happens], streets[happens])

    def _likely(self, from_s: float, to_s: float) -> Iterator[_Likely]:
        """A stretch of time, many hours at once; single hours are kept for whoever asks second by second."""
        first, last = int(from_s // HOUR_S), int(np.ceil(to_s / HOUR_S))
        for hour in range(first, last, HOURS_AT_ONCE):
            n = min(HOURS_AT_ONCE, last - hour)
            if n > HOURS_KEPT:
                yield self._of_hours(hour, n).between(from_s, to_s)
                continue
            for one in range(hour, hour + n):
                if one not in self._kept:
                    if len(self._kept) >= HOURS_KEPT:
                        del self._kept[next(iter(self._kept))]
                    self._kept[one] = self._of_hours(one, 1)
                yield self._kept[one].between(from_s, to_s)

    def _of_hours(self, first: int, n: int) -> _Likely:
        what = occurrences(self._keys, self._most_per_s, first, n)
        local = local_time(what.time_s, self._weather.zone)
        unrest = np.array([
            *(self._unrest(desk.word, 1.0, what.time_s) for desk in Desk), self._unrest("traffic", TRAFFIC_UNREST, what.time_s)
        ])  # fmt: skip
        mood = np.where(IS_WET_AND_DARK, len(Desk), DESK)
        rate = unrest[mood[what.stream], np.arange(len(what.time_s))]
        for k, of in enumerate(CLASSES):
            here = what.stream == k
            rate[here] *= of.hours.profile.at(LocalTime(*(column[here] for column in local)))
        needs = what.draw(ACCEPT) * UNREST_AT_MOST * MOST[what.stream] / np.maximum(rate, 1e-9)
        # A desk numbers what it hears by the tenth of a second.
        alone = np.zeros(len(needs), dtype=bool)
        alone[np.unique(np.round(10 * what.time_s) * len(Desk) + DESK[what.stream], return_index=True)[1]] = True
        chosen = alone & (needs < MOST[what.stream])
        return _Likely(what.picked(chosen), needs[chosen])

    def _unrest(self, of: str, times: float, time_s: Floats) -> Floats:
        """A factor with mean 1, so many times as restless as usual."""
        of_day = times * UNREST_OF_DAY * drift(key(self._weather.seed, "unrest of days", of), time_s, DAY_S)
        of_hour = times * UNREST_OF_HOUR * drift(key(self._weather.seed, "unrest of hours", of), time_s, 2.0 * HOUR_S)
        raised = np.exp(of_day + of_hour - times**2 * (UNREST_OF_DAY**2 + UNREST_OF_HOUR**2) / 2)
        return np.asarray(np.minimum(raised, UNREST_AT_MOST))

    def _streets_of(self, what: Occurrences) -> Ints:
        streets = np.zeros(len(what.time_s), dtype=np.int64)
        draws = what.draw(STREET)
        for k in np.unique(what.stream).tolist():
            here = what.stream == k
            streets[here] = self._spreads[k].drawn(draws[here])
        return streets

    def _may_pour(self, time_s: Floats, scenes: Sequence[Scene]) -> NDArray[np.bool_]:
        """Whether it may have rained hard enough to fill a street somewhere."""
        pours = self._weather.spell_mm_h(time_s) > DRAINS_TAKE_MM_H / 2
        for scene in scenes:
            if isinstance(scene, Downpour):
                pours |= (time_s > scene.start_s) & (time_s < scene.rains_until_s + PAST_RAIN_S[-1])
        return np.asarray(pours)

    def _influence(self, what: Occurrences, lon: Floats, lat: Floats, scenes: Sequence[Scene]) -> Floats:
        factor = np.ones(len(what.time_s))
        for is_of, how_much in ((IS_WET_AND_DARK, self._accidents), (IS_FLOODED, self._waterlogging)):
            here = is_of[what.stream]
            if here.any():
                factor[here] = how_much(lon[here], lat[here], what.time_s[here], scenes)
        return factor

    def _accidents(self, lon: Floats, lat: Floats, time_s: Floats, scenes: Sequence[Scene]) -> Floats:
        wet = 1 - np.exp(-self._weather.rain_mm_h(lon, lat, time_s, scenes) / 2)
        dark = np.clip((3 - sun_elevation_deg(lon, lat, time_s)) / 9, 0, 1)
        return np.asarray((1 + WET_RISE * wet) * (1 + dark * (DARK_RISE + DARK_AND_WET_RISE * wet)))

    def _waterlogging(self, lon: Floats, lat: Floats, time_s: Floats, scenes: Sequence[Scene]) -> Floats:
        past = self._weather.rain_mm_h(lon[:, None], lat[:, None], time_s[:, None] - PAST_RAIN_S, scenes).mean(axis=1)
        return np.asarray(np.clip((past - DRAINS_TAKE_MM_H) / 10, 0, Influence.FLOODED.value))
