"""Weather of the simulated city: temperature, pressure, wind and rain as smooth functions of time, the same for all devices
up to small local differences.

A coastal city at about 30° N: annual mean 17 °C, warmest at the end of July, prevailing wind from the north-east in winter.
Rain comes in spells of up to six hours; scenes (iot.scenarios) add their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike

from iot.plane import Floats
from iot.scenarios import Downpour, Scene
from iot.simulated.chance import drift, key, normal, uniform
from iot.simulated.rhythm import local_time

DAY_S = 86_400.0
SPELL_S = 6 * 3600.0
SPELL_PROBABILITY = 0.12


@dataclass(frozen=True, slots=True)
class Weather:
    seed: int
    zone: ZoneInfo

    def temperature_c(self, time_s: ArrayLike) -> Floats:
        local = local_time(time_s, self.zone)
        season = np.cos(2 * np.pi * (local.day_of_year - 207) / 365.25)
        course = np.cos(2 * np.pi * (local.hour - 15) / 24)
        spell = drift(key(self.seed, "temperature"), time_s, 3 * DAY_S)
        return np.asarray(17 + 11.5 * season + 3.5 * course + 2.2 * spell)

    def pressure_hpa(self, time_s: ArrayLike) -> Floats:
        season = np.cos(2 * np.pi * (local_time(time_s, self.zone).day_of_year - 207) / 365.25)
        return np.asarray(1016 - 9 * season + 4.5 * drift(key(self.seed, "pressure"), time_s, 2 * DAY_S))

    def wind_m_s(self, time_s: ArrayLike) -> Floats:
        """Mean wind 10 m above ground: lognormal around 2.8 m/s, freshest in the afternoon."""
        course = np.cos(2 * np.pi * (local_time(time_s, self.zone).hour - 15) / 24)
        return np.asarray(2.8 * np.exp(0.35 * drift(key(self.seed, "wind"), time_s, 5 * 3600.0) + 0.15 * course))

    def wind_towards_rad(self, time_s: ArrayLike) -> Floats:
        """Where the wind blows to, anticlockwise from east: around the south-west."""
        return np.asarray(np.radians(225 + 50 * drift(key(self.seed, "wind direction"), time_s, 1.5 * DAY_S)))

    def spell_mm_h(self, time_s: ArrayLike) -> Floats:
        """Rain over the whole city: in one quarter day out of eight, rising and falling over it, 1–7 mm/h at its height."""
        spell = np.floor(np.asarray(time_s, dtype=float) / SPELL_S)
        place = np.asarray(time_s, dtype=float) / SPELL_S - spell
        draw = uniform(key(self.seed, "rain"), spell)
        height = 1 + 6 * uniform(key(self.seed, "rain height"), spell) ** 2
        return np.asarray(np.where(draw < SPELL_PROBABILITY, height * np.sin(np.pi * place) ** 2, 0.0))

    def rain_mm_h(self, lon: ArrayLike, lat: ArrayLike, time_s: ArrayLike, scenes: Sequence[Scene]) -> Floats:
        """Rain at positions and moments (broadcast): the spell over the city and the downpours among the scenes."""
        rain = self.spell_mm_h(time_s) + 0.0 * np.asarray(lon)
        for scene in scenes:
            if isinstance(scene, Downpour):
                rain = rain + scene.rain_mm_h(lon, lat, time_s)
        return rain


def station_values(
    weather: Weather, lon: Floats, lat: Floats, keys: ArrayLike, time_s: Floats, scenes: Sequence[Scene]
) -> dict[str, Floats]:
    """What weather stations (n × 1) read at moments (t): arrays n × t. Precipitation is the sum of the past hour."""
    keys = np.asarray(keys, dtype=np.uint64)
    site = normal(keys, 0)  # height and surroundings of the station
    minutes_s = 60.0 * np.arange(60)
    past_hour = weather.rain_mm_h(lon[..., None], lat[..., None], time_s[..., None] - minutes_s, scenes)
    gust = np.exp(0.12 * drift(keys + np.uint64(1), time_s, 120.0))
    return {
        "temperature": weather.temperature_c(time_s) + 0.5 * site + 0.25 * drift(keys + np.uint64(2), time_s, 1800.0),
        "pressure": weather.pressure_hpa(time_s) - 0.8 * np.abs(site) + 0.1 * drift(keys + np.uint64(3), time_s, 1800.0),
        "windSpeed": weather.wind_m_s(time_s) * np.exp(0.15 * site) * gust,
        "precipitation": past_hour.mean(axis=-1),
    }
