"""ARX: the logarithm of a stage or flow, its last hours and the rain that is still in the ground. For rivers, with covariates.

    log(y[t] + c) = a + Σ_j φ_j log(y[t − j] + c) + Σ_k b_k S_k[t] + e,   S_k[t] = S_k[t − 1] · ½^(step ÷ T_k) + x[t]

The S are stores that fill with each covariate x and run out with half-lives T of 3, 12, 48 and 168 hours: antecedent
precipitation (Kohler and Linsley 1951). A covariate that is given for the time ahead is used; of one that is not, nothing
more is expected to fall. Without covariates this model has nothing to say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from forecasting.models.shape import Ask, Fitted, no_paths
from forecasting.panel import Floats, Indices, Panel

LAGS = (1, 2, 3)
HALF_LIVES_H = (3.0, 12.0, 48.0, 168.0)
RIDGE = 1e-4
SHIFT = 0.01
"""c, in medians of the values learnt from."""
MIN_ROWS = 100
LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class Arx:
    """`weights` (series × columns); c, and the range of the logarithm that paths keep (series each)."""

    weights: Floats
    shift: Floats
    low: Floats
    high: Floats

    def paths(self, panel: Panel, origins: Indices, horizon: int) -> Floats:
        if panel.covariates is None:
            return no_paths(panel, origins, horizon)
        at = np.asarray(origins)
        logs = _without_gaps(np.log(np.maximum(panel.values, 0.0) + self.shift[:, None]))
        made = np.empty((panel.n, len(at), horizon))
        for k, origin in enumerate(at.tolist()):
            known = panel if panel.is_known_ahead else panel.until(origin)
            stores = _stores(known, origin + horizon)[:, origin:]
            past = [logs[:, max(origin - lag, 0)] for lag in LAGS]
            for h in range(horizon):
                x = np.hstack([np.ones((panel.n, 1)), np.stack(past, axis=1), stores[:, h]])
                now = np.clip((x * self.weights).sum(axis=1), self.low, self.high)
                past = [now, *past[:-1]]
                made[:, k, h] = np.exp(now) - self.shift
        return made


def fit(panel: Panel, ask: Ask) -> Fitted:
    del ask
    n = panel.n
    n_columns = 1 + len(LAGS) + len(HALF_LIVES_H) * (0 if panel.covariates is None else len(panel.covariates))
    weights, low, high = np.full((n, n_columns), np.nan), np.full(n, -50.0), np.full(n, 50.0)
    usable = np.where(panel.measured & (panel.values >= 0), panel.values, np.nan)
    has_any = np.asarray(np.isfinite(usable).any(axis=1))
    middle = np.array([np.nanmedian(row) if any_ else 1.0 for row, any_ in zip(usable, has_any, strict=True)])
    shift = np.maximum(SHIFT * middle, LEAST)
    fitted = Arx(weights, shift, low, high)
    if panel.covariates is None:
        return fitted
    logs = np.log(usable + shift[:, None])
    stores = _stores(panel, panel.slots)
    longest = max(LAGS)
    for series in range(n):
        lagged = np.stack([logs[series, longest - lag : panel.slots - lag] for lag in LAGS], axis=1)
        x = np.hstack([np.ones((panel.slots - longest, 1)), lagged, stores[series, longest:]])
        y = logs[series, longest:]
        told = np.isfinite(y) & np.isfinite(x).all(axis=1)
        if told.sum() < MIN_ROWS or (panel.values[series, panel.measured[series]] < 0).any():
            continue
        x, y = x[told], y[told]
        centre, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
        centre[0], spread[0] = 0.0, 1.0
        z = (x - centre) / spread
        found = np.linalg.solve(z.T @ z + RIDGE * len(z) * np.diag([0.0, *[1.0] * (n_columns - 1)]), z.T @ y) / spread
        found[0] -= float((found * centre).sum())
        weights[series] = found
        room = float(y.max() - y.min())
        low[series], high[series] = float(y.min()) - room / 4, float(y.max()) + room / 2
    return fitted


def _stores(panel: Panel, n_slots: int) -> Floats:
    """(series × slots × stores); what is not given counts as nothing."""
    assert panel.covariates is not None
    parts = []
    for given in panel.covariates:
        told = np.zeros((panel.n, n_slots))
        reach = min(given.shape[1], n_slots)
        told[:, :reach] = np.nan_to_num(given[:, :reach])
        for half_life in HALF_LIVES_H:
            keep = 0.5 ** (panel.step_s / 3600 / half_life)
            parts.append(lfilter([1.0], [1.0, -keep], told, axis=1))
    return np.stack(parts, axis=-1)


def _without_gaps(logs: Floats) -> Floats:
    """Each missing value as the last one before it."""
    slot = np.arange(logs.shape[1])
    newest = np.maximum.accumulate(np.where(np.isfinite(logs), slot, 0), axis=1)
    return np.asarray(np.take_along_axis(logs, newest, axis=1))
