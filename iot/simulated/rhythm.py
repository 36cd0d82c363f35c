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
    offsets = np.array([datetime.fromtimestamp(h * 1800, UTC).astimezone(zone).utcoffset().total_seconds() for h in half_hours])  # type: ignore[union-attr]
    local = seconds + offsets[place].reshape(seconds.shape)
    day = np.floor(local / 86_400)
    years = np.datetime64(0, "D") + day.astype("timedelta64[D]")
    day_of_year = (years - years.astype("datetime64[Y]")).astype(np.int64) + (local / 86_400 - day)
    return LocalTime((local - day * 86_400) / 3600, (day.astype(np.int64) + 3) % 7, day_of_year)


class Profile(NamedTuple):
    """Shares at full hours 0–23; between them straight lines."""

    workday: tuple[float, ...]
    weekend: tuple[float, ...]

    def at(self, local: LocalTime) -> Floats:
        hours = np.arange(25)
        workday, weekend = (np.interp(local.hour, hours, (*table, table[0])) for table in self)
        return np.where(local.weekday < 5, workday, weekend)


TRAFFIC = Profile(
    (0.12, 0.08, 0.06, 0.06, 0.09, 0.20, 0.46, 0.84, 0.98, 0.80, 0.66, 0.64, 0.62, 0.63, 0.66, 0.72, 0.84, 0.97, 1.00, 0.80, 0.58, 0.45, 0.33, 0.21),
    (0.12, 0.09, 0.07, 0.06, 0.07, 0.11, 0.20, 0.32, 0.46, 0.58, 0.67, 0.70, 0.68, 0.67, 0.70, 0.73, 0.76, 0.77, 0.72, 0.62, 0.51, 0.42, 0.32, 0.21),
)  # fmt: skip
OFFICE_PARKING = Profile(
    (0.08, 0.07, 0.07, 0.07, 0.07, 0.09, 0.16, 0.38, 0.72, 0.88, 0.92, 0.90, 0.80, 0.82, 0.90, 0.91, 0.84, 0.62, 0.38, 0.26, 0.19, 0.15, 0.12, 0.10),
    (0.08, 0.07, 0.07, 0.07, 0.07, 0.08, 0.09, 0.12, 0.20, 0.30, 0.37, 0.38, 0.34, 0.36, 0.38, 0.36, 0.30, 0.24, 0.20, 0.17, 0.14, 0.12, 0.10, 0.09),
)  # fmt: skip
TRANSIT_PARKING = Profile(
    (0.22, 0.20, 0.19, 0.19, 0.20, 0.26, 0.42, 0.64, 0.80, 0.86, 0.87, 0.86, 0.85, 0.85, 0.84, 0.82, 0.77, 0.67, 0.54, 0.45, 0.38, 0.33, 0.28, 0.25),
    (0.22, 0.20, 0.19, 0.19, 0.20, 0.22, 0.27, 0.34, 0.43, 0.51, 0.57, 0.60, 0.61, 0.62, 0.63, 0.63, 0.61, 0.57, 0.51, 0.45, 0.38, 0.33, 0.28, 0.25),
)  # fmt: skip
CALLS = Profile(
    (0.42, 0.36, 0.31, 0.28, 0.28, 0.33, 0.46, 0.70, 0.88, 0.96, 1.00, 0.98, 0.94, 0.92, 0.94, 0.96, 0.98, 1.00, 0.98, 0.92, 0.84, 0.74, 0.62, 0.51),
    (0.42, 0.40, 0.37, 0.34, 0.31, 0.31, 0.37, 0.49, 0.64, 0.76, 0.84, 0.88, 0.90, 0.90, 0.90, 0.92, 0.94, 0.96, 0.96, 0.92, 0.86, 0.78, 0.66, 0.53),
)  # fmt: skip
