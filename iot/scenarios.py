"""Scenarios: what is going to happen in the simulated city. Only iot and runtime may import this module: neither models nor
rules may see what the simulator plans.

A scene is one happening with a beginning and a physical course; its effects follow from that course and are added to what
the devices would read anyway. Nothing is switched on or off. Times in seconds since 1970 UTC, positions in WGS-84.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from iot.plane import Floats, metres_from, moved

PUFF_EVERY_S = 30.0
PLUME_REACH_S = 2_400.0
"""A puff is followed for so long after its release; by then it is diluted below what a station resolves."""


@dataclass(frozen=True, slots=True)
class Plume:
    """Smoke of a fire in the open, carried by a steady wind.

    The fire burns from `start_s` for `burns_s`, its emission rising and falling as sin²; the smoke is a row of Gaussian puffs,
    reflected at the ground. Spread of a puff: Briggs' curves for urban terrain and neutral air (class D),
    σy = 0.16 x (1 + 0.0004 x)^−½, σz = 0.14 x (1 + 0.0003 x)^−½ with x the metres travelled.
    Source: G. A. Briggs, Diffusion Estimation for Small Emissions, ATDL 106, 1973, as tabulated in the
    user's guides of the US EPA's dispersion models.
    """

    start_s: float
    burns_s: float
    peak_g_s: float
    lon: float
    lat: float
    wind_m_s: float
    wind_towards_rad: float

    @property
    def end_s(self) -> float:
        return self.start_s + self.burns_s + PLUME_REACH_S

    def pm25_ug_m3(self, lon: ArrayLike, lat: ArrayLike, time_s: ArrayLike) -> Floats:
        """What the smoke adds at ground level. Arguments broadcast."""
        east, north = metres_from(lon, lat, self.lon, self.lat)
        along = east * math.cos(self.wind_towards_rad) + north * math.sin(self.wind_towards_rad)
        across = north * math.cos(self.wind_towards_rad) - east * math.sin(self.wind_towards_rad)
        released = np.arange(PUFF_EVERY_S / 2, self.burns_s, PUFF_EVERY_S)
        grams = self.peak_g_s * np.sin(np.pi * released / self.burns_s) ** 2 * PUFF_EVERY_S
        age_s = (np.asarray(time_s, dtype=float) - self.start_s)[..., None] - released
        flown = np.where((age_s > 0) & (age_s < PLUME_REACH_S), age_s * self.wind_m_s, np.nan)
        sigma_y, sigma_z = spread_m(flown)
        puffs = (
            2 * grams / ((2 * np.pi) ** 1.5 * sigma_y**2 * sigma_z)
            * np.exp(-((along[..., None] - flown) ** 2 + across[..., None] ** 2) / (2 * sigma_y**2))
        )  # fmt: skip
        return np.asarray(1e6 * np.nansum(puffs, axis=-1))


def spread_m(flown_m: ArrayLike) -> tuple[Floats, Floats]:
    """σy and σz of a puff that has flown so many metres; along the wind it spreads as across it."""
    x = np.maximum(np.asarray(flown_m, dtype=float), 20.0)  # a fire is not a point
    return 0.16 * x / np.sqrt(1 + 0.0004 * x), 0.14 * x / np.sqrt(1 + 0.0003 * x)


@dataclass(frozen=True, slots=True)
class Downpour:
    """A shower cell that drifts with the wind, grows and dies: rain falls off as a Gaussian of `radius_m` around its centre and
    follows sin² over `lasts_s`. Single cells live some 30 minutes and have a core of 2–5 km."""

    start_s: float
    lasts_s: float
    peak_mm_h: float
    radius_m: float
    lon: float
    lat: float
    wind_m_s: float
    wind_towards_rad: float

    @property
    def end_s(self) -> float:
        """When its water has run off a creek's catchment (iot.simulated.water)."""
        return self.start_s + self.lasts_s + 6 * 3600

    def rain_mm_h(self, lon: ArrayLike, lat: ArrayLike, time_s: ArrayLike) -> Floats:
        """Rain at the ground. Arguments broadcast."""
        east, north = metres_from(lon, lat, self.lon, self.lat)
        age_s = np.asarray(time_s, dtype=float) - self.start_s
        flown = (age_s - self.lasts_s / 2) * self.wind_m_s
        away2 = (east - flown * math.cos(self.wind_towards_rad)) ** 2 + (north - flown * math.sin(self.wind_towards_rad)) ** 2
        life = np.where((age_s > 0) & (age_s < self.lasts_s), np.sin(np.pi * age_s / self.lasts_s) ** 2, 0.0)
        return np.asarray(self.peak_mm_h * life * np.exp(-away2 / (2 * self.radius_m**2)))

    def centre(self, time_s: float) -> tuple[float, float]:
        """Where the cell is: over (lon, lat) at the middle of its life."""
        flown = (time_s - self.start_s - self.lasts_s / 2) * self.wind_m_s
        return moved(self.lon, self.lat, flown * math.cos(self.wind_towards_rad), flown * math.sin(self.wind_towards_rad))


