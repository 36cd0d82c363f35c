"""The live city: everything that its devices, halls, units and callers say from one second to the next. No clock, no broker.

Devices speak at whole seconds, each in its own beat. A simulator that was held up does not make up for what it missed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from math import floor
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from domain.observations import Quality
from domain.sensors import DeviceMode, DeviceState, SensorKind
from gis_data.city import City, District
from iot.payloads import Birth, Event, State, Telemetry, encode
from iot.scenarios import NetworkOutage, Scene
from iot.simulated import halls, units
from iot.simulated.calls import Callers
from iot.simulated.devices import Device, deploy
from iot.simulated.driving import LiveRoads, Roads
from iot.simulated.instruments import Instruments
from iot.simulated.outlook import outlook
from iot.simulated.programme import Programme
from iot.simulated.units import Vehicle, VehicleState
from iot.simulated.weather import Weather
from iot.topics import COMMAND, PREFIX, Topic, topic_of

CATCH_UP_S = 5

EVENT = "event"


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
        self.devices: tuple[Device, ...] = deploy(city, seed)
        roads = Roads(city)
        self.vehicles: tuple[Vehicle, ...] = units.muster(city, roads, seed)
        self.states: dict[str, VehicleState] = {v.unit_id: units.at_home(v, started_s, roads) for v in self.vehicles}
        self.halls = halls.LiveHalls(city, self.weather, seed, started_s)
        self.instruments = Instruments(self.devices, self.weather)
        stations = [(d.lon, d.lat) for d in self.devices if d.kind is SensorKind.AIR_QUALITY]
        self.programme = Programme(
            city,
            self.weather,
            started_s,
            stations,
            partial(outlook, self.instruments, self.halls.halls, districts=city.districts),
        )
        self._vehicles = {vehicle.unit_id: vehicle for vehicle in self.vehicles}
        self._hall_ids = {hall.device_id for hall in self.halls.halls}
        self._roads = LiveRoads(city, roads, self.weather)
        self._callers = Callers(city, roads, self.weather)
        self._now_s = started_s
        self._orders: dict[str, list[units.Command]] = defaultdict(list)
        self._window_commands: dict[str, list[halls.WindowCommand]] = defaultdict(list)
        self._taken_up: set[tuple[str, str | None]] = set()

    @property
    def districts(self) -> tuple[District, ...]:
        """The districts; everything that speaks stands in one of them."""
        return self.city.districts

    def is_cut(self, district_code: str, now_s: float) -> bool:
        """Whether the line of a district's gateway is cut."""
        outages = (scene for scene in self.programme.scenes(now_s) if isinstance(scene, NetworkOutage))
        return any(bool(outage.is_cut(district_code, now_s)) for outage in outages)

    def subscriptions(self, district_code: str) -> list[str]:
        """The topics on which a district's devices are spoken to, and on which its units find their own last words."""
        of_units = f"{PREFIX}/{district_code}/{units.DOMAIN}/+/+"
        of_halls = sorted(topic_of(hall_id, COMMAND) for hall_id in self._hall_ids if hall_id.split("/", 1)[0] == district_code)
        return [f"{of_units}/{COMMAND}", f"{of_units}/{EVENT}", *of_halls]

    def introductions(self, district_code: str, now_s: float, state: DeviceState) -> Iterator[Saying]:
        """Births (unless going offline) and states of everything in a district, all retained."""
        at = _time(now_s)
        for device_id, birth in self._births(at):
            if device_id.split("/", 1)[0] != district_code:
                continue
            if state is DeviceState.ONLINE:
                yield _saying(device_id, "birth", birth, is_retained=True)
            yield _saying(device_id, "state", State(id=f"{state.value}-{int(now_s)}", ts=at, state=state.value), is_retained=True)

    def roll_call(self, district_code: str) -> Iterator[Saying]:
        """Status and position of every unit of a district, and what its windows are."""
        for vehicle in self.vehicles:
            if vehicle.district_code == district_code:
                yield from _of_unit(vehicle, units.first_words(self.states[vehicle.unit_id]))
        for device_id, kind, payload, is_retained in self.halls.roll_call(district_code):
            yield _saying(device_id, kind, payload, is_retained=is_retained)

    def hear(self, topic: Topic, payload: bytes, now_s: float, *, is_retained: bool) -> list[Saying]:
        """Takes what was said to a device, to be obeyed at the next `advance`. Raises msgspec.DecodeError for what cannot be
        understood."""
        if topic.device_id in self._hall_ids and topic.kind == COMMAND:
            self._window_commands[topic.device_id].append(halls.decode_command(payload))
        elif topic.device in self._vehicles and topic.kind == COMMAND:
            self._orders[topic.device].append(units.decode_command(payload))
        elif topic.device in self._vehicles and topic.kind == EVENT and is_retained:
            return self._recall(self._vehicles[topic.device], msgspec.json.decode(payload, type=Event), now_s)
        return []

    def advance(self, now_s: float) -> list[Saying]:
        """Everything said after the last call up to `now_s`."""
        from_s = max(self._now_s, now_s - CATCH_UP_S)
        scenes = self.programme.scenes(now_s)
        said = [
            saying
            for kind in self.instruments.kinds
            for saying in self._readings(kind, floor(from_s) + 1, floor(now_s) + 1, scenes)
        ]
        for call in self._callers.between(from_s, now_s, scenes):
            said.append(_saying(call.device_id, EVENT, call.event))
        for device_id, presence in self._callers.heartbeats(from_s, now_s):
            said.append(_saying(device_id, "state", presence, is_retained=True))
        for device_id, kind, payload, is_retained in self.halls.advance(now_s, scenes, self._window_commands):
            said.append(_saying(device_id, kind, payload, is_retained=is_retained))
        roads = self._roads.at(now_s, scenes)
        for vehicle in self.vehicles:
            orders = self._orders.get(vehicle.unit_id, ())
            state, words = units.advance(vehicle, self.states[vehicle.unit_id], now_s, orders, roads)
            self.states[vehicle.unit_id] = state
            said += _of_unit(vehicle, words)
        self._orders.clear()
        self._window_commands.clear()
        self._now_s = now_s
        return said

    def _readings(self, kind: SensorKind, from_s: int, to_s: int, scenes: Sequence[Scene]) -> Iterator[Saying]:
        """What sensors of a kind say in [from_s, to_s)."""
        devices, read = self.instruments.devices(kind), self.instruments.between(kind, from_s, to_s, scenes)
        columns = [values.tolist() for values in read.values.values()]
        for k, second, *values in zip(read.device.tolist(), read.time_s.tolist(), *columns, strict=True):
            # Whoever speaks on change does not know the number of what it says; its heartbeat shows that it is there.
            seq = int(second // devices[k].interval_s) if devices[k].mode is DeviceMode.PERIODIC else None
            of = dict(zip(read.values, values, strict=True))
            said = Telemetry(id=f"{int(second):x}", ts=_time(second), seq=seq, values=of, q=Quality.SIMULATED.value)
            yield _saying(devices[k].device_id, "telemetry", said)

    def _recall(self, vehicle: Vehicle, last_said: Event, now_s: float) -> list[Saying]:
        """What a unit does with its own last word from before this city was switched on: it takes up its order, or says that it
        has left it."""
        known = (vehicle.unit_id, last_said.order)
        if last_said.order in self.states[vehicle.unit_id].answers or known in self._taken_up:
            return []
        self._taken_up.add(known)
        roads = self._roads.at(now_s, self.programme.scenes(now_s))
        resumed = units.resumed(vehicle, last_said, now_s, roads)
        if resumed is None:
            return [*_of_unit(vehicle, units.after_restart(last_said, now_s))]
        self.states[vehicle.unit_id] = resumed
        return []

    def _births(self, at: datetime) -> Iterator[tuple[str, Birth]]:
        yield from ((device.device_id, device.birth(at)) for device in self.devices)
        yield from ((vehicle.device_id, vehicle.birth(at)) for vehicle in self.vehicles)
        yield from chain(self._callers.desks(at), halls.births(self.halls.halls, at))


def _of_unit(vehicle: Vehicle, words: Sequence[units.Said]) -> Iterator[Saying]:
    """A unit's status is retained, so that it finds its own last word when it is switched on again."""
    for kind, payload in words:
        yield _saying(vehicle.device_id, kind, payload, is_retained=kind == EVENT)


def _saying(device_id: str, kind: str, payload: Struct, *, is_retained: bool = False) -> Saying:
    return Saying(device_id.split("/", 1)[0], topic_of(device_id, kind), encode(payload), is_retained)


def _time(now_s: float) -> datetime:
    return datetime.fromtimestamp(round(now_s, 3), UTC)
