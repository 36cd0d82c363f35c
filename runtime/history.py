"""The history of the simulated city: weeks of it, written beside the live city through the same parsing and storing.

First the readings, events of halls and requests, the newest day first, because charts and forecasts want that; then the incidents
of those weeks with the units that were sent; then the forecasts that would have been issued, and the contest of models that would
have been held. One history a database: what an earlier start did not finish is finished, what is there is left alone. What the
city would have said between two starts is made up for as well (`runtime.gaps`); nobody called while it stood still, and nothing
was foreseen.
"""

from __future__ import annotations

import gc
import logging
import math
import queue
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import TextIO, TypeVar

from domain.batches import Batch
from domain.units import UnitStatus
from domain.warnings import WarningSource
from forecasting.calendar import ALWAYS, Calendar
from forecasting.rehearsal import Rehearsal
from forecasting.service import Forecaster
from forecasting.workshop import Workshop
from gis_data.city import City, load_city
from ingest.parse import parse
from ingest.service import store_batch
from iot.payloads import encode
from iot.simulated.operations import ANSWERS_AFTER_S, Operation, Sortie, messages_of, operations
from iot.topics import topic_of
from runtime.gaps import gaps_to_fill, note_filled
from runtime.past import Part, saying
from runtime.policy import Policy
from runtime.progress import Progress
from runtime.workers import DEMONSTRATION_SEED
from storage import backfills
from storage.connection import Connection, DatabaseUnreachable, connect, is_connection_lost, why_lost
from storage.devices import list_datastreams
from storage.ingestion import Ingestion
from storage.orders import PastOrder, write_past
from storage.rules import list_rules
from storage.ticking import FIRST_PAUSE_S, LONGEST_PAUSE_S

log = logging.getLogger(__name__)

DAYS = 35
READINGS, OPERATIONS, FORECASTS = "demonstration history", "demonstration operations", "demonstration forecasts"
CONTEST = "demonstration contest"
SEAM = timedelta(seconds=30)
"""The live city begins to speak some seconds after its history was begun. Up to so long after it the history says what the live
city would have said; what that says itself comes twice and is stored once."""
OPERATIONS_AT_ONCE = 200
DISPATCHED_BY = "history"
"""Who gave the orders of the past, as the screens show it."""
FORECAST_EVERY = timedelta(hours=6)


def write_history(
    database_url: str, city_dir: Path, policy: Policy, *, days: int, out: TextIO, stop: threading.Event, zone: tzinfo = UTC,
    calendar: Calendar = ALWAYS,
) -> int:  # fmt: skip
    """Writes the `days` before the first start that are not there yet; returns the readings and events stored. A database that
    goes away, or whose disk is full, is waited for. Forecasts go by the days of `zone` and the calendar."""
    pause_s = FIRST_PAUSE_S
    while not stop.is_set():
        try:
            with connect(database_url, application="cityhelm-history") as conn:
                return _write_missing(conn, city_dir, policy, days, out, stop, zone, calendar)
        except Exception as fault:
            if not isinstance(fault, DatabaseUnreachable) and not is_connection_lost(fault):
                raise
            told = str(fault) if isinstance(fault, DatabaseUnreachable) else why_lost(fault)
            log.warning("the history waits: %s; it is taken up again in %.0f s", told, pause_s)
            stop.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    return 0


