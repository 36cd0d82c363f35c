"""Shelves and maintenance: what nobody wants to hear of for a while, and where work is done. From: shelf, maintenance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from domain.moments import Moment
from domain.warnings import WarningLevel
from storage.connection import Connection


@dataclass(frozen=True, slots=True)
class Shelf:
    """A rule and object, or a situation, up to a level, that is not shown as waiting until a time."""

    shelf_id: int
    warning_id: str | None
    rule_id: str | None
    object_id: str | None
    situation: int | None
    level: WarningLevel
    shelved_at: datetime
    until: datetime
    reason: str
    actor: str
    ended_at: datetime | None
    exercise_id: str | None = None


def put(
    conn: Connection,
    *,
    warning_id: str | None,
    rule_id: str | None,
    object_id: str | None,
    situation: int | None,
    level: WarningLevel,
    until: datetime,
    reason: str,
    actor: str,
    now: datetime,
    exercise_id: str | None = None,
) -> int:
    """Shelves a rule and object, or a situation; returns the shelf's number."""
    row = conn.execute(
        "INSERT INTO shelf (exercise_id, warning_id, rule_id, object_id, situation_id, level, shelved_at, until, reason, actor) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING shelf_id",
        (exercise_id, warning_id, rule_id, object_id, situation, level.value, now, until, reason, actor),
    ).fetchone()
    assert row is not None
    return int(row[0])


def find_for_update(conn: Connection, shelf_id: int) -> Shelf | None:
    """The shelf, locked until the transaction ends."""
    row = conn.execute(f"{_SHELF} WHERE shelf_id = %s FOR UPDATE", (shelf_id,)).fetchone()
    return _shelf(row) if row is not None else None


def take_back(conn: Connection, shelf_id: int, *, actor: str, now: datetime) -> None:
    """Ends a shelf before its time."""
    conn.execute("UPDATE shelf SET ended_at = %s, ended_by = %s WHERE shelf_id = %s", (now, actor, shelf_id))


def list_shelves(conn: Connection, at: datetime, exercise_id: str | None = None) -> list[Shelf]:
    """The shelves in force at a time, the first to end first."""
    rows = conn.execute(
        f"{_SHELF} WHERE shelved_at <= %(at)s AND until > %(at)s AND (ended_at IS NULL OR ended_at > %(at)s) "
        "AND exercise_id IS NOT DISTINCT FROM %(exercise)s ORDER BY until, shelf_id",
        {"at": at, "exercise": exercise_id},
    )
    return [_shelf(row) for row in rows]


_SHELF = (
    "SELECT shelf_id, warning_id, rule_id, object_id, situation_id, level, shelved_at, until, reason, actor, ended_at, "
    "exercise_id FROM shelf"
)


def _shelf(row: TupleRow) -> Shelf:
    return Shelf(
        shelf_id=row[0], warning_id=str(row[1]) if row[1] else None, rule_id=row[2], object_id=row[3], situation=row[4],
        level=WarningLevel.of(row[5]), shelved_at=row[6], until=row[7], reason=row[8], actor=row[9], ended_at=row[10],
        exercise_id=row[11],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A time and a place in which work is done: an area (GeoJSON, WGS-84), districts or devices. `n_inside`: warnings raised in
    it."""

    maintenance_id: int
    begins_at: datetime
    until: datetime
    reason: str
    actor: str
    area: dict[str, Any] | None
    districts: tuple[str, ...]
    devices: tuple[str, ...]
    ended_at: datetime | None = None
    n_inside: int = 0


def plan(
    conn: Connection,
    *,
    begins_at: datetime,
    until: datetime,
    reason: str,
    actor: str,
    area: dict[str, Any] | None,
    districts: Sequence[str],
    devices: Sequence[str],
    now: datetime,
) -> int:
    """Records a maintenance; returns its number."""
    row = conn.execute(
        "INSERT INTO maintenance (begins_at, until, reason, actor, planned_at, area, districts, devices) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING maintenance_id",
        (begins_at, until, reason, actor, now, Jsonb(area) if area else None, list(districts), list(devices)),
    ).fetchone()
    assert row is not None
    return int(row[0])


def find_maintenance_for_update(conn: Connection, maintenance_id: int) -> Maintenance | None:
    """The maintenance, locked until the transaction ends."""
    row = conn.execute(f"{_MAINTENANCE} WHERE maintenance_id = %s FOR UPDATE", (maintenance_id,)).fetchone()
    return _maintenance(row) if row is not None else None


def end_maintenance(conn: Connection, maintenance_id: int, *, actor: str, now: datetime) -> None:
    """Ends a maintenance before its time, or calls it off."""
    conn.execute(
        "UPDATE maintenance SET ended_at = %s, ended_by = %s WHERE maintenance_id = %s", (now, actor, maintenance_id)
    )  # fmt: skip


def list_maintenance(conn: Connection, moment: Moment) -> list[Maintenance]:
    """What is on at the moment or planned for later, the first to begin first."""
    rows = conn.execute(
        f"{_MAINTENANCE} WHERE planned_at <= %(at)s AND until > %(at)s AND (ended_at IS NULL OR ended_at > %(at)s) "
        "AND exercise_id IS NULL ORDER BY begins_at, maintenance_id",
        {"at": moment.at},
    )
    return [_maintenance(row) for row in rows]


_MAINTENANCE = (
    "SELECT maintenance_id, begins_at, until, reason, actor, area, districts, devices, ended_at, "
    "(SELECT count(*) FROM warning WHERE warning.maintenance_id = maintenance.maintenance_id) FROM maintenance"
)


def _maintenance(row: TupleRow) -> Maintenance:
    return Maintenance(
        maintenance_id=row[0], begins_at=row[1], until=row[2], reason=row[3], actor=row[4], area=row[5], districts=tuple(row[6]),
        devices=tuple(row[7]), ended_at=row[8], n_inside=row[9],
    )  # fmt: skip
