"""Comparing: what a staffing of the windows would do for those who are expected: heads that are missing, hours that are paid, and
the share of people who are served within its hours, by a fluid.

The fluid has a queue a group: expected people flow in by quarters of an hour, specialists take from their own queue, those who
can do more from the longest of theirs, and who waits leaves at the rate of his patience.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from staffing.profiles import OPEN_SLOT_S, WindowProfile
from staffing.rosters.judging import heads_by_pattern, missing, paid_h
from staffing.rosters.needs import SLOT_S, Work
from staffing.rosters.task import DAY_SLOTS, SLOT_MIN, TENTHS, DayNeed, Duty, Task, members

Floats = npt.NDArray[np.float64]
Pattern = tuple[str, ...]
STEPS = 3
"""Of a quarter of an hour."""


@dataclass(frozen=True, slots=True)
class Staffed:
    """`served_share` is None where nobody is expected."""

    short_h: float
    paid_h: float
    served_share: float | None


def by_duties(task: Task, works: Mapping[str, Work], duties: Sequence[Duty]) -> Staffed:
    """Of a roster; `works` by ISO date: who is expected."""
    heads = {
        need.day.isoformat(): {p: there.astype(float) for p, there in heads_by_pattern(task, duties, need.day).items()}
        for need in task.days
    }
    return _staffed(task.days, works, heads, paid_h(duties))


def by_windows(task: Task, works: Mapping[str, Work], windows: Iterable[WindowProfile]) -> Staffed:
    """Of windows that open as they usually do on days of that kind."""
    known = tuple(windows)
    heads: dict[str, dict[Pattern, Floats]] = {}
    hours = 0.0
    for need in task.days:
        own = heads[need.day.isoformat()] = {}
        for window in known:
            pattern = tuple(g for g in task.groups if not set(members(g)).isdisjoint(window.items))
            share = _by_slot(window.open_share.get(need.kind, ()))
            hours += float(share.sum()) * SLOT_MIN / 60
            if pattern:
                own[pattern] = own.get(pattern, np.zeros(DAY_SLOTS)) + share
    return _staffed(task.days, works, heads, hours)


def _staffed(
    days: Iterable[DayNeed], works: Mapping[str, Work], heads: Mapping[str, Mapping[Pattern, Floats]], hours: float
) -> Staffed:
    lacking, came, served = 0, 0.0, 0.0
    for need in days:
        key = need.day.isoformat()
        tenths = {pattern: np.rint(TENTHS * there).astype(np.int64) for pattern, there in heads[key].items()}
        lacking += sum(int(row.sum()) for row in missing(need, tenths).values())
        n, done = flow(works[key], tuple(need.tenths), heads[key])
        came, served = came + n, served + done
    return Staffed(lacking / TENTHS * SLOT_MIN / 60, hours, served / came if came else None)


def flow(work: Work, groups: Sequence[str], heads: Mapping[Pattern, Floats]) -> tuple[float, float]:
    """(people who come, people who are served) on a day. Seconds of work are what flows; who leaves takes his with him."""
    inflow, per_s, patience_s = np.zeros((len(groups), DAY_SLOTS)), np.ones(len(groups)), np.ones(len(groups))
    for k, group in enumerate(groups):
        counts = {item: work.arrivals[item] for item in members(group) if item in work.arrivals}
        n = sum(float(each.sum()) for each in counts.values())
        inflow[k] = sum((each * work.occupied_s[item] for item, each in counts.items()), np.zeros(DAY_SLOTS))
        per_s[k] = n / inflow[k].sum() if n else 0.0
        patience_s[k] = sum(float(each.sum()) * work.patience_s[item] for item, each in counts.items()) / n if n else 1.0
    came = float((inflow.sum(axis=1) * per_s).sum())
    queue, done = np.zeros(len(groups)), np.zeros(len(groups))
    step_s = SLOT_S / STEPS
    order = sorted(heads, key=lambda pattern: (len(pattern), pattern))
    able = {pattern: [k for k, group in enumerate(groups) if group in pattern] for pattern in order}
    for t in range(DAY_SLOTS):
        for _ in range(STEPS):
            queue += inflow[:, t] / STEPS
            for pattern in order:
                room = float(heads[pattern][t]) * step_s
                for k in sorted(able[pattern], key=lambda k: -queue[k]):
                    given = min(room, float(queue[k]))
                    queue[k] -= given
                    done[k] += given
                    room -= given
            queue *= np.exp(-step_s / np.maximum(patience_s, 1.0))
    return came, float((done * per_s).sum())


def _by_slot(shares: Sequence[float]) -> Floats:
    """Means over quarters of an hour of shares by `OPEN_SLOT_S`."""
    each = round(SLOT_S / OPEN_SLOT_S)
    row = np.zeros(DAY_SLOTS * each)
    row[: min(len(shares), len(row))] = shares[: len(row)]
    return np.asarray(row.reshape(DAY_SLOTS, each).mean(axis=1))
