"""The city's view of its halls: which of them are burdened most, and where people had better go instead.

Burden is a place between the halls, from its visible parts: for each of load, wait now, wait ahead, share who left and share of
bad ratings the halls are put in order, 0 for the best of them and 1 for the worst; the burden is the mean of the parts that are
known. Where to go: travel time plus the wait that is foreseen for when one would be there, quickest first, from where the people
of a district live on average. Seconds, shares from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf

import numpy as np

PARTS = ("load", "wait_now", "wait_ahead", "left", "bad_ratings")
LEAST_PARTS, LEAST_HALLS = 2, 2
MOST_HALLS = 3
"""So many are named for a district and an item."""
ALL = ""


@dataclass(frozen=True, slots=True)
class WaitAhead:
    """How long somebody would wait who comes `leads_s` after `issued_at`: median, and bounds between which eight in ten stay."""

    hall_id: str
    item: str
    issued_at: datetime
    leads_s: tuple[float, ...]
    p10_s: tuple[float, ...]
    p50_s: tuple[float, ...]
    p90_s: tuple[float, ...]

    def at(self, time: datetime) -> tuple[float, float, float] | None:
        """Between the leads, straight; None beyond them, or where nobody who comes then is served."""
        lead_s = (time - self.issued_at).total_seconds()
        if not self.leads_s or not self.leads_s[0] <= lead_s <= self.leads_s[-1]:
            return None
        found = tuple(float(np.interp(lead_s, self.leads_s, row)) for row in (self.p10_s, self.p50_s, self.p90_s))
        return (found[0], found[1], found[2]) if all(np.isfinite(found)) else None

    def worst(self, now: datetime) -> tuple[datetime, float, float] | None:
        """When after `now`, and its median and 90 % quantile, by the latter."""
        rows = [
            (p90, p50, self.issued_at + timedelta(seconds=lead))
            for lead, p50, p90 in zip(self.leads_s, self.p50_s, self.p90_s, strict=True)
            if np.isfinite(p90) and np.isfinite(p50)
        ]
        later = [row for row in rows if row[2] >= now]
        if not later:
            return None
        p90, p50, at = max(later, key=lambda row: (row[0], row[1]))
        return at, p50, p90


@dataclass(frozen=True, slots=True)
class Burden:
    """What is known of a hall now; None what is not."""

    hall_id: str
    load: float | None = None
    wait_now_s: float | None = None
    wait_ahead_s: float | None = None
    left_share: float | None = None
    good_share: float | None = None

    def part(self, name: str) -> float | None:
        """The greater, the worse."""
        if name == "bad_ratings":
            return None if self.good_share is None else 1 - self.good_share
        return {"load": self.load, "wait_now": self.wait_now_s, "wait_ahead": self.wait_ahead_s, "left": self.left_share}[name]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a hall stands: `rank` 1 is burdened most, None with fewer than `LEAST_PARTS` known; `parts` from 0 to 1."""

    hall_id: str
    rank: int | None
    burden: float | None
    parts: Mapping[str, float] = field(default_factory=dict)


def ranking(halls: Sequence[Burden]) -> tuple[Place, ...]:
    """In the order given. Equal figures take the mean of their places."""
    parts: dict[str, dict[str, float]] = {hall.hall_id: {} for hall in halls}
    for name in PARTS:
        known = [(value, hall.hall_id) for hall in halls if (value := hall.part(name)) is not None]
        values = [value for value, _ in known]
        if len(known) < LEAST_HALLS:
            continue
        for value, hall_id in known:
            below, equal = sum(v < value for v in values), sum(v == value for v in values)
            parts[hall_id][name] = (below + (equal - 1) / 2) / (len(known) - 1)
    burden = {hall_id: sum(own.values()) / len(own) for hall_id, own in parts.items() if len(own) >= LEAST_PARTS}
    order = sorted(burden.values(), reverse=True)
    return tuple(
        Place(h.hall_id, order.index(burden[h.hall_id]) + 1, burden[h.hall_id], parts[h.hall_id]) if h.hall_id in burden
        else Place(h.hall_id, None, None, parts[h.hall_id])
        for h in halls
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """A hall to go to: travel, the wait expected there on arrival (10, 50, 90 %) and both together at the median."""

    hall_id: str
    travel_s: float
    wait_s: tuple[float, float, float]

    @property
    def total_s(self) -> float:
        return self.travel_s + self.wait_s[1]


def choices(
    item: str, travel_s: Mapping[str, float], halls: Iterable[str], wait_of: Callable[[str, str], WaitAhead | None], now: datetime
) -> tuple[Choice, ...]:
    """The quickest halls for an item from one place, of those that offer it (`halls`). One that cannot be reached, or of which
    nobody knows how long one would wait on arrival, is none of them."""
    found = []
    for hall_id in halls:
        seconds = travel_s.get(hall_id, inf)
        ahead = wait_of(hall_id, item) if np.isfinite(seconds) else None
        wait = ahead.at(now + timedelta(seconds=seconds)) if ahead is not None else None
        if wait is not None:
            found.append(Choice(hall_id, seconds, wait))
    return tuple(sorted(found, key=lambda choice: (choice.total_s, choice.hall_id))[:MOST_HALLS])
