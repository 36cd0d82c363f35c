"""MSTL and ETS: seasons of the day and the week taken off, a damped trend for what is left.

`statsmodels.tsa.seasonal.MSTL` (Bandara, Hyndman and Bergmeir 2021) takes the seasons off the last weeks; a damped Holt smoothing
(`statsmodels.tsa.holtwinters.Holt`; Hyndman and Athanasopoulos, 3rd ed., 8.2) learns how fast level and trend of the rest move.
Between fits the smoothing goes on with what comes, slot by slot; the seasons are those of the last week learnt from.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from forecasting.models.autoreg import without_gaps
from forecasting.models.shape import Ask, Fitted
from forecasting.panel import WEEK_D, Floats, Indices, Panel

LEARNS_D = 35
SMOOTHS_D = 14
"""The smoothing learns from so many days."""
MIN_D = 4


@dataclass(frozen=True, slots=True)
class MstlEts:
    """Of each series: seasons of a week (series × slots of a week), level and trend at the last slot learnt from, weights of
    their smoothing, damping; NaN where nothing could be fitted."""

    learnt: int
    seasons: Floats
    level: Floats
    trend: Floats
    alpha: Floats
    beta: Floats
    damping: Floats

    def paths(self, panel: Panel, origins: Indices, horizon: int) -> Floats:
        week = self.seasons.shape[1]
        at = np.asarray(origins)
        ahead = np.arange(horizon)
        made = np.empty((panel.n, len(at), horizon))
        level, trend = self.level.copy(), self.trend.copy()
        slot = self.learnt
        grown = np.cumsum(self.damping[:, None] ** (ahead + 1), axis=1)
        for k in np.argsort(at, kind="stable"):
            for now in range(slot, int(at[k])):
                left = panel.values[:, now] - self.seasons[:, now % week]
                is_told = np.isfinite(left)
                expected = level + self.damping * trend
                smoothed = expected + np.where(is_told, self.alpha * (np.nan_to_num(left) - expected), 0.0)
                turned = self.beta * (smoothed - level - self.damping * trend)
                trend, level = self.damping * trend + np.where(is_told, turned, 0.0), smoothed
            slot = max(slot, int(at[k]))
            made[:, k] = level[:, None] + trend[:, None] * grown + self.seasons[:, (at[k] + ahead) % week]
        return made


def fit(panel: Panel, ask: Ask) -> Fitted:
    del ask
    m, n = panel.slots_per_day, panel.n
    week = WEEK_D * m
    nothing = np.full(n, np.nan)
    made = MstlEts(panel.slots, np.full((n, week), np.nan), *(nothing.copy() for _ in range(5)))
    values = without_gaps(panel)
    for series in range(n):
        told = np.flatnonzero(panel.measured[series])
        start = max(panel.slots - LEARNS_D * m, int(told[0]) if told.size else panel.slots)
        history = values[series, start:]
        if len(history) < MIN_D * m or told.size < 2 * m or np.ptp(history) == 0:
            continue
        _fit_one(made, series, history, panel.slots, m)
    return made


def _fit_one(made: MstlEts, series: int, history: Floats, slots: int, m: int) -> None:
    """Fills in one series; leaves it as it is when the smoothing does not converge."""
    from statsmodels.tools.sm_exceptions import ConvergenceWarning
    from statsmodels.tsa.holtwinters import Holt
    from statsmodels.tsa.seasonal import MSTL

    week = WEEK_D * m
    periods = [p for p in (m, week) if p > 1 and len(history) >= 2 * p + 1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            seasons = np.asarray(MSTL(history, periods=periods).fit().seasonal) if periods else np.zeros(len(history))
            seasonal = seasons.reshape(len(history), -1).sum(axis=1)
            left = history - seasonal
            found = Holt(left[-SMOOTHS_D * m :], damped_trend=True, initialization_method="estimated").fit()
        except (ConvergenceWarning, ValueError, np.linalg.LinAlgError):
            return
    last = np.arange(slots - len(history), slots)[-(week if week in periods else m) :]
    for slot in range(week):
        same = last[(last - slot) % (week if week in periods else m) == 0]
        made.seasons[series, slot] = seasonal[int(same[-1]) - (slots - len(history))]
    made.level[series], made.trend[series] = float(found.level[-1]), float(found.trend[-1])
    parameters = found.params
    made.alpha[series], made.beta[series] = float(parameters["smoothing_level"]), float(parameters["smoothing_trend"])
    made.damping[series] = float(parameters["damping_trend"])
