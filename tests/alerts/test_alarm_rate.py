"""The figures of alarm management, counted by hand on an hour one can draw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.alarm_rate import Alarm, load

NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def raised(minute: float, source: str = "", shown_as: str = "", lasts_min: float | None = 5) -> Alarm:
    at = NINE + timedelta(minutes=minute)
    name = source or f"s{minute}"
    return Alarm(
        name, shown_as or f"{name}@{minute}", "blue", at, None if lasts_min is None else at + timedelta(minutes=lasts_min)
    )


def test_an_hour_counted_by_hand() -> None:
    """Twelve at once in the third slot, two alone; six slots: 14 / 6 a slot, one slot of six with more than ten."""
    hour = [raised(1), *(raised(21 + 0.1 * k) for k in range(12)), raised(58)]
    told = load(hour, NINE, NINE + timedelta(hours=1))
    assert (told.raised, told.shown, told.peak, told.peak_at) == (14, 14, 12, NINE + timedelta(minutes=20))
    assert told.mean_per_slot == pytest.approx(14 / 6)
    assert told.per_day == pytest.approx(14 * 24)
    assert told.busy_share == pytest.approx(1 / 6)
    assert not told.is_manageable


def test_three_hundred_of_one_situation_are_one() -> None:
    storm = [raised(1 + k / 60, shown_as="situation/1", lasts_min=None) for k in range(300)]
    told = load([*storm, raised(30)], NINE, NINE + timedelta(hours=1))
    assert (told.raised, told.shown, told.peak, told.standing) == (301, 2, 1, 1)
    assert told.is_manageable


def test_what_is_raised_three_times_within_an_hour_chatters() -> None:
    often = [raised(minute, "pump", f"w{minute}") for minute in (0, 29, 59)]
    seldom = [raised(minute, "gate", f"v{minute}") for minute in (0, 31, 62)]
    told = load([*often, *seldom], NINE, NINE + timedelta(hours=2))
    assert told.chattering == (("pump", 3),)


def test_what_stands_longer_than_a_day_is_stale() -> None:
    old = [raised(-25 * 60, lasts_min=None), raised(-23 * 60, lasts_min=None), raised(-30 * 60, lasts_min=60)]
    told = load(old, NINE - timedelta(hours=1), NINE)
    assert (told.raised, told.standing, told.stale) == (0, 2, 1)


def test_nothing_raised_has_no_peak_and_no_time_has_no_mean() -> None:
    told = load([], NINE, NINE + timedelta(hours=1))
    assert (told.peak, told.peak_at, told.mean_per_slot, told.is_manageable) == (0, None, 0.0, True)
    assert load([], NINE, NINE).mean_per_slot is None
