"""Days near public holidays, and by how much wider bands are drawn on them."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from forecasting.calendar import EPOCH, Calendar
from forecasting.models.registry import PROFILE
from forecasting.outlook import look_ahead
from forecasting.panel import Panel
from forecasting.refresh import learn, refresh
from forecasting.trial import Trials
from forecasting.unusual_days import PRIOR, stretch_of, unusual_slots

DAY = 24
LEVELS = (0.1, 0.5, 0.9)
APRIL = (date(2026, 4, 6) - EPOCH).days
"""A Monday; 1 May 2026 is a Friday, of which the decree makes five days off, and works on Saturday the 9th."""


def spring(n_days: int = 24, country: str = "CN") -> Panel:
    rng = np.random.default_rng(4)
    t = np.arange(n_days * DAY)
    values = 100 + 30 * np.sin(2 * np.pi * t / DAY) + rng.normal(size=(3, len(t))) * 5
    return Panel(values, DAY, APRIL, Calendar(country))


def test_holidays_their_neighbours_and_made_up_saturdays_are_unusual() -> None:
    days = np.flatnonzero(unusual_slots(spring(), 36 * DAY)[::DAY])
    told = {date.fromordinal(EPOCH.toordinal() + APRIL + int(k)) for k in days}
    assert {date(2026, 4, 30), date(2026, 5, 1), date(2026, 5, 6), date(2026, 5, 9)} <= told
    assert date(2026, 4, 28) not in told
    assert date(2026, 5, 8) not in told


def test_without_a_calendar_no_day_is() -> None:
    assert not unusual_slots(spring(country=""), 36 * DAY).any()


def test_the_stretch_is_the_ratio_of_errors_drawn_towards_what_is_common() -> None:
    """Errors of 1, and of 3 on the three unusual days of seven: drawn a little from 3 towards PRIOR; without any, PRIOR."""
    panel = spring(40)
    origins = np.arange(22, 29) * DAY
    unusual = unusual_slots(panel, 30 * DAY)[origins[:, None] + np.arange(DAY)]
    off = np.where(unusual, 3.0, 1.0)[None] * np.ones((2, 1, 1))
    stretch, was_unusual = stretch_of(panel, off, origins)
    assert (was_unusual == unusual).all()
    assert PRIOR < stretch < 3
    assert stretch_of(panel, off[:, :1], np.array([10 * DAY]))[0] == pytest.approx(PRIOR)


def test_bands_are_wider_before_a_holiday_than_before_any_day() -> None:
    """From the evening of 29 April; the models know of no difference but the calendar's."""
    plain, known = spring(country=""), spring()
    wide, narrow = (look_ahead(Trials(p, 2 * DAY), p, LEVELS, model=PROFILE).quantiles for p in (known, plain))
    assert (wide[2] - wide[0]).mean() > 1.2 * (narrow[2] - narrow[0]).mean()


def test_the_refresh_of_the_service_draws_them_wider_too() -> None:
    plain, known = spring(country=""), spring()
    wide, narrow = (refresh(learn(p, DAY, LEVELS, times_of_day=1), p, DAY) for p in (known, plain))
    assert (wide[2] - wide[0]).mean() > 1.2 * (narrow[2] - narrow[0]).mean()
