"""Street lights of a cabinet: lit when the sun is low enough, every second one off late at night. Share lit 0–1, kilowatts.

The sun's elevation h from sin h = sin φ · sin δ + cos φ · cos δ · cos H, with the declination δ = −23.44° · cos(2π (d + 10) ÷
365.25) and the equation of time 9.87 sin 2B − 7.53 cos B − 1.5 sin B minutes, B = 2π (d − 81) ÷ 364 (Duffie and Beckman: Solar
Engineering of Thermal Processes, chapter 1; better than half a degree). At −3.6° some 30 lx are left (400 lx at sunset, 3.4 at
−6°), at which CJJ 45-2015 has main roads lit; under rain clouds they are left 4° earlier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from iot.plane import Floats
from iot.scenarios import PowerCut, Scene
from iot.simulated.chance import drift, uniform
from iot.simulated.rhythm import LocalTime
from iot.simulated.sites import Sites
from iot.simulated.weather import DAY_S, Weather

LIT_BELOW_DEG, CLOUDS_DEG, CLOUDY_MM_H = -3.6, 4.0, 2.0
HALF_NIGHT_H = (23.5, 5.0)
LAMP_KW, IDLE_KW = 0.15, 0.06


def cabinet_values(
    weather: Weather, sites: Sites, time_s: Floats, scenes: Sequence[Scene], *, local: LocalTime
) -> dict[str, Floats]:
    """What cabinets (n) report at moments (t or n × t): arrays n × t. The trait `lamps` is how many hang on each."""
    keys = sites.keys
    is_cloudy = weather.rain_mm_h(sites.lon, sites.lat, time_s, scenes) > CLOUDY_MM_H
    threshold = LIT_BELOW_DEG + 1.2 * (uniform(keys, 1) - 0.5) + CLOUDS_DEG * is_cloudy  # photocells differ
    is_lit = sun_elevation_deg(sites.lon, sites.lat, time_s) < threshold
    is_late = (local.hour >= HALF_NIGHT_H[0]) | (local.hour < HALF_NIGHT_H[1])
    whole = 1 - 0.06 * uniform(keys, 2) ** 3  # lamps that wait for repair
    share = np.where(is_lit, whole * np.where(is_late, 0.5, 1.0), 0.0)
    alive = np.ones((1, 1))
    for scene in scenes:
        if isinstance(scene, PowerCut):
            alive = alive * ~scene.is_dark(sites.lon, sites.lat, time_s)
    lamps_kw = sites.traits["lamps"] * LAMP_KW * share * (1 + 0.01 * drift(keys + np.uint64(3), time_s, 1_800.0))
    return {"totalActivePower": (lamps_kw + IDLE_KW) * alive, "powerState": share * alive}


def sun_elevation_deg(lon: ArrayLike, lat: ArrayLike, time_s: ArrayLike) -> Floats:
    """The sun above the horizon at positions (degrees) and moments; arguments broadcast."""
    days = np.asarray(time_s, dtype=float) / DAY_S
    d = np.mod(days, 365.25) + 1  # near enough the day of the year, since 1970 began with one
    b = 2 * np.pi * (d - 81) / 364
    minutes = 9.87 * np.sin(2 * b) - 7.53 * np.cos(b) - 1.5 * np.sin(b)
    declination = np.radians(-23.44 * np.cos(2 * np.pi * (d + 10) / 365.25))
    hour_angle = 2 * np.pi * (days % 1 + minutes / 1_440 - 0.5) + np.radians(lon)
    phi = np.radians(lat)
    sine = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour_angle)
    return np.asarray(np.degrees(np.arcsin(np.clip(sine, -1, 1))))
