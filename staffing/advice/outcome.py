"""Outcomes: what a plan did once its hours are over: what was followed, how long people really waited, and what they would have
waited without it, simulated with those who really came.

The wait held against the promise is the same figure: the highest 90 % quantile of the plan's quarters of an hour with at least
`ENOUGH` people, of who came in each, until called or gone. What would have been is the middle of futures with the arrivals as
they were and services and patience drawn from the hall's past.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from staffing.advice.verification import Range, slots_of, worst_of
from staffing.advice.words import outcome_words
from staffing.floor import Floor
from staffing.floor import Outcome as TicketEnd
from staffing.futures import Fates, Floats, Futures, Ints, Post, fates
from staffing.profiles import Profile

SHORTEST_S = 1.0
Arrival = tuple[float, str]
"""Seconds after the plan was made, item."""


def real_waits(floor: Floor, since: datetime, edges: Floats) -> tuple[float | None, int]:
    """(the worst, how many waits) of who came between the `edges` (seconds after `since`) and was called or has left."""
    ended = [(wait.since, wait.seconds) for wait in floor.waits]
    ended += [
        (ticket.arrived, (ticket.ended - ticket.arrived).total_seconds())
        for ticket in floor.tickets.values()
        if ticket.outcome is TicketEnd.ABANDONED and ticket.arrived is not None and ticket.ended is not None
    ]
    times = np.array([[(came - since).total_seconds() for came, _ in ended]])
    waits = np.array([[seconds for _, seconds in ended]])
    slots: Ints = np.searchsorted(edges, times, side="right") - 1
    slots = np.where((slots >= 0) & (slots < len(edges) - 1), slots, -1)
    worst = worst_of(slots, waits, len(edges) - 1)[0]
    return (float(worst) if np.isfinite(worst) else None), int((slots >= 0).sum())


def real_arrivals(floor: Floor, since: datetime, until: datetime) -> list[Arrival]:
    """Who began to wait in [since, until), those who were sent on there included."""
    starts = [(wait.since, wait.item) for wait in floor.waits]
    for ticket in floor.tickets.values():
        at = ticket.arrived if ticket.outcome is TicketEnd.ABANDONED else ticket.waits_since
        if at is not None:
            starts.append((at, ticket.item))
    return sorted(((at - since).total_seconds(), item) for at, item in starts if since <= at < until)


def with_arrivals(there: Futures, items: Sequence[str], profile: Profile, arrivals: Sequence[Arrival], seed: int) -> Futures:
    """Futures of who was there then, and of those who really came, each with a service and a patience of his own in every
    future."""
    number = {item: k for k, item in enumerate(items)}
    known = [(at_s, number[item]) for at_s, item in arrivals if item in number]
    rng = np.random.default_rng(seed)
    n, m = there.n, len(known)
    came = np.tile(np.array([at_s for at_s, _ in known]), (n, 1))
    what = np.tile(np.array([item for _, item in known], np.intp), (n, 1))
    occupied, patience = np.empty((n, m)), np.empty((n, m))
    for item, k in number.items():
        mine = what == k
        of = profile.items.get(item)
        if mine.any():
            quantiles = np.array(of.occupied_s) if of is not None else np.array([SHORTEST_S, 1_200.0])
            draws = rng.random(int(mine.sum()))
            occupied[mine] = np.interp(draws, np.linspace(0, 1, len(quantiles)), quantiles)
            patience[mine] = rng.exponential(of.patience_s if of is not None else 3_600.0, int(mine.sum()))
    before = np.isfinite(there.arrivals_s) & (there.arrivals_s < 0)  # who was expected then has come, or has not
    merged = [
        np.concatenate([old, new], axis=1)
        for old, new in (
            (np.where(before, there.arrivals_s, np.inf), came), (there.items, what), (there.occupied_s, occupied),
            (there.patience_s, patience),
        )
    ]  # fmt: skip
    order = np.argsort(merged[0], axis=1, kind="stable")
    arrivals_s, which, occupied_s, patience_s = (np.take_along_axis(part, order, axis=1) for part in merged)
    asked = np.zeros(arrivals_s.shape, bool)
    return Futures(arrivals_s, which.astype(np.intp), occupied_s, patience_s, asked, there.windows, there.busy_s)


def worst_under(futures: Futures, posts: Sequence[Post], edges: Floats) -> Range | None:
    """The worst of the futures under a schedule."""
    return _worst(futures, fates(futures, posts), edges)


def _worst(futures: Futures, fate: Fates, edges: Floats) -> Range | None:
    waits = np.nan_to_num(fate.waits_s, nan=0.0, posinf=0.0)
    return Range.of(worst_of(slots_of(futures, edges), waits, len(edges) - 1))


def outcome_json(
    content: Mapping[str, Any], *, n_done: int, n_steps: int, measured_s: float | None, n_waits: int, without: Range | None
) -> dict[str, Any]:
    """What is stored: `n_done` of `n_steps` moves were done."""
    worst = content["after"]["worst"]
    promised = [worst["low_s"], worst["p90_s"], worst["high_s"]]
    followed = n_done / n_steps if n_steps else 0.0
    said = outcome_words(measured_s, promised, without.mid if without is not None else None, followed)
    return {
        "followed": round(followed, 3), "n_steps": n_steps, "promised_p90_s": promised,
        "measured_p90_s": None if measured_s is None else round(measured_s),
        "without_p90_s": None if without is None else round(without.mid), "n_waits": n_waits, **said.as_json(),
    }  # fmt: skip
