"""The reader: the slots that models look at, of measured and derived series, read once and then kept.

Between refreshes histories stay in memory and only what is new is read (`forecasting.histories`), with the hours before it, as
most of what comes late comes within them. Every CHANGES_EVERY the counts of the ledger tell which devices' older hours changed.

A water level has the rain as covariate: the mean of all rain gauges of the city by the slot, as far as it has fallen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from domain.datastreams import Datastream
from domain.derived import Derived
from domain.moments import Moment
from forecasting.histories import Histories
from forecasting.panel import DAY_S, Floats
from forecasting.series import boundary
from storage.connection import Connection
from storage.derived import load_derived
from storage.histories import count_settled
from storage.observations import load_series

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
READ_AGAIN = 3 * HOUR
"""So much of what was read is read again with what is new."""
CHANGES_EVERY = timedelta(minutes=10)
"""How often it is asked whether older hours have changed."""
RAIN = "precipitation"


class Reader:
    """Reads histories of `history`; remembers what it has read."""

    def __init__(self, history: timedelta) -> None:
        self.history = history
        self._derived: Mapping[int, Derived] = {}
        self._gauges: tuple[int, ...] = ()
        self._histories: dict[int, Histories] = {}
        self._rain: dict[int, Histories] = {}

    def know(self, streams: Sequence[Datastream], derived: Mapping[int, Derived]) -> None:
        """Which series are derived, and which tell of the rain."""
        self._derived = derived
        self._gauges = tuple(stream.datastream_id for stream in streams if stream.property == RAIN)

    @property
    def has_rain(self) -> bool:
        """Whether any gauge is known."""
        return bool(self._gauges)

    def histories(self, slot_s: int) -> Histories:
        """What is in memory of series of a slot length."""
        if slot_s not in self._histories:
            self._histories[slot_s] = self._empty(slot_s)
        return self._histories[slot_s]

    def load(
        self, conn: Connection, batch: Sequence[Datastream], start: datetime, end: datetime, slot_s: int, moment: Moment
    ) -> Floats:
        """The slots of series of one slot length in [start, end), measured or derived, as known at the moment."""
        numbers = [stream.datastream_id for stream in batch]
        wanted = {number: self._derived[number] for number in numbers if number in self._derived}
        values = np.full((len(batch), int((end - start).total_seconds()) // slot_s), np.nan)
        measured = [k for k, number in enumerate(numbers) if number not in wanted]
        if measured:
            ids = [numbers[k] for k in measured]
            values[measured] = load_series(conn, ids, start=start, end=end, step_s=slot_s, moment=moment).values
        if wanted:
            told = load_derived(conn, list(wanted.values()), start=start, end=end, moment=moment)
            values[[k for k, number in enumerate(numbers) if number in wanted], : told.shape[1]] = told
        return values

    def remembered(self, conn: Connection, batch: Sequence[Datastream], end: datetime, slot_s: int, now: datetime) -> Floats:
        """The histories of series up to `end`: what is not in memory yet, or not any more, is read whole, of the others what is
        new."""
        histories = self.histories(slot_s)
        histories.move_to(end)
        start = histories.start
        assert start is not None
        moment = Moment.live(now)
        unread = [stream for stream in batch if histories.read_until(stream.datastream_id) is None]
        read = [stream for stream in batch if stream not in unread]
        if unread:
            ids = [stream.datastream_id for stream in unread]
            histories.put(ids, start, self.load(conn, unread, start, end, slot_s, moment))
        if read:
            ids = [stream.datastream_id for stream in read]
            oldest = min(until for number in ids if (until := histories.read_until(number)) is not None)
            since = max(start, boundary(oldest - READ_AGAIN, slot_s))
            histories.put(ids, since, self.load(conn, read, since, end, slot_s, moment))
        return histories.of([stream.datastream_id for stream in batch])

    def rain(self, conn: Connection, end: datetime, slot_s: int, now: datetime) -> Floats | None:
        """Mean rain of all gauges by the slot up to `end` (slots), NaN where none spoke; None without a gauge."""
        if not self._gauges:
            return None
        rain = self._rain.setdefault(slot_s, self._empty(slot_s))
        rain.move_to(end)
        start = rain.start
        assert start is not None
        until = rain.read_until(0)
        since = start if until is None else max(start, boundary(until - READ_AGAIN, slot_s))
        rain.put([0], since, self._mean_rain(conn, since, end, slot_s, Moment.live(now))[None, :])
        return np.asarray(rain.of([0])[0])

    def rain_then(self, conn: Connection, end: datetime, slot_s: int, then: datetime) -> Floats | None:
        """The same as known at a past moment."""
        if not self._gauges:
            return None
        return self._mean_rain(conn, end - self.history, end, slot_s, Moment.past(then))

    def forget(self, series_ids: set[int]) -> None:
        """Lets go of what was read of series."""
        for histories in self._histories.values():
            histories.forget(series_ids)
        if series_ids & set(self._gauges):
            for rain in self._rain.values():
                rain.forget([0])

    def _mean_rain(self, conn: Connection, start: datetime, end: datetime, slot_s: int, moment: Moment) -> Floats:
        told = load_series(conn, self._gauges, start=start, end=end, step_s=slot_s, moment=moment).values
        here = np.isfinite(told)
        total, n = np.where(here, told, 0.0).sum(axis=0), here.sum(axis=0)
        return np.asarray(np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0))

    def _empty(self, slot_s: int) -> Histories:
        return Histories(slot_s, max(int(self.history.total_seconds()) // slot_s, 1))


class Changes:
    """Finds devices of which older hours have changed since they were read: late readings, back-fill, corrections."""

    def __init__(self) -> None:
        self._looked: datetime | None = None
        self._since: datetime | None = None
        self._settled: datetime | None = None
        self._counts: dict[str, int] = {}

    def look(self, conn: Connection, now: datetime, history: timedelta, forget: Callable[[set[str]], None]) -> None:
        """Every CHANGES_EVERY, `forget`s what has changed before the hours that are read again anyway."""
        if self._looked is not None and abs(now - self._looked) < CHANGES_EVERY:
            return
        settled = boundary(now - HOUR, 3600)
        before = self._settled
        if self._since is None or before is None or self._since < now - history - 2 * DAY or settled < before:
            self._since, before = boundary(now - history, DAY_S), None
        counts = count_settled(conn, since=self._since, first=before or settled, second=settled)
        if before is not None:
            changed = {device for device, n in counts.items() if n.until_first != self._counts.get(device, 0)}
            if changed:
                forget(changed)
        self._counts = {device: n.until_second for device, n in counts.items()}
        self._looked, self._settled = now, settled
