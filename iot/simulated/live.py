"""The live city: everything that its devices, units and callers say from one second to the next. No clock, no broker.

Devices speak at whole seconds, each in its own beat. A simulator that was held up does not make up for what it missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct

from domain.observations import Quality
from domain.sensors import DeviceState, SensorKind
from gis_data.city import City, District
from iot.payloads import Birth, Event, State, Telemetry, encode
from iot.scenarios import Scene, demonstration
from iot.simulated import units
from iot.simulated.calls import Callers
from iot.simulated.chance import key, uniform
from iot.simulated.devices import Device, deploy
from iot.simulated.driving import Roads
from iot.simulated.instruments import Instruments
from iot.simulated.units import Command, Vehicle, VehicleState
from iot.simulated.weather import Weather
from iot.topics import topic_of

CATCH_UP_S = 5
PLANNED_AHEAD_S = 3_600.0


class Saying(NamedTuple):
    """One message, with the district whose gateway carries it."""

    district_code: str
    topic: str
    payload: bytes
    is_retained: bool = False


class LiveCity:
    """A city that was switched on at `started_s` (seconds since 1970 UTC). `advance` must be called with growing times."""

    def __init__(self, city: City, seed: int, started_s: float) -> None:
        self.city = city
        self.weather = Weather(seed, ZoneInfo(city.zone))
        self.roads = Roads(city)
        self.devices: tuple[Device, ...] = deploy(city, seed)
        self.vehicles: tuple[Vehicle, ...] = units.muster(city, self.roads, seed)
        self.states: dict[str, VehicleState] = {v.unit_id: units.at_home(v, started_s, self.roads) for v in self.vehicles}
        self._instruments = Instruments(self.devices, self.weather)
        self._beats = {kind: _beats(self._instruments.devices(kind)) for kind in self._instruments.kinds}
        self._callers = Callers(city, self.roads, self.weather)
        self._stations = [(d.lon, d.lat) for d in self.devices if d.kind is SensorKind.AIR_QUALITY]
        self._seed, self._started_s, self._now_s = seed, started_s, started_s
        self._planned_until_s, self._scenes = started_s, list[Scene]()
        self._given_up: set[tuple[str, str | None]] = set()

    @property
    def districts(self) -> tuple[District, ...]:
        """The districts; everything that speaks stands in one of them."""
        return self.city.districts

    def introductions(self, district_code: str, now_s: float, state: DeviceState) -> Iterator[Saying]:
        """Births (unless going offline) and states of everything in a district, all retained."""
        at = _time(now_s)
        for device_id, birth in self._births(now_s):
            if device_id.split("/", 1)[0] != district_code:
                continue
            if state is DeviceState.ONLINE:
                yield _saying(device_id, "birth", birth, is_retained=True)
            yield _saying(device_id, "state", State(id=f"{state.value}-{int(now_s)}", ts=at, state=state.value), is_retained=True)

    def roll_call(self, district_code: str) -> Iterator[Saying]:
        """Status and position of every unit of a district."""
        for vehicle in self.vehicles:
            if vehicle.district_code == district_code:
                yield from _of_unit(vehicle, units.first_words(self.states[vehicle.unit_id]))

    def recall(self, unit_id: str, last_said: Event, now_s: float) -> list[Saying]:
        """What a unit says when the broker gives it its own last word from before this city was switched on."""
        if last_said.order in self.states[unit_id].answers or (unit_id, last_said.order) in self._given_up:
            return []
        self._given_up.add((unit_id, last_said.order))
        vehicle = next(v for v in self.vehicles if v.unit_id == unit_id)
        return [*_of_unit(vehicle, units.after_restart(last_said, now_s))]

    def advance(self, now_s: float, commands: Mapping[str, Sequence[Command]]) -> list[Saying]:
        """Everything said after the last call up to `now_s`; `commands` by unit id."""
        from_s = max(self._now_s, now_s - CATCH_UP_S)
        scenes = self._scenes_at(now_s)
        said: list[Saying] = []
        for second in range(int(np.floor(from_s)) + 1, int(np.floor(now_s)) + 1):
            for kind in self._instruments.kinds:
                said += self._readings(kind, second, scenes)
        for call in self._callers.between(from_s, now_s, scenes):
            said.append(_saying(call.device_id, "event", call.event))
        for vehicle in self.vehicles:
            heard = commands.get(vehicle.unit_id, ())
            state, words = units.advance(vehicle, self.states[vehicle.unit_id], now_s, heard, self.roads)
            self.states[vehicle.unit_id] = state
            said += _of_unit(vehicle, words)
        self._now_s = now_s
        return said

    def _births(self, now_s: float) -> Iterator[tuple[str, Birth]]:
        at = _time(now_s)
        yield from ((device.device_id, device.birth(at)) for device in self.devices)
        yield from ((vehicle.device_id, vehicle.birth(at)) for vehicle in self.vehicles)
        yield from self._callers.desks(at)

    def _scenes_at(self, now_s: float) -> list[Scene]:
        if now_s >= self._planned_until_s:
            self._planned_until_s = now_s + PLANNED_AHEAD_S
            planned = demonstration(
                self._stations, self.weather, seed=self._seed, started_s=self._started_s, until_s=self._planned_until_s
            )
            self._scenes = [scene for scene in planned if scene.end_s > now_s]
        return [scene for scene in self._scenes if scene.start_s <= now_s < scene.end_s]

    def _readings(self, kind: SensorKind, second: int, scenes: Sequence[Scene]) -> Iterator[Saying]:
        interval_s, phases = self._beats[kind]
        which = np.flatnonzero((second - phases) % interval_s == 0)
        if not len(which):
            return
        read = self._instruments.values(kind, float(second), scenes, which=which.tolist())
        lost = self._instruments.is_lost(kind, float(second), which=which.tolist())
        devices = self._instruments.devices(kind)
        seq, at = second // interval_s, _time(second)
        for row, k in enumerate(which.tolist()):
            if lost[row, 0]:
                continue
            values = {name: float(column[row, 0]) for name, column in read.items()}
            said = Telemetry(id=f"{seq:x}", ts=at, seq=seq, values=values, q=Quality.SIMULATED.value)
            yield _saying(devices[k].device_id, "telemetry", said)


def _beats(devices: Sequence[Device]) -> tuple[int, np.ndarray]:
    """Interval of a kind, and at which second of it each device speaks."""
    interval_s = devices[0].interval_s
    keys = np.array([key("beat", device.device_id) for device in devices], dtype=np.uint64)
    return interval_s, (uniform(keys, 0) * interval_s).astype(np.int64)


def _of_unit(vehicle: Vehicle, words: Sequence[units.Said]) -> Iterator[Saying]:
    """A unit's status is retained, so that it finds its own last word when it is switched on again."""
    for kind, payload in words:
        yield _saying(vehicle.device_id, kind, payload, is_retained=kind == "event")


def _saying(device_id: str, kind: str, payload: Struct, *, is_retained: bool = False) -> Saying:
    return Saying(device_id.split("/", 1)[0], topic_of(device_id, kind), encode(payload), is_retained)


def _time(now_s: float) -> datetime:
    return datetime.fromtimestamp(round(now_s, 3), UTC)
