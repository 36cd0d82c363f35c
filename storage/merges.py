"""Merges: which incidents turned out to be one, and the orders that go on for the one that stays. From: incident_merge,
dispatch_order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Rollback

from domain.moments import Moment
from storage.connection import Connection


@dataclass(frozen=True, slots=True)
class Merge:
    """An incident that is part of another since `merged_at`."""

    incident_id: str
    root_id: str
    merged_at: datetime
    actor: str


def set_root(conn: Connection, incident_id: str, root_id: str | None, *, actor: str, now: datetime) -> None:
    """Makes an incident part of another; None: it stands by itself again."""
    conn.execute(
        "INSERT INTO incident_merge (incident_id, valid_from, recorded_at, root_id, actor) VALUES (%s, %s, %s, %s, %s)",
        (incident_id, now, now, root_id, actor),
    )


def find_merge(conn: Connection, incident_id: str, moment: Moment) -> Merge | None:
    """What the incident is part of at the moment; None while it stands by itself."""
    row = conn.execute(
        "SELECT incident_id, root_id, valid_from, actor FROM incident_merge WHERE incident_id = %s AND valid_from <= %s "
        "AND recorded_at <= %s ORDER BY valid_from DESC, recorded_at DESC LIMIT 1",
        (incident_id, moment.at, moment.known_at),
    ).fetchone()
    return Merge(*row) if row is not None and row[1] is not None else None


def list_merged(conn: Connection, root_id: str, moment: Moment) -> list[Merge]:
    """What is part of an incident at the moment, in the order in which it became so."""
    rows = conn.execute(_MERGED, {"root": root_id, "at": moment.at, "known_at": moment.known_at})
    return [Merge(*row) for row in rows]


def lock_with_units(conn: Connection, incident_ids: Sequence[str]) -> bool:
    """Locks incidents and the units with open orders to them until the transaction ends: units first, then incidents, each by id,
    as everybody locks them. False, and nothing is locked, when an order came in between."""
    is_whole = False
    with conn.transaction() as attempt:
        units = _units_on(conn, incident_ids)
        conn.execute("SELECT FROM unit WHERE unit_id = ANY(%s) ORDER BY unit_id FOR UPDATE", (units,))
        conn.execute("SELECT FROM incident WHERE incident_id = ANY(%s) ORDER BY incident_id FOR UPDATE", (list(incident_ids),))
        is_whole = set(_units_on(conn, incident_ids)) <= set(units)
        if not is_whole:
            raise Rollback(attempt)
    return is_whole


def _units_on(conn: Connection, incident_ids: Sequence[str]) -> list[str]:
    rows = conn.execute(
        "SELECT unit_id FROM dispatch_order WHERE incident_id = ANY(%s) AND is_open ORDER BY unit_id", (list(incident_ids),)
    )
    return [row[0] for row in rows]


def list_issued_for(conn: Connection, order_ids: Sequence[str]) -> dict[str, str]:
    """The incident for which each of these orders was issued, where that is part of another now, by order."""
    rows = conn.execute(
        "SELECT order_id, issued_for FROM dispatch_order WHERE order_id = ANY(%s) AND issued_for IS NOT NULL", (list(order_ids),)
    )
    return {row[0]: row[1] for row in rows}


def move_orders(conn: Connection, incident_id: str, root_id: str) -> int:
    """Lets the open orders to an incident go on for another, remembering for which they were issued; returns how many."""
    return conn.execute(
        "UPDATE dispatch_order SET incident_id = %s, issued_for = coalesce(issued_for, incident_id) "
        "WHERE incident_id = %s AND is_open",
        (root_id, incident_id),
    ).rowcount


def return_orders(conn: Connection, incident_id: str, root_id: str) -> int:
    """Gives back the open orders that were issued for an incident; returns how many."""
    return conn.execute(
        "UPDATE dispatch_order SET incident_id = issued_for, issued_for = NULL "
        "WHERE incident_id = %s AND issued_for = %s AND is_open",
        (root_id, incident_id),
    ).rowcount


_MERGED = """
SELECT newest.incident_id, newest.root_id, newest.valid_from, newest.actor
FROM (SELECT DISTINCT incident_id FROM incident_merge WHERE root_id = %(root)s) part
JOIN LATERAL (
    SELECT * FROM incident_merge
    WHERE incident_merge.incident_id = part.incident_id AND valid_from <= %(at)s AND recorded_at <= %(known_at)s
    ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) newest ON true
WHERE newest.root_id = %(root)s ORDER BY newest.valid_from, newest.incident_id
"""
