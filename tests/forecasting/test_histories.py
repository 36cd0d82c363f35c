"""Histories in memory: a window that moves on, rows that are let go of and used again."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from forecasting.histories import ROOM, Histories
from tests.support.scenes import NOW, minutes

SLOT = timedelta(minutes=15)


def a_window(slots: int = 4, end: datetime = NOW) -> Histories:
    histories = Histories(900, slots)
    histories.move_to(end)
    return histories


def rows(*values: list[float]) -> np.ndarray:
    return np.array(values, dtype=float)


def test_what_was_put_comes_back() -> None:
    histories = a_window()
    histories.put([7, -3], NOW - 4 * SLOT, rows([1, 2, 3, 4], [5, np.nan, 7, np.inf]))
    np.testing.assert_array_equal(histories.of([-3, 7]), [[5, np.nan, 7, np.nan], [1, 2, 3, 4]])
    assert (histories.read_until(7), histories.read_until(8), len(histories)) == (NOW, None, 2)


def test_the_window_moves_on_and_new_slots_replace_the_newest() -> None:
    histories = a_window()
    histories.put([7], NOW - 4 * SLOT, rows([1, 2, 3, 4]))
    histories.move_to(NOW + SLOT)
    assert histories.start == NOW - 3 * SLOT
    assert histories.read_until(7) == NOW
    histories.put([7], NOW - SLOT, rows([40, 50]))
    assert histories.of([7]).tolist() == [[2, 3, 40, 50]]


@pytest.mark.parametrize("steps", [-1, 4, 400], ids=["back", "just beyond", "far beyond"])
def test_a_window_that_jumps_forgets_everything(steps: int) -> None:
    histories = a_window()
    histories.put([7], NOW - 4 * SLOT, rows([1, 2, 3, 4]))
    histories.move_to(NOW + steps * SLOT)
    assert (histories.read_until(7), len(histories)) == (None, 0)


def test_a_forgotten_series_leaves_its_row_empty_for_another() -> None:
    histories = a_window()
    for number in range(ROOM + 1):
        histories.put([number], NOW - 4 * SLOT, rows([number] * 4))
    histories.forget([3, 999])
    histories.put([500], NOW - SLOT, rows([9]))
    np.testing.assert_array_equal(histories.of([500]), [[np.nan, np.nan, np.nan, 9]])
    assert histories.of([ROOM]).tolist() == [[ROOM] * 4]


@pytest.mark.parametrize(("start", "n"), [(NOW - 2 * SLOT, 1), (NOW - 5 * SLOT, 5), (NOW - minutes(14), 1)])
def test_what_does_not_end_with_the_window_is_refused(start: datetime, n: int) -> None:
    with pytest.raises(ValueError, match="expected at most 4 that end at"):
        a_window().put([7], start, np.zeros((1, n)))


def test_a_window_without_an_end_takes_nothing() -> None:
    with pytest.raises(ValueError, match="has no end yet"):
        Histories(900, 4).put([7], NOW, np.zeros((1, 1)))
