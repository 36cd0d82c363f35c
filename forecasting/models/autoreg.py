"""AutoReg: lags around a curve of harmonics, fitted by conditional least squares for many series at once.

    y[t] = c + Σ_j φ_j · y[t − j] + Σ_k (a_k sin 2πkt/m + b_k cos 2πkt/m) + e[t]

with j = 1, 2, 3 and four harmonics of the day; from three weeks of history on also j = m, m + 1, 7m, 7m + 1, and harmonics of the
week. The equations are those of statsmodels (`statsmodels.tsa.ar_model.AutoReg`, a test holds both together on samples); solving
them in one batch takes a hundredth of the time. Rows whose target was not measured do not count; what lags find missing is drawn
as the usual value with the fading deviation before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.models.rhythm import usual
from forecasting.models.shape import Ask, Fitted
from forecasting.panel import WEEK_D, Floats, Indices, Panel

SHORT_LAGS = (1, 2, 3)
DAY_HARMONICS, LONG_DAY_HARMONICS, WEEK_HARMONICS = 4, 6, 3
LONG_D = 21
KEEPS = 0.97
"""Of a deviation, from one missing slot to the next."""
CHUNK = 4_000_000
"""Numbers of a block of design matrices."""
RUNAWAY_SPANS = 1.0
"""A path that leaves the range of the history by more than its width says more about the fit than about the city."""


@dataclass(frozen=True, slots=True)
class AutoReg:
    """Weights: constant and curve (series × columns), lags (series × lags); the range that paths may have (series × 2)."""

    lags: tuple[int, ...]
    is_long: bool
    curve: Floats
    phi: Floats
    bounds: Floats

    def paths(self, panel: Panel, origins: Indices, horizon: int) -> Floats:
        at = np.asarray(origins)
        longest = max(self.lags)
        values = without_gaps(panel)
        made = np.empty((panel.n, len(at), longest + horizon))
        made[:, :, :longest] = values[:, np.maximum(at[:, None] - longest + np.arange(longest), 0)]
        columns = design(panel, int(at.max()) + horizon, is_long=self.is_long)
        base = self.curve @ columns.T
        for k in range(horizon):
            step = base[:, at + k]
            for j, lag in enumerate(self.lags):
                step = step + self.phi[:, [j]] * made[:, :, longest + k - lag]
            made[:, :, longest + k] = step
        paths = made[:, :, longest:]
        low, high = self.bounds[:, 0, None, None], self.bounds[:, 1, None, None]
        runs_away = ~np.all((paths >= low) & (paths <= high), axis=2)
        return np.where(runs_away[:, :, None], np.nan, paths)


def fit(panel: Panel, ask: Ask) -> Fitted:
    del ask
    m = panel.slots_per_day
    is_long = panel.slots >= LONG_D * m
    lags = tuple(sorted({*SHORT_LAGS, *((m, m + 1, WEEK_D * m, WEEK_D * m + 1) if is_long else ())}))
    longest, n = max(lags), panel.n
    columns = design(panel, panel.slots, is_long=is_long)[longest:]
    p, rows = columns.shape[1] + len(lags), max(panel.slots - longest, 0)
    values = without_gaps(panel)
    centre = values.mean(axis=1, keepdims=True)
    spread = np.maximum(values.std(axis=1, keepdims=True), 1e-300)
    standard = (values - centre) / spread
    weights = np.full((n, p), np.nan)
    block = max(CHUNK // max(rows * p, 1), 1)
    for first in range(0, n if rows else 0, block):
        some = slice(first, first + block)
        x = np.empty((len(standard[some]), rows, p))
        x[:, :, : len(lags)] = np.stack([standard[some, longest - lag : panel.slots - lag] for lag in lags], axis=-1)
        x[:, :, len(lags) :] = columns
        is_told = panel.measured[some, longest:]
        x_told = x if is_told.all() else x * is_told[:, :, None]
        squares = np.matmul(x_told.transpose(0, 2, 1), x)
        products = np.matmul(x_told.transpose(0, 2, 1), standard[some, longest:, None])[..., 0]
        weights[some] = _solved(squares, products, is_told.sum(axis=1))
    phi, curve = weights[:, : len(lags)], weights[:, len(lags) :] * spread
    curve[:, 0] += centre[:, 0] * (1 - phi.sum(axis=1))
    known = np.where(panel.measured, panel.values, np.nan)
    has_any = np.asarray(panel.measured.any(axis=1))
    low = np.where(has_any, np.nanmin(np.where(has_any[:, None], known, 0.0), axis=1), np.nan)
    high = np.where(has_any, np.nanmax(np.where(has_any[:, None], known, 0.0), axis=1), np.nan)
    room = RUNAWAY_SPANS * (high - low)
    return AutoReg(lags, is_long, curve, phi, np.stack([low - room, high + room], axis=1))


def _solved(squares: Floats, products: Floats, n_told: Floats) -> Floats:
    """The weights; NaN where there are fewer rows than columns, or columns that cannot be told apart."""
    p = products.shape[1]
    size = np.sqrt(np.maximum(np.einsum("npp->np", squares), 1e-300))
    scaled = squares / (size[:, :, None] * size[:, None, :])
    sound = (n_told > 2 * p) & np.isfinite(scaled).all(axis=(1, 2))
    made = np.full(products.shape, np.nan)
    if sound.any():
        roots = np.linalg.eigvalsh(scaled[sound])
        sound[sound] = roots[:, 0] > 1e-11 * roots[:, -1]
    if sound.any():
        made[sound] = np.linalg.solve(scaled[sound], (products / size)[sound][..., None])[..., 0] / size[sound]
    return made


def design(panel: Panel, n_slots: int, *, is_long: bool) -> Floats:
    """Constant and harmonics (slots × columns), no more than the sampling can tell apart; those of the week begin on Monday."""
    m = panel.slots_per_day
    slot = np.arange(n_slots) + ((panel.first_day + 3) % WEEK_D) * m
    turns = [k / m for k in range(1, min(LONG_DAY_HARMONICS if is_long else DAY_HARMONICS, (m - 1) // 2) + 1)]
    if is_long:
        turns += [k / (WEEK_D * m) for k in range(1, WEEK_HARMONICS + 1)]
    angles = 2 * np.pi * slot[:, None] * np.array(turns)[None, :]
    return np.hstack([np.ones((n_slots, 1)), np.sin(angles), np.cos(angles)])


def without_gaps(panel: Panel) -> Floats:
    """The values; what is missing is drawn from what came before it: the usual value and the deviation that fades."""
    if panel.measured.all():
        return panel.values
    expected = usual(panel.values, panel, panel.slots, range(1, 2))[1].value
    has_any = np.asarray(panel.measured.any(axis=1))
    first = np.take_along_axis(panel.values, panel.measured.argmax(axis=1)[:, None], axis=1)
    slot = np.arange(panel.slots)
    newest = np.maximum.accumulate(np.where(panel.measured, slot, -1), axis=1)
    last = np.where(newest >= 0, np.take_along_axis(panel.values, np.maximum(newest, 0), axis=1), first)
    usual_then = np.where(newest >= 0, np.take_along_axis(expected, np.maximum(newest, 0), axis=1), np.nan)
    is_usual = np.isfinite(usual_then) & np.isfinite(expected)
    drawn = np.where(is_usual, expected + (last - usual_then) * KEEPS ** (slot - newest), last)
    filled = np.where(panel.measured, panel.values, drawn)
    return np.asarray(np.where(has_any[:, None], filled, 0.0))
