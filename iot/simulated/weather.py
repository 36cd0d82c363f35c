"""Weather of the simulated city: temperature, pressure, wind and rain as smooth functions of time, the same for all devices
up to small local differences.

A coastal city at about 30° N: annual mean 17 °C, warmest at the end of July, prevailing wind from the north-east in winter.
Rain comes in spells of six hours, twice as often in June as in December; scenes (iot.scenarios) add their own.
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
from iot.simulated.rhythm import LocalTime, local_time
from iot.simulated.sites import Sites

DAY_S, HOUR_S = 86_400.0, 3_600.0
SPELL_S = 6 * HOUR_S
SPELL_PROBABILITY, SUMMER_SHARE = 0.09, 0.45
"""Of a spell, in the mean of the year; by so much more often at the beginning of July and less at that of January. With a mean
height of 3.8 mm/h, half of it over six hours, some 1,500 mm a year, as at the lower Yangtze."""

YEAR_S, FIRST_OF_JULY_S = 365.25 * DAY_S, 181.5 * DAY_S
RAIN_STEP_S = 60.0
TIP_MM = 0.2
"""One tip of a tipping-bucket gauge, the usual resolution."""


@dataclass(frozen=True, slots=True)
class Weather:
    seed: int
    zone: ZoneInfo

    def temperature_c(self, time_s: ArrayLike, local: LocalTime | None = None) -> Floats:
        local = local or local_time(time_s, self.zone)
        season = np.cos(2 * np.pi * (local.day_of_year - 207) / 365.25)
        course = np.cos(2 * np.pi * (local.hour - 15) / 24)
        spell = drift(key(self.seed, "temperature"), time_s, 3 * DAY_S)
        return np.asarray(17 + 11.5 * season + 3.5 * course + 2.2 * spell)

    def pressure_hpa(self, time_s: ArrayLike, local: LocalTime | None = None) -> Floats:
        local = local or local_time(time_s, self.zone)
        season = np.cos(2 * np.pi * (local.day_of_year - 207) / 365.25)
        return np.asarray(1016 - 9 * season + 4.5 * drift(key(self.seed, "pressure"), time_s, 2 * DAY_S))

    def wind_m_s(self, time_s: ArrayLike, local: LocalTime | None = None) -> Floats:
        """Mean wind 10 m above ground: lognormal around 2.8 m/s, freshest in the afternoon."""
        local = local or local_time(time_s, self.zone)
        course = np.cos(2 * np.pi * (local.hour - 15) / 24)
        return np.asarray(2.8 * np.exp(0.35 * drift(key(self.seed, "wind"), time_s, 5 * HOUR_S) + 0.15 * course))

    def wind_towards_rad(self, time_s: ArrayLike) -> Floats:
        """Where the wind blows to, anticlockwise from east: around the south-west."""
        return np.asarray(np.radians(225 + 50 * drift(key(self.seed, "wind direction"), time_s, 1.5 * DAY_S)))

    def spell_height_mm_h(self, spell: ArrayLike) -> Floats:
        """Rain at the height of the spells of such numbers (whole six hours since 1970 UTC), 0 where it stays dry: 1–15 mm/h,
        seldom more than 5."""
        number = np.asarray(spell, dtype=float)
        if not number.size:
            return number
        first = number.min()
        n = int(number.max() - first) + 1
        if n > number.size:
            return self._drawn_mm_h(number)
        return np.asarray(self._drawn_mm_h(first + np.arange(n))[(number - first).astype(np.intp)])  # each drawn once

    def _drawn_mm_h(self, number: Floats) -> Floats:
        season = np.cos(2 * np.pi * (number * SPELL_S - FIRST_OF_JULY_S) / YEAR_S)
        is_wet = uniform(key(self.seed, "rain"), number) < SPELL_PROBABILITY * (1 + SUMMER_SHARE * season)
        return np.asarray(np.where(is_wet, 1 + 14 * uniform(key(self.seed, "rain height"), number) ** 4, 0.0))

    def spell_mm_h(self, time_s: ArrayLike) -> Floats:
        """Rain over the whole city: rising and falling over a spell as sin²."""
        place = np.asarray(time_s, dtype=float) / SPELL_S
        spell = np.floor(place)
        return np.asarray(self.spell_height_mm_h(spell) * np.sin(np.pi * (place - spell)) ** 2)

    def spell_mm(self, from_s: ArrayLike, to_s: ArrayLike) -> Floats:
        """Millimetres of that rain between moments at most six hours apart: ∫ sin²(π x) dx = x ÷ 2 − sin(2 π x) ÷ (4 π)."""
        begin, end = (np.asarray(moment, dtype=float) / SPELL_S for moment in (from_s, to_s))
        first, last = np.floor(begin), np.floor(end)

        def fallen(x: Floats) -> Floats:
            return np.asarray(x / 2 - np.sin(2 * np.pi * x) / (4 * np.pi))

        before, now = self.spell_height_mm_h(first), self.spell_height_mm_h(last)
        whole = np.where(last > first, before / 2, 0.0)
        return np.asarray((whole + now * fallen(end - last) - before * fallen(begin - first)) * SPELL_S / HOUR_S)

    def rain_mm_h(self, lon: ArrayLike, lat: ArrayLike, time_s: ArrayLike, scenes: Sequence[Scene]) -> Floats:
        """Rain at positions and moments (broadcast): the spell over the city and the downpours among the scenes."""
        rain = self.spell_mm_h(time_s) + 0.0 * np.asarray(lon)
        for scene in scenes:
            if isinstance(scene, Downpour):
                rain = rain + scene.rain_mm_h(lon, lat, time_s)
        return rain

    def rain_of_hour_mm(self, lon: Floats, lat: Floats, time_s: Floats, scenes: Sequence[Scene]) -> Floats:
        """Millimetres in the hour up to moments (t or n × t) at positions (n × 1)."""
        fallen = self.spell_mm(time_s - HOUR_S, time_s) + 0.0 * lon
        minutes_s = RAIN_STEP_S * (np.arange(HOUR_S / RAIN_STEP_S) + 0.5)
        for scene in scenes:
            if isinstance(scene, Downpour) and scene.start_s < time_s.max() and time_s.min() < scene.rains_until_s + HOUR_S:
                past = scene.rain_mm_h(lon[..., None], lat[..., None], time_s[..., None] - minutes_s)
                fallen = fallen + past.mean(axis=-1)
        return np.asarray(fallen)


def station_values(
    weather: Weather, sites: Sites, time_s: Floats, scenes: Sequence[Scene], *, local: LocalTime
) -> dict[str, Floats]:
    """What weather stations (n) read at moments (t or n × t): arrays n × t. Precipitation is the sum of the past hour."""
    keys = sites.keys
    site = normal(keys, 0)  # height and surroundings of the station
    gust = np.exp(0.12 * drift(keys + np.uint64(1), time_s, 120.0))
    return {
        "temperature": weather.temperature_c(time_s, local) + 0.5 * site + 0.25 * drift(keys + np.uint64(2), time_s, 1_800.0),
        "pressure": weather.pressure_hpa(time_s, local) - 0.8 * np.abs(site) + 0.1 * drift(keys + np.uint64(3), time_s, 1_800.0),
        "windSpeed": weather.wind_m_s(time_s, local) * np.exp(0.15 * site) * gust,
        **gauge_values(weather, sites, time_s, scenes),
    }


def gauge_values(weather: Weather, sites: Sites, time_s: Floats, scenes: Sequence[Scene]) -> dict[str, Floats]:
    """What rain gauges (n) read at moments (t or n × t): the sum of the past hour in whole tips of 0.2 mm, arrays n × t."""
    catch = 1 + 0.04 * normal(sites.keys, 1)  # exposure: wind carries some drops past a gauge
    fallen = catch * weather.rain_of_hour_mm(sites.lon, sites.lat, time_s, scenes)
    return {"precipitation": TIP_MM * np.round(fallen / TIP_MM)}
