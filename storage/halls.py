"""Hall events: what happened in queues and at windows, as the halls said it."""

from __future__ import annotations

from collections.abc import Sequence

from domain.halls import HallEvent
from storage.connection import Connection
from storage.ledger import LedgerCounts


def prepare(conn: Connection) -> None:
    """Makes this session's temporary table. Call once per connection."""
    conn.execute(_TEMPORARY_TABLE)


def write_hall_events(conn: Connection, events: Sequence[HallEvent], ledger: LedgerCounts) -> None:
    """Stores events inside the caller's transaction; one seen before is a duplicate and changes nothing."""
    if not events:
        return
    with conn.cursor() as cur:
        with cur.copy(f"COPY incoming_hall_event ({_COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(_TYPES)
            for e in events:
                copy.write_row(
                    (e.hall_id, e.device_id, e.event_id, e.phenomenon_time, e.received_time, e.event.value, e.ticket, e.item,
                     e.window_no, e.clerk, e.channel, e.grade, e.to_item, list(e.items))
                )  # fmt: skip
        stored = cur.execute(_STORE).fetchall()
    ledger.count_events([(e.device_id, e.phenomenon_time) for e in events], stored)


_COLUMNS = (
    "hall_id, device_id, event_id, phenomenon_time, received_time, event, ticket, item, window_no, clerk, channel, grade, "
    "to_item, items"
)
_TYPES = (
    "text", "text", "text", "timestamptz", "timestamptz", "text", "text", "text", "int4", "text", "text", "int2", "text",
    "text[]",
)  # fmt: skip

_TEMPORARY_TABLE = """
CREATE TEMPORARY TABLE IF NOT EXISTS incoming_hall_event (
    hall_id text, device_id text, event_id text, phenomenon_time timestamptz, received_time timestamptz, event text,
    ticket text, item text, window_no integer, clerk text, channel text, grade smallint, to_item text, items text[]
) ON COMMIT DELETE ROWS
"""

_STORE = f"""
INSERT INTO hall_event ({_COLUMNS}) SELECT {_COLUMNS} FROM incoming_hall_event
ON CONFLICT DO NOTHING RETURNING device_id, phenomenon_time
"""
