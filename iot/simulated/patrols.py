"""Patrols: the rounds that a unit drives from its home while it has no order.

A beat is a timetable that repeats: a few rounds over corners near home, each with stops, and a pause at home after each. Where a
patrol is follows from the time alone, so it costs no planning on the way and a simulator that is started again finds it where it
would have been. Beats keep off underpasses, which water may close. Times in seconds since 1970 UTC.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from iot.simulated.chance import uniform
from iot.simulated.driving import Roads, Route, joined

RADIUS_M = 2_500.0
ROUNDS, CORNERS = 3, 3
STOP_S, PAUSE_S = (15.0, 75.0), (120.0, 480.0)
"""Shortest and longest stop at a corner and pause at home."""

PACE = 0.6
"""Share of the free speed at which one drives to be seen and to look."""

LONGEST_LEG_S = 900.0


@dataclass(frozen=True, slots=True, eq=False)
class Beat:
    """A day's rounds as one route that begins and ends at home, with the seconds into it at which a round sets out; it begins
    anew every `period_s`, `phase_s` after multiples of it."""

    route: Route
    sets_out_s: tuple[float, ...]
    phase_s: float

    @property
    def period_s(self) -> float:
        return self.route.travel_s

    def began_s(self, now_s: float) -> float:
        """When the beat that is being driven at `now_s` began."""
        return math.floor((now_s - self.phase_s) / self.period_s) * self.period_s + self.phase_s

    def next_round_s(self, now_s: float) -> float:
        """When, from `now_s` on, the next round sets out from home."""
        began_s = self.began_s(now_s)
        k = bisect_left(self.sets_out_s, now_s - began_s)
        return began_s + (self.sets_out_s[k] if k < len(self.sets_out_s) else self.period_s)


def beat_around(roads: Roads, home_node: int, unit_key: int) -> Beat | None:
    """The beat of a unit; None where no street leads away from its home. `unit_key` draws corners, stops and pauses."""
    seconds = roads.seconds([home_node], at_most_s=LONGEST_LEG_S)[0]
    corners = [node for node in roads.within(home_node, RADIUS_M) if seconds[node] < math.inf]
    draws = _draws(unit_key)
    legs: list[Route] = []
    pauses_s: list[float] = []
    sets_out_s: list[float] = []
    clock_s = 0.0
    for _ in range(ROUNDS):
        round_ = [home_node, *(corners[int(next(draws) * len(corners))] for _ in range(CORNERS)), home_node]
        driven = [roads.route(*ends, at_most_s=LONGEST_LEG_S) for ends in pairwise(round_) if ends[0] != ends[1]]
        ways = [leg for leg in driven if leg is not None]
        if not ways or len(ways) < len(driven):
            continue
        stops_s = [_between(STOP_S, next(draws)) for _ in ways[1:]]
        sets_out_s.append(clock_s)
        legs += ways
        pauses_s += [*stops_s, _between(PAUSE_S, next(draws))]
        clock_s += sum(way.travel_s for way in ways) / PACE + sum(pauses_s[-len(ways) :])
    if not legs:
        return None
    return Beat(joined(legs, pauses_s, PACE), tuple(sets_out_s), next(draws) * clock_s)


def _draws(unit_key: int) -> Iterator[float]:
    k = 0
    while True:
        k += 1
        yield float(uniform(unit_key, k))


def _between(span_s: tuple[float, float], draw: float) -> float:
    return span_s[0] + draw * (span_s[1] - span_s[0])
