"""Assignment: units for the heads that all open incidents ask for, exactly, at the least weighted time.

    minimise  Σ weight · travel_s (units sent)  +  Σ weight · penalty_s (heads not met)

A unit serves one head of one need that it is capable of. What sending a unit saves against not meeting the head is
weight · (penalty_s − travel_s); the matching that saves most is the optimum, and is found by the shortest augmenting paths of
`scipy.optimize.linear_sum_assignment` (Crouse 2016, "On implementing 2D rectangular assignment algorithms"), which is exact: a
pair that saves nothing stands for no unit sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

NOBODY = -1


@dataclass(frozen=True)
class Heads:
    """What incidents ask for, head by head (h): the node where it is asked, the capability, and what a second there weighs."""

    nodes: Ints
    capabilities: Ints
    weights: Floats

    def __len__(self) -> int:
        return len(self.nodes)


@dataclass(frozen=True)
class Plan:
    """Which unit goes to each head (h; NOBODY where none does), its seconds (infinite then), and the cost of all."""

    units: Ints
    travel_s: Floats
    total_cost: float


def times_between(times_to: Floats, incident_of: Ints, unit_nodes: Ints, is_capable: Bools) -> Floats:
    """Seconds (units × heads), infinite where the unit is not capable. `times_to` (incidents × nodes) from every node,
    `incident_of` (heads), `is_capable` (units × heads)."""
    times = times_to[np.ix_(np.arange(len(times_to)), unit_nodes)][incident_of].T
    return np.where(is_capable, times, np.inf)


def assign(travel_s: Floats, weights: Floats, penalty_s: float, bonus: Floats | None = None) -> Plan:
    """The cheapest plan for `travel_s` (units × heads; infinite: cannot) and `weights` (heads).

    `bonus` (units × heads), weighted seconds: what a pair is preferred by beyond its time: a unit under way there.
    It is not in the cost of the plan.
    """
    can = np.isfinite(travel_s)
    saves = weights * (penalty_s - np.where(can, travel_s, penalty_s)) + (0.0 if bonus is None else np.where(can, bonus, 0.0))
    saves = np.maximum(saves, 0.0)
    units, heads = linear_sum_assignment(saves, maximize=True)
    is_sent = saves[units, heads] > 0
    return plan_of(units[is_sent], heads[is_sent], travel_s, weights, penalty_s)


def assign_first_come(travel_s: Floats, weights: Floats, penalty_s: float, order: Sequence[int]) -> Plan:
    """Head after head in the order given, each takes the quickest unit that is left. The measure of what exactness is worth:
    in the order of arrival it is what most rooms do, in the order of severity the usual improvement."""
    free = np.ones(len(travel_s), bool)
    units, heads = [], []
    for head in order:
        times = np.where(free, travel_s[:, head], np.inf)
        unit = int(times.argmin()) if len(times) else NOBODY
        if unit != NOBODY and times[unit] < penalty_s:
            free[unit] = False
            units.append(unit)
            heads.append(head)
    return plan_of(np.array(units, np.intp), np.array(heads, np.intp), travel_s, weights, penalty_s)


def plan_of(units: Ints, heads: Ints, travel_s: Floats, weights: Floats, penalty_s: float) -> Plan:
    """The plan that sends units[k] to heads[k]."""
    sent = np.full(travel_s.shape[1], NOBODY, np.intp)
    sent[heads] = units
    times = np.full(travel_s.shape[1], np.inf)
    times[heads] = travel_s[units, heads]
    cost = weights * np.where(sent == NOBODY, penalty_s, times)
    return Plan(sent, times, float(cost.sum()))
