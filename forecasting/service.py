"""The forecaster: keeps a current forecast of every series, knows how good the stored ones were, and finds what is odd; a little
at a time, so that it can stop at once.

A series that a rule judges by its forecast is looked at again when its next slot is complete, any other once in `issue_s`,
spread over that time; one whose history lacks something earlier than that, with growing pauses, because back-fill may be on
its way. What was issued is asked of the database at start, so that a restart repeats nothing. Between refreshes histories stay in
memory and only what is new is read (`forecasting.histories`); a device whose older hours have changed since is read anew.

Targets that have been measured are scored from what is stored (`forecasting.scores`). Series that matter (those of halls and of
the city, and those that rules judge) are contested by every model four times a day, elsewhere (`forecasting.workshop`); who errs
least on the same targets speaks for them (`forecasting.champions`). Once a minute the newest values go through the detectors
(`forecasting.anomalies`), whose memory is kept every few minutes.
"""

from __future__ import annotations

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from threading import Event
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from domain.anomalies import Oddity
from domain.datastreams import Datastream
from domain.derived import Derived
from domain.forecasts import Forecast
from domain.moments import Moment
from domain.observations import USABLE_QUALITY_CODES
from domain.scores import Champion, ScoreKey, Tally
from domain.warnings import WarningSource
from forecasting import champions, contest
from forecasting.anomalies import Detectors, Outdated
from forecasting.blocks import Blocks
from forecasting.calendar import ALWAYS, Calendar
from forecasting.conformal import Width
from forecasting.contest import Question
from forecasting.gaps import trailing_gap
from forecasting.histories import Histories
from forecasting.models.registry import MODELS
from forecasting.panel import DAY_S, Floats
from forecasting.reasons import Reason
from forecasting.refresh import refresh
from forecasting.scores import LEADS_H, plus, score
from forecasting.selection import Outlook, foresee
from forecasting.series import boundary, limits, slot_s
from forecasting.workshop import Job, Workshop
from storage.anomalies import end_anomalies, list_open_series, write_anomalies
from storage.champions import crown, find_state, keep_state, list_champions
from storage.connection import Connection, in_one_line, is_unstorable
from storage.derived import list_derived, load_derived, register_derived
from storage.devices import list_datastreams
from storage.forecasts import newest_issues, write_forecasts
from storage.histories import count_settled, list_new_values
from storage.observations import load_series
from storage.partitions import DayPartitions
from storage.rules import list_rules
from storage.scores import (
    Rival,
    add_scores,
    delete_rivals,
    list_scores,
    list_told,
    newest_rivals,
    oldest_target,
    scored_until,
    write_rivals,
)
from storage.ticking import run_ticks

log = logging.getLogger(__name__)

TICK_S = 1.0
BUDGET_S = 2.0
"""Work of one tick; what is left over waits for the next."""
BATCH = 20
"""Series looked at together, at most."""
LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)
SETTLE = timedelta(seconds=5)
"""Readings of a slot that has just ended are still on their way."""
STREAMS_EVERY = timedelta(seconds=10)
DERIVED_EVERY = timedelta(minutes=10)
FIRST_RETRY = timedelta(seconds=30)
LACKING = ("never", "too_few", "untried", "short_history", "sparse", "interrupted", "no_day")
"""Reasons that back-fill may take away at any time."""
DEFAULT = "combination"
"""Who speaks by itself (`forecasting.outlook`)."""
WIDTHS = "widths"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
READ_AGAIN = 3 * HOUR
"""So much of what was read is read again with what is new: most of what comes late comes within it."""
CHANGES_EVERY = timedelta(minutes=10)
"""How often it is asked whether older hours have changed."""


