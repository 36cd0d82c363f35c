"""The outbox: commands to devices, written in the transaction that decides them and published afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from storage.connection import Connection


@dataclass(frozen=True, slots=True)
class Command:
    outbox_id: int
    topic: str
    payload: dict[str, Any]
    exercise_id: str | None


def put_command(conn: Connection, topic: str, payload: dict[str, Any], *, now: datetime, exercise_id: str | None) -> None:
    conn.execute(
        "INSERT INTO outbox (exercise_id, topic, payload, created_at) VALUES (%s, %s, %s, %s)",
        (exercise_id, topic, Jsonb(payload), now),
    )


def list_sendable(conn: Connection, *, limit: int = 500) -> list[Command]:
    """Unsent commands that may leave, oldest first: those of an exercise stay in the house."""
    rows = conn.execute(
        "SELECT outbox_id, topic, payload, exercise_id FROM outbox WHERE sent_at IS NULL AND exercise_id IS NULL "
        "ORDER BY outbox_id LIMIT %s",
        (limit,),
    )
    return [Command(*row) for row in rows]


def withdraw(conn: Connection, command_id: str) -> None:
    """Takes back the command of that id if it has not left yet."""
    conn.execute("DELETE FROM outbox WHERE payload ->> 'id' = %s AND sent_at IS NULL", (command_id,))


def mark_sent(conn: Connection, outbox_ids: list[int], now: datetime) -> None:
    conn.execute("UPDATE outbox SET sent_at = %s WHERE outbox_id = ANY(%s)", (now, outbox_ids))
