"""Solving of a roster: CP-SAT (OR-Tools) over who works which shift on which day, heads by what they can do, breaks by how many
take them when, and what is missing; the least cost by the prices of the task.

A large task is solved for patterns of clerks first, and then for the persons of each pattern. How far a roster may be from the
best is told by the solver's bound, which for a large task knows nothing of wishes and evenness. One thread: the same task gives
the same roster, as long as the search comes to an end before its time does.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import floor
from operator import ge, mul
from typing import Any

from ortools.sat.python import cp_model

from staffing.practice import Shift
from staffing.rosters.judging import (
    MOVED_MIN,
    OVERTIME_MIN,
    compared,
    cost,
    counts_for,
    duty_points,
    fair_share,
    fair_slots,
    paid_points,
)
from staffing.rosters.task import (
    SATURDAY,
    SLOT_MIN,
    TENTHS,
    Clerk,
    DayNeed,
    Duty,
    Relaxation,
    Task,
    duty_of,
    lunches,
    moved,
    paid_min,
    patterns_of,
    rests,
    week_of,
)

SMALL = 60
"""Clerks × days up to which the whole is solved at once."""
PATTERNS_SHARE, PERSONS_SHARE = 0.5, 0.3
"""Of the time of a large task: for its patterns, and for its persons."""
LINEARISED = 2
"""CP-SAT's level of linear relaxation: heads are best bounded by linear programs; tried beside 1, which closed no small task."""
MOST_SPREAD = 100_000
"""Above any count of duties or quarters of an hour."""
LEAST_S = 0.5
OPEN_SLOTS = 16
"""A shift that nobody works counts as four hours without a head."""

Expr = Any
"""A number or an expression of the solver, whose own types do not add up."""
Pattern = tuple[str, ...]
Who = tuple[str, date, str]
"""A clerk, a day, a kind of shift."""


@dataclass(frozen=True, slots=True)
class Solution:
    """Duties by day and clerk; the points they cost, and below what no roster can go. `is_best`: none is better."""

    duties: tuple[Duty, ...]
    cost: int
    bound: int
    is_best: bool

    @property
    def gap(self) -> float:
        """By how much of its cost the roster may be above the best."""
        return max(0.0, (self.cost - self.bound) / self.cost) if self.cost > 0 else 0.0


def solve(task: Task, *, limit_s: float, seed: int = 1, hint: Iterable[Duty] = ()) -> Solution | None:
    """The roster, or None when the time was too short for any. The search begins at a hint."""
    known = tuple(hint)
    step = _in_two_steps if len(task.clerks) * len(task.days) > SMALL else _whole
    return step(task, limit_s, seed, known)


def improve(task: Task, base: Sequence[Duty], *, free: frozenset[date], limit_s: float, seed: int = 1) -> Solution | None:
    """A roster that differs from another on days `free` alone."""
    return _whole(task, limit_s, seed, tuple(base), frozenset(need.day for need in task.days) - free)


def _whole(task: Task, limit_s: float, seed: int, hint: Sequence[Duty], kept: frozenset[date] = frozenset()) -> Solution | None:
    model = _Model(task)
    model.by_persons(hint, kept)
    solver = _solver(limit_s, seed)
    state = solver.solve(model.cp)
    if state not in FOUND:
        return None
    duties = model.duties(solver)
    found = cost(task, duties)
    return Solution(duties, found, min(found, floor(solver.best_objective_bound + 1e-6)), state == cp_model.OPTIMAL)


