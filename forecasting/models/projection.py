"""Projection: for every distance a regression of its own on what is unusual now.

    y[o + h] − u[o + h] = Σ_j β_j(h) · x_j[o] + e,   u: what the slot usually brings (forecasting.models.rhythm)

The x are deviations from the usual: the last one (fading while nothing is measured), the means of the last 3 hours, 6 hours, day
and week, the deviation of the same slot a day and a week before the target, and by how much other days of its sort differ from
it. Where there are covariates: their value at the target and their means over 6, 24 and 72 hours up to it, as far as known.

Direct forecasts by distance are "local projections" (Jordà 2005, section I). Each series is drawn towards the weights that all
series of the panel have together (Hoerl and Kennard's ridge, around the pooled weights instead of 0), these towards PRIOR,
so that a short history says little of its own. Origins near the same time of day, and recent ones, count more. With `is_root`
everything happens to square roots, which steadies counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np

from forecasting.models.rhythm import Usual, usual
from forecasting.models.shape import Ask, Fitted
from forecasting.panel import Floats, Indices, Mask, Panel

FADES_H = 6.0
"""Half-life of the last deviation while nothing is measured."""
POOLED, RIDGE = 0.6, 0.01
"""Weights of the pooled coefficients, and of PRIOR within those, relative to each feature's own sum of squares."""
PRIOR_D = 8.0
OWN_D = 40.0
"""What PRIOR weighs beside the data, in days of one series."""
NEAR_H, ELSEWHERE = 3.0, 0.1
"""Origins at most this far from the asked time of day count fully, others so much."""
HALF_LIFE_W = 8.0
LEARNS_W = 16
"""Older weeks are not learnt from."""
KNOTS_PER_DAY = (1, 2, 3, 4, 6, 8, 10, 12, 15, 18, 21, 24)
"""Distances, in twenty-fourths of a day, whose weights are estimated; those between are interpolated."""
N_FEATURES = 8
CHUNK = 2_000_000
"""Numbers of a block of series × samples."""
SMALLEST = 1e-100
"""Series whose values are smaller teach the others nothing: their squares are no numbers any more."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the features are made of: the values (transformed), the usual ones by days ahead, deviations and their means."""

    values: Floats
    usual: dict[int, Usual]
    deviation: Floats
    is_told: Mask
    now: tuple[Floats, ...]
    covariates: tuple[Floats, ...]
    reaches_ahead: bool

    def of(self, some: slice) -> _Seen:
        tables = {k: Usual(u.value[some], u.alike_minus_kind[some], u.days_known[some]) for k, u in self.usual.items()}
        now, covariates = (tuple(x[some] for x in parts) for parts in (self.now, self.covariates))
        return _Seen(self.values[some], tables, self.deviation[some], self.is_told[some], now, covariates, self.reaches_ahead)


@dataclass(frozen=True, slots=True)
class Projection:
    """`weights` (series × slots ahead × features)."""

    weights: Floats
    is_root: bool

    def paths(self, panel: Panel, origins: Indices, horizon: int) -> Floats:
        seen = _see(panel, int(np.max(origins)) + horizon, horizon, is_root=self.is_root)
        made = np.empty((panel.n, len(origins), horizon))
        for h in range(horizon):
            x, base = _features(seen, panel, np.asarray(origins), h)
            weights = self.weights[:, min(h, self.weights.shape[1] - 1)]
            made[:, :, h] = base + np.matmul(weights[:, None, :], x)[:, 0]
        return np.square(np.maximum(made, 0.0)) if self.is_root else made


def fit(panel: Panel, ask: Ask) -> Fitted:
    return _fit(panel, ask, is_root=False)


def fit_root(panel: Panel, ask: Ask) -> Fitted:
    return _fit(panel, ask, is_root=True)


