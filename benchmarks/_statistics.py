"""Statistics by which a simulated city and a real one are compared: shape of the day, scatter of counts, memory, gaps.

Every function takes records (benchmarks._records) or arrays of them and knows nothing of which side they come from. Values that
are not there (NaN) are left out of every sum; a figure for which nothing is left is NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks._records import HOLIDAY, Floats, Record, mean

Groups = NDArray[np.int64]
"""The group of comparable days to which each day belongs, −1 for days that are left out."""

COMPARABLE_WEEKS = 4


def comparable(record: Record, *, weeks: int = COMPARABLE_WEEKS, by_weekday: bool = False) -> Groups:
    """Days of one kind (or, `by_weekday`, of one kind and weekday) within so many weeks. Holidays are left out."""
    day = np.arange(record.n_days)
    weekday = (record.first_day.weekday() + day) % 7
    alike = record.kinds * 7 + (weekday if by_weekday else 0)
    return np.where(record.kinds == HOLIDAY, -1, day // (7 * weeks) * 21 + alike)


def day_curve(record: Record, kind: int) -> Floats:
    """Mean of each slot over the days of a kind, then over sensors."""
    return mean(mean(record.values[:, record.kinds == kind], axis=1), axis=0)


def correlation(one: Floats, other: Floats) -> float:
    """Pearson's r over the slots that both curves have, Σ (a − ā)(b − b̄) ÷ √(Σ (a − ā)² Σ (b − b̄)²); of fewer than three
    slots, or a flat curve, NaN."""
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < 3:
        return float("nan")
    a, b = (curve[both] - curve[both].mean() for curve in (one, other))
    return _ratio(float(a @ b), float(np.sqrt((a @ a) * (b @ b))))


def as_long_as(record: Record, other: Record) -> Record:
    """The first days of a record that begin on the weekday of the other's, as many as that has and only the slots that it has
    somewhere: what few days do to a figure they do then to both."""
    begin = (other.first_day.weekday() - record.first_day.weekday()) % 7
    part = record.picked(np.arange(begin, begin + other.n_days))
    return part.with_values(np.where(np.isfinite(other.values).any(axis=0), part.values, np.nan))


def swing(curve: Floats) -> float:
    """(Highest − lowest) ÷ mean, which a correlation does not see."""
    there = curve[np.isfinite(curve)]
    return _ratio(float(np.ptp(there)), float(there.mean())) if len(there) else float("nan")


def split_half(record: Record, kind: int) -> float:
    """How alike two halves of one record are: correlation of the day curves of every other week (of every other day, in a
    record of less than four weeks). What another record can reach at best."""
    day = np.arange(record.n_days)
    turn = day // 7 if record.n_days >= 28 else np.cumsum(record.kinds == kind)
    halves = [Record(record.first_day, np.where(turn % 2 == k, record.kinds, -1), record.values) for k in (0, 1)]
    return correlation(*(day_curve(half, kind) for half in halves))


def residuals(record: Record, groups: Groups) -> Floats:
    """Values less the mean of their sensor, slot and group of days (n × days × slots); NaN where fewer than two days have one."""
    left = np.full(record.values.shape, np.nan)
    for members in _members(groups):
        values = record.values[:, members]
        enough = np.isfinite(values).sum(axis=1, keepdims=True) >= 2
        left[:, members] = np.where(enough, values - mean(values, axis=1)[:, None], np.nan)
    return left


class Scatter(NamedTuple):
    """How counts scatter around the mean of their slot over comparable days: `ratio` of variance to mean (1 = Poisson); relative
    standard deviation of the rate, beyond what Poisson explains, slot by slot and day by day; how many days it rests on."""

    ratio: float
    slot_sd: float
    day_sd: float
    n_days: int


def scatter(counts: Record, groups: Groups) -> Scatter:
    """With the mean m and the variance s² (n − 1) of a slot over the n comparable days that have it, summed over sensors, slots
    and groups with the weights n − 1: ratio = Σ s² ÷ Σ m; a rate that varies by c gives s² = m + c² m², hence
    c = √(Σ (s² − m) ÷ Σ m²), 0 where that is negative. Of days the same with their sums; a day with a gap has none, slots of the
    day that no day has are no gap."""
    slots, days = [], []
    n_days = 0
    values = counts.values[:, :, np.isfinite(counts.values).any(axis=(0, 1))]
    for members in _members(groups):
        here = values[:, members]
        slots.append(_moments(here))
        days.append(_moments(here.sum(axis=2, keepdims=True)))
        n_days += int(np.isfinite(here).any(axis=(0, 2)).sum()) if len(members) > 1 else 0
    if not n_days:
        return Scatter(float("nan"), float("nan"), float("nan"), 0)
    (w, m, s2), (w_day, m_day, s2_day) = (np.concatenate(parts, axis=1) for parts in (slots, days))
    return Scatter(_ratio(float(w @ s2), float(w @ m)), _rate_sd(w, m, s2), _rate_sd(w_day, m_day, s2_day), n_days)


def without_outages(counts: Record, groups: Groups, least: float = 10.0) -> Record:
    """The counts with NaN instead of 0 where at least `least` are usual on comparable days: chance alone leaves such a slot
    empty once in e¹⁰ = 22,000 times, a feed that is down always."""
    values = counts.values.copy()
    for members in _members(groups):
        here = counts.values[:, members]
        values[:, members] = np.where((here == 0) & (mean(here, axis=1)[:, None] >= least), np.nan, here)
    return counts.with_values(values)


def memory(left: Floats, lag: int = 1) -> float:
    """Autocorrelation of residuals (n × days × slots) `lag` slots later, Σ e(t) e(t + lag) ÷ √(Σ e(t)² Σ e(t + lag)²) over the
    pairs that are there: the median over sensors."""
    flat = left.reshape(len(left), -1)
    before, after = flat[:, :-lag], flat[:, lag:]
    both = np.isfinite(before) & np.isfinite(after)
    before, after = (np.where(both, e, 0.0) for e in (before, after))
    scale = np.sqrt((before**2).sum(axis=1) * (after**2).sum(axis=1))
    return _median(np.divide((before * after).sum(axis=1), scale, out=np.full(len(flat), np.nan), where=scale > 0))


def relative_spread(record: Record, left: Floats) -> float:
    """Standard deviation of the residuals ÷ mean of the values they are left of: the median over sensors."""
    e = left.reshape(len(left), -1)
    level = mean(np.where(np.isfinite(e), record.flat, np.nan), axis=1)
    return _median(np.divide(np.sqrt(mean(e**2, axis=1)), level, out=np.full(len(e), np.nan), where=level > 0))


def explained_share(record: Record, left: Floats) -> float:
    """1 − variance of the residuals ÷ variance of the values: what hour and kind of day explain; the median over sensors."""
    e = left.reshape(len(left), -1)
    values = np.where(np.isfinite(e), record.flat, np.nan)
    total = mean((values - mean(values, axis=1)[:, None]) ** 2, axis=1)
    return _median(1 - np.divide(mean(e**2, axis=1), total, out=np.full(len(e), np.nan), where=total > 0))


def missing_share(record: Record) -> float:
    """Share of slots without a value between each sensor's first and last one."""
    there = np.isfinite(record.flat)
    there = there[there.any(axis=1)]
    if not len(there):
        return float("nan")
    first, last = there.argmax(axis=1), there.shape[1] - there[:, ::-1].argmax(axis=1)
    return 1 - float(there.sum() / (last - first).sum())


