"""Speeds: what traffic detectors measure, and the slowness of roads that was made of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from storage.connection import Connection


@dataclass(frozen=True, slots=True)
class LoopSpeed:
    """The newest usable speed of a detector, km/h."""

    device_id: str
    lon: float
    lat: float
    speed_kmh: float
    measured_at: datetime


@dataclass(frozen=True, slots=True)
class RoadSpeed:
    """The slowness of roads of a minute; `content` as `dispatch.planner.service` wrote it."""

    measured_at: datetime
    n_loops: int
    content: dict[str, Any]


def list_loop_speeds(conn: Connection, *, property_name: str, since: datetime) -> list[LoopSpeed]:
    """The newest usable speed of every detector that has spoken since, by device."""
    return [LoopSpeed(*row) for row in conn.execute(_SPEEDS, (property_name, since))]


def write_road_speed(conn: Connection, speed: RoadSpeed) -> None:
    """Stores the slowness of a minute; another one of the same minute replaces it."""
    conn.execute(
        "INSERT INTO road_speed (measured_at, n_loops, content) VALUES (%s, %s, %s) "
        "ON CONFLICT (measured_at) DO UPDATE SET n_loops = excluded.n_loops, content = excluded.content",
        (speed.measured_at, speed.n_loops, Jsonb(speed.content)),
    )


def find_road_speed(conn: Connection, at: datetime) -> RoadSpeed | None:
    """The newest slowness of the time or before it."""
    row = conn.execute(
        "SELECT measured_at, n_loops, content FROM road_speed WHERE measured_at <= %s ORDER BY measured_at DESC LIMIT 1", (at,)
    ).fetchone()
    return RoadSpeed(*row) if row is not None else None


def delete_road_speeds(conn: Connection, before: datetime) -> int:
    return conn.execute("DELETE FROM road_speed WHERE measured_at < %s", (before,)).rowcount


_SPEEDS = """
SELECT device_id, lon, lat, latest.value, latest.phenomenon_time
FROM latest JOIN datastream USING (datastream_id) JOIN device USING (device_id)
WHERE datastream.property = %s AND latest.phenomenon_time >= %s AND latest.quality IN (0, 3, 4)
  AND lon IS NOT NULL AND lat IS NOT NULL AND device.retired_at IS NULL
ORDER BY device_id
"""
