"""Relaxing: where heads are missing, what it would take to have them: extra hours, a shift moved by an hour, a leave on another
day, somebody who learns more. Each is found by solving the worst days again with that allowed at its price."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date

from staffing.rosters import solving
from staffing.rosters.judging import overtime_min, short_h, shortages
from staffing.rosters.solving import Solution
from staffing.rosters.task import Clerk, Duty, Eased, Relaxation, Task, members, pattern_of

WORST_DAYS = 3
"""So many days are solved again; the others stay as they are."""
LEARNERS = 2
"""So many clerks are tried for a skill."""
WORTH_H = 0.25
"""A relaxation that saves fewer missing hours is not told."""


def relaxations(task: Task, found: Solution, *, limit_s: float, seed: int = 1) -> list[Eased]:
    """What would help, cheapest for an hour first; empty where nothing is missing or nothing helps."""
    short = shortages(task, found.duties)
    missing_h = short_h(short)
    if missing_h < WORTH_H:
        return []
    by_day: Counter[date] = Counter()
    by_group: Counter[str] = Counter()
    for each in short:
        by_day[each.day] += each.sum_tenths
        by_group[each.group] += each.sum_tenths
    worst = frozenset(day for day, _ in by_day.most_common(WORST_DAYS))
    kinds = [kind for kind in (Relaxation.OVERTIME, Relaxation.SHIFT, Relaxation.LEAVE) if kind not in task.relax]
    tries = [(kind, replace(task, relax=task.relax | {kind}), None, None) for kind in kinds]
    learners = [
        (Relaxation.SKILL, _taught(task, clerk, group), clerk.name, group)
        for group, _ in by_group.most_common(1)
        for clerk in _learners(task, found.duties, group)
    ]
    eased = []
    for kind, other, learner, group in (*tries, *learners):
        better = solving.improve(other, found.duties, free=worst, limit_s=limit_s / (len(tries) + len(learners)), seed=seed)
        if better is None:
            continue
        saved_h = missing_h - short_h(shortages(other, better.duties))
        if saved_h >= WORTH_H:
            eased.append(_told(task, other, kind, better.duties, saved_h, learner, group))
    best: dict[Relaxation, Eased] = {}
    for one in sorted(eased, key=lambda one: one.points / one.saved_h):
        best.setdefault(one.kind, one)
    return list(best.values())


def _told(
    task: Task, other: Task, kind: Relaxation, duties: Sequence[Duty], saved_h: float, learner: str | None, group: str | None
) -> Eased:
    """What a roster with the relaxation makes use of, and what that costs."""
    prices = task.prices
    if kind is Relaxation.SKILL:
        return Eased(kind, saved_h, prices.skill, learner=learner, group=group)
    if kind is Relaxation.OVERTIME:
        extra = [(clerk.name, sum(overtime_min(other, clerk.name, (*task.before, *duties)).values())) for clerk in task.clerks]
        used = tuple((name, minutes) for name, minutes in extra if minutes > 0)
        return Eased(kind, saved_h, sum(m for _, m in used) * (prices.overtime_slot + prices.paid_slot) // 15, extra_min=used)
    if kind is Relaxation.LEAVE:
        taken = tuple(duty for duty in duties if duty.day in task.away.get(duty.clerk, ()))
        return Eased(kind, saved_h, prices.leave * len(taken), taken)
    known = {shift.id for shift in task.shifts}
    turned = tuple(duty for duty in duties if duty.shift not in known)
    return Eased(kind, saved_h, prices.shift * len(turned), turned)


def _learners(task: Task, duties: Iterable[Duty], group: str) -> Iterator[Clerk]:
    """Those with most hours to spare who cannot do a group yet."""
    worked: Counter[str] = Counter()
    for duty in duties:
        worked[duty.clerk] += duty.paid_min
    able = [clerk for clerk in task.clerks if group not in pattern_of(clerk, task.groups) and clerk.week_h > 0]
    days = {need.day for need in task.days}
    able.sort(key=lambda c: (len(task.away.get(c.name, frozenset()) & days), worked[c.name] / c.week_h, c.name))
    yield from able[:LEARNERS]


def _taught(task: Task, clerk: Clerk, group: str) -> Task:
    able = replace(clerk, skills=clerk.skills | frozenset(members(group)))
    return replace(task, clerks=tuple(able if each.name == clerk.name else each for each in task.clerks))
