"""Rhythm: how much of their daily maximum people's activities reach, by local hour, on working days, at weekends and on holidays.

The tables are drawn by hand after the usual shape of such profiles: two traffic peaks on working days, one broad hump at
weekends, a late start on holidays. A weekend day that is worked has the profile of a working day (iot.simulated.calendar)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iot.plane import Floats
from iot.simulated.calendar import day_types

HALF_HOUR_S, DAY_S = 1_800, 86_400


class LocalTime(NamedTuple):
    """Local hour of the day (0–24, with fraction), weekday (Monday 0), day of the year (with fraction), the kind of the day and
    of the next (calendar.DayType), and local days since 1 January 1970."""

    hour: Floats
    weekday: NDArray[np.int64]
    day_of_year: Floats
    day_type: NDArray[np.int64]
    tomorrow: NDArray[np.int64]
    day: NDArray[np.int64]


def local_time(time_s: ArrayLike, zone: ZoneInfo) -> LocalTime:
    """Local time of moments in seconds since 1970 UTC."""
    seconds = np.asarray(time_s, dtype=float)
    if not seconds.size:
        whole = np.zeros(seconds.shape, dtype=np.int64)
        return LocalTime(seconds, whole, seconds, whole, whole, whole)
    half_hour = np.floor_divide(seconds, HALF_HOUR_S).astype(np.int64)
    first = int(half_hour.min())
    local = seconds + _offsets_s(first, int(half_hour.max()) - first + 1, zone)[half_hour - first]
    day = np.floor_divide(local, DAY_S).astype(np.int64)
    began, n = int(day.min()), int(day.max()) - int(day.min()) + 2
    types, of_year = _days(began, n, zone)
    since = day - began
    in_day_s = local - day * DAY_S
    return LocalTime(in_day_s / 3600, (day + 3) % 7, of_year[since] + in_day_s / DAY_S, types[since], types[since + 1], day)


@lru_cache(maxsize=256)
def _offsets_s(first_half_hour: int, n: int, zone: ZoneInfo) -> Floats:
    moments = HALF_HOUR_S * (first_half_hour + np.arange(n))
    return np.array([_offset_s(moment, zone) for moment in moments.tolist()])


@lru_cache(maxsize=256)
def _days(first_day: int, n: int, zone: ZoneInfo) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    dates = np.datetime64(0, "D") + (first_day + np.arange(n)).astype("timedelta64[D]")
    of_year = (dates - dates.astype("datetime64[Y]")).astype(np.int64)
    return day_types(first_day, n, zone), of_year


def _offset_s(moment_s: float, zone: ZoneInfo) -> float:
    offset = datetime.fromtimestamp(moment_s, UTC).astimezone(zone).utcoffset()
    assert offset is not None
    return offset.total_seconds()


class Profile:
    """Percent of the maximum at the full hours 0–23 by kind of day; between them straight lines, also over midnight."""

    def __init__(self, workday: tuple[int, ...], weekend: tuple[int, ...], holiday: tuple[int, ...] | None = None) -> None:
        table = np.array([workday, weekend, weekend if holiday is None else holiday]) / 100
        # By kind of day, kind of the next, hour: where the straight line begins, how much it rises, what lies below those before.
        begin = np.repeat(table[:, None, :], 3, axis=1)
        rise = np.concatenate([begin[:, :, 1:], np.repeat(table[None, :, :1], 3, axis=0)], axis=2) - begin
        below = np.cumsum(begin + rise / 2, axis=2)
        self._begin, self._rise = begin.ravel(), rise.ravel()
        self._before = (below - (begin + rise / 2)).ravel()
        self._day = below[:, :, -1]

    def at(self, local: LocalTime) -> Floats:
        """Shares from 0 to 1."""
        hour = local.hour.astype(np.intp)
        k = (local.day_type * 3 + local.tomorrow) * 24 + hour
        return np.asarray(self._begin[k] + self._rise[k] * (local.hour - hour))

    def gathered_h(self, from_day: NDArray[np.int64], from_hour: Floats, local: LocalTime, zone: ZoneInfo) -> Floats:
        """Integral from a local day (since 1970) and hour to a local time: hours at the maximum that would gather as much."""
        first = int(from_day.min())
        types = day_types(first, int(local.day.max()) - first + 2, zone)
        days = np.concatenate([[0.0], np.cumsum(self._day[types[:-1], types[1:]])])

        def until(day: NDArray[np.int64], at: Floats) -> Floats:
            since, hour = day - first, at.astype(np.intp)
            k = (types[since] * 3 + types[since + 1]) * 24 + hour
            part = at - hour
            return np.asarray(days[since] + self._before[k] + part * (self._begin[k] + self._rise[k] * part / 2))

        return until(local.day, local.hour) - until(from_day, from_hour)


TRAFFIC = Profile(
    (12, 8, 6, 6, 9, 20, 46, 84, 98, 80, 66, 64, 62, 63, 66, 72, 84, 97, 100, 80, 58, 45, 33, 21),
    (12, 9, 7, 6, 7, 11, 20, 32, 46, 58, 67, 70, 68, 67, 70, 73, 76, 77, 72, 62, 51, 42, 32, 21),
    (12, 9, 7, 6, 6, 9, 16, 26, 38, 52, 64, 68, 64, 61, 64, 68, 70, 70, 64, 56, 49, 42, 32, 21),
)  # fmt: skip
OFFICE_PARKING = Profile(
    (8, 7, 7, 7, 7, 9, 16, 38, 72, 88, 92, 90, 80, 82, 90, 91, 84, 62, 38, 26, 19, 15, 12, 10),
    (8, 7, 7, 7, 7, 8, 9, 12, 20, 30, 37, 38, 34, 36, 38, 36, 30, 24, 20, 17, 14, 12, 10, 9),
    (8, 7, 7, 7, 7, 7, 8, 9, 12, 16, 19, 20, 19, 19, 20, 19, 17, 15, 13, 12, 11, 10, 9, 8),
)  # fmt: skip
TRANSIT_PARKING = Profile(
    (22, 20, 19, 19, 20, 26, 42, 64, 80, 86, 87, 86, 85, 85, 84, 82, 77, 67, 54, 45, 38, 33, 28, 25),
    (22, 20, 19, 19, 20, 22, 27, 34, 43, 51, 57, 60, 61, 62, 63, 63, 61, 57, 51, 45, 38, 33, 28, 25),
    (30, 29, 28, 28, 29, 31, 36, 43, 50, 56, 60, 62, 63, 64, 65, 65, 64, 61, 57, 52, 46, 41, 36, 33),
)  # fmt: skip
LEISURE_PARKING = Profile(
    (6, 5, 5, 5, 5, 5, 6, 8, 12, 20, 34, 46, 54, 52, 46, 44, 46, 54, 66, 74, 70, 52, 28, 12),
    (6, 5, 5, 5, 5, 5, 6, 8, 13, 28, 52, 72, 82, 86, 90, 92, 90, 88, 90, 88, 76, 54, 28, 12),
    (7, 5, 5, 5, 5, 5, 6, 8, 14, 32, 60, 80, 90, 94, 97, 99, 97, 94, 94, 92, 82, 60, 32, 14),
)  # fmt: skip
METRO = Profile(
    (3, 1, 0, 0, 0, 6, 28, 74, 100, 58, 38, 36, 37, 36, 37, 42, 54, 82, 96, 58, 40, 34, 24, 10),
    (3, 1, 0, 0, 0, 4, 13, 22, 32, 42, 50, 54, 55, 56, 58, 60, 62, 64, 60, 50, 44, 38, 26, 10),
    (4, 1, 0, 0, 0, 4, 12, 22, 36, 48, 57, 60, 60, 61, 63, 64, 64, 64, 61, 54, 50, 45, 32, 14),
)  # fmt: skip
MALL = Profile(
    (1, 0, 0, 0, 0, 0, 1, 3, 6, 12, 28, 42, 52, 48, 40, 40, 44, 54, 66, 72, 64, 42, 14, 3),
    (1, 0, 0, 0, 0, 0, 1, 3, 7, 18, 46, 68, 78, 82, 88, 92, 90, 86, 84, 82, 70, 44, 15, 3),
    (1, 0, 0, 0, 0, 0, 1, 3, 8, 22, 54, 78, 88, 92, 97, 100, 98, 94, 90, 88, 76, 50, 18, 4),
)  # fmt: skip
SQUARE = Profile(
    (4, 2, 1, 1, 3, 10, 24, 28, 22, 18, 17, 16, 16, 15, 15, 17, 22, 32, 48, 66, 62, 40, 18, 8),
    (5, 3, 1, 1, 3, 9, 20, 27, 30, 36, 42, 44, 42, 42, 46, 52, 56, 58, 64, 76, 70, 46, 22, 10),
    (6, 3, 2, 1, 3, 9, 20, 30, 40, 52, 60, 62, 58, 58, 64, 70, 74, 76, 84, 100, 92, 62, 30, 13),
)  # fmt: skip
POWER = Profile(
    (58, 54, 52, 51, 52, 55, 62, 71, 82, 90, 94, 95, 89, 88, 92, 94, 94, 95, 97, 100, 96, 88, 77, 66),
    (58, 54, 52, 51, 51, 53, 57, 63, 70, 76, 80, 81, 79, 77, 77, 78, 80, 85, 92, 96, 92, 84, 74, 65),
    (54, 50, 48, 47, 47, 49, 52, 57, 63, 68, 71, 72, 71, 69, 68, 69, 71, 77, 85, 89, 85, 78, 69, 60),
)  # fmt: skip
WATER = Profile(
    (26, 20, 17, 16, 18, 32, 70, 100, 92, 76, 70, 72, 74, 66, 60, 60, 66, 78, 92, 96, 88, 72, 54, 38),
    (30, 23, 18, 16, 17, 24, 44, 72, 92, 98, 92, 86, 82, 74, 68, 66, 70, 80, 92, 95, 88, 74, 58, 42),
    (32, 25, 20, 17, 18, 23, 40, 66, 88, 96, 92, 86, 82, 74, 68, 66, 70, 80, 92, 95, 88, 76, 61, 45),
)  # fmt: skip
LITTER = Profile(
    (10, 6, 4, 4, 8, 24, 50, 72, 70, 56, 58, 72, 88, 74, 60, 62, 70, 90, 100, 96, 78, 52, 30, 17),
    (12, 8, 5, 4, 6, 14, 28, 44, 56, 66, 76, 88, 96, 90, 82, 84, 88, 96, 100, 98, 84, 58, 34, 19),
    (13, 8, 5, 4, 6, 14, 28, 46, 62, 76, 86, 96, 100, 96, 92, 94, 96, 100, 100, 98, 88, 62, 37, 20),
)  # fmt: skip
