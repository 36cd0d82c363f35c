"""The task of a roster: days with the heads that are needed by quarter of an hour, clerks with what they can do, kinds of shifts,
and the limits that no roster may cross; and a duty, of which a roster is made.

Minutes of the local day; a slot is a quarter of an hour from local midnight on. Items that the same clerks can do are one group,
named by its items joined with ";"; clerks who can do the same groups are of one pattern.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from types import MappingProxyType

from domain.labels import Labelled
from staffing.practice import Shift

SLOT_MIN = 15
DAY_SLOTS = 96
TENTHS = 10
"""Heads are reckoned in tenths: a clerk who can do several groups shares the quarter of an hour between them."""
SATURDAY = 5


class Relaxation(Labelled):
    """What may be given way on, when the needs cannot be met otherwise; each has a price."""

    OVERTIME = "overtime", "加班", "extra hours"
    SHIFT = "shift", "调整班次时间", "a shift moved by an hour"
    LEAVE = "leave", "调整休假", "leave moved"
    SKILL = "skill", "增加技能", "a clerk who learns more"


@dataclass(frozen=True, slots=True)
class Prices:
    """What a roster costs, in points; a paid quarter of an hour is 10. A quarter of an hour in which a tenth of a head is missing
    counts as half a paid hour, so that needs are met wherever people and limits allow. Wishes and evenness count less than an
    hour or two; these are our choices, and the page shows what came of them."""

    short_tenth: int = 20
    paid_slot: int = 10
    wish: int = 40
    change: int = 20
    spread: int = 20
    hours_slot: int = 1
    overtime_slot: int = 5
    shift: int = 60
    leave: int = 320
    skill: int = 800


@dataclass(frozen=True, slots=True)
class Clerk:
    """Who can work: by pseudonym, with the items he can do, hours a week at most, and wishes: weekdays off (Monday 0), shifts
    liked (none: any). `carried` are early, late and Saturday duties of the weeks before, in this order."""

    name: str
    skills: frozenset[str]
    week_h: float
    off_weekdays: frozenset[int] = frozenset()
    shifts: frozenset[str] = frozenset()
    carried: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class DayNeed:
    """A local day and its kind; by group the heads needed in each slot of the day, in tenths."""

    day: date
    kind: str
    tenths: Mapping[str, tuple[int, ...]]

    @property
    def slots(self) -> range:
        """From the first slot in which anybody is needed to the last."""
        busy = [t for heads in self.tenths.values() for t, n in enumerate(heads) if n]
        return range(min(busy), max(busy) + 1) if busy else range(0)


@dataclass(frozen=True, slots=True)
class Duty:
    """Somebody's working day: from when to when, with the break; `shift` is the kind of shift."""

    clerk: str
    day: date
    shift: str
    start_min: int
    end_min: int
    lunch: tuple[int, int] | None = None

    @property
    def paid_min(self) -> int:
        return self.end_min - self.start_min - (self.lunch[1] - self.lunch[0] if self.lunch else 0)

    def works(self, slot: int) -> bool:
        """Whether he is at a window for the whole of a slot of the day."""
        begins, ends = slot * SLOT_MIN, (slot + 1) * SLOT_MIN
        is_there = self.start_min <= begins and ends <= self.end_min
        return is_there and not (self.lunch is not None and self.lunch[0] < ends and self.lunch[1] > begins)


@dataclass(frozen=True, slots=True)
class Eased:
    """What a relaxation would do: hours of heads that are missing less, its price in points, the duties that use it, extra
    minutes by clerk, and the group that somebody learns."""

    kind: Relaxation
    saved_h: float
    points: int
    duties: tuple[Duty, ...] = ()
    extra_min: tuple[tuple[str, int], ...] = ()
    learner: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """What a roster is asked to do. `away`: days on which clerks are absent, `movable` those of them that are leave; `before`:
    duties of the days before, which count for rest, days in a row and hours of the week; `standing`: duties of a roster that is
    in force on these days, to which the new one keeps where it can. `relax`: what may be given way on."""

    hall_id: str
    days: tuple[DayNeed, ...]
    clerks: tuple[Clerk, ...]
    shifts: tuple[Shift, ...]
    rest_min: int
    days_in_a_row: int
    away: Mapping[str, frozenset[date]] = field(default_factory=dict)
    movable: Mapping[str, frozenset[date]] = field(default_factory=dict)
    before: tuple[Duty, ...] = ()
    standing: tuple[Duty, ...] = ()
    prices: Prices = field(default_factory=Prices)
    relax: frozenset[Relaxation] = frozenset()

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(group for need in self.days for group in need.tenths))


