"""The ground of advice: one hall at one moment as a plan needs it, from its floor, its past and what is expected.

Times are seconds from now, items by their numbers (`staffing.outlook.item_order`). Who can be asked for what: a window that was
open today or usually is has somebody who can do at least what was served there; registered skills add to it. A window that nobody
belongs to can be opened by somebody who is registered, not absent and at no window.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from domain.halls import WindowAnswer, WindowState
from staffing.advice.requirements import Stream, groups_of, streams
from staffing.advice.schedule import Move, Reserve, Seat, applied
from staffing.advice.verification import SLOT_S
from staffing.demand import Demand
from staffing.floor import Day, Floor, Stage
from staffing.futures import Floats, Futures, Post
from staffing.outlook import futures_of, item_order, usual_posts
from staffing.profiles import Profile

WORD_OF_MOUTH_S = 120.0
"""Until somebody at the counter has been told."""
CLOCK_S = 300.0
"""Moves begin at whole five minutes."""
BY_ITEM = (WindowAnswer.NO_SKILL, WindowAnswer.NOT_OFFERED)
"""Answers that speak of the items and not of the window."""


class Present(NamedTuple):
    """Somebody registered who is not absent today: pseudonym and items."""

    clerk: str
    skills: tuple[str, ...]


class Refusal(NamedTuple):
    """What a hall refused lately: the window, and the items it was asked for where that is why."""

    window: int
    items: tuple[str, ...]
    answer: str


class Pending(NamedTuple):
    """What a window will be told."""

    window: int
    due_at: datetime
    state: WindowState
    items: tuple[str, ...]


@dataclass(frozen=True)
class Now:
    """What a window is."""

    state: WindowState
    items: tuple[str, ...]
    clerk: str | None


@dataclass(frozen=True)
class Ground:
    """`edges` are the quarters of an hour of the clock from the present one on, `closes_s` when the last ticket is usually given,
    `start_s` the first moment at which windows can be moved. `posts` are what windows do by themselves, `day_posts` the same to
    the end of the day."""

    hall_id: str
    now: datetime
    items: tuple[str, ...]
    futures: Futures
    posts: tuple[Post, ...]
    day_posts: tuple[Post, ...]
    seats: tuple[Seat, ...]
    reserve: tuple[Reserve, ...]
    windows: Mapping[int, Now]
    edges: Floats
    closes_s: float
    start_s: float
    n_waiting: int
    profile_days: int
    demand_basis: str
    day_kind: str = ""

    @property
    def horizon_s(self) -> float:
        return float(self.edges[-1])

    @property
    def first_slot(self) -> datetime:
        return self.now + timedelta(seconds=float(self.edges[0]))

    def at(self, seconds: float) -> datetime:
        return self.now + timedelta(seconds=seconds)

    def numbers(self, items: Iterable[str]) -> tuple[int, ...]:
        """Items by number, without those that nobody comes for."""
        return tuple(self.items.index(item) for item in items if item in self.items)

    def groups(self) -> list[Stream]:
        """The groups of items with their customers, in bins from `start_s` on."""
        groups = groups_of([post.items for post in self.posts], len(self.items))
        at_work = np.zeros(len(groups))
        busy = dict(zip(self.futures.windows, self.futures.busy_s.max(axis=0), strict=True)) if self.futures.n else {}
        for post in self.posts:
            mine = [g for g, items in enumerate(groups) if set(items) <= set(post.items)]
            if mine and busy.get(post.window, 0.0) > 0:
                at_work[mine] += 1 / len(mine)
        n_bins = max(1, int((self.horizon_s - self.start_s) // SLOT_S))
        found = streams(self.futures, groups, self.start_s + SLOT_S * np.arange(n_bins + 1, dtype=np.float64), at_work)
        return [stream for stream in found if stream.arrivals.sum() + stream.waiting > 0]


def ground_of(
    hall_id: str, floor: Floor, profile: Profile, demand: Demand, now: datetime, *, day: Day, day_kind: str, horizon_s: float,
    n: int, seed: int, present: Collection[Present] = (), refused: Sequence[Refusal] = (),
    pending: Sequence[Pending] = (), there: Collection[int] = (),
) -> Ground:  # fmt: skip
    """The hall at `now` with `n` futures. `refused` are answers of the last hour, `pending` what windows will be told
    by plans that are under way, `there` the numbers of windows that were ever heard of."""
    slot_s = now.timestamp() % SLOT_S
    edges: Floats = SLOT_S * np.arange(round(horizon_s / SLOT_S) + 1, dtype=np.float64) - slot_s
    items = item_order(profile, floor)
    rest_s = max((day.end - now).total_seconds(), float(edges[-1]))
    number = {item: k for k, item in enumerate(items)}
    day_posts = tuple(applied(usual_posts(floor, profile, now, rest_s, day_kind, day), _pending_moves(pending, number, now)))
    posts = tuple(
        Post(post.window, post.items, spans, post.free_s)
        for post in day_posts
        if (spans := tuple(span for span in post.spans if span[0] < edges[-1]))
    )
    futures, _ = futures_of(floor, profile, demand, now, horizon_s=float(edges[-1]), n=n, seed=seed, posts=posts)
    wait = WORD_OF_MOUTH_S + (-(now.timestamp() + WORD_OF_MOUTH_S)) % CLOCK_S
    closes = profile.hours.get(day_kind)
    closes_s = closes[1] - (now - day.start).total_seconds() if closes is not None else float(edges[-1])
    windows = {
        number: Now(window.state, window.items, window.clerk) for number, window in floor.windows.items()
    } | {
        number: Now(WindowState.CLOSED, (), None) for number in (profile.windows.keys() | set(there)) - floor.windows.keys()
    }  # fmt: skip
    return Ground(
        hall_id, now, items, futures, posts, day_posts, tuple(_seats(floor, profile, windows, number, present, refused)),
        tuple(_reserve(floor, windows, number, present, refused)), windows, edges, closes_s, wait,
        sum(ticket.stage is Stage.WAITING for ticket in floor.present.values()), profile.n_days, demand.basis, day_kind,
    )  # fmt: skip


def _pending_moves(pending: Sequence[Pending], number: Mapping[str, int], now: datetime) -> list[Move]:
    """Each holds until the next of its window: one that was commanded waits for commands."""
    found = []
    for k, step in enumerate(ordered := sorted(pending, key=lambda step: (step.window, step.due_at))):
        after = ordered[k + 1] if k + 1 < len(ordered) and ordered[k + 1].window == step.window else None
        at_s = max(0.0, (step.due_at - now).total_seconds())
        until_s = (after.due_at - now).total_seconds() if after is not None else float("inf")
        items = tuple(number[item] for item in step.items if item in number) if step.state is WindowState.OPEN else ()
        if until_s > at_s:
            found.append(Move(step.window, at_s, until_s, items, is_paused=step.state is WindowState.PAUSED))
    return found


def _seats(
    floor: Floor, profile: Profile, windows: Mapping[int, Now], number: Mapping[str, int], present: Collection[Present],
    refused: Sequence[Refusal],
) -> Iterable[Seat]:  # fmt: skip
    registered = {each.clerk: each.skills for each in present}
    is_shut = any(refusal.answer == WindowAnswer.HALL_CLOSED for refusal in refused)
    seen: dict[int, set[str]] = {}
    for service in floor.services:
        if service.window_no is not None:
            seen.setdefault(service.window_no, set()).add(service.item)
    for window_no, window in windows.items():
        usual = profile.windows.get(window_no)
        skills = {*window.items, *(usual.items if usual is not None else ()), *registered.get(window.clerk or "", ())}
        if window.state is not WindowState.OPEN and window.clerk is None:
            skills |= seen.get(window_no, set())
        lately = [refusal for refusal in refused if refusal.window == window_no]
        barred = {item for refusal in lately for item in refusal.items if refusal.answer in BY_ITEM}
        is_able = window.state is not WindowState.FAULT and not is_shut
        is_able &= all(refusal.items and refusal.answer in BY_ITEM for refusal in lately)
        can = tuple(sorted(number[item] for item in skills if item in number))
        if barred and set(can) & {number[item] for item in barred if item in number}:
            can = tuple(sorted(number[item] for item in window.items if item in number))
        yield Seat(window_no, can, window.clerk, is_able)


def _reserve(
    floor: Floor, windows: Mapping[int, Now], number: Mapping[str, int], present: Collection[Present],
    refused: Sequence[Refusal],
) -> Iterable[Reserve]:  # fmt: skip
    """Who is registered and at no window. Where a hall said within the hour that nobody is free, nobody is."""
    if any(refusal.answer == WindowAnswer.NO_CLERK for refusal in refused):
        return
    engaged = {window.clerk for window in windows.values() if window.clerk is not None}
    engaged |= {ticket.clerk for ticket in floor.tickets.values() if ticket.clerk is not None}
    for each in present:
        skills = tuple(sorted(number[item] for item in each.skills if item in number))
        if each.clerk not in engaged and skills:
            yield Reserve(each.clerk, skills)
