"""Requirements: how many windows a group of items needs in each quarter of an hour, so that nine in ten wait no longer than the
target.

Fresh customers by modified offered load and Erlang A (`staffing.erlang`): the load of an interval with as many windows as if it
went on for ever, of which the share that waits beyond the target is at most one in ten. Those who wait already are worked off
as a fluid: enough windows beside to serve them within the target, and what is left is carried over. Services are not exponential:
waits are scaled by (1 + cv²) ÷ 2 as heavy traffic has it (Allen-Cunneen). It guides the plan; the event simulation judges it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from staffing.erlang import Floats, Ints, late_share, offered_load
from staffing.futures import Futures

LATE_SHARE = 0.1
MOST_WINDOWS = 400
FINE = 50
"""Loads are told apart by a fiftieth of a window: what a sum costs is then paid once."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The customers of one group of items: expected arrivals (bins), how many wait now, how many windows are at work for them,
    how long one keeps a window (mean and coefficient of variation), mean patience; seconds."""

    items: tuple[int, ...]
    arrivals: Floats
    waiting: float
    in_service: float
    occupied_s: float
    cv: float
    patience_s: float


def groups_of(item_sets: Iterable[Iterable[int]], n_items: int) -> tuple[tuple[int, ...], ...]:
    """Items that the same windows serve, as one group each. Those that none serves are groups of their own."""
    sets = [frozenset(items) for items in item_sets]
    by_windows: dict[tuple[bool, ...], list[int]] = {}
    for item in range(n_items):
        served = tuple(item in items for items in sets)
        key = served if any(served) else (*served, *(i == item for i in range(n_items)))
        by_windows.setdefault(key, []).append(item)
    return tuple(tuple(items) for items in by_windows.values())


def streams(futures: Futures, groups: Sequence[tuple[int, ...]], edges: Floats, in_service: Floats) -> list[Stream]:
    """What the futures say of each group in the intervals between `edges`: means over all of them. `in_service` (groups)."""
    is_real = np.isfinite(futures.arrivals_s) & ~futures.is_question
    of_item = np.full(max([int(futures.items.max(initial=0)), *(i for g in groups for i in g)], default=0) + 1, -1, np.intp)
    for g, items in enumerate(groups):
        of_item[list(items)] = g
    group = np.where(is_real, of_item[futures.items], -1)
    found = []
    for g, items in enumerate(groups):
        mine = group == g
        came, occupied, patience = (part[mine] for part in (futures.arrivals_s, futures.occupied_s, futures.patience_s))
        fresh = came >= 0
        counts = np.histogram(came, bins=edges)[0] / max(futures.n, 1)
        mean = float(occupied.mean()) if len(occupied) else 600.0
        cv = float(occupied.std() / mean) if len(occupied) and mean > 0 else 1.0
        patient = float(patience[fresh].mean()) if fresh.any() else float(patience.mean()) if len(patience) else 3_600.0
        waiting = float((~fresh).sum()) / max(futures.n, 1)
        found.append(Stream(items, counts.astype(float), waiting, float(in_service[g]), mean, cv, patient))
    return found


def needed(stream: Stream, target_s: float, step_s: float) -> Ints:
    """Windows (bins)."""
    load = offered_load(stream.arrivals, step_s, stream.occupied_s, first=stream.in_service)
    scaled = target_s / max((1 + stream.cv**2) / 2, 0.25)
    fresh = [_windows_for(round(FINE * m), round(stream.occupied_s), round(stream.patience_s), round(scaled)) for m in load]
    windows = np.zeros(len(load), np.intp)
    waiting = stream.waiting
    for k, count in enumerate(fresh):
        beside = math.ceil(round(waiting * stream.occupied_s / max(target_s, step_s), 6))
        windows[k] = count + beside
        waiting = max(0.0, waiting * math.exp(-step_s / stream.patience_s) - beside * step_s / stream.occupied_s)
    return windows


@lru_cache(maxsize=20_000)
def _windows_for(fiftieths: int, occupied_s: int, patience_s: int, target_s: int) -> int:
    """The fewest windows for a load."""
    load, occupied_s, patience_s = fiftieths / FINE, max(occupied_s, 1), max(patience_s, 1)
    if load <= 0:
        return 0
    low, high = 0, max(2, math.ceil(load + 4 * math.sqrt(load) + 2))
    while low < high:
        middle = (low + high) // 2
        if late_share(load / occupied_s, occupied_s, patience_s, middle, target_s) <= LATE_SHARE:
            high = middle
        else:
            low = middle + 1
    return min(low, MOST_WINDOWS)
