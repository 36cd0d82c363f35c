from __future__ import annotations

import numpy as np

from forecasting.gaps import bridge_short_gaps, find_gaps, last_long_gap, trailing_gap

NAN = np.nan


def test_gaps_are_found_with_start_and_end() -> None:
    assert find_gaps(np.array([NAN, 1, NAN, NAN, 2, NAN])) == [(0, 1), (2, 4), (5, 6)]
    assert find_gaps(np.array([1.0, 2.0])) == []


def test_the_trailing_gap_is_counted_from_the_last_value() -> None:
    assert trailing_gap(np.array([1, NAN, 2, NAN, NAN])) == 2
    assert trailing_gap(np.array([NAN, NAN])) == 2
    assert trailing_gap(np.array([1.0])) == 0


def test_a_short_gap_is_bridged_by_a_straight_line() -> None:
    assert bridge_short_gaps(np.array([1, NAN, NAN, 4]), 3600).tolist() == [1, 2, 3, 4]


def test_a_long_gap_and_the_ends_stay_open() -> None:
    history = np.array([NAN, 1, NAN, NAN, NAN, 5, NAN])
    np.testing.assert_array_equal(bridge_short_gaps(history, 3600), history)


def test_the_newest_long_gap_breaks_the_history() -> None:
    assert last_long_gap(np.array([1, NAN, NAN, NAN, 5, NAN, 7, NAN, NAN, NAN]), 3600) == (1, 4)
    assert last_long_gap(np.array([1, NAN, 3]), 3600) is None
