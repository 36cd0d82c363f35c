"""Instruments: what the sensors of the simulated city read at given moments, as arrays of one kind at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from domain.sensors import SensorKind
from iot.plane import Floats
from iot.scenarios import Scene
from iot.simulated import air, noise, parking, traffic, water, weather
from iot.simulated.chance import key, uniform
from iot.simulated.devices import Device
from iot.simulated.rhythm import local_time
from iot.simulated.weather import DAY_S, Weather

LOST_SHARE = 0.003
OUTAGE_S, OUTAGE_SHARE = 1_800.0, 0.002
"""Messages lost one by one, and half hours in which a device is silent."""

DECIMALS = {
    "pm25": 1, "pm10": 1, "so2": 1, "no2": 1, "co": 0, "o3": 1, "temperature": 1, "pressure": 1, "windSpeed": 1,
    "precipitation": 1, "averageVehicleSpeed": 1, "intensity": 0, "occupancy": 3, "waterLevel": 3, "noiseLevel": 1,
    "availableSpotNumber": 0,
}  # fmt: skip
"""What the instruments resolve."""


class _Group(NamedTuple):
    devices: tuple[Device, ...]
    lon: Floats
    lat: Floats
    keys: NDArray[np.uint64]
    traits: dict[str, Floats]


class Instruments:
    """The sensors by kind; columns (n × 1) of what the physics asks of each."""

    def __init__(self, devices: Sequence[Device], city_weather: Weather) -> None:
        self.weather = city_weather
        kinds = dict.fromkeys(device.kind for device in devices)
        self._groups = {kind: _group([d for d in devices if d.kind is kind], city_weather.seed) for kind in kinds}

    @property
    def kinds(self) -> tuple[SensorKind, ...]:
        return tuple(self._groups)

    def devices(self, kind: SensorKind) -> tuple[Device, ...]:
        return self._groups[kind].devices

    def values(
        self, kind: SensorKind, time_s: ArrayLike, scenes: Sequence[Scene] = (), *, which: Sequence[int] | None = None
    ) -> dict[str, Floats]:
        """Readings by property, arrays (devices × moments); `which` picks devices of the kind by number, default all."""
        group = self._groups[kind]
        picked = np.arange(len(group.devices)) if which is None else np.asarray(which)
        lon, lat, keys = group.lon[picked], group.lat[picked], group.keys[picked]
        traits = {name: column[picked] for name, column in group.traits.items()}
        times = np.atleast_1d(np.asarray(time_s, dtype=float))
        stuck = np.array([group.devices[k].is_stuck for k in picked])
        if stuck.any():
            times = np.where(stuck[:, None], frozen(times), times)
        w, local = self.weather, local_time(times, self.weather.zone)
        match kind:
            case SensorKind.AIR_QUALITY:
                read = air.station_values(w, lon, lat, keys, times, scenes, local=local)
            case SensorKind.WEATHER:
                read = weather.station_values(w, lon, lat, keys, times, scenes)
            case SensorKind.TRAFFIC_FLOW:
                road_class = traits["road_class"].astype(np.int64)
                read = traffic.loop_values(w, lon, lat, keys, times, scenes, local=local, road_class=road_class)
            case SensorKind.FLOOD:
                is_river = traits["is_river"] > 0
                read = water.gauge_values(w, lon, lat, keys, times, scenes, is_river=is_river, tide_share=traits["tide_share"])
            case SensorKind.NOISE:
                read = noise.meter_values(keys, times, local=local)
            case SensorKind.PARKING:
                is_transit = traits["is_transit"] > 0
                read = parking.park_values(keys, times, local=local, capacity=traits["capacity"], is_transit=is_transit)
            case _:
                raise ValueError(f"kind is {kind.type_name}: expected one that the simulator has physics for")
        return {name: np.round(values, DECIMALS[name]) for name, values in read.items()}

    def is_lost(self, kind: SensorKind, time_s: ArrayLike, *, which: Sequence[int] | None = None) -> NDArray[np.bool_]:
        """Which messages never arrive, (devices × moments)."""
        keys = self._groups[kind].keys if which is None else self._groups[kind].keys[np.asarray(which)]
        times = np.atleast_1d(np.asarray(time_s, dtype=float))
        single = uniform(keys + np.uint64(101), times) < LOST_SHARE
        outage = uniform(keys + np.uint64(102), np.floor(times / OUTAGE_S)) < OUTAGE_SHARE
        return np.asarray(single | outage)


def frozen(time_s: Floats) -> Floats:
    """The moment whose reading a stuck device shows: on odd days since 1970 (UTC) the day's beginning."""
    day = np.floor(time_s / DAY_S)
    return np.where(day % 2 == 1, day * DAY_S, time_s)


def _group(devices: Sequence[Device], seed: int) -> _Group:
    def column(values: list[float]) -> Floats:
        return np.array(values, dtype=float)[:, None]

    traits = {name: column([d.traits[name] for d in devices]) for name in devices[0].traits}
    keys = np.array([key(seed, device.device_id) for device in devices], dtype=np.uint64)[:, None]
    return _Group(tuple(devices), column([d.lon for d in devices]), column([d.lat for d in devices]), keys, traits)
