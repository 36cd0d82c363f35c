"""History: what the devices of the simulated city would have sent in the past, with the times at which it would have arrived.

For the parse-and-store code of the live city. Sampled more coarsely than the live devices speak (the births say so), without
scenarios; readings and 12345 requests only, since nobody was there to see to incidents.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from domain.observations import Quality
from domain.sensors import SensorKind
from gis_data.city import City
from iot.payloads import Telemetry
from iot.plane import Floats
from iot.simulated.calls import Callers
from iot.simulated.chance import key, uniform
from iot.simulated.devices import deploy
from iot.simulated.driving import Roads
from iot.simulated.instruments import Instruments
from iot.simulated.weather import Weather
from iot.topics import topic_of

CHUNK = timedelta(hours=6)
REQUEST_DELAY = timedelta(seconds=0.5)
STEP_S = 600
Arrival = tuple[datetime, str, bytes]
"""When it arrives, topic, payload."""


def messages(city: City, seed: int, start: datetime, end: datetime, *, step_s: int = STEP_S) -> Iterator[Arrival]:
    """Messages that arrive before `end`, measured from `start` on at whole multiples of `step_s`, in the order of arrival:
    births, then readings (0.2–1.5 s under way) and requests."""
    weather = Weather(seed, ZoneInfo(city.zone))
    devices = deploy(city, seed)
    instruments = Instruments(devices, weather)
    callers = Callers(city, Roads(city), weather)
    to_json = msgspec.json.Encoder().encode
    for device in devices:
        yield start, topic_of(device.device_id, "birth"), to_json(device.birth(start, float(step_s)))
    for device_id, birth in callers.desks(start):
        yield start, topic_of(device_id, "birth"), to_json(birth)
    began, under_way = start, list[Arrival]()
    while began < end:
        until = min(began + CHUNK, end)
        for kind in instruments.kinds:
            under_way += _readings(instruments, kind, began, until, step_s)
        for call in callers.between(began.timestamp(), until.timestamp(), requests_only=True):
            under_way.append((call.event.ts + REQUEST_DELAY, topic_of(call.device_id, "event"), to_json(call.event)))
        under_way.sort(key=lambda arrival: arrival[0])
        arrived = bisect_left(under_way, until, key=lambda arrival: arrival[0])
        yield from under_way[:arrived]
        del under_way[:arrived]
        began = until


def _readings(instruments: Instruments, kind: SensorKind, began: datetime, until: datetime, step_s: int) -> Iterator[Arrival]:
    first = math.ceil(began.timestamp() / step_s)
    moments = np.arange(first * step_s, until.timestamp(), step_s, dtype=float)
    if not len(moments):
        return
    read = instruments.values(kind, moments)
    lost = instruments.is_lost(kind, moments)
    under_way_s = 0.2 + 1.3 * uniform(
        np.array([key(kind.type_name, k) for k in range(len(lost))], dtype=np.uint64)[:, None], moments
    )
    times = [datetime.fromtimestamp(moment, UTC) for moment in moments.tolist()]
    for device, is_lost, delays, *columns in zip(instruments.devices(kind), lost, under_way_s, *read.values(), strict=True):
        yield from _of_device(topic_of(device.device_id, "telemetry"), tuple(read), times, is_lost, delays, columns)


def _of_device(
    topic: str, names: Sequence[str], times: Sequence[datetime], is_lost: np.ndarray, delays: Floats, columns: Sequence[Floats]
) -> Iterator[Arrival]:
    to_json = msgspec.json.Encoder().encode
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for time, lost, delay_s, row in zip(times, is_lost.tolist(), delays.tolist(), rows, strict=True):
        if not lost:
            values = dict(zip(names, row, strict=True))
            said = Telemetry(id=f"h{int(time.timestamp()):x}", ts=time, values=values, q=Quality.SIMULATED.value)
            yield time + timedelta(seconds=delay_s), topic, to_json(said)
