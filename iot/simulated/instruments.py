"""Instruments: what the sensors of the simulated city read at given moments, and when they say it, as arrays of one kind at a
time.

Each device looks at its own beat, a whole second of its interval. Those that report periodically say what they see each time.
Those that report on change look every `LOOKS` and speak when a value has moved into another step of its scale since the look
before, or when their heartbeat is due; so whether one speaks depends on two looks alone, and the readings of a span of time are
the same however the span is cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from domain.sensors import PROPERTIES, DeviceMode, SensorKind
from iot.plane import Floats, distance_m
from iot.scenarios import PowerCut, Scene
from iot.simulated import air, crowd, lighting, noise, parking, power, supply, traffic, waste, water, weather
from iot.simulated.chance import key, uniform
from iot.simulated.devices import Device
from iot.simulated.faults import Fault, Faults
from iot.simulated.rhythm import local_time
from iot.simulated.sites import Sites
from iot.simulated.weather import Weather

LOST_SHARE = 0.003
OUTAGE_S, OUTAGE_SHARE = 1_800.0, 0.002
"""Messages lost one by one, and half hours in which a device cannot be heard; longer silences are faults."""

BATTERY_S = {
    SensorKind.TRAFFIC_FLOW: 1_800.0, SensorKind.PARKING: 1_800.0, SensorKind.CROWD_FLOW: 3_600.0, SensorKind.NOISE: 2 * 3_600.0,
    SensorKind.AIR_QUALITY: 2 * 3_600.0,
}  # fmt: skip
"""How long devices that live on mains go on without; the others have sun and a battery, or are built to see a power cut
through."""

DECIMALS = {
    "pm25": 1, "pm10": 1, "so2": 1, "no2": 1, "co": 0, "o3": 1, "temperature": 1, "pressure": 1, "windSpeed": 1,
    "precipitation": 1, "averageVehicleSpeed": 1, "intensity": 0, "occupancy": 3, "waterLevel": 3, "waterDepth": 2,
    "noiseLevel": 1, "availableSpotNumber": 0, "peopleCount": 0, "nh3": 2, "totalActivePower": 1, "voltage": 2, "current": 1,
    "waterPressure": 1, "waterFlow": 1, "fillingLevel": 2, "powerState": 2,
}  # fmt: skip
"""What the instruments resolve."""


class Look(NamedTuple):
    """How a device that reports on change decides: every so many seconds, by a step of a property's scale (a share of the
    device's capacity where it has one)."""

    every_s: int
    property: str
    step: float


LOOKS = {
    SensorKind.GAS: Look(60, "nh3", 0.5),
    SensorKind.PARKING: Look(120, "availableSpotNumber", 0.02),
    SensorKind.WASTE: Look(600, "fillingLevel", 0.05),
    SensorKind.LIGHT_CABINET: Look(120, "powerState", 0.05),
}


Which = Sequence[int] | NDArray[np.intp] | None
"""Numbers of devices within their kind; None for all."""


class Readings(NamedTuple):
    """What devices of a kind said, in order of time: number of the device, moment (s), values by property; all of one length."""

    device: NDArray[np.intp]
    time_s: Floats
    values: Mapping[str, Floats]


class _Group(NamedTuple):
    devices: tuple[Device, ...]
    sites: Sites
    beat_s: NDArray[np.int64]
    every_s: int
    looks_per_heartbeat: int
    faults: Faults
    limits: Mapping[str, tuple[Floats, Floats]]


