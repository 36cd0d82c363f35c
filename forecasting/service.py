"""The forecaster: keeps a current forecast of every series, knows how good the stored ones were, and finds what is odd; a little
at a time, so that it can stop at once.

A series that a rule judges by its forecast is looked at again when its next slot is complete, any other once in `issue_s`, spread
over that time (`forecasting.standings`). Series that have been learnt together (`forecasting.blocks`) are refreshed here, from
memory; for all others every model is tried anew, many at a time and elsewhere (`forecasting.workshop`), so that a start with
thousands of unknown series stops nothing. What was issued is asked of the database at start: a restart repeats nothing.

Then targets that have been measured are scored (`forecasting.scorer`), series that matter (those of halls and of the city, and
those that rules judge) are contested (`forecasting.jury`), and the newest values shown to the detectors (`forecasting.watch`).
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from threading import Event
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from domain.datastreams import Datastream
from domain.derived import Derived
from domain.forecasts import Forecast
from domain.moments import Moment
from domain.scores import ScoreKey, Tally
from domain.warnings import WarningSource
from forecasting import question as questions
from forecasting.blocks import Blocks
from forecasting.calendar import ALWAYS, Calendar
from forecasting.conformal import Width
from forecasting.gaps import trailing_gap
from forecasting.jury import DEFAULT, Jury, is_of_a_hall
from forecasting.models.registry import MODELS
from forecasting.panel import DAY_S, Floats
from forecasting.question import RIVER, Question
from forecasting.reader import Changes, Reader
from forecasting.reasons import Reason
from forecasting.records import record_outlook
from forecasting.refresh import refresh
from forecasting.scorer import Scorer
from forecasting.selection import Outlook, foresee
from forecasting.series import boundary, limits, slot_s
from forecasting.standings import LACKING, Standing, count, next_turn, stand
from forecasting.watch import Watch
from forecasting.workshop import Job, Workshop
from storage.champions import find_state, keep_state
from storage.connection import Connection, in_one_line, is_unstorable
from storage.derived import list_derived, register_derived
from storage.devices import list_datastreams
from storage.forecasts import newest_issues, thin_forecasts, write_forecasts
from storage.partitions import DayPartitions
from storage.rules import list_rules
from storage.ticking import run_ticks

log = logging.getLogger(__name__)

TICK_S = 1.0
BUDGET_S = 2.0
"""Work of one tick; what is left over waits for the next."""
BATCH = 50
"""Series tried together, at most."""
TRIED_AT_ONCE = 2
LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)
STREAMS_EVERY = timedelta(seconds=10)
DERIVED_EVERY = timedelta(minutes=2)
WIDTHS, THINNED = "widths", "thinned"
WHOLE_FOR, KEPT_EVERY = timedelta(days=3), timedelta(hours=6)
"""Forecasts are kept as they were issued for so long; of older days one in so many hours, and those that warnings rest on."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
QUIET_S = 3 * 3600
"""Without a value for so long, or without a new one for a day, a series needs somebody to look who may speak for it."""


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


class _Trying(NamedTuple):
    """Series whose models are being tried, and when that was asked for."""

    job: Job
    batch: Sequence[Datastream]
    question: Question
    asked_at: datetime


