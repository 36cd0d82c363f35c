"""Rhythm: how much of their daily maximum people's activities reach, by local hour, on working days and at weekends.

The tables are drawn by hand after the usual shape of such profiles: two traffic peaks on working days, one broad hump at
weekends. Holidays count as what their weekday is.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iot.plane import Floats


class LocalTime(NamedTuple):
    """Local hour of the day (0–24, with fraction), weekday (Monday 0) and day of the year (with fraction)."""

    hour: Floats
    weekday: NDArray[np.int64]
    day_of_year: Floats


def local_time(time_s: ArrayLike, zone: ZoneInfo) -> LocalTime:
    """Local time of moments in seconds since 1970 UTC."""
    seconds = np.asarray(time_s, dtype=float)
    half_hours, place = np.unique(np.floor_divide(seconds, 1800), return_inverse=True)
    offsets = np.array([_offset_s(1800 * half_hour, zone) for half_hour in half_hours.tolist()])
    local = seconds + offsets[place].reshape(seconds.shape)
    day = np.floor(local / 86_400)
    years = np.datetime64(0, "D") + day.astype("timedelta64[D]")
    day_of_year = (years - years.astype("datetime64[Y]")).astype(np.int64) + (local / 86_400 - day)
    return LocalTime((local - day * 86_400) / 3600, (day.astype(np.int64) + 3) % 7, day_of_year)


def _offset_s(moment_s: float, zone: ZoneInfo) -> float:
    offset = datetime.fromtimestamp(moment_s, UTC).astimezone(zone).utcoffset()
    assert offset is not None
    return offset.total_seconds()


class Profile(NamedTuple):
    """Percent of the maximum at the full hours 0–23; between them straight lines."""

    workday: tuple[int, ...]
    weekend: tuple[int, ...]

    def at(self, local: LocalTime) -> Floats:
        """Shares from 0 to 1."""
        hours = np.arange(25)
        workday, weekend = (np.interp(local.hour, hours, (*table, table[0])) / 100 for table in self)
        return np.where(local.weekday < 5, workday, weekend)


TRAFFIC = Profile(
    (12, 8, 6, 6, 9, 20, 46, 84, 98, 80, 66, 64, 62, 63, 66, 72, 84, 97, 100, 80, 58, 45, 33, 21),
    (12, 9, 7, 6, 7, 11, 20, 32, 46, 58, 67, 70, 68, 67, 70, 73, 76, 77, 72, 62, 51, 42, 32, 21),
)  # fmt: skip
OFFICE_PARKING = Profile(
    (8, 7, 7, 7, 7, 9, 16, 38, 72, 88, 92, 90, 80, 82, 90, 91, 84, 62, 38, 26, 19, 15, 12, 10),
    (8, 7, 7, 7, 7, 8, 9, 12, 20, 30, 37, 38, 34, 36, 38, 36, 30, 24, 20, 17, 14, 12, 10, 9),
)  # fmt: skip
TRANSIT_PARKING = Profile(
    (22, 20, 19, 19, 20, 26, 42, 64, 80, 86, 87, 86, 85, 85, 84, 82, 77, 67, 54, 45, 38, 33, 28, 25),
    (22, 20, 19, 19, 20, 22, 27, 34, 43, 51, 57, 60, 61, 62, 63, 63, 61, 57, 51, 45, 38, 33, 28, 25),
)  # fmt: skip
CALLS = Profile(
    (42, 36, 31, 28, 28, 33, 46, 70, 88, 96, 100, 98, 94, 92, 94, 96, 98, 100, 98, 92, 84, 74, 62, 51),
    (42, 40, 37, 34, 31, 31, 37, 49, 64, 76, 84, 88, 90, 90, 90, 92, 94, 96, 96, 92, 86, 78, 66, 53),
)  # fmt: skip
