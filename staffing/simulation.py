"""The event simulation of a hall's day: customers in the order of their arrival, windows that open and close, patience that ends.

Exact for first come, first served: each customer begins at the first moment, not before the arrival, at which fewer are being
served than windows are open, unless patience ends before. A window that closes lets its customer finish. Many days run side by
side; two plans are compared on the same customers (common random numbers). After the last interval the windows that were open
last stay until nobody waits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from staffing.transient import LEAST_FACTOR, Customers, Floats, Ints


@dataclass(frozen=True)
class Days:
    """Customers of many days (days × customers): seconds after opening at which they arrive (infinite: nobody), how long their
    service takes, how long they would wait."""

    arrivals_s: Floats
    services_s: Floats
    patience_s: Floats
    interval_s: float

    @property
    def bins(self) -> Ints:
        """The interval in which each arrives; −1: nobody."""
        is_here = np.isfinite(self.arrivals_s)
        return np.where(is_here, np.where(is_here, self.arrivals_s, 0) // self.interval_s, -1).astype(np.intp)


@dataclass(frozen=True)
class Waits:
    """What became of the customers (days × customers): waits in seconds, of those who gave up too (NaN: nobody), and who did."""

    waits_s: Floats
    has_given_up: np.ndarray


def drawn_days(who: Customers, n_days: int, seed: int) -> Days:
    """Days at random: a normal factor for each, Poisson arrivals, lognormal services, exponential patience. The factors are
    stratified, one from each of `n_days` equally likely ranges: few days tell as much as many."""
    rng = np.random.default_rng(seed)
    factors = np.maximum(1 + who.day_noise * norm.ppf((rng.permutation(n_days) + rng.random(n_days)) / n_days), LEAST_FACTOR)
    counts = rng.poisson(factors[:, None] * who.arrivals[None, :])
    most = max(int(counts.sum(axis=1).max(initial=0)), 1)
    arrivals = np.full((n_days, most), np.inf)
    for day, n in enumerate(counts):
        bins = np.repeat(np.arange(len(n)), n)
        arrivals[day, : len(bins)] = np.sort((bins + rng.random(len(bins))) * who.interval_s)
    spread = np.sqrt(np.log1p(who.service_cv**2))
    services = who.service_s * np.exp(rng.normal(0, 1, arrivals.shape) * spread - spread**2 / 2)
    return Days(arrivals, services, rng.exponential(who.patience_s, arrivals.shape), who.interval_s)


def simulate(days: Days, plan: Ints) -> Waits:
    """What becomes of the customers of `days` under a `plan` (bins), windows open."""
    n_days, most = days.arrivals_s.shape
    n_bins = len(plan)
    open_last = int(plan[np.flatnonzero(plan)[-1]]) if plan.any() else 0
    windows = np.append(plan, open_last)
    width = max(int(windows.max(initial=0)), 1)
    ends = np.full((n_days, width), -np.inf)
    """When the services under way end, ascending."""
    waits, has_given_up = np.full((n_days, most), np.nan), np.zeros((n_days, most), bool)
    opens = np.arange(n_bins + 1) * days.interval_s
    closes = np.append(opens[1:], np.inf)
    rows = np.arange(n_days)
    for k in range(most):
        came = days.arrivals_s[:, k]
        is_here = np.isfinite(came)
        if not is_here.any():
            break
        leaves = came + days.patience_s[:, k]
        begins = np.full(n_days, np.inf)
        b = np.where(is_here, np.minimum(np.where(is_here, came, 0) // days.interval_s, n_bins), n_bins).astype(np.intp)
        looking = np.flatnonzero(is_here)
        while len(looking):
            at = b[looking]
            n = windows[at]
            free = np.where(n > 0, ends[looking, width - np.maximum(n, 1)], np.inf)
            moment = np.maximum(np.maximum(came[looking], opens[at]), free)
            fits = moment < closes[at]
            begins[looking[fits]] = moment[fits]
            b[looking] += 1
            looking = looking[~fits & (at < n_bins) & (closes[at] <= leaves[looking])]
        is_served = is_here & (begins <= leaves)
        waits[is_here, k] = np.minimum(begins, leaves)[is_here] - came[is_here]
        has_given_up[:, k] = is_here & ~is_served
        ends[rows[is_served], 0] = begins[is_served] + days.services_s[is_served, k]
        ends.sort(axis=1)
    return Waits(waits, has_given_up)


@dataclass(frozen=True)
class Outcome:
    """Of each interval (bins), over all days: mean and 90 % quantile of the waits of who arrives in it, share of those who give
    up; 0 where nobody came."""

    mean_s: Floats
    p90_s: Floats
    abandon_share: Floats
    mean_of_all_s: float
    abandon_share_of_all: float


def summed_up(days: Days, waits: Waits, n_bins: int) -> Outcome:
    bins = days.bins
    mean, p90, gone = np.zeros(n_bins), np.zeros(n_bins), np.zeros(n_bins)
    for b in range(n_bins):
        of_bin = bins == b
        if of_bin.any():
            mean[b], p90[b] = waits.waits_s[of_bin].mean(), np.quantile(waits.waits_s[of_bin], 0.9)
            gone[b] = waits.has_given_up[of_bin].mean()
    came = bins >= 0
    if not came.any():
        return Outcome(mean, p90, gone, 0.0, 0.0)
    return Outcome(mean, p90, gone, float(waits.waits_s[came].mean()), float(waits.has_given_up[came].mean()))
