"""Commands: who commands at an incident, and the area that they drew, with two times each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from psycopg.types.json import Jsonb

from domain.incidents import Command, DrawnArea
from domain.moments import Moment
from storage.connection import Connection


def take_command(conn: Connection, incident_id: str, commander: str, now: datetime) -> None:
    conn.execute(
        "INSERT INTO incident_command (incident_id, valid_from, recorded_at, commander) VALUES (%s, %s, %s, %s)",
        (incident_id, now, now, commander),
    )


def find_command(conn: Connection, incident_id: str, moment: Moment) -> Command | None:
    """Who commands at the moment; None: nobody has taken it yet."""
    row = conn.execute(
        "SELECT commander, valid_from FROM incident_command WHERE incident_id = %s AND valid_from <= %s AND recorded_at <= %s "
        "ORDER BY valid_from DESC, recorded_at DESC LIMIT 1",
        (incident_id, moment.at, moment.known_at),
    ).fetchone()
    return Command(*row) if row is not None else None


def draw_area(
    conn: Connection,
    incident_id: str,
    shape: Mapping[str, object] | None,
    *,
    reach_m: float | None,
    crs_origin: str,
    actor: str,
    now: datetime,
) -> None:
    """Notes where an incident is, as GeoJSON in WGS-84; None takes back what was drawn."""
    conn.execute(
        "INSERT INTO incident_area (incident_id, valid_from, recorded_at, shape, reach_m, crs_origin, actor) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (incident_id, now, now, None if shape is None else Jsonb(dict(shape)), reach_m, crs_origin, actor),
    )


def find_area(conn: Connection, incident_id: str, moment: Moment) -> DrawnArea | None:
    """What is drawn at the moment; None: nothing, or it was taken back."""
    row = conn.execute(
        "SELECT shape, reach_m, crs_origin, actor, valid_from FROM incident_area WHERE incident_id = %s AND valid_from <= %s "
        "AND recorded_at <= %s ORDER BY valid_from DESC, recorded_at DESC LIMIT 1",
        (incident_id, moment.at, moment.known_at),
    ).fetchone()
    return DrawnArea(*row) if row is not None and row[0] is not None else None
