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


def list_not_begun(conn: Connection, prefix: str) -> list[tuple[str, datetime]]:
    """Name and beginning of the back-fills with names like this of which no row is stored yet, the newest first."""
    rows = conn.execute(
        "SELECT name, begun_at FROM backfill WHERE starts_with(name, %s) AND rows_done = 0 ORDER BY begun_at DESC", (prefix,)
    )
    return [(row[0], row[1]) for row in rows]


def note_rows(conn: Connection, name: str, rows: int) -> None:
    """Notes that the first `rows` rows of a back-fill that was begun are stored."""
    conn.execute("UPDATE backfill SET rows_done = %s WHERE name = %s", (rows, name))