def minute_of(at: time) -> int:
    return 60 * at.hour + at.minute


def paid_min(shift: Shift) -> int:
    return round(60 * shift.paid_h)


def lunches(shift: Shift) -> tuple[int, ...]:
    """The minutes at which the break of a shift may begin, a quarter of an hour apart; none for a shift without one.

    >>> lunches(Shift("day", "", "", time(9), time(17), (time(12), time(13)), 30))
    (720, 735, 750)
    """
    if shift.lunch is None:
        return ()
    first, last = minute_of(shift.lunch[0]), minute_of(shift.lunch[1]) - shift.lunch_min
    return tuple(range(first, last + 1, SLOT_MIN))


def duty_of(clerk: str, day: date, shift: Shift, lunch_min: int | None) -> Duty:
    lunch = None if lunch_min is None else (lunch_min, lunch_min + shift.lunch_min)
    return Duty(clerk, day, shift.id, minute_of(shift.start), minute_of(shift.end), lunch)


def moved(shift: Shift, by_min: int) -> Shift | None:
    """The shift so many minutes later, with its break; None where it would not lie within the day."""
    spots = [minute_of(at) + by_min for at in (shift.start, shift.end, *(shift.lunch or ()))]
    if min(spots) < 0 or max(spots) >= 24 * 60:
        return None
    start, end, *lunch = (time(spot // 60, spot % 60) for spot in spots)
    sign = "+" if by_min > 0 else "-"
    hours = abs(by_min) / 60
    return Shift(
        f"{shift.id}{sign}{hours:g}h", f"{shift.zh}（{sign}{hours:g} 小时）", f"{shift.en} ({sign}{hours:g} h)", start, end,
        (lunch[0], lunch[1]) if lunch else None, shift.lunch_min,
    )  # fmt: skip


def rests(before: Duty, after: Duty, rest_min: int) -> bool:
    """Whether so much time lies between two duties of different days."""
    return ((after.day - before.day).days * 24 * 60 + after.start_min - before.end_min) >= rest_min


def week_of(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def groups_of(items: Sequence[str], clerks: Iterable[Clerk]) -> dict[str, tuple[str, ...]]:
    """Items by group, in the order in which they are given: those that the same clerks can do."""
    able: dict[frozenset[str], list[str]] = {}
    known = tuple(clerks)
    for item in items:
        able.setdefault(frozenset(c.name for c in known if item in c.skills), []).append(item)
    return {";".join(each): tuple(each) for each in able.values()}


def members(group: str) -> tuple[str, ...]:
    """The items of a group."""
    return tuple(group.split(";"))


def pattern_of(clerk: Clerk, groups: Iterable[str]) -> tuple[str, ...]:
    """The groups that a clerk can do: all items of a group, or none of them."""
    return tuple(group for group in groups if members(group)[0] in clerk.skills)


def patterns_of(task: Task) -> dict[tuple[str, ...], tuple[Clerk, ...]]:
    """Clerks by what they can do of what is needed, in their order; who can do nothing of it is left out."""
    found: dict[tuple[str, ...], list[Clerk]] = {}
    for clerk in task.clerks:
        if pattern := pattern_of(clerk, task.groups):
            found.setdefault(pattern, []).append(clerk)
    return {pattern: tuple(clerks) for pattern, clerks in found.items()}


def early_and_late(shifts: Sequence[Shift]) -> Mapping[str, tuple[bool, bool]]:
    """Which kinds of shifts begin before the most usual of them begins, and which end after it ends: the longest is the usual."""
    usual = max(shifts, key=lambda shift: (shift.paid_h, shift.id))
    return MappingProxyType({shift.id: (shift.start < usual.start, shift.end > usual.end) for shift in shifts})
