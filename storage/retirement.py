"""Retirement: rows of the tables that are not cut into days, deleted a few at a time when nobody needs them any more."""

from __future__ import annotations

from datetime import datetime

from psycopg import sql

from storage.connection import Connection

ROWS_A_ROUND = 5_000
"""Small enough that a round never holds others up; a round comes every few seconds."""

_BY_RETENTION = {
    "ingest_ledger": "hour",
    "ingest_minute": "minute",
    "device_state": "received_time",
    "command_ack": "received_time",
    "observation_superseded": "superseded_at",
    "request": "received_time",
    "detection": "received_time",
    "outbox": "sent_at",
}
"""Table → the time that says its row is old. Warnings, incidents, orders and the audit are never deleted here."""


def delete_before(conn: Connection, oldest_kept: datetime, *, dead_letters_before: datetime) -> int:
    """Deletes at most ROWS_A_ROUND old rows of each table; returns how many in all."""
    limits = {**dict.fromkeys(_BY_RETENTION, oldest_kept), "dead_letter": dead_letters_before}
    columns = {**_BY_RETENTION, "dead_letter": "received_time"}
    deleted = 0
    for table, before in limits.items():
        query = sql.SQL("DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {column} < %s LIMIT %s))")
        filled = query.format(table=sql.Identifier(table), column=sql.Identifier(columns[table]))
        deleted += conn.execute(filled, (before, ROWS_A_ROUND)).rowcount
    return deleted