def _write_missing(
    conn: Connection, city_dir: Path, policy: Policy, days: int, out: TextIO, stop: threading.Event, zone: tzinfo,
    calendar: Calendar,
) -> int:  # fmt: skip
    end, done = backfills.begin(conn, READINGS, datetime.now(UTC))
    _, operations_done = backfills.begin(conn, OPERATIONS, end)
    _, forecasts_done = backfills.begin(conn, FORECASTS, end)
    _, contests_done = backfills.begin(conn, CONTEST, end)
    if not days:
        return 0
    stored = 0
    gc.set_threshold(100_000, 50, 100)  # what follows has no cycles worth looking for often
    for since, until in gaps_to_fill(conn):
        if not stop.is_set():
            stored += _write_gap(conn, city_dir, since, until, out, stop)
    if done < days:
        stored += _write_days(conn, city_dir, end + SEAM, range(done, days), out, stop)
    if not operations_done and not stop.is_set():
        stored += _write_operations(conn, load_city(city_dir), policy.order_expiry_s, end, days, out, stop)
    forecaster = Forecaster(
        horizon_s=policy.forecast_horizon_s, step_s=policy.forecast_step_s, issue_s=policy.forecast_issue_s,
        history_days=policy.forecast_history_days, stop=stop, zone=zone, calendar=calendar,
    )  # fmt: skip
    if not stop.is_set():
        _write_forecasts(conn, forecaster, end, range(forecasts_done, _forecasts_in(days)), out, stop)
    if not stop.is_set():
        _hold_contests(conn, forecaster, end, days, contests_done, out, stop)
    return stored


def _write_gap(conn: Connection, city_dir: Path, since: datetime, until: datetime, out: TextIO, stop: threading.Event) -> int:
    """Stores what the city would have said between two starts; begun again as a whole when it was interrupted."""
    stored = 0
    days = range(math.ceil((until + SEAM - since) / timedelta(days=1)))
    with (
        Progress("What was missed since the last stop", out) as progress,
        saying(city_dir, until + SEAM, days, since=since) as parts,
        _made_ahead(_batches(parts)) as batches,
    ):
        ingestion = Ingestion(conn)
        progress.reach(0.0)
        for day, share, batch in batches:
            stored += store_batch(ingestion, batch, until).stored
            progress.reach((day + share) / days.stop)
            if stop.is_set():
                return stored
        note_filled(conn, since)
    return stored


def _write_days(conn: Connection, city_dir: Path, end: datetime, days: range, out: TextIO, stop: threading.Event) -> int:
    """Stores the days of those numbers, counted back from `end`. While a batch is stored the next one is being parsed, and what
    comes after that worked out."""
    stored = 0
    with (
        Progress(f"History of {days.stop} {'day' if days.stop == 1 else 'days'}", out) as progress,
        saying(city_dir, end, days) as parts,
        _made_ahead(_batches(parts)) as batches,
    ):
        ingestion = Ingestion(conn)
        progress.reach(days.start / days.stop)
        for day, share, batch in batches:
            stored += store_batch(ingestion, batch, end).stored
            if share == 1.0:
                backfills.note_rows(conn, READINGS, day + 1)
            progress.reach((day + share) / days.stop)
            if stop.is_set():
                break
    return stored


_T = TypeVar("_T")
_Parsed = tuple[int, float, Batch]
"""Number of the day, the share of it that is done with this batch, and the batch."""


def _batches(parts: Iterator[Part]) -> Iterator[_Parsed]:
    for day, share, messages in parts:
        batch = Batch()
        for received_time, topic, payload in messages:
            batch.extend(parse(topic, payload, received_time))
        yield day, share, batch


