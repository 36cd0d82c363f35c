"""Quality: doubtful values are flagged and kept, for a cause, whatever came beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.quality import Cause
from domain.series import Rows
from ingest.quality import judge

STEP_PER_MIN, STILL_FOR = 10.0, 4
MINUTE_US = 60_000_000


def found(
    values: Sequence[float],
    *,
    minutes: Sequence[float] | None = None,
    causes: Sequence[int] | None = None,
    series: Sequence[int] | None = None,
    low: float = -np.inf,
    high: float = np.inf,
    run_before: int = 1,
    step_per_min: float = STEP_PER_MIN,
) -> list[str]:
    """Causes of readings a minute apart, in a property that changes by 10 a minute and never repeats itself four times."""
    n = len(values)
    times = np.array(range(n) if minutes is None else minutes, float)
    rows = Rows(
        np.array(series or [0] * n), (times * MINUTE_US).astype(np.int64), np.array(values, float),
        np.array(causes or [0] * n, np.int16), np.full(n, low), np.full(n, high), np.full(n, step_per_min / 60),
        np.full(n, STILL_FOR, np.int32), np.full(n, 4 * MINUTE_US), np.full(n, run_before, np.int32),
    )  # fmt: skip
    return [Cause.from_code(code).value if code else "" for code in judge(rows).causes.tolist()]


def test_a_value_outside_the_plausible_range_is_bad_and_its_limits_are_not() -> None:
    assert found([0, 1000], low=0, high=1000, minutes=[0, 60]) == ["", ""]
    assert found([-0.1, 1000.1, 1e300], low=0, high=1000) == ["range"] * 3


def test_without_known_limits_nothing_is_impossible() -> None:
    assert found([1e300]) == [""]


def test_a_change_faster_than_the_property_can_is_doubtful_and_what_follows_it_is_not() -> None:
    assert found([50, 60, 70]) == ["", "", ""]
    assert found([50, 61, 62, 63]) == ["", "rate", "", ""]
    assert found([50, 70, 71], minutes=[0, 2, 3]) == ["", "", ""]  # 20 in two minutes


def test_a_change_is_held_against_a_minute_however_soon_it_comes() -> None:
    assert found([50, 59, 50], minutes=[0, 0.1, 0.2]) == ["", "", ""]


def test_a_lone_jump_is_a_spike_once_the_next_reading_is_back() -> None:
    assert found([50, 90]) == ["", "rate"]
    assert found([50, 90, 52]) == ["", "spike", ""]
    assert found([50, 10, 52, 53]) == ["", "spike", "", ""]


def test_a_step_that_stays_is_no_spike_and_two_steps_up_are_none_either() -> None:
    assert found([50, 90, 91, 92]) == ["", "rate", "", ""]
    assert found([50, 90, 130, 131]) == ["", "rate", "rate", ""]


def test_a_sensor_that_repeats_itself_is_stuck_from_the_reading_that_shows_it() -> None:
    assert found([7, 7, 7, 7, 7, 8]) == ["", "", "", "stuck", "stuck", ""]
    assert found([7, 7], run_before=3) == ["", "stuck"]


def test_zero_may_last() -> None:
    assert found([0] * 9) == [""] * 9


def test_readings_far_apart_say_nothing_of_one_another() -> None:
    assert found([50, 90, 52], minutes=[0, 5, 10]) == ["", "", ""]
    assert found([7, 7, 7, 7], minutes=[0, 1, 2, 7]) == ["", "", "", ""]


def test_series_say_nothing_of_one_another() -> None:
    assert found([50, 90, 7, 7, 7, 7], series=[0, 1, 2, 2, 3, 3]) == [""] * 6


def test_a_device_s_own_doubt_is_not_overruled_and_counts_for_nobody() -> None:
    doubted = Cause.DOUBTED.code
    assert found([50, 5000, 51], causes=[0, doubted, 0], high=1000) == ["", "doubted", ""]


def test_a_value_out_of_range_counts_for_nobody() -> None:
    assert found([50, -999, -999, 51, 52], low=0) == ["", "range", "range", "", ""]


def test_what_neighbours_said_of_a_reading_before_is_judged_anew() -> None:
    assert found([50, 52, 54], causes=[0, Cause.SPIKE.code, Cause.RATE.code]) == ["", "", ""]


def test_a_property_that_may_jump_is_never_too_fast() -> None:
    assert found([0, 1e9, 0], step_per_min=np.inf) == ["", "", ""]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 7.0, 20.0, 50.0, 90.0]), min_size=4, max_size=40),
    st.integers(min_value=2, max_value=38),
)
def test_a_day_judged_in_two_parts_is_judged_as_in_one(values: list[float], cut: int) -> None:
    """The second part sees of the first what is remembered: two readings, and how many were equal up to the last but one."""
    cut = min(cut, len(values) - 1)
    whole = found(values)
    run = 1
    while run < cut - 1 and values[cut - 2 - run] == values[cut - 2]:
        run += 1
    second = found(values[cut - 2 :], run_before=run)
    assert second[2:] == whole[cut:]
    assert (second[1] == "spike") == (whole[cut - 1] == "spike")
