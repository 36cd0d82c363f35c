"""Rules as tables of numbers one can check in the head, and their laws."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.rules import advance, gravity, is_beyond
from domain.warnings import LevelThreshold, ThresholdRule, Wait, WarningLevel

BLUE, YELLOW, RED = WarningLevel.BLUE, WarningLevel.YELLOW, WarningLevel.RED
NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
UP = Wait(NINE, to_raise=True)

DUST = ThresholdRule(
    rule_id="dust", version=1, property="pm25", direction="above",
    thresholds=(LevelThreshold(RED, 250, 235), LevelThreshold(YELLOW, 115, 108), LevelThreshold(BLUE, 75, 70)),
    raise_hold_s=60, clear_hold_s=120, hazard_class="air", zh="尘", en="Dust",
)  # fmt: skip
SLOW = replace(DUST, direction="below", thresholds=(LevelThreshold(YELLOW, 12, 16), LevelThreshold(BLUE, 20, 25)))


def asked(rule: ThresholdRule, value: float, standing: WarningLevel | None) -> WarningLevel | None:
    """What a value makes of what stands when nothing has to hold."""
    at_once = replace(rule, raise_hold_s=0, clear_hold_s=0)
    return advance(at_once, standing, {}, partial(is_beyond, rule, value), NINE).level


@pytest.mark.parametrize(
    ("value", "standing", "level"),
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
def test_a_level_stands_from_its_raise_to_its_clear(value: float, standing: WarningLevel | None, level: object) -> None:
    assert asked(DUST, value, standing) is level


@pytest.mark.parametrize(
    ("value", "standing", "level"),
    [(20.1, None, None), (20, None, BLUE), (11, None, YELLOW), (24, BLUE, BLUE), (25.1, BLUE, None), (14, YELLOW, YELLOW)],
)
def test_below_is_the_mirror_of_above(value: float, standing: WarningLevel | None, level: object) -> None:
    assert asked(SLOW, value, standing) is level


def story(rule: ThresholdRule, *readings: tuple[float, float]) -> list[tuple[float, WarningLevel | None]]:
    """The steps of a sensor that measured (seconds after nine, value) and so on."""
    standing, waiting, steps = None, {}, []
    for seconds, value in readings:
        verdict = advance(rule, standing, waiting, partial(is_beyond, rule, value), NINE + timedelta(seconds=seconds))
        if verdict.level != standing:
            steps.append((seconds, verdict.level))
        standing, waiting = verdict.level, verdict.waiting
    return steps


def test_a_warning_is_raised_when_its_level_has_held() -> None:
    assert story(DUST, (0, 80), (30, 80), (60, 80)) == [(60, BLUE)]


def test_one_good_reading_starts_the_wait_anew() -> None:
    assert story(DUST, (0, 80), (30, 60), (60, 80), (90, 80), (120, 80)) == [(120, BLUE)]


def test_what_swings_between_two_levels_is_raised_at_the_lower() -> None:
    assert story(DUST, (0, 80), (20, 120), (40, 80), (60, 120)) == [(60, BLUE)]


def test_a_warning_escalates_when_the_graver_level_has_held() -> None:
    assert story(DUST, (0, 80), (60, 80), (70, 300), (130, 300)) == [(60, BLUE), (130, RED)]


def test_a_level_holds_while_a_milder_one_is_being_raised() -> None:
    """Red from 50 on is red at 110, a minute later, although blue was raised at 60 and red was then only ten seconds old."""
    assert story(DUST, (0, 80), (50, 300), (60, 300), (110, 300)) == [(60, BLUE), (110, RED)]


def test_a_jump_to_the_gravest_level_takes_one_hold() -> None:
    assert story(DUST, (0, 300), (60, 300)) == [(60, RED)]


def test_a_warning_is_downgraded_only_as_far_as_every_reading_went() -> None:
    """Red until 120; then 60 (nothing), 110 (yellow), 60, 110 for the clear hold of two minutes: yellow."""
    steps = story(DUST, (0, 300), (60, 300), (120, 60), (160, 110), (200, 60), (240, 110))
    assert steps == [(60, RED), (240, YELLOW)]


def test_a_warning_comes_down_level_by_level_as_each_has_held() -> None:
    """Below red from 100 on, below yellow from 150, below blue from 200: each is cleared two minutes later."""
    steps = story(DUST, (0, 300), (60, 300), (100, 200), (150, 100), (200, 60), (220, 60), (270, 60), (320, 60))
    assert steps == [(60, RED), (220, YELLOW), (270, BLUE), (320, None)]


def test_a_warning_is_lifted_when_its_opposite_has_held() -> None:
    assert story(DUST, (0, 80), (60, 80), (90, 60), (150, 60), (210, 60)) == [(60, BLUE), (210, None)]


def test_without_a_hold_one_reading_is_enough() -> None:
    assert story(replace(DUST, raise_hold_s=0), (5, 80)) == [(5, BLUE)]


def test_a_level_that_the_rule_no_longer_knows_is_cleared_in_its_time() -> None:
    """Orange stands, and the rule was changed to blue alone; 80 is still blue."""
    blue = replace(DUST, thresholds=DUST.thresholds[-1:])
    passes = partial(is_beyond, blue, 80)
    first = advance(blue, WarningLevel.ORANGE, {}, passes, NINE)
    assert (first.level, first.waiting) == (WarningLevel.ORANGE, {WarningLevel.ORANGE: Wait(NINE, to_raise=False)})
    assert advance(blue, WarningLevel.ORANGE, first.waiting, passes, NINE + timedelta(seconds=120)).level is BLUE


def test_the_same_reading_judged_twice_changes_nothing() -> None:
    passes = partial(is_beyond, DUST, 80)
    first = advance(DUST, None, {}, passes, NINE)
    assert advance(DUST, None, first.waiting, passes, NINE) == first
    assert first.level is None, "a minute of judging one reading is not a minute of readings"


def test_nothing_waits_when_a_value_asks_for_nothing_new() -> None:
    assert advance(DUST, None, {BLUE: UP}, partial(is_beyond, DUST, 60), NINE).waiting == {}
    assert advance(DUST, BLUE, {YELLOW: UP}, partial(is_beyond, DUST, 80), NINE).waiting == {}


def test_what_waited_to_be_cleared_is_no_wait_to_be_raised() -> None:
    """Blue was about to be cleared when somebody closed the warning; the value rises again."""
    closed = advance(DUST, None, {BLUE: Wait(NINE, to_raise=False)}, partial(is_beyond, DUST, 80), NINE + timedelta(seconds=100))
    assert (closed.level, closed.waiting) == (None, {BLUE: Wait(NINE + timedelta(seconds=100), to_raise=True)})


def test_a_step_says_since_when_readings_asked_for_it() -> None:
    raised = advance(DUST, None, {BLUE: UP, YELLOW: UP}, partial(is_beyond, DUST, 120), NINE + timedelta(seconds=60))
    assert (raised.level, raised.since, raised.waiting) == (YELLOW, NINE, {})


levels = st.sampled_from([None, *WarningLevel])
series = st.lists(st.tuples(st.integers(1, 90), st.floats(0, 400)), max_size=60)


def timed(readings: list[tuple[int, float]]) -> list[tuple[float, float]]:
    """(waited, value) as (seconds after nine, value)."""
    return [(sum(wait for wait, _ in readings[: k + 1]), value) for k, (_, value) in enumerate(readings)]


@given(st.floats(0, 400), st.floats(0, 400), levels)
def test_the_level_grows_with_the_value(a: float, b: float, standing: WarningLevel | None) -> None:
    low, high = sorted((a, b))
    assert gravity(asked(DUST, low, standing)) <= gravity(asked(DUST, high, standing))


@given(series, st.integers(0, 300), st.integers(0, 300))
def test_a_warning_never_turns_back_inside_its_hold_time(
    readings: list[tuple[int, float]], raise_hold_s: int, clear_hold_s: int
) -> None:
    steps = story(replace(DUST, raise_hold_s=raise_hold_s, clear_hold_s=clear_hold_s), *timed(readings))
    directions = [
        (time, gravity(level) > gravity(before))
        for (time, level), before in zip(steps, [None, *(level for _, level in steps)], strict=False)
    ]
    for (earlier, rose), (later, rises) in pairwise(directions):
        if rises != rose:
            assert later - earlier >= (raise_hold_s if rises else clear_hold_s)


@given(series, st.integers(0, 300))
def test_a_level_stands_as_soon_as_every_reading_of_the_hold_has_asked_for_it_and_never_sooner(
    readings: list[tuple[int, float]], hold_s: int
) -> None:
    """Nothing is ever cleared here, so that what stands is the gravest level any stretch of readings has held."""
    rule = replace(DUST, raise_hold_s=hold_s, clear_hold_s=1e9)
    told = timed(readings)
    held = None
    for k, (time, _) in enumerate(told):
        for threshold in rule.thresholds:
            stretch = [t for t, value in told[: k + 1] if all(v >= threshold.raise_at for u, v in told[: k + 1] if u >= t)]
            if stretch and time - stretch[0] >= hold_s:
                held = max(held, threshold.level, key=gravity)
        steps = story(rule, *told[: k + 1])
        assert (steps[-1][1] if steps else None) is held


@given(series, st.integers(0, 300), st.integers(0, 300), st.lists(st.booleans(), min_size=60, max_size=60))
def test_a_restart_changes_no_step(
    readings: list[tuple[int, float]], raise_hold_s: int, clear_hold_s: int, again: list[bool]
) -> None:
    """All that is remembered is what stands and what waits: a reading told twice gives the same as told once, where it has to
    hold (without a hold the service's mark keeps it from being told twice)."""
    rule = replace(DUST, raise_hold_s=raise_hold_s or 1, clear_hold_s=clear_hold_s or 1)
    once = timed(readings)
    twice = [reading for reading, repeated in zip(once, again, strict=False) for reading in [reading] * (1 + repeated)]
    assert story(rule, *twice) == story(rule, *once)
