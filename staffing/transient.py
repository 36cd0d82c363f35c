"""The transient queue: how long who arrives in each interval waits, when windows open and close through a day.

The M(t)/M/c(t)+M queue by its Kolmogorov equations, solved by implicit Euler steps, for many plans at once; days are busier or
quieter by a factor, of which a few quantiles stand for all. What somebody who joins a queue waits is solved backwards in time
with the windows that will be open then. Services are taken as exponential, and waits scaled by (1 + cv²) ÷ 2 as heavy traffic
has it (Allen-Cunneen); it is a guide for a search, whose result an event simulation confirms (`staffing.simulation`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_banded
from scipy.stats import norm

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

STEP_S = 180.0
"""Longest step; an interval has at least `FEWEST_STEPS`."""
FEWEST_STEPS = 4
DAY_QUANTILES = 5
LEAST_FACTOR = 0.1


@dataclass(frozen=True, slots=True)
class Customers:
    """Who comes: expected arrivals of each interval of a day (bins), mean and coefficient of variation of a service, mean
    patience (exponential), relative standard deviation of whole days."""

    arrivals: Floats
    interval_s: float
    service_s: float
    service_cv: float
    patience_s: float
    day_noise: float


def day_factors(noise: float, n: int = DAY_QUANTILES) -> Floats:
    """Quantiles of a normal factor of mean 1 that stand for equally many days each."""
    return np.maximum(1 + noise * norm.ppf((np.arange(n) + 0.5) / n), LEAST_FACTOR) if noise > 0 else np.ones(1)


def mean_waits(who: Customers, plans: Ints) -> Floats:
    """Mean wait in seconds (plans × bins) of everybody who arrives in each interval; 0 where nobody does. `plans` (plans × bins),
    windows open."""
    factors = day_factors(who.day_noise)
    steps = max(FEWEST_STEPS, int(np.ceil(who.interval_s / STEP_S)))
    h = who.interval_s / steps
    n_plans, n_bins = plans.shape
    size = _states(who, plans, factors)
    ahead = _waits_ahead(who, plans, steps, size)
    state = np.zeros((n_plans, len(factors), size))
    state[:, :, 0] = 1.0
    waits = np.zeros((n_plans, n_bins))
    n = np.arange(size)
    for b in range(n_bins):
        counts = plans[:, b]
        busy = np.minimum(n[None, :], counts[:, None])
        deaths = busy / who.service_s + (n[None, :] - busy) / who.patience_s
        births = factors * who.arrivals[b] / who.interval_s
        bands = _bands(h, births, deaths)
        position = np.clip(n[None, :] - counts[:, None] + 1, 0, size)  # of who arrives in that state; 0: served at once
        for k in range(steps):
            state = solve_banded((1, 1), bands, state.ravel(), check_finite=False).reshape(state.shape)
            there = np.take_along_axis(ahead[b * steps + k], position, axis=1)
            waits[:, b] += np.einsum("pfn,pn,f->p", state, there, factors) / (steps * factors.sum())
    return waits * (1 + who.service_cv**2) / 2 * (who.arrivals > 0)


def _states(who: Customers, plans: Ints, factors: Floats) -> int:
    """How many states are told apart: more people than that are hardly ever in the hall."""
    rate = factors.max() * who.arrivals.max(initial=0.0) / who.interval_s
    worst = rate * who.patience_s  # all wait and nobody is served
    fluid = 0.0
    in_hall = np.zeros(len(plans))
    for b, arrivals in enumerate(who.arrivals):
        counts = plans[:, b]
        served = np.minimum(in_hall, counts) / who.service_s + np.maximum(in_hall - counts, 0) / who.patience_s
        in_hall = np.maximum(in_hall + factors.max() * arrivals - served * who.interval_s, 0.0)
        fluid = max(fluid, float(in_hall.max(initial=0.0)))
    expected = min(worst, fluid) + float(plans.max(initial=0))
    return int(expected + 6 * np.sqrt(expected + 1) + 10)


def _bands(h: float, births: Floats, deaths: Floats) -> Floats:
    """Bands of I − h·Qᵀ for all plans and factors below one another, as `solve_banded` wants them."""
    n_plans, size = deaths.shape
    shape = (n_plans, len(births), size)
    up = np.broadcast_to(births[None, :, None], shape).copy()
    up[:, :, -1] = 0.0  # nobody enters a full hall
    down = np.broadcast_to(deaths[:, None, :], shape)
    bands = np.zeros((3, up.size))
    bands[1] = 1 + h * (up + down).ravel()
    above = -h * down
    bands[0] = above.ravel()  # column n + 1 of row n; the first column of a block belongs to no row of it
    bands[0].reshape(shape)[:, :, 0] = 0.0
    bands[2] = -h * up.ravel()
    return bands


def _waits_ahead(who: Customers, plans: Ints, steps: int, size: int) -> list[Floats]:
    """For every step: what somebody at each place of the queue (plans × positions, 0: served at once) still waits on average, as
    windows will open and close. Backwards from the end of the day, from when on the last windows stay."""
    n_plans, n_bins = plans.shape
    h = who.interval_s / steps
    m = np.arange(1, size + 1)
    wait = np.zeros((n_plans, size + 1))
    last = np.maximum(plans[:, -1], 1)[:, None]
    rates = last / who.service_s + (m[None, :] - 1) / who.patience_s
    for k in range(size):  # steady: 1 = (rate + own impatience) · wait − rate · wait one place on
        wait[:, k + 1] = (1 + rates[:, k] * wait[:, k]) / (rates[:, k] + 1 / who.patience_s)
    found: list[Floats] = [wait] * (n_bins * steps)
    for b in range(n_bins - 1, -1, -1):
        rates = plans[:, b, None] / who.service_s + (m[None, :] - 1) / who.patience_s
        bands = np.zeros((2, rates.size))
        bands[0] = (1 + h * (rates + 1 / who.patience_s)).ravel()
        bands[1] = np.roll(-h * rates, -1, axis=1).ravel()
        bands[1].reshape(rates.shape)[:, -1] = 0.0
        for k in range(steps - 1, -1, -1):
            later = wait[:, 1:] + h
            now = solve_banded((1, 0), bands, later.ravel(), check_finite=False).reshape(rates.shape)
            wait = np.concatenate([np.zeros((n_plans, 1)), now], axis=1)
            found[b * steps + k] = wait
    return found
