"""Histories: what is new since a process has looked, and whether what it has read of the past still stands."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from domain.observations import Quality
from storage.connection import Connection
from storage.observations import Value


class Settled(NamedTuple):
    """How many readings of a device were stored or corrected for the hours up to two ends."""

    until_first: int
    until_second: int


def count_settled(conn: Connection, *, since: datetime, first: datetime, second: datetime) -> dict[str, Settled]:
    """Readings stored and corrected by device, for the hours from `since` to `first`, and to `second` (later, or the same)."""
    rows = conn.execute(
        "SELECT device_id, coalesce(sum(stored + corrected) FILTER (WHERE hour < %(first)s), 0)::bigint, "
        "sum(stored + corrected)::bigint FROM ingest_ledger WHERE hour >= %(since)s AND hour < %(second)s GROUP BY 1",
        {"since": since, "first": first, "second": second},
    )
    return {row[0]: Settled(row[1], row[2]) for row in rows}


def list_new_values(conn: Connection, *, received_since: datetime) -> list[Value]:
    """The newest value of every datastream that was received after a time."""
    rows = conn.execute(
        "SELECT datastream_id, phenomenon_time, received_time, value, quality FROM latest WHERE received_time > %s",
        (received_since,),
    )
    return [Value(row[0], row[1], row[2], row[3], Quality.from_code(row[4])) for row in rows]