class Forecaster:
    """What the process remembers between ticks: the series, where each stands, what has been read and learnt."""

    def __init__(
        self, *, horizon_s: int, step_s: int, issue_s: int, history_days: int, stop: Event, zone: tzinfo = UTC,
        calendar: Calendar = ALWAYS, workshop: Workshop | None = None, derives: bool = False, watches: bool = False,
    ) -> None:  # fmt: skip
        """Without a workshop nothing is learnt and nothing contested; `derives`: whether halls and the city are foreseen;
        `watches`: whether anomalies are looked for."""
        self._horizon_s, self._step_s, self._issue_s = horizon_s, step_s, issue_s
        self._zone, self._calendar, self._stop = zone, calendar, stop
        self._never_closed = replace(calendar, opening=(), closes=False)
        self._streams: list[Datastream] = []
        self._by_id: dict[int, Datastream] = {}
        self._derived: dict[int, Derived] = {}
        self._has_rain = False
        self._watched: frozenset[str] = frozenset()
        self._streams_read: datetime | None = None
        self._derived_read: datetime | None = None
        self._derives = derives
        self._partitions: DayPartitions | None = None
        self._standings: dict[int, Standing] = {}
        self._refused: set[int] = set()
        self.reader = Reader(timedelta(days=history_days))
        self._changes = Changes()
        self._workshop = workshop or Workshop(workers=0)
        self._trying: list[_Trying] = []
        self._blocks = Blocks(workshop, LEVELS)
        self._widths: dict[int, float] = {}
        self._widths_kept: datetime | None = None
        self._thinned: datetime | None = None
        self._scorer = Scorer(self.reader.load, self._adapt)
        self._jury = Jury(workshop, LEVELS, self._ask) if workshop is not None else None
        self._watch = Watch(zone) if watches else None

    def tick(self, conn: Connection, now: datetime) -> Mapping[str, Any]:
        """Forecasts what is due, as known at `now`, for about BUDGET_S seconds at most; then scores, contests and watches.
        Returns figures for the system page."""
        began = perf_counter()
        self._read_streams(conn, now)
        self._changes.look(conn, now, self.reader.history, self._forget)
        n_done = self._collect(conn, now)
        waiting = [stream for stream in self._streams if self._is_due(stream, now)]
        for batch in self._batches(waiting):
            if self._stop.is_set() or perf_counter() - began >= BUDGET_S:
                break
            n_done += self._forecast(conn, batch, now)
        n_done += self._collect(conn, now)
        pace = _pace(n_done, perf_counter() - began)
        n_waiting = sum(1 for stream in waiting if self._is_due(stream, now))
        if not self._stop.is_set():
            pace |= self._judge(conn, now, has_time=not n_waiting)
        series = {"series": len(self._streams) - len(self._derived), "derived": len(self._derived)}
        return {**series, **count(self._standings), "waiting": n_waiting, **pace}

    # Which series there are, and when each is due.

    def _read_streams(self, conn: Connection, now: datetime) -> None:
        """Learns of new series; at start, also of what was issued before."""
        if self._streams_read is not None and abs(now - self._streams_read) < STREAMS_EVERY:
            return
        if self._derives and (self._derived_read is None or abs(now - self._derived_read) >= DERIVED_EVERY):
            register_derived(conn, now, since=now - 7 * DAY)  # a week: halls close at weekends
            self._derived = {row.series_id: row.derived for row in list_derived(conn)}
            self._derived_read = now
        self.know([*list_datastreams(conn), *(as_stream(number, derived) for number, derived in self._derived.items())])
        self._watched = frozenset(rule.property for rule in list_rules(conn) if rule.source is WarningSource.FORECAST)
        if self._streams_read is None:
            self._partitions = DayPartitions(conn)
            issues = newest_issues(conn, since=now - DAY)
            for stream in self._streams:
                if (issue := issues.get(stream.datastream_id)) is not None:
                    slot, code = self._slot_s(stream), issue.fallback_reason.split(" ")[0]
                    due = now if code in LACKING else self._next_issue(stream, issue.issued_at)
                    self._standings[stream.datastream_id] = Standing(due, boundary(issue.issued_at, slot), issue.model, code)
        self._streams_read = now

    def know(self, streams: Sequence[Datastream], derived: Mapping[int, Derived] | None = None) -> None:
        """Which series there are."""
        self._derived = dict(self._derived if derived is None else derived)
        self._streams = list(streams)
        self._by_id = {stream.datastream_id: stream for stream in streams}
        self.reader.know(streams, self._derived)
        self._has_rain = self.reader.has_rain

    def _is_due(self, stream: Datastream, now: datetime) -> bool:
        if self._jury is not None and self._jury.speaks(stream.datastream_id, now):
            return False
        if any(stream.datastream_id in trying.question.series_ids for trying in self._trying):
            return False
        standing = self._standings.get(stream.datastream_id)
        return standing is None or standing.due <= now

    def _is_contested(self, stream: Datastream) -> bool:
        return stream.datastream_id in self._derived or stream.property in self._watched

    def _slot_s(self, stream: Datastream) -> int:
        derived = self._derived.get(stream.datastream_id)
        return derived.step_s if derived is not None else slot_s(stream.interval_s, self._step_s)

    def _kind(self, stream: Datastream) -> tuple[int, bool, bool]:
        """What is looked at together has one slot length, is of halls or not (those alone close), and goes by the rain or not."""
        return self._slot_s(stream), is_of_a_hall(stream), stream.property == RIVER and self._has_rain

    def _next_issue(self, stream: Datastream, time: datetime) -> datetime:
        """When a series looked at at `time` is due."""
        slot = self._slot_s(stream)
        every = 1 if stream.property in self._watched else max(self._issue_s // slot, 1)
        return next_turn(time, slot, every, self._blocks.turn_of(stream.datastream_id))

    def _batches(self, waiting: Sequence[Datastream]) -> Iterator[list[Datastream]]:
        """What is looked at together: blocks that have been learnt, whole; the others many at a time, the unknown first, while
        not too many are being tried."""
        for ids in self._blocks.holding(stream.datastream_id for stream in waiting):
            if all(number in self._by_id for number in ids):
                yield [self._by_id[number] for number in ids]
        kinds: dict[tuple[bool, tuple[int, bool, bool]], list[Datastream]] = defaultdict(list)
        for stream in waiting:
            if not self._blocks.has_learnt(stream.datastream_id):
                kinds[stream.datastream_id in self._standings, self._kind(stream)].append(stream)
        for key in sorted(kinds):
            for first in range(0, len(kinds[key]), BATCH):
                if len([trying for trying in self._trying if not trying.job.done()]) >= TRIED_AT_ONCE:
                    return
                yield kinds[key][first : first + BATCH]

    # What models are asked, and what is stored of what they say.

    def _forecast(self, conn: Connection, batch: Sequence[Datastream], now: datetime) -> int:
        """Refreshes a block that has been learnt, or has the models of others tried; returns how many were stored. When the
        database cannot reckon with one of them, each is looked at alone, and the one at fault waits for its next slot."""
        try:
            question = self._ask(conn, batch, self._slot_s(batch[0]), now)
        except Exception as fault:
            if not is_unstorable(fault):
                raise
            if len(batch) > 1:
                return sum(self._forecast(conn, [stream], now) for stream in batch)
            return self._refuse(batch[0], fault, now)
        learnt = self._blocks.find(question.series_ids)
        if learnt is None:
            self._try(batch, question, now)
            return 0
        told = refresh(learnt, questions.laid(question), question.horizon, self._width(question.series_ids))
        told = np.clip(told, questions.bounds(question.low, -np.inf), questions.bounds(question.high, np.inf))
        is_quiet = [_is_quiet(history, question.step_s) for history in question.histories]
        quiet, speaking = ([k for k in range(len(batch)) if is_quiet[k] == wanted] for wanted in (True, False))
        for first in range(0, len(quiet), BATCH):
            some = quiet[first : first + BATCH]
            self._try([batch[k] for k in some], question.of(some), now)
        outlooks = [Outlook(LEVELS, told[:, k], MODELS[DEFAULT], None) for k in speaking]
        return self._store(conn, [batch[k] for k in speaking], question.of(speaking), outlooks, now)

    def _try(self, batch: Sequence[Datastream], question: Question, now: datetime) -> None:
        """Has everything tried anew, elsewhere."""
        self._trying.append(_Trying(self._workshop.submit(foresee, question, LEVELS), batch, question, now))

    def _collect(self, conn: Connection, now: datetime) -> int:
        """Stores what was found by trying; what was lost with a worker stays due."""
        n_stored = 0
        for trying in [trying for trying in self._trying if trying.job.done()]:
            self._trying.remove(trying)
            found = self._workshop.collect(trying.job)
            if found is not None:
                n_stored += self._store(conn, trying.batch, trying.question, found, trying.asked_at)
        return n_stored

    def _store(
        self, conn: Connection, batch: Sequence[Datastream], question: Question, outlooks: Sequence[Outlook | Reason],
        now: datetime,
    ) -> int:  # fmt: skip
        """Stores what is new of what was found, all of it or nothing; returns how many were looked at. When the database cannot
        hold one of them, each is stored alone."""
        assert self._partitions is not None
        forecasts, standings = [], {}
        for k, (stream, outlook) in enumerate(zip(batch, outlooks, strict=True)):
            before = self._standings.get(stream.datastream_id)
            standing = stand(before, outlook, now, question.step_s, self._next_issue(stream, now))
            if isinstance(outlook, Outlook) and (before is None or not standing.repeats(before)):
                forecasts.append(record_outlook(question, k, outlook, now))
            standings[stream.datastream_id] = standing
        try:
            write_forecasts(conn, self._partitions, forecasts)
        except Exception as fault:
            if not is_unstorable(fault):
                raise
            if len(batch) > 1:
                each = range(len(batch))
                return sum(self._store(conn, [batch[k]], question.of([k]), [outlooks[k]], now) for k in each)
            return self._refuse(batch[0], fault, now)
        self._keep(question, forecasts, standings, outlooks)
        return len(batch)

    def _keep(
        self, question: Question, forecasts: Sequence[Forecast], standings: Mapping[int, Standing],
        outlooks: Sequence[Outlook | Reason],
    ) -> None:  # fmt: skip
        """Remembers where series stand now that their forecasts are stored."""
        self._standings |= standings
        self._refused -= set(standings)
        lacking = {number for number, standing in standings.items() if standing.reason in LACKING}
        self.reader.histories(question.step_s).forget(lacking)
        for number, outlook in zip(question.series_ids, outlooks, strict=True):
            if isinstance(outlook, Outlook) and outlook.model.name == DEFAULT and outlook.fallback is None:
                self._blocks.offer(number)
        if self._watch is not None:
            self._watch.expect(forecasts)

    def _refuse(self, stream: Datastream, fault: Exception, now: datetime) -> int:
        """Lets a series that cannot be forecast wait for its next slot, and says so once, until it can be again."""
        slot = self._slot_s(stream)
        self._standings[stream.datastream_id] = Standing(self._next_issue(stream, now), boundary(now, slot))
        if stream.datastream_id not in self._refused:
            log.warning(
                "%s of %s cannot be forecast (%s): expected values that fit a number of the database; "
                "check what the device says, it is tried again at every slot",
                stream.property, stream.device_id, in_one_line(fault),
            )  # fmt: skip
        self._refused.add(stream.datastream_id)
        return 0

    def _ask(self, conn: Connection, batch: Sequence[Datastream], slot: int, now: datetime) -> Question:
        """The question about series of one kind, as known now."""
        end = boundary(now, slot)
        rain = self.reader.rain(conn, end, slot, now) if self._kind(batch[0])[2] else None
        return self.question(batch, self.reader.remembered(conn, batch, end, slot, now), end, slot, rain)

    def question(
        self, batch: Sequence[Datastream], histories: Floats, end: datetime, slot: int, rain: Floats | None = None
    ) -> Question:
        """The same about given histories (series × slots before `end`)."""
        low, high = zip(*(limits(stream.property, stream.low, stream.high) for stream in batch), strict=True)
        calendar = self._calendar if is_of_a_hall(batch[0]) else self._never_closed
        return Question(
            tuple(stream.datastream_id for stream in batch), np.where(np.isfinite(histories), histories, np.nan), end, slot,
            max(self._horizon_s // slot, 1), _numbers(low), _numbers(high), self._zone, calendar, rain,
        )  # fmt: skip

    def issue_as_of(self, conn: Connection, streams: Sequence[Datastream], then: datetime) -> int:
        """Forecasts `streams`, measured ones, as they would have been forecast at a past moment, from what was known then;
        returns how many were stored. For a history that is written afterwards."""
        partitions, moment = DayPartitions(conn), Moment.past(then)
        kinds: dict[tuple[int, bool, bool], list[Datastream]] = defaultdict(list)
        for stream in streams:
            kinds[self._kind(stream)].append(stream)
        n_stored = 0
        for (slot, _, has_rain), of_kind in sorted(kinds.items()):
            end = boundary(then, slot)
            rain = self.reader.rain_then(conn, end, slot, then) if has_rain else None
            for first in range(0, len(of_kind), BATCH):
                if self._stop.is_set():
                    return n_stored
                batch = of_kind[first : first + BATCH]
                histories = self.reader.load(conn, batch, end - self.reader.history, end, slot, moment)
                question = self.question(batch, histories, end, slot, rain)
                found = enumerate(foresee(question, LEVELS))
                told = [record_outlook(question, k, outlook, then) for k, outlook in found if isinstance(outlook, Outlook)]
                n_stored += write_forecasts(conn, partitions, told)
        return n_stored

    def _forget(self, device_ids: set[str]) -> None:
        """Lets go of what was read and learnt of devices."""
        of_device = {stream.datastream_id for stream in self._streams if stream.device_id in device_ids}
        self.reader.forget(of_device)
        self._blocks.doubt(of_device)

    # What follows from forecasts and values.

    def _judge(self, conn: Connection, now: datetime, *, has_time: bool) -> dict[str, Any]:
        """Learns, scores, contests (when it has time: when nobody waits for a forecast), and looks for what is odd."""
        assert self._partitions is not None
        of_slot: dict[int, list[Datastream]] = defaultdict(list)
        for stream in self._streams:
            of_slot[self._slot_s(stream)].append(stream)
        kinds = {stream.datastream_id: self._kind(stream) for stream in self._streams}
        self._blocks.tick(now, kinds, lambda ids: self._ask(conn, [self._by_id[n] for n in ids], kinds[ids[0]][0], now))
        figures: dict[str, Any] = {"learnt": self._blocks.n_learnt}
        figures |= self._scorer.tick(conn, now, of_slot)
        self._keep_widths(conn, now)
        self._thin(conn, now)
        if self._jury is not None:
            contested = {slot: [stream for stream in streams if self._is_contested(stream)] for slot, streams in of_slot.items()}
            figures |= self._jury.tick(conn, now, contested, self._partitions, has_time=has_time)
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
            told = json.dumps({number: round(scale, 4) for number, scale in self._widths.items()})
            keep_state(conn, WIDTHS, told.encode(), now)
        self._widths_kept = now

    def _thin(self, conn: Connection, now: datetime) -> None:
        """Thins the next day that is old enough, in its order; how far that is, is kept."""
        if self._thinned is None:
            kept = find_state(conn, THINNED)
            self._thinned = datetime.fromisoformat(kept[1].decode()) if kept else boundary(now - WHOLE_FOR - DAY, DAY_S)
        if self._thinned + DAY + WHOLE_FOR <= now and thin_forecasts(conn, self._thinned, every=KEPT_EVERY) >= 0:
            self._thinned += DAY
            keep_state(conn, THINNED, self._thinned.isoformat().encode(), now)


def as_stream(number: int, derived: Derived) -> Datastream:
    """A derived series as the forecaster treats it."""
    return Datastream(
        number, derived.key, derived.quantity or derived.measure.value, derived.item, None, 0.0 if derived.non_negative else None,
        None, float(derived.step_s),
    )  # fmt: skip


def _numbers(given: Iterable[float | None]) -> Floats:
    return np.array([np.nan if limit is None else limit for limit in given], dtype=float)


def _is_quiet(history: Floats, slot: int) -> bool:
    if trailing_gap(history) * slot >= QUIET_S:
        return True
    lately = history[-max(DAY_S // slot, 2) :]
    told = lately[np.isfinite(lately)]
    return told.size < 2 or bool((told == told[-1]).all())


def _pace(n_done: int, seconds: float) -> dict[str, Any]:
    """What the last working tick took; an idle one says nothing, so that the figures stay."""
    return {"tick_ms": round(1000 * seconds), "ms_per_series": round(1000 * seconds / n_done, 1)} if n_done else {}
