"""Records: what sensors said, desks heard or halls held, on consecutive local days cut into slots of equal length.

One form for the simulated city and for real sets, so that one set of formulas (benchmarks._statistics) sees both alike. Moments
are seconds since the record's first local midnight, on a clock that is never changed: of the hour that a change of clocks gives
twice the readings fall together, the hour it takes is empty.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

DAY_S = 86_400
WORKDAY, WEEKEND, HOLIDAY = range(3)
"""Kinds of days, numbered as by iot.simulated.calendar.DayType."""


@dataclass(frozen=True, slots=True)
class Record:
    """`values` of n sensors (n × days × slots), NaN where nothing is known; the date of the first day, and each day's kind."""

    first_day: date
    kinds: NDArray[np.int64]
    values: Floats

    @property
    def n_days(self) -> int:
        return len(self.kinds)

    @property
    def slots(self) -> int:
        """Of a day."""
        return int(self.values.shape[2])

    @property
    def flat(self) -> Floats:
        """n × all slots, in the order of time."""
        return self.values.reshape(len(self.values), -1)

    def with_values(self, values: Floats) -> Record:
        return Record(self.first_day, self.kinds, values)

    def between_hours(self, from_h: float, to_h: float) -> Record:
        """With NaN in all slots that do not lie within these hours of the day."""
        hour = np.arange(self.slots) * 24 / self.slots
        return self.with_values(np.where((hour >= from_h) & (hour < to_h), self.values, np.nan))

    def in_slots(self, slots: int) -> Record:
        """With the means of longer slots."""
        parts = self.values.reshape(*self.values.shape[:2], slots, -1)
        return self.with_values(mean(parts, axis=3))

    def summed(self) -> Record:
        """All sensors together; NaN where one of them is."""
        return self.with_values(self.values.sum(axis=0, keepdims=True))

    def picked(self, days: NDArray[np.intp]) -> Record:
        """Only the days of these numbers, as if one followed the other: the first a date's own, the others in its weeks."""
        first = self.first_day + timedelta(days=int(days[0]))
        return Record(first, self.kinds[days], self.values[:, days])


def mean(values: Floats, axis: int) -> Floats:
    """The mean of those that are there; NaN where none is."""
    n = np.isfinite(values).sum(axis=axis)
    total = np.nansum(values, axis=axis)
    return np.asarray(np.divide(total, n, out=np.full(np.shape(total), np.nan), where=n > 0))


def kinds_of_days(first_day: date, n_days: int, holidays: Container[date] = ()) -> NDArray[np.int64]:
    """Kinds of days where holidays are what a list says and no weekend is ever worked."""
    days = [first_day + timedelta(days=k) for k in range(n_days)]
    return np.array([HOLIDAY if d in holidays else WEEKEND if d.weekday() >= 5 else WORKDAY for d in days], dtype=np.int64)


def meant(sensor: ArrayLike, time_s: ArrayLike, values: ArrayLike, *, shape: tuple[int, int, int]) -> Floats:
    """Means of the readings that fall into each slot (n × days × slots); NaN where there is none."""
    values = np.asarray(values, dtype=float)
    place, here = _places(sensor, time_s, shape)
    here &= np.isfinite(values)
    n, total = (np.bincount(place[here], weights, int(np.prod(shape))) for weights in (None, values[here]))
    return np.asarray(np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0).reshape(shape))


def counted(sensor: ArrayLike, time_s: ArrayLike, *, shape: tuple[int, int, int]) -> Floats:
    """How many events fall into each slot (n × days × slots); 0 where there is none."""
    place, here = _places(sensor, time_s, shape)
    return np.asarray(np.bincount(place[here], minlength=int(np.prod(shape))).reshape(shape), dtype=float)


def held(sensor: ArrayLike, time_s: ArrayLike, values: ArrayLike, *, shape: tuple[int, int, int]) -> Floats:
    """What sensors that speak on change had said last when each slot began (n × days × slots); NaN before their first word."""
    n, days, slots = shape
    sensor, time_s, values = (np.asarray(column) for column in (sensor, time_s, values))
    starts_s = np.arange(days * slots) * (DAY_S / slots)
    rows = np.full((n, days * slots), np.nan)
    for k in range(n):
        mine = np.flatnonzero(sensor == k)
        mine = mine[np.argsort(time_s[mine], kind="stable")]
        last = np.searchsorted(time_s[mine], starts_s, side="right") - 1
        rows[k, last >= 0] = values[mine][last[last >= 0]]
    return rows.reshape(shape)


def taken(free: Floats) -> Floats:
    """Free places of lots (n × days × slots) as shares that are taken: 1 − free ÷ the lot's usual most, its quantile of 99 %.
    What is announced as a lot's size is often another number, and impossible numbers are in every feed."""
    most = np.nanquantile(free, 0.99, axis=(1, 2), keepdims=True)
    return np.asarray(np.clip(1 - free / most, 0, 1))


def _places(sensor: ArrayLike, time_s: ArrayLike, shape: tuple[int, int, int]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The number of each reading's slot among all, and whether it lies within the days."""
    n_slots = shape[1] * shape[2]
    slot = np.floor(np.asarray(time_s, dtype=float) * shape[2] / DAY_S).astype(np.int64)
    return np.asarray(sensor, dtype=np.int64) * n_slots + slot, (slot >= 0) & (slot < n_slots)
