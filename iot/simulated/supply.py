"""Water supply: pressure and flow at pumping stations and in the mains they feed. Kilopascals, cubic metres an hour.

p = ρ·g·(H − z − h·q^1.852), with ρ·g = 9.81 kPa per metre, H the head of the station, z how much higher the meter lies, h the
metres lost to friction at the busiest hour and q the demand over that of the busiest hour; the exponent is that of Hazen and
Williams (as in the EPANET 2 User's Manual, chapter 3). Without mains the station's head sinks to what towers hold, 30 % of it,
with the time constant of its pressure vessels, and comes back faster; what flows then follows the root of the pressure, as
through any opening."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from iot.plane import Floats
from iot.scenarios import PowerCut, Scene
from iot.simulated.chance import drift, normal
from iot.simulated.rhythm import WATER, LocalTime
from iot.simulated.sites import Sites
from iot.simulated.weather import Weather

KPA_PER_M = 9.81
FRICTION = 1.852
LEFT_WITHOUT_MAINS = 0.3
SINKS_S, RETURNS_S = 600.0, 240.0


def meter_values(
    weather: Weather, sites: Sites, time_s: Floats, scenes: Sequence[Scene], *, local: LocalTime
) -> dict[str, Floats]:
    """What meters (n) read at moments (t or n × t): arrays n × t. Traits: `head_m` of the station and where it is (`station_lon`,
    `station_lat`), `higher_m`, `friction_m`, `busiest_m3_h`."""
    keys, traits = sites.keys, sites.traits
    wave = np.exp(0.06 * drift(keys + np.uint64(1), time_s, 1_200.0) + 0.05 * drift(keys + np.uint64(2), time_s, 86_400.0))
    hot = 1 + 0.008 * np.maximum(weather.temperature_c(time_s, local) - 20, 0)
    demand = WATER.at(local) * wave * hot
    held = head_share(traits["station_lon"], traits["station_lat"], time_s, scenes)
    usual = pressure_kpa(traits["head_m"], traits["higher_m"], traits["friction_m"], demand)
    pressure = pressure_kpa(held * traits["head_m"], traits["higher_m"], traits["friction_m"], demand * np.sqrt(held))
    flow = traits["busiest_m3_h"] * demand * np.sqrt(np.divide(pressure, usual, out=np.zeros(pressure.shape), where=usual > 0))
    return {
        "waterPressure": np.maximum(pressure + 1.5 * normal(keys + np.uint64(3), time_s).clip(-3, 3), 0.0),
        "waterFlow": flow * (1 + 0.02 * normal(keys + np.uint64(4), time_s).clip(-3, 3)),
    }


def pressure_kpa(head_m: ArrayLike, higher_m: ArrayLike, friction_m: ArrayLike, demand: ArrayLike) -> Floats:
    lost_m = np.asarray(friction_m) * np.asarray(demand, dtype=float) ** FRICTION
    return np.asarray(KPA_PER_M * np.maximum(np.asarray(head_m) - higher_m - lost_m, 0.0))


def head_share(station_lon: Floats, station_lat: Floats, time_s: Floats, scenes: Sequence[Scene]) -> Floats:
    """How much of its head a station holds: 1 with mains, sinking without and returning after."""
    held = np.ones(np.broadcast_shapes(station_lon.shape, time_s.shape))
    for scene in scenes:
        if isinstance(scene, PowerCut):
            is_hit = scene.is_dark(station_lon, station_lat, scene.start_s + scene.lasts_s / 2)
            dark_s = np.clip(time_s - scene.start_s, 0, scene.lasts_s)
            back_s = np.maximum(time_s - scene.start_s - scene.lasts_s, 0)
            lost = (1 - LEFT_WITHOUT_MAINS) * (1 - np.exp(-dark_s / SINKS_S)) * np.exp(-back_s / RETURNS_S)
            held = held * np.where(is_hit, 1 - lost, 1.0)
    return held
