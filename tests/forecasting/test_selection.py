"""Who may speak for a series: one history per reason."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting.calendar import ALWAYS
from forecasting.panel import DAY_S, Floats
from forecasting.question import Question
from forecasting.reasons import Reason, sentence
from forecasting.selection import Outlook, foresee

STEP_S = 3600
DAY = DAY_S // STEP_S
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def days(n: float, seed: int = 3) -> Floats:
    t = np.arange(int(n * DAY))
    return 50 + 10 * np.sin(2 * np.pi * t / DAY) + np.random.default_rng(seed).normal(size=len(t))


def without(history: Floats, start: int, end: int | None) -> Floats:
    holed = history.copy()
    holed[start:end] = np.nan
    return holed


def ends_with(history: Floats, value: float, n_days: float) -> Floats:
    return np.concatenate([history, np.full(int(n_days * DAY), value)])


def a_question(histories: Floats, low: list[float], high: list[float]) -> Question:
    ids = tuple(range(len(histories)))
    return Question(ids, histories, NOON, STEP_S, DAY, np.array(low), np.array(high), UTC, ALWAYS)


def look(history: Floats, *, low: float | None = 0.0) -> Outlook | Reason:
    return foresee(a_question(history[None], [np.nan if low is None else low], [np.nan]))[0]


@pytest.mark.parametrize(
    ("history", "model", "words"),
    [
        (days(20), "combination", ""),
        (days(5 / 24), "flat", "history of 5 h is shorter than the 30 h that seasonal naive needs"),
        (days(1.3), "seasonal_naive", "history of 31 h is shorter than the 36 h that slot profile needs"),
        (np.full(3 * DAY, 7.0), "flat", "the value has not changed for 72 h"),
        (ends_with(days(4), 55.0, 1.5), "flat", "the value has not changed for 36 h"),
        (without(days(20), -8, None), "profile", "no value for 8 h"),
    ],
    ids=["combination", "hours", "a-day", "constant", "stuck", "silent"],
)
def test_each_fallback_says_which_and_why(history: Floats, model: str, words: str) -> None:
    outlook = look(history)
    assert isinstance(outlook, Outlook)
    assert outlook.model.name == model
    assert sentence(str(outlook.fallback or ""), "en") == words


@pytest.mark.parametrize(
    ("history", "words"),
    [
        (np.full(3 * DAY, np.nan), "no usable value yet"),
        (days(3 / DAY), "3 usable values, 4 are needed"),
        (without(days(5), -25, None), "no value for 25 h"),
    ],
)
def test_where_even_a_fallback_would_be_invention_nothing_is_said(history: Floats, words: str) -> None:
    outlook = look(history)
    assert isinstance(outlook, Reason)
    assert sentence(str(outlook), "en") == words


def test_a_dry_day_is_not_a_stuck_sensor() -> None:
    """Rain rests at zero, its least; a street at 55 km/h for 36 hours does not."""
    rain = np.where(np.arange(6 * DAY) % (2 * DAY) < 6, np.random.default_rng(0).uniform(1, 5, 6 * DAY), 0.0)
    outlook = look(ends_with(rain, 0.0, 1.5))
    assert isinstance(outlook, Outlook)
    assert outlook.fallback is None or outlook.fallback.code != "unchanged"


def test_a_series_mostly_missing_is_spoken_for_by_its_profile() -> None:
    history = days(28)
    history[np.random.default_rng(0).random(len(history)) < 0.8] = np.nan
    outlook = look(history)
    assert isinstance(outlook, Outlook)
    assert outlook.model.name == "profile"
    assert sentence(str(outlook.fallback), "zh").startswith("缺测 ")


def test_a_combination_that_loses_to_naive_steps_down_and_says_so() -> None:
    """Every week the same jagged curve, exactly: nothing is better than to repeat it."""
    jagged = np.tile(np.random.default_rng(5).uniform(0, 100, 7 * DAY), 8)
    outlook = look(jagged)
    assert isinstance(outlook, Outlook)
    assert outlook.model.name == "weekly_naive"
    assert "combination" in sentence(str(outlook.fallback), "en")
    assert "上周同时段" in sentence(str(outlook.fallback), "zh")


def test_of_several_series_each_has_its_own_reason_and_limits() -> None:
    histories = np.stack([days(20), np.full(20 * DAY, np.nan), days(20) - 48])
    good, never, near_zero = foresee(a_question(histories, [np.nan, 0.0, 0.0], [np.nan, np.nan, 5.0]))
    assert isinstance(good, Outlook)
    assert good.values.shape == (3, DAY)
    assert isinstance(never, Reason)
    assert isinstance(near_zero, Outlook)
    assert near_zero.values.min() == 0.0
    assert near_zero.values.max() <= 5.0


def test_large_errors_are_written_out_and_small_ones_to_three_digits() -> None:
    reason = Reason.of("outperformed", trial_d=14, model="autoreg", naive="weekly_naive", error=12_345.6, naive_error=0.98765)
    assert sentence(str(reason), "en") == "mean error over the last 14 days: AutoReg 12346, weekly naive 0.988"


def test_the_word_of_another_version_is_shown_as_it_is() -> None:
    assert sentence("eclipse for_h=2", "zh") == "eclipse for_h=2"
    assert sentence("stale", "en") == "stale"
    assert sentence("", "zh") == ""


@settings(deadline=None, max_examples=40)  # a fit takes what a busy machine lets it
@given(
    history=arrays(
        float, st.integers(0, 4 * DAY), elements=st.one_of(st.just(np.nan), st.floats(allow_nan=False, allow_infinity=False))
    ),
)
def test_no_history_is_too_strange_to_be_answered(history: Floats) -> None:
    outlook = look(history)
    if isinstance(outlook, Outlook):
        q10, q50, q90 = outlook.values
        assert np.isfinite(outlook.values).all()
        assert ((q10 >= 0) & (q10 <= q50) & (q50 <= q90)).all()
    assert sentence(str(outlook.fallback or "") if isinstance(outlook, Outlook) else str(outlook), "zh").count("{") == 0
