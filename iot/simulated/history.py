"""History: what the simulated city would have sent in the past, with the times at which it would have arrived.

For the parse-and-store code of the live city: the same devices at the same beats, without scenarios. A message is 0.2–1.5 s under
way. Not in order: device by device within some hours, which is how a database stores it fastest; every message says when it
arrived.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from domain.observations import Quality
from domain.sensors import DeviceMode, SensorKind
from gis_data.city import City
from iot.payloads import Telemetry
from iot.simulated import halls
from iot.simulated.calls import Callers
from iot.simulated.chance import key, uniform
from iot.simulated.devices import Device, deploy
from iot.simulated.driving import Roads
from iot.simulated.fleet import muster
from iot.simulated.instruments import Instruments
from iot.simulated.weather import Weather
from iot.topics import topic_of

CHUNK = timedelta(hours=12)
UNDER_WAY_S, EVENT_UNDER_WAY = (0.2, 1.5), timedelta(seconds=0.5)
Arrival = tuple[datetime, str, bytes]
"""When it arrives, topic, payload."""

SIMULATED = Quality.SIMULATED.value
_to_json = msgspec.json.Encoder().encode


class History:
    """The past of one simulated city."""

    def __init__(self, city: City, seed: int) -> None:
        self._city, self._seed, self._weather = city, seed, Weather(seed, ZoneInfo(city.zone))
        self._instruments = Instruments(deploy(city, seed), self._weather)
        roads = Roads(city)
        self._halls = halls.halls_of(city, seed)
        self._callers, self._fleet = Callers(city, roads, self._weather), muster(city, roads, seed)
        self._printed: halls.Printed = {}
        self._under_way = {kind: _under_way(self._instruments.devices(kind)) for kind in self._instruments.kinds}

    def births(self, at: datetime) -> Iterator[Arrival]:
        """What everything would have said of itself at a moment."""
        kinds = self._instruments.kinds
        sensors = ((d.device_id, d.birth(at)) for kind in kinds for d in self._instruments.devices(kind))
        in_halls = halls.births(self._halls, at)
        fleet = ((vehicle.device_id, vehicle.birth(at)) for vehicle in self._fleet)
        for device_id, birth in chain(sensors, self._callers.desks(at), in_halls, fleet):
            yield at, topic_of(device_id, "birth"), _to_json(birth)

    def messages(self, start: datetime, end: datetime) -> Iterator[Arrival]:
        """Readings, requests, heartbeats of desks and events of halls measured in [start, end)."""
        began = start
        while began < end:
            until = min(began + CHUNK, end)
            for kind in self._instruments.kinds:
                yield from self._readings(kind, began, until)
            for call in self._callers.between(began.timestamp(), until.timestamp(), requests_only=True):
                yield call.event.ts + EVENT_UNDER_WAY, topic_of(call.device_id, "event"), _to_json(call.event)
            for device_id, state in self._callers.heartbeats(began.timestamp(), until.timestamp()):
                yield state.ts + EVENT_UNDER_WAY, topic_of(device_id, "state"), _to_json(state)
            began = until
        for moment_s, device_id, kind_of_message, payload in halls.history(
            self._city, self._weather, self._seed, start, end, self._printed
        ):
            arrival = datetime.fromtimestamp(moment_s, UTC) + EVENT_UNDER_WAY
            yield arrival, topic_of(device_id, kind_of_message), _to_json(payload)

    def _readings(self, kind: SensorKind, began: datetime, until: datetime) -> Iterator[Arrival]:
        devices, under_way = self._instruments.devices(kind), self._under_way[kind]
        said = self._instruments.between(kind, began.timestamp(), until.timestamp())
        order = np.lexsort((said.time_s, said.device))
        numbers, seconds = said.device[order].tolist(), said.time_s[order].astype(np.int64).tolist()
        names, columns = tuple(said.values), [values[order].tolist() for values in said.values.values()]
        topics = [topic_of(device.device_id, "telemetry") for device in devices]
        # As live: whoever speaks on change does not number what it says.
        every_s = devices[0].interval_s if devices[0].mode is DeviceMode.PERIODIC else None
        for k, second, *values in zip(numbers, seconds, *columns, strict=True):
            time = _time(second)
            telemetry = Telemetry(
                id=f"{second:x}", ts=time, seq=second // every_s if every_s else None,
                values=dict(zip(names, values, strict=True)), q=SIMULATED,
            )  # fmt: skip
            yield time + under_way[k][second // 7 % N_DELAYS], topics[k], _to_json(telemetry)


N_DELAYS = 8


def _under_way(devices: Sequence[Device]) -> list[list[timedelta]]:
    """How long messages of each device are under way: some delays that it takes by turns."""
    keys = np.array([key("under way", device.device_id) for device in devices], dtype=np.uint64)[:, None]
    delays_s = UNDER_WAY_S[0] + (UNDER_WAY_S[1] - UNDER_WAY_S[0]) * uniform(keys, np.arange(N_DELAYS))
    return [[timedelta(seconds=delay_s) for delay_s in row] for row in delays_s.tolist()]


@lru_cache(maxsize=100_000)
def _time(second: int) -> datetime:
    """Many devices speak at the same second."""
    return datetime.fromtimestamp(second, UTC)
