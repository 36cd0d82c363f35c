"""Demand: who is expected at a hall in the coming hours, by item and quarter of an hour.

From the stored forecasts of arrivals; where there are none, from what is usual at that time on such a day, raised or lowered by
how many have come so far today. Slots are quarters of an hour of UTC, counts are people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from domain.forecasts import Forecast
from staffing.floor import Day, Floor
from staffing.profiles import ARRIVAL_SLOT_S, Profile, second_of

Floats = npt.NDArray[np.float64]

FORECAST, USUAL, NONE = "forecast", "usual", "none"
STALE = timedelta(hours=2)
"""A forecast that was issued longer ago is not gone by."""
LEAST_NOISE, MOST_NOISE = 0.03, 0.6
P90_SD = 2 * 1.2815515594
"""From the 10 % to the 90 % quantile, in standard deviations of a normal distribution."""
SPREAD_TO_TAILS = 0.3
"""Mean ≈ 0.3 q10 + 0.4 q50 + 0.3 q90 (Swanson's rule; A. Hurst, G. Brown, R. Swanson, AAPG Bulletin 84, 2000): medians of small
counts do not add up, means do."""


@dataclass(frozen=True)
class Demand:
    """Expected arrivals (items × bins of `step_s` from `start` on). `noise` is the relative standard deviation of all of a day's
    arrivals about it together; `basis` says what it rests on: "forecast", "usual" (such days in the past) or "none"."""

    start: datetime
    step_s: float
    items: tuple[str, ...]
    expected: Floats
    noise: float
    basis: str

    def times(self, factor: float) -> Demand:
        """The same with more people, or fewer."""
        return replace(self, expected=self.expected * factor)


def demand_of(
    profile: Profile, forecasts: Mapping[str, Forecast], floor: Floor | None, day: Day, kind: str, now: datetime, horizon_s: float
) -> Demand:  # fmt: skip
    """Who is expected in the `horizon_s` from `now` on. `forecasts` are those of the hall's arrivals by item, "" for all
    together; `floor` says who has come today, `kind` what kind of day it is."""
    start = datetime.fromtimestamp(now.timestamp() // ARRIVAL_SLOT_S * ARRIVAL_SLOT_S, tz=now.tzinfo)
    n = math.ceil(((now - start).total_seconds() + horizon_s) / ARRIVAL_SLOT_S)
    items = tuple(profile.items)
    fresh = {item: forecast for item, forecast in forecasts.items() if timedelta(0) <= now - forecast.issued_at <= STALE}
    if all(item in fresh for item in items if profile.items[item].share > 0) and fresh:
        rows = np.array([_mean(fresh[item], start, n) if item in fresh else np.zeros(n) for item in items]).reshape(len(items), n)
        noise = profile.day_noise
        if "" in fresh:
            whole, sd = _mean(fresh[""], start, n), _spread(fresh[""], start, n)
            rows *= np.divide(whole, rows.sum(axis=0), out=np.ones(n), where=rows.sum(axis=0) > 0.5)
            busy = whole >= 1
            if busy.any():
                excess = np.mean((sd[busy] ** 2 - whole[busy]) / whole[busy] ** 2)
                noise = min(noise, math.sqrt(max(float(excess), 0.0)))
        return Demand(start, ARRIVAL_SLOT_S, items, rows, min(max(noise, LEAST_NOISE), MOST_NOISE), FORECAST)
    return _usual(profile, floor, day, kind, now, start, n, items)


def _usual(
    profile: Profile, floor: Floor | None, day: Day, kind: str, now: datetime, start: datetime, n: int, items: tuple[str, ...]
) -> Demand:  # fmt: skip
    """What is usual on such a day, times how today compares so far: the mean of a gamma-distributed day factor (1 ± day noise),
    given the Poisson count of those who came."""
    by_slot = [np.array(profile.items[item].usual.get(kind, ())) for item in items]
    if not any(len(slots) for slots in by_slot):
        return Demand(start, ARRIVAL_SLOT_S, items, np.zeros((len(items), n)), MOST_NOISE, NONE)
    first = int(second_of(day, start) // ARRIVAL_SLOT_S)
    wanted = np.arange(first, first + n)
    rows = np.array(
        [np.interp(wanted, np.arange(len(slots)), slots, left=0, right=0) if len(slots) else np.zeros(n) for slots in by_slot]
    )
    so_far = sum(float(slots[: max(first, 0)].sum()) for slots in by_slot if len(slots))
    came = sum(at < start for at, _ in floor.arrivals) if floor is not None else 0
    noise = min(max(profile.day_noise, LEAST_NOISE), MOST_NOISE)
    known = 1 / noise**2
    factor = (known + came) / (known + so_far)
    return Demand(start, ARRIVAL_SLOT_S, items, rows * factor, max(LEAST_NOISE, 1 / math.sqrt(known + came)), USUAL)


def _at(forecast: Forecast, start: datetime, n: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """The forecast's slot for each of ours, and whether it has one."""
    k = np.floor(((start - forecast.first_target).total_seconds() + ARRIVAL_SLOT_S * np.arange(n)) / forecast.step_s).astype(
        np.intp
    )
    return np.clip(k, 0, len(forecast.q50) - 1), (k >= 0) & (k < len(forecast.q50))


def _mean(forecast: Forecast, start: datetime, n: int) -> Floats:
    k, is_known = _at(forecast, start, n)
    low, mid, high = (np.array(values)[k] for values in (forecast.q10, forecast.q50, forecast.q90))
    mean = SPREAD_TO_TAILS * (low + high) + (1 - 2 * SPREAD_TO_TAILS) * mid
    return np.where(is_known, np.maximum(mean, 0.0) * ARRIVAL_SLOT_S / forecast.step_s, 0.0)


def _spread(forecast: Forecast, start: datetime, n: int) -> Floats:
    k, is_known = _at(forecast, start, n)
    return np.where(is_known, (np.array(forecast.q90)[k] - np.array(forecast.q10)[k]) / P90_SD, 0.0)
