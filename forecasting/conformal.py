"""Conformal: the errors a model made lately, turned into quantiles around what it says now.

Split conformal prediction with signed errors (Lei, G'Sell, Rinaldo, Tibshirani and Wasserman 2018, section 2.2) over rolling
origins: every error was made by a model that had learnt from older values only. For each distance the errors of the origins at
the same time of day are taken, those of distances nearby with them; newer ones count more. Where a series has few errors, those
of the whole panel stand in, each measured by its series' own mean error.

Errors are taken between square roots where values cannot be negative: a busy hour errs by more than a quiet one (`link`).
`Width` widens or narrows all of it by what the share of values inside was (Gibbs and Candès 2021, adaptive conformal inference).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.panel import Floats, Indices, Mask

NEIGHBOURS_H = 2.0
"""Errors of distances this far away are taken as well."""
HALF_LIFE_D = 21.0
FEW = 14
"""With fewer origins than this a series borrows from the others."""
BLOCK = 4_000_000
"""Numbers sorted at once."""


def link(values: Floats, is_root: Mask) -> Floats:
    """`values` (series first) on the scale on which errors are taken."""
    rooted = np.sqrt(np.maximum(values, 0.0))
    return np.asarray(np.where(is_root.reshape(-1, *[1] * (values.ndim - 1)), rooted, values))


def unlink(values: Floats, is_root: Mask) -> Floats:
    """The way back."""
    squared = np.square(np.maximum(values, 0.0))
    return np.asarray(np.where(is_root.reshape(-1, *[1] * (values.ndim - 1)), squared, values))


@dataclass(frozen=True, slots=True)
class Errors:
    """What came minus what was said, on the link's scale (series × origins × distances), NaN where nothing came; how old each
    origin is, in days."""

    values: Floats
    age_d: Floats

    def offsets(self, levels: Sequence[float], slots_per_day: int, width: Floats | None = None) -> Floats:
        """What to add to a path for each level (levels × series × distances), ascending. `width` (series) stretches it."""
        n, origins, reach = self.values.shape
        near = round(NEIGHBOURS_H * slots_per_day / 24)
        made = np.zeros((len(levels), n, reach))
        if not np.isfinite(self.values).any():
            return made
        weight = 0.5 ** (self.age_d / HALF_LIFE_D)
        told = np.isfinite(self.values)
        size = np.where(told, np.abs(self.values), 0.0).sum((1, 2)) / np.maximum(told.sum((1, 2)), 1)
        origins_told = told.any(axis=2).sum(axis=1)
        block = max(BLOCK // max(origins * (2 * near + 1) * reach, 1), 1)
        padded = np.pad(self.values, ((0, 0), (0, 0), (near, near)), constant_values=np.nan)
        for first in range(0, n, block):
            some = slice(first, first + block)
            windows = np.lib.stride_tricks.sliding_window_view(padded[some], 2 * near + 1, axis=2)
            pool = windows.transpose(0, 2, 1, 3).reshape(len(windows), reach, -1)
            made[:, some] = _quantiles(pool, np.repeat(weight, 2 * near + 1), levels, origins_told[some])
        few = np.flatnonzero((origins_told < FEW) & (size > 0))
        if len(few):
            made[:, few] = self._borrowed(few, size, weight, levels, origins_told)
        if width is not None:
            made *= width[None, :, None]
        return made

    def _borrowed(self, few: Indices, size: Floats, weight: Floats, levels: Sequence[float], origins_told: Indices) -> Floats:
        """Offsets of series with few errors: those of all series at all distances, in units of the series' mean error, growing
        with distance as the errors of all do."""
        scaled = self.values[size > 0] / size[size > 0][:, None, None]
        told = np.isfinite(scaled)
        by_distance = np.where(told, np.abs(scaled), 0.0).sum((0, 1)) / np.maximum(told.sum((0, 1)), 1)
        n_told = told.sum((0, 1))
        enough = np.flatnonzero(n_told >= max(0.25 * n_told.max(), 1))
        last = int(enough[-1])
        distance = np.arange(len(by_distance))
        grown = np.where(distance <= last, by_distance, by_distance[last] * np.sqrt((distance + 1) / (last + 1)))
        smooth = np.maximum(np.convolve(np.pad(grown, 2, mode="edge"), np.ones(5) / 5, mode="valid"), 1e-12)
        pool = (scaled / np.maximum(smooth, 1e-12)).transpose(0, 2, 1).reshape(1, 1, -1)
        weights = np.tile(weight, pool.shape[2] // len(weight))
        shape = _quantiles(pool, weights, levels, np.array([max(int(origins_told.max()), 4)]))[:, 0, 0]
        return np.asarray(shape[:, None, None] * size[few][None, :, None] * smooth[None, None, :])


GAIN = 0.05
"""By how much one look at what came may change a width, as a share of it."""
NARROWEST, WIDEST = 0.5, 3.0


@dataclass(frozen=True, slots=True)
class Width:
    """How much wider or narrower than its errors of the past each series' band is drawn now (series), 1 to begin with."""

    scale: Floats

    @classmethod
    def of(cls, n: int) -> Width:
        return cls(np.ones(n))

    def after(self, is_inside: Floats, nominal: float) -> Width:
        """The widths when something came: `is_inside` (series × values) 1 or 0, NaN where nothing did; `nominal`: the share that
        should be inside. A series whose share is right keeps its width."""
        told = np.isfinite(is_inside)
        share = np.where(told, is_inside, 0.0).sum(axis=1) / np.maximum(told.sum(axis=1), 1)
        moved = self.scale * np.exp(GAIN * np.where(told.any(axis=1), nominal - share, 0.0))
        return Width(np.clip(moved, NARROWEST, WIDEST))


def _quantiles(pool: Floats, weight: Floats, levels: Sequence[float], n_independent: Indices) -> Floats:
    """Weighted quantiles over the last axis (levels × the other axes), outwards by what n independent errors leave
    open: the k-th of n is exceeded with probability 1 − k / (n + 1) and stands at (k − ½) / n here."""
    order = np.argsort(pool, axis=-1)
    ascending = np.take_along_axis(pool, order, axis=-1)
    told = np.isfinite(ascending)
    share = np.where(told, weight[order], 0.0)
    total = share.sum(axis=-1, keepdims=True)
    reached = np.cumsum(share, axis=-1) - share / 2
    reached = np.divide(reached, total, out=np.full_like(reached, 2.0), where=told & (total > 0))
    n = np.maximum(n_independent, 1).reshape(-1, *[1] * (pool.ndim - 2))
    last = np.maximum(told.sum(axis=-1) - 1, 0)
    made = np.zeros((len(levels), *pool.shape[:-1]))
    for k, level in enumerate(levels):
        far = max(level, 1 - level)
        outer = np.minimum(far + (far - 0.5) / n, 1.0)
        wanted = np.broadcast_to(outer if level >= 0.5 else 1 - outer, pool.shape[:-1])
        above = np.minimum((reached < wanted[..., None]).sum(axis=-1), last)
        below = np.maximum(above - 1, 0)
        low, high = (np.take_along_axis(reached, at[..., None], axis=-1)[..., 0] for at in (below, above))
        gap = np.where(high > low, high - low, 1.0)
        part = np.clip((wanted - low) / gap, 0.0, 1.0)
        y0, y1 = (np.take_along_axis(ascending, at[..., None], axis=-1)[..., 0] for at in (below, above))
        made[k] = np.where(total[..., 0] > 0, np.nan_to_num(y0 + part * (y1 - y0)), 0.0)
    return made