class _made_ahead:  # noqa: N801 - a with-statement, read as words
    """The parts, made in a thread of their own, two of them ahead. A fault there rises here."""

    def __init__(self, parts: Iterator[_Parsed]) -> None:
        self._parts, self._is_over = parts, threading.Event()
        self._ready: queue.Queue[_Parsed | BaseException | None] = queue.Queue(2)
        self._thread = threading.Thread(target=self._make, name="history")

    def __enter__(self) -> Iterator[_Parsed]:
        self._thread.start()
        return self._iterate()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _iterate(self) -> Iterator[_Parsed]:
        while (part := self._ready.get()) is not None:
            if isinstance(part, BaseException):
                raise part
            yield part

    def _make(self) -> None:
        try:
            for part in self._parts:
                if not self._put(part):
                    return
            self._put(None)
        except BaseException as fault:
            self._put(fault)

    def _put(self, part: _Parsed | BaseException | None) -> bool:
        while not self._is_over.is_set():
            try:
                self._ready.put(part, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False


def _write_operations(
    conn: Connection, city: City, order_expiry_s: float, end: datetime, days: int, out: TextIO, stop: threading.Event
) -> int:
    """Stores the incidents of those days, who was sent and what they said. What they said goes the way of every message; the
    orders are ours and are written as of then, in the same transaction, so that nobody sees an incident that nobody answered."""
    stored = 0
    start = end - timedelta(days=days)
    with Progress("Operations of those days", out) as progress:
        progress.reach(0.0)
        ingestion = Ingestion(conn)
        for some in _stretches(operations(city, DEMONSTRATION_SEED, start, end), OPERATIONS_AT_ONCE):
            batch = Batch()
            told = chain.from_iterable(messages_of(operation, order_expiry_s=order_expiry_s) for operation in some)
            for received_s, device_id, kind, said in sorted(told, key=itemgetter(0)):
                batch.extend(parse(topic_of(device_id, kind), encode(said), datetime.fromtimestamp(received_s, UTC)))
            with conn.transaction():
                stored += store_batch(ingestion, batch, end).stored
                write_past(conn, [_past_order(o, sortie, order_expiry_s) for o in some for sortie in o.sorties])
            progress.reach((some[-1].call.event.ts - start) / (end - start))
            if stop.is_set():
                return stored
        backfills.note_rows(conn, OPERATIONS, 1)
        progress.reach(1.0)
    return stored


def _past_order(operation: Operation, sortie: Sortie, order_expiry_s: float) -> PastOrder:
    issued_at = datetime.fromtimestamp(sortie.issued_s, UTC)
    return PastOrder(
        sortie.order_id, operation.incident_id, sortie.vehicle.unit_id, DISPATCHED_BY, issued_at,
        expires_at=issued_at + timedelta(seconds=order_expiry_s), accepted_at=issued_at + timedelta(seconds=ANSWERS_AFTER_S),
        done_at=datetime.fromtimestamp(sortie.since_s[UnitStatus.RETURNING], UTC),
    )  # fmt: skip


def _stretches(each: Iterator[_T], n: int) -> Iterator[list[_T]]:
    while stretch := list(islice(each, n)):
        yield stretch


def _hold_contests(
    conn: Connection, forecaster: Forecaster, end: datetime, days: int, done: int, out: TextIO, stop: threading.Event
) -> None:
    """Has models foresee the figures of the city and its halls at some moments of those days, and scores them by what came."""
    workshop = Workshop()
    try:
        rehearsal = Rehearsal(forecaster, workshop, CONTEST, stop)
        planned = rehearsal.plan(conn, end, days)
        if done >= len(planned):
            return
        with Progress("Contest of models on those days", out) as progress:
            progress.reach(0.0)
            for held in rehearsal.hold(conn, planned, done, datetime.now(UTC)):
                progress.reach(held / len(planned))
    finally:
        workshop.close()


def _forecasts_in(days: int) -> int:
    """How many times forecasts are issued in a history: the first of its days has too little before it."""
    return max(0, (days - 1) * (timedelta(days=1) // FORECAST_EVERY))


def _write_forecasts(
    conn: Connection, forecaster: Forecaster, end: datetime, issues: range, out: TextIO, stop: threading.Event
) -> None:
    """Forecasts of the series that rules judge by their forecast, as they would have been issued, the newest first."""
    watched = {rule.property for rule in list_rules(conn) if rule.source is WarningSource.FORECAST}
    streams = list_datastreams(conn, properties=sorted(watched))
    if not issues or not streams:
        return
    forecaster.know(list_datastreams(conn))
    with Progress("Forecasts of those days", out) as progress:
        progress.reach(0.0)
        for k in issues:
            forecaster.issue_as_of(conn, streams, end - FORECAST_EVERY * (k + 1))
            if stop.is_set():
                return
            backfills.note_rows(conn, FORECASTS, k + 1)
            progress.reach((k + 1) / issues.stop)
