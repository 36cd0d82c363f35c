"""The forecaster: keeps a current forecast of every datastream, a little at a time so that it can stop at once.

A series that a rule judges by its forecast is looked at again when its next slot is complete, any other once in `issue_s`,
spread over that time; one whose history lacks something earlier than that, with growing pauses, because back-fill may be on
its way. What was issued is asked of the database at start, so that a restart repeats
nothing.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from time import perf_counter
from typing import Any

import numpy as np

from domain.datastreams import Datastream
from domain.forecasts import Forecast
from domain.moments import Moment
from domain.warnings import WarningSource
from forecasting.gaps import trailing_gap
from forecasting.models.shape import Floats
from forecasting.reasons import Reason
from forecasting.selection import Outlook, foresee
from forecasting.series import boundary, limits, slot_s
from storage.connection import Connection, in_one_line, is_unstorable
from storage.devices import list_datastreams
from storage.forecasts import newest_issues, write_forecasts
from storage.observations import load_series
from storage.partitions import DayPartitions
from storage.rules import list_rules
from storage.ticking import run_ticks

log = logging.getLogger(__name__)

TICK_S = 1.0
BUDGET_S = 2.0
"""Work of one tick; what is left over waits for the next."""
BATCH = 20
"""Series loaded together."""
SETTLE = timedelta(seconds=5)
"""Readings of a slot that has just ended are still on their way."""
STREAMS_EVERY = timedelta(seconds=10)
FIRST_RETRY = timedelta(seconds=30)
LACKING = ("never", "too_few", "untried", "short_history", "sparse", "interrupted", "no_day")
"""Reasons that back-fill may take away at any time."""


def run(database_url: str, *, horizon_s: int, step_s: int, issue_s: int, history_days: int, stop: Event) -> None:
    """Forecasts `horizon_s` ahead in slots of `step_s` seconds, from `history_days` days, until `stop` is set."""
    forecaster = Forecaster(horizon_s=horizon_s, step_s=step_s, issue_s=issue_s, history_days=history_days, stop=stop)
    run_ticks(database_url, "forecaster", forecaster.tick, period_s=TICK_S, stop=stop, clock=lambda: datetime.now(UTC))


@dataclass(slots=True)
class _Standing:
    """Where a series stands: when it is due, and for which slot, by whom and with which fallback it was last forecast."""

    due: datetime
    slot: datetime | None = None
    model: str = ""
    reason: str = ""
    pause: timedelta = FIRST_RETRY

    def repeats(self, before: _Standing) -> bool:
        """Whether nothing new was found since `before`."""
        return (self.slot, self.model, self.reason) == (before.slot, before.model, before.reason)


class Forecaster:
    """What the process remembers between ticks: the datastreams and where each stands."""

    def __init__(self, *, horizon_s: int, step_s: int, issue_s: int, history_days: int, stop: Event) -> None:
        self._horizon_s, self._step_s, self._history = horizon_s, step_s, timedelta(days=history_days)
        self._issue_s = issue_s
        self._watched: frozenset[str] = frozenset()
        self._stop = stop
        self._streams: list[Datastream] = []
        self._streams_read: datetime | None = None
        self._partitions: DayPartitions | None = None
        self._standings: dict[int, _Standing] = {}
        self._refused: set[int] = set()

    def tick(self, conn: Connection, now: datetime) -> Mapping[str, Any]:
        """Forecasts what is due, as known at `now`, for about BUDGET_S seconds at most; returns figures for the system page."""
        began = perf_counter()
        self._read_streams(conn, now)
        waiting = [stream for stream in self._streams if self._is_due(stream, now)]
        waiting.sort(key=lambda stream: (stream.datastream_id in self._standings, self._slot_s(stream), stream.datastream_id))
        n_done = 0
        while n_done < len(waiting) and not self._stop.is_set() and perf_counter() - began < BUDGET_S:
            slot = self._slot_s(waiting[n_done])
            batch = [stream for stream in waiting[n_done : n_done + BATCH] if self._slot_s(stream) == slot]
            self._forecast(conn, batch, slot, now)
            n_done += len(batch)
        return {**self._count(), "waiting": len(waiting) - n_done, **_pace(n_done, perf_counter() - began)}

    def _read_streams(self, conn: Connection, now: datetime) -> None:
        """Learns of new datastreams; at start, also of what was issued before."""
        if self._streams_read is not None and abs(now - self._streams_read) < STREAMS_EVERY:
            return
        self._streams = list_datastreams(conn)
        self._watched = frozenset(rule.property for rule in list_rules(conn) if rule.source is WarningSource.FORECAST)
        if self._streams_read is None:
            self._partitions = DayPartitions(conn)
            issues = newest_issues(conn, since=now - timedelta(days=1))
            for stream in self._streams:
                issue = issues.get(stream.datastream_id)
                if issue is not None:
                    slot = self._slot_s(stream)
                    code = issue.fallback_reason.split(" ")[0]
                    self._standings[stream.datastream_id] = _Standing(
                        due=self._next_issue(stream, issue.issued_at, slot),
                        slot=boundary(issue.issued_at, slot),
                        model=issue.model,
                        reason=code,
                    )
        self._streams_read = now

    def _is_due(self, stream: Datastream, now: datetime) -> bool:
        standing = self._standings.get(stream.datastream_id)
        return standing is None or standing.due <= now

    def _slot_s(self, stream: Datastream) -> int:
        return slot_s(stream.interval_s, self._step_s)

    def _next_issue(self, stream: Datastream, time: datetime, slot: int) -> datetime:
        """When a series looked at at `time` is due: the readings of its slot are in, and it is its turn."""
        every = 1 if stream.property in self._watched else max(self._issue_s // slot, 1)
        under_way = int(boundary(time, slot).timestamp()) // slot
        turns = (stream.datastream_id - under_way - 1) % every
        return datetime.fromtimestamp((under_way + 1 + turns) * slot, UTC) + SETTLE

    def _forecast(self, conn: Connection, batch: list[Datastream], slot: int, now: datetime) -> None:
        """Looks at series of one slot length. When the database cannot reckon with one of them, or hold what it gave, each is
        looked at alone, and the one at fault waits for its next slot."""
        try:
            self._forecast_together(conn, batch, slot, now)
        except Exception as fault:
            if not is_unstorable(fault):
                raise
            if len(batch) > 1:
                for stream in batch:
                    self._forecast(conn, [stream], slot, now)
                return
            (stream,) = batch
            self._standings[stream.datastream_id] = _Standing(self._next_issue(stream, now, slot), boundary(now, slot))
            self._say_refused(stream, fault)
        else:
            self._refused -= {stream.datastream_id for stream in batch}

    def _say_refused(self, stream: Datastream, fault: Exception) -> None:
        """Says once of a series that it cannot be forecast, until it can be again."""
        if stream.datastream_id not in self._refused:
            log.warning(
                "%s of %s cannot be forecast (%s): expected values that fit a number of the database; "
                "check what the device says, it is tried again at every slot",
                stream.property, stream.device_id, in_one_line(fault),
            )  # fmt: skip
        self._refused.add(stream.datastream_id)

    def _forecast_together(self, conn: Connection, batch: list[Datastream], slot: int, now: datetime) -> None:
        """Looks at series of one slot length, and stores what they gave that is new: all of it or nothing."""
        assert self._partitions is not None
        forecasts = []
        standings = {}
        for stream, outlook, forecast in self._look(conn, batch, slot, Moment.live(now)):
            before = self._standings.get(stream.datastream_id)
            standing = _stand(before, outlook, now, slot, self._next_issue(stream, now, slot))
            if forecast is not None and (before is None or not standing.repeats(before)):
                forecasts.append(forecast)
            standings[stream.datastream_id] = standing
        write_forecasts(conn, self._partitions, forecasts)
        self._standings |= standings

    def issue_as_of(self, conn: Connection, streams: Sequence[Datastream], then: datetime) -> int:
        """Forecasts `streams` as they would have been forecast at a past moment, from what was known then; returns how many
        were stored. For a history that is written afterwards."""
        partitions = DayPartitions(conn)
        n_stored = 0
        for slot in sorted({self._slot_s(stream) for stream in streams}):
            of_slot = [stream for stream in streams if self._slot_s(stream) == slot]
            for first in range(0, len(of_slot), BATCH):
                if self._stop.is_set():
                    return n_stored
                looked = self._look(conn, of_slot[first : first + BATCH], slot, Moment.past(then))
                n_stored += write_forecasts(conn, partitions, [forecast for *_, forecast in looked if forecast is not None])
        return n_stored

    def _look(
        self, conn: Connection, batch: Sequence[Datastream], slot: int, moment: Moment
    ) -> list[tuple[Datastream, Outlook | Reason, Forecast | None]]:
        """What the series of one slot length give at a moment."""
        end = boundary(moment.at, slot)
        numbers = [stream.datastream_id for stream in batch]
        series = load_series(conn, numbers, start=end - self._history, end=end, step_s=slot, moment=moment)
        looked: list[tuple[Datastream, Outlook | Reason, Forecast | None]] = []
        for stream, history in zip(batch, series.values, strict=True):
            outlook = self._foresee(stream, history, slot)
            made = None
            if isinstance(outlook, Outlook):
                made = _forecast(stream.datastream_id, outlook, history, end, slot, moment.at)
            looked.append((stream, outlook, made))
        return looked

    def _foresee(self, stream: Datastream, history: Floats, slot: int) -> Outlook | Reason:
        history[~np.isfinite(history)] = np.nan
        low, high = limits(stream.property, stream.low, stream.high)
        return foresee(
            history, step_s=slot, interval_s=stream.interval_s, horizon=max(self._horizon_s // slot, 1), low=low, high=high
        )

    def _count(self) -> dict[str, int]:
        current = [standing for standing in self._standings.values() if standing.model]
        return {
            "series": len(self._streams),
            "forecasts": len(current),
            "fallbacks": sum(1 for standing in current if standing.reason),
            **Counter(standing.model for standing in current),
        }


def _stand(before: _Standing | None, outlook: Outlook | Reason, now: datetime, slot: int, due: datetime) -> _Standing:
    """Where a series stands after it was looked at. One that lacks history is looked at again before it is `due`."""
    pause = before.pause if before is not None else FIRST_RETRY
    reason = outlook.fallback if isinstance(outlook, Outlook) else outlook
    if reason is not None and reason.code in LACKING:
        due, pause = min(due, now + pause), min(2 * pause, timedelta(seconds=slot))
    model = outlook.model.name if isinstance(outlook, Outlook) else ""
    return _Standing(due, boundary(now, slot), model, reason.code if reason else "", pause)


def _forecast(datastream_id: int, outlook: Outlook, history: Floats, end: datetime, slot: int, now: datetime) -> Forecast:
    """The record stored. Its watermark is the start of the newest slot that had a value."""
    # Rounded to what is stored, because the database refuses what would become 0 there.
    q10, q50, q90 = (tuple(row.tolist()) for row in outlook.quantiles.values.astype(np.float32))
    return Forecast(
        datastream_id=datastream_id, issued_at=now, first_target=end, step_s=slot, q10=q10, q50=q50, q90=q90,
        model=outlook.model.name, model_version=outlook.model.version,
        watermark=end - timedelta(seconds=slot * (1 + trailing_gap(history))),
        fallback_reason=str(outlook.fallback or ""),
    )  # fmt: skip


def _pace(n_done: int, seconds: float) -> dict[str, float]:
    """What the last working tick took; an idle one says nothing, so that the figures stay."""
    return {"tick_ms": round(1000 * seconds), "ms_per_series": round(1000 * seconds / n_done, 1)} if n_done else {}
