"""Retirement: rows of the tables that are not cut into days, deleted a few at a time when nobody needs them any more."""

from __future__ import annotations

from datetime import datetime

from psycopg import sql

from storage.connection import Connection

ROWS_A_ROUND = 5_000
"""Small enough that a round never holds others up; a round comes every few seconds."""

_BY_RETENTION = {
    "ingest_ledger": "hour",
    "device_hour_kept": "hour",
    "ingest_minute": "minute",
    "device_state": "received_time",
    "command_ack": "received_time",
    "observation_superseded": "superseded_at",
    "request": "received_time",
    "detection": "received_time",
    "outbox": "sent_at",
    "incident_text": "recorded_at",
    "forecast_score": "day",
    "wait_score": "day",
    "wait_forecast": "issued_at",
    "anomaly": "detected_at",
    "rival_forecast": "issued_at",
    "stand_by": "issued_at",
    "notice": "created_at",
    "external_alert": "received_at",
    "external_refusal": "received_at",
    "hall_day": "day",
    "hall_surge": "raised_at",
    "rating_follow_up_step": "at",
}
_BY_SIGN_IN = {"sign_in_attempt": "attempted_at", "session": "created_at"}
"""Table → the time that says its row is old. Warnings, incidents, orders and the audit are never deleted here; what was said
about an incident in free words is."""


def delete_before(
    conn: Connection, oldest_kept: datetime, *, dead_letters_before: datetime, sign_ins_before: datetime | None = None
) -> int:  # fmt: skip
    """Deletes at most ROWS_A_ROUND old rows of each table; returns how many in all. Who signed in when, and from where, goes at
    `sign_ins_before`; None: with the others."""
    limits = {
        **dict.fromkeys(_BY_RETENTION, oldest_kept), **dict.fromkeys(_BY_SIGN_IN, sign_ins_before or oldest_kept),
        "dead_letter": dead_letters_before,
    }  # fmt: skip
    columns = {**_BY_RETENTION, **_BY_SIGN_IN, "dead_letter": "received_time"}
    deleted = 0
    for table, before in limits.items():
        query = sql.SQL("DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {column} < %s LIMIT %s))")
        filled = query.format(table=sql.Identifier(table), column=sql.Identifier(columns[table]))
        deleted += conn.execute(filled, (before, ROWS_A_ROUND)).rowcount
    return deleted + conn.execute(_OLD_STATUSES, (oldest_kept, ROWS_A_ROUND)).rowcount


# The last status of a unit is what it is, however long ago it said so.
_OLD_STATUSES = """
DELETE FROM unit_status WHERE ctid = ANY(ARRAY(
    SELECT old.ctid FROM unit_status old WHERE recorded_at < %s AND EXISTS (
        SELECT FROM unit_status later WHERE later.unit_id = old.unit_id AND later.exercise_id IS NOT DISTINCT FROM old.exercise_id
        AND (later.valid_from, later.recorded_at) > (old.valid_from, old.recorded_at)
    ) LIMIT %s
))
"""
