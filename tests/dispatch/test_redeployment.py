"""Redeployment: equal to trying every deployment; moves in the order of gain for each minute."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.redeployment import best_flows, best_moves, expected_coverage, plan_moves


def test_expected_coverage_by_hand() -> None:
    """Two units over a node of weight 10, one over one of 5, none over one of 100: 10 · (1 − 0.09) + 5 · 0.7 = 12.6."""
    covers = np.array([[True, False, False], [True, True, False]])
    assert expected_coverage(np.array([1, 1]), covers, np.array([10.0, 5.0, 100.0]), 0.3) == pytest.approx(12.6)


def near(n: int) -> np.ndarray:
    """Bases a minute apart."""
    return 60.0 * (1 - np.eye(n))


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    n_bases, n_nodes = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    capacities = np.array([draw(st.integers(0, 3)) for _ in range(n_bases)])
    present = np.array([draw(st.integers(0, 2)) for _ in range(n_bases)])
    while present.sum() > capacities.sum():
        present[int(present.argmax())] -= 1
    covers = np.array([[draw(st.booleans()) for _ in range(n_nodes)] for _ in range(n_bases)])
    weights = np.array([draw(st.sampled_from([0.0, 1.0, 2.5, 10.0])) for _ in range(n_nodes)])
    return present, capacities, covers, weights, draw(st.sampled_from([0.0, 0.3, 0.9]))


@settings(deadline=None, max_examples=60)
@given(cases())
def test_no_deployment_covers_more(case: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]) -> None:
    present, capacities, covers, weights, busy = case
    flows = best_flows(present, capacities, near(len(present)), covers, weights, busy)
    assert flows.sum(axis=1).tolist() == present.tolist()
    counts = flows.sum(axis=0)
    is_all_as_before = (counts == present).all()
    assert is_all_as_before or (counts <= capacities).all()
    every = [c for c in product(*(range(n + 1) for n in capacities)) if sum(c) == present.sum()]
    best = max(expected_coverage(np.array(c), covers, weights, busy) for c in every)
    assert expected_coverage(counts, covers, weights, busy) == pytest.approx(best, rel=1e-6, abs=1e-9)


def test_what_is_good_already_is_left_alone() -> None:
    covers = np.eye(3, dtype=bool)
    flows = best_flows(np.array([0, 1, 1]), np.array([2, 2, 2]), near(3), covers, np.ones(3), 0.3)
    assert flows.sum(axis=0).tolist() == [0, 1, 1], "any two of three are as good: nobody drives for nothing"


def test_the_move_that_gains_most_a_minute_comes_first_and_coverages_follow_one_another() -> None:
    """Three units at base 0. A node of weight 8 is an hour away at base 2, one of weight 4 a minute away at base 1.

    One each: 0.7 · 17 = 11.9; a second at base 2 for the one at 0 or 1: 10.08, 10.78.
    """
    times = np.array([[0.0, 60.0, 3_600.0], [60.0, 0.0, 3_600.0], [3_600.0, 3_600.0, 0.0]])
    moves = plan_moves(np.array([0, 0, 0]), np.array([3, 3, 3]), times, np.eye(3, dtype=bool), np.array([5.0, 4.0, 8.0]), 0.3)
    assert [(m.unit, m.from_base, m.to_base) for m in moves] == [(0, 0, 1), (1, 0, 2)]
    assert moves[0].coverage_before == pytest.approx(5 * (1 - 0.3**3))
    assert moves[0].coverage_after == moves[1].coverage_before
    assert moves[1].coverage_after == pytest.approx(0.7 * 17)


def test_no_unit_is_sent_where_no_way_leads() -> None:
    times = np.array([[0.0, np.inf], [np.inf, 0.0]])
    assert plan_moves(np.array([0, 0]), np.array([2, 2]), times, np.eye(2, dtype=bool), np.array([1.0, 9.0]), 0.3) == []


def test_bases_without_room_are_named() -> None:
    with pytest.raises(ValueError, match="room for 3"):
        best_flows(np.array([3, 0]), np.array([1, 1]), near(2), np.eye(2, dtype=bool), np.ones(2), 0.3)


def test_of_two_bases_that_cover_the_same_the_nearer_one_is_driven_to() -> None:
    times = np.array([[0.0, 500.0, 90.0], [500.0, 0.0, 90.0], [90.0, 90.0, 0.0]])
    covers = np.array([[True, False], [False, True], [False, True]])
    (move,) = plan_moves(np.array([0, 0]), np.array([2, 2, 2]), times, covers, np.array([1.0, 1.0]), 0.3)
    assert (move.to_base, move.travel_s) == (2, 90.0)


def test_what_is_advised_is_the_move_that_gains_most_a_minute_and_nothing_that_gains_little() -> None:
    """Two units at base 0 cover 100 people; base 1 would cover 80 others, base 2 only 10. Half busy: the second unit at base 0 gains
    25, one at base 1 gains 40: 15 more for a minute's drive."""
    covers = np.array([[True, False, False], [False, True, False], [False, False, True]])
    weights, times = np.array([100.0, 80.0, 10.0]), np.array([[0.0, 60, 60], [60, 0, 60], [60, 60, 0]])
    units, room = np.array([0, 0]), np.array([2, 1, 1])
    (move,) = best_moves(units, room, times, covers, weights, 0.5, least_gain=1, most=3)
    assert (move.from_base, move.to_base, move.travel_s) == (0, 1, 60)
    assert (move.coverage_before, move.coverage_after) == (75, 90)
    assert best_moves(units, room, times, covers, weights, 0.5, least_gain=16, most=3) == []
    assert best_moves(units, np.array([2, 0, 1]), times, covers, weights, 0.5, least_gain=1, most=3) == [], "base 1 is full"


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000))
def test_each_advised_move_gains_what_it_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    covers, weights = rng.random((4, 12)) < 0.4, rng.integers(1, 50, 12).astype(float)
    units, room = rng.integers(0, 4, 5), np.array([3, 3, 3, 3])
    room = np.maximum(room, np.bincount(units, minlength=4))
    times = rng.integers(30, 900, (4, 4)).astype(float)
    present = np.bincount(units, minlength=4)
    for move in best_moves(units, room, times, covers, weights, 0.3, least_gain=0.5, most=4):
        assert move.coverage_before == pytest.approx(expected_coverage(present, covers, weights, 0.3))
        present[move.from_base] -= 1
        present[move.to_base] += 1
        assert move.coverage_after == pytest.approx(expected_coverage(present, covers, weights, 0.3))
        assert move.coverage_after >= move.coverage_before + 0.5
        assert (present <= room).all()
        assert (present >= 0).all()