class Instruments:
    """The sensors by kind, and what they stand in: the weather, the water."""

    def __init__(self, devices: Sequence[Device], city_weather: Weather) -> None:
        self.weather = city_weather
        kinds = dict.fromkeys(device.kind for device in devices)
        self._groups = {kind: _group([d for d in devices if d.kind is kind], city_weather.seed) for kind in kinds}
        self._levels = water.Levels([d.basin for d in devices if d.kind is SensorKind.FLOOD])
        self._underpasses = _underpasses([d for d in devices if d.kind is SensorKind.UNDERPASS])
        self._beside, self._nearness = self._loops_at_underpasses()

    @property
    def kinds(self) -> tuple[SensorKind, ...]:
        return tuple(self._groups)

    def devices(self, kind: SensorKind) -> tuple[Device, ...]:
        return self._groups[kind].devices

    def values(
        self, kind: SensorKind, time_s: ArrayLike, scenes: Sequence[Scene] = (), *, which: Which = None
    ) -> dict[str, Floats]:
        """What devices read, right or wrong, by property: arrays (devices × moments). `which` picks devices of the kind by
        number, default all; `time_s` are moments for all of them (t) or for each its own (devices × t)."""
        picked, times = self._asked(kind, time_s, which)
        group = self._groups[kind]
        limits = {name: (low[picked], high[picked]) for name, (low, high) in group.limits.items()}

        def said_at(k: int, moment_s: float) -> Mapping[str, float]:
            then = self._true(kind, np.array([k]), np.array([moment_s]), ())  # scenes come and go, what is stuck does not
            return {name: float(np.round(value[0, 0], DECIMALS[name])) for name, value in then.items()}

        said = group.faults.distorted(self._true(kind, picked, times, scenes), times, picked, limits, said_at)
        return {name: np.round(values, DECIMALS[name]) for name, values in said.items()}

    def true_values(
        self, kind: SensorKind, time_s: ArrayLike, scenes: Sequence[Scene] = (), *, which: Which = None
    ) -> dict[str, Floats]:
        """What they would read if none was broken."""
        picked, times = self._asked(kind, time_s, which)
        return {name: np.round(v, DECIMALS[name]) for name, v in self._true(kind, picked, times, scenes).items()}

    def find_fault(self, kind: SensorKind, number: int, at_s: float) -> Fault | None:
        """What is wrong with a device of the kind at a moment."""
        return self._groups[kind].faults.find(number, at_s)

    def is_lost(
        self, kind: SensorKind, time_s: ArrayLike, scenes: Sequence[Scene] = (), *, which: Which = None
    ) -> NDArray[np.bool_]:
        """Which messages never leave a device or never arrive, (devices × moments)."""
        picked, times = self._asked(kind, time_s, which)
        sites = self._groups[kind].sites.picked(picked)
        single = uniform(sites.keys + np.uint64(101), times) < LOST_SHARE
        outage = uniform(sites.keys + np.uint64(102), np.floor(times / OUTAGE_S)) < OUTAGE_SHARE
        lost = single | outage | self._groups[kind].faults.silent(times, picked)
        if kind in BATTERY_S:
            for scene in scenes:
                if isinstance(scene, PowerCut):
                    is_empty = times > scene.start_s + BATTERY_S[kind]
                    lost = lost | (scene.is_dark(sites.lon, sites.lat, times) & is_empty)
        return np.asarray(lost)

    def between(self, kind: SensorKind, from_s: float, to_s: float, scenes: Sequence[Scene] = ()) -> Readings:
        """What the devices of a kind say in [from_s, to_s), without what is lost: the readings of their beats, or those of their
        looks that are worth a word (see above)."""
        group = self._groups[kind]
        first = np.ceil((from_s - group.beat_s) / group.every_s).astype(np.int64)
        n = np.maximum(np.ceil((to_s - group.beat_s) / group.every_s).astype(np.int64) - first, 0)
        which = np.flatnonzero(n)
        if not len(which):
            return Readings(which, np.zeros(0), {name: np.zeros(0) for name in group.devices[0].kind.properties})
        beat, first, n = group.beat_s[which, None], first[which, None], n[which, None]
        number = first + np.arange(n.max())
        says = (number < first + n) & ~self.is_lost(kind, beat + group.every_s * number, scenes, which=which)
        if kind in LOOKS:
            looks = first - 1 + np.arange(n.max() + 1)
            seen = self.values(kind, beat + group.every_s * looks, scenes, which=which)
            step = _steps(group, LOOKS[kind], which)
            place = np.floor(seen[LOOKS[kind].property] / step + 1e-9)
            stagger = np.floor(uniform(group.sites.keys[which], 9) * group.looks_per_heartbeat).astype(np.int64)
            says &= (place[:, 1:] != place[:, :-1]) | ((number + stagger) % group.looks_per_heartbeat == 0)
            read = {name: values[:, 1:] for name, values in seen.items()}
        else:
            read = self.values(kind, beat + group.every_s * number, scenes, which=which)
        row, column = np.nonzero(says)
        times = (beat + group.every_s * number)[row, column].astype(float)
        order = np.lexsort((row, times))
        row, column = row[order], column[order]
        return Readings(which[row], times[order], {name: values[row, column] for name, values in read.items()})

    def _asked(self, kind: SensorKind, time_s: ArrayLike, which: Which) -> tuple[NDArray[np.intp], Floats]:
        picked = np.arange(len(self._groups[kind].devices)) if which is None else np.asarray(which, dtype=np.intp)
        return picked, np.atleast_1d(np.asarray(time_s, dtype=float))

    def _true(self, kind: SensorKind, picked: NDArray[np.intp], times: Floats, scenes: Sequence[Scene]) -> dict[str, Floats]:
        sites, w = self._groups[kind].sites.picked(picked), self.weather
        local = local_time(times, w.zone)
        match kind:
            case SensorKind.AIR_QUALITY:
                return air.station_values(w, sites, times, scenes, local=local)
            case SensorKind.WEATHER:
                return weather.station_values(w, sites, times, scenes, local=local)
            case SensorKind.RAIN:
                return weather.gauge_values(w, sites, times, scenes)
            case SensorKind.TRAFFIC_FLOW:
                depth = self._underpasses.depth_m(w, times, scenes, self._beside[picked]) if len(self._beside) else 0.0
                nearness = self._nearness[picked] if len(self._beside) else 0.0
                return traffic.loop_values(w, sites, times, scenes, local=local, depth_m=depth, nearness=nearness)
            case SensorKind.FLOOD:
                return water.gauge_values(w, self._levels, sites, times, scenes, picked)
            case SensorKind.UNDERPASS:
                return water.underpass_values(self._underpasses.depth_m(w, times, scenes, picked), sites.keys, times)
            case SensorKind.NOISE:
                return noise.meter_values(sites, times, local=local)
            case SensorKind.CROWD_FLOW:
                return crowd.counter_values(w, sites, times, scenes, local=local)
            case SensorKind.GAS:
                return air.detector_values(sites, times, scenes)
            case SensorKind.POWER:
                return power.meter_values(w, sites, times, scenes, local=local)
            case SensorKind.WATER_NETWORK:
                return supply.meter_values(w, sites, times, scenes, local=local)
            case SensorKind.WASTE:
                return waste.bin_values(sites, local, w.zone)
            case SensorKind.PARKING:
                return parking.park_values(w, sites, times, scenes, local=local)
            case SensorKind.LIGHT_CABINET:
                return lighting.cabinet_values(w, sites, times, scenes, local=local)
            case _:
                raise ValueError(f"kind is {kind.type_name}: expected one that the simulator has physics for")

    def _loops_at_underpasses(self) -> tuple[NDArray[np.intp], Floats]:
        """The nearest underpass of each loop, and how much of its water is felt there (n × 1); nothing where there are none."""
        loops = self._groups.get(SensorKind.TRAFFIC_FLOW)
        if loops is None or not self._underpasses.ids:
            return np.zeros(0, dtype=np.intp), np.zeros((0, 1))
        away_m = distance_m(loops.sites.lon, loops.sites.lat, self._underpasses.lon.T, self._underpasses.lat.T)
        return away_m.argmin(axis=1), traffic.nearness(away_m.min(axis=1))[:, None]


