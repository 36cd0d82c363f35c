"""Closures: which roads are closed, since when, by whom or by what, and when they were opened again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from domain.closures import Closure, ClosureSource
from domain.moments import Moment
from storage.connection import Connection

_COLUMNS = "closure_id, source, object_id, geometry, reason, depth_m, actor, valid_from, valid_until, opened_at, exercise_id"


def close_road(conn: Connection, closure: Closure, now: datetime) -> bool:
    """Writes a closure; False when its cause has closed the road already."""
    done = conn.execute(
        "INSERT INTO road_closure (closure_id, exercise_id, source, object_id, geometry, reason, depth_m, actor, valid_from, "
        "recorded_at, valid_until) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (closure.closure_id, closure.exercise_id, closure.source.value, closure.object_id, Jsonb(dict(closure.geometry)),
         closure.reason, closure.depth_m, closure.actor, closure.valid_from, now, closure.valid_until),
    )  # fmt: skip
    return done.rowcount == 1


def get_closure_for_update(conn: Connection, closure_id: str) -> Closure:
    """The closure, locked until the transaction ends. Raises LookupError for an unknown one."""
    row = conn.execute(f"SELECT {_COLUMNS} FROM road_closure WHERE closure_id = %s FOR UPDATE", (closure_id,)).fetchone()
    if row is None:
        raise LookupError(f"closure {closure_id} is not known: expected one that was made")
    return _closure(row)


def open_road(conn: Connection, closure_id: str, *, actor: str, reason: str | None, now: datetime) -> None:
    """Notes that a road may be driven again; one that is open already stays as it is."""
    conn.execute(
        "UPDATE road_closure SET opened_at = greatest(%(now)s, valid_from), open_recorded = %(now)s, opened_by = %(actor)s, "
        "open_reason = %(reason)s WHERE closure_id = %(closure)s AND opened_at IS NULL",
        {"now": now, "actor": actor, "reason": reason, "closure": closure_id},
    )


def end_causes(conn: Connection, causes: Sequence[tuple[ClosureSource, str]], *, actor: str, now: datetime) -> None:
    """Opens what these causes (source, object) closed, and lets them close it again another time."""
    for source, object_id in causes:
        conn.execute(
            "UPDATE road_closure SET cause_ended_at = %(now)s, open_recorded = coalesce(open_recorded, %(now)s), "
            "opened_by = coalesce(opened_by, %(actor)s), opened_at = coalesce(opened_at, greatest(%(now)s, valid_from)) "
            "WHERE source = %(source)s AND object_id = %(object)s AND exercise_id IS NULL AND cause_ended_at IS NULL",
            {"now": now, "actor": actor, "source": source.value, "object": object_id},
        )


def list_causes(conn: Connection) -> set[tuple[ClosureSource, str]]:
    """What closes a road now, or would if a person had not opened it: (source, object)."""
    rows = conn.execute(
        "SELECT source, object_id FROM road_closure WHERE cause_ended_at IS NULL AND source <> %s AND exercise_id IS NULL",
        (ClosureSource.DRAWN.value,),
    )
    return {(ClosureSource.of(row[0]), row[1]) for row in rows}


def list_closures(conn: Connection, moment: Moment, exercise_id: str | None = None) -> list[Closure]:
    """Roads closed at the moment, as known then, newest first."""
    rows = conn.execute(_CLOSED, {"at": moment.at, "known_at": moment.known_at, "exercise": exercise_id})
    return [_closure(row) for row in rows]


@dataclass(frozen=True, slots=True)
class WaterNow:
    """What a gauge says of the water on the road."""

    device_id: str
    lon: float
    lat: float
    depth_m: float
    measured_at: datetime


def list_water(conn: Connection, *, property_name: str, since: datetime) -> list[WaterNow]:
    """The newest usable depth of every gauge that has spoken since, by device."""
    return [WaterNow(*row) for row in conn.execute(_WATER, (property_name, since))]


def _closure(row: Sequence[Any]) -> Closure:
    geometry: Mapping[str, Any] = row[3]
    return Closure(row[0], ClosureSource.of(row[1]), row[2], geometry, row[4], row[5], row[6], row[7], row[8], row[9], row[10])


_CLOSED = f"""
SELECT {_COLUMNS} FROM road_closure
WHERE valid_from <= %(at)s AND recorded_at <= %(known_at)s AND (valid_until IS NULL OR valid_until > %(at)s)
  AND (opened_at IS NULL OR opened_at > %(at)s OR open_recorded > %(known_at)s) AND exercise_id IS NOT DISTINCT FROM %(exercise)s
ORDER BY valid_from DESC, closure_id
"""

_WATER = """
SELECT device_id, lon, lat, latest.value, latest.phenomenon_time
FROM latest JOIN datastream USING (datastream_id) JOIN device USING (device_id)
WHERE datastream.property = %s AND latest.phenomenon_time >= %s AND latest.quality IN (0, 3, 4)
  AND lon IS NOT NULL AND lat IS NOT NULL AND device.retired_at IS NULL
ORDER BY device_id
"""
