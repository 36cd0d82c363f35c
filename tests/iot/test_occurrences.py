"""Occurrences: as many as the rate says, independent of one another, the same however time is cut."""

from __future__ import annotations

import numpy as np
import pytest

from iot.simulated.chance import key
from iot.simulated.occurrences import FIRST_WORD, HOUR_S, occurrences

KEYS = np.array([key("one"), key("two")], dtype=np.uint64)
RATES = np.array([30.0, 3.0]) / HOUR_S


def test_there_are_as_many_as_the_rates_say_and_they_scatter_like_chance() -> None:
    what = occurrences(KEYS, RATES, 490_000, 2_000)
    per_hour = np.array(
        [np.bincount((what.time_s[what.stream == k] // HOUR_S).astype(int) - 490_000, minlength=2_000) for k in (0, 1)]
    )
    assert per_hour.mean(axis=1) == pytest.approx([30, 3], rel=0.03)
    assert per_hour.var(axis=1) / per_hour.mean(axis=1) == pytest.approx([1, 1], abs=0.1)
    assert abs(np.corrcoef(per_hour)[0, 1]) < 0.07


def test_moments_are_in_order_and_to_a_tenth_of_a_second() -> None:
    what = occurrences(KEYS, RATES, 490_000, 24)
    assert (np.diff(what.time_s) >= 0).all()
    assert 10 * what.time_s == pytest.approx(np.round(10 * what.time_s))
    assert what.time_s.min() >= 490_000 * HOUR_S
    assert what.time_s.max() < 490_024 * HOUR_S


def test_hours_asked_one_by_one_are_those_of_the_day() -> None:
    day = occurrences(KEYS, RATES, 490_000, 24)
    hours = [occurrences(KEYS, RATES, 490_000 + k, 1) for k in range(24)]
    for name in ("stream", "time_s", "counters"):
        assert np.array_equal(getattr(day, name), np.concatenate([getattr(hour, name) for hour in hours]))
    assert np.array_equal(day.draw(FIRST_WORD), np.concatenate([hour.draw(FIRST_WORD) for hour in hours]))


def test_words_draw_independent_numbers() -> None:
    what = occurrences(KEYS, RATES, 490_000, 500)
    first, second = what.draw(FIRST_WORD), what.draw(FIRST_WORD + 1)
    assert first.mean() == pytest.approx(0.5, abs=0.02)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    assert len(np.unique(first)) == len(first)
