"""Poisson GLM: counts whose logarithm of the mean is a sum of what the slot and the day are. For arrivals and calls.

    log E y[t] = a[slot of day] + b[kind of day] + c · (day before or after days off) + d · (worked day) × harmonics of the day

Fitted by statsmodels (`statsmodels.genmod.generalized_linear_model.GLM`, family Poisson; McCullagh and Nelder 1989, chapter 6).
The level follows the last days: the path is multiplied by what they brought over what was foreseen of them, and within the day
as in forecasting.models.two_stage.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from forecasting.models.days import regressors, so_far
from forecasting.models.shape import Ask, Fitted
from forecasting.panel import Floats, Indices, Panel

LEARNS_W = 16
HARMONICS = 3
SLOTS_MOST = 48
"""Slots of a day that get a weight of their own; finer ones share."""
LEVEL_D = 7
MIN_ROWS = 200
MIN_DAYS = 3
"""What was seen on fewer days gets no weight of its own."""


@dataclass(frozen=True, slots=True)
class PoissonGlm:
    """`weights` (series × columns), NaN where the fit failed."""

    weights: Floats

    def paths(self, panel: Panel, origins: Indices, horizon: int) -> Floats:
        m, at = panel.slots_per_day, np.asarray(origins)
        design = _design(panel, int(at.max()) + horizon + m)
        expected = np.exp(np.clip(self.weights @ design.T, -30, 40))
        made = np.empty((panel.n, len(at), horizon))
        for k, origin in enumerate(at.tolist()):
            begins = origin // m * m
            recent = slice(max(begins - LEVEL_D * m, 0), begins)
            came = panel.values[:, recent]
            told = np.isfinite(came)
            observed, foreseen = (np.where(told, part, 0.0).sum(axis=1) for part in (came, expected[:, recent]))
            level = np.divide(observed, foreseen, out=np.ones(panel.n), where=(foreseen > 0) & (observed > 0))
            path = expected[:, begins : origin + horizon] * level[:, None]
            path[:, :m] *= so_far(panel, origin, path[:, : origin - begins])[:, None]
            made[:, k] = path[:, origin - begins :]
        return made


def fit(panel: Panel, ask: Ask) -> Fitted:
    del ask
    from statsmodels.genmod.families import Poisson
    from statsmodels.genmod.generalized_linear_model import GLM

    design = _design(panel, panel.slots)
    start = max(panel.slots - LEARNS_W * 7 * panel.slots_per_day, 0)
    is_open = panel.are_open(panel.slots)
    weights = np.full((panel.n, design.shape[1]), np.nan)
    for series in range(panel.n):
        rows = np.flatnonzero(panel.measured[series] & is_open & (panel.values[series] >= 0))
        rows = rows[rows >= start]
        if len(rows) < MIN_ROWS:
            continue
        used = _days_seen(design[rows], rows // panel.slots_per_day) >= MIN_DAYS
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = GLM(panel.values[series, rows], design[np.ix_(rows, used)], family=Poisson()).fit(maxiter=30).params
            except (ValueError, np.linalg.LinAlgError):
                continue
        weights[series] = 0.0
        weights[series, used] = found
    return PoissonGlm(weights)


def _days_seen(design: Floats, day: Indices) -> Indices:
    """On how many days each column says something."""
    first = np.flatnonzero(np.diff(day, prepend=-1))
    return np.asarray((np.add.reduceat(np.abs(design), first, axis=0) > 0).sum(axis=0))


def _design(panel: Panel, n_slots: int) -> Floats:
    m = panel.slots_per_day
    days = -(-n_slots // m)
    kinds = panel.kinds(days)
    what = regressors(panel, kinds)
    what = np.hstack([what[:, 1:], panel.calendar.are_worked(kinds)[:, None].astype(float)])
    slot = np.arange(n_slots) % m
    share = -(-m // SLOTS_MOST)
    of_slot = np.eye(-(-m // share))[slot // share]
    of_day = what[np.arange(n_slots) // m]
    turns = 2 * np.pi * slot[:, None] * np.arange(1, min(HARMONICS, max((m - 1) // 2, 0)) + 1) / m
    waves = np.hstack([np.sin(turns), np.cos(turns)])
    monday = (kinds == 0)[np.arange(n_slots) // m, None].astype(float)
    off = 1 - of_day[:, -1:]
    return np.hstack([of_slot, of_day[:, :-1], waves * off, waves * monday])
