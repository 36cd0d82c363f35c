"""Replay and sieve do what judging every reading does: laws against the plain loop."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.measures import measured
from alerts.replay import Episode, Floats, compared, episodes, steps
from alerts.rules import Waiting, advance, gravity, is_beyond
from alerts.sieve import asks
from domain.warnings import LevelThreshold, SeriesMeasure, ThresholdRule, WarningLevel

BLUE, YELLOW, RED = WarningLevel.BLUE, WarningLevel.YELLOW, WarningLevel.RED
NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
RIVER = ThresholdRule(
    rule_id="river", version=1, property="waterLevel", direction="above",
    thresholds=(LevelThreshold(RED, 5, 4.5), LevelThreshold(YELLOW, 3, 2.5), LevelThreshold(BLUE, 2, 1.5)),
    raise_hold_s=120, clear_hold_s=180, hazard_class="flood", zh="水", en="Water",
)  # fmt: skip
SPEED = replace(RIVER, direction="below", thresholds=(LevelThreshold(YELLOW, 1, 1.5), LevelThreshold(BLUE, 2, 3)))
RULES = st.sampled_from(
    [RIVER, SPEED, replace(RIVER, raise_hold_s=0, clear_hold_s=0), replace(SPEED, raise_hold_s=60, clear_hold_s=0)]
)
LEVELS = st.sampled_from([0.5, 1.2, 2.0, 2.2, 3.0, 4.6, 5.0, 7.0, float("nan")])
READINGS = st.lists(st.tuples(st.sampled_from([0, 30, 60, 60, 61, 600]), LEVELS), max_size=60)


def series(readings: list[tuple[int, float]]) -> tuple[Floats, Floats]:
    times = NINE.timestamp() + np.cumsum([gap for gap, _ in readings], dtype=np.float64)
    return times, np.array([value for _, value in readings], float)


def judged_one_by_one(rule: ThresholdRule, times: Floats, values: Floats) -> list[tuple[int, WarningLevel | None, datetime]]:
    standing: WarningLevel | None = None
    waiting: Waiting = {}
    taken = []
    for k, (at_s, value) in enumerate(zip(times, values, strict=True)):
        if np.isnan(value):
            continue
        at = datetime.fromtimestamp(float(at_s), UTC)
        verdict = advance(rule, standing, waiting, partial(is_beyond, rule, float(value)), at)
        if verdict.level is not standing:
            taken.append((k, verdict.level, verdict.since))
        standing, waiting = verdict.level, verdict.waiting
    return taken


@given(rule=RULES, readings=READINGS)
def test_a_replay_takes_the_steps_that_judging_every_reading_takes(
    rule: ThresholdRule, readings: list[tuple[int, float]]
) -> None:
    times, values = series(readings)
    assert [(s.index, s.level, s.since) for s in steps(rule, times, values)] == judged_one_by_one(rule, times, values)


@given(rule=RULES, readings=READINGS)
def test_what_the_sieve_lets_pass_would_have_changed_nothing(rule: ThresholdRule, readings: list[tuple[int, float]]) -> None:
    standing: WarningLevel | None = None
    waiting: Waiting = {}
    times, values = series(readings)
    for at_s, value in zip(times, values, strict=True):
        if np.isnan(value):
            continue
        verdict = advance(
            rule, standing, waiting, partial(is_beyond, rule, float(value)), datetime.fromtimestamp(float(at_s), UTC)
        )
        is_asked = bool(asks(rule, np.array([value]), np.array([gravity(standing)], np.int8))[0])
        if not is_asked:
            assert verdict.level is standing
            assert not verdict.waiting
        standing, waiting = verdict.level, verdict.waiting


def test_a_level_that_the_rule_has_lost_is_asked_about() -> None:
    assert asks(SPEED, np.array([9.0, 9.0]), np.array([gravity(RED), 0], np.int8)).tolist() == [True, False]


def test_episodes_tell_when_a_warning_would_have_been_raised_and_lifted_and_its_peak() -> None:
    # Above 3 from minute 1 on: yellow after two minutes of it; above 5 from minute 5: red at 7; below all clears from 9, lifted at 12.
    values = np.array([1, 3.2, 3.2, 3.2, 3.2, 6, 6, 6, 6, 1, 1, 1, 1, 1], float)
    times = NINE.timestamp() + 60 * np.arange(len(values), dtype=np.float64)
    assert episodes(RIVER, times, values) == [Episode(NINE + timedelta(minutes=3), NINE + timedelta(minutes=12), RED)]
    assert episodes(RIVER, times[:9], values[:9]) == [Episode(NINE + timedelta(minutes=3), None, RED)]


def test_two_versions_are_compared_by_what_overlaps() -> None:
    hour = [Episode(NINE + timedelta(hours=h), NINE + timedelta(hours=h, minutes=30), BLUE) for h in range(4)]
    assert compared({"a": [hour[0], hour[1]]}, {"a": [hour[1], hour[2]], "b": [hour[3]]}) == (1, 1, 2)


def test_a_sum_holds_what_was_measured_within_the_window_that_ends_with_the_reading() -> None:
    times = 60 * np.arange(5, dtype=np.float64)
    values = np.array([1, 2, 4, 8, 16], float)
    assert measured(SeriesMeasure.SUM, 120, times, values).tolist() == [1, 3, 6, 12, 24]  # of two readings: (t - 120 s, t]
    assert measured(SeriesMeasure.MEAN, 120, times, values).tolist() == [1, 1.5, 3, 6, 12]
    assert measured(SeriesMeasure.VALUE, 0, times, values).tolist() == values.tolist()


def test_a_rate_is_per_hour_and_told_once_the_readings_span_half_the_window() -> None:
    times = np.array([0, 600, 1200, 1800, 2400], float)
    values = np.array([1.0, 1.1, 1.2, 1.5, 1.5])
    rates = measured(SeriesMeasure.RATE, 1800, times, values)
    assert np.isnan(rates[:2]).all()  # ten minutes are less than half of thirty
    assert rates[2:] == pytest.approx([0.6, 0.4 / 1200 * 3600, 0.3 / 1200 * 3600])


def test_a_window_that_is_no_length_of_time_is_refused_with_what_it_is() -> None:
    with pytest.raises(ValueError, match="the window is 0 s: expected more than 0"):
        measured(SeriesMeasure.SUM, 0, np.array([0.0]), np.array([1.0]))
