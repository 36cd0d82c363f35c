"""Traffic at a loop: demand by the hour, speed from demand, rain, water on the road and mains, occupancy from flow and speed.

Speed falls with the ratio x of demand to capacity as v = v₀ ÷ (1 + a x⁴), the form of the Bureau of Public Roads (Traffic
Assignment Manual, 1964) with an a that suits signalled streets. Heavy rain takes up to 7 % of the speed and 15 % of the
capacity (Agarwal, Maze, Souleyrette: Impacts of Weather on Urban Freeway Traffic Flow Characteristics and Facility Capacity,
2005: 4–7 % and 10–17 % above 6 mm/h). Water of w millimetres on the road lowers it by the ratio v(w) ÷ v(0) of the
depth-disruption function v(w) = 0.0009 w² − 0.5529 w + 86.9448 km/h (Pregnolato, Ford, Wilkinson, Dawson: The impact of
flooding on road transport, Transportation Research Part D 55, 2017); above the wading depth nobody drives. Where signals are
dark, a junction serves 55 % of what it did: some 450 vehicles an hour and lane by turns, as at all-way stops, against 800 with
signals. Occupancy is the share of time a vehicle covers the loop: density × (vehicle + loop length). Vehicles are counted over
five minutes: n of them have the standard deviation √n (Poisson)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iot.plane import Floats
from iot.scenarios import PowerCut, Scene
from iot.simulated.chance import drift, key, normal, uniform
from iot.simulated.rhythm import TRAFFIC, LocalTime
from iot.simulated.sites import Sites
from iot.simulated.water import WADING_DEPTH_M
from iot.simulated.weather import Weather

DELAY_FACTOR = 0.75
COVERED_KM = 0.0065
"""4.5 m of vehicle and 2 m of loop."""

COUNTED_S = 300.0
SPEED_SPREAD = 0.15
"""Standard deviation of single vehicles' speeds over their mean; that of n vehicles is √n times smaller."""

RAIN_TAKES_SPEED, RAIN_TAKES_CAPACITY, HEAVY_RAIN_MM_H = 0.07, 0.15, 6.0
DARK_CAPACITY = 0.55
BUSY_DAYS = key("busy days")
FELT_WITHIN_M = 300.0
"""How far from an underpass its water is felt: at this distance e^−½ = 61 % of the speed lost in it, at a kilometre nothing."""


class Street(NamedTuple):
    """What a class of road carries in one direction: free speed, lanes, vehicles per hour and lane."""

    free_km_h: float
    lanes: int
    per_lane_h: float


STREETS = (Street(80, 3, 1_800), Street(50, 3, 800), Street(40, 2, 650), Street(30, 1, 500))
"""By gis_data.city.ROAD_CLASSES; the first has no signals."""


def loop_values(
    weather: Weather, sites: Sites, time_s: Floats, scenes: Sequence[Scene], *, local: LocalTime, depth_m: Floats | float = 0.0,
    nearness: ArrayLike = 0.0,
) -> dict[str, Floats]:  # fmt: skip
    """What loops (n) count at moments (t or n × t): arrays n × t. `depth_m` is the water in the underpass next to each (n × t),
    `nearness` how much of it is felt there (n × 1, 0–1)."""
    keys, road_class = sites.keys, sites.traits["road_class"].astype(np.int64)
    free_km_h, lanes, per_lane_h = np.array(STREETS, dtype=float).T[:, road_class]
    rain = weather.rain_mm_h(sites.lon, sites.lat, time_s, scenes)
    wet = 1 - np.exp(-rain / HEAVY_RAIN_MM_H)
    passable = 1 - np.asarray(nearness) * (1 - wading_ratio(depth_m))
    lit = np.where(_has_dark_signals(sites, road_class, time_s, scenes), DARK_CAPACITY, 1.0)
    capacity = lit * (1 - RAIN_TAKES_CAPACITY * wet)
    x = demand_ratio(keys, time_s, local)
    speed = free_km_h * (1 - RAIN_TAKES_SPEED * wet) * passable / (1 + DELAY_FACTOR * (x / capacity) ** 4)
    flow = np.minimum(x, capacity) * passable * lanes * per_lane_h
    counted = flow * COUNTED_S / 3600
    flow = np.maximum(np.round(counted + np.sqrt(counted) * normal(keys + np.uint64(6), time_s)), 0) * 3600 / COUNTED_S
    speed = speed * (1 + SPEED_SPREAD / np.sqrt(counted + 1) * normal(keys + np.uint64(5), time_s).clip(-3, 3))
    density = np.divide(flow / lanes, speed, out=np.zeros(np.shape(flow)), where=speed > 1)
    return {"averageVehicleSpeed": speed, "intensity": flow, "occupancy": np.clip(density * COVERED_KM, 0, 1)}


def demand_ratio(keys: NDArray[np.uint64], time_s: Floats, local: LocalTime) -> Floats:
    """Demand ÷ capacity at each loop. Loops differ in how busy they are and in which of the two peaks is theirs; demand comes in
    waves of half an hour, and some days are busier than others, at a loop and in the whole city (spreads drawn by hand)."""
    busy = 0.62 + 0.40 * uniform(keys, 1)
    lean = 0.12 * (uniform(keys, 2) - 0.5) * 2  # inbound loops have the morning, outbound ones the evening
    half_day = np.cos(2 * np.pi * (local.hour - 8) / 24)
    wave = 0.15 * drift(keys + np.uint64(4), time_s, 1_800.0)
    day = 0.10 * drift(keys + np.uint64(7), time_s, 86_400.0) + 0.05 * drift(BUSY_DAYS, time_s, 86_400.0)
    return np.asarray(np.clip(busy * TRAFFIC.at(local) * (1 + lean * half_day) * np.exp(wave + day), 0.01, 1.15))


def wading_ratio(depth_m: ArrayLike) -> Floats:
    """Speed through water over speed on the dry road."""
    depth = np.asarray(depth_m, dtype=float)
    w = 1_000 * np.minimum(depth, WADING_DEPTH_M)
    return np.where(depth > WADING_DEPTH_M, 0.0, (0.0009 * w**2 - 0.5529 * w + 86.9448) / 86.9448)


def nearness(away_m: ArrayLike) -> Floats:
    """How much of an underpass's water is felt so many metres from it: 1 in it, nothing beyond a kilometre or so."""
    felt = np.exp(-np.square(np.asarray(away_m, dtype=float) / FELT_WITHIN_M) / 2)
    return np.where(felt > 0.003, felt, 0.0)


def _has_dark_signals(sites: Sites, road_class: NDArray[np.int64], time_s: Floats, scenes: Sequence[Scene]) -> NDArray[np.bool_]:
    dark = np.zeros((1, 1), dtype=bool)
    for scene in scenes:
        if isinstance(scene, PowerCut):
            dark = dark | scene.is_dark(sites.lon, sites.lat, time_s)
    return np.asarray(dark & (road_class > 0))
