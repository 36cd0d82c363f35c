"""Travel times: the shortest way by the clock, closures obeyed, what cannot be reached said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_data.travel_times import TravelNetwork


def network(*arcs: tuple[int, int, float], n: int = 4) -> TravelNetwork:
    tails, heads, times = zip(*arcs, strict=True) if arcs else ((), (), ())
    return TravelNetwork(n, np.array(tails, np.intp), np.array(heads, np.intp), np.array(times, float))


@st.composite
def networks(draw: st.DrawFn) -> TravelNetwork:
    arcs = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 9).map(float)), max_size=20))
    return network(*arcs, n=6)


@given(networks())
def test_it_is_what_relaxing_every_arc_again_and_again_gives(some: TravelNetwork) -> None:
    """Bellman-Ford: n rounds over all arcs."""
    expected = np.full((6, 6), np.inf)
    np.fill_diagonal(expected, 0.0)
    for _ in range(6):
        for tail, head, time in zip(some.tails, some.heads, some.travel_s, strict=True):
            expected[:, head] = np.minimum(expected[:, head], expected[:, tail] + time)
    everywhere = np.arange(6)
    np.testing.assert_allclose(some.times_from(everywhere), expected)
    np.testing.assert_allclose(some.times_to(everywhere), expected.T)


def test_of_parallel_arcs_the_quickest_counts_and_an_arc_may_take_no_time() -> None:
    some = network((0, 1, 9.0), (0, 1, 4.0), (0, 1, 7.0), (1, 2, 0.0))
    assert some.times_to(np.array([2]))[0, :3].tolist() == [4.0, 0.0, 0.0]


def test_a_closed_arc_is_not_driven_in_its_direction_and_the_other_stays() -> None:
    some = network((0, 1, 1.0), (1, 0, 1.0), (0, 1, 2.0), (0, 2, 5.0), (2, 1, 5.0))
    shut = some.without(some.arcs_between(np.array([0]), np.array([1])))
    assert shut.times_to(np.array([1]))[0, 0] == 10.0
    assert shut.times_to(np.array([0]))[0, 1] == 1.0


def test_where_no_way_leads_it_takes_for_ever_and_nothing_is_guessed() -> None:
    assert network((0, 1, 1.0)).times_to(np.array([0]))[0].tolist() == [0.0, np.inf, np.inf, np.inf]


def test_targets_may_repeat_and_be_none() -> None:
    some = network((0, 1, 1.0))
    assert some.times_to(np.array([1, 1, 0]))[:, 0].tolist() == [1.0, 1.0, 0.0]
    assert some.times_to(np.array([], np.intp)).shape == (0, 4)


@pytest.mark.parametrize("time", [-1.0, np.nan, np.inf])
def test_an_arc_that_takes_no_time_there_is_is_refused(time: float) -> None:
    with pytest.raises(ValueError, match="finite and not negative"):
        network((0, 1, time))
