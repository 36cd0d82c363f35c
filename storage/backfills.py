"""Back-fills: how far each has come, so that one that was stopped goes on where it was."""

from __future__ import annotations

from datetime import datetime

from storage.connection import Connection


def begin(conn: Connection, name: str, now: datetime) -> tuple[datetime, int]:
    """When the back-fill `name` was begun (now, for a new one) and how many of its rows are stored."""
    row = conn.execute(
        "INSERT INTO backfill (name, begun_at, rows_done) VALUES (%s, %s, 0) "
        "ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING begun_at, rows_done",
        (name, now),
    ).fetchone()
    assert row is not None
    return row[0], int(row[1])


def note_rows(conn: Connection, name: str, rows: int) -> None:
    """Notes that the first `rows` rows of a back-fill that was begun are stored."""
    conn.execute("UPDATE backfill SET rows_done = %s WHERE name = %s", (rows, name))