def _in_two_steps(task: Task, limit_s: float, seed: int, hint: Sequence[Duty]) -> Solution | None:
    """Patterns first, then the persons of each. What nobody may work is left for a last look at the whole."""
    rough = _Model(task)
    rough.by_patterns(hint)
    solver = _solver(PATTERNS_SHARE * limit_s, seed)
    if solver.solve(rough.cp) not in FOUND:
        return None
    bound = floor(solver.best_objective_bound + 1e-6)
    counts = {key: solver.value(n) for key, n in rough.n.items()}
    turns = by_turns(task, counts, {key: solver.value(n) for key, n in rough.breaks.items()})
    duties: list[Duty] = []
    n_clerks = sum(map(len, rough.patterns.values()))
    for pattern, clerks in rough.patterns.items():
        own = [duty for duty in turns if duty.clerk in {clerk.name for clerk in clerks}]
        persons = _Model(task)
        persons.by_counts(pattern, counts, {key: solver.value(n) for key, n in rough.breaks.items()}, own)
        each = _solver(max(LEAST_S, PERSONS_SHARE * limit_s * len(clerks) / n_clerks), seed)
        duties += persons.duties(each) if each.solve(persons.cp) in FOUND else own
    made = tuple(sorted(duties, key=lambda duty: (duty.day, duty.clerk)))
    best = Solution(made, cost(task, made), bound, False)
    if len(made) < sum(counts.values()):
        again = _whole(task, max(LEAST_S, (1 - PATTERNS_SHARE - PERSONS_SHARE) * limit_s), seed, made)
        if again is not None and again.cost < best.cost:
            best = Solution(again.duties, again.cost, max(bound, again.bound), again.is_best)
    return best


def _solver(limit_s: float, seed: int) -> cp_model.CpSolver:
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = limit_s
    solver.parameters.random_seed = seed
    solver.parameters.num_workers = 1
    solver.parameters.linearization_level = LINEARISED
    return solver


FOUND = (cp_model.OPTIMAL, cp_model.FEASIBLE)


