"""The outlook of a hall: who is there now and who is expected, in many equally likely futures, and what its windows will do if
nobody does anything.

Seconds from `now`. Who waits came before it; who is at a window keeps it for as long as such customers usually still do; who was
sent aside comes back; who is sent on to another item comes again. A window does what it does now until the next time at which it
usually does something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.halls import TicketChannel, WindowState
from staffing.demand import Demand, Floats
from staffing.floor import Day, Floor, Stage, Ticket, Window
from staffing.futures import Bools, Futures, Ints, Post, fates
from staffing.profiles import DAY_S, N_QUANTILES, OPEN_SLOT_S, ItemProfile, Profile, second_of

Question = tuple[str, float]
"""What would somebody wait who came for this item at this second."""

ASIDE_S = 720.0
"""Who was sent to fetch a paper is back after so long in the mean, our assumption."""
OVERTAKEN_S = 1_800.0
"""Who still waits though somebody who came so much later was called for the same item is gone: that he left was lost.
(Appointments go before others, but not by that much.)"""
USUALLY = 0.5
"""On at least this share of days."""
PENDING_S, LATE_S = 900.0, 180.0
"""A usual opening or closing of up to 15 minutes ago that nobody has told yet is still to come, within so long."""
BREAK_S = 600.0
"""A window that pauses when it is usually open is back so long after it began to, our assumption."""
MENDED_S = 1_500.0
"""A window that broke down works again so long from now, however long ago that was, our assumption."""
AFTER_CLOSING_S = 7_200.0
"""Windows that are open when the last ticket is given work on until nobody waits, for so long at most."""
MOST_STRETCHED = 1.25
PATIENCE_S = 3_600.0
"""Of people who come for what nobody came for in the past of the hall."""


def item_order(profile: Profile, floor: Floor) -> tuple[str, ...]:
    """Every item that anybody came for or that a window names, in a fixed order: the numbers of `Futures` and `Post`."""
    there = {ticket.item for ticket in floor.present.values()} | {
        item for window in floor.windows.values() for item in window.items
    }
    usual = {item for window in profile.windows.values() for item in window.items}
    return tuple(sorted({*profile.items, *there, *usual}))


def futures_of(
    floor: Floor, profile: Profile, demand: Demand, now: datetime, *, horizon_s: float, n: int, seed: int,
    questions: Sequence[Question] = (), posts: Sequence[Post] = (),
) -> tuple[Futures, tuple[str, ...]]:  # fmt: skip
    """`n` futures of the next `horizon_s`, and the items by number (`item_order`). The same seed gives the same people.

    With `posts`, those with an appointment are put before walk-ins, as far as these would still be waiting under such a schedule;
    without, everybody is called in the order of coming.
    """
    items = item_order(profile, floor)
    number = {item: k for k, item in enumerate(items)}
    rng = np.random.default_rng(seed)
    people = _People([profile.items.get(item) or _unknown(item, profile) for item in items], rng, n)
    for ticket in waiting_in(floor):
        assert ticket.waits_since is not None
        came_s = min(0.0, (ticket.waits_since - now).total_seconds())
        people.everywhere(number[ticket.item], np.full(n, came_s), ticket.channel == TicketChannel.APPOINTMENT.value)
    for ticket in floor.present.values():
        if ticket.stage is Stage.ASIDE:
            people.everywhere(number[ticket.item], rng.exponential(ASIDE_S, n), False)
    people.come(demand, number, (demand.start - now).total_seconds(), horizon_s)
    people.send_on(number)
    for item, at_s in questions:
        people.ask(number[item], at_s)
    windows, busy = _busy(floor, people, number, now)
    arrivals, which, occupied, patience, asked, booked = people.in_order()
    stretch = _stretch(profile)
    futures = Futures(arrivals, which, occupied * stretch, patience, asked, windows, busy * stretch)
    return _let_before(futures, booked, profile.head_start_s, posts) if posts and profile.head_start_s else futures, items


def _let_before(futures: Futures, booked: Bools, head_start_s: float, posts: Sequence[Post]) -> Futures:
    """The same people, appointments as much further ahead as their head start and the wait there is allow: nobody can be called
    before he has come."""
    came = futures.arrivals_s
    wait = np.where(came > 0, np.nan_to_num(fates(futures, posts).waits_s, nan=0.0, posinf=np.inf), np.inf)
    turn = np.where(booked, came - np.minimum(head_start_s, wait), came)
    order = np.argsort(turn, axis=1, kind="stable")

    def by_turn(table: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.take_along_axis(table, order, axis=1)

    return replace(
        futures, arrivals_s=by_turn(came), items=by_turn(futures.items), occupied_s=by_turn(futures.occupied_s),
        patience_s=by_turn(futures.patience_s), is_question=by_turn(futures.is_question),
    )  # fmt: skip


def waiting_in(floor: Floor) -> list[Ticket]:
    """Who really waits."""
    called: dict[str, datetime] = {}
    for wait in floor.waits:
        if wait.item not in called or wait.since > called[wait.item]:
            called[wait.item] = wait.since
    return [
        ticket for ticket in floor.present.values()
        if ticket.stage is Stage.WAITING and ticket.waits_since is not None
        and (ticket.item not in called or (called[ticket.item] - ticket.waits_since).total_seconds() < OVERTAKEN_S)
    ]  # fmt: skip


def usual_posts(floor: Floor, profile: Profile, now: datetime, horizon_s: float, day_kind: str, day: Day) -> list[Post]:
    """What the windows will do if nobody does anything; one that will not call anybody is left out. Items are numbers in
    `item_order`."""
    number = {item: k for k, item in enumerate(item_order(profile, floor))}
    at_s = second_of(day, now)
    closes_s = profile.hours[day_kind][1] if day_kind in profile.hours else float(DAY_S)
    posts = []
    for window_no in sorted(profile.windows.keys() | floor.windows.keys()):
        window, usual = floor.windows.get(window_no), profile.windows.get(window_no)
        named = (window.items if window is not None else ()) or (usual.items if usual is not None else ())
        share = np.array(usual.open_share.get(day_kind, ())) if usual is not None else np.zeros(0)
        spans = _spans(window, share, now, at_s, closes_s, horizon_s)
        if spans and named:
            posts.append(Post(window_no, tuple(number[item] for item in named), spans))
    return posts


def _spans(
    window: Window | None, share: Floats, now: datetime, at_s: float, closes_s: float, horizon_s: float
) -> tuple[tuple[float, float], ...]:
    """When a window calls people, in seconds from now: first what it is, then what is usual."""
    turns = _turns(share, closes_s)
    ahead = [(turn_s - at_s, opens) for turn_s, opens in turns if turn_s > at_s]
    lately = [(turn_s - at_s, opens) for turn_s, opens in turns if at_s - PENDING_S < turn_s <= at_s]
    is_usual = bool(sum(1 if opens else -1 for turn_s, opens in turns if turn_s <= at_s))
    since_s = (window.since - now).total_seconds() if window is not None else -np.inf
    is_open = window is not None and window.state is WindowState.OPEN
    if lately and lately[-1][1] != is_open and since_s < lately[-1][0]:
        first = [(LATE_S, lately[-1][1])]
    elif window is not None and window.state is WindowState.PAUSED and is_usual:
        first = [(max(since_s + BREAK_S, LATE_S), True)]
    elif window is not None and window.state is WindowState.FAULT:
        first = [(MENDED_S, True)]
    else:
        first = []
    ends_s = max(closes_s - at_s, 0.0) + AFTER_CLOSING_S
    spans: list[tuple[float, float]] = []
    begun = 0.0 if is_open else None
    for turn_s, opens in sorted([*first, *ahead]):
        if opens and begun is None:
            begun = turn_s
        elif not opens and begun is not None:
            spans.append((begun, turn_s))
            begun = None
    if begun is not None:
        spans.append((begun, ends_s))
    return tuple((since, until) for since, until in spans if since < min(until, horizon_s + AFTER_CLOSING_S))


def _turns(share: Floats, closes_s: float) -> list[tuple[float, bool]]:
    """Seconds of the day at which a window usually opens or closes. Who is usually open when the last ticket is given works on
    until nobody waits."""
    is_usual = np.concatenate([[False], share >= USUALLY, [False]]) if len(share) else np.zeros(2, bool)
    changes = np.flatnonzero(np.diff(is_usual.astype(int)))
    turns = [(float(k * OPEN_SLOT_S), bool(is_usual[k + 1])) for k in changes.tolist()]
    return [
        (turn_s, opens) if opens or turn_s < closes_s - PENDING_S else (max(turn_s, closes_s + AFTER_CLOSING_S), False)
        for turn_s, opens in turns
    ]  # fmt: skip


def _stretch(profile: Profile) -> float:
    """Short breaks come at no time of their own: what a window does takes so much longer by them. The share of days on which
    windows are open, over the five minutes in, before and after which they usually are."""
    inside = []
    for window in profile.windows.values():
        for shares in window.open_share.values():
            share = np.array(shares)
            is_usual = share >= USUALLY
            is_inside = is_usual[1:-1] & is_usual[:-2] & is_usual[2:]
            inside.append(share[1:-1][is_inside])
    found = np.concatenate(inside) if inside else np.ones(1)
    return min(MOST_STRETCHED, 1 / float(found.mean())) if len(found) else 1.0


def _unknown(item: str, profile: Profile) -> ItemProfile:
    """An item nobody came for in the past of the hall: as the others are, each as often as people come for it."""
    others = [each for each in profile.items.values() if each.share > 0] or list(profile.items.values())
    if not others:
        return ItemProfile(item, (60.0,) * N_QUANTILES, 0, 60.0, 0.0, PATIENCE_S, 0.0, {}, 0.0)
    weights = np.array([max(each.share, 1e-6) for each in others])
    occupied = np.average(np.array([each.occupied_s for each in others]), axis=0, weights=weights)
    patience = float(np.average([each.patience_s for each in others], weights=weights))
    return ItemProfile(item, tuple(occupied.tolist()), 0, float(occupied.mean()), 1.0, patience, 0.0, {}, 0.0)


class _People:
    """The people of all futures, as long rows that are put in order at the end."""

    def __init__(self, items: Sequence[ItemProfile], rng: np.random.Generator, n: int) -> None:
        self._items, self._rng, self.n = items, rng, n
        self.table = np.array([each.occupied_s for each in items]).reshape(len(items), N_QUANTILES)
        self._patience = np.array([each.patience_s for each in items])
        self._booked = np.array([each.booked for each in items])
        self._rows: list[tuple[Ints, Floats, Ints, Floats, Floats, Bools, Bools]] = []

    def everywhere(self, item: int, came_s: Floats, is_booked: bool) -> None:
        """One person, who is in every future; who has waited already has not lost his patience."""
        self._add(np.arange(self.n), came_s, np.full(self.n, item, np.intp), np.full(self.n, is_booked))

    def come(self, demand: Demand, number: dict[str, int], start_s: float, horizon_s: float) -> None:
        """Poisson arrivals about the demand, which all go up and down together by its noise (gamma)."""
        n_bins = demand.expected.shape[1]
        since = start_s + demand.step_s * np.arange(n_bins)
        begins, ends = np.clip(since, 0, horizon_s), np.clip(since + demand.step_s, 0, horizon_s)
        shape = 1 / max(demand.noise, 1e-3) ** 2
        factor = self._rng.gamma(shape, 1 / shape, self.n)
        expected = demand.expected * (ends - begins) / demand.step_s
        counts = self._rng.poisson(factor[:, None, None] * expected[None])
        row, item, k = (np.repeat(where, counts.ravel()) for where in np.unravel_index(np.arange(counts.size), counts.shape))
        came = begins[k] + self._rng.random(len(k)) * (ends - begins)[k]
        which = np.array([number[name] for name in demand.items], np.intp)[item]
        self._add(row, came, which, self._rng.random(len(row)) < self._booked[which])

    def send_on(self, number: dict[str, int]) -> None:
        """Some of those who are there come again for what they are sent on to, when their first service is over."""
        for row, came, item, occupied, *_ in list(self._rows):
            draw = self._rng.random(len(item))
            for k, each in enumerate(self._items):
                low = 0.0
                for to, share in sorted(each.sent_on.items()):
                    if to in number:
                        goes = (item == k) & (draw >= low) & (draw < low + share)
                        low += share
                        if goes.any():
                            at = np.maximum(came[goes], 0.0) + occupied[goes]
                            self._add(row[goes], at, np.full(len(at), number[to], np.intp), np.zeros(len(at), bool))

    def ask(self, item: int, at_s: float) -> None:
        rows = np.arange(self.n)
        nothing = np.zeros(self.n)
        which, is_asked = np.full(self.n, item, np.intp), np.ones(self.n, bool)
        self._rows.append((rows, np.full(self.n, at_s), which, nothing, nothing, is_asked, ~is_asked))

    def occupied(self, item: Ints, u: Floats) -> Floats:
        """The quantiles `u` (0 … 1) of how long a ticket keeps its window."""
        place = np.clip(u, 0, 1) * (N_QUANTILES - 1)
        k = np.minimum(place.astype(np.intp), N_QUANTILES - 2)
        low, high = self.table[item, k], self.table[item, k + 1]
        return np.asarray(low + (high - low) * (place - k))

    def uniform(self) -> Floats:
        return self._rng.random(self.n)

    def in_order(self) -> tuple[Floats, Ints, Floats, Floats, Bools, Bools]:
        """Futures × people, in the order in which they come; nobody comes at infinity. When, for what, how long they keep a
        window, their patience, who is a question, who has an appointment."""
        if not self._rows:
            empty = np.zeros((self.n, 0))
            return empty, empty.astype(np.intp), empty, empty, empty.astype(bool), empty.astype(bool)
        row, came, item, occupied, patience, asked, booked = (np.concatenate(part) for part in zip(*self._rows, strict=True))
        order = np.lexsort((came, row))
        row = row[order]
        counts = np.bincount(row, minlength=self.n)
        column = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)

        def spread(values: npt.NDArray[Any], nobody: float = 0.0) -> npt.NDArray[Any]:
            table = np.full((self.n, int(counts.max(initial=0))), nobody).astype(values.dtype)
            table[row, column] = values[order]
            return table

        return spread(came, np.inf), spread(item), spread(occupied), spread(patience), spread(asked), spread(booked)

    def _add(self, row: Ints, came_s: Floats, item: Ints, is_booked: Bools) -> None:
        occupied = self.occupied(item, self._rng.random(len(item)))
        patience = np.maximum(-came_s, 0.0) + self._rng.exponential(1.0, len(item)) * self._patience[item]
        self._rows.append((row, came_s, item, occupied, patience, np.zeros(len(item), bool), is_booked))


def _busy(floor: Floor, people: _People, number: dict[str, int], now: datetime) -> tuple[tuple[int, ...], Floats]:
    """Until when each window is kept by who is there now: his time is drawn from those that last longer than his has already."""
    windows = tuple(sorted(floor.windows))
    busy = np.zeros((people.n, len(windows)))
    for k, window_no in enumerate(windows):
        ticket = floor.windows[window_no].serving or floor.windows[window_no].called
        if ticket is None or ticket.item not in number:
            continue
        item = np.full(people.n, number[ticket.item], np.intp)
        since = ticket.called or ticket.started or ticket.since
        lasted_s = max(0.0, (now - since).total_seconds())
        row = people.table[number[ticket.item]]
        u = float(np.interp(lasted_s, row, np.linspace(0, 1, N_QUANTILES))) if lasted_s < row[-1] else 1.0
        draws = people.occupied(item, u + (1 - u) * people.uniform())
        busy[:, k] = np.maximum(draws - lasted_s, 0.0)
    return windows, busy
