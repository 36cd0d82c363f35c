"""The ledger: per device and hour, what was received and what became of it.

received = stored + corrected + duplicate + rejected, to the last message, because the counts are written in the
transaction that stores the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from domain.batches import BatchCounts
from storage.connection import Connection

LedgerKey = tuple[str, datetime]
_Key = TypeVar("_Key", LedgerKey, datetime)
_COLUMNS = ("received", "stored", "late", "duplicate", "corrected", "rejected")
_PARTS = ("contradicted", "readings")
"""Counted beside them: among duplicates, values that differ from the first of their moment; among what is stored, readings."""


def hour_of(time: datetime) -> datetime:
    in_utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    return in_utc.replace(minute=0, second=0, microsecond=0)


class LedgerCounts:
    """Counts gathered during a batch, written once at its end."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[LedgerKey]] = {column: Counter() for column in (*_COLUMNS, *_PARTS)}
        self._minutes: dict[str, Counter[datetime]] = {column: Counter() for column in _COLUMNS}

    def count(self, column: str, device_id: str, time: datetime, n: int = 1) -> None:
        self._counts[column][(device_id, hour_of(time))] += n

    def count_readings(self, key: LedgerKey, received: int, stored: int, late: int, corrected: int) -> None:
        """Counts readings of a device and hour; those neither stored nor corrected are duplicates."""
        self._add(self._counts, key, received, stored, late, corrected)
        self._counts["readings"][key] += stored

    def count_minute(self, minute: datetime, received: int, stored: int, late: int, corrected: int) -> None:
        """Says in which minute of receipt readings came that `count_readings` counts."""
        self._add(self._minutes, minute, received, stored, late, corrected)

    def count_events(self, received: Iterable[LedgerKey], stored: Iterable[LedgerKey]) -> None:
        """Counts reports of which each is either stored or a duplicate, given as (device_id, time)."""
        arrived = Counter((device_id, hour_of(time)) for device_id, time in received)
        kept = Counter((device_id, hour_of(time)) for device_id, time in stored)
        for key, n in arrived.items():
            self._counts["received"][key] += n
            self._counts["stored"][key] += kept[key]
            self._counts["duplicate"][key] += n - kept[key]

    def totals(self) -> BatchCounts:
        return BatchCounts(**{column: self._counts[column].total() for column in _COLUMNS})

    def write(self, conn: Connection, received_time: datetime) -> None:
        """Writes the counts; what was not told apart by minute is counted at `received_time`, when the newest message came."""
        newest = received_time.astimezone(UTC).replace(second=0, microsecond=0)
        for column, counter in self._minutes.items():
            counter[newest] += self._counts[column].total() - counter.total()
        _upsert(conn, _ADD_MINUTE, [(minute,) for minute in _keys(self._minutes)], self._minutes)
        _upsert(conn, _ADD, _keys(self._counts), self._counts)

    @staticmethod
    def _add(counts: dict[str, Counter[_Key]], key: _Key, received: int, stored: int, late: int, corrected: int) -> None:
        duplicate = received - stored - corrected
        for column, n in zip(_COLUMNS, (received, stored, late, duplicate, corrected), strict=False):
            if n:
                counts[column][key] += n


def _keys(counts: dict[str, Counter[_Key]]) -> list[_Key]:
    return sorted(set().union(*counts.values()))


