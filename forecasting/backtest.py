"""Backtest: forecasts from many origins of a stored history, each from what was known then, scored against what came.

    MASE = mean |came − q50| ÷ mean |y[t] − y[t − season]| over the history before the first origin   (Hyndman and Koehler 2006)

for both seasons, the day and the week; the naive forecasts of the day and of the week are scored at the same origins. The share
inside is counted between the quantiles that lie at the same distance from the middle. Nothing depends on chance but for `seed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.models.registry import SEASONAL_NAIVE, WEEKLY_NAIVE
from forecasting.models.shape import Model
from forecasting.outlook import look_ahead
from forecasting.panel import WEEK_D, Floats, Panel, after
from forecasting.trial import Trials


@dataclass(frozen=True, slots=True)
class Score:
    """Of each series: mean absolute errors of the middle and of the naive forecasts of day and week; their scales, the mean
    change from day to day and from week to week; the share of what came inside each band, by its nominal share; and the sums of
    absolute errors and of what came, for WAPE."""

    error: Floats
    naive_day: Floats
    naive_week: Floats
    scale_day: Floats
    scale_week: Floats
    inside: dict[float, Floats]
    error_sum: float
    came_sum: float

    @property
    def wape(self) -> float:
        """Sum of absolute errors over sum of what came."""
        return self.error_sum / self.came_sum if self.came_sum else float("nan")

    @property
    def naive(self) -> Floats:
        """Errors of the better naive forecast of each series."""
        return np.asarray(np.fmin(self.naive_day, self.naive_week))

    def worse_than_naive(self) -> float:
        """Share of the series that the better naive forecast would have served better."""
        told = np.isfinite(self.error) & np.isfinite(self.naive)
        return float((self.error[told] > self.naive[told]).mean()) if told.any() else float("nan")


def backtest(
    panel: Panel,
    origins: Sequence[int],
    horizon: int,
    levels: tuple[float, ...] = (0.05, 0.1, 0.5, 0.9, 0.95),
    *,
    model: Model | None = None,
    seed: int = 0,
) -> Score:
    """Scores the forecasts of `horizon` slots from each origin; `levels` ascending, with 0.5 and in pairs around it."""
    trials = Trials(panel, horizon, seed)
    made, naive_day, naive_week = [], [], []
    for origin in origins:
        known = panel.until(origin)
        made.append(look_ahead(trials, known, levels, model=model).quantiles)
        naive_day.append(trials.now(SEASONAL_NAIVE, known))
        naive_week.append(trials.now(WEEKLY_NAIVE, known))
    quantiles = np.stack(made, axis=2)
    came = after(panel.values, np.array(origins, dtype=np.intp), horizon)
    came = np.where(panel.are_open(max(origins) + horizon)[np.array(origins)[:, None] + np.arange(horizon)], came, np.nan)
    middle = quantiles[levels.index(0.5)]
    off = np.abs(came - middle)
    inside = {}
    for k, level in enumerate(levels[: len(levels) // 2]):
        is_inside = (came >= quantiles[k]) & (came <= quantiles[len(levels) - 1 - k])
        inside[round(1 - 2 * level, 9)] = _mean(np.where(np.isfinite(came), is_inside, np.nan))
    history = panel.values[:, : min(origins)]
    return Score(
        _mean(off), _mean(np.abs(came - np.stack(naive_day, axis=1))), _mean(np.abs(came - np.stack(naive_week, axis=1))),
        _change(history, panel.slots_per_day), _change(history, WEEK_D * panel.slots_per_day), inside,
        float(np.nansum(off)), float(np.nansum(np.where(np.isfinite(off), came, np.nan))),
    )  # fmt: skip


def origins_every(panel: Panel, every: int, n: int, horizon: int) -> list[int]:
    """The last `n` origins, `every` slots apart, whose horizons lie within the panel."""
    return [panel.slots - horizon - every * k for k in range(n)][::-1]


def _mean(values: Floats) -> Floats:
    told = np.isfinite(values)
    axes = tuple(range(1, values.ndim))
    count = told.sum(axis=axes)
    return np.asarray(
        np.divide(np.where(told, values, 0.0).sum(axis=axes), count, out=np.full(len(values), np.nan), where=count > 0)
    )


def _change(history: Floats, season: int) -> Floats:
    """Mean absolute change from one season to the next (series); NaN where there is none."""
    if history.shape[1] <= season:
        return np.full(len(history), np.nan)
    return _mean(np.abs(history[:, season:] - history[:, :-season]))