@dataclass
class _Model:
    """Variables by name: `x` a clerk works a shift, `n` so many of a pattern do, `breaks` so many of those begin a break then;
    `idle` are the other variables with what they are when nobody works."""

    task: Task
    cp: cp_model.CpModel = field(default_factory=cp_model.CpModel)
    x: dict[Who, cp_model.IntVar] = field(default_factory=dict)
    n: dict[tuple[date, Pattern, str], cp_model.IntVar] = field(default_factory=dict)
    breaks: dict[tuple[date, Pattern, str, int], cp_model.IntVar] = field(default_factory=dict)
    terms: list[Expr] = field(default_factory=list)
    idle: list[tuple[cp_model.IntVar, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.patterns = patterns_of(self.task)
        self.shifts: dict[str, Shift] = {shift.id: shift for shift in self.task.shifts}
        if Relaxation.SHIFT in self.task.relax:
            both = [moved(shift, by) for shift in self.task.shifts for by in (-MOVED_MIN, MOVED_MIN)]
            self.shifts |= {shift.id: shift for shift in both if shift is not None}
        self.before: dict[str, list[Duty]] = defaultdict(list)
        for duty in self.task.before:
            self.before[duty.clerk].append(duty)

    def by_patterns(self, hint: Sequence[Duty] = ()) -> None:
        """As if those who can do the same were one."""
        for need in self.task.days:
            for pattern, clerks in self.patterns.items():
                there = [clerk for clerk in clerks if self._may(clerk, need.day)]
                own = self._counts(need, pattern, len(there))
                self.cp.add(sum(own.values()) <= len(there))
                self.terms += [paid_points(self.task.prices.paid_slot, paid_min(self.shifts[s])) * n for s, n in own.items()]
            self._cover(need)
        for monday in {week_of(need.day) for need in self.task.days}:
            for pattern, clerks in self.patterns.items():
                self._mix(monday, pattern, clerks)
        self._hint(hint, frozenset())
        self.cp.minimize(sum(self.terms))

    def by_counts(
        self, pattern: Pattern, counts: Mapping[tuple[date, Pattern, str], int],
        breaks: Mapping[tuple[date, Pattern, str, int], int], hint: Sequence[Duty],
    ) -> None:  # fmt: skip
        """The persons of one pattern, for so many of each shift with breaks so; a shift for which nobody may stays open."""
        clerks = self.patterns[pattern]
        self.patterns = {pattern: clerks}
        for need in self.task.days:
            shifts = {s: n for (day, of, s), n in counts.items() if (day, of) == (need.day, pattern)}
            for clerk in clerks:
                self._duties_of(clerk, need.day, [s for s, n in shifts.items() if n])
            for s, n in shifts.items():
                own = [self.x[c.name, need.day, s] for c in clerks if (c.name, need.day, s) in self.x]
                filled = self.n[need.day, pattern, s] = self.cp.new_int_var(0, n, "")
                self.cp.add(filled == sum(own))
                self.terms.append(OPEN_SLOTS * TENTHS * self.task.prices.short_tenth * (n - filled))
        for (day, of, s, at), n in breaks.items():
            if of == pattern:
                self.breaks[day, of, s, at] = self.cp.new_int_var(0, n, "")
        for (day, of, s), filled in self.n.items():
            taken = [n for (d, p, z, _), n in self.breaks.items() if (d, p, z) == (day, of, s)]
            if taken:
                self.cp.add(sum(taken) == filled)
        for clerk in clerks:
            self._limit(clerk)
        self._spread(compared(self.task, clerks))
        self._stay()
        self._hint(hint, frozenset())
        self.cp.minimize(sum(self.terms))

    def by_persons(self, hint: Sequence[Duty], kept: frozenset[date]) -> None:
        for need in self.task.days:
            for pattern, clerks in self.patterns.items():
                own = self._counts(need, pattern, len(clerks))
                for clerk in clerks:
                    self._duties_of(clerk, need.day, list(own))
                for s, n in own.items():
                    self.cp.add(n == sum(self.x[c.name, need.day, s] for c in clerks if (c.name, need.day, s) in self.x))
            self._cover(need)
        for clerks in self.patterns.values():
            for clerk in clerks:
                self._limit(clerk)
            self._spread(compared(self.task, clerks))
        self._stay()
        self._hint(hint, kept)
        self.cp.minimize(sum(self.terms))

    def _mix(self, monday: date, pattern: Pattern, clerks: Sequence[Clerk]) -> None:
        """What the weeks of a pattern's clerks can hold at most: in minutes, and in shifts of at least each length."""
        week = [(s, n) for (day, of, s), n in self.n.items() if of == pattern and week_of(day) == monday]
        lengths = sorted({paid_min(self.shifts[s]) for s, _ in week}, reverse=True)
        days = [need.day for need in self.task.days if week_of(need.day) == monday]
        rooms = Counter(
            (max(0, self._room_min(clerk, monday)), min(self.task.days_in_a_row, sum(self._may(clerk, day) for day in days)))
            for clerk in clerks
        )
        kinds = [(weeks(room, most, lengths), n_clerks) for (room, most), n_clerks in rooms.items()]
        minutes = sum(max(sum(map(mul, kind, lengths)) for kind in each) * n_clerks for each, n_clerks in kinds)
        self.cp.add(sum(paid_min(self.shifts[s]) * n for s, n in week) <= minutes)
        for k, length in enumerate(lengths, 1):
            most = sum(max(sum(kind[:k]) for kind in each) * n_clerks for each, n_clerks in kinds)
            self.cp.add(sum(n for s, n in week if paid_min(self.shifts[s]) >= length) <= most)

    # Heads

    def _counts(self, need: DayNeed, pattern: Pattern, most: int) -> dict[str, cp_model.IntVar]:
        """How many of a pattern work each shift that meets any need of the day."""
        found = {}
        for s, shift in self.shifts.items():
            plain = duty_of("", need.day, shift, None)
            if not any(plain.works(t) for t in need.slots):
                continue
            found[s] = self.n[need.day, pattern, s] = self.cp.new_int_var(0, most, "")
            begins = lunches(shift)
            for at in begins:
                self.breaks[need.day, pattern, s, at] = self.cp.new_int_var(0, most, "")
            if begins:
                self.cp.add(sum(self.breaks[need.day, pattern, s, at] for at in begins) == found[s])
        return found

    def _heads(self, need: DayNeed, pattern: Pattern, t: int) -> Expr:
        """Of a pattern, at windows in a slot."""
        terms: list[Expr] = []
        for s, shift in self.shifts.items():
            n = self.n.get((need.day, pattern, s))
            if n is None or not duty_of("", need.day, shift, None).works(t):
                continue
            terms.append(n)
            for at in lunches(shift):
                if not duty_of("", need.day, shift, at).works(t):
                    terms.append(-1 * self.breaks[need.day, pattern, s, at])
        return sum(terms)

    def _cover(self, need: DayNeed) -> None:
        """What is missing, when heads are shared out as well as can be."""
        for t in need.slots:
            wanted = {group: tenths[t] for group, tenths in need.tenths.items() if tenths[t]}
            given: dict[str, list[Expr]] = {group: [] for group in wanted}
            for pattern in self.patterns:
                able = [group for group in pattern if group in wanted]
                if not able:
                    continue
                heads = TENTHS * self._heads(need, pattern, t)
                if len(able) == 1:
                    given[able[0]].append(heads)
                    continue
                parts = {group: self.cp.new_int_var(0, wanted[group], "") for group in able}
                self.cp.add(sum(parts.values()) <= heads)
                self.idle += [(part, 0) for part in parts.values()]
                for group, part in parts.items():
                    given[group].append(part)
            for group, tenths in wanted.items():
                lack = self.cp.new_int_var(0, tenths, "")
                self.idle.append((lack, tenths))
                self.cp.add(lack + sum(given[group]) >= tenths)
                self.terms.append(self.task.prices.short_tenth * lack)

    # Persons

    def _may(self, clerk: Clerk, day: date) -> bool:
        if day not in self.task.away.get(clerk.name, ()):
            return True
        return Relaxation.LEAVE in self.task.relax and day in self.task.movable.get(clerk.name, ())

    def _room_min(self, clerk: Clerk, monday: date) -> int:
        """Minutes that a clerk may still work in a week."""
        done = sum(duty.paid_min for duty in self.before[clerk.name] if week_of(duty.day) == monday)
        return round(60 * clerk.week_h) - done + (OVERTIME_MIN if Relaxation.OVERTIME in self.task.relax else 0)

    def _duties_of(self, clerk: Clerk, day: date, shifts: Sequence[str]) -> None:
        if not self._may(clerk, day):
            return
        for s in shifts:
            duty = duty_of(clerk.name, day, self.shifts[s], next(iter(lunches(self.shifts[s])), None))
            if all(rests(earlier, duty, self.task.rest_min) for earlier in self.before[clerk.name] if earlier.day < day):
                works = self.x[clerk.name, day, s] = self.cp.new_bool_var("")
                self.terms.append(duty_points(self.task, clerk, duty) * works)
        self.cp.add_at_most_one(self.x[clerk.name, day, s] for s in shifts if (clerk.name, day, s) in self.x)

    def _limit(self, clerk: Clerk) -> None:
        own = [(day, s, works) for (name, day, s), works in self.x.items() if name == clerk.name]
        for monday in {week_of(day) for day, _, _ in own}:
            room = self._room_min(clerk, monday)
            minutes = sum(paid_min(self.shifts[s]) * works for day, s, works in own if week_of(day) == monday)
            if Relaxation.OVERTIME in self.task.relax:
                over = self.cp.new_int_var(0, OVERTIME_MIN // SLOT_MIN, "")
                self.cp.add(minutes <= max(0, room - OVERTIME_MIN) + SLOT_MIN * over)
                self.terms.append(self.task.prices.overtime_slot * over)
            else:
                self.cp.add(minutes <= max(0, room))
        for day, s, works in own:
            for later, z, other in own:
                if 0 < (later - day).days <= 1 + self.task.rest_min // 1440 and not self._rests(day, s, later, z):
                    self.cp.add_implication(works, ~other)
        on: dict[date, list[cp_model.IntVar]] = defaultdict(list)
        for day, _, works in own:
            on[day].append(works)
        worked = {duty.day for duty in self.before[clerk.name]}
        for last in on:
            row = [last - timedelta(days=back) for back in range(self.task.days_in_a_row + 1)]
            if all(day in on or day in worked for day in row):
                most = self.task.days_in_a_row - sum(day in worked and day not in on for day in row)
                self.cp.add(sum(works for day in row for works in on.get(day, ())) <= most)

    def _rests(self, day: date, s: str, later: date, z: str) -> bool:
        return rests(duty_of("", day, self.shifts[s], None), duty_of("", later, self.shifts[z], None), self.task.rest_min)

    def _spread(self, even: Sequence[Clerk]) -> None:
        """Early, late and Saturday duties, and hours, of those who can do the same."""
        if not even:
            return
        kinds = counts_for(self.task)
        most_h = max(clerk.week_h for clerk in even)
        rows: list[list[Expr]] = [[], [], [], []]
        for clerk in even:
            share = fair_share(self.task, clerk, most_h)
            sums: list[Expr] = [*clerk.carried, 0]
            for (name, day, s), works in self.x.items():
                if name != clerk.name:
                    continue
                early, late = kinds.get(s, (False, False))
                weights = (early, late, day.weekday() == SATURDAY, fair_slots(paid_min(self.shifts[s]), share))
                sums = [total + int(weight) * works if weight else total for total, weight in zip(sums, weights, strict=True)]
            for row, total in zip(rows, sums, strict=True):
                row.append(total)
        prices = self.task.prices
        for row, price in zip(rows, (prices.spread, prices.spread, prices.spread, prices.hours_slot), strict=True):
            most, least = (self.cp.new_int_var(0, MOST_SPREAD, "") for _ in range(2))
            for total in row:
                self.cp.add(most >= total)
                self.cp.add(least <= total)
            self.terms.append(price * (most - least))

    def _stay(self) -> None:
        """What differs from the roster in force."""
        was = {(duty.clerk, duty.day): duty.shift for duty in self.task.standing}
        planned = {duty.day for duty in self.task.standing}
        on: Mapping[tuple[str, date], list[cp_model.IntVar]] = defaultdict(list)
        for (name, day, _), works in self.x.items():
            on[name, day].append(works)
        for clerks in self.patterns.values():
            for clerk in clerks:
                for need in self.task.days:
                    if need.day not in planned:
                        continue
                    shift = was.get((clerk.name, need.day))
                    same = self.x.get((clerk.name, need.day, shift)) if shift is not None else None
                    if shift is not None:
                        self.terms.append(self.task.prices.change * (1 - same if same is not None else 1))
                    else:
                        self.terms.append(self.task.prices.change * sum(on[clerk.name, need.day]))

    def _hint(self, hint: Sequence[Duty], kept: frozenset[date]) -> None:
        if not hint:  # a roster without anybody is where the search can begin
            for value, at_rest in (*self.idle, *((v, 0) for v in (*self.x.values(), *self.n.values(), *self.breaks.values()))):
                self.cp.add_hint(value, at_rest)
            return
        told = {(duty.clerk, duty.day, duty.shift) for duty in hint}
        taken: dict[tuple[date, Pattern, str, int], int] = defaultdict(int)
        counts: dict[tuple[date, Pattern, str], int] = defaultdict(int)
        pattern_by_name = {clerk.name: pattern for pattern, clerks in self.patterns.items() for clerk in clerks}
        for duty in hint:
            pattern = pattern_by_name.get(duty.clerk)
            if pattern is not None and (duty.clerk, duty.day, duty.shift) in self.x:
                counts[duty.day, pattern, duty.shift] += 1
                if duty.lunch is not None:
                    taken[duty.day, pattern, duty.shift, duty.lunch[0]] += 1
        for who, works in self.x.items():
            self.cp.add_hint(works, who in told)
            if who[1] in kept:
                self.cp.add(works == (who in told))
        for key, n in self.n.items():
            self.cp.add_hint(n, counts[key])
        for spot, n in self.breaks.items():
            self.cp.add_hint(n, taken[spot])

    def duties(self, solver: cp_model.CpSolver) -> tuple[Duty, ...]:
        """Breaks are taken by turns among those who work the same shift."""
        found: list[Duty] = []
        for (day, pattern, s), _ in self.n.items():
            who = [c.name for c in self.patterns[pattern] if (key := (c.name, day, s)) in self.x and solver.value(self.x[key])]
            turn = day.toordinal() % len(who) if who else 0
            begins = [at for at in lunches(self.shifts[s]) for _ in range(solver.value(self.breaks[day, pattern, s, at]))]
            times: Sequence[int | None] = begins or [None] * len(who)
            found += [duty_of(name, day, self.shifts[s], at) for name, at in zip(who[turn:] + who[:turn], times, strict=True)]
        return tuple(sorted(found, key=lambda duty: (duty.day, duty.clerk)))


def weeks(room_min: int, days: int, lengths: Sequence[int]) -> list[tuple[int, ...]]:
    """The fullest weeks of one clerk: how many shifts of each length fit into his minutes and days, so that no more would.

    >>> weeks(10 * 60, 3, (4 * 60, 3 * 60))
    [(2, 0), (1, 2), (0, 3)]
    """
    if not lengths:
        return [()]
    found: list[tuple[int, ...]] = []

    def fill(before: tuple[int, ...], room: int, left: int) -> None:
        length = lengths[len(before)]
        most = min(left, room // length) if length else left
        if len(before) == len(lengths) - 1:
            found.append((*before, most))
            return
        for n in range(most, -1, -1):
            fill((*before, n), room - n * length, left - n)

    fill((), room_min, days)
    return [kind for kind in found if not any(other != kind and all(map(ge, other, kind)) for other in found)]


def by_turns(
    task: Task, counts: Mapping[tuple[date, Pattern, str], int], breaks: Mapping[tuple[date, Pattern, str, int], int]
) -> list[Duty]:
    """People for shifts of patterns, day by day: who has worked least of those who may; where nobody may, it stays open."""
    patterns = patterns_of(task)
    shifts = _Model(task).shifts
    done: dict[str, list[Duty]] = defaultdict(list)
    for duty in task.before:
        done[duty.clerk].append(duty)
    made: list[Duty] = []
    for need in task.days:
        for pattern, clerks in patterns.items():
            free = [clerk for clerk in clerks if need.day not in task.away.get(clerk.name, ())]
            wanted = [s for (day, of, s), n in counts.items() if (day, of) == (need.day, pattern) for _ in range(n)]
            begins = {s: [at for at in lunches(shifts[s]) for _ in range(breaks[need.day, pattern, s, at])] for s in {*wanted}}
            for s in sorted(wanted, key=lambda s: -paid_min(shifts[s])):
                at = begins[s].pop() if begins[s] else None
                rank = {c.name: (_dislikes(c, need.day, s), _worked(done[c.name]) / max(c.week_h, 1.0), c.name) for c in free}
                for clerk in sorted(free, key=lambda c: rank[c.name]):
                    duty = duty_of(clerk.name, need.day, shifts[s], at)
                    if _fits(task, clerk, duty, done[clerk.name]):
                        done[clerk.name].append(duty)
                        made.append(duty)
                        free.remove(clerk)
                        break
    return made


def _dislikes(clerk: Clerk, day: date, shift: str) -> int:
    return (day.weekday() in clerk.off_weekdays) + (bool(clerk.shifts) and shift not in clerk.shifts)


def _worked(duties: Iterable[Duty]) -> int:
    return sum(duty.paid_min for duty in duties)


def _fits(task: Task, clerk: Clerk, duty: Duty, done: Sequence[Duty]) -> bool:
    if not all(rests(earlier, duty, task.rest_min) for earlier in done):
        return False
    week = sum(each.paid_min for each in done if week_of(each.day) == week_of(duty.day))
    if week + duty.paid_min > 60 * clerk.week_h:
        return False
    worked = {each.day for each in done}
    return not all(duty.day - timedelta(days=back) in worked for back in range(1, task.days_in_a_row + 1))