def _upsert(conn: Connection, statement: str, keys: Sequence[tuple[object, ...]], counts: dict[str, Counter[Any]]) -> None:
    """Adds the counts of `keys` (tuples; a counter knows one of a single member by that member), as arrays in one statement."""
    columns = [list(column) for column in zip(*keys, strict=True)]
    n = [[counter[key if len(key) > 1 else key[0]] for key in keys] for counter in counts.values()]
    conn.execute(statement, (*columns, *n))


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One device in one hour: received = stored + corrected + duplicate + rejected; late is part of stored. What it owed is
    reckoned by `storage.health`."""

    device_id: str
    hour: datetime
    received: int
    stored: int
    late: int
    duplicate: int
    corrected: int
    rejected: int


def list_ledger(conn: Connection, *, since: datetime, until: datetime) -> list[LedgerRow]:
    """Ledger rows of the hours in [since, until), by hour and device."""
    return [LedgerRow(*row) for row in conn.execute(_LIST, {"since": since, "until": until})]


@dataclass(frozen=True, slots=True)
class Account:
    """The ledger of some hours held against itself, and its readings against those that are in the table. Hours written before
    readings were counted apart have no part in the last two."""

    received: int
    stored: int
    late: int
    duplicate: int
    corrected: int
    rejected: int
    unequal_rows: int
    readings_in_ledger: int
    readings_in_table: int

    @property
    def is_balanced(self) -> bool:
        return self.unequal_rows == 0 and self.readings_in_ledger == self.readings_in_table

    def sentence(self, lang: str) -> str:
        """The account in one sentence: what came, what became of it, and whether that agrees."""
        zh = lang == "zh"
        said = (
            f"收到 {self.received} = 入库 {self.stored} + 更正 {self.corrected} + 重复 {self.duplicate} + 拒收 {self.rejected}"
            if zh
            else f"received {self.received} = stored {self.stored} + corrected {self.corrected} + duplicate {self.duplicate} "
            f"+ rejected {self.rejected}"
        )
        if self.unequal_rows:
            return said + (
                f"：有 {self.unequal_rows} 行（设备 × 小时）不平，应行行相等，请保留备份并报告"
                if zh
                else f": {self.unequal_rows} rows (device × hour) do not add up; expected all to; keep a backup and report it"
            )
        if not self.is_balanced:
            return said + (
                f"：其中读数 {self.readings_in_ledger}，表中却有 {self.readings_in_table} 行，应相等，请查是否有人直接改动数据库"
                if zh
                else f": {self.readings_in_ledger} of them readings, but there are {self.readings_in_table} rows; "
                "expected as many; see whether someone changed the database by hand"
            )
        return said + (
            f"，读数 {self.readings_in_table} 行与表中一致" if zh else f"; {self.readings_in_table} readings, as many as rows"
        )


def account(conn: Connection, *, since: datetime, until: datetime) -> Account:
    """The account of the whole hours of measurement in [since, until). Of hours whose rows retention has dropped, ask not: the
    ledger is kept as long as they are, by receipt."""
    row = conn.execute(_ACCOUNT, {"since": since, "until": until}).fetchone()
    assert row is not None
    return Account(*row)


# %b: arrays travel in binary, which takes a tenth of the time of writing them as text.
_ADD = """
INSERT INTO ingest_ledger (device_id, hour, received, stored, late, duplicate, corrected, rejected, contradicted,
                           readings)
SELECT * FROM unnest(%b::text[], %b::timestamptz[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[],
                     %b::bigint[], %b::bigint[], %b::bigint[])
ON CONFLICT (device_id, hour) DO UPDATE SET
    received = ingest_ledger.received + excluded.received, stored = ingest_ledger.stored + excluded.stored,
    late = ingest_ledger.late + excluded.late, duplicate = ingest_ledger.duplicate + excluded.duplicate,
    corrected = ingest_ledger.corrected + excluded.corrected, rejected = ingest_ledger.rejected + excluded.rejected,
    contradicted = ingest_ledger.contradicted + excluded.contradicted, readings = ingest_ledger.readings + excluded.readings
"""

_ADD_MINUTE = """
INSERT INTO ingest_minute (minute, received, stored, late, duplicate, corrected, rejected)
SELECT * FROM unnest(%b::timestamptz[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bigint[])
ON CONFLICT (minute) DO UPDATE SET
    received = ingest_minute.received + excluded.received, stored = ingest_minute.stored + excluded.stored,
    late = ingest_minute.late + excluded.late, duplicate = ingest_minute.duplicate + excluded.duplicate,
    corrected = ingest_minute.corrected + excluded.corrected, rejected = ingest_minute.rejected + excluded.rejected
"""

_LIST = """
SELECT device_id, hour, received, stored, late, duplicate, corrected, rejected
FROM ingest_ledger WHERE hour >= %(since)s AND hour < %(until)s ORDER BY hour, device_id
"""

_ACCOUNT = """
WITH ledger AS (
    SELECT * FROM ingest_ledger WHERE hour >= %(since)s AND hour < %(until)s
), unknown AS (
    SELECT DISTINCT hour FROM ledger WHERE readings IS NULL
)
SELECT coalesce(sum(received), 0)::bigint, coalesce(sum(stored), 0)::bigint, coalesce(sum(late), 0)::bigint,
       coalesce(sum(duplicate), 0)::bigint, coalesce(sum(corrected), 0)::bigint, coalesce(sum(rejected), 0)::bigint,
       count(*) FILTER (WHERE received <> stored + corrected + duplicate + rejected),
       coalesce(sum(readings) FILTER (WHERE hour NOT IN (SELECT hour FROM unknown)), 0)::bigint,
       (SELECT count(*) FROM observation WHERE phenomenon_time >= %(since)s AND phenomenon_time < %(until)s
        AND date_trunc('hour', phenomenon_time) NOT IN (SELECT hour FROM unknown))
FROM ledger
"""
