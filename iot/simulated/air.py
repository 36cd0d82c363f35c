"""Air at a station: particles and gases from the season, the wind, the traffic and the smoke of fires, in µg/m³.

Background particles rise in winter and in still air and are washed out by rain; nitrogen dioxide follows the traffic, ozone the
sun and what nitrogen oxide leaves of it. The numbers are those of a coastal city with moderate pollution.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from iot.plane import Floats
from iot.scenarios import Plume, Scene
from iot.simulated.chance import drift, key, normal
from iot.simulated.rhythm import TRAFFIC, LocalTime
from iot.simulated.weather import DAY_S, Weather


def station_values(
    weather: Weather, lon: Floats, lat: Floats, keys: ArrayLike, time_s: Floats, scenes: Sequence[Scene], *, local: LocalTime
) -> dict[str, Floats]:
    """What air stations (n × 1) read at moments (t): arrays n × t."""
    keys = np.asarray(keys, dtype=np.uint64)
    site = np.exp(0.08 * normal(keys, 0))
    winter = np.cos(2 * np.pi * (local.day_of_year - 15) / 365.25)
    still = np.sqrt(2.8 / np.maximum(weather.wind_m_s(time_s), 0.5))
    washed = np.exp(-weather.spell_mm_h(time_s) / 12)
    traffic = TRAFFIC.at(local)
    spell = np.exp(0.22 * drift(key(weather.seed, "air"), time_s, 1.5 * DAY_S))
    smoke = sum((s.pm25_ug_m3(lon, lat, time_s) for s in scenes if isinstance(s, Plume)), start=np.zeros(1))
    local_course = 1 + 0.06 * drift(keys + np.uint64(7), time_s, 1_500.0)
    pm25 = 24 * site * (1 + 0.22 * winter) * still * washed * spell * (0.92 + 0.16 * traffic) * local_course
    reading = 1 + 0.015 * drift(keys + np.uint64(8), time_s, 45.0)
    no2 = site * still * (9 + 34 * traffic) * local_course
    sun = np.maximum(0, np.sin(np.pi * (local.hour - 6.5) / 12.5)) * (local.hour > 6.5) * (local.hour < 19)
    return {
        "pm25": (pm25 + smoke) * reading,
        "pm10": (1.45 * pm25 + 9 * site + 1.1 * smoke) * reading,
        "so2": site * (5 + 2 * winter) * still * (1 + 0.03 * drift(keys + np.uint64(9), time_s, 300.0)),
        "no2": no2 * reading,
        "co": (330 + 8 * pm25 + 4 * no2 + 6 * smoke) * reading,
        "o3": np.maximum(6.0, 62 + (68 - 30 * winter) * sun - 0.9 * no2) * reading,
    }
