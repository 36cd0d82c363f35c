"""The contest: models asked from one origin on the city's clock, within limits and opening hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from forecasting.calendar import ALWAYS, Calendar
from forecasting.contest import medians, spoken
from forecasting.models.registry import MODELS
from forecasting.question import Question, laid
from forecasting.series import boundary
from tests.support.scenes import NOW, minutes

SHANGHAI = ZoneInfo("Asia/Shanghai")
LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)


def a_question(n_days: int = 6, calendar: Calendar = ALWAYS, step_s: int = 3600, end: datetime = NOW) -> Question:
    """Two series of the hour of Shanghai's day, with a tremble."""
    n = n_days * 86_400 // step_s
    hours = np.array([(end - (n - k) * minutes(step_s / 60)).astimezone(SHANGHAI).hour for k in range(n)], dtype=float)
    histories = np.stack([hours, 2 * hours]) + np.random.default_rng(7).normal(0, 0.5, (2, n))
    return Question((5, -2), histories, end, step_s, 24, np.array([0.0, 0.0]), np.array([np.nan, 20.0]), SHANGHAI, calendar)


def test_histories_are_laid_onto_the_city_s_clock() -> None:
    panel = laid(a_question())
    first = int(np.flatnonzero(panel.measured[0])[0])
    assert (panel.slots_per_day, first, panel.slots % 24) == (24, 9, 9), "the question ends at nine in the morning"
    assert panel.first_day == NOW.toordinal() - date(1970, 1, 1).toordinal() - 6
    np.testing.assert_allclose(panel.values[0, first : first + 3], [9, 10, 11], atol=2)


def test_medians_follow_the_day_within_the_limits() -> None:
    found = medians(a_question(), ["profile", "seasonal_naive", "weekly_naive"])
    assert set(found) == {"profile", "seasonal_naive"}, "a week has not been seen yet"
    np.testing.assert_allclose(found["profile"][0, :3], [9, 10, 11], atol=2)
    assert found["profile"][1].max() == 20
    assert found["profile"].min() >= 0


def test_closed_hours_are_zero() -> None:
    hours = Calendar(opening=((9 * 60, 12 * 60),))
    (path,) = medians(a_question(calendar=hours), ["profile"])["profile"][:1]
    assert (path[3:] == 0).all()
    assert (path[:3] > 5).all()


def test_who_speaks_alone_speaks_with_intervals() -> None:
    told = spoken(a_question(14), "profile", LEVELS)
    assert told.shape == (5, 2, 24)
    assert (np.diff(told, axis=0) >= 0).all()
    assert told[4, 1].max() <= 20


def test_what_a_model_may_not_speak_for_is_left_open() -> None:
    assert np.isnan(spoken(a_question(3), "weekly_naive", LEVELS)).all()


@pytest.mark.filterwarnings("ignore:.*is deprecated")  # of Prophet's use of pandas, not of ours
@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.long] * (n in ("mstl_ets", "prophet"))) for n in MODELS])
def test_every_registered_model_can_be_asked(name: str) -> None:
    question = replace(a_question(30), histories=np.maximum(a_question(30).histories.round(), 0))
    found = medians(question, [name])
    for path in found.get(name, np.zeros((2, 24))):
        assert path.shape == (24,)
        assert np.isnan(path).all() or (path >= 0).all()


def test_the_origin_is_a_boundary() -> None:
    assert boundary(NOW, 3600) == NOW
