"""Who may speak for a series: one history per reason."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting.models.shape import DAY_S, Floats
from forecasting.reasons import Reason, sentence
from forecasting.selection import Outlook, foresee

STEP_S = 1800
HOUR = 3600 // STEP_S
DAY = DAY_S // STEP_S


def days(n: float, seed: int = 3) -> Floats:
    t = np.arange(int(n * DAY))
    return 50 + 10 * np.sin(2 * np.pi * t / DAY) + np.random.default_rng(seed).normal(size=len(t))


def without(history: Floats, start: int, end: int | None) -> Floats:
    holed = history.copy()
    holed[start:end] = np.nan
    return holed


def every_other(history: Floats) -> Floats:
    holed = history.copy()
    holed[1:-1:2] = np.nan
    return holed


def ends_with(history: Floats, value: float, n_days: float) -> Floats:
    return np.concatenate([history, np.full(int(n_days * DAY), value)])


def look(history: Floats, *, low: float | None = 0.0) -> Outlook | Reason:
    return foresee(history, step_s=STEP_S, interval_s=60, horizon=DAY, low=low)


@pytest.mark.parametrize(
    ("history", "model", "reason", "words"),
    [
        (days(5), "autoreg", "", ""),
        (days(5 / 24), "flat", "short_history", "history of 5 h is shorter than the 30 h that seasonal naive needs"),
        (days(1.5), "seasonal_naive", "short_history", "history of 36 h is shorter than the 48 h that AutoReg needs"),
        (np.full(3 * DAY, 7.0), "flat", "unchanged", "the value has not changed for 72 h"),
        (ends_with(days(4), 55.0, 1.5), "flat", "unchanged", "the value has not changed for 36 h"),
        (without(days(5), -2 * HOUR, None), "seasonal_naive", "stale", "no value for the last 120 min"),
        (every_other(days(5)), "seasonal_naive", "sparse", "49.6 % of the slots are missing, 30 % may be"),
        (
            without(days(5), -30 * HOUR, -26 * HOUR),
            "seasonal_naive",
            "interrupted",
            "only 26 h since a gap of 4 h, AutoReg needs 48 h",
        ),
        (np.sin(2 * np.pi * np.arange(5 * DAY) / DAY), "seasonal_naive", "no_convergence", "the fit of AutoReg did not converge"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_fallback_says_which_and_why(history: Floats, model: str, reason: str, words: str) -> None:
    outlook = look(history, low=None)
    assert isinstance(outlook, Outlook)
    assert (outlook.model.name, outlook.fallback.code if outlook.fallback else "") == (model, reason)
    assert sentence(str(outlook.fallback or ""), "en") == words


@pytest.mark.parametrize(
    ("history", "words"),
    [
        (np.full(3 * DAY, np.nan), "no usable value yet"),
        (days(3 / DAY), "3 usable values, 4 are needed"),
        (without(days(5), -25 * HOUR, None), "no value for 25 h"),
        (np.array([1.0, 2.0, 3.0] + [np.nan] * 40 + [4.0]), "nothing is left to try the model on"),
    ],
)
def test_where_even_a_fallback_would_be_invention_nothing_is_said(history: Floats, words: str) -> None:
    outlook = look(history)
    assert isinstance(outlook, Reason)
    assert sentence(str(outlook), "en") == words


def test_a_dry_day_is_not_a_stuck_sensor() -> None:
    """Rain rests at zero, its lower limit; a street at 55 km/h for 36 hours does not."""
    rain = np.where(np.arange(6 * DAY) % (2 * DAY) < 6, np.random.default_rng(0).uniform(1, 5, 6 * DAY), 0.0)
    outlook = look(ends_with(rain, 0.0, 0.5), low=0.0)
    assert isinstance(outlook, Outlook)
    assert outlook.fallback is None or outlook.fallback.code != "unchanged"


def test_after_a_long_outage_the_newer_stretch_carries_the_fit() -> None:
    outlook = look(without(days(8), 2 * DAY, 3 * DAY))
    assert isinstance(outlook, Outlook)
    assert outlook.model.name == "autoreg"


def test_a_model_that_loses_to_yesterday_steps_down_and_says_so() -> None:
    """Every day the same jagged curve, which four harmonics cannot follow and a repetition hits exactly."""
    jagged = np.random.default_rng(5).uniform(0, 100, DAY)
    outlook = look(np.tile(jagged, 29) + np.random.default_rng(6).normal(size=29 * DAY) * 0.1)
    assert isinstance(outlook, Outlook)
    assert outlook.model.name == "seasonal_naive"
    assert sentence(str(outlook.fallback), "en").startswith("mean error over the last 14 days: AutoReg ")


def test_the_reason_is_said_in_chinese_too() -> None:
    outlook = look(days(1.5))
    assert isinstance(outlook, Outlook)
    assert str(outlook.fallback) == "short_history have_h=36 model=autoreg need_h=48"
    assert sentence(str(outlook.fallback), "zh") == "历史仅 36 小时，自回归 需要 48 小时"


def test_large_errors_are_written_out_and_small_ones_to_three_digits() -> None:
    reason = Reason.of("outperformed", trial_d=14, model="autoreg", error=12_345.6, naive_error=0.98765)
    assert sentence(str(reason), "en") == "mean error over the last 14 days: AutoReg 12346, seasonal naive 0.988"


def test_the_word_of_another_version_is_shown_as_it_is() -> None:
    assert sentence("eclipse for_h=2", "zh") == "eclipse for_h=2"
    assert sentence("stale", "en") == "stale"
    assert sentence("", "zh") == ""


@settings(deadline=None)  # a fit takes what a busy machine lets it
@given(
    history=arrays(
        float, st.integers(0, 4 * DAY), elements=st.one_of(st.just(np.nan), st.floats(allow_nan=False, allow_infinity=False))
    ),
)
def test_no_history_is_too_strange_to_be_answered(history: Floats) -> None:
    outlook = look(history)
    if isinstance(outlook, Outlook):
        q10, q50, q90 = outlook.quantiles.values
        assert np.isfinite(outlook.quantiles.values).all()
        assert ((q10 >= 0) & (q10 <= q50) & (q50 <= q90)).all()
    assert sentence(str(outlook.fallback or "") if isinstance(outlook, Outlook) else str(outlook), "zh").count("{") == 0
