"""Histories: the slots of many series as far back as models look, kept between refreshes so that only what is new is read.

All series of one slot length share a window that ends with the newest slot asked for and moves on with it. Values are single
precision: 20,000 series of four weeks by the quarter of an hour take 215 MB. Each series knows up to when it has been read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
ROOM = 64
"""Rows by which the window grows at least."""


class Histories:
    """The last `slots` slots of `step_s` seconds of each series, NaN where nothing usable was measured."""

    def __init__(self, step_s: int, slots: int) -> None:
        self.step_s, self.slots = step_s, slots
        self._values = np.full((0, slots), np.nan, np.float32)
        self._end: datetime | None = None
        self._row_of: dict[int, int] = {}
        self._free: list[int] = []
        self._read_until: dict[int, datetime] = {}

    def __len__(self) -> int:
        return len(self._row_of)

    @property
    def start(self) -> datetime | None:
        """The start of the window; None before anything was put into it."""
        return None if self._end is None else self._end - timedelta(seconds=self.step_s * self.slots)

    def read_until(self, series_id: int) -> datetime | None:
        """The end of the newest slot that was read; None when all of the series has to be."""
        return self._read_until.get(series_id)

    def move_to(self, end: datetime) -> None:
        """Lets the window end at `end`, a boundary of slots. One that has gone back (a clock was set) forgets everything."""
        if self._end is None or end == self._end:
            self._end = end
            return
        steps = int((end - self._end).total_seconds()) // self.step_s
        self._end = end
        if not 0 < steps < self.slots:
            self.forget(list(self._row_of))
            return
        self._values[:, :-steps] = self._values[:, steps:]
        self._values[:, -steps:] = np.nan

    def put(self, series_ids: Sequence[int], start: datetime, values: Floats) -> None:
        """What was read of series from `start` on to the end of the window (rows × slots); it stands for what was there."""
        if self._end is None:
            raise ValueError("the window has no end yet: move it to one first")
        n = values.shape[1]
        if start + timedelta(seconds=n * self.step_s) != self._end or n > self.slots:
            raise ValueError(f"{n} slots from {start} on: expected at most {self.slots} that end at {self._end}")
        rows = [self._row(series_id) for series_id in series_ids]
        if n:
            with np.errstate(over="ignore"):  # what is larger than any quantity of a city counts as not measured
                told = values.astype(np.float32)
            self._values[np.ix_(rows, range(self.slots - n, self.slots))] = np.where(np.isfinite(told), told, np.nan)
        for series_id in series_ids:
            self._read_until[series_id] = self._end

    def of(self, series_ids: Sequence[int]) -> Floats:
        """The window of series that were put (rows × slots), as a copy."""
        return self._values[[self._row_of[series_id] for series_id in series_ids]].astype(np.float64)

    def forget(self, series_ids: Iterable[int]) -> None:
        """Lets go of series: what was read of them does not stand any more."""
        for series_id in series_ids:
            self._read_until.pop(series_id, None)
            row = self._row_of.pop(series_id, None)
            if row is not None:
                self._values[row] = np.nan
                self._free.append(row)

    def _row(self, series_id: int) -> int:
        row = self._row_of.get(series_id)
        if row is None:
            if not self._free:
                n = len(self._values)
                more = max(ROOM, n // 4)
                self._values = np.concatenate([self._values, np.full((more, self.slots), np.nan, np.float32)])
                self._free = list(range(n + more - 1, n - 1, -1))
            row = self._row_of[series_id] = self._free.pop()
        return row
