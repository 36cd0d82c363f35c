"""Scenes: physical happenings, each with a beginning and a course of its own; what they do is asked by place and time.

Times in seconds since 1970 UTC, positions in degrees, WGS-84; arguments broadcast. A scene is never switched on or off: whoever
ends one early (`stopped`) ends its cause, and what it has set in motion runs on: smoke drifts, water runs off, crowds leave.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iot.plane import Floats, distance_m, metres_from, moved

PUFF_EVERY_S = 30.0
PLUME_REACH_S = 2_400.0
"""A puff is followed for so long after its release; by then it is diluted below what a station resolves."""

RAINS_OUT_S = 300.0
"""A shower cell that is cut off from its moist air has rained out after some minutes: it fades evenly over this time."""

RUN_OFF_S = 24 * 3600.0
"""After which the slowest water of a downpour, that of the river, has passed (iot.simulated.water)."""


@dataclass(frozen=True, slots=True)
class Plume:
    """Smoke of a fire in the open, carried by a steady wind.

    The fire burns from `start_s` for `burns_s`, its emission rising and falling as sin²; put out at `stops_s`, it smokes no more.
    """

    start_s: float
    burns_s: float
    peak_g_s: float
    lon: float
    lat: float
    wind_m_s: float
    wind_towards_rad: float
    stops_s: float = math.inf

    @property
    def end_s(self) -> float:
        return min(self.start_s + self.burns_s, self.stops_s) + PLUME_REACH_S

    def pm25_ug_m3(self, lon: ArrayLike, lat: ArrayLike, time_s: ArrayLike) -> Floats:
        """What the smoke adds at ground level."""
        released = np.arange(PUFF_EVERY_S / 2, self.burns_s, PUFF_EVERY_S)
        grams = self.peak_g_s * np.sin(np.pi * released / self.burns_s) ** 2 * PUFF_EVERY_S
        return 1e6 * _puffs_g_m3(self, released, grams, lon, lat, time_s, 0.0)


@dataclass(frozen=True, slots=True)
class GasRelease:
    """Ammonia from a tank that leaks at the ground from `start_s` until it is empty, carried by a steady wind.

    A tank that runs out through a hole loses what is left of it ever more slowly: after Torricelli the outflow of one with
    upright walls falls evenly, from `peak_g_s` to nothing after `lasts_s`, half their product in all. The valve closed at
    `stops_s`, nothing more comes out. All of it is taken to evaporate over the yard of the works, `YARD_M` wide, and to float
    like air.
    """

    YARD_M = 200.0

    start_s: float
    lasts_s: float
    peak_g_s: float
    lon: float
    lat: float
    wind_m_s: float
    wind_towards_rad: float
    stops_s: float = math.inf

    @property
    def end_s(self) -> float:
        return min(self.start_s + self.lasts_s, self.stops_s) + PLUME_REACH_S

    def ammonia_mg_m3(self, lon: ArrayLike, lat: ArrayLike, time_s: ArrayLike) -> Floats:
        """What the leak adds at ground level."""
        released = np.arange(PUFF_EVERY_S / 2, self.lasts_s, PUFF_EVERY_S)
        grams = self.peak_g_s * (1 - released / self.lasts_s) * PUFF_EVERY_S
        return 1e3 * _puffs_g_m3(self, released, grams, lon, lat, time_s, self.YARD_M)


def _puffs_g_m3(
    of: Plume | GasRelease, released: Floats, grams: Floats, lon: ArrayLike, lat: ArrayLike, time_s: ArrayLike, width_m: float
) -> Floats:
    """Concentration at the ground from a row of Gaussian puffs, released so many seconds after the start, reflected there.

    A steady release of Q in a wind u gives Q ÷ (π u σy σz) on the axis. Puffs from a source of some width begin with σy = width
    ÷ 4.3, as if they had come from a point upwind of it (D. B. Turner, Workbook of Atmospheric Dispersion Estimates, US Public
    Health Service, 1970, chapter 5).
    """
    lon, lat, time_s = (np.asarray(each, dtype=float) for each in (lon, lat, time_s))
    shape = np.broadcast_shapes(lon.shape, lat.shape, time_s.shape)
    if not ((time_s > of.start_s) & (time_s < of.end_s)).any():
        return np.zeros(shape)
    kept = of.start_s + released < of.stops_s
    released, grams = released[kept], grams[kept]
    east, north = metres_from(lon, lat, of.lon, of.lat)
    along = east * math.cos(of.wind_towards_rad) + north * math.sin(of.wind_towards_rad)
    across = north * math.cos(of.wind_towards_rad) - east * math.sin(of.wind_towards_rad)
    age_s = (time_s - of.start_s)[..., None] - released
    flown = np.where((age_s > 0) & (age_s < PLUME_REACH_S), age_s * of.wind_m_s, np.nan)
    sigma_y, sigma_z = spread_m(flown + width_m / 4.3 / 0.16)  # near a source σy is 0.16 x
    puffs = (
        2 * grams / ((2 * np.pi) ** 1.5 * sigma_y**2 * sigma_z)
        * np.exp(-((along[..., None] - flown) ** 2 + across[..., None] ** 2) / (2 * sigma_y**2))
    )  # fmt: skip
    return np.asarray(np.nansum(puffs, axis=-1))


def spread_m(flown_m: ArrayLike) -> tuple[Floats, Floats]:
    """σy and σz of a puff that has flown so many metres; along the wind it spreads as across it.

    Briggs' curves for urban terrain and neutral air (class D), σy = 0.16 x (1 + 0.0004 x)^−½, σz = 0.14 x (1 + 0.0003 x)^−½
    with x the metres travelled. Source: G. A. Briggs, Diffusion Estimation for Small Emissions, ATDL 106, 1973, as tabulated in
    the user's guides of the US EPA's dispersion models.
    """
    x = np.maximum(np.asarray(flown_m, dtype=float), 20.0)  # a fire is not a point
    return 0.16 * x / np.sqrt(1 + 0.0004 * x), 0.14 * x / np.sqrt(1 + 0.0003 * x)


@dataclass(frozen=True, slots=True)
class Downpour:
    """A shower cell that drifts with the wind, grows and dies: rain falls off as a Gaussian of `radius_m` around its centre and
    follows sin² over `lasts_s`. Single cells live some 30 minutes and have a core of 2–5 km; a rainstorm is a train of them.
    Stopped at `stops_s`, it rains out."""

    start_s: float
    lasts_s: float
    peak_mm_h: float
    radius_m: float
    lon: float
    lat: float
    wind_m_s: float
    wind_towards_rad: float
    stops_s: float = math.inf

    @property
    def rains_until_s(self) -> float:
        return min(self.start_s + self.lasts_s, self.stops_s + RAINS_OUT_S)

    @property
    def end_s(self) -> float:
        """When its water has run off."""
        return self.rains_until_s + RUN_OFF_S

    def rain_mm_h(self, lon: ArrayLike, lat: ArrayLike, time_s: ArrayLike) -> Floats:
        """Rain at the ground."""
        lon, lat, time_s = (np.asarray(each, dtype=float) for each in (lon, lat, time_s))
        if not ((time_s > self.start_s) & (time_s < self.rains_until_s)).any():
            return np.zeros(np.broadcast_shapes(lon.shape, lat.shape, time_s.shape))
        east, north = metres_from(lon, lat, self.lon, self.lat)
        age_s = time_s - self.start_s
        flown = (age_s - self.lasts_s / 2) * self.wind_m_s
        away2 = (east - flown * math.cos(self.wind_towards_rad)) ** 2 + (north - flown * math.sin(self.wind_towards_rad)) ** 2
        life = np.where((age_s > 0) & (age_s < self.lasts_s), np.sin(np.pi * age_s / self.lasts_s) ** 2, 0.0)
        if math.isfinite(self.stops_s):
            life = life * np.clip(1 - (time_s - self.stops_s) / RAINS_OUT_S, 0, 1)
        return np.asarray(self.peak_mm_h * life * np.exp(-away2 / (2 * self.radius_m**2)))

    def centre(self, time_s: float) -> tuple[float, float]:
        """Where the cell is: over (lon, lat) at the middle of its life."""
        flown = (time_s - self.start_s - self.lasts_s / 2) * self.wind_m_s
        return moved(self.lon, self.lat, flown * math.cos(self.wind_towards_rad), flown * math.sin(self.wind_towards_rad))


@dataclass(frozen=True, slots=True)
class PowerCut:
    """No mains within `radius_m` of a substation, from `start_s` for `lasts_s`."""

    start_s: float
    lasts_s: float
    lon: float
    lat: float
    radius_m: float

    @property
    def end_s(self) -> float:
        """When the pumps, back again, have lifted what gathered while they stood."""
        return self.start_s + self.lasts_s + RUN_OFF_S

    def is_dark(self, lon: ArrayLike, lat: ArrayLike, time_s: ArrayLike) -> NDArray[np.bool_]:
        return (distance_m(lon, lat, self.lon, self.lat) <= self.radius_m) & _within(self, time_s)


@dataclass(frozen=True, slots=True)
class TrainStandstill:
    """No trains on a line from `start_s` for `lasts_s`; `arriving_per_min` people a minute come to each of its `stations`
    (lon, lat) and find none.

    A crowd N grows by those who arrive and loses those who give up after `PATIENCE_S` in the mean: dN/dt = a − N ÷ τ, hence
    N = a τ (1 − e^(−t/τ)). Once trains run again it goes with the time constant `CLEARED_S`, a few trains' worth.
    """

    PATIENCE_S = 1_500.0
    CLEARED_S = 480.0
    CROWD_RADIUS_M = 150.0

    start_s: float
    lasts_s: float
    line: str
    stations: tuple[tuple[float, float], ...]
    arriving_per_min: float

    @property
    def end_s(self) -> float:
        return self.start_s + self.lasts_s + 6 * self.CLEARED_S

    def crowd(self, time_s: ArrayLike) -> Floats:
        """People who wait at one station more than usual."""
        age_s = np.asarray(time_s, dtype=float) - self.start_s
        stood_s = np.clip(age_s, 0, self.lasts_s)
        gathered = self.arriving_per_min / 60 * self.PATIENCE_S * (1 - np.exp(-stood_s / self.PATIENCE_S))
        return np.asarray(gathered * np.exp(-np.maximum(age_s - self.lasts_s, 0) / self.CLEARED_S))

    def extra_people(self, lon: ArrayLike, lat: ArrayLike, time_s: ArrayLike) -> Floats:
        """What a counter at a position sees of the crowd: all of it at a station, a Gaussian share some hundred metres off."""
        lon, lat = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
        seen = np.zeros(np.broadcast_shapes(lon.shape, lat.shape))
        for station in self.stations:
            away_m = distance_m(lon, lat, *station)
            seen = np.maximum(seen, np.exp(-(away_m**2) / (2 * self.CROWD_RADIUS_M**2)))
        return np.asarray(np.where(seen > 0.01, seen, 0.0) * self.crowd(time_s))


@dataclass(frozen=True, slots=True)
class HallRush:
    """`factor` times as many people come to service halls (`hall_ids`; empty: all) from `start_s` for `lasts_s`, growing and
    falling over `RAMP_S` each."""

    RAMP_S = 300.0

    start_s: float
    lasts_s: float
    hall_ids: tuple[str, ...]
    factor: float

    @property
    def end_s(self) -> float:
        return self.start_s + self.lasts_s

    def arrival_factor(self, hall_id: str, time_s: ArrayLike) -> Floats:
        """Arrivals against what they would have been: 1 without a rush."""
        age_s = np.asarray(time_s, dtype=float) - self.start_s
        if self.hall_ids and hall_id not in self.hall_ids:
            return np.ones(age_s.shape)
        full = np.clip(np.minimum(age_s, self.lasts_s - age_s) / self.RAMP_S, 0, 1)
        return np.asarray(1 + (self.factor - 1) * full)


@dataclass(frozen=True, slots=True)
class NetworkOutage:
    """The lines of districts' gateways are cut from `start_s` for `lasts_s`; the gateways hold what they can and send it late."""

    start_s: float
    lasts_s: float
    district_codes: tuple[str, ...]

    @property
    def end_s(self) -> float:
        return self.start_s + self.lasts_s

    def is_cut(self, district_code: str, time_s: ArrayLike) -> NDArray[np.bool_]:
        return np.asarray(_within(self, time_s) & (district_code in self.district_codes))


Scene = Plume | Downpour | GasRelease | PowerCut | TrainStandstill | HallRush | NetworkOutage


def stopped(scene: Scene, at_s: float) -> Scene | None:
    """The scene with its cause ended at `at_s`, the same as it was up to then; None for one that had not begun."""
    if at_s <= scene.start_s:
        return None
    match scene:
        case Plume() | Downpour() | GasRelease():
            return replace(scene, stops_s=min(scene.stops_s, at_s))
        case HallRush():
            return replace(scene, lasts_s=min(scene.lasts_s, at_s - scene.start_s + HallRush.RAMP_S))
        case _:
            return replace(scene, lasts_s=min(scene.lasts_s, at_s - scene.start_s))


def _within(scene: PowerCut | NetworkOutage, time_s: ArrayLike) -> NDArray[np.bool_]:
    time_s = np.asarray(time_s, dtype=float)
    return np.asarray((time_s >= scene.start_s) & (time_s < scene.start_s + scene.lasts_s))
