"""Redeployment: where free units should stand by, so that as much demand as possible is expected to be reached in time.

    maximise  Σ_i weight_i · (1 − busy^k_i),   k_i = units that reach node i within the target

the expected coverage of MEXCLP (Daskin 1983, "A maximum expected covering location model"), by the usual mixed integer program:
each further unit that covers a node adds (1 − busy) · busy^(k − 1), which falls with k, so that units of coverage may be left
continuous. Solved exactly by HiGHS (`scipy.optimize.milp`); nodes that the same bases cover are one row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack, identity, kron

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

SLACK = 1e-9
"""Relative: what two coverages may differ and still be the same; less driving is preferred among such."""


@dataclass(frozen=True, slots=True)
class Move:
    """One unit from a base to another: seconds on the road, expected coverage before and after, in units of weight."""

    unit: int
    from_base: int
    to_base: int
    travel_s: float
    coverage_before: float
    coverage_after: float


def expected_coverage(counts: Ints, covers: Bools, weights: Floats, busy: float) -> float:
    """Σ weight · (1 − busy^k) for `counts` (bases) units that reach nodes as `covers` (bases × nodes) says."""
    k = counts @ covers
    return float(weights @ (1.0 - np.power(busy, k)))


def best_flows(present: Ints, capacities: Ints, base_times: Floats, covers: Bools, weights: Floats, busy: float) -> Ints:
    """How many units go from each base to each (bases × bases; those that stay on the diagonal), so that the most is covered and
    no base holds more than its capacity; of equally good ways the one with the least driving.

    `present` (bases), `base_times` (bases × bases), seconds, infinite where no way leads. Raises ValueError when the bases cannot
    hold them.
    """
    n_bases, n_units = len(present), int(present.sum())
    if capacities.sum() < n_units:
        raise ValueError(f"the bases hold {int(capacities.sum())} units: expected room for {n_units}")
    stay = np.diag(present).astype(np.intp)
    patterns, demand = _rows(covers, weights)
    if n_units == 0 or not len(demand):
        return stay
    most = _most_that_count(int(min(n_units, (np.minimum(capacities, n_units) @ patterns).max())), busy)
    origins, goals = np.nonzero(np.isfinite(base_times) & (present > 0)[:, None])
    n_flows, n_rows = len(origins), len(demand)
    n = n_flows + n_rows * most
    flow = np.arange(n_flows)
    leaving = csr_array((np.ones(n_flows), (origins, flow)), shape=(n_bases, n))
    arriving = csr_array((np.ones(n_flows), (goals, flow)), shape=(n_bases, n))
    over = csr_array(patterns.T.astype(float)) @ arriving[:, :n_flows]
    counted = hstack([-over, kron(identity(n_rows), np.ones((1, most)))], format="csr")
    gain = np.concatenate([np.zeros(n_flows), (demand[:, None] * (1 - busy) * np.power(busy, np.arange(most))).ravel()])
    driving = np.concatenate([base_times[origins, goals], np.zeros(n_rows * most)])
    constraints = [
        LinearConstraint(leaving, present, present),
        LinearConstraint(arriving, 0, capacities),
        LinearConstraint(counted, -np.inf, 0),
    ]
    whole = np.concatenate([np.ones(n_flows), np.zeros(n_rows * most)])
    limits = Bounds(0, np.concatenate([np.full(n_flows, float(n_units)), np.ones(n_rows * most)]))

    def solved(costs: Floats, more: list[LinearConstraint], options: dict[str, float]) -> Ints | None:
        found = milp(costs, integrality=whole, bounds=limits, constraints=[*constraints, *more], options=options)
        if found.x is None:
            return None
        flows = np.zeros((n_bases, n_bases), np.intp)
        flows[origins, goals] = np.round(found.x[:n_flows]).astype(np.intp)
        return flows

    def covered(flows: Ints) -> float:
        return expected_coverage(flows.sum(axis=0), patterns, demand, busy)

    best = solved(-gain, [], {"mip_rel_gap": 0.0})
    if best is None:
        raise ValueError("the units cannot all reach a base with room: expected roads between the bases and capacities for them")
    floor = LinearConstraint(gain[None, :], covered(best) * (1 - SLACK), np.inf)
    shortest = solved(driving, [floor], {"time_limit": 10.0})
    return shortest if shortest is not None and covered(shortest) >= covered(best) * (1 - SLACK) else best


def _rows(covers: Bools, weights: Floats) -> tuple[Bools, Floats]:
    """Nodes that the same bases cover as one: by which (bases × rows), and what they weigh together. Without those of no weight
    and those that no base covers."""
    patterns, which = np.unique(covers[:, weights > 0], axis=1, return_inverse=True)
    demand = np.bincount(np.ravel(which), weights[weights > 0], minlength=patterns.shape[1]).astype(np.float64)
    is_reached = patterns.any(axis=0)
    return patterns[:, is_reached], demand[is_reached]


def _most_that_count(n: int, busy: float) -> int:
    """How many units over one node are told apart: further ones add less than SLACK."""
    if busy <= 0:
        return min(n, 1)
    return n if busy >= 1 else max(1, min(n, math.ceil(math.log(SLACK) / math.log(busy))))


def plan_moves(unit_bases: Ints, capacities: Ints, base_times: Floats, covers: Bools, weights: Floats, busy: float) -> list[Move]:
    """The moves that lead from where units stand (units, by number of the base) to the best coverage, those first that gain most
    for each minute driven. Raises ValueError as `best_flows` does."""
    n_bases = len(capacities)
    present = np.bincount(unit_bases, minlength=n_bases).astype(np.intp)
    flows = best_flows(present, capacities, base_times, covers, weights, busy)
    pairs = [(int(a), int(b)) for a, b in np.argwhere(flows) if a != b for _ in range(flows[a, b])]
    waiting = {base: np.flatnonzero(unit_bases == base).tolist() for base in range(n_bases)}
    moves: list[Move] = []
    before = expected_coverage(present, covers, weights, busy)
    while pairs:
        options = []
        for pair in dict.fromkeys(pairs):
            after = expected_coverage(_moved(present, pair), covers, weights, busy)
            options.append(((after - before) / max(float(base_times[pair]), 1.0), after, pair))
        _, after, pair = max(options, key=lambda option: (option[0], -option[2][0], -option[2][1]))
        unit = waiting[pair[0]].pop(0)
        moves.append(Move(unit, *pair, float(base_times[pair]), before, after))
        present, before = _moved(present, pair), after
        pairs.remove(pair)
    return moves


def _moved(present: Ints, pair: tuple[int, int]) -> Ints:
    moved = present.copy()
    moved[pair[0]] -= 1
    moved[pair[1]] += 1
    return moved


def best_moves(
    unit_bases: Ints, capacities: Ints, base_times: Floats, covers: Bools, weights: Floats, busy: float, *,
    least_gain: float, most: int,
) -> list[Move]:  # fmt: skip
    """At most `most` moves, one after the other, each the one that gains most for each minute driven of those that gain
    `least_gain` (in units of weight) or more: what is advised while the city lives, in milliseconds. The whole rearrangement is
    `plan_moves`.

    One unit at a time as the dynamic form of the model has it (Jagtenberg, Bhulai, van der Mei 2015, "An efficient heuristic for
    real-time ambulance redeployment").
    """
    present = np.bincount(unit_bases, minlength=len(capacities)).astype(np.intp)
    waiting = {base: np.flatnonzero(unit_bases == base).tolist() for base in range(len(capacities))}
    moves: list[Move] = []
    before = expected_coverage(present, covers, weights, busy)
    for _ in range(most):
        options = []
        for a in (base for base, units in waiting.items() if units):  # nobody is moved twice
            k = present @ covers - covers[a]
            stays = float(weights @ (1.0 - np.power(busy, k)))
            after = stays + covers @ (weights * np.power(busy, k) * (1.0 - busy))  # (bases): with the unit at each of them
            may_take = (present < capacities) & np.isfinite(base_times[a]) & (after - before >= least_gain)
            for b in np.flatnonzero(may_take).tolist():
                if a != b:
                    gain_a_minute = float(after[b] - before) / max(float(base_times[a, b]) / 60, 1.0)
                    options.append((gain_a_minute, float(after[b]), a, b))
        if not options:
            break
        _, after_best, a, b = max(options, key=lambda option: (option[0], -option[2], -option[3]))
        moves.append(Move(waiting[a].pop(0), a, b, float(base_times[a, b]), before, after_best))
        present, before = _moved(present, (a, b)), after_best
    return moves
