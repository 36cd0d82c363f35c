"""Hall events: what happened in queues and at windows, as the halls said it."""

from __future__ import annotations

from collections.abc import Sequence

from domain.halls import HallEvent
from storage.connection import Connection
from storage.ledger import LedgerCounts


def write_hall_events(conn: Connection, events: Sequence[HallEvent], ledger: LedgerCounts) -> None:
    """Stores events inside the caller's transaction; one seen before is a duplicate and changes nothing."""
    stored = []
    for e in events:
        row = conn.execute(
            _INSERT,
            (e.hall_id, e.device_id, e.event_id, e.phenomenon_time, e.received_time, e.event.value, e.ticket, e.item,
             e.window_no, e.clerk, e.channel, e.grade, e.to_item, list(e.items)),
        ).fetchone()  # fmt: skip
        if row is not None:
            stored.append((e.device_id, e.phenomenon_time))
    ledger.count_events([(e.device_id, e.phenomenon_time) for e in events], stored)


_INSERT = """
INSERT INTO hall_event (hall_id, device_id, event_id, phenomenon_time, received_time, event, ticket, item,
                        window_no, clerk, channel, grade, to_item, items)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING RETURNING 1
"""
