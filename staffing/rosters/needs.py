"""Needs: how many heads a day asks for, by group of items and quarter of an hour, at a quantile of its demand.

Expected arrivals by item become work: the modified offered load with the mean time that an item keeps a window
(`staffing.erlang`), people who are sent on counted with both. A day is busier than expected by its quantile of a normal factor
(`noise`, the relative standard deviation of days). What is needed beyond the load, so that nine in ten do not wait longer than
the target, follows from Erlang A for the hall as a whole and is shared among the groups by the square roots of their loads (the
square-root rule of staffing: Borst, Mandelbaum and Reiman 2004).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from staffing.erlang import erlang_a, offered_load
from staffing.profiles import ARRIVAL_SLOT_S, ItemProfile
from staffing.rosters.task import DAY_SLOTS, SLOT_MIN, TENTHS

Floats = npt.NDArray[np.float64]

LATE_SHARE = 0.1
"""So many may wait longer than the target."""
SLOT_S = SLOT_MIN * 60.0
LEAST_LOAD = 0.02
"""Windows; where less work than that is expected, nobody is asked for."""
LEAST_CAME = 0.05
"""People in a quarter of an hour: after the last of them, whoever is at a window stays until nobody waits."""
LONGEST_PATIENCE_S = 4 * 3600.0
HEAD_ROOM = 30


@dataclass(frozen=True, slots=True)
class Work:
    """What is expected of a day: by item the arrivals of each slot (96), with transfers; how long it keeps a window."""

    arrivals: Mapping[str, Floats]
    occupied_s: Mapping[str, float]
    patience_s: Mapping[str, float]


def usual_day(items: Mapping[str, ItemProfile], kind: str) -> dict[str, Floats]:
    """Arrivals by item and slot on a usual day of a kind; zeros where the past holds no such day."""
    return {item: _slots(each.usual.get(kind, ())) for item, each in items.items()}


def work_of(arrivals: Mapping[str, Floats], items: Mapping[str, ItemProfile], factor: float = 1.0) -> Work:
    """The work that arrivals bring, on a day so many times as busy; who is sent on comes again, in the same slot."""
    came = {item: factor * np.asarray(counts, float) for item, counts in arrivals.items() if item in items}
    total = {item: counts.copy() for item, counts in came.items()}
    for item, counts in came.items():
        for to, share in items[item].sent_on.items():
            if to in items:
                total[to] = total.get(to, np.zeros(DAY_SLOTS)) + share * counts
    return Work(
        total,
        {item: float(np.mean(items[item].occupied_s)) for item in total},
        {item: min(items[item].patience_s, LONGEST_PATIENCE_S) for item in total},
    )


def day_factor(noise: float, quantile: float) -> float:
    """How many times as busy as expected a day is at a quantile.

    >>> round(day_factor(0.2, 0.5), 3), round(day_factor(0.1, 0.8413), 2)
    (1.0, 1.1)
    """
    return float(max(0.1, 1 + noise * norm.ppf(quantile)))


def heads_needed(
    work: Work, groups: Mapping[str, Sequence[str]], target_s: float, *, most_heads: int | None = None
) -> dict[str, tuple[int, ...]]:  # fmt: skip
    """Tenths of heads by group and slot of the day. `most_heads`: windows there are; more heads would have no place."""
    loads = {group: np.zeros(DAY_SLOTS) for group in groups}
    for group, items in groups.items():
        for item in items:
            if item in work.arrivals:
                loads[group] += offered_load(work.arrivals[item], SLOT_S, max(work.occupied_s[item], 1.0))
    total = np.sum(list(loads.values()), axis=0) if loads else np.zeros(DAY_SLOTS)
    service_s, patience_s = _mean(work, work.occupied_s), _mean(work, work.patience_s)
    roots = {group: np.sqrt(load) for group, load in loads.items()}
    all_roots = np.sum(list(roots.values()), axis=0) if roots else np.zeros(DAY_SLOTS)
    needed: dict[str, tuple[int, ...]] = {}
    extra = np.zeros(DAY_SLOTS)
    is_asked = (total >= LEAST_LOAD) & (_came(work) >= LEAST_CAME)
    for t in np.flatnonzero(is_asked):
        heads = servers_for(float(total[t]), service_s, patience_s, target_s)
        extra[t] = (heads if most_heads is None else min(heads, most_heads)) - total[t]
    for group, load in loads.items():
        share = np.divide(roots[group], all_roots, out=np.zeros(DAY_SLOTS), where=all_roots > 0)
        wanted = np.where(is_asked, np.maximum(load + extra * share, 0.0), 0.0)
        needed[group] = tuple(ceil(TENTHS * n - 1e-9) for n in wanted.tolist())
    return needed


def servers_for(load: float, service_s: float, patience_s: float, target_s: float) -> int:
    """The fewest windows at which at most one in ten waits longer than the target, in the steady state of Erlang A; the wait of
    those who wait is taken as exponential, as it is in heavy traffic."""
    if load <= 0:
        return 0
    rate = load / service_s
    for servers in range(max(1, int(load * 0.7)), ceil(load) + HEAD_ROOM):
        steady = erlang_a(rate, service_s, patience_s, servers)
        if steady.delayed_share <= 0:
            return servers
        mean_s = steady.mean_wait_s / steady.delayed_share
        late = steady.delayed_share * float(np.exp(-target_s / max(mean_s, 1e-9)))
        if late <= LATE_SHARE and steady.abandon_share <= LATE_SHARE:
            return servers
    return ceil(load) + HEAD_ROOM


def _came(work: Work) -> Floats:
    return np.sum(list(work.arrivals.values()), axis=0) if work.arrivals else np.zeros(DAY_SLOTS)


def _mean(work: Work, of: Mapping[str, float]) -> float:
    """Over everybody who comes."""
    n = sum(float(counts.sum()) for counts in work.arrivals.values())
    return sum(float(counts.sum()) * of[item] for item, counts in work.arrivals.items()) / n if n else 1.0


def _slots(counts: Sequence[float]) -> Floats:
    """Counts by quarter of an hour, as long as a day."""
    assert ARRIVAL_SLOT_S == SLOT_S, "profiles count by quarters of an hour as rosters do"
    row = np.zeros(DAY_SLOTS)
    row[: min(len(counts), DAY_SLOTS)] = counts[:DAY_SLOTS]
    return row
