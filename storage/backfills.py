"""Back-fills: how many rows of a file have been stored, so that an import that was stopped goes on where it was."""

from __future__ import annotations

from datetime import datetime

from storage.connection import Connection


def rows_done(conn: Connection, name: str) -> int:
    """Rows of the back-fill `name` stored so far; 0 for a new one."""
    row = conn.execute("SELECT rows_done FROM backfill WHERE name = %s", (name,)).fetchone()
    return int(row[0]) if row else 0


def note_rows(conn: Connection, name: str, rows: int, now: datetime) -> None:
    conn.execute(
        "INSERT INTO backfill (name, rows_done, noted_at) VALUES (%s, %s, %s) "
        "ON CONFLICT (name) DO UPDATE SET rows_done = excluded.rows_done, noted_at = excluded.noted_at",
        (name, rows, now),
    )