def _fit(panel: Panel, ask: Ask, *, is_root: bool) -> Projection:
    m = panel.slots_per_day
    reach = min(ask.horizon, panel.slots)
    seen = _see(panel, panel.slots, ask.horizon, is_root=is_root)
    knots = _knots(reach, m)
    size = np.sqrt(_mean_square(seen.deviation, seen.is_told))
    estimated = []
    for h in knots:
        first = max(panel.slots - 7 * m * LEARNS_W, min(14 * m, panel.slots // 3), 1)
        origins = np.arange(panel.slots - 1 - h, first - 1, -_stride(m))[::-1]
        estimated.append(_weights(seen, panel, origins, h, ask, size))
    ahead = np.arange(ask.horizon)
    table = np.stack(estimated, axis=1)
    place = np.interp(ahead, knots, np.arange(len(knots)))
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(knots) - 1)
    share = (place - low)[None, :, None]
    return Projection((1 - share) * table[:, low] + share * table[:, high], is_root)


def _stride(m: int) -> int:
    """Every how many slots an origin is learnt from: some dozen a day or more, at all times of day by turns."""
    return next(s for s in range(max(m // 12, 1), 0, -1) if gcd(s, m) == 1)


def _knots(horizon: int, m: int) -> list[int]:
    days = -(-horizon // m)
    of_day = sorted({max(round(k * m / 24) - 1, 0) for k in KNOTS_PER_DAY} | {0, 1 if m > 24 else 0})
    return sorted({min(day * m + k, horizon - 1) for day in range(days) for k in of_day if day * m + k < horizon} | {horizon - 1})


def _see(panel: Panel, n_slots: int, horizon: int, *, is_root: bool) -> _Seen:
    m = panel.slots_per_day
    values = np.sqrt(np.maximum(panel.values, 0.0)) if is_root else panel.values
    tables = usual(values, panel, max(n_slots, panel.slots), range(1, -(-horizon // m) + 1))
    known = tables[1].value[:, : panel.slots]
    is_told = np.isfinite(values) & np.isfinite(known)
    deviation = np.where(is_told, values - np.nan_to_num(known), 0.0)
    hour = max(m / 24, 1.0)
    told_sum = np.cumsum(np.pad(deviation, ((0, 0), (1, 0))), axis=1)
    told_n = np.cumsum(np.pad(is_told.astype(float), ((0, 0), (1, 0))), axis=1)
    means = [
        _mean_of_last(told_sum, told_n, width, doubt)
        for width, doubt in ((round(3 * hour), hour / 2), (m // 4, hour), (m, hour), (7 * m, hour))
    ]
    covariates: list[Floats] = []
    reaches = False
    if panel.covariates is not None:
        given = panel.covariates
        ahead = given[:, :, panel.slots : panel.slots + horizon]
        reaches = bool(ahead.shape[2] and np.isfinite(ahead).mean() > 0.9)
        for one in given:
            covariates += _stores(one if reaches else one[:, : panel.slots], max(n_slots, panel.slots), hour)
    now = (_faded(deviation, is_told, 0.5 ** (1 / (FADES_H * hour))), *means)
    return _Seen(values, tables, deviation, is_told, now, tuple(covariates), reaches)


def _mean_of_last(told_sum: Floats, told_n: Floats, width: int, doubt: float) -> Floats:
    """Mean of the last `width` deviations at every slot, drawn to 0 by `doubt` slots."""
    ends = np.arange(1, told_sum.shape[1])
    begins = np.maximum(ends - max(width, 1), 0)
    return np.asarray((told_sum[:, ends] - told_sum[:, begins]) / (told_n[:, ends] - told_n[:, begins] + doubt))


def _faded(deviation: Floats, is_told: Mask, keep: float) -> Floats:
    """The newest deviation at every slot, smaller the older it is."""
    slot = np.arange(deviation.shape[1])
    newest = np.maximum.accumulate(np.where(is_told, slot, -1), axis=1)
    found = np.take_along_axis(deviation, np.maximum(newest, 0), axis=1) * keep ** (slot - newest)
    return np.asarray(np.where(newest >= 0, found, 0.0))


def _stores(given: Floats, n_slots: int, hour: float) -> list[Floats]:
    """A covariate and its means over 6, 24 and 72 hours at every slot; where it is not known, its last mean of a day."""
    told = np.full((len(given), n_slots), np.nan)
    told[:, : min(given.shape[1], n_slots)] = given[:, :n_slots]
    is_told = np.isfinite(told)
    total = np.cumsum(np.pad(np.where(is_told, told, 0.0), ((0, 0), (1, 0))), axis=1)
    count = np.cumsum(np.pad(is_told.astype(float), ((0, 0), (1, 0))), axis=1)
    means = [_mean_of_last(total, count, round(hours * hour), 1e-9) for hours in (6, 24, 72)]
    return [np.where(is_told, told, means[1]), *means]


def _features(seen: _Seen, panel: Panel, origins: Indices, h: int) -> tuple[Floats, Floats]:
    """(series × features × origins, what is usual at the targets) for targets `origins + h`."""
    m = panel.slots_per_day
    days, weeks = h // m + 1, h // (7 * m) + 1
    known, target = origins - 1, origins + h
    table = seen.usual[min(days, max(seen.usual))]
    base = table.value[:, target]
    parts = [feature[:, known] for feature in seen.now]
    day, week = target - m * days, target - 7 * m * weeks
    parts.append(np.where(day >= 0, seen.deviation[:, np.maximum(day, 0)], 0.0))
    was = np.maximum(week, 0)
    is_week = (week >= 0) & seen.is_told[:, was] & np.isfinite(base)
    parts.append(np.where(is_week, seen.values[:, was] - base, 0.0))
    parts.append(table.alike_minus_kind[:, target])
    parts += [np.nan_to_num(covariate[:, target if seen.reaches_ahead else known]) for covariate in seen.covariates]
    return np.stack(parts, axis=1), base


def _weights(seen: _Seen, panel: Panel, origins: Indices, h: int, ask: Ask, size: Floats) -> Floats:
    """Weights of the features (series × features) at one distance."""
    m, n = panel.slots_per_day, panel.n
    p = N_FEATURES + len(seen.covariates)
    prior = np.concatenate([_prior(h / m), np.zeros(len(seen.covariates))])
    squares, products, counts = np.zeros((n, p, p)), np.zeros((n, p)), np.zeros(n)
    if len(origins):
        off = np.abs((origins - ask.slot_of_day + m // 2) % m - m // 2)
        importance = np.where(off <= NEAR_H * m / 24, 1.0, ELSEWHERE)
        importance = importance * 0.5 ** ((panel.slots - origins) / (HALF_LIFE_W * 7 * m))
        block = max(CHUNK // (len(origins) * p), 1)
        for first in range(0, n, block):
            some = slice(first, first + block)
            x, base = _features(seen.of(some), panel, origins, h)
            came = seen.values[some, origins + h] - base
            weight = np.where(np.isfinite(came), importance, 0.0)
            weighted = x * weight[:, None, :]
            squares[some] = np.matmul(weighted, x.transpose(0, 2, 1))
            products[some] = np.matmul(weighted, np.where(weight > 0, came, 0.0)[:, :, None])[:, :, 0]
            counts[some] = weight.sum(axis=1)
    days_told = max(float(counts.max(initial=0.0)) * _stride(m) / m, 0.1)
    per_size = np.divide(1.0, np.square(size), out=np.zeros(n), where=size > SMALLEST)
    of_all = (squares * per_size[:, None, None]).sum(axis=0), (products * per_size[:, None]).sum(axis=0)
    pooled = _ridge(of_all[0][None], of_all[1][None], prior, RIDGE + PRIOR_D / days_told)
    return _ridge(squares, products, pooled[0], POOLED + OWN_D / days_told)


def _ridge(squares: Floats, products: Floats, towards: Floats, strength: float) -> Floats:
    """The weights of least squares, drawn towards others by `strength` times each feature's own sum of squares."""
    pull = strength * np.einsum("npp->np", squares)
    floor = 1e-12 * pull.max(axis=1, keepdims=True) + 1e-300
    system = squares + (pull + floor)[:, :, None] * np.eye(pull.shape[1])
    return np.asarray(np.linalg.solve(system, (products + pull * towards)[..., None])[..., 0])


def _prior(days: float) -> Floats:
    """Weights to begin with: round numbers near those that city series of several kinds agree on, by distance in days."""
    hours = 24 * days
    near = np.exp(-hours / 6)
    return np.array([0.05 + 0.5 * near, 0.15 * near, 0.03, 0.12, 0.12, 0.08, -0.03, 0.35])


def _mean_square(values: Floats, is_told: Mask) -> Floats:
    return np.asarray(np.square(np.where(is_told, values, 0.0)).sum(axis=1) / np.maximum(is_told.sum(axis=1), 1))
