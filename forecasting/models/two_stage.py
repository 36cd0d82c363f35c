"""Two-stage: the total of the day first, then how it falls onto the hours. For arrivals at halls and call centres.

    log total[d] = β · (kind of day, day before or after days off, level of the last days, same weekday of last week) + e
    y[t] = total[day of t] × share[t],   share: usual part of the day's total by kind of day (forecasting.models.rhythm)

The regression is drawn towards the level of the last days by a ridge. While the day is under way its rest is multiplied by
1 + 0.8 × (observed ÷ foreseen so far − 1), doubted while little was foreseen. What that is worth was measured: docs/models.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.models.days import Days, day_by_day, idle, level_before, regressors, see_days
from forecasting.models.shape import Ask, Fitted
from forecasting.panel import WEEK_D, Floats, Indices, Panel

RIDGE = 3.0
"""In days."""
MIN_DAYS = 8
HALF_LIFE_D = 56.0


@dataclass(frozen=True, slots=True)
class TwoStage:
    """`weights` (series × columns) of the deviation of a day's log total from the level; NaN where too few days are told."""

    weights: Floats

    def paths(self, panel: Panel, origins: Indices, horizon: int) -> Floats:
        m, at = panel.slots_per_day, np.asarray(origins)
        last = int(at.max()) + horizon
        seen = see_days(panel, last + m, -(-horizon // m) + 1)
        what = regressors(panel, seen.kinds)

        def of_days(begins: int, days: range) -> Floats:
            return np.concatenate([self._day(seen, what, begins, day, m) for day in days], axis=1)

        made = day_by_day(panel, at, horizon, of_days)
        rests = idle(panel, last)
        for k, origin in enumerate(at.tolist()):
            made[:, k][rests[:, origin : origin + horizon]] = 0.0
        return made

    def _day(self, seen: Days, what: Floats, today: int, day: int, m: int) -> Floats:
        """What is foreseen of a day (series × slots) from the beginning of `today`."""
        level = level_before(seen.log_totals, today)
        x = _columns(what[day], seen.log_totals, day, level)
        totals = np.exp(np.clip(level + (x * self.weights).sum(axis=1), -20, 40))
        share = seen.shares[min(day - today + 1, max(seen.shares))][:, day * m : (day + 1) * m]
        whole = share.sum(axis=1, keepdims=True)
        return np.asarray(totals[:, None] * np.divide(share, whole, out=np.zeros_like(share), where=whole > 0))


def fit(panel: Panel, ask: Ask) -> Fitted:
    del ask
    m = panel.slots_per_day
    seen = see_days(panel, panel.slots + m, 1)
    what = regressors(panel, seen.kinds)
    last = panel.slots // m
    xs, ys, days = [], [], []
    for day in range(1, last):
        level = level_before(seen.log_totals, day)
        xs.append(_columns(what[day], seen.log_totals, day, level))
        ys.append(seen.log_totals[:, day] - level)
        days.append(day)
    p = what.shape[1] + 1
    weights = np.full((panel.n, p), np.nan)
    if not xs:
        return TwoStage(weights)
    x_all, y_all = np.stack(xs, axis=1), np.stack(ys, axis=1)
    importance = 0.5 ** ((last - np.array(days)) / HALF_LIFE_D)
    for series in range(panel.n):
        told = np.isfinite(y_all[series])
        if told.sum() >= MIN_DAYS:
            x, y, w = x_all[series, told], y_all[series, told], importance[told]
            system = (x * w[:, None]).T @ x + RIDGE * np.eye(p) * w.mean()
            for _ in range(2):
                weights[series] = np.linalg.solve(system, (x * w[:, None]).T @ y)
                y = _tamed(y, x @ weights[series])
    return TwoStage(weights)


def _columns(what: Floats, log_totals: Floats, day: int, level: Floats) -> Floats:
    """(series × columns): what the day is, and how the same weekday of last week lay above the level."""
    n = len(log_totals)
    week_ago = log_totals[:, day - WEEK_D] if day >= WEEK_D else np.full(n, np.nan)
    return np.hstack([np.tile(what, (n, 1)), np.nan_to_num(week_ago - level)[:, None]])


def _tamed(y: Floats, expected: Floats) -> Floats:
    """With days that are beyond belief drawn back to three times the usual distance from what was expected of them."""
    room = max(3 * 1.4826 * float(np.median(np.abs(y - expected))), 1e-6)
    return np.asarray(np.clip(y, expected - room, expected + room))