def long_gap_share(record: Record, least: int) -> float:
    """Share of the missing slots that lie in gaps of `least` slots or more, each between two values of its sensor."""
    lengths = []
    for there in np.isfinite(record.flat):
        known = np.flatnonzero(there)
        lengths += np.diff(known)[np.diff(known) > 1].tolist()
    gaps = np.array(lengths) - 1
    return _ratio(float(gaps[gaps >= least].sum()), float(gaps.sum()))


def stuck_share(record: Record, k: int, moving: float = 0.5) -> float:
    """Share of readings that lie in a stretch of equal readings during which, at `k` or more of its steps, at least the share
    `moving` of the other sensors changed: a car park that stands still at night with all the others is not stuck."""
    values = record.flat
    known = np.isfinite(values[:, 1:]) & np.isfinite(values[:, :-1])
    changed = known & (values[:, 1:] != values[:, :-1])
    n_others = known.sum(axis=0) - known
    others = np.divide(changed.sum(axis=0) - changed, n_others, out=np.zeros(changed.shape), where=n_others > 0)
    n_stuck = 0
    for same, they_move in zip(known & ~changed, others >= moving, strict=True):
        for first, end in _stretches(same):
            if they_move[first:end].sum() >= k:
                n_stuck += end - first + 1
    return _ratio(float(n_stuck), float(np.isfinite(values).sum()))


def filled_share(record: Record, least: int = 6) -> float:
    """Share of values that lie exactly on a straight line between others, `least` or more in a row (second difference 0, line not
    level): what somebody has filled in, for no sensor that scatters says such things."""
    values = record.flat
    straight = (np.abs(np.diff(values, 2, axis=1)) < 1e-6) & (np.abs(np.diff(values, axis=1)[:, 1:]) > 1e-6)
    n = sum(end - first for row in straight for first, end in _stretches(row) if end - first >= least)
    return _ratio(float(n), float(np.isfinite(values).sum()))


def _members(groups: Groups) -> Iterator[NDArray[np.intp]]:
    for group in np.unique(groups[groups >= 0]).tolist():
        yield np.flatnonzero(groups == group)


def _moments(values: Floats) -> Floats:
    """n − 1, mean and variance over days (axis 1) of what has at least two: rows of one length."""
    n = np.isfinite(values).sum(axis=1)
    m = mean(values, axis=1)
    squares = np.nansum((values - m[:, None]) ** 2, axis=1)
    enough = n >= 2
    return np.array([n[enough] - 1, m[enough], squares[enough] / (n[enough] - 1)])


def _rate_sd(w: Floats, m: Floats, s2: Floats) -> float:
    return float(np.sqrt(max(_ratio(float(w @ (s2 - m)), float(w @ m**2)), 0.0)))


def _stretches(is_so: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Where it is so without a break: [first, end)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_so, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _median(values: Floats) -> float:
    there = values[np.isfinite(values)]
    return float(np.median(there)) if len(there) else float("nan")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
