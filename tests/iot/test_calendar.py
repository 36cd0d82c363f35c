"""The calendar: which days people work, with the days that are moved."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from iot.simulated.calendar import DayType, day_type, day_types, is_decreed, is_working_day

CHINA, ELSEWHERE = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/Los_Angeles")


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        (date(2026, 3, 2), DayType.WORKDAY),  # a Monday
        (date(2026, 3, 7), DayType.WEEKEND),
        (date(2026, 2, 14), DayType.WORKDAY),  # a Saturday worked for Spring Festival
        (date(2026, 2, 15), DayType.HOLIDAY),  # the Sunday with which it begins
        (date(2026, 2, 21), DayType.HOLIDAY),  # a weekend between days off
        (date(2026, 2, 23), DayType.HOLIDAY),
        (date(2026, 9, 20), DayType.WORKDAY),  # a Sunday worked for National Day
        (date(2026, 10, 7), DayType.HOLIDAY),
        (date(2026, 10, 10), DayType.WORKDAY),
        (date(2026, 10, 11), DayType.WEEKEND),
        (date(2025, 9, 28), DayType.WORKDAY),
        (date(2025, 10, 8), DayType.HOLIDAY),
    ],
)
def test_days_are_as_the_state_council_decreed(day: date, kind: DayType) -> None:
    """Its notices of November 2024 and November 2025."""
    assert day_type(day, CHINA) is kind
    assert is_working_day(day, CHINA) == (kind is DayType.WORKDAY)


def test_the_decree_of_a_year_is_known_or_not() -> None:
    assert is_decreed(2025)
    assert is_decreed(2026)
    assert not is_decreed(2090)
    assert day_type(date(2090, 10, 2), CHINA) is DayType.HOLIDAY  # the law's own holidays are known all the same


def test_elsewhere_only_weekends_count() -> None:
    assert day_type(date(2026, 2, 17), ELSEWHERE) is DayType.WORKDAY
    assert day_type(date(2026, 2, 14), ELSEWHERE) is DayType.WEEKEND


def test_a_row_of_days_is_the_days() -> None:
    first = (date(2026, 2, 13) - date(1970, 1, 1)).days
    assert day_types(first, 4, CHINA).tolist() == [0, 0, 2, 2]
    assert day_types(first, 4, ELSEWHERE).tolist() == [0, 1, 1, 0]
