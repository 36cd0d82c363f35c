"""Windows through a day: how many should be open in each interval.

With a budget of window-hours: the plan whose worst interval waits least on average, then the one in which everybody waits least
(a local search over moves of one window from an interval to another, each judged by the transient queue). Without one: the
fewest window-hours with which nine of ten who arrive in any interval wait no longer than the target, judged by simulated days.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from staffing.erlang import offered_load
from staffing.simulation import Days, drawn_days, simulate, summed_up
from staffing.transient import Customers, Floats, Ints, mean_waits

SHORTLIST, MOST_TOGETHER = 16, 4
"""Moves of one window that are tried in one round, and how many moves together."""
MOST_ROUNDS = 60
ALIKE_S = 0.05
"""Waits that differ by less are the same."""
SEARCH_DAYS, CONFIRM_DAYS = 300, 1_000
"""Days simulated for every step of the search, and for the plan it ends with: other days, so that it is not fitted to these."""
TARGET_MARGIN = 0.97
"""Of the target is aimed at in the search: the quantile of other days scatters by a few percent."""


def flat_plan(n_bins: int, most: int, window_bins: int) -> Ints:
    """The same windows all day, what is left over given to the first intervals; `window_bins`, windows × intervals to give."""
    each, rest = divmod(min(window_bins, most * n_bins), n_bins)
    plan = np.full(n_bins, each, np.intp)
    plan[:rest] += 1
    return plan


def best_plan(who: Customers, most: int, window_bins: int, *, tell: Callable[[float], None] = lambda _: None) -> Ints:
    """The plan (bins) of at most `most` windows and `window_bins` windows × intervals. `tell` hears how far the search is."""
    n_bins = len(who.arrivals)
    budget = min(window_bins, most * n_bins)
    candidates: Ints = np.stack([_rounded(_shape(who), most, budget), flat_plan(n_bins, most, budget)])
    plan, waits = _best_of(who, candidates)
    for k in range(MOST_ROUNDS):
        tell(k / MOST_ROUNDS)
        candidates = _candidates(who, plan, waits, most)
        if not len(candidates):
            break
        best, found = _best_of(who, candidates)
        if not _is_better(_worth(who, found), _worth(who, waits)):
            break
        plan, waits = best, found
    return plan


def _shape(who: Customers) -> Floats:
    """What to begin with: the load on busy days and its square root, which is what safety costs (Halfin and Whitt 1981)."""
    load = offered_load(who.arrivals, who.interval_s, who.service_s)
    return np.asarray(load + 0.5 * np.sqrt(load))


def _rounded(shape: Floats, most: int, budget: int) -> Ints:
    """Whole windows in proportion to a shape, summing up to the budget (largest remainders), none above `most`."""
    if shape.sum() <= 0:
        return flat_plan(len(shape), most, budget)
    ideal = shape * budget / shape.sum()
    plan: Ints = np.minimum(np.floor(ideal), most).astype(np.intp)
    while (left := budget - int(plan.sum())) > 0:
        wish = np.where(plan < most, ideal - plan, -np.inf)
        plan[np.argsort(-wish, kind="stable")[: min(left, int((plan < most).sum()))]] += 1
    return plan


def _best_of(who: Customers, plans: Ints) -> tuple[Ints, Floats]:
    """The best of some plans, with its waits (bins)."""
    waits = mean_waits(who, plans)
    worst, of_all = waits.max(axis=1), waits @ who.arrivals
    near = np.flatnonzero(worst <= worst.min() + ALIKE_S)
    k = int(near[of_all[near].argmin()])
    return np.asarray(plans[k]), np.asarray(waits[k])


def _worth(who: Customers, waits: Floats) -> tuple[float, float]:
    """Mean wait of the worst interval, mean wait of all; seconds. Smaller is better."""
    return float(waits.max()), float(waits @ who.arrivals / max(float(who.arrivals.sum()), 1e-9))


def _is_better(found: tuple[float, float], than: tuple[float, float]) -> bool:
    return found[0] < than[0] - ALIKE_S or (found[0] <= than[0] + ALIKE_S and found[1] < than[1] - ALIKE_S)


def _candidates(who: Customers, plan: Ints, now: Floats, most: int) -> Ints:
    """Plans worth trying: one window moved from an interval to another, and a few such moves together.

    What single additions and removals do is computed; of moves together it is added up, which is nearly so, and only what looks
    best by that is tried in earnest. `now` (bins), the waits under `plan`.
    """
    one = np.eye(len(plan), dtype=np.intp)
    takers, givers = np.flatnonzero(plan < most), np.flatnonzero(plan > 0)
    if not len(takers) or not len(givers):
        return np.empty((0, len(plan)), np.intp)
    changes = mean_waits(who, np.concatenate([plan + one[takers], plan - one[givers]])) - now
    more, less = changes[: len(takers)], changes[len(takers) :]
    weights = 1e-3 * who.arrivals / max(float(who.arrivals.sum()), 1e-9)
    found = []
    combined, waits = plan, now
    for together in range(MOST_TOGETHER):
        looks = np.maximum(waits + more[:, None, :] + less[None, :, :], 0.0)
        ranks = looks.max(axis=2) + looks @ weights
        ranks[takers[:, None] == givers[None, :]] = np.inf
        ranks[combined[takers] >= most, :] = np.inf
        ranks[:, combined[givers] <= 0] = np.inf
        order = np.argsort(ranks, axis=None, kind="stable")[: SHORTLIST if together == 0 else 1]
        pairs = [divmod(int(k), len(givers)) for k in order if np.isfinite(ranks.flat[k])]
        if not pairs:
            break
        found += [combined + one[takers[t]] - one[givers[g]] for t, g in pairs]
        combined, waits = found[-len(pairs)], looks[pairs[0]]
    return np.array(found, np.intp).reshape(-1, len(plan))


def fewest_windows(
    who: Customers, most: int, target_s: float, *, seed: int, tell: Callable[[float], None] = lambda _: None
) -> Ints:
    """The plan (bins) with the fewest window-hours for which the 90 % quantile of the waits of who arrives in an interval is at
    most `target_s` in every one; `most` windows everywhere that is too few for it."""
    days = drawn_days(who, SEARCH_DAYS, seed)
    aim = TARGET_MARGIN * target_s
    load = offered_load(who.arrivals, who.interval_s, who.service_s)
    plan = _raised(days, np.minimum(np.ceil(load), most).astype(np.intp), most, aim)
    plan = _trimmed(days, plan, aim, tell)
    return _raised(drawn_days(who, CONFIRM_DAYS, seed + 1), plan, most, target_s)


def _raised(days: Days, plan: Ints, most: int, aim: float) -> Ints:
    """With more windows until no interval is late, or no more can be opened."""
    plan = plan.copy()
    while (late := _p90(days, plan) > aim).any():
        first = int(np.flatnonzero(late)[0])
        # where the queue of the first late interval is made or served: itself, else the one after, else the ones before
        room = [b for b in (first, first + 1, *range(first - 1, -1, -1)) if b < len(plan) and plan[b] < most]
        if not room:
            break
        plan[room[0]] += 1
    return plan


def _trimmed(days: Days, plan: Ints, aim: float, tell: Callable[[float], None]) -> Ints:
    """Without the windows that are not missed: those with most room first, each tried once more after a change beside it."""
    before = _p90(days, plan)
    waiting = [int(b) for b in np.argsort(before, kind="stable")]
    n_all = max(len(waiting), 1)
    limits = np.maximum(before, aim)  # what is late with all windows open is not to be later still
    while waiting:
        b = waiting.pop(0)
        tell(1 - len(waiting) / n_all)
        while plan[b] > 0:
            fewer = plan.copy()
            fewer[b] -= 1
            if (_p90(days, fewer) > limits).any():
                break
            plan = fewer
    return plan


def _p90(days: Days, plan: Ints) -> Floats:
    return summed_up(days, simulate(days, plan), len(plan)).p90_s
