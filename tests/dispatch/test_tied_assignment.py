"""Tied assignment: all or none, one unit for several needs; equal to trying everything on small cases."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.policies.assignment import NOBODY, assign
from dispatch.policies.tied_assignment import Ties, assign_tied

INF, PENALTY_S = np.inf, 1_000.0
Case = tuple[np.ndarray, np.ndarray, Ties]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Up to three units, up to two incidents with up to two heads each; a unit's way is the same to all heads of an incident."""
    n_units, n_incidents = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    incident_of = np.repeat(np.arange(n_incidents), [draw(st.integers(1, 2)) for _ in range(n_incidents)])
    way = np.array([[draw(st.sampled_from([10.0, 50.0, 200.0, 1_500.0])) for _ in range(n_incidents)] for _ in range(n_units)])
    able = np.array([[draw(st.booleans()) for _ in incident_of] for _ in range(n_units)])
    weights = np.array([draw(st.sampled_from([1.0, 4.0])) for _ in range(n_incidents)])
    flags = [np.array([draw(st.booleans()) for _ in range(n_incidents)]) for _ in range(2)]
    need_of = np.array([draw(st.integers(0, 1)) for _ in incident_of])
    return np.where(able, way[:, incident_of], INF), weights[incident_of], Ties(incident_of, *flags, need_of)


def cheapest(times: np.ndarray, weights: np.ndarray, ties: Ties) -> float:
    """Every way of giving each head a unit or nobody."""
    n_units, n_heads = times.shape
    best = PENALTY_S * weights.sum()
    for sent in product(range(-1, n_units), repeat=n_heads):
        trips = {(u, int(ties.incident_of[h])) for h, u in enumerate(sent) if u >= 0}
        by_unit = [u for u, _ in trips]
        heads_of = {trip: [h for h, u in enumerate(sent) if (u, int(ties.incident_of[h])) == trip] for trip in trips}
        met = [h for h, u in enumerate(sent) if u >= 0]
        is_fine = (
            len(by_unit) == len(set(by_unit))
            and all(np.isfinite(times[sent[h], h]) for h in met)
            and all(
                len(heads) == 1 or (ties.is_shared[i] and len({ties.need_of[h] for h in heads}) == len(heads))
                for (_, i), heads in heads_of.items()
            )
            and all(
                len({u >= 0 for h, u in enumerate(sent) if ties.incident_of[h] == i}) == 1 for i in np.flatnonzero(ties.is_whole)
            )
        )
        if is_fine:
            ways = sum(weights[heads[0]] * times[u, heads[0]] for (u, _), heads in heads_of.items())
            best = min(best, ways + PENALTY_S * sum(weights[h] for h, u in enumerate(sent) if u < 0))
    return float(best)


@settings(deadline=None, max_examples=150)
@given(cases())
def test_it_costs_what_the_best_of_all_ways_costs(case: Case) -> None:
    times, weights, ties = case
    assert assign_tied(times, weights, PENALTY_S, ties).total_cost == pytest.approx(cheapest(times, weights, ties))


def test_half_a_rescue_is_not_sent() -> None:
    times = np.array([[10.0, 10.0]])
    ties = Ties(np.array([0, 0]), np.array([True]), np.array([False]))
    assert assign_tied(times, np.ones(2), PENALTY_S, ties).units.tolist() == [NOBODY, NOBODY]


def test_one_unit_meets_two_needs_of_one_incident_and_drives_once() -> None:
    times = np.array([[10.0, 10.0]])
    plan = assign_tied(times, np.ones(2), PENALTY_S, Ties(np.array([0, 0]), np.array([True]), np.array([True])))
    assert plan.units.tolist() == [0, 0]
    assert plan.total_cost == 10.0


def test_without_ties_it_is_the_plain_assignment() -> None:
    rng = np.random.default_rng(1)
    times, weights = rng.uniform(0, 2_000, (30, 20)), rng.choice([1.0, 8.0], 20)
    ties = Ties(np.arange(20), np.zeros(20, bool), np.zeros(20, bool))
    assert assign_tied(times, weights, PENALTY_S, ties).total_cost == assign(times, weights, PENALTY_S).total_cost
