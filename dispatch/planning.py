"""Planning: which units to send to all open incidents, each proposal with its reason and its price.

All heads that incidents ask for are met at once at the least weighted time (`dispatch.policies`). A unit that is under way stays
with its incident unless turning it round gains more than `Rules.turning_s`, and then what that gains is said. For a head that
is met by another than the nearest unit it is said where the nearest one goes, and what it would cost to send it here instead; for
one that is not met, why, and who is capable of it but cannot come now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np

from dispatch.policies.assignment import NOBODY, Bools, Floats, Ints, assign
from dispatch.policies.tied_assignment import Ties, assign_tied
from dispatch.practice import Rules


class Why(Enum):
    """Why a head is not met."""

    NOBODY_ABLE = "nobody_able"
    ALL_AT_WORK = "all_at_work"
    UNREACHABLE = "unreachable"
    TOO_FAR = "too_far"
    NEEDED_ELSEWHERE = "needed_elsewhere"
    TIED = "tied"


@dataclass(frozen=True, slots=True)
class Mover:
    """A unit in service. `under_way_to`: the incident it drives to; `is_free`: whether it may be sent, or turned round.
    `handicap_s`: seconds by which it is put behind the others (a crew that should rest, a unit that has just not answered)."""

    unit_id: str
    capabilities: frozenset[str]
    under_way_to: str | None = None
    is_free: bool = True
    handicap_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """An open incident: what a second there weighs, and what it asks for beside the units that have arrived."""

    incident_id: str
    weight: float
    needs: Mapping[str, int]
    is_whole: bool = False
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Nearer:
    """A nearer unit that is not proposed: where it goes (None: nowhere), and what the whole plan would cost more with it here, in
    weighted seconds, where run cards tie nothing together."""

    unit_id: str
    travel_s: float
    goes_to: str | None
    price: float


@dataclass(frozen=True, slots=True)
class Later:
    """Somebody capable who cannot come now: seconds away, and at or under way to which incident (None: at none)."""

    unit_id: str
    travel_s: float
    incident_id: str | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """One head of one need: who should meet it and in how many seconds (infinite: nobody), or why nobody should.

    `is_under_way`: it drives there already. `turned_from`: the incident it would leave.
    """

    incident_id: str
    capability: str
    unit_id: str | None
    travel_s: float
    is_under_way: bool = False
    turned_from: str | None = None
    nearer: Nearer | None = None
    why: Why | None = None
    later: tuple[Later, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposals:
    """All heads, in the order of calls and needs; what the plan costs, and what it would if nobody were turned round, weighted
    seconds."""

    heads: tuple[Proposal, ...]
    cost: float
    cost_unturned: float


def plan(movers: Sequence[Mover], calls: Sequence[Call], times_s: Floats, rules: Rules) -> Proposals:
    """Plans all calls at once. `times_s` (movers × calls): seconds, infinite where no way leads."""
    board = _Board(movers, calls, np.asarray(times_s, float).reshape(len(movers), len(calls)), rules)
    units, cost = board.solved(board.times)
    is_turned = board.is_turned(units)
    cost_unturned = board.solved(np.where(board.is_elsewhere, np.inf, board.times))[1] if is_turned.any() else cost
    return Proposals(tuple(board.proposal(h, units) for h in range(len(units))), cost, cost_unturned)


class _Board:
    """The heads of all calls (h) against all movers (u)."""

    def __init__(self, movers: Sequence[Mover], calls: Sequence[Call], times_s: Floats, rules: Rules) -> None:
        self._movers, self._calls, self._rules, self._all_times = movers, calls, rules, times_s
        self._call_of: Ints = np.array(
            [c for c, call in enumerate(calls) for n in call.needs.values() for _ in range(n)], np.intp
        )
        self._need_of = [need for call in calls for need, n in call.needs.items() for _ in range(n)]
        self._weights = np.array([calls[c].weight for c in self._call_of], float)
        shape = len(movers), len(self._need_of)
        able = np.array([[need in m.capabilities for need in self._need_of] for m in movers], bool).reshape(shape)
        is_free = np.array([m.is_free for m in movers], bool)
        self._able = able
        self._travel: Floats = np.where(able & is_free[:, None], times_s[:, self._call_of], np.inf)
        drives_to = [next((c for c, call in enumerate(calls) if call.incident_id == m.under_way_to), -1) for m in movers]
        self._drives_to: Ints = np.array(drives_to, np.intp)
        self._is_there: Bools = (self._drives_to[:, None] == self._call_of[None, :]).reshape(shape)
        self.is_elsewhere: Bools = (self._drives_to >= 0)[:, None] & ~self._is_there
        self._bonus = np.where(self._is_there, rules.turning_s, 0.0)
        # One that drives to where it meets no head is not torn away for nothing either.
        is_extra = (self._drives_to >= 0) & ~(self._is_there & able).any(axis=1)
        handicap = np.array([m.handicap_s for m in movers], float)[:, None] * ~self._is_there
        self.times: Floats = self._travel + handicap + np.where(is_extra[:, None], rules.turning_s / self._weights, 0.0)
        numbers = {need: k for k, need in enumerate(dict.fromkeys(self._need_of))}
        self._ties = Ties(
            self._call_of, np.array([c.is_whole for c in calls], bool), np.array([c.is_shared for c in calls], bool),
            np.array([numbers[need] for need in self._need_of], np.intp),
        )  # fmt: skip

    def solved(self, times: Floats) -> tuple[Ints, float]:
        """Who meets each head, and what that costs."""
        found = assign_tied(times, self._weights, self._rules.penalty_s, self._ties, self._bonus)
        return found.units, found.total_cost

    @cached_property
    def _untied(self) -> float:
        return self._untied_cost(self.times)

    def _untied_cost(self, times: Floats) -> float:
        """Prices are told without the ties: each with them would be a mixed integer program of its own."""
        return assign(times, self._weights, self._rules.penalty_s, self._bonus).total_cost

    def is_turned(self, units: Ints) -> Bools:
        return np.array([u != NOBODY and bool(self.is_elsewhere[u, h]) for h, u in enumerate(units)], bool)

    def proposal(self, h: int, units: Ints) -> Proposal:
        call, u = self._calls[self._call_of[h]], int(units[h])
        if u == NOBODY:
            return Proposal(call.incident_id, self._need_of[h], None, float("inf"), why=self._why(h, units), later=self._later(h))
        mover = self._movers[u]
        is_under_way = bool(self._is_there[u, h])
        return Proposal(
            call.incident_id, self._need_of[h], mover.unit_id, float(self._travel[u, h]), is_under_way,
            mover.under_way_to if self.is_elsewhere[u, h] else None, None if is_under_way else self._nearer(h, units),
        )  # fmt: skip

    def _nearer(self, h: int, units: Ints) -> Nearer | None:
        """The nearest unit that could meet the head, where that is another which does not meet a head of the same incident."""
        times = self._travel[:, h]
        nearest = int(times.argmin())
        goes = np.flatnonzero(units == nearest)
        if times[nearest] >= times[units[h]] or (self._call_of[goes] == self._call_of[h]).any():
            return None
        forced = self.times.copy()
        forced[nearest] = np.inf
        forced[:, h] = np.inf
        forced[nearest, h] = self.times[nearest, h]
        price = self._untied_cost(forced) - self._untied
        goes_to = self._calls[self._call_of[goes[0]]].incident_id if len(goes) else self._movers[nearest].under_way_to
        return Nearer(self._movers[nearest].unit_id, float(times[nearest]), goes_to, max(price, 0.0))

    def _why(self, h: int, units: Ints) -> Why:
        able, may_come = self._able[:, h], self.times[:, h]
        free = able & np.array([m.is_free for m in self._movers], bool)
        if not able.any():
            return Why.NOBODY_ABLE
        if not free.any():
            return Why.ALL_AT_WORK
        if not np.isfinite(may_come).any():
            return Why.UNREACHABLE
        if may_come.min() >= self._rules.penalty_s:
            return Why.TOO_FAR
        left = [u for u in np.flatnonzero(np.isfinite(may_come)) if not (units == u).any()]
        return Why.TIED if left and self._ties.is_whole[self._call_of[h]] else Why.NEEDED_ELSEWHERE

    def _later(self, h: int) -> tuple[Later, ...]:
        away = np.where(self._able[:, h], self._all_times[:, self._call_of[h]], np.inf)
        soonest = [int(u) for u in np.argsort(away, kind="stable")[: self._rules.n_later] if np.isfinite(away[u])]
        return tuple(Later(self._movers[u].unit_id, float(away[u]), self._movers[u].under_way_to) for u in soonest)
