"""Verification: a plan beside doing nothing, on the same futures (common random numbers), and what of it can be left away.

What somebody waits who comes in a quarter of an hour, until called or gone; nearest-rank quantiles. The worst of a future is the
highest 90 % quantile of its quarters of an hour with at least `ENOUGH` people, and what is said of it (middle, and the bounds
that eight in ten futures stay between) can be held against the same figure of the day as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from staffing.advice.schedule import Move, applied, open_windows, window_hours
from staffing.futures import Fates, Floats, Futures, Ints, Post, fates

ENOUGH = 5
LONGEST_S = 1e6
SLOT_S = 900.0
NOTICEABLE_S = 15.0
"""A worst wait that differs by less is the same."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Range:
    """The middle of the futures, and the bounds that eight in ten stay between; None where nothing is known."""

    low: float
    mid: float
    high: float

    @classmethod
    def of(cls, values: Floats) -> Range | None:
        known = values[np.isfinite(values)]
        return cls(*(float(v) for v in np.quantile(known, (0.1, 0.5, 0.9)))) if len(known) else None


@dataclass(frozen=True)
class Figures:
    """A schedule over the futures, by quarters of an hour (`edges`, seconds from now): quantiles and means of the waits of who
    comes in each, of all futures together and, for the 90 % quantile, its range from future to future; NaN where nobody comes.
    `worst` (futures) is the worst of each future, `left` people who give up, `overtime_s` window time worked after closing,
    `waited_s` the time that all wait together: means of a future, except where it says (futures)."""

    edges: Floats
    p50_s: Floats
    p90_s: Floats
    p90_low_s: Floats
    p90_high_s: Floats
    mean_s: Floats
    windows: Floats
    counts: Floats
    worst: Floats
    waited: Floats
    left: float
    overtime_s: float
    worst_slot: int | None
    worst_item: int | None
    item_worst_s: dict[int, float]

    @property
    def worst_range(self) -> Range | None:
        return Range.of(self.worst)


def slots_of(futures: Futures, edges: Floats) -> Ints:
    """The quarter of an hour in which each comes (futures × people); −1: none of them, nobody, or a question."""
    is_real = np.isfinite(futures.arrivals_s) & ~futures.is_question
    slot = np.searchsorted(edges, np.where(is_real, futures.arrivals_s, np.inf), side="right") - 1
    return np.where(is_real & (slot >= 0) & (slot < len(edges) - 1), slot, -1)


def quantiles(groups: Ints, values: Floats, n_groups: int, shares: Sequence[float]) -> tuple[Floats, Ints]:
    """Nearest-rank quantiles (shares × groups) of the values of each group, NaN for none, and how many there are; group −1 counts
    nowhere."""
    is_in = groups >= 0
    keys = groups[is_in].astype(np.float64) * LONGEST_S + np.minimum(values[is_in], LONGEST_S * 0.999)
    keys.sort()
    counts = np.bincount(groups[is_in].ravel(), minlength=n_groups)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    found = np.full((len(shares), n_groups), np.nan)
    has = counts > 0
    for row, share in enumerate(shares):
        rank = np.maximum(np.ceil(share * counts - 1e-9).astype(np.intp), 1) - 1
        found[row, has] = keys[(first + rank)[has]] - np.flatnonzero(has) * LONGEST_S
    return found, counts


def worst_of(slots: Ints, waits_s: Floats, n_slots: int) -> Floats:
    """The worst of each future (futures); NaN where no quarter of an hour has enough people."""
    n = len(slots)
    keys = np.where(slots >= 0, slots + n_slots * np.arange(n)[:, None], -1)
    (p90,), counts = quantiles(keys, waits_s, n * n_slots, (0.9,))
    rows = np.where(counts >= ENOUGH, p90, -np.inf).reshape(n, n_slots).max(axis=1)
    return np.where(np.isfinite(rows), rows, np.nan)


def figures(futures: Futures, fate: Fates, posts: Sequence[Post], edges: Floats, closes_s: float = np.inf) -> Figures:
    """What becomes of everybody, in figures. `closes_s` is when the last ticket is usually given."""
    n, n_slots = futures.n, len(edges) - 1
    slots = slots_of(futures, edges)
    waits = np.nan_to_num(fate.waits_s, nan=0.0, posinf=LONGEST_S / 2)
    (p50, p90), counts = quantiles(slots, waits, n_slots, (0.5, 0.9))
    keys = np.where(slots >= 0, slots + n_slots * np.arange(n)[:, None], -1)
    (each,), each_n = quantiles(keys, waits, n * n_slots, (0.9,))
    by_future = np.where(each_n >= 1, each, np.nan).reshape(n, n_slots)
    low, high = _ranges(by_future)
    enough = np.where(each_n.reshape(n, n_slots) >= ENOUGH, by_future, -np.inf).max(axis=1)
    total = np.bincount(slots[slots >= 0], weights=waits[slots >= 0], minlength=n_slots)
    mean = np.divide(total, counts, out=np.full(n_slots, np.nan), where=counts > 0)
    is_real = np.isfinite(futures.arrivals_s) & ~futures.is_question
    ends = np.where(np.isfinite(fate.begins_s), fate.begins_s + futures.occupied_s, -np.inf)
    late = np.clip(ends - np.maximum(fate.begins_s, closes_s), 0, None)[np.isfinite(ends)]
    n_items = int(futures.items.max(initial=0)) + 1
    (of_items,), item_counts = quantiles(
        np.where(slots >= 0, futures.items * n_slots + slots, -1), waits, n_items * n_slots, (0.9,)
    )
    item_p90 = np.where(item_counts >= max(ENOUGH, 0.5 * n), of_items, -np.inf).reshape(n_items, n_slots)
    full = np.where(counts >= ENOUGH * n, p90, -np.inf)
    slot = int(full.argmax()) if np.isfinite(full).any() else None
    item = int(item_p90[:, slot].argmax()) if slot is not None and np.isfinite(item_p90[:, slot]).any() else None
    return Figures(
        edges, p50, p90, low, high, mean, open_windows(posts, edges), counts / n, np.where(np.isfinite(enough), enough, np.nan),
        np.where(is_real, waits, 0.0).sum(axis=1), float(fate.has_given_up.sum()) / n, float(late.sum()) / n, slot, item,
        {i: float(item_p90[i].max()) for i in range(n_items) if np.isfinite(item_p90[i]).any()},
    )  # fmt: skip


