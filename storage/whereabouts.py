"""Whereabouts: where calls and requests came from, how many came to which hall, and where a unit has been.

What the map asks of the past beyond what is live. Positions in WGS-84 degrees, longitude first; every question is bounded in
time by (since, moment.at] and in rows by `limit`, newest first. From: incident, request, hall_event, unit_position, device.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.moments import Moment
from storage.connection import Connection


@dataclass(frozen=True, slots=True)
class Point:
    """Something that happened at a place: a call to 110, 119 or 120, or a request of the hotline or a patrol."""

    lon: float
    lat: float
    time: datetime


@dataclass(frozen=True, slots=True)
class Request(Point):
    """A request with who took it (12345, grid) and what it is about; `due` where a time to answer was set."""

    request_id: str
    source: str
    request_class: str
    due: datetime | None


@dataclass(frozen=True, slots=True)
class TrackPoint(Point):
    """Where a unit was, and how fast (km/h) where it said so."""

    speed_kmh: float | None


@dataclass(frozen=True, slots=True)
class Post:
    """Where a device stands."""

    device_id: str
    lon: float
    lat: float


def list_calls(conn: Connection, moment: Moment, *, since: datetime, limit: int) -> list[Point]:
    """Incidents that were reported, open or not."""
    rows = conn.execute(
        "SELECT lon, lat, reported_at FROM incident WHERE reported_at > %s AND reported_at <= %s AND received_time <= %s "
        "AND exercise_id IS NULL ORDER BY reported_at DESC LIMIT %s",
        (since, moment.at, moment.known_at, limit),
    )
    return [Point(*row) for row in rows]


def list_requests(
    conn: Connection,
    moment: Moment,
    *,
    since: datetime,
    limit: int,
    bounds: tuple[float, float, float, float] = (-180, -90, 180, 90),
) -> list[Request]:
    """Requests with a place inside `bounds` (west, south, east, north)."""
    west, south, east, north = bounds
    rows = conn.execute(
        "SELECT lon, lat, phenomenon_time, request_id, source, request_class, due FROM request "
        "WHERE phenomenon_time > %s AND phenomenon_time <= %s AND received_time <= %s AND exercise_id IS NULL "
        "AND lon BETWEEN %s AND %s AND lat BETWEEN %s AND %s ORDER BY phenomenon_time DESC LIMIT %s",
        (since, moment.at, moment.known_at, west, east, south, north, limit),
    )
    return [Request(*row) for row in rows]


def count_tickets(conn: Connection, moment: Moment, *, since: datetime) -> dict[str, int]:
    """Tickets that were drawn, by hall."""
    rows = conn.execute(
        "SELECT hall_id, count(*) FROM hall_event WHERE phenomenon_time > %s AND phenomenon_time <= %s AND received_time <= %s "
        "AND event = 'arrive' GROUP BY hall_id ORDER BY hall_id",
        (since, moment.at, moment.known_at),
    )
    return {hall: int(n) for hall, n in rows}


def list_track(conn: Connection, moment: Moment, unit_id: str, *, since: datetime, step_s: int, limit: int) -> list[TrackPoint]:
    """Where a unit was: its first position in each `step_s` seconds."""
    rows = conn.execute(
        "SELECT DISTINCT ON (floor(extract(epoch FROM phenomenon_time) / %(step)s)) lon, lat, phenomenon_time, speed_kmh "
        "FROM unit_position WHERE unit_id = %(unit)s AND phenomenon_time > %(since)s AND phenomenon_time <= %(at)s "
        "AND received_time <= %(known_at)s "
        "ORDER BY floor(extract(epoch FROM phenomenon_time) / %(step)s) DESC, phenomenon_time LIMIT %(limit)s",
        {"step": step_s, "unit": unit_id, "since": since, "at": moment.at, "known_at": moment.known_at, "limit": limit},
    )
    return [TrackPoint(*row) for row in rows]


def list_posts(conn: Connection, type_name: str, moment: Moment) -> list[Post]:
    """Where the devices of a type stand, by id; without those that said no place."""
    rows = conn.execute(
        "SELECT device_id, lon, lat FROM device WHERE type_name = %s AND lon IS NOT NULL AND lat IS NOT NULL "
        "AND first_seen <= %s ORDER BY device_id",
        (type_name, moment.known_at),
    )
    return [Post(*row) for row in rows]
