"""Ingestion: one batch of reports into the memory, all of it or nothing.

Rows, newest values, ledger and dead letters are one transaction; when it has committed, the messages may be acknowledged.
Writing the same batch again stores nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from itertools import chain
from typing import Protocol, TypeVar

from psycopg.errors import CheckViolation, DeadlockDetected

from domain.batches import Batch, BatchCounts
from domain.observations import Reading
from domain.series import Judge
from domain.units import UnitPosition, UnitStatusReport
from storage import deadletters, devices, halls, incidents, observations, units
from storage.connection import Connection
from storage.devices import Registry
from storage.ledger import LedgerCounts
from storage.partitions import DayPartitions, days_of
from storage.series import Ends

T = TypeVar("T")

MOST_DEADLOCKS = 3
"""Times a batch gives way to another writer at once, before the database counts as busy and it waits as in any outage."""


class Ingestion:
    """A connection prepared for batches, with what it has learnt of devices and partitions."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.registry = Registry()
        self.registry.load(conn)
        self._ends = Ends()
        self._partitions = DayPartitions(conn)
        observations.prepare(conn)
        halls.prepare(conn)

    def forget(self) -> None:
        """Call when what was written has been undone: what was learnt with it holds no more, and is learnt again as it goes."""
        self.registry.forget()
        self._ends.forget()
        self._partitions = DayPartitions(self.conn)

    def register(self, batch: Batch, now: datetime) -> None:
        """Makes the devices, units and datastreams a batch speaks of known, so that its values can be judged."""
        self._giving_way(lambda: self._register(batch, now))

    def _register(self, batch: Batch, now: datetime) -> None:
        try:
            with self.conn.transaction():
                self.registry.apply_births(self.conn, batch.births)
                streams = self.registry.streams
                new = [r for r in batch.readings if (r.device_id, r.property, r.item) not in streams]
                self.registry.ensure_devices(self.conn, _speakers(batch, new), now)
                unit_reports: chain[UnitPosition | UnitStatusReport] = chain(batch.positions, batch.statuses)
                self.registry.ensure_units(self.conn, {(r.unit_id, r.device_id) for r in unit_reports})
                self.registry.ensure_datastreams(self.conn, {(r.device_id, r.property, r.item): r.unit for r in new})
        except BaseException:
            self.registry.forget()
            raise

    def write(self, batch: Batch, judge: Judge | None = None) -> BatchCounts:
        """Stores a registered batch, its readings with what `judge` finds of them (None: as their devices say), and returns what
        became of it."""
        try:
            return self._giving_way(lambda: self._write(batch, judge))
        except CheckViolation:  # retention has dropped a day that this process believed to be there
            self._partitions = DayPartitions(self.conn)
            return self._giving_way(lambda: self._write(batch, judge))

    def _giving_way(self, work: Callable[[], T]) -> T:
        """What `work` returns; it is done again at once where the database ended it so that another writer could go on."""
        for _ in range(MOST_DEADLOCKS):
            with suppress(DeadlockDetected):
                return work()
        return work()

    def _write(self, batch: Batch, judge: Judge | None) -> BatchCounts:
        conn = self.conn
        readings = observations.as_columns(self.registry, batch.readings)
        self._partitions.ensure(conn, "observation", readings.days)
        self._partitions.ensure(conn, "raw_field", days_of(r.phenomenon_time for r in batch.raw_fields))
        self._partitions.ensure(conn, "hall_event", days_of(e.phenomenon_time for e in batch.hall_events))
        self._partitions.ensure(conn, "unit_position", days_of(p.phenomenon_time for p in batch.positions))
        counts = LedgerCounts()
        with conn.transaction():
            remember = observations.write_readings(conn, readings, counts, self.registry, self._ends, judge)
            stored_states = devices.write_states(conn, batch.states)
            counts.count_events(
                [(s.device_id, s.phenomenon_time) for s in batch.states],
                [(s.device_id, s.phenomenon_time) for s in stored_states],
            )
            births = [(b.device_id, b.phenomenon_time) for b in batch.births]
            counts.count_events(births, births)
            with conn.cursor() as cur:
                cur.executemany(
                    "INSERT INTO raw_field (device_id, message_id, phenomenon_time, received_time, fields) "
                    "VALUES (%s, %s, %s, %s, %s::jsonb) ON CONFLICT DO NOTHING",
                    [(r.device_id, r.message_id, r.phenomenon_time, r.received_time, r.fields_json) for r in batch.raw_fields],
                )
            halls.write_hall_events(conn, batch.hall_events, counts)
            units.write_positions(conn, batch.positions, counts)
            units.write_statuses(conn, batch.statuses, counts)
            units.write_acks(conn, batch.acks, counts)
            incidents.write_incidents(conn, batch.incidents, counts)
            incidents.write_closings(conn, batch.closings, counts)
            incidents.write_requests(conn, batch.requests, counts)
            incidents.write_detections(conn, batch.detections, counts)
            new, known = deadletters.tell_apart(conn, batch.rejections)
            deadletters.write_dead_letters(conn, new)
            for outcome, rejections in (("rejected", new), ("duplicate", known)):
                for rejection in rejections:
                    counts.count("received", rejection.device_id or "", rejection.received_time)
                    counts.count(outcome, rejection.device_id or "", rejection.received_time)
            received_time = batch.newest_received_time()
            if received_time is not None:
                counts.write(conn, received_time)
        remember()
        return counts.totals()


class _Speaks(Protocol):
    @property
    def device_id(self) -> str: ...


def _speakers(batch: Batch, new: list[Reading]) -> set[str]:
    """Who speaks in a batch, except by readings of datastreams that are known and so are their devices."""
    said: chain[_Speaks] = chain(
        new, batch.states, batch.raw_fields, batch.hall_events, batch.positions, batch.statuses, batch.acks,
        batch.incidents, batch.closings, batch.requests, batch.detections,
    )  # fmt: skip
    return {report.device_id for report in said}
