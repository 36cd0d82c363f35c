"""Poisson GLM: counts whose logarithm of the mean is a sum of what the slot and the day are. For arrivals and calls.

    log E y[t] = a[slot of day, worked or off] + b[kind of day] + c · (day before or after days off)

Fitted by statsmodels (`statsmodels.genmod.generalized_linear_model.GLM`, family Poisson; McCullagh and Nelder 1989, chapter 6).
The level follows the last days: the path is multiplied by what they brought over what was foreseen of them, and within the day
as in forecasting.models.two_stage.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr

from forecasting.calendar import KINDS
from forecasting.models.days import day_by_day, idle, regressors
from forecasting.models.shape import Ask, Fitted
from forecasting.panel import Floats, Indices, Panel

LEARNS_W = 16
SLOTS_MOST = 48
"""Slots of a day that get a weight of their own; finer ones share."""
LEVEL_D = 7
MIN_ROWS = 100
MIN_DAYS = 3
"""What was seen on fewer days gets no weight of its own."""
NOTHING = -30.0
"""The weight of what never came with any count: such rows have no finite one, and are left out of the fit."""


@dataclass(frozen=True, slots=True)
class PoissonGlm:
    """`weights` (series × columns), NaN where the fit failed or did not converge."""

    weights: Floats

    def paths(self, panel: Panel, origins: Indices, horizon: int) -> Floats:
        m, at = panel.slots_per_day, np.asarray(origins)
        n_slots = -(-(int(at.max()) + horizon) // m) * m
        expected = np.exp(np.clip(self.weights @ _design(panel, n_slots).T, -30, 40))
        expected = np.where(idle(panel, n_slots), np.where(np.isnan(expected), np.nan, 0.0), expected)

        def of_days(begins: int, days: range) -> Floats:
            return expected[:, days.start * m : days.stop * m] * _level(panel, expected, begins)[:, None]

        return day_by_day(panel, at, horizon, of_days)


def _level(panel: Panel, expected: Floats, day: int) -> Floats:
    """What the LEVEL_D days before a day brought over what was foreseen of them (series)."""
    recent = slice(max(day - LEVEL_D, 0) * panel.slots_per_day, day * panel.slots_per_day)
    told = panel.measured[:, recent]
    observed, foreseen = (np.where(told, part[:, recent], 0.0).sum(axis=1) for part in (panel.values, expected))
    return np.asarray(np.divide(observed, foreseen, out=np.ones(panel.n), where=(foreseen > 0) & (observed > 0)))


def fit(panel: Panel, ask: Ask) -> Fitted:
    del ask
    from statsmodels.genmod.families import Poisson
    from statsmodels.genmod.generalized_linear_model import GLM

    design = _design(panel, panel.slots)
    start = max(panel.slots - LEARNS_W * 7 * panel.slots_per_day, 0)
    is_open = panel.are_open(panel.slots)
    weights = np.full((panel.n, design.shape[1]), np.nan)
    rests = idle(panel, panel.slots)
    for series in range(panel.n):
        rows = np.flatnonzero(panel.measured[series] & is_open & ~rests[series] & (panel.values[series] >= 0))
        rows = rows[rows >= start]
        if len(rows) < MIN_ROWS:
            continue
        seen = _days_seen(design[rows], rows // panel.slots_per_day) >= MIN_DAYS
        barren = seen & ((panel.values[series, rows] @ design[rows]) == 0)
        rows = rows[~(design[np.ix_(rows, barren)] > 0).any(axis=1)]
        if len(rows) < MIN_ROWS:
            continue
        seen = _days_seen(design[rows], rows // panel.slots_per_day) >= MIN_DAYS
        used = _told_apart(design[rows], np.flatnonzero(seen & ~barren))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                regression = GLM(panel.values[series, rows], design[np.ix_(rows, used)], family=Poisson())
                found = regression.fit(maxiter=50, tol=1e-10 * float(panel.values[series, rows].sum()))
            except (ValueError, np.linalg.LinAlgError):
                continue
        if found.converged:
            weights[series] = np.where(barren, NOTHING, 0.0)
            weights[series, used] = found.params
    return PoissonGlm(weights)


def _told_apart(design: Floats, columns: Indices) -> Indices:
    """Those of the columns that say something that the others do not: without that the regression swings."""
    _, triangle, order = qr(design[:, columns], mode="economic", pivoting=True)
    size = np.abs(np.diag(triangle))
    return np.asarray(columns[np.sort(order[: int((size > 1e-8 * size[0]).sum())])])


def _days_seen(design: Floats, day: Indices) -> Indices:
    """On how many days each column says something."""
    first = np.flatnonzero(np.diff(day, prepend=-1))
    return np.asarray((np.add.reduceat(np.abs(design), first, axis=0) > 0).sum(axis=0))


def _design(panel: Panel, n_slots: int) -> Floats:
    m = panel.slots_per_day
    kinds = panel.kinds(-(-n_slots // m))
    slot, day = np.arange(n_slots) % m, np.arange(n_slots) // m
    share = -(-m // SLOTS_MOST)
    of_slot = np.eye(-(-m // share))[slot // share]
    worked = panel.calendar.are_worked(kinds)[day, None].astype(float)
    are_worked = panel.calendar.are_worked(np.arange(KINDS))
    told_already = [int(are_worked.argmax()), int((~are_worked).argmax())]  # by the slots: one worked day, one day off
    of_day = np.delete(regressors(panel, kinds), told_already, axis=1)
    return np.hstack([of_slot * worked, of_slot * (1 - worked), of_day[day]])