Scene = Plume | Downpour


class Wind(Protocol):
    """What a scene asks of the weather at its beginning."""

    def wind_m_s(self, time_s: ArrayLike) -> Floats: ...
    def wind_towards_rad(self, time_s: ArrayLike) -> Floats: ...


PLUME_EVERY_S, FIRST_PLUME_S = 25 * 60.0, 60.0
DOWNPOUR_EVERY_S, FIRST_DOWNPOUR_S = 90 * 60.0, 8 * 60.0
FIRE_UPWIND_M, FIRE_BURNS_S, FIRE_BRINGS_UG_M3 = 700.0, 480.0, 170.0


def demonstration(
    stations: Sequence[tuple[float, float]], wind: Wind, *, seed: int, started_s: float, until_s: float
) -> list[Scene]:
    """What a demonstration that began at `started_s` shows until `until_s`: by turns at the air stations (lon, lat), a rubbish
    fire every 25 minutes and a shower every 90.

    The fire breaks out 700 m upwind of a station and is as large as brings about 170 µg/m³ of PM2.5 there at its height: with
    2.8 m/s of wind some 13 g/s, which about a tonne of burning waste gives. The smoke needs about four minutes to the station,
    is felt there for about as long as the fire burns and is gone ten minutes later.
    """
    scenes: list[Scene] = []
    if not stations:
        return scenes
    for k in range(_count(started_s + FIRST_PLUME_S, until_s, PLUME_EVERY_S)):
        start_s = started_s + FIRST_PLUME_S + k * PLUME_EVERY_S
        speed, towards = float(wind.wind_m_s(start_s)), float(wind.wind_towards_rad(start_s))
        lon, lat = moved(
            *stations[(5 * k + seed) % len(stations)], -FIRE_UPWIND_M * math.cos(towards), -FIRE_UPWIND_M * math.sin(towards)
        )
        sigma_y, sigma_z = spread_m(FIRE_UPWIND_M)
        # A steady plume on its axis: C = Q ÷ (π u σy σz).
        peak_g_s = FIRE_BRINGS_UG_M3 * 1e-6 * math.pi * speed * float(sigma_y) * float(sigma_z)
        scenes.append(Plume(start_s, FIRE_BURNS_S, peak_g_s, lon, lat, speed, towards))
    for k in range(_count(started_s + FIRST_DOWNPOUR_S, until_s, DOWNPOUR_EVERY_S)):
        start_s = started_s + FIRST_DOWNPOUR_S + k * DOWNPOUR_EVERY_S
        lon, lat = stations[(7 * k + 3 * seed + 2) % len(stations)]
        speed, towards = 1.5 * float(wind.wind_m_s(start_s)), float(wind.wind_towards_rad(start_s))
        scenes.append(Downpour(start_s, 35 * 60.0, 70.0, 2_500.0, lon, lat, speed, towards))
    return scenes


def _count(first_s: float, until_s: float, every_s: float) -> int:
    return max(0, math.floor((until_s - first_s) / every_s) + 1)
