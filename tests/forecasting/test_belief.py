"""What is taken for a slip of the sensor, and what for an event."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.belief import beyond_belief

LARGEST = 1e30


def readings() -> np.ndarray:
    return 50 + 10 * np.sin(np.arange(300.0) / 4)


def doubted(values: np.ndarray) -> list[int]:
    return np.flatnonzero(beyond_belief(values, LARGEST)).tolist()


@pytest.mark.parametrize("code", [-9999.0, 65535.0, 1e12])
def test_the_code_of_a_fault_is_no_measurement(code: float) -> None:
    values = readings()
    values[200] = code
    assert doubted(values) == [200]


def test_the_last_value_is_doubted_by_those_before_it_alone() -> None:
    values = readings()
    values[-1] = 1e9
    assert doubted(values) == [299]
    assert doubted(values[:-1]) == []


def test_a_tenfold_rush_is_an_event() -> None:
    values = readings()
    values[200:203] = 700
    assert doubted(values) == []


def test_what_stays_is_believed_from_the_third_on() -> None:
    values = readings()
    values[200:] *= 1000
    assert doubted(values) == [200, 201]


def test_of_a_series_that_rests_nothing_is_doubted_but_what_no_number_is_that_large() -> None:
    values = np.zeros(300)
    values[[150, 250]] = 40.0, 1e31
    assert doubted(values) == [250]


def test_missing_values_and_short_series_are_no_fault() -> None:
    values = readings()
    values[::3] = np.nan
    assert doubted(values) == []
    assert doubted(np.array([np.nan])) == doubted(np.array([])) == []
