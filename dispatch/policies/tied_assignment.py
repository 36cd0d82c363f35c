"""Tied assignment: as `assignment`, where a run card ties heads together: all of an incident's heads or none (half a rescue is of
no use), or one unit that may meet several needs of one incident at once.

    minimise  Σ weight · travel_s (units sent)  +  Σ weight · penalty_s (heads not met)

as a mixed integer program for HiGHS (`scipy.optimize.milp`). It is asked only where the untied optimum breaks a tie, since an
optimum that breaks none is the tied one too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array, vstack

from dispatch.policies.assignment import NOBODY, Bools, Floats, Ints, Plan, assign

TIME_LIMIT_S = 5.0


@dataclass(frozen=True)
class Ties:
    """Of heads (h) and incidents (i): which incident each head is of, which incidents are met whole or not at all, in which a
    unit may meet several heads of different capabilities, and which capability each head asks for (None: every head another)."""

    incident_of: Ints
    """(h)"""
    is_whole: Bools
    """(i)"""
    is_shared: Bools
    """(i)"""
    need_of: Ints | None = None
    """(h)"""


def assign_tied(travel_s: Floats, weights: Floats, penalty_s: float, ties: Ties, bonus: Floats | None = None) -> Plan:
    """The cheapest plan that keeps the ties, for `travel_s` (units × heads; infinite: cannot), `weights` (heads) and `bonus` as
    `assignment.assign` takes it. The heads of one incident weigh the same and lie at one place.

    A unit that meets several heads of a shared incident stands at each of them in the plan, and its way counts once.
    """
    untied = assign(travel_s, weights, penalty_s, bonus)
    if not ties.is_shared.any() and _keeps(untied, ties):
        return untied
    return _solved(travel_s, weights, penalty_s, ties, bonus) or _without_broken(untied, travel_s, weights, penalty_s, ties)


def _keeps(plan: Plan, ties: Ties) -> bool:
    """Whether no whole incident is met in part."""
    n = len(ties.is_whole)
    asked = np.bincount(ties.incident_of, minlength=n)
    met = np.bincount(ties.incident_of, plan.units != NOBODY, minlength=n)
    return not (ties.is_whole & (met > 0) & (met < asked)).any()


def _solved(travel_s: Floats, weights: Floats, penalty_s: float, ties: Ties, bonus: Floats | None) -> Plan | None:
    """x: unit u meets head h; y: unit u goes to incident i; z: the whole incident i is met. None when no answer came in time."""
    n_units, n_heads = travel_s.shape
    units, heads = np.nonzero(np.isfinite(travel_s))
    trips, trip_of = np.unique(np.stack([units, ties.incident_of[heads]], axis=1), axis=0, return_inverse=True)
    trip_of = np.ravel(trip_of)
    whole = np.flatnonzero(ties.is_whole)
    n_x, n_y, n_z = len(units), len(trips), len(whole)
    n = n_x + n_y + n_z
    if n_x == 0:
        return None
    way = np.zeros(n_y)
    way[trip_of] = weights[heads] * travel_s[units, heads] - (0.0 if bonus is None else bonus[units, heads])
    costs = np.concatenate([-weights[heads] * penalty_s, way, np.zeros(n_z)])

    def matrix(rows: Ints, columns: Ints, values: Floats, n_rows: int) -> csr_array:
        return csr_array(coo_array((values, (rows, columns)), shape=(n_rows, n)))

    x, y = np.arange(n_x), n_x + np.arange(n_y)
    each_head = matrix(heads, x, np.ones(n_x), n_heads)
    each_unit = matrix(trips[:, 0], y, np.ones(n_y), n_units)
    # Of the heads of a trip one is met; where they are shared, one of each capability.
    need_of = np.arange(n_heads) if ties.need_of is None else ties.need_of
    kind = np.where(ties.is_shared[ties.incident_of[heads]], need_of[heads] + 1, 0)
    parts, part_of = np.unique(np.stack([trip_of, kind], axis=1), axis=0, return_inverse=True)
    part_of, n_parts = np.ravel(part_of), len(parts)
    goes = matrix(
        np.concatenate([part_of, np.arange(n_parts)]), np.concatenate([x, y[parts[:, 0]]]),
        np.concatenate([np.ones(n_x), -np.ones(n_parts)]), n_parts,
    )  # fmt: skip
    constraints = [
        LinearConstraint(each_head, 0, 1), LinearConstraint(each_unit, 0, 1), LinearConstraint(goes, -np.inf, 0),
    ]  # fmt: skip
    if n_z:
        of_whole = np.flatnonzero(ties.is_whole[ties.incident_of])
        place = np.searchsorted(whole, ties.incident_of[of_whole])
        tied = vstack([each_head])[of_whole] - matrix(
            np.arange(len(of_whole)), n_x + n_y + place, np.ones(len(of_whole)), len(of_whole)
        )
        constraints.append(LinearConstraint(tied, 0, 0))
    found = milp(
        costs, integrality=np.ones(n), bounds=Bounds(0, 1), constraints=constraints,
        options={"mip_rel_gap": 0.0, "time_limit": TIME_LIMIT_S},
    )  # fmt: skip
    if found.x is None:
        return None
    chosen = np.flatnonzero(found.x[:n_x] > 0.5)
    sent = np.full(n_heads, NOBODY, np.intp)
    sent[heads[chosen]] = units[chosen]
    return _costed(sent, travel_s, weights, penalty_s, ties)


def _costed(sent: Ints, travel_s: Floats, weights: Floats, penalty_s: float, ties: Ties) -> Plan:
    """The plan of who meets each head, the way of a unit to an incident counted once."""
    met = np.flatnonzero(sent != NOBODY)
    times = np.full(len(sent), np.inf)
    times[met] = travel_s[sent[met], met]
    _, first = np.unique(np.stack([sent[met], ties.incident_of[met]], axis=1), axis=0, return_index=True)
    cost = float((weights[met] * times[met])[first].sum() + penalty_s * weights[sent == NOBODY].sum())
    return Plan(sent, times, cost)


def _without_broken(plan: Plan, travel_s: Floats, weights: Floats, penalty_s: float, ties: Ties) -> Plan:
    """A plan without the whole incidents that it meets in part."""
    n = len(ties.is_whole)
    asked = np.bincount(ties.incident_of, minlength=n)
    met = np.bincount(ties.incident_of, plan.units != NOBODY, minlength=n)
    is_broken = ties.is_whole & (met < asked)
    sent = np.where(is_broken[ties.incident_of], NOBODY, plan.units)
    return _costed(sent, travel_s, weights, penalty_s, ties)
