"""Rules as tables of numbers one can check in the head, and their laws."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules import Condition, Verdict, advance, gravity, level_of_value
from domain.warnings import LevelThreshold, ThresholdRule, WarningLevel

BLUE, YELLOW, RED = WarningLevel.BLUE, WarningLevel.YELLOW, WarningLevel.RED
NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)

DUST = ThresholdRule(
    rule_id="dust", version=1, property="pm25", direction="above",
    thresholds=(LevelThreshold(RED, 250, 235), LevelThreshold(YELLOW, 115, 108), LevelThreshold(BLUE, 75, 70)),
    raise_hold_s=60, clear_hold_s=120, hazard_class="air", zh="尘", en="Dust",
)  # fmt: skip
SLOW = replace(DUST, direction="below", thresholds=(LevelThreshold(YELLOW, 12, 16), LevelThreshold(BLUE, 20, 25)))


@pytest.mark.parametrize(
    ("value", "standing", "asked"),
    [
        (74.9, None, None),
        (75, None, BLUE),
        (300, None, RED),
        (72, BLUE, BLUE),  # between clear and raise what stands goes on standing
        (72, None, None),
        (70, BLUE, BLUE),
        (69.9, BLUE, None),
        (110, RED, YELLOW),  # red is over, yellow has not been cleared
        (110, BLUE, BLUE),
        (72, RED, BLUE),
    ],
)
def test_a_level_stands_from_its_raise_to_its_clear(value: float, standing: WarningLevel | None, asked: object) -> None:
    assert level_of_value(DUST, value, standing) is asked


@pytest.mark.parametrize(
    ("value", "standing", "asked"),
    [(20.1, None, None), (20, None, BLUE), (11, None, YELLOW), (24, BLUE, BLUE), (25.1, BLUE, None), (14, YELLOW, YELLOW)],
)
def test_below_is_the_mirror_of_above(value: float, standing: WarningLevel | None, asked: object) -> None:
    assert level_of_value(SLOW, value, standing) is asked


def story(rule: ThresholdRule, *readings: tuple[float, float]) -> list[tuple[float, WarningLevel | None]]:
    """The steps of a sensor that measured (seconds after nine, value) and so on."""
    standing, condition, steps = None, None, []
    for seconds, value in readings:
        verdict = advance(rule, standing, condition, level_of_value(rule, value, standing), NINE + timedelta(seconds=seconds))
        if verdict.level != standing:
            steps.append((seconds, verdict.level))
        standing, condition = verdict.level, verdict.condition
    return steps


def test_a_warning_is_raised_when_its_level_has_held() -> None:
    assert story(DUST, (0, 80), (30, 80), (60, 80)) == [(60, BLUE)]


def test_one_good_reading_starts_the_wait_anew() -> None:
    assert story(DUST, (0, 80), (30, 60), (60, 80), (90, 80), (120, 80)) == [(120, BLUE)]


def test_what_swings_between_two_levels_is_raised_at_the_lower() -> None:
    assert story(DUST, (0, 80), (20, 120), (40, 80), (60, 120)) == [(60, BLUE)]


def test_a_warning_escalates_when_the_graver_level_has_held() -> None:
    assert story(DUST, (0, 80), (60, 80), (70, 300), (130, 300)) == [(60, BLUE), (130, RED)]


def test_a_warning_is_downgraded_only_as_far_as_every_reading_went() -> None:
    """Red until 120; then 60 (nothing), 110 (yellow), 60, 110 for the clear hold of two minutes: yellow."""
    steps = story(DUST, (0, 300), (60, 300), (120, 60), (160, 110), (200, 60), (240, 110))
    assert steps == [(60, RED), (240, YELLOW)]


def test_a_warning_is_lifted_when_its_opposite_has_held() -> None:
    assert story(DUST, (0, 80), (60, 80), (90, 60), (150, 60), (210, 60)) == [(60, BLUE), (210, None)]


def test_without_a_hold_one_reading_is_enough() -> None:
    assert story(replace(DUST, raise_hold_s=0), (5, 80)) == [(5, BLUE)]


def test_a_late_reading_does_not_raise_again() -> None:
    """Lifted at 210; a reading of 200 that says otherwise arrives afterwards."""
    condition = Condition(None, NINE + timedelta(seconds=210))
    late = NINE + timedelta(seconds=200)
    assert advance(replace(DUST, raise_hold_s=0), None, condition, BLUE, late) == Verdict(None, condition, condition.since)


def test_the_same_reading_judged_every_second_changes_nothing() -> None:
    first = advance(DUST, None, None, BLUE, NINE)
    assert advance(DUST, None, first.condition, BLUE, NINE) == first
    assert first.level is None, "a minute of judging one reading is not a minute of readings"


levels = st.sampled_from([None, *WarningLevel])


@given(st.floats(0, 400), st.floats(0, 400), levels)
def test_the_level_grows_with_the_value(a: float, b: float, standing: WarningLevel | None) -> None:
    low, high = sorted((a, b))
    assert gravity(level_of_value(DUST, low, standing)) <= gravity(level_of_value(DUST, high, standing))


@given(st.lists(st.tuples(st.integers(1, 90), st.floats(0, 400)), max_size=60), st.integers(0, 300), st.integers(0, 300))
def test_a_warning_never_turns_back_inside_its_hold_time(
    readings: list[tuple[int, float]], raise_hold_s: int, clear_hold_s: int
) -> None:
    rule = replace(DUST, raise_hold_s=raise_hold_s, clear_hold_s=clear_hold_s)
    times = [sum(wait for wait, _ in readings[: k + 1]) for k in range(len(readings))]
    steps = story(rule, *zip(times, (value for _, value in readings), strict=True))
    for (earlier, before), (later, after) in pairwise(steps):
        assert later - earlier >= (raise_hold_s if gravity(after) > gravity(before) else clear_hold_s)


@given(st.lists(st.tuples(st.integers(0, 90), levels), max_size=40))
def test_a_restart_changes_no_step(asked: list[tuple[int, WarningLevel | None]]) -> None:
    """All that is remembered is the condition: judged from it, a reading told twice gives the same as told once."""
    standing: WarningLevel | None = None
    condition: Condition | None = None
    at = NINE
    for wait, level in asked:
        at += timedelta(seconds=wait)
        once = advance(DUST, standing, condition, level, at)
        if once.level == level:
            assert advance(DUST, once.level, once.condition, level, at).level == once.level
        standing, condition = once.level, once.condition
