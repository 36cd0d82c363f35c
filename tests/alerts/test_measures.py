"""Measures of readings that tell of a longer span than lies between them: rain of the past hour, told every two minutes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.measures import COVERS_S, HOUR_S, measured
from alerts.tracks.readings import told
from domain.warnings import SeriesMeasure
from tests.support.scenes import a_rule

SUM = SeriesMeasure.SUM


def sums(hours: float, times_min: list[float], values: list[float]) -> list[float]:
    return measured(SUM, hours * HOUR_S, np.array(times_min) * 60, np.array(values), covers_s=HOUR_S).tolist()


def test_an_hour_of_rain_told_every_two_minutes_is_counted_once() -> None:
    """10 mm/h: the hour's sum grows to 10 mm and stays; what has fallen in three hours grows to 30."""
    times = [2.0 * k for k in range(1, 121)]
    found = sums(3, times, [min(10.0, at / 6) for at in times])
    assert found[:30] == pytest.approx([at / 6 for at in times[:30]])
    assert found[59] == pytest.approx(20)
    assert found[89] == pytest.approx(30)
    assert found[-1] == pytest.approx(30), "no more than three hours"


def test_a_gauge_that_tells_once_an_hour_is_added_up_hour_by_hour() -> None:
    assert sums(3, [60, 120, 180, 240], [1, 2, 4, 8]) == [1, 3, 7, 14]


def test_an_hour_of_which_nothing_was_heard_is_not_made_up() -> None:
    assert sums(3, [60, 180, 300], [5, 7, 9]) == [5, 12, 16]


@given(st.lists(st.integers(0, 5), min_size=2, max_size=400))
def test_the_sum_is_what_has_fallen(tips: list[int]) -> None:
    """Whatever falls in each two minutes: hours' sums, overlapping, add up to the rain of the window."""
    fallen = np.array(tips, float)
    total = np.concatenate([[0.0], np.cumsum(fallen)])
    upto = np.arange(1, len(fallen) + 1)

    def within(minutes: int) -> np.ndarray:
        return total[upto] - total[np.maximum(upto - minutes // 2, 0)]

    found = measured(SUM, 3 * HOUR_S, 120.0 * upto, within(60), covers_s=HOUR_S)
    assert found.tolist() == within(180).tolist()


def test_rules_about_rain_go_by_it_and_others_do_not() -> None:
    times_s, values = 120.0 * np.arange(1, 91), np.full(90, 10.0)
    wet = replace(a_rule(), property="precipitation", measure=SUM, window_s=3 * HOUR_S)
    assert COVERS_S.keys() == {"precipitation"}
    assert told(wet, times_s, values, 0, 1e9)[1][-1] == 30
    assert told(replace(wet, property="pm25"), times_s, values, 0, 1e9)[1][-1] == 900
