"""Traffic at a loop: demand by the hour, speed from demand and rain, occupancy from both.

Speed falls with the ratio x of demand to capacity as v = v₀ ÷ (1 + a x⁴), the form of the Bureau of Public Roads (1964) with an
a that suits signalled streets. Rain lowers speed by up to 15 %, the order of what the Highway Capacity Manual gives for heavy
rain. Occupancy is the share of time a vehicle covers the loop: density × (vehicle + loop length).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from iot.plane import Floats
from iot.scenarios import Scene
from iot.simulated.chance import drift, uniform
from iot.simulated.rhythm import TRAFFIC, LocalTime
from iot.simulated.weather import Weather

DELAY_FACTOR = 0.75
COVERED_KM = 0.0065
"""4.5 m of vehicle and 2 m of loop."""


class Street(NamedTuple):
    """What a class of road carries in one direction: free speed, lanes, vehicles per hour and lane."""

    free_km_h: float
    lanes: int
    per_lane_h: float


STREETS = (Street(80, 3, 1_800), Street(50, 3, 800), Street(40, 2, 650), Street(30, 1, 500))
"""By gis_data.city.ROAD_CLASSES."""


def loop_values(
    weather: Weather, lon: Floats, lat: Floats, keys: ArrayLike, time_s: Floats, scenes: Sequence[Scene],
    *, local: LocalTime, road_class: ArrayLike,
) -> dict[str, Floats]:  # fmt: skip
    """What loops (n × 1, classes likewise) count at moments (t): arrays n × t."""
    keys = np.asarray(keys, dtype=np.uint64)
    free_km_h, lanes, per_lane_h = np.array(STREETS, dtype=float).T[:, np.asarray(road_class)]
    rain = weather.rain_mm_h(lon, lat, time_s, scenes)
    x = demand_ratio(keys, time_s, local)
    wet = 1 - 0.15 * (1 - np.exp(-rain / 10))
    speed = free_km_h * wet / (1 + DELAY_FACTOR * x**4) * (1 + 0.03 * drift(keys + np.uint64(5), time_s, 40.0))
    flow = np.minimum(x, 1.0) * lanes * per_lane_h * (1 - 0.5 * (1 - wet)) * (1 + 0.05 * drift(keys + np.uint64(6), time_s, 60.0))
    return {
        "averageVehicleSpeed": speed,
        "intensity": np.maximum(flow, 0),
        "occupancy": np.clip(flow / lanes / speed * COVERED_KM, 0, 1),
    }


def demand_ratio(keys: ArrayLike, time_s: Floats, local: LocalTime) -> Floats:
    """Demand ÷ capacity at each loop. Loops differ in how busy they are and in which of the two peaks is theirs."""
    keys = np.asarray(keys, dtype=np.uint64)
    busy = 0.62 + 0.40 * uniform(keys, 1)
    lean = 0.12 * (uniform(keys, 2) - 0.5) * 2  # inbound loops have the morning, outbound ones the evening
    half_day = np.cos(2 * np.pi * (local.hour - 8) / 24)
    wave = 1 + 0.05 * drift(keys + np.uint64(4), time_s, 900.0)
    return np.asarray(np.clip(busy * TRAFFIC.at(local) * (1 + lean * half_day) * wave, 0.01, 1.15))
