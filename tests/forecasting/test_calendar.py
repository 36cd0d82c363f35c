"""The calendar: what the State Council decreed, what an operator adds, and what nobody knows yet."""

from __future__ import annotations

from datetime import date

import pytest

from forecasting.calendar import (
    EPOCH,
    HOLIDAY,
    MADE_UP,
    Calendar,
    CalendarError,
    parse_calendar,
    parse_opening,
    parse_weekdays,
    require_country,
)
from tests.support.source import ROOT

CHINA = Calendar("CN")


def test_the_spring_festival_of_2026_and_its_worked_weekends() -> None:
    """Decreed in November 2025: off from 15 to 23 February, worked on Saturdays 14 and 28 February."""
    assert all(CHINA.kind(date(2026, 2, day)) == HOLIDAY for day in range(15, 24))
    assert CHINA.kind(date(2026, 2, 14)) == CHINA.kind(date(2026, 2, 28)) == MADE_UP
    assert CHINA.kind(date(2026, 2, 13)) == 4
    assert CHINA.kind(date(2026, 3, 7)) == 5


def test_a_weekend_beside_a_holiday_of_the_next_year_belongs_to_it() -> None:
    """1 January 2024 was a Monday: the decree counts 30 December 2023 to 1 January as one holiday."""
    assert CHINA.kind(date(2023, 12, 31)) == HOLIDAY


def test_years_without_decree_are_named_until_an_operator_decides_them() -> None:
    assert CHINA.undecreed([2025, 2026, 2095]) == (2095,)
    assert Calendar("CN", decided=frozenset({2095})).undecreed([2095]) == ()
    assert Calendar("US").undecreed([2095]) == ()


def test_single_days_overrule_the_decree() -> None:
    calendar = Calendar("CN", off=frozenset({date(2026, 3, 4)}), worked=frozenset({date(2026, 2, 17), date(2026, 3, 7)}))
    assert calendar.kind(date(2026, 3, 4)) == HOLIDAY
    assert calendar.kind(date(2026, 2, 17)) == 1, "a Tuesday like any other"
    assert calendar.kind(date(2026, 3, 7)) == MADE_UP


def test_closed_are_the_hours_outside_and_the_days_off() -> None:
    calendar = Calendar("CN", opening=parse_opening("09:00-12:00,13:30-17:00"), closes=True)
    first = (date(2026, 2, 27) - EPOCH).days
    friday, saturday, sunday = calendar.are_open(calendar.kinds(first, 3), 48).reshape(3, 48)
    assert [k / 2 for k in range(48) if friday[k]] == [9, 9.5, 10, 10.5, 11, 11.5, 13.5, 14, 14.5, 15, 15.5, 16, 16.5]
    assert saturday.any(), "worked instead of a day of the Spring Festival"
    assert not sunday.any()


def test_a_slot_that_is_open_in_part_is_open() -> None:
    calendar = Calendar(opening=parse_opening("08:30-17:15"))
    assert calendar.are_open(calendar.kinds(20_017, 1), 24).nonzero()[0].tolist() == list(range(8, 18))


def test_hours_and_weekdays_are_read_as_they_are_written() -> None:
    assert parse_opening("07:00-21:00") == ((420, 1260),)
    assert parse_opening("0:00-24:00") == ((0, 1440),)
    assert parse_weekdays("Mon-Fri") == frozenset(range(5))
    assert parse_weekdays("sat-mon,wed") == frozenset({5, 6, 0, 2})


@pytest.mark.parametrize("words", ["7-21", "21:00-07:00", "07:00-25:00", "07:61-08:00", ""])
def test_hours_that_are_none_are_refused(words: str) -> None:
    with pytest.raises(CalendarError, match="expected hours within one day"):
        parse_opening(words)


def test_a_country_may_have_parts() -> None:
    assert require_country("AU-VIC") == "AU-VIC"
    for wrong in ("Narnia", "AU-XX", "cn"):
        with pytest.raises(CalendarError, match="ISO 3166"):
            require_country(wrong)


def test_the_file_of_the_product_is_in_order() -> None:
    calendar = parse_calendar((ROOT / "config/calendar.toml").read_text(encoding="utf-8"))
    assert calendar == CHINA


def test_an_operator_enters_a_decree() -> None:
    text = 'country = "CN"\noff = [2095-02-06]\nworked = [2095-02-12]\ndecided = [2095]\nopening = "09:00-17:00"\ncloses = true'
    calendar = parse_calendar(text)
    assert calendar.kind(date(2095, 2, 12)) == MADE_UP
    assert calendar.undecreed([2095]) == ()
    assert (calendar.opening, calendar.closes) == (((540, 1020),), True)


def test_all_faults_of_a_file_are_named_at_once() -> None:
    text = 'country = "XX"\nworkdays = 5\nopening = "late"\noff = ["2027-01-01"]\nclosed = true\ndecided = ["2027"]\ncloses = 1'
    with pytest.raises(CalendarError) as refused:
        parse_calendar(text, "here.toml")
    assert len(refused.value.faults) == 7
    assert all(fault.startswith("here.toml: ") and "expected" in fault for fault in refused.value.faults)
    with pytest.raises(CalendarError, match=r"here\.toml is no TOML"):
        parse_calendar("country = ", "here.toml")
    with pytest.raises(CalendarError, match="not in `worked` as well"):
        parse_calendar("off = [2027-01-01]\nworked = [2027-01-01]")
