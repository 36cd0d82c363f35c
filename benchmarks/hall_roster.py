"""Windows through the day on arrivals that nobody here made up: the calls of a bank (5 minutes, 120 weekdays of 2003, fpp3),
of which one in twenty is taken for a visitor of a hall.

Planned from the mean of the first sixty days, tried on the real counts of the other sixty, each day busier or quieter by a normal
factor of 20 % more than it was; services lognormal (8 minutes, coefficient of variation 0.8), patience exponential (45
minutes), our choices. The flat roster has the same windows all day, at equal window-hours. Both are simulated on the same people.

The ceiling is a plan made from the very days it is tried on: what knowing the mean of the future would be worth.
"""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from staffing.simulation import Days, Waits, simulate, summed_up
from staffing.transient import Customers, Floats, Ints
from staffing.windows import best_plan, fewest_windows, flat_plan

SHARED = Path(__file__).parents[2] / "shared" / "data" / "bank_calls" / "calls_5min.parquet"
PROMISE = 0.6
"""Of the worst interval's mean wait is saved."""
SHARE, NOISE = 1 / 20, 0.2
SERVICE_S, SERVICE_CV, PATIENCE_S = 480.0, 0.8, 2_700.0
BIN_S, FINE_S, BINS = 900.0, 300.0, 56
MOST = 40
USE = 0.9
"""Share of the window-hours that the mean load takes."""
TIMES_EACH = 4
TARGET_S = 900.0
SHARES = (0.5, 0.9, 0.95, 0.99)


def measure() -> dict[str, Any]:
    """Runs for about a minute."""
    if not SHARED.is_file():
        return {"name": "hall_roster", "absent": "calls_5min.parquet of bank_calls is not in ../shared/data"}
    began = time.perf_counter()
    counts = real_days()
    half = len(counts) // 2
    learned, tried = counts[:half], counts[half:]
    mean = learned.reshape(half, BINS, -1).sum(axis=2).mean(axis=0) * SHARE
    who = _customers(mean)
    budget = int(np.ceil(mean.sum() * SERVICE_S / BIN_S / USE))
    plans = {
        "flat": flat_plan(BINS, MOST, budget), "planned": best_plan(who, MOST, budget),
        "ceiling": best_plan(_customers(tried.reshape(len(tried), BINS, -1).sum(axis=2).mean(axis=0) * SHARE), MOST, budget),
    }  # fmt: skip
    days = drawn(tried, seed=11)
    found = {name: _figures(days, plan) for name, plan in plans.items()}
    saved = {name: 1 - found[name]["worst_mean_s"] / found["flat"]["worst_mean_s"] for name in ("planned", "ceiling")}
    quality = _at_equal_quality(who, days)
    return {
        "name": "hall_roster", "days_tried": len(tried), "futures_of_each": TIMES_EACH, "window_hours": budget * BIN_S / 3_600,
        "noise": NOISE, **found, "saved_worst": {name: round(value, 3) for name, value in saved.items()},
        "overtime_change": round(found["planned"]["overtime_min"] / max(found["flat"]["overtime_min"], 1e-9) - 1, 3),
        "at_equal_quality": quality, "promise": PROMISE, "meets": saved["planned"] >= PROMISE,
        "took_s": round(time.perf_counter() - began, 1), "machine": platform.platform(),
    }  # fmt: skip


def real_days() -> Floats:
    """Calls (days × 5 minutes) from seven to nine in the evening, on the days that are whole."""
    import pandas as pd

    calls = pd.read_parquet(SHARED)
    per_day = int(BINS * BIN_S / FINE_S)
    by_day = [day["Calls"].to_numpy(float)[:per_day] for _, day in calls.groupby(calls["DateTime"].dt.date)]
    return np.array([day for day in by_day if len(day) == per_day and np.isfinite(day).all()])


def _customers(mean: Floats) -> Customers:
    return Customers(mean, BIN_S, SERVICE_S, SERVICE_CV, PATIENCE_S, NOISE)


def drawn(counts: Floats, seed: int) -> Days:
    """People of days as they were, some times each: how many of each 5 minutes' calls come is drawn, when within them too."""
    rng = np.random.default_rng(seed)
    often = np.repeat(counts, TIMES_EACH, axis=0)
    factor = np.maximum(1 + NOISE * rng.standard_normal(len(often)), 0.1)
    came = rng.poisson(often * SHARE * factor[:, None])
    most = int(came.sum(axis=1).max())
    arrivals = np.full((len(often), most), np.inf)
    for row, n in enumerate(came):
        bins = np.repeat(np.arange(len(n)), n)
        arrivals[row, : len(bins)] = np.sort((bins + rng.random(len(bins))) * FINE_S)
    sigma = np.sqrt(np.log1p(SERVICE_CV**2))
    services = SERVICE_S * np.exp(sigma * rng.standard_normal(arrivals.shape) - sigma**2 / 2)
    return Days(arrivals, services, rng.exponential(PATIENCE_S, arrivals.shape), BIN_S)


def _figures(days: Days, plan: Ints) -> dict[str, Any]:
    waits = simulate(days, plan)
    outcome = summed_up(days, waits, BINS)
    here = np.isfinite(days.arrivals_s)
    n_days, paid_h = len(days.arrivals_s), float(plan.sum()) * BIN_S / 3_600
    served = here & ~waits.has_given_up
    return {
        "worst_mean_s": round(float(outcome.mean_s.max())), "worst_p90_s": round(float(outcome.p90_s.max())),
        "mean_s": round(outcome.mean_of_all_s), "left_share": round(outcome.abandon_share_of_all, 4),
        **{f"p{100 * share:g}_s": round(float(np.quantile(waits.waits_s[here], share))) for share in SHARES},
        "served_per_paid_h": round(float(served.sum()) / n_days / paid_h, 2),
        "on_time_per_paid_h": round(float((served & (waits.waits_s <= TARGET_S)).sum()) / n_days / paid_h, 2),
        "overtime_min": round(_overtime_s(days, waits) / n_days / 60, 1), "paid_h": paid_h,
    }  # fmt: skip


def _overtime_s(days: Days, waits: Waits) -> float:
    """Window time worked after the last interval."""
    close = BINS * BIN_S
    begins = np.where(np.isfinite(days.arrivals_s) & ~waits.has_given_up, days.arrivals_s + waits.waits_s, np.nan)
    return float(np.nansum(np.clip(begins + days.services_s - np.maximum(begins, close), 0, None)))


def _at_equal_quality(who: Customers, days: Days) -> dict[str, Any]:
    """Window-hours until nine in ten are on time in every interval on the days tried: by the fewest windows, and flat. The
    plan is raised evenly until it is so there too."""
    least = fewest_windows(who, MOST, TARGET_S, seed=1)
    planned = _until_on_time(days, lambda k: np.minimum(least + k, MOST))
    flat = _until_on_time(days, lambda k: np.full(BINS, int(np.ceil(least.mean())) + k, np.intp))
    found = {name: _figures(days, plan) for name, plan in (("flat", flat), ("planned", planned))}
    more = found["planned"]["served_per_paid_h"] / found["flat"]["served_per_paid_h"] - 1
    overtime = found["planned"]["overtime_min"] / max(found["flat"]["overtime_min"], 1e-9) - 1
    return {**found, "served_per_paid_h_change": round(more, 3), "overtime_change": round(overtime, 3)}


def _until_on_time(days: Days, plan_of: Any) -> Ints:
    for k in range(MOST):
        plan: Ints = plan_of(k)
        if summed_up(days, simulate(days, plan), BINS).p90_s.max() <= TARGET_S:
            break
    return plan
