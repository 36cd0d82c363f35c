"""Drafting: from what is known of a hall, its people and the days asked about to the task of a roster.

A day's arrivals are those forecast where the forecast covers the hours in which people usually come, otherwise those of the same
kind of day in the past; which of the two is said by day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from domain.staffing import AbsenceKind
from staffing.demand import Demand
from staffing.practice import HallPractice
from staffing.profiles import Profile, WindowProfile
from staffing.rosters.needs import SLOT_S, Work, day_factor, heads_needed, usual_day, work_of
from staffing.rosters.task import DAY_SLOTS, Clerk, DayNeed, Duty, Relaxation, Task, groups_of

Floats = npt.NDArray[np.float64]
FORECAST, USUAL = "forecast", "usual"


@dataclass(frozen=True, slots=True)
class Away:
    """A clerk is absent on the days from `first` to `last`, both included."""

    clerk: str
    first: date
    last: date
    kind: AbsenceKind

    @property
    def days(self) -> frozenset[date]:
        return frozenset(self.first + timedelta(days=k) for k in range((self.last - self.first).days + 1))


@dataclass(frozen=True, slots=True)
class Draft:
    """A task with what it was made from: expected work and its basis by ISO date, windows as they usually are, whether the duties
    that stand cover every day."""

    task: Task
    works: Mapping[str, Work]
    bases: Mapping[str, str]
    quantile: float
    profile_days: int
    windows: tuple[WindowProfile, ...]
    has_standing: bool
    zone: ZoneInfo
    hint: tuple[Duty, ...] = ()


@dataclass(frozen=True, slots=True)
class People:
    """Clerks of a hall, when they are absent, their duties in the days before, and those of rosters in force on the days asked
    about, on days `planned`."""

    clerks: tuple[Clerk, ...]
    absences: tuple[Away, ...] = ()
    before: tuple[Duty, ...] = ()
    standing: tuple[Duty, ...] = ()
    planned: frozenset[date] = field(default_factory=frozenset)


def draft(
    profile: Profile, demand: Demand | None, days: Sequence[tuple[date, str]], people: People, practice: HallPractice,
    zone: ZoneInfo, *, quantile: float, relax: Iterable[Relaxation] = (),
) -> Draft:  # fmt: skip
    """The task of a roster for `days`, each with its kind (`staffing.profiles.day_kind`)."""
    groups = groups_of(tuple(profile.items), people.clerks)
    works: dict[str, Work] = {}
    bases: dict[str, str] = {}
    needs = []
    for day, kind in days:
        usual = usual_day(profile.items, kind)
        told = _forecast(demand, day, zone, usual)
        counts, noise = (told, demand.noise) if told is not None and demand is not None else (usual, profile.day_noise)
        works[day.isoformat()] = work_of(counts, profile.items)
        bases[day.isoformat()] = USUAL if told is None else FORECAST
        busy = work_of(counts, profile.items, day_factor(noise, quantile))
        needs.append(DayNeed(day, kind, heads_needed(busy, groups, practice.target_s, most_heads=len(profile.windows) or None)))
    away: dict[str, frozenset[date]] = {}
    movable: dict[str, frozenset[date]] = {}
    for absence in people.absences:
        away[absence.clerk] = away.get(absence.clerk, frozenset()) | absence.days
        if absence.kind in (AbsenceKind.LEAVE, AbsenceKind.TRAINING):
            movable[absence.clerk] = movable.get(absence.clerk, frozenset()) | absence.days
    task = Task(
        profile.hall_id, tuple(needs), people.clerks, practice.shifts, round(60 * practice.rest_h), practice.days_in_a_row, away,
        movable, people.before, people.standing, relax=frozenset(relax),
    )  # fmt: skip
    asked = {day for day, _ in days}
    has_standing = bool(people.planned) and people.planned >= asked
    hint = people.standing or _as_before(people.before, asked)
    return Draft(
        task, works, bases, quantile, profile.n_days, tuple(profile.windows.values()), has_standing, zone, tuple(hint)
    )  # fmt: skip


def _as_before(before: Iterable[Duty], days: Iterable[date]) -> list[Duty]:
    """Each day as the last one with the same day of the week, else as the last before it: where the search begins."""
    by_day: dict[date, list[Duty]] = {}
    for duty in before:
        by_day.setdefault(duty.day, []).append(duty)
    found = []
    for day in days:
        same = [d for d in by_day if d.weekday() == day.weekday()] or list(by_day)
        if same:
            found += [Duty(d.clerk, day, d.shift, d.start_min, d.end_min, d.lunch) for d in by_day[max(same)]]
    return found


def _forecast(demand: Demand | None, day: date, zone: ZoneInfo, usual: Mapping[str, Floats]) -> dict[str, Floats] | None:
    """Arrivals by item and slot of a day, where all hours in which people usually come are forecast; None otherwise."""
    if demand is None or demand.basis != FORECAST or demand.step_s != SLOT_S:
        return None
    total = np.sum(list(usual.values()), axis=0) if usual else np.zeros(DAY_SLOTS)
    busy = np.flatnonzero(total > 0)
    if not len(busy):
        return None
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    first = round((midnight - demand.start).total_seconds() / SLOT_S)
    n = demand.expected.shape[1]
    if first + busy[0] < 0 or first + busy[-1] >= n:
        return None
    found = {}
    for k, item in enumerate(demand.items):
        row = np.zeros(DAY_SLOTS)
        low, high = max(0, -first), min(DAY_SLOTS, n - first)
        row[low:high] = demand.expected[k, first + low : first + high]
        found[item] = row
    return found
