"""Air at a station: particles and gases from the season, the wind, the traffic and the smoke of fires, in µg/m³; ammonia at a
detector beside a factory, in mg/m³.

Background particles rise in winter and in still air and are washed out by rain. Nitrogen dioxide comes from chimneys and traffic
and thins out by day, when the air mixes a kilometre deep and the sun splits it: `MIXED` times as thin at two in the afternoon.
Ozone is made of it by the sun, hours later, on some days more than on others, and is lowest where the dioxide is high. The
numbers are those of a coastal city with moderate pollution, drawn by hand. Around works that hold
ammonia there are some hundredths of a milligramme of it; what a leak adds is its plume's (iot.scenarios.scenes).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iot.plane import Floats
from iot.scenarios import GasRelease, Plume, Scene
from iot.simulated.chance import drift, key, normal
from iot.simulated.rhythm import TRAFFIC, LocalTime
from iot.simulated.sites import Sites
from iot.simulated.weather import DAY_S, Weather

SATURATED_MG_M3 = 5_000.0
MIXED = 1.5


def station_values(
    weather: Weather, sites: Sites, time_s: Floats, scenes: Sequence[Scene], *, local: LocalTime
) -> dict[str, Floats]:
    """What air stations (n) read at moments (t or n × t): arrays n × t."""
    keys = sites.keys
    site = np.exp(0.08 * normal(keys, 0))
    winter = np.cos(2 * np.pi * (local.day_of_year - 15) / 365.25)
    still = np.sqrt(2.8 / np.maximum(weather.wind_m_s(time_s, local), 0.5))
    washed = np.exp(-weather.rain_mm_h(sites.lon, sites.lat, time_s, scenes) / 12)
    traffic = TRAFFIC.at(local)
    spell = np.exp(0.22 * drift(key(weather.seed, "air"), time_s, 1.5 * DAY_S))
    smoke = sum((s.pm25_ug_m3(sites.lon, sites.lat, time_s) for s in scenes if isinstance(s, Plume)), start=np.zeros(1))
    local_course = 1 + 0.06 * drift(keys + np.uint64(7), time_s, 1_500.0)
    pm25 = 24 * site * (1 + 0.22 * winter) * still * washed * spell * (0.92 + 0.16 * traffic) * local_course
    reading = 1 + 0.015 * drift(keys + np.uint64(8), time_s, 45.0)
    no2 = site * still * spell * (20 + 20 * traffic) / (1 + MIXED * _arch(local.hour, 7, 21)) * local_course
    sun = _arch(local.hour, 8, 22) * np.exp(0.3 * drift(key(weather.seed, "ozone"), time_s, 1.5 * DAY_S))
    return {
        "pm25": (pm25 + smoke) * reading,
        "pm10": (1.45 * pm25 + 9 * site + 1.1 * smoke) * reading,
        "so2": site * (5 + 2 * winter) * still * (1 + 0.03 * drift(keys + np.uint64(9), time_s, 300.0)),
        "no2": no2 * reading,
        "co": (330 + 8 * pm25 + 4 * no2 + 6 * smoke) * reading,
        "o3": np.maximum(6.0, 62 + (68 - 30 * winter) * sun - 0.9 * no2) * reading,
    }


def _arch(hour: Floats, from_h: float, to_h: float) -> Floats:
    """0 at two hours of the day and beyond, 1 midway."""
    return np.asarray(np.sin(np.pi * ((hour - from_h) / (to_h - from_h)).clip(0, 1)))


def detector_values(sites: Sites, time_s: Floats, scenes: Sequence[Scene]) -> dict[str, Floats]:
    """What ammonia detectors (n) read at moments (t or n × t): arrays n × t."""
    usual = 0.06 * np.exp(0.4 * normal(sites.keys, 0) + 0.3 * drift(sites.keys + np.uint64(1), time_s, 7_200.0))
    leak = sum((s.ammonia_mg_m3(sites.lon, sites.lat, time_s) for s in scenes if isinstance(s, GasRelease)), start=np.zeros(1))
    return {"nh3": np.minimum(usual + leak, SATURATED_MG_M3)}
