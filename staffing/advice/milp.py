"""The plan: which windows to open or turn to other items in each quarter of an hour, as a mixed integer program.

    minimise  Σ waiting · step + Σ missing · price + move cost · moves + a little for every hour opened

over groups of items and intervals: people who wait are a fluid, waiting ≥ waiting before · e^(−step ÷ patience) + arrivals −
windows given · step ÷ occupied; `missing` are the windows short of what nine in ten on time needs
(`staffing.advice.requirements`), each of which makes its share of the customers wait a target longer. Windows that are alike
are one row; each may serve what is usual for it, or one of the sets of items that whoever sits there can do, for
`least_open_s` at least; breaks stay; of those without a window no more are called than there are; at most `most_moves` begin.
Solved by HiGHS (`scipy.optimize.milp`) within a time limit; the event simulation judges what it finds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from staffing.advice.requirements import Stream, needed
from staffing.advice.schedule import BREAK_S, Move, Reserve, Seat
from staffing.futures import Floats, Ints, Post

OPEN_PRICE = 0.02
"""Customer-seconds that a second of an opened window costs: without it a window that is no longer needed might as well stay."""
NARROW_PRICE = 0.1
"""What a second costs in which somebody does less than he can: a window that serves many items is worth more than the mean of its
work says, because it takes whoever has waited longest."""
GAP = 0.02
LEAST_PIECE_S = 600.0
"""What a break leaves of a move is not worth its trouble when it is shorter."""
MOST_SETS = 10


@dataclass(frozen=True)
class Task:
    """What is to be planned: usual posts, what each window can be asked for, who is in reserve, the customers of each group from
    `start_s` on in bins of `step_s`."""

    posts: Sequence[Post]
    seats: Sequence[Seat]
    reserve: Sequence[Reserve]
    streams: Sequence[Stream]
    start_s: float
    step_s: float
    target_s: float
    move_cost_s: float
    least_open_s: float
    most_moves: int = 10
    turns: bool = True
    """Whether windows that are open may be turned to other items."""

    @property
    def n_bins(self) -> int:
        return len(self.streams[0].arrivals)

    @property
    def edges(self) -> Floats:
        return np.asarray(self.start_s + self.step_s * np.arange(self.n_bins + 1), np.float64)


@dataclass
class _Kind:
    """Windows that are alike: what they usually serve (bins) and for which share of each, and the options beside: (items, which
    reserve: −1 for whoever belongs to the window, bins in which it can be)."""

    windows: list[int]
    usual: tuple[tuple[int, ...], ...]
    shares: tuple[float, ...]
    options: list[tuple[tuple[int, ...], int, tuple[bool, ...]]]
    n_skills: int = 1


@dataclass
class _Program:
    """Columns with their costs and bounds, rows with their coefficients, as they are thought of."""

    costs: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)
    entries: tuple[list[int], list[int], list[float]] = field(default_factory=lambda: ([], [], []))
    low: list[float] = field(default_factory=list)

    def column(self, cost: float, upper: float = math.inf, *, is_whole: bool = False) -> int:
        self.costs.append(cost)
        self.upper.append(upper)
        self.whole.append(int(is_whole))
        return len(self.costs) - 1

    def at_least(self, low: float, terms: Iterable[tuple[int, float]]) -> None:
        """Σ coefficient · column ≥ low."""
        rows, columns, values = self.entries
        for column, value in terms:
            rows.append(len(self.low))
            columns.append(column)
            values.append(value)
        self.low.append(low)

    def solved(self, limit_s: float) -> Floats | None:
        rows, columns, values = self.entries
        matrix = coo_array((values, (rows, columns)), shape=(len(self.low), len(self.costs))).tocsr()
        found = milp(
            np.array(self.costs), integrality=np.array(self.whole), bounds=Bounds(0, np.array(self.upper)),
            constraints=[LinearConstraint(matrix, np.array(self.low), np.inf)],
            options={"time_limit": limit_s, "mip_rel_gap": GAP},
        )  # fmt: skip
        return None if found.x is None else np.asarray(found.x)


def planned(task: Task, *, limit_s: float = 1.0) -> list[Move]:
    """The moves of the best plan that was found in time; none where nothing is short or nobody can be asked."""
    if not task.streams or not task.n_bins:
        return []
    needs = [needed(stream, task.target_s, task.step_s) for stream in task.streams]
    pools = _pools(task.reserve)
    kinds = _kinds(task, pools)
    program = _Program()
    chosen, given = _windows(program, task, kinds, pools)
    for g, stream in enumerate(task.streams):
        _customers(program, task, stream, needs[g], given.get(g, {}))
    x = program.solved(limit_s) if any(program.whole) else None
    if x is None:
        return []
    return [move for kind, of in zip(kinds, chosen, strict=True) for move in _moves(task, kind, of, x, pools)]


def _pools(reserve: Sequence[Reserve]) -> list[tuple[tuple[int, ...], list[str]]]:
    """Who is in reserve, by what they can do: the most skilled last."""
    found: dict[tuple[int, ...], list[str]] = {}
    for each in reserve:
        found.setdefault(tuple(sorted(each.skills)), []).append(each.clerk)
    return sorted(found.items(), key=lambda pool: (len(pool[0]), pool[0]))


def _kinds(task: Task, pools: Sequence[tuple[tuple[int, ...], list[str]]]) -> list[_Kind]:
    sets = _sets(task)
    by_window: dict[int, list[Post]] = {}
    for post in task.posts:
        by_window.setdefault(post.window, []).append(post)
    seats = {seat.window: seat for seat in task.seats}
    found: dict[object, _Kind] = {}
    for window in sorted(by_window.keys() | seats.keys()):
        usual, shares, is_free = _usual(by_window.get(window, []), task.edges)
        seat = seats.get(window, Seat(window, ()))
        skills = tuple(sorted(seat.skills)) if seat.is_able else ()
        key = (usual, shares, is_free, skills, seat.is_able)
        if key not in found:
            callables = pools if seat.is_able and not skills else ()
            options = _options(sets, skills, usual, shares, is_free, callables, turns=task.turns)
            found[key] = _Kind([], usual, shares, options, len(skills))
        found[key].windows.append(window)
    return list(found.values())


def _sets(task: Task) -> list[tuple[int, ...]]:
    """Sets of items that a window may be given: each group by itself, and what windows serve today."""
    seen = {tuple(sorted(post.items)) for post in task.posts}
    groups = [tuple(sorted(stream.items)) for stream in task.streams]
    return [*dict.fromkeys([*groups, *sorted(seen, key=lambda items: (len(items), items))])][:MOST_SETS]


def _usual(posts: Sequence[Post], edges: Floats) -> tuple[tuple[tuple[int, ...], ...], tuple[float, ...], tuple[bool, ...]]:
    """Of each bin: what a window serves, for which share of it, and whether it could be opened then: it is closed, for no
    break."""
    n = len(edges) - 1
    items: list[tuple[int, ...]] = [()] * n
    shares = np.zeros(n)
    for post in posts:
        here = np.zeros(n)
        for since, until in post.spans:
            here += np.clip(np.minimum(until, edges[1:]) - np.maximum(since, edges[:-1]), 0, None) / np.diff(edges)
        for k in np.flatnonzero(here > shares):
            items[k] = tuple(sorted(post.items))
        shares = np.maximum(shares, here)
    breaks = breaks_of(posts)
    is_free = [
        bool(share < 0.05) and not any(since < edges[k + 1] and until > edges[k] for since, until in breaks)
        for k, share in enumerate(shares)
    ]
    return tuple(items), tuple(float(s) for s in np.round(shares, 1)), tuple(is_free)


def breaks_of(posts: Sequence[Post]) -> list[tuple[float, float]]:
    """When a window is usually closed for a short while between two times that it is open."""
    spans = sorted(span for post in posts for span in post.spans)
    gaps = [(until, since) for (_, until), (since, _) in zip([(0.0, 0.0), *spans], spans, strict=False) if since > until]
    return [(begin, end) for begin, end in gaps if 0 < end - begin <= BREAK_S and end > 0]


def _options(
    sets: Sequence[tuple[int, ...]], skills: tuple[int, ...], usual: Sequence[tuple[int, ...]], shares: Sequence[float],
    is_free: Sequence[bool], pools: Sequence[tuple[tuple[int, ...], list[str]]], *, turns: bool,
) -> list[tuple[tuple[int, ...], int, tuple[bool, ...]]]:  # fmt: skip
    found = []
    for can, which in ((skills, -1), *((pool, r) for r, (pool, _) in enumerate(pools))):
        for items in dict.fromkeys([can, *(s for s in sets if set(s) <= set(can))]):
            possible = tuple(
                bool(items) and (is_free[k] or (turns and which < 0 and shares[k] > 0 and usual[k] != items))
                for k in range(len(usual))
            )
            if any(possible):
                found.append((items, which, possible))
    return found


_Chosen = dict[tuple[int, int], int]
"""(option, bin) → column of how many windows of a kind take it."""
_Given = dict[int, dict[int, list[int]]]
"""Group → bin → columns of windows given to it."""


def _windows(
    program: _Program, task: Task, kinds: Sequence[_Kind], pools: Sequence[tuple[tuple[int, ...], list[str]]]
) -> tuple[list[_Chosen], _Given]:
    """Columns and rows of how many windows of each kind do what, and whom they are given to."""
    given: _Given = {}
    chosen: list[_Chosen] = []
    called: dict[tuple[int, int], list[int]] = {}
    moves: list[int] = []
    least = max(1, math.ceil(task.least_open_s / task.step_s))
    for kind in kinds:
        n, of = len(kind.windows), _Chosen()
        for o, (items, which, possible) in enumerate(kind.options):
            begun: list[int] = []
            for k in range(task.n_bins):
                is_opened = kind.shares[k] < 0.05
                narrow = 1 - len(items) / max(len(pools[which][0]) if which >= 0 else kind.n_skills, 1)
                cost = task.step_s * ((OPEN_PRICE if is_opened else 0.0) + NARROW_PRICE * narrow)
                x = of[o, k] = program.column(cost, n if possible[k] else 0, is_whole=possible[k])
                begins = program.column(task.move_cost_s)
                begun.append(begins)
                moves.append(begins)
                program.at_least(0, [(begins, 1.0), (x, -1.0), *([(of[o, k - 1], 1.0)] if k else [])])
                program.at_least(0, [(x, 1.0), *((b, -1.0) for b in begun[max(0, k - least + 1) :])])
                if which >= 0:
                    called.setdefault((which, k), []).append(x)
                if possible[k]:
                    _give(program, task, given, items, k, [(x, 1.0 if is_opened else kind.shares[k])], 0.0)
        for k in range(task.n_bins):
            others = [of[o, k] for o, option in enumerate(kind.options) if option[2][k]]
            if others:
                program.at_least(-n, [(x, -1.0) for x in others])
            if kind.shares[k] > 0:
                _give(program, task, given, kind.usual[k], k, [(x, -kind.shares[k]) for x in others], n * kind.shares[k])
        chosen.append(of)
    program.at_least(-task.most_moves, [(begins, -1.0) for begins in moves])
    for (which, _), columns in called.items():
        program.at_least(-len(pools[which][1]), [(x, -1.0) for x in columns])
    return chosen, given


def _give(
    program: _Program, task: Task, given: _Given, items: tuple[int, ...], k: int, of: Sequence[tuple[int, float]], fixed: float
) -> None:
    """Windows given to the groups that they can serve: together no more than there are."""
    parts = []
    for g, stream in enumerate(task.streams):
        if set(stream.items) <= set(items):
            part = program.column(0.0)
            parts.append(part)
            given.setdefault(g, {}).setdefault(k, []).append(part)
    if parts:
        program.at_least(-fixed, [*of, *((part, -1.0) for part in parts)])


def _customers(program: _Program, task: Task, stream: Stream, needs: Ints, given: dict[int, list[int]]) -> None:
    """Columns and rows of who waits in a group, and of the windows it is short of."""
    stays = math.exp(-task.step_s / max(stream.patience_s, 1.0))
    before: int | None = None
    for k in range(task.n_bins):
        served = task.step_s / max(stream.occupied_s, 1.0)
        waiting = program.column(task.step_s)
        came = float(stream.arrivals[k]) + (stays * stream.waiting if before is None else 0.0)
        terms = [(waiting, 1.0), *((part, served) for part in given.get(k, ()))]
        program.at_least(came, terms if before is None else [*terms, (before, -stays)])
        price = task.target_s * float(stream.arrivals[k]) / max(int(needs[k]), 1)
        program.at_least(float(needs[k]), [(program.column(price), 1.0), *((part, 1.0) for part in given.get(k, ()))])
        before = waiting


def _moves(task: Task, kind: _Kind, chosen: _Chosen, x: Floats, pools: Sequence[tuple[tuple[int, ...], list[str]]]) -> list[Move]:
    """Windows by number: whoever takes an option keeps it while as many are wanted, and the first to take it is the first to
    leave it."""
    taken: dict[int, tuple[int, int]] = {}
    found: list[Move] = []
    n = task.n_bins

    def ends(window: int, k: int) -> None:
        o, since = taken.pop(window)
        found.extend(_pieces(task, kind, window, o, task.edges[since], task.edges[k], pools))

    for k in range(n):
        wanted = {o: round(float(x[chosen[o, k]])) for o in range(len(kind.options))}
        for o, count in wanted.items():
            holders = sorted((window for window, (of, _) in taken.items() if of == o), key=lambda w: (taken[w][1], w))
            for window in holders[: max(0, len(holders) - count)]:
                ends(window, k)
        for o, count in wanted.items():
            free = [window for window in kind.windows if window not in taken]
            for window in free[: count - sum(of == o for of, _ in taken.values())]:
                taken[window] = o, k
    for window in sorted(taken):
        ends(window, n)
    return found


def _pieces(
    task: Task, kind: _Kind, window: int, option: int, since: float, until: float,
    pools: Sequence[tuple[tuple[int, ...], list[str]]],
) -> Iterable[Move]:  # fmt: skip
    """A move less the breaks of whoever sits there."""
    items, which, _ = kind.options[option]
    serves = tuple(item for stream in task.streams if set(stream.items) <= set(items) for item in stream.items)
    clerk = pools[which][1][0] if which >= 0 and len(pools[which][1]) == 1 else None
    spans = [(since, until)]
    for begin, end in breaks_of([post for post in task.posts if post.window == window]):
        spans = [piece for a, b in spans for piece in ((a, min(b, begin)), (max(a, end), b)) if piece[0] < piece[1]]
    for a, b in spans:
        if b - a >= LEAST_PIECE_S:
            yield Move(window, float(a), float(b), items, clerk, serves)