def _ranges(by_future: Floats) -> tuple[Floats, Floats]:
    found = [Range.of(column) for column in by_future.T]
    return tuple(np.array([np.nan if r is None else getattr(r, name) for r in found]) for name in ("low", "high"))  # type: ignore[return-value]


@dataclass(frozen=True)
class Gain:
    """What a plan does, as the difference on the same futures: of the worst (middle, and the bounds of eight in ten), of the mean
    wait, of those who give up; what it costs in window-hours and moves."""

    worst: Range
    mean_s: float
    left: float
    window_h: float
    moves: int

    def as_json(self) -> dict[str, Any]:
        return {
            "worst_p90_s": round(self.worst.mid), "low_s": round(self.worst.low), "high_s": round(self.worst.high),
            "mean_s": round(self.mean_s), "left": round(self.left, 1), "window_h": round(self.window_h, 2), "moves": self.moves,
        }  # fmt: skip


def gain(before: Figures, after: Figures, usual: Sequence[Post], changed: Sequence[Post], n_moves: int) -> Gain:
    horizon_s = float(before.edges[-1])
    people = max(float(before.counts.sum()), 1e-9)
    return Gain(
        Range.of(before.worst - after.worst) or Range(0.0, 0.0, 0.0), float((before.waited - after.waited).mean()) / people,
        before.left - after.left, window_hours(changed, horizon_s) - window_hours(usual, horizon_s), n_moves,
    )  # fmt: skip


def is_worth_it(before: Figures, after: Figures, of: Gain, *, target_s: float, gain_s: float) -> bool:
    """Whether a plan pays: the worst is shorter by `gain_s` in the middle, and not noticeably longer in nine
    futures of ten; or it is
    kept under the target, where it would not be."""
    was, will = before.worst_range, after.worst_range
    if was is None or will is None:
        return False
    keeps = was.mid > target_s >= will.mid and of.worst.mid > NOTICEABLE_S
    return (of.worst.mid >= gain_s and of.worst.low > -gain_s / 4) or keeps


def pruned(
    futures: Futures, usual: Sequence[Post], moves: Sequence[Move], edges: Floats, *, move_cost_s: float, most: int
) -> list[Move]:
    """The moves without those that do not pay: whose absence makes all wait less than `move_cost_s` longer together, and the
    worst not noticeably. The least useful goes first, then the others are looked at again; at most `most` stay."""
    slots = slots_of(futures, edges)
    n_slots = len(edges) - 1

    def tried(trials: Sequence[Sequence[Move]]) -> list[tuple[float, float]]:
        """(time that all wait, middle of the worst) under each of some plans, all run side by side."""
        waits = np.nan_to_num(_together(futures, usual, trials).waits_s, nan=0.0, posinf=LONGEST_S / 2)
        is_real = np.isfinite(futures.arrivals_s) & ~futures.is_question
        found = []
        for t in range(len(trials)):
            mine = waits[t * futures.n : (t + 1) * futures.n]
            worst = worst_of(slots, mine, n_slots)
            middle = float(np.nanmedian(worst)) if np.isfinite(worst).any() else 0.0
            found.append((float(np.where(is_real, mine, 0.0).sum()) / futures.n, middle))
        return found

    kept = list(moves)
    while kept:
        without = [kept[:k] + kept[k + 1 :] for k in range(len(kept))]
        (waited, worst), *others = tried([kept, *without])
        people = ENOUGH * 4.0
        losses = [
            (max(w - waited, 0.0) + people * max(v - worst, 0.0), w - waited < move_cost_s and v - worst < NOTICEABLE_S)
            for w, v in others
        ]
        droppable = sorted((loss, k) for k, (loss, may_go) in enumerate(losses) if may_go)
        if not droppable:
            if len(kept) <= most:
                break
            droppable = [min((loss, k) for k, (loss, _) in enumerate(losses))]
        # what is useless by itself goes together, except that of two that stand in for each other one must stay
        n = max(1, min(len(droppable) // 2, len(kept) - most))
        gone = {k for _, k in droppable[:n]}
        kept = [move for k, move in enumerate(kept) if k not in gone]
    return kept


def _together(futures: Futures, usual: Sequence[Post], trials: Sequence[Sequence[Move]]) -> Fates:
    """The fates under several plans, one below the other (plans · futures × people): the posts of all of them in one simulation,
    each shut where it is not part of the plan."""
    numbers: dict[Post, int] = {}
    of_trial = [[numbers.setdefault(post, len(numbers)) for post in applied(usual, moves)] for moves in trials]
    shut = np.ones((len(trials), len(numbers)), bool)
    for t, mine in enumerate(of_trial):
        shut[t, mine] = False
    n = len(trials)
    tiled = futures.taken(np.tile(np.arange(futures.n), n))
    return fates(tiled, list(numbers), np.repeat(shut, futures.n, axis=0))