def run(
    database_url: str, *, horizon_s: int, step_s: int, issue_s: int, history_days: int, stop: Event, zone: tzinfo = UTC,
    calendar: Calendar = ALWAYS, dask_scheduler: str = "",
) -> None:  # fmt: skip
    """Forecasts `horizon_s` ahead in slots of `step_s` seconds, from `history_days` days, until `stop` is set. Local days are
    those of `zone`; slow fits are made by two processes, or by the workers of a Dask scheduler."""
    workshop = Workshop(scheduler=dask_scheduler)
    forecaster = Forecaster(
        horizon_s=horizon_s, step_s=step_s, issue_s=issue_s, history_days=history_days, stop=stop, zone=zone, calendar=calendar,
        workshop=workshop, derives=True, watches=True,
    )  # fmt: skip
    try:
        run_ticks(database_url, "forecaster", forecaster.tick, period_s=TICK_S, stop=stop, clock=lambda: datetime.now(UTC))
    finally:
        workshop.close()


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
    """What the process remembers between ticks: the series, where each stands, their histories."""

    def __init__(
        self, *, horizon_s: int, step_s: int, issue_s: int, history_days: int, stop: Event, zone: tzinfo = UTC,
        calendar: Calendar = ALWAYS, workshop: Workshop | None = None, derives: bool = False, watches: bool = False,
    ) -> None:  # fmt: skip
        """Without a workshop nothing is contested; `derives`: whether halls and the city are foreseen; `watches`: whether
        anomalies are looked for."""
        self._horizon_s, self._step_s, self._history = horizon_s, step_s, timedelta(days=history_days)
        self._issue_s, self._zone, self._calendar = issue_s, zone, calendar
        self._watched: frozenset[str] = frozenset()
        self._stop = stop
        self._streams: list[Datastream] = []
        self._by_id: dict[int, Datastream] = {}
        self._never_closed = replace(calendar, opening=(), closes=False)
        self._derived: dict[int, Derived] = {}
        self._of_halls: frozenset[int] = frozenset()
        self._streams_read: datetime | None = None
        self._derived_read: datetime | None = None
        self._derives = derives
        self._partitions: DayPartitions | None = None
        self._standings: dict[int, _Standing] = {}
        self._refused: set[int] = set()
        self._histories: dict[int, Histories] = {}
        self._changes = _Changes()
        self._at_once = BATCH
        self._blocks = Blocks(workshop, LEVELS)
        self._widths: dict[int, float] = {}
        self._widths_kept: datetime | None = None
        self._scorer = _Scorer()
        self._contest = _Contest(workshop) if workshop is not None else None
        self._watch = _Watch(zone) if watches else None

    def tick(self, conn: Connection, now: datetime) -> Mapping[str, Any]:
        """Forecasts what is due, as known at `now`, for about BUDGET_S seconds at most; then scores, contests and watches.
        Returns figures for the system page."""
        began = perf_counter()
        self._read_streams(conn, now)
        self._changes.look(conn, now, self._history, self._forget)
        waiting = [stream for stream in self._streams if self._is_due(stream, now)]
        n_done = 0
        for batch in self._batches(waiting):
            since = perf_counter()
            if self._stop.is_set() or since - began >= BUDGET_S:
                break
            self._forecast(conn, batch, self._slot_s(batch[0]), now)
            n_done += len(batch)
            self._at_once = _fitting(self._at_once, perf_counter() - since)
        pace = _pace(n_done, perf_counter() - began)
        if not self._stop.is_set():
            pace |= self._judge(conn, now)
        return {**self._count(), "waiting": max(len(waiting) - n_done, 0), **pace}

    def _batches(self, waiting: Sequence[Datastream]) -> Iterator[list[Datastream]]:
        """What is looked at together: blocks that have been learnt, whole; the others a few at a time, the unknown first."""
        for ids in self._blocks.holding(stream.datastream_id for stream in waiting):
            if all(number in self._by_id for number in ids):
                yield [self._by_id[number] for number in ids]
        others = [stream for stream in waiting if not self._blocks.has_learnt(stream.datastream_id)]
        others.sort(key=lambda stream: (stream.datastream_id in self._standings, *self._kind(stream), stream.datastream_id))
        n_done = 0
        while n_done < len(others):
            kind = self._kind(others[n_done])
            batch = [stream for stream in others[n_done : n_done + self._at_once] if self._kind(stream) == kind]
            n_done += len(batch)
            yield batch

    def _judge(self, conn: Connection, now: datetime) -> dict[str, Any]:
        """What follows from forecasts and values: scores, the contest, anomalies."""
        assert self._partitions is not None
        of_slot: dict[int, list[Datastream]] = defaultdict(list)
        for stream in self._streams:
            of_slot[self._slot_s(stream)].append(stream)
        kinds = {stream.datastream_id: self._kind(stream) for stream in self._streams}
        self._blocks.tick(now, kinds, lambda ids: self._ask(conn, [self._by_id[n] for n in ids], kinds[ids[0]][0], now))
        figures: dict[str, Any] = {"learnt": self._blocks.n_learnt}
        figures |= self._scorer.tick(conn, now, of_slot, self._load, self._adapt)
        self._keep_widths(conn, now)
        if self._contest is not None:
            figures |= self._contest.tick(conn, now, of_slot, self._is_contested, self._ask, self._partitions)
        if self._watch is not None:
            figures |= self._watch.tick(conn, now, self._streams, self._derived)
        return figures

    def _adapt(self, tallies: Mapping[ScoreKey, Tally]) -> None:
        """Widens the bands of series that held too little of what came, and narrows those that held too much."""
        inside: dict[int, list[float]] = defaultdict(list)
        for key, tally in tallies.items():
            if not key.is_rival and tally.n_80:
                inside[key.series_id].append(tally.inside_80 / tally.n_80)
        if inside:
            share = np.array([[sum(told) / len(told)] for told in inside.values()])
            moved = self._width(inside).after(share, 0.8)
            self._widths |= dict(zip(inside, moved.scale.tolist(), strict=True))

    def _width(self, series_ids: Iterable[int]) -> Width:
        return Width(np.array([self._widths.get(number, 1.0) for number in series_ids]))

    def _keep_widths(self, conn: Connection, now: datetime) -> None:
        """Keeps the widths once an hour; the first time takes those of an earlier process."""
        if self._widths_kept is not None and now - self._widths_kept < HOUR:
            return
        if self._widths_kept is None:
            kept = find_state(conn, WIDTHS)
            self._widths = {int(number): float(scale) for number, scale in json.loads(kept[1]).items()} if kept else {}
        elif self._widths:
            keep_state(
                conn, WIDTHS, json.dumps({number: round(scale, 4) for number, scale in self._widths.items()}).encode(), now
            )
        self._widths_kept = now

    def _read_streams(self, conn: Connection, now: datetime) -> None:
        """Learns of new series; at start, also of what was issued before."""
        if self._streams_read is not None and abs(now - self._streams_read) < STREAMS_EVERY:
            return
        if self._derives and (self._derived_read is None or abs(now - self._derived_read) >= DERIVED_EVERY):
            register_derived(conn, now, since=now - 7 * DAY)  # a week: halls close at weekends
            self._derived = {row.series_id: row.derived for row in list_derived(conn)}
            self._of_halls = frozenset(number for number, derived in self._derived.items() if derived.hall_id)
            self._derived_read = now
        self._streams = [*list_datastreams(conn), *(_as_stream(number, derived) for number, derived in self._derived.items())]
        self._by_id = {stream.datastream_id: stream for stream in self._streams}
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
        if self._contest is not None and self._contest.speaks(stream.datastream_id, now):
            return False
        standing = self._standings.get(stream.datastream_id)
        return standing is None or standing.due <= now

    def _is_contested(self, stream: Datastream) -> bool:
        return stream.datastream_id in self._derived or stream.property in self._watched

    def _slot_s(self, stream: Datastream) -> int:
        derived = self._derived.get(stream.datastream_id)
        return derived.step_s if derived is not None else slot_s(stream.interval_s, self._step_s)

    def _kind(self, stream: Datastream) -> tuple[int, bool]:
        """What is looked at together has one slot length, and is of halls or not: those alone close."""
        return self._slot_s(stream), stream.datastream_id in self._of_halls

    def _calendar_of(self, batch: Sequence[Datastream]) -> Calendar:
        return self._calendar if batch[0].datastream_id in self._of_halls else self._never_closed

    def _next_issue(self, stream: Datastream, time: datetime, slot: int) -> datetime:
        """When a series looked at at `time` is due: the readings of its slot are in, and it is its turn."""
        every = 1 if stream.property in self._watched else max(self._issue_s // slot, 1)
        under_way = int(boundary(time, slot).timestamp()) // slot
        turns = (self._blocks.turn_of(stream.datastream_id) - under_way - 1) % every
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
        end = boundary(now, slot)
        for stream, outlook, forecast in self._look(batch, self._remembered(conn, batch, end, slot, now), end, slot, now):
            before = self._standings.get(stream.datastream_id)
            standing = _stand(before, outlook, now, slot, self._next_issue(stream, now, slot))
            if forecast is not None and (before is None or not standing.repeats(before)):
                forecasts.append(forecast)
            standings[stream.datastream_id] = standing
            if isinstance(outlook, Outlook) and outlook.model.name == DEFAULT and outlook.fallback is None:
                self._blocks.offer(stream.datastream_id)
            if standing.reason in LACKING:
                self._histories[slot].forget([stream.datastream_id])
        write_forecasts(conn, self._partitions, forecasts)
        if self._watch is not None:
            self._watch.expect(forecasts)
        self._standings |= standings

    def issue_as_of(self, conn: Connection, streams: Sequence[Datastream], then: datetime) -> int:
        """Forecasts `streams` as they would have been forecast at a past moment, from what was known then; returns how many
        were stored. For a history that is written afterwards."""
        partitions = DayPartitions(conn)
        moment = Moment.past(then)
        n_stored = 0
        for slot in sorted({self._slot_s(stream) for stream in streams}):
            of_slot = [stream for stream in streams if self._slot_s(stream) == slot]
            end = boundary(then, slot)
            for first in range(0, len(of_slot), BATCH):
                if self._stop.is_set():
                    return n_stored
                batch = of_slot[first : first + BATCH]
                histories = self._load(conn, batch, end - self._history, end, slot, moment)
                looked = self._look(batch, histories, end, slot, then)
                n_stored += write_forecasts(conn, partitions, [forecast for *_, forecast in looked if forecast is not None])
        return n_stored

    def _load(
        self, conn: Connection, batch: Sequence[Datastream], start: datetime, end: datetime, slot: int, moment: Moment
    ) -> Floats:
        """The slots of series of one slot length, measured or derived."""
        numbers = [stream.datastream_id for stream in batch]
        wanted = {number: self._derived[number] for number in numbers if number in self._derived}
        values = np.full((len(batch), int((end - start).total_seconds()) // slot), np.nan)
        measured = [k for k, number in enumerate(numbers) if number not in wanted]
        if measured:
            ids = [numbers[k] for k in measured]
            values[measured] = load_series(conn, ids, start=start, end=end, step_s=slot, moment=moment).values
        if wanted:
            told = load_derived(conn, list(wanted.values()), start=start, end=end, moment=moment)
            values[[k for k, number in enumerate(numbers) if number in wanted], : told.shape[1]] = told
        return values

    def _remembered(self, conn: Connection, batch: Sequence[Datastream], end: datetime, slot: int, now: datetime) -> Floats:
        """The histories of series up to `end`: what is not in memory yet, or not any more, is read whole, of the others what is
        new."""
        histories = self._histories.setdefault(slot, Histories(slot, max(int(self._history.total_seconds()) // slot, 1)))
        histories.move_to(end)
        start = histories.start
        assert start is not None
        moment = Moment.live(now)
        unread = [stream for stream in batch if histories.read_until(stream.datastream_id) is None]
        read = [stream for stream in batch if stream not in unread]
        if unread:
            ids = [stream.datastream_id for stream in unread]
            histories.put(ids, start, self._load(conn, unread, start, end, slot, moment))
        if read:
            ids = [stream.datastream_id for stream in read]
            oldest = min(until for number in ids if (until := histories.read_until(number)) is not None)
            since = max(start, boundary(oldest - READ_AGAIN, slot))
            histories.put(ids, since, self._load(conn, read, since, end, slot, moment))
        return histories.of([stream.datastream_id for stream in batch])

    def _forget(self, device_ids: set[str]) -> None:
        """Lets go of what was read of devices."""
        of_device = {stream.datastream_id for stream in self._streams if stream.device_id in device_ids}
        for histories in self._histories.values():
            histories.forget(of_device)
        self._blocks.doubt(of_device)

    def _look(
        self, batch: Sequence[Datastream], histories: Floats, end: datetime, slot: int, now: datetime
    ) -> list[tuple[Datastream, Outlook | Reason, Forecast | None]]:
        """What the series of one slot length give."""
        looked: list[tuple[Datastream, Outlook | Reason, Forecast | None]] = []
        for stream, history, outlook in zip(batch, histories, self._foresee(batch, histories, end, slot), strict=True):
            made = None
            if isinstance(outlook, Outlook):
                made = _forecast(stream.datastream_id, outlook, history, end, slot, now)
            looked.append((stream, outlook, made))
        return looked

    def _foresee(self, batch: Sequence[Datastream], histories: Floats, end: datetime, slot: int) -> list[Outlook | Reason]:
        """The one place where models are asked at once: a block by what it has learnt, others by trying everything anew, and so
        those of a block that have fallen silent."""
        histories[~np.isfinite(histories)] = np.nan
        question = self._question(batch, histories, end, slot)
        learnt = self._blocks.find(question.series_ids)
        if learnt is None:
            return self._try_all(question)
        told = refresh(learnt, contest.laid(question), question.horizon, self._width(question.series_ids))
        told = np.clip(told, contest.bounds(question.low, -np.inf), contest.bounds(question.high, np.inf))
        found: list[Outlook | Reason] = [Outlook(LEVELS, told[:, k], MODELS[DEFAULT], None) for k in range(len(batch))]
        quiet = [k for k in range(len(batch)) if _is_quiet(histories[k], slot)]
        for first in range(0, len(quiet), BATCH):
            some = quiet[first : first + BATCH]
            tried = self._try_all(self._question([batch[k] for k in some], histories[some], end, slot))
            for k, outlook in zip(some, tried, strict=True):
                found[k] = outlook
        return found

    def _try_all(self, question: Question) -> list[Outlook | Reason]:
        return foresee(
            question.histories, end=question.end, step_s=question.step_s, horizon=question.horizon, levels=LEVELS,
            low=question.low.tolist(), high=question.high.tolist(), zone=question.zone, calendar=question.calendar,
        )  # fmt: skip

    def _ask(self, conn: Connection, batch: Sequence[Datastream], slot: int, now: datetime) -> Question:
        """The same for models that are asked elsewhere."""
        end = boundary(now, slot)
        return self._question(batch, self._remembered(conn, batch, end, slot, now), end, slot)

    def _question(self, batch: Sequence[Datastream], histories: Floats, end: datetime, slot: int) -> Question:
        low, high = zip(*(limits(stream.property, stream.low, stream.high) for stream in batch), strict=True)
        return Question(
            tuple(stream.datastream_id for stream in batch), histories, end, slot, max(self._horizon_s // slot, 1), _numbers(low),
            _numbers(high), self._zone, self._calendar_of(batch),
        )  # fmt: skip

    def _count(self) -> dict[str, int]:
        current = [standing for standing in self._standings.values() if standing.model]
        return {
            "series": len(self._streams) - len(self._derived),
            "derived": len(self._derived),
            "forecasts": len(current),
            "fallbacks": sum(1 for standing in current if standing.reason),
            **Counter(standing.model for standing in current),
        }


def _as_stream(number: int, derived: Derived) -> Datastream:
    """A derived series as the forecaster treats it."""
    return Datastream(
        number, derived.key, derived.quantity or derived.measure.value, derived.item, None, 0.0 if derived.non_negative else None,
        None, float(derived.step_s),
    )  # fmt: skip


def _numbers(given: Iterable[float | None]) -> Floats:
    return np.array([np.nan if limit is None else limit for limit in given], dtype=float)


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
    reason = str(outlook.fallback or "")
    return _record(datastream_id, outlook.values, history, end, slot, now, outlook.model.name, reason)


def _record(
    series_id: int, values: Floats, history: Floats, end: datetime, slot: int, now: datetime, model: str, reason: str
) -> Forecast:
    # Rounded to what is stored, because the database refuses what would become 0 there.
    q05, q10, q50, q90, q95 = (tuple(row.tolist()) for row in values.astype(np.float32))
    return Forecast(
        datastream_id=series_id, issued_at=now, first_target=end, step_s=slot, q10=q10, q50=q50, q90=q90, model=model,
        model_version=MODELS[model].version, watermark=end - timedelta(seconds=slot * (1 + trailing_gap(history))),
        fallback_reason=reason, q05=q05, q95=q95,
    )  # fmt: skip


QUIET_S = 3 * 3600
"""Without a value for so long, or without a new one for a day, a series needs somebody to look who may speak for it."""


def _is_quiet(history: Floats, slot: int) -> bool:
    if trailing_gap(history) * slot >= QUIET_S:
        return True
    lately = history[-max(DAY_S // slot, 2) :]
    told = lately[np.isfinite(lately)]
    return told.size < 2 or bool((told == told[-1]).all())


def _fitting(at_once: int, took_s: float) -> int:
    """How many series to look at together, so that a tick stays within its budget on a busy machine."""
    if took_s > BUDGET_S / 2:
        return max(at_once // 2, 1)
    return min(2 * at_once, BATCH) if took_s < BUDGET_S / 8 else at_once


def _pace(n_done: int, seconds: float) -> dict[str, Any]:
    """What the last working tick took; an idle one says nothing, so that the figures stay."""
    return {"tick_ms": round(1000 * seconds), "ms_per_series": round(1000 * seconds / n_done, 1)} if n_done else {}


class _Changes:
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


TRUTH_SETTLES = timedelta(minutes=10)
"""A slot is measured once it has been over for so long; what comes later changes no score."""
TARGETS_A_TICK = 4
ISSUED_WITHIN = timedelta(minutes=75)
"""A forecast speaks for a lead when it was issued at most so much earlier."""
SCORES_BEGIN = 8 * DAY
"""A first start scores the forecasts of so long."""
Load = Callable[[Connection, Sequence[Datastream], datetime, datetime, int, Moment], Floats]


Adapt = Callable[[Mapping[ScoreKey, Tally]], None]


class _Scorer:
    """Scores targets in their order, each once; where it stands is in the database."""

    def tick(
        self, conn: Connection, now: datetime, of_slot: Mapping[int, Sequence[Datastream]], load: Load, adapt: Adapt
    ) -> dict[str, Any]:
        """Scores up to TARGETS_A_TICK targets of every slot length, and tells `adapt` of them."""
        n = sum(self._of_slot(conn, now, slot, streams, load, adapt) for slot, streams in sorted(of_slot.items()))
        return {"scored": n} if n else {}

    def _of_slot(
        self, conn: Connection, now: datetime, slot: int, streams: Sequence[Datastream], load: Load, adapt: Adapt
    ) -> int:
        mark = scored_until(conn, slot)
        first = mark or oldest_target(conn, slot, since=now - SCORES_BEGIN)
        if first is None:
            return 0
        step = timedelta(seconds=slot)
        end = min(boundary(now - TRUTH_SETTLES, slot), first + TARGETS_A_TICK * step)
        if end <= first:
            return 0
        first = boundary(first, slot)
        moment = Moment.live(now)
        came = load(conn, streams, first, end, slot, moment)
        reference = load(conn, streams, first - DAY, end - DAY, slot, moment)
        row_of = {stream.datastream_id: k for k, stream in enumerate(streams)}
        tallies: dict[ScoreKey, Tally] = {}
        n_scored = 0
        for k in range(came.shape[1]):
            target = first + k * step
            for is_rival in (False, True):
                for lead_h in RIVAL_LEADS_H if is_rival else LEADS_H:
                    within = RIVALS_EVERY if is_rival else ISSUED_WITHIN
                    told = list_told(conn, list(row_of), target, slot, lead_h * HOUR, within=within, is_rival=is_rival)
                    rows = [row_of[number] for number in told.series_ids.tolist()]
                    found = score(
                        told.series_ids.tolist(), told.models, told.quantiles, came[rows, k], reference[rows, k],
                        day=target.date(), lead_h=lead_h, is_rival=is_rival,
                    )  # fmt: skip
                    n_scored += len(found)
                    for key, tally in found.items():
                        tallies[key] = plus(tallies.get(key, Tally()), tally)
        if not add_scores(conn, tallies, slot, since=mark, until=end):
            return 0
        adapt(tallies)
        return n_scored


RIVALS_EVERY = timedelta(hours=6)
RIVAL_LEADS_H = (1, 7, 13, 19)
"""With an issue every six hours each target has one forecast of every contestant in each of these stretches."""
CONTEST_BEGINS = timedelta(minutes=10)
"""After a first start: the past may be on its way."""
SPOKEN_EVERY = HOUR
SPOKEN_FOR = timedelta(minutes=100)
"""A champion that has not spoken for so long leaves its series to the refresh."""
DECIDED_EVERY = HOUR
CONTEST_DAYS = 14
CONTESTED_TOGETHER = 16
_AskFor = Callable[[Connection, Sequence[Datastream], int, datetime], Question]


class _Pending(NamedTuple):
    """Work that is done elsewhere."""

    job: Job
    question: Question
    model: str
    asked_at: datetime
    is_rival: bool


class _Contest:
    """Has every model try itself on the series that matter, crowns who errs least, and lets it speak."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._champions: dict[int, Champion] | None = None
        self._decided: datetime | None = None
        self._contested = datetime.min.replace(tzinfo=UTC)
        self._spoken: dict[int, datetime] = {}
        self._asked: dict[int, datetime] = {}
        self._pending: list[_Pending] = []
        self._waiting: list[tuple[Question, str, datetime, bool]] = []

    def speaks(self, series_id: int, now: datetime) -> bool:
        """Whether a champion has spoken for a series lately, so that the refresh need not."""
        spoken = self._spoken.get(series_id)
        return spoken is not None and timedelta(0) <= now - spoken < SPOKEN_FOR

    def tick(
        self, conn: Connection, now: datetime, of_slot: Mapping[int, Sequence[Datastream]],
        is_contested: Callable[[Datastream], bool], ask: _AskFor, partitions: DayPartitions,
    ) -> dict[str, Any]:  # fmt: skip
        """Collects what is done, decides once an hour, and asks for what is due: nothing while something is under way."""
        if self._champions is None:
            self._champions = list_champions(conn)
            newest = newest_rivals(conn, since=now - DAY)
            self._contested = newest or now - RIVALS_EVERY + CONTEST_BEGINS
        self._collect(conn, now, partitions)
        if self._decided is None or now - self._decided >= DECIDED_EVERY:
            self._decide(conn, now)
        if not self._pending and not self._waiting:
            chosen = {slot: [stream for stream in streams if is_contested(stream)] for slot, streams in of_slot.items()}
            self._ask_champions(conn, now, chosen, ask)
            if now - self._contested >= RIVALS_EVERY:
                self._ask_everybody(conn, now, chosen, ask)
                self._contested = now
        while self._waiting and len(self._pending) < 4:
            question, model, asked_at, is_rival = self._waiting.pop()
            work = (contest.medians, question, [model]) if is_rival else (contest.spoken, question, model, LEVELS)
            self._pending.append(_Pending(self._workshop.submit(*work), question, model, asked_at, is_rival))
        crowned = Counter(champion.model for champion in self._champions.values())
        return {
            "contested": len(self._pending) + len(self._waiting),
            "workers_lost": self._workshop.n_lost,
            "champions": len(crowned),
        }

    def _ask_everybody(self, conn: Connection, now: datetime, chosen: Mapping[int, Sequence[Datastream]], ask: _AskFor) -> None:
        """Every model on every contested series. Tier C is for halls and the city's figures."""
        for slot, streams in chosen.items():
            for mine in _alike(streams):
                tiers = ("A", "B", "C") if mine[0].datastream_id < 0 else ("A", "B")
                for question in _questions(conn, mine, slot, now, ask):
                    self._waiting += [(question, model.name, now, True) for model in MODELS.values() if model.tier in tiers]

    def _ask_champions(self, conn: Connection, now: datetime, chosen: Mapping[int, Sequence[Datastream]], ask: _AskFor) -> None:
        """Those that speak in their own name, once an hour."""
        assert self._champions is not None
        for slot, streams in chosen.items():
            by_model: dict[tuple[str, bool], list[Datastream]] = defaultdict(list)
            for stream in streams:
                champion = self._champions.get(stream.datastream_id)
                asked = self._asked.get(stream.datastream_id)
                is_due = asked is None or boundary(now, 3600) > boundary(asked, 3600)
                if champion is not None and champion.model != DEFAULT and champion.model in MODELS and is_due:
                    by_model[champion.model, _is_of_a_hall(stream)].append(stream)
                    self._asked[stream.datastream_id] = now
            for (model, _), mine in by_model.items():
                self._waiting += [(question, model, now, False) for question in _questions(conn, mine, slot, now, ask)]

    def _collect(self, conn: Connection, now: datetime, partitions: DayPartitions) -> None:
        for pending in [pending for pending in self._pending if pending.job.done()]:
            self._pending.remove(pending)
            found = self._workshop.collect(pending.job)
            if found is None:
                continue
            question = pending.question
            if pending.is_rival:
                write_rivals(conn, _rivals(pending, found.get(pending.model, np.full((0, 0), np.nan))))
                continue
            told = [
                _record(number, found[:, k], question.histories[k], question.end, question.step_s, now, pending.model, "")
                for k, number in enumerate(question.series_ids)
                if np.isfinite(found[:, k]).all()
            ]
            write_forecasts(conn, partitions, told)
            self._spoken |= {forecast.datastream_id: forecast.issued_at for forecast in told}

    def _decide(self, conn: Connection, now: datetime) -> None:
        assert self._champions is not None
        rows = list_scores(conn, since=(now - CONTEST_DAYS * DAY).date(), is_rival=True)
        decided = champions.decide(champions.ratios(rows), self._champions, now)
        crown(conn, decided)
        self._champions |= {champion.series_id: champion for champion in decided}
        delete_rivals(conn, now - 2 * DAY - RIVALS_EVERY)
        self._decided = now


def _is_of_a_hall(stream: Datastream) -> bool:
    return stream.datastream_id < 0 and stream.device_id.startswith("hall/")


def _alike(streams: Sequence[Datastream]) -> list[list[Datastream]]:
    """Series that can be asked for together: measured, of the city, of halls (which close)."""
    kinds: dict[tuple[bool, bool], list[Datastream]] = defaultdict(list)
    for stream in streams:
        kinds[stream.datastream_id < 0, _is_of_a_hall(stream)].append(stream)
    return list(kinds.values())


def _rivals(pending: _Pending, paths: Floats) -> list[Rival]:
    question, version = pending.question, MODELS[pending.model].version
    return [
        Rival(
            number,
            pending.asked_at,
            pending.model,
            version,
            question.end,
            question.step_s,
            tuple(path.astype(np.float32).tolist()),
        )
        for number, path in zip(question.series_ids, paths, strict=False)
        if np.isfinite(path).all()
    ]


def _questions(conn: Connection, streams: Sequence[Datastream], slot: int, now: datetime, ask: _AskFor) -> list[Question]:
    return [
        ask(conn, streams[first : first + CONTESTED_TOGETHER], slot, now) for first in range(0, len(streams), CONTESTED_TOGETHER)
    ]


WATCHED_EVERY = timedelta(minutes=1)
KEPT_EVERY = timedelta(minutes=5)
COHORTS_EVERY = timedelta(minutes=10)
LEARNS_FROM = DAY
"""So much of the past is shown to detectors that know nothing yet."""
LEARNT_ROWS = 3_000_000
"""At most so many values at a start: with many series less of the past."""
LEARNT_TOGETHER = 400
CALM_FOR = timedelta(minutes=30)
OWED_BY_PERIODIC = (Oddity.SILENT, Oddity.STUCK)
"""A device that speaks on change owes no regular readings, and repeats itself as it likes."""
ODD_SCORE = 0.75
"""A score from which a series is still odd, whether or not it is worth another alarm (`forecasting.anomalies`)."""


@dataclass(slots=True)
class _Cohort:
    """Series that came into the watch together, and the memory of their detectors."""

    name: str
    detectors: Detectors
    ids: list[int]
    newest_s: Floats
    kept_at: datetime
    index: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.index = {number: k for k, number in enumerate(self.ids)}


class _Watch:
    """Shows the newest values to the detectors once a minute, and stores what they find odd."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._cohorts: list[_Cohort] = []
        self._looked: datetime | None = None
        self._grown: datetime | None = None
        self._bands: dict[int, tuple[float, int, npt.NDArray[np.float32]]] = {}
        self._odd: dict[int, datetime] = {}
        self._on_change: frozenset[int] = frozenset()

    def expect(self, forecasts: Iterable[Forecast]) -> None:
        """Remembers the wide interval of forecasts that were just issued."""
        for f in forecasts:
            band = np.array([f.q05 or f.q10, f.q95 or f.q90], dtype=np.float32)
            self._bands[f.datastream_id] = (f.first_target.timestamp(), f.step_s, band)

    def tick(
        self, conn: Connection, now: datetime, streams: Sequence[Datastream], derived: Mapping[int, Derived]
    ) -> dict[str, Any]:
        """Looks once a minute. Returns figures for the system page."""
        if self._looked is not None and timedelta(0) <= now - self._looked < WATCHED_EVERY:
            return {}
        began = perf_counter()
        if self._looked is None:
            self._odd = dict.fromkeys(list_open_series(conn, since=now - 2 * DAY), now)
        self._grow(conn, now, [stream for stream in streams if stream.datastream_id not in derived])
        since = max(self._looked or now - WATCHED_EVERY, now - timedelta(minutes=15))
        n_found = 0
        values = list_new_values(conn, received_since=since)
        for cohort in self._cohorts:
            n_found += self._show(conn, cohort, values, now)
            if now - cohort.kept_at >= KEPT_EVERY:
                keep_state(conn, cohort.name, _packed(cohort), now)
                cohort.kept_at = now
        calm = [number for number, seen in self._odd.items() if now - seen >= CALM_FOR]
        if calm:
            end_anomalies(conn, calm, now)
            for number in calm:
                del self._odd[number]
        self._looked = now
        watched = sum(len(cohort.ids) for cohort in self._cohorts)
        return {"watched": watched, "found": n_found, "watch_ms": round(1000 * (perf_counter() - began))}

    def _grow(self, conn: Connection, now: datetime, streams: Sequence[Datastream]) -> None:
        """Takes in series that are not watched yet, as a cohort of their own."""
        if self._grown is not None and abs(now - self._grown) < COHORTS_EVERY:
            return
        if self._grown is None:
            self._restore(conn, now)
        self._on_change = frozenset(stream.datastream_id for stream in streams if not stream.is_periodic)
        known = {number for cohort in self._cohorts for number in cohort.ids}
        new = [stream for stream in streams if stream.datastream_id not in known]
        if new:
            ids = [stream.datastream_id for stream in new]
            together: dict[str, list[int]] = defaultdict(list)
            for k, stream in enumerate(new):
                together[stream.device_id].append(k)
            stations = [members for members in together.values() if len(members) > 1]
            detectors = Detectors(len(ids), self._zone, ids=ids, stations=stations)
            cohort = _Cohort(f"detectors/{len(self._cohorts)}", detectors, ids, np.full(len(ids), -np.inf), now - KEPT_EVERY)
            self._learn(conn, cohort, now - LEARNS_FROM, now)
            self._cohorts.append(cohort)
        self._grown = now

    def _restore(self, conn: Connection, now: datetime) -> None:
        """Goes on where an earlier process left off; what happened in between is shown to the detectors."""
        while (kept := find_state(conn, f"detectors/{len(self._cohorts)}")) is not None:
            kept_at, content = kept
            try:
                ids, newest_s, detectors = _unpacked(content, self._zone)
            except Outdated as why:
                log.info("%s", why)
                return
            cohort = _Cohort(f"detectors/{len(self._cohorts)}", detectors, ids, newest_s, now)
            self._learn(conn, cohort, max(kept_at, now - LEARNS_FROM), now)
            self._cohorts.append(cohort)

    def _learn(self, conn: Connection, cohort: _Cohort, since: datetime, now: datetime) -> None:
        """Shows a cohort the minutes of the past, and stores nothing of what it finds: nobody could act on it any more."""
        minutes = min(int((now - since).total_seconds()) // 60, LEARNT_ROWS // max(len(cohort.ids), 1))
        if minutes < 1:
            return
        end = boundary(now, 60)
        start = end - timedelta(minutes=minutes)
        moment = Moment.live(now)
        parts = [cohort.ids[first : first + LEARNT_TOGETHER] for first in range(0, len(cohort.ids), LEARNT_TOGETHER)]
        read = [load_series(conn, ids, start=start, end=end, step_s=60, moment=moment).values for ids in parts]
        values = np.concatenate(read)
        offset_s = _offset_s(now, self._zone)
        for k in range(minutes):
            column = values[:, k]
            if np.isfinite(column).any():
                time_s = start.timestamp() + 60.0 * k
                times_s = np.where(np.isfinite(column), time_s, np.nan)
                cohort.detectors.judge(times_s, offset_s, column)
                cohort.newest_s = np.where(np.isfinite(column), time_s, cohort.newest_s)

    def _show(self, conn: Connection, cohort: _Cohort, values: Sequence[Any], now: datetime) -> int:
        """Shows new values to the detectors, and stores what they find odd; returns how much that was."""
        times_s, told = np.full(len(cohort.ids), np.nan), np.full(len(cohort.ids), np.nan)
        low, high = np.full(len(cohort.ids), np.nan), np.full(len(cohort.ids), np.nan)
        for value in values:
            k = cohort.index.get(value.datastream_id)
            time_s = value.phenomenon_time.timestamp()
            if k is None or time_s <= cohort.newest_s[k] or value.quality.code not in USABLE_QUALITY_CODES:
                continue
            times_s[k], told[k] = time_s, value.value
            low[k], high[k] = self._band(value.datastream_id, time_s)
        is_here = np.isfinite(times_s)
        if not is_here.any():
            return 0
        cohort.newest_s = np.where(is_here, times_s, cohort.newest_s)
        judged = cohort.detectors.judge(times_s, _offset_s(now, self._zone), told, low, high)
        for k in np.flatnonzero(np.nan_to_num(judged.score) >= ODD_SCORE).tolist():
            if judged.is_alarm[k] or cohort.ids[k] in self._odd:
                self._odd[cohort.ids[k]] = now
        found = [cohort.detectors.anomaly(judged, k) for k in np.flatnonzero(judged.is_alarm).tolist()]
        found = [a for a in found if not (a.datastream_id in self._on_change and a.cause in OWED_BY_PERIODIC)]
        return write_anomalies(
            conn, [replace(a, value=_finite(a.value), low=_finite(a.low), high=_finite(a.high)) for a in found]
        )

    def _band(self, series_id: int, time_s: float) -> tuple[float, float]:
        band = self._bands.get(series_id)
        if band is None:
            return np.nan, np.nan
        first_s, step_s, values = band
        k = int((time_s - first_s) // step_s)
        return (float(values[0, k]), float(values[1, k])) if 0 <= k < values.shape[1] else (np.nan, np.nan)


def _finite(number: float) -> float:
    return float(np.clip(number, -1e300, 1e300))


def _offset_s(now: datetime, zone: tzinfo) -> float:
    offset = now.astimezone(zone).utcoffset()
    return offset.total_seconds() if offset else 0.0


def _packed(cohort: _Cohort) -> bytes:
    """How many series, their numbers, the newest times they have shown, and what the detectors remember."""
    ids, n = np.array(cohort.ids, "<i4"), np.array([len(cohort.ids)], "<i8")
    return n.tobytes() + ids.tobytes() + cohort.newest_s.astype("<f8").tobytes() + cohort.detectors.to_bytes()


def _unpacked(content: bytes, zone: tzinfo) -> tuple[list[int], Floats, Detectors]:
    n = int(np.frombuffer(content, "<i8", 1)[0])
    ids = np.frombuffer(content, "<i4", n, 8).tolist()
    newest_s = np.frombuffer(content, "<f8", n, 8 + 4 * n).astype(np.float64)
    return ids, newest_s, Detectors.from_bytes(content[8 + 12 * n :], zone)
