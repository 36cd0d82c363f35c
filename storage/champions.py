"""Champions: which model speaks for a series, since when and why, and what a process remembers beyond its end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from psycopg.types.json import Jsonb

from domain.scores import Champion
from storage.connection import Connection


def list_champions(conn: Connection) -> dict[int, Champion]:
    """The champion of every series that has one."""
    rows = conn.execute("SELECT series_id, model, since, reason, decided_at, contest FROM champion")
    return {row[0]: Champion(*row) for row in rows}


def find_champion(conn: Connection, series_id: int) -> Champion | None:
    row = conn.execute(
        "SELECT series_id, model, since, reason, decided_at, contest FROM champion WHERE series_id = %s", (series_id,)
    ).fetchone()  # fmt: skip
    return Champion(*row) if row else None


def crown(conn: Connection, champions: Sequence[Champion]) -> None:
    """Stores who speaks from now on; `since` stays where it is the model of before."""
    with conn.transaction(), conn.cursor() as cur:
        cur.executemany(
            "INSERT INTO champion (series_id, model, since, reason, decided_at, contest) VALUES (%s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (series_id) DO UPDATE SET model = excluded.model, reason = excluded.reason, "
            "since = CASE WHEN champion.model = excluded.model THEN champion.since ELSE excluded.since END, "
            "decided_at = excluded.decided_at, contest = excluded.contest",
            [(c.series_id, c.model, c.since, c.reason, c.decided_at, Jsonb(dict(c.contest))) for c in champions],
        )


def keep_state(conn: Connection, name: str, content: bytes, now: datetime) -> None:
    """Keeps what a process remembers, in place of what it kept before under the name."""
    conn.execute(
        "INSERT INTO kept_state (name, saved_at, content) VALUES (%s, %s, %s) "
        "ON CONFLICT (name) DO UPDATE SET saved_at = excluded.saved_at, content = excluded.content",
        (name, now, content),
    )


def find_state(conn: Connection, name: str) -> tuple[datetime, bytes] | None:
    """When something was kept under a name, and what."""
    row = conn.execute("SELECT saved_at, content FROM kept_state WHERE name = %s", (name,)).fetchone()
    return (row[0], bytes(row[1])) if row else None
