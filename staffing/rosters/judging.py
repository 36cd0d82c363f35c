"""Judging of a roster, without its solver: which limits it crosses, how many heads are missing when, what it costs.

How many heads are missing in a slot follows from Hall's theorem: of all sets of groups, the one whose need most exceeds the heads
of everybody who can do any of it is short by as much, however people are shared out; within it, groups are short by their need.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from staffing.rosters.task import (
    DAY_SLOTS,
    SATURDAY,
    SLOT_MIN,
    TENTHS,
    Clerk,
    DayNeed,
    Duty,
    Relaxation,
    Task,
    duty_of,
    early_and_late,
    lunches,
    moved,
    pattern_of,
    patterns_of,
    rests,
    week_of,
)

Ints = npt.NDArray[np.int64]
MOST_GROUPS = 14
"""Sets of groups double with each; beyond, groups are judged one after the other, which may find a little too much missing."""
MOVED_MIN = 60
"""By how much a shift is moved where that is agreed to."""


@dataclass(frozen=True, slots=True)
class Short:
    """A stretch of slots [first, until) of a day in which a group lacks heads, at most so many tenths at once, and in all so many
    tenths of a head times slots."""

    day: date
    group: str
    first: int
    until: int
    most_tenths: int
    sum_tenths: int


def faults(task: Task, duties: Sequence[Duty]) -> list[str]:
    """What a roster breaks of the limits that no roster may; empty for one that keeps them."""
    found: list[str] = []
    clerks = {clerk.name: clerk for clerk in task.clerks}
    days = {need.day for need in task.days}
    shifts = {shift.id: shift for shift in task.shifts}
    if Relaxation.SHIFT in task.relax:
        both = (moved(shift, by) for shift in task.shifts for by in (-MOVED_MIN, MOVED_MIN))
        shifts |= {shift.id: shift for shift in both if shift is not None}
    by_clerk: dict[str, list[Duty]] = defaultdict(list)
    for duty in duties:
        by_clerk[duty.clerk].append(duty)
        if duty.clerk not in clerks or duty.day not in days:
            found.append(f"{duty.clerk} on {duty.day}: expected a clerk and a day of the task")
            continue
        if not pattern_of(clerks[duty.clerk], task.groups):
            found.append(f"{duty.clerk} on {duty.day}: expected somebody who can do what is needed")
        may_move = Relaxation.LEAVE in task.relax and duty.day in task.movable.get(duty.clerk, ())
        if duty.day in task.away.get(duty.clerk, ()) and not may_move:
            found.append(f"{duty.clerk} on {duty.day}: expected nobody who is absent")
        shift = shifts.get(duty.shift)
        allowed = [] if shift is None else [duty_of(duty.clerk, duty.day, shift, at) for at in lunches(shift) or (None,)]
        if duty not in allowed:
            found.append(f"{duty.clerk} on {duty.day}: expected a shift of the task with its break inside its hours")
    for name, own in by_clerk.items():
        everything = sorted([*own, *(duty for duty in task.before if duty.clerk == name)], key=lambda duty: duty.day)
        for earlier, later in pairwise(everything):
            if earlier.day == later.day:
                found.append(f"{name} on {later.day}: expected one duty a day")
            elif later in own and not rests(earlier, later, task.rest_min):
                found.append(f"{name} on {later.day}: expected {task.rest_min} minutes of rest before")
        worked = {duty.day for duty in everything}
        for duty in own:
            row = [duty.day - timedelta(days=back) for back in range(task.days_in_a_row + 1)]
            if worked.issuperset(row):
                found.append(f"{name} on {duty.day}: expected at most {task.days_in_a_row} days in a row")
        allowed_min = OVERTIME_MIN if Relaxation.OVERTIME in task.relax else 0
        weeks = {week_of(duty.day) for duty in own}
        for monday, minutes in overtime_min(task, name, everything).items():
            if minutes > allowed_min and monday in weeks:
                found.append(f"{name} in the week of {monday}: expected {minutes} minutes less")
    return found


OVERTIME_MIN = 240
"""Of extra hours a week for one clerk, where they are agreed to."""


def overtime_min(task: Task, name: str, duties: Iterable[Duty]) -> dict[date, int]:
    """By Monday of a week: minutes beyond what a clerk is to work."""
    most = next((round(60 * clerk.week_h) for clerk in task.clerks if clerk.name == name), 0)
    weeks: Counter[date] = Counter()
    for duty in duties:
        if duty.clerk == name:
            weeks[week_of(duty.day)] += duty.paid_min
    return {monday: minutes - most for monday, minutes in weeks.items() if minutes > most}


def heads_by_pattern(task: Task, duties: Iterable[Duty], day: date) -> dict[tuple[str, ...], Ints]:
    """Heads at work in each slot of a day, by what they can do."""
    clerks = {clerk.name: clerk for clerk in task.clerks}
    found: dict[tuple[str, ...], Ints] = {}
    for duty in duties:
        if duty.day == day and duty.clerk in clerks:
            there = found.setdefault(pattern_of(clerks[duty.clerk], task.groups), np.zeros(DAY_SLOTS, np.int64))
            there += _works(duty)
    return found


def missing(need: DayNeed, heads: Mapping[tuple[str, ...], npt.NDArray[np.int64]]) -> dict[str, Ints]:
    """Tenths of heads that are missing in each slot, by group. `heads` (tenths) by what they can do."""
    groups = tuple(need.tenths)
    wanted = np.array([need.tenths[group] for group in groups], np.int64).reshape(len(groups), DAY_SLOTS)
    if len(groups) > MOST_GROUPS:
        return dict(zip(groups, _one_by_one(groups, wanted, heads), strict=True))
    bits = np.arange(1 << len(groups))
    sets = (bits[:, None] >> np.arange(len(groups)) & 1).astype(np.int64)  # sets × groups
    lack = sets @ wanted
    for pattern, there in heads.items():
        mask = sum(1 << k for k, group in enumerate(groups) if group in pattern)
        lack -= ((bits & mask) > 0).astype(np.int64)[:, None] * there[None, :]
    worst = lack.argmax(axis=0)  # the empty set lacks nothing
    short = lack[worst, np.arange(DAY_SLOTS)]
    inside = wanted * sets[worst].T
    return dict(zip(groups, _shared(short, inside), strict=True))


def _one_by_one(groups: Sequence[str], wanted: Ints, heads: Mapping[tuple[str, ...], Ints]) -> list[Ints]:
    """Specialists first, then those who can do more, each to the group that lacks most."""
    left = wanted.copy()
    for pattern, there in sorted(heads.items(), key=lambda each: (len(each[0]), each[0])):
        own = [k for k, group in enumerate(groups) if group in pattern]
        room = there.copy()
        for k in sorted(own, key=lambda k: -int(left[k].sum())):
            given = np.minimum(left[k], room)
            left[k] -= given
            room -= given
    return list(left)


def _shared(short: Ints, inside: Ints) -> list[Ints]:
    """What is short in all (slots) among the groups, by their need (groups × slots); sums are kept."""
    total = np.maximum(inside.sum(axis=0), 1)
    upto = np.cumsum(inside, axis=0) * short // total
    return list(np.diff(np.vstack([np.zeros((1, inside.shape[1]), np.int64), upto]), axis=0))


def shortages(task: Task, duties: Sequence[Duty]) -> list[Short]:
    """Every stretch in which heads are missing, by day, group and time."""
    found: list[Short] = []
    for need in task.days:
        heads = {pattern: TENTHS * there for pattern, there in heads_by_pattern(task, duties, need.day).items()}
        for group, tenths in missing(need, heads).items():
            found += _stretches(need.day, group, tenths)
    return found


def _stretches(day: date, group: str, tenths: Ints) -> Iterable[Short]:
    busy = np.flatnonzero(tenths)
    for run in np.split(busy, np.flatnonzero(np.diff(busy) > 1) + 1):
        if len(run):
            part = tenths[run]
            yield Short(day, group, int(run[0]), int(run[-1]) + 1, int(part.max()), int(part.sum()))


def short_h(found: Iterable[Short]) -> float:
    """Hours of heads that are missing."""
    return sum(each.sum_tenths for each in found) / TENTHS * SLOT_MIN / 60


def paid_h(duties: Iterable[Duty]) -> float:
    return sum(duty.paid_min for duty in duties) / 60


def cost(task: Task, duties: Sequence[Duty]) -> int:
    """Points of a roster; the solver reckons the same."""
    prices = task.prices
    points = prices.short_tenth * sum(each.sum_tenths for each in shortages(task, duties))
    clerks = {clerk.name: clerk for clerk in task.clerks}
    for duty in duties:
        points += duty_points(task, clerks[duty.clerk], duty)
    by_clerk: dict[str, list[Duty]] = defaultdict(list)
    for duty in (*task.before, *duties):
        by_clerk[duty.clerk].append(duty)
    ours = {(duty.clerk, week_of(duty.day)) for duty in duties}
    for name, own in by_clerk.items():
        over = overtime_min(task, name, own)
        points += sum(prices.overtime_slot * -(-m // SLOT_MIN) for monday, m in over.items() if (name, monday) in ours)
    planned = {duty.day for duty in task.standing}
    was = {(duty.clerk, duty.day): duty.shift for duty in task.standing}
    new = {(duty.clerk, duty.day): duty.shift for duty in duties}
    points += prices.change * sum(
        was.get((clerk.name, need.day)) != new.get((clerk.name, need.day))
        for pattern in patterns_of(task).values() for clerk in pattern for need in task.days if need.day in planned
    )  # fmt: skip
    return points + sum(spread_points(task, duties))


def duty_points(task: Task, clerk: Clerk, duty: Duty) -> int:
    """What one duty costs: its pay, wishes that it breaks, a leave that it takes, a shift that is moved for it."""
    prices = task.prices
    points = paid_points(prices.paid_slot, duty.paid_min)
    points += prices.wish * (duty.day.weekday() in clerk.off_weekdays)
    points += prices.wish * (bool(clerk.shifts) and duty.shift not in clerk.shifts)
    points += prices.leave * (duty.day in task.away.get(clerk.name, ()))
    return points + prices.shift * (duty.shift not in {shift.id for shift in task.shifts})


def paid_points(paid_slot: int, paid_min: int) -> int:
    return round(paid_slot * paid_min / SLOT_MIN)


def fair_share(task: Task, clerk: Clerk, most_h: float) -> float:
    """What an hour of a clerk counts beside those of others who can do the same: more for who works part time or is away."""
    n_days = len(task.days)
    present = n_days - len(task.away.get(clerk.name, frozenset()) & {need.day for need in task.days})
    return most_h / clerk.week_h * n_days / present


def compared(task: Task, clerks: Sequence[Clerk]) -> list[Clerk]:
    """Those among whom duties are to be even: who is there for at least half of the days."""
    days = {need.day for need in task.days}
    there = [c for c in clerks if c.week_h > 0 and 2 * len(task.away.get(c.name, frozenset()) & days) <= len(days)]
    return there if len(there) > 1 else []


def counts_for(task: Task) -> dict[str, tuple[bool, bool]]:
    """Which kinds of shifts are early and which are late, moved ones as those they come from."""
    told = early_and_late(task.shifts)
    return {shift.id: told[shift.id] for shift in task.shifts}


def spread_points(task: Task, duties: Sequence[Duty]) -> list[int]:
    """For each pattern: what it costs that early, late and Saturday duties, and hours, are not even."""
    kinds = counts_for(task)
    points = []
    for clerks in patterns_of(task).values():
        even = compared(task, clerks)
        if not even:
            continue
        tallies = {clerk.name: list(clerk.carried) for clerk in even}
        slots = dict.fromkeys(tallies, 0)
        most_h = max(clerk.week_h for clerk in even)
        share = {clerk.name: fair_share(task, clerk, most_h) for clerk in even}
        for duty in duties:
            if duty.clerk in tallies:
                early, late = kinds.get(duty.shift, (False, False))
                for k, counts in enumerate((early, late, duty.day.weekday() == SATURDAY)):
                    tallies[duty.clerk][k] += counts
                slots[duty.clerk] += fair_slots(duty.paid_min, share[duty.clerk])
        points.append(
            task.prices.spread * sum(max(t[k] for t in tallies.values()) - min(t[k] for t in tallies.values()) for k in range(3))
            + task.prices.hours_slot * (max(slots.values()) - min(slots.values()))
        )
    return points


def fair_slots(paid_min: int, share: float) -> int:
    return round(paid_min * share / SLOT_MIN)


def _works(duty: Duty) -> Ints:
    return np.array([duty.works(slot) for slot in range(DAY_SLOTS)], np.int64)
