"""The forecaster: keeps a current forecast of every datastream, a little at a time so that it can stop at once.

A series is looked at again when its next slot is complete; one whose history was too short earlier than that, with growing
pauses, because back-fill may be on its way. What was issued is asked of the database at start, so that a restart repeats
nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from threading import Event
from time import perf_counter
from typing import Any

import numpy as np

from domain.forecasts import Forecast
from domain.moments import Moment
from forecasting.gaps import Floats
from forecasting.reasons import Reason
from forecasting.selection import Outlook, foresee
from forecasting.series import boundary, limits, slot_s
from storage.connection import Connection
from storage.devices import Datastream, list_datastreams
from storage.forecasts import newest_issues, write_forecasts
from storage.observations import load_series
from storage.partitions import DayPartitions
from storage.ticking import run_ticks

TICK_S = 1.0
BUDGET_S = 2.0
"""Work of one tick; what is left over waits for the next."""
BATCH = 20
"""Series loaded together."""
SETTLE = timedelta(seconds=5)
"""Readings of a slot that has just ended are still on their way."""
STREAMS_EVERY = timedelta(seconds=10)
FIRST_RETRY = timedelta(seconds=30)


def run(database_url: str, *, horizon_s: int, step_s: int, history_days: int, stop: Event) -> None:
    """Forecasts `horizon_s` ahead in slots of `step_s` seconds, from `history_days` days, until `stop` is set."""
    forecaster = Forecaster(horizon_s=horizon_s, step_s=step_s, history_days=history_days, stop=stop)
    run_ticks(database_url, "forecaster", forecaster.tick, period_s=TICK_S, stop=stop, clock=lambda: datetime.now(UTC))


class Forecaster:
    """What the process remembers between ticks: the datastreams, and when each is due."""

    def __init__(self, *, horizon_s: int, step_s: int, history_days: int, stop: Event) -> None:
        self._horizon_s, self._step_s, self._history = horizon_s, step_s, timedelta(days=history_days)
        self._stop = stop
        self._streams: dict[int, Datastream] = {}
        self._streams_read: datetime | None = None
        self._partitions: DayPartitions | None = None
        self._due: dict[int, datetime] = {}
        self._pause: dict[int, timedelta] = {}
        self._made: dict[int, tuple[str, str]] = {}  # model and reason code of the newest forecast; "" where there is none

    def tick(self, conn: Connection, now: datetime) -> Mapping[str, Any]:
        """Forecasts what is due, as known at `now`, for at most about BUDGET_S seconds."""
        began = perf_counter()
        self._read_streams(conn, now)
        if self._partitions is None:
            self._partitions = DayPartitions(conn)
        waiting = [stream for number, stream in self._streams.items() if self._due.get(number, now) <= now]
        waiting.sort(key=lambda stream: (stream.datastream_id in self._due, self._slot_s(stream), stream.datastream_id))
        n_done = 0
        while n_done < len(waiting) and not self._stop.is_set() and perf_counter() - began < BUDGET_S:
            slot = self._slot_s(waiting[n_done])
            batch = [stream for stream in waiting[n_done : n_done + BATCH] if self._slot_s(stream) == slot]
            self._forecast(conn, batch, slot, now, began)
            n_done += len(batch)
        models = Counter(model for model, _ in self._made.values())
        return {
            "series": len(self._streams),
            "forecasts": sum(n for model, n in models.items() if model),
            "fallbacks": sum(1 for model, reason in self._made.values() if model and reason),
            "without_forecast": models[""],
            "waiting": len(waiting) - n_done,
            **{model: n for model, n in sorted(models.items()) if model},
            **({"tick_ms": round(1000 * (perf_counter() - began)), "series_per_tick": n_done} if n_done else {}),
        }

    def _slot_s(self, stream: Datastream) -> int:
        return slot_s(stream.interval_s, self._step_s)

    def _read_streams(self, conn: Connection, now: datetime) -> None:
        if self._streams_read is not None and now - self._streams_read < STREAMS_EVERY:
            return
        self._streams = {stream.datastream_id: stream for stream in list_datastreams(conn)}
        if self._streams_read is None:
            for number, issued_at in newest_issues(conn, since=now - timedelta(days=1)).items():
                if number in self._streams:
                    self._due[number] = self._next_slot(self._streams[number], issued_at)
        self._streams_read = now

    def _next_slot(self, stream: Datastream, time: datetime) -> datetime:
        """When the slot under way at `time` is complete and its readings are in."""
        slot = self._slot_s(stream)
        return boundary(time, slot) + timedelta(seconds=slot) + SETTLE

    def _forecast(self, conn: Connection, batch: list[Datastream], slot: int, now: datetime) -> None:
        assert self._partitions is not None
        end = boundary(now, slot)
        numbers = [stream.datastream_id for stream in batch]
        series = load_series(conn, numbers, start=end - self._history, end=end, step_s=slot, moment=Moment.live(now))
        outlooks = [self._foresee(stream, values, slot) for stream, values in zip(batch, series.values, strict=True)]
        made = {n: (o.model.name, o.fallback.code if o.fallback else "") if isinstance(o, Outlook) else ("", o.code)
                for n, o in zip(numbers, outlooks, strict=True)}
        forecasts = []
        for stream, values, outlook in zip(batch, series.values, outlooks, strict=True):
            is_news = self._due.get(stream.datastream_id) is None or True
            if isinstance(outlook, Outlook):
                forecasts.append(_forecast(stream, outlook, values, end, slot, now))
