"""Heartbeats: which processes run, since when, and what they last said of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from storage.connection import Connection

FORGOTTEN_AFTER = timedelta(hours=1)
ALIVE_WITHIN = timedelta(seconds=30)
"""A process that has not beaten for longer is taken for dead."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    process: str
    instance: str
    started_at: datetime
    beat_at: datetime
    metrics: dict[str, Any]


def beat(conn: Connection, process: str, instance: str, *, started_at: datetime, now: datetime, metrics: dict[str, Any]) -> None:
    """Says that `instance` (host:pid) of `process` is alive; forgets instances silent for an hour."""
    conn.execute(
        "INSERT INTO process_heartbeat (process, instance, started_at, beat_at, metrics) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (process, instance) DO UPDATE SET beat_at = excluded.beat_at, metrics = excluded.metrics",
        (process, instance, started_at, now, Jsonb(metrics)),
    )
    conn.execute("DELETE FROM process_heartbeat WHERE process = %s AND beat_at < %s", (process, now - FORGOTTEN_AFTER))


def list_heartbeats(conn: Connection) -> list[Heartbeat]:
    """The newest heartbeat of every process, by name."""
    rows = conn.execute(
        "SELECT DISTINCT ON (process) process, instance, started_at, beat_at, metrics FROM process_heartbeat "
        "ORDER BY process, beat_at DESC"
    )
    return [Heartbeat(*row) for row in rows]


def find_last(conn: Connection, process: str, saying: dict[str, Any]) -> datetime | None:
    """When an instance of `process` whose figures hold all of `saying` last beat; None when none did, or too long ago."""
    row = conn.execute(
        "SELECT max(beat_at) FROM process_heartbeat WHERE process = %s AND metrics @> %s", (process, Jsonb(saying))
    ).fetchone()
    return row[0] if row else None