def _group(devices: Sequence[Device], seed: int) -> _Group:
    def column(values: Sequence[float]) -> Floats:
        return np.array(values, dtype=float)[:, None]

    kind, interval_s = devices[0].kind, devices[0].interval_s
    traits = {name: column([d.traits[name] for d in devices]) for name in devices[0].traits}
    keys = np.array([key(seed, device.device_id) for device in devices], dtype=np.uint64)[:, None]
    sites = Sites(column([d.lon for d in devices]), column([d.lat for d in devices]), keys, traits)
    every_s = LOOKS[kind].every_s if devices[0].mode is DeviceMode.ON_CHANGE else interval_s
    beat_s = np.floor(uniform(keys[:, 0], 8) * every_s).astype(np.int64)
    limits = {
        name: (np.full(len(devices), PROPERTIES[name].low), np.array([d.highest(name) for d in devices]))
        for name in kind.properties
    }
    return _Group(tuple(devices), sites, beat_s, every_s, interval_s // every_s, Faults(keys), limits)


def _steps(group: _Group, look: Look, which: NDArray[np.intp]) -> Floats:
    capacity = group.sites.traits.get("capacity")
    return np.full((len(which), 1), look.step) if capacity is None else np.maximum(look.step * capacity[which], 1.0)


def _underpasses(devices: Sequence[Device]) -> water.Underpasses:
    return water.underpasses([(d.device_id.split("/")[2], d.lon, d.lat, d.traits, d.basin) for d in devices])
