"""The background: what a demonstration shows by itself when nobody has started anything, a small fire and a shower now and then.

The city is calm: three or four fires and two or three showers in a day. The first come soon, so that whoever has just switched it
on sees within minutes how something begins, is felt by the instruments, and passes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from numpy.typing import ArrayLike

from iot.plane import Floats, moved
from iot.scenarios.scenes import Downpour, Plume, Scene, spread_m


class Wind(Protocol):
    """What a scene asks of the weather at its beginning."""

    def wind_m_s(self, time_s: ArrayLike) -> Floats: ...
    def wind_towards_rad(self, time_s: ArrayLike) -> Floats: ...


FIRST_FIRE_S, FIRE_EVERY_S = 150.0, 7 * 3600.0
FIRST_SHOWER_S, SHOWER_EVERY_S = 25 * 60.0, 10 * 3600.0
FIRE_UPWIND_M, FIRE_BURNS_S, FIRE_BRINGS_UG_M3 = 700.0, 480.0, 150.0
SHOWER_LASTS_S, SHOWER_MM_H, SHOWER_RADIUS_M = 35 * 60.0, 30.0, 2_500.0


def demonstration(
    stations: Sequence[tuple[float, float]], wind: Wind, *, seed: int, started_s: float, until_s: float
) -> list[Scene]:
    """What a demonstration that began at `started_s` shows until `until_s`, by turns at the air stations (lon, lat).

    A fire of rubbish breaks out 700 m upwind of a station and is as large as brings about 150 µg/m³ of PM2.5 there at its height:
    with 2.8 m/s of wind some 12 g/s, which about a tonne of burning waste gives. The smoke needs about four minutes to the
    station, is felt there for about as long as the fire burns and is gone ten minutes later. A shower brings some 9 mm to its
    middle (30 mm/h × 35 min × ½, the mean of sin²), which drains carry off.
    """
    if not stations:
        return []
    fires: list[Scene] = []
    for k, start_s in enumerate(_moments(started_s + FIRST_FIRE_S, until_s, FIRE_EVERY_S)):
        speed, towards = float(wind.wind_m_s(start_s)), float(wind.wind_towards_rad(start_s))
        station = stations[(5 * k + seed) % len(stations)]
        lon, lat = moved(*station, -FIRE_UPWIND_M * math.cos(towards), -FIRE_UPWIND_M * math.sin(towards))
        sigma_y, sigma_z = spread_m(FIRE_UPWIND_M)
        # A steady plume on its axis: C = Q ÷ (π u σy σz).
        peak_g_s = FIRE_BRINGS_UG_M3 * 1e-6 * math.pi * speed * float(sigma_y) * float(sigma_z)
        fires.append(Plume(start_s, FIRE_BURNS_S, peak_g_s, lon, lat, speed, towards))
    showers: list[Scene] = []
    for k, start_s in enumerate(_moments(started_s + FIRST_SHOWER_S, until_s, SHOWER_EVERY_S)):
        lon, lat = stations[(7 * k + 3 * seed + 2) % len(stations)]
        speed, towards = 1.5 * float(wind.wind_m_s(start_s)), float(wind.wind_towards_rad(start_s))
        showers.append(Downpour(start_s, SHOWER_LASTS_S, SHOWER_MM_H, SHOWER_RADIUS_M, lon, lat, speed, towards))
    return fires + showers


def _moments(first_s: float, until_s: float, every_s: float) -> list[float]:
    return [first_s + k * every_s for k in range(math.floor((until_s - first_s) / every_s) + 1)]
