"""Calendar: which days people work. Local dates; working day, weekend or public holiday.

Holidays of mainland China come from the `holidays` package, which holds what the State Council has decreed: the days off and
the weekend days that are worked to make up for them (调休). Decrees appear each November for the year that follows; for a year
without one the package computes the statutory holidays and knows no make-up days (`is_decreed`). Elsewhere only weekends count.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import IntEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
import numpy as np
from numpy.typing import NDArray

ZONES_OF_CHINA = ("Asia/Shanghai", "Asia/Urumqi")
EPOCH = date(1970, 1, 1)


class DayType(IntEnum):
    """What kind of day it is; a weekend day that is worked counts as a working day."""

    WORKDAY = 0
    WEEKEND = 1
    HOLIDAY = 2


def day_type(day: date, zone: ZoneInfo) -> DayType:
    """The kind of a local day. A weekend within a run of days off that holds a holiday belongs to it."""
    if zone.key not in ZONES_OF_CHINA:
        return DayType.WEEKEND if day.weekday() >= 5 else DayType.WORKDAY
    return _in_china(day)


def is_working_day(day: date, zone: ZoneInfo) -> bool:
    return day_type(day, zone) is DayType.WORKDAY


def is_decreed(year: int) -> bool:
    """Whether the package knows the decree for a year: every decree since 2008 moves at least one working day to a weekend."""
    return any(day.year == year for day in _china(year).weekend_workdays)


def day_types(first_day: int, n: int, zone: ZoneInfo) -> NDArray[np.int64]:
    """Kinds of `n` local days in a row, the first so many days after 1 January 1970."""
    return np.array([_type_of(first_day + k, zone) for k in range(n)], dtype=np.int64)


@lru_cache(maxsize=4_096)
def _type_of(day: int, zone: ZoneInfo) -> DayType:
    return day_type(EPOCH + timedelta(days=day), zone)


def _in_china(day: date) -> DayType:
    if _is_holiday(day):
        return DayType.HOLIDAY
    if day.weekday() < 5 or day in _china(day.year).weekend_workdays:
        return DayType.WORKDAY
    for step in (-1, 1):  # a weekend has two days: the nearest other day off is one or two days away
        near = day + timedelta(days=step)
        if near.weekday() >= 5 and near not in _china(near.year).weekend_workdays:
            near += timedelta(days=step)
        if _is_holiday(near):
            return DayType.HOLIDAY
    return DayType.WEEKEND


def _is_holiday(day: date) -> bool:
    return day in _china(day.year)


@lru_cache(maxsize=16)
def _china(year: int) -> holidays.HolidayBase:
    return holidays.country_holidays("CN", years=year)
