"""The demonstration city, simulated without scenes over a span of weeks, in the form of benchmarks._records: what its devices
say, its desks hear and its halls hold, as the history writes them; and which devices are broken, as only the simulator knows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from benchmarks._records import DAY_S, WORKDAY, Floats, Record, counted, held, meant, taken
from domain.halls import HallEventKind, TicketChannel
from domain.sensors import DeviceMode, SensorKind
from gis_data.city import ROAD_CLASSES, City
from iot.payloads import Event
from iot.simulated import crowd, halls
from iot.simulated.calendar import EPOCH, day_types
from iot.simulated.call_classes import Desk
from iot.simulated.calls import Callers
from iot.simulated.devices import deploy
from iot.simulated.driving import Roads
from iot.simulated.faults import FaultKind
from iot.simulated.instruments import Instruments, Readings
from iot.simulated.weather import Weather

Records = Iterator[tuple[str, Record]]

OPENS_H, CLOSES_H = 9, 17
"""Of halls on working days (iot.simulated.halls.staff.WORKDAY)."""

SENSORS = {
    SensorKind.TRAFFIC_FLOW: ("speed", "averageVehicleSpeed"),
    SensorKind.PARKING: ("car parks", "availableSpotNumber"),
    SensorKind.CROWD_FLOW: ("people", "peopleCount"),
    SensorKind.WATER_NETWORK: ("water flow", "waterFlow"),
    SensorKind.AIR_QUALITY: ("", "pm25", "no2", "o3"),
    SensorKind.WEATHER: ("", "temperature"),
}
"""Names of records by kind of sensor ("" for the property's own) and the properties that are compared."""

PARTS = {
    SensorKind.TRAFFIC_FLOW: {"expressways": ("road_class", float(ROAD_CLASSES.index("expressway")))},
    SensorKind.CROWD_FLOW: {
        "station": ("setting", crowd.STATION), "shopping": ("setting", crowd.SHOPPING), "square": ("setting", crowd.OUTDOORS)
    },
}  # fmt: skip
"""Parts of a record: the trait and its value that belong to each."""

CALLS = {"calls": "all", "medical calls": "medical", "accidents": "traffic_accident", "fires": "fire", "hotline": "hotline"}
"""Names of records of calls: all incidents, those of a class, requests to 12345."""

ARRIVE = HallEventKind.ARRIVE.value
QUEUES = {ARRIVE: True, HallEventKind.TRANSFER.value: True, HallEventKind.CALL.value: False, HallEventKind.ABANDON.value: False}
"""Whether a ticket waits after an event; others change nothing about that."""


class SimulatedCity:
    """A city of a seed from the local midnight of `first_day` on, for so many days."""

    def __init__(self, city: City, seed: int, first_day: date, n_days: int) -> None:
        self.city, self.seed, self.first_day, self.n_days = city, seed, first_day, n_days
        self.zone = ZoneInfo(city.zone)
        self._start = datetime.combine(first_day, datetime.min.time(), self.zone)
        self._kinds = day_types((first_day - EPOCH).days, n_days, self.zone)
        self._weather = Weather(seed, self.zone)
        self._instruments = Instruments(deploy(city, seed), self._weather)

    @property
    def not_compared(self) -> list[str]:
        """Kinds of devices that no real set is read for."""
        return [kind.type_name for kind in self._instruments.kinds if kind not in SENSORS]

    @property
    def periodic(self) -> list[SensorKind]:
        """Kinds that are compared and speak at every beat, whether there is news or not."""
        return [kind for kind in SENSORS if self._instruments.devices(kind)[0].mode is DeviceMode.PERIODIC]

    def records(self) -> Records:
        """Everything that is compared, by name."""
        yield from self._sensors()
        yield from self._calls()
        yield from self._halls()

    def lost_share(self, kind: SensorKind) -> float:
        """Share of the readings due from devices of a periodic kind that never came."""
        devices = self._instruments.devices(kind)
        due = len(devices) * self.n_days * DAY_S / devices[0].interval_s
        return 1 - sum(len(said.time_s) for _, said in self._said(kind)) / due

    def broken_shares(self) -> dict[str, dict[str, float]]:
        """Shares of devices ("all", and by kind) that are broken at a moment, by kind of fault, in the mean of moments three
        hours apart: what the simulator knows of itself and tells nobody."""
        moments = (self._start.timestamp() + np.arange(0, DAY_S * self.n_days, 3 * 3_600)).tolist()
        faults, n_devices = {}, {kind: len(self._instruments.devices(kind)) for kind in self._instruments.kinds}
        for kind, n in n_devices.items():
            found = (self._instruments.find_fault(kind, k, moment) for k in range(n) for moment in moments)
            faults[kind] = Counter(fault.kind for fault in found if fault is not None)

        def shares(counts: Counter[FaultKind], n: int) -> dict[str, float]:
            return {each.value: counts[each] / (n * len(moments)) for each in FaultKind}

        of_all = shares(sum(faults.values(), Counter()), sum(n_devices.values()))
        return {"all": of_all} | {kind.type_name: shares(counts, n_devices[kind]) for kind, counts in faults.items()}

    def _record(self, values: Floats) -> Record:
        return Record(self.first_day, self._kinds, values)

    def _said(self, kind: SensorKind) -> Iterator[tuple[Floats, Readings]]:
        """Readings week by week, with their seconds since the first midnight."""
        begin_s = self._start.timestamp()
        for first in range(0, self.n_days, 7):
            end = min(first + 7, self.n_days)
            said = self._instruments.between(kind, begin_s + DAY_S * first, begin_s + DAY_S * end)
            yield said.time_s - begin_s, said

    def _readings(self, kind: SensorKind) -> tuple[NDArray[np.intp], Floats, Mapping[str, Floats]]:
        """Number of the device, seconds since the first midnight, values by property."""
        weeks = list(self._said(kind))
        values = {name: np.concatenate([said.values[name] for _, said in weeks]) for name in kind.properties}
        return np.concatenate([said.device for _, said in weeks]), np.concatenate([time_s for time_s, _ in weeks]), values

    def _sensors(self) -> Records:
        for kind, (name, *properties) in SENSORS.items():
            devices = self._instruments.devices(kind)
            of, time_s, values = self._readings(kind)
            if devices[0].mode is DeviceMode.ON_CHANGE:
                free = held(of, time_s, values[properties[0]], shape=(len(devices), self.n_days, 96))
                yield name, self._record(taken(free))
                continue
            shape = len(devices), self.n_days, DAY_S // devices[0].interval_s
            for property_name in properties:
                record = self._record(meant(of, time_s, values[property_name], shape=shape))
                yield name or property_name, record
            for part, (trait, value) in PARTS.get(kind, {}).items():
                these = [k for k, device in enumerate(devices) if device.traits[trait] == value]
                yield f"{name}: {part}", self._record(record.values[these])

    def _calls(self) -> Records:
        begin_s = self._start.timestamp()
        found = defaultdict(list)
        callers = Callers(self.city, Roads(self.city), self._weather)
        for call in callers.between(begin_s, begin_s + DAY_S * self.n_days):
            time_s = call.event.ts.timestamp() - begin_s
            if call.device_id == Desk.INCIDENTS.device_id(call.district_code):
                found["all"].append(time_s)
                found[call.event.class_ or ""].append(time_s)
            elif call.device_id == Desk.HOTLINE.device_id(call.district_code):
                found["hotline"].append(time_s)
        for name, part in CALLS.items():
            none = np.zeros(len(found[part]))
            yield name, self._record(counted(none, found[part], shape=(1, self.n_days, 24)))

    def _halls(self) -> Records:
        """Arrivals in half hours, and people waiting every five minutes, of halls while they are open on working days."""
        begin_s = self._start.timestamp()
        numbers = {hall.device_id: k for k, hall in enumerate(halls.halls_of(self.city, self.seed))}
        arrived: dict[bool, list[tuple[int, float]]] = {True: [], False: []}
        steps: list[list[tuple[float, int]]] = [[] for _ in numbers]
        waiting: set[tuple[int, int, str]] = set()
        end = self._start + timedelta(days=self.n_days)
        for moment_s, device_id, _, event in halls.history(self.city, self._weather, self.seed, self._start, end):
            if not isinstance(event, Event) or event.ticket is None or event.event not in QUEUES:
                continue
            hall, time_s = numbers[device_id], moment_s - begin_s
            if event.event == ARRIVE:
                arrived[event.channel == TicketChannel.WALK_IN.value].append((hall, time_s))
            ticket = hall, int(time_s // DAY_S), event.ticket
            if QUEUES[event.event] != (ticket in waiting):
                waiting ^= {ticket}
                steps[hall].append((time_s, 1 if QUEUES[event.event] else -1))
        for name, came in (("walk-ins", arrived[True]), ("hall arrivals", arrived[True] + arrived[False])):
            of, moments_s = np.array(came, dtype=float).reshape(-1, 2).T
            record = self._open(counted(of, moments_s, shape=(len(numbers), self.n_days, 48)))
            yield name, record
            yield f"{name}: together", record.summed()
        yield "hall queues", self._open(np.array([self._people_at(of_hall) for of_hall in steps]))

    def _people_at(self, steps: list[tuple[float, int]]) -> Floats:
        """People waiting every five minutes (days × 288), from the moments when one came or went."""
        moments_s, step = np.array(steps, dtype=float).reshape(-1, 2).T
        every_s = np.arange(self.n_days * 288) * 300.0
        after = np.concatenate([[0.0], np.cumsum(step)])
        return np.asarray(after[np.searchsorted(moments_s, every_s, side="right")].reshape(self.n_days, 288))

    def _open(self, values: Floats) -> Record:
        """Working days while halls are open; NaN otherwise."""
        values[:, self._kinds != WORKDAY] = np.nan
        return self._record(values).between_hours(OPENS_H, CLOSES_H)
