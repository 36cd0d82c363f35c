"""Assignment: equal to brute force on small cases and to an independent linear program on large ones."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from dispatch.policies.assignment import NOBODY, assign, assign_first_come

TIMES = st.one_of(st.floats(0, 9_000), st.just(float("inf")), st.sampled_from([0.0, 60.0, 7_200.0]))


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n_units, n_heads = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    times = [[draw(TIMES) for _ in range(n_heads)] for _ in range(n_units)]
    weights = [draw(st.sampled_from([8.0, 4.0, 2.0, 1.0, 0.0])) for _ in range(n_heads)]
    return np.array(times).reshape(n_units, n_heads), np.array(weights)


def brute_force(times: np.ndarray, weights: np.ndarray, penalty_s: float) -> float:
    """Every way of giving each head a unit or none."""
    n_units, n_heads = times.shape
    best = float(weights.sum() * penalty_s)
    for some in product((True, False), repeat=n_heads):
        heads = [h for h in range(n_heads) if some[h]]
        for units in permutations(range(n_units), len(heads)):
            sent = sum(weights[h] * times[u, h] for u, h in zip(units, heads, strict=True) if np.isfinite(times[u, h]))
            if all(np.isfinite(times[u, h]) for u, h in zip(units, heads, strict=True)):
                best = min(best, sent + penalty_s * sum(weights[h] for h in range(n_heads) if not some[h]))
    return best


@given(cases())
def test_it_costs_what_the_best_of_all_ways_costs(case: tuple[np.ndarray, np.ndarray]) -> None:
    times, weights = case
    plan = assign(times, weights, 7_200.0)
    assert plan.total_cost == pytest.approx(brute_force(times, weights, 7_200.0), rel=1e-9, abs=1e-9)
    sent = plan.units[plan.units != NOBODY]
    assert len(set(sent.tolist())) == len(sent), "a unit serves one head"
    for head, unit in enumerate(plan.units):
        if unit != NOBODY:
            assert plan.travel_s[head] == times[unit, head] < np.inf


@pytest.mark.parametrize("seed", range(3))
def test_it_costs_what_a_linear_program_says(seed: int) -> None:
    """The polytope of the assignment problem has whole corners: its linear program has the same optimum."""
    rng = np.random.default_rng(seed)
    n_units, n_heads = 40, 60
    times = np.where(rng.random((n_units, n_heads)) < 0.5, rng.gamma(2, 400, (n_units, n_heads)), np.inf)
    weights = rng.choice([8.0, 4.0, 2.0, 1.0], n_heads)
    can = np.argwhere(np.isfinite(times))
    saves = weights[can[:, 1]] * (7_200 - times[can[:, 0], can[:, 1]])
    each_once = np.zeros((n_units + n_heads, len(can)))
    each_once[can[:, 0], np.arange(len(can))] = 1
    each_once[n_units + can[:, 1], np.arange(len(can))] = 1
    program = linprog(-saves, A_ub=each_once, b_ub=np.ones(n_units + n_heads), bounds=(0, None))
    assert assign(times, weights, 7_200.0).total_cost == pytest.approx(weights.sum() * 7_200 + program.fun, rel=1e-9)


@given(cases())
def test_no_order_of_taking_the_closest_is_cheaper(case: tuple[np.ndarray, np.ndarray]) -> None:
    times, weights = case
    for order in (range(len(weights)), np.argsort(-weights, kind="stable").tolist()):
        one_by_one = assign_first_come(times, weights, 7_200.0, order)
        assert one_by_one.total_cost >= assign(times, weights, 7_200.0).total_cost - 1e-6


def test_the_closest_unit_is_kept_for_whom_no_other_can_reach() -> None:
    times = np.array([[60.0, 100.0], [120.0, np.inf]])
    plan = assign(times, np.array([1.0, 1.0]), 7_200.0)
    assert plan.units.tolist() == [1, 0]
    assert assign_first_come(times, np.array([1.0, 1.0]), 7_200.0, [0, 1]).units.tolist() == [0, NOBODY]
