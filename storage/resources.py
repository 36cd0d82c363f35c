"""Resources: what there is, how much of it is taken, what is held for incidents, and the requests for it. From: resource*."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import TupleRow

from domain.moments import Moment
from domain.resources import (
    Holding,
    RequestState,
    RequestStep,
    Reservation,
    Resource,
    ResourceRequest,
    ResourceStatus,
)
from storage.connection import Connection


def seed_resources(conn: Connection, holdings: Sequence[Holding], now: datetime) -> int:
    """Stores what the city's layers tell of and the database has never heard of; what is known stays as it is, whoever changed
    it. Returns how many were new."""
    if not holdings:
        return 0
    with conn.transaction():
        return sum(create_resource(conn, holding, actor=None, now=now) for holding in holdings)


def create_resource(conn: Connection, h: Holding, *, actor: str | None, now: datetime) -> bool:
    """Stores a resource with its first state; False, and nothing changed, for an id that is known."""
    row = conn.execute(
        "INSERT INTO resource (resource_id, kind, type, name_zh, name_en, unit_zh, unit_en, department, district_code, site_id, "
        "site_zh, site_en, lon, lat, crs_origin, added_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING 1",
        (h.resource_id, h.kind.value, h.type, h.name_zh, h.name_en, h.unit_zh, h.unit_en, h.department, h.district_code,
         h.site_id, h.site_zh, h.site_en, h.lon, h.lat, h.crs_origin, now),
    ).fetchone()  # fmt: skip
    if row is None:
        return False
    _set(conn, h.resource_id, ResourceStatus.READY, h.capacity, h.occupied, h.expires_on, actor, now, None)
    return True


def next_number(conn: Connection) -> int:
    """The running number of a resource, a request or a reservation that a person makes."""
    row = conn.execute("SELECT nextval('request_number')").fetchone()
    assert row is not None
    return int(row[0])


def lock_resources(conn: Connection, resource_ids: Sequence[str]) -> None:
    """Locks resources, in one order for everybody, until the transaction ends."""
    conn.execute("SELECT FROM resource WHERE resource_id = ANY(%s) ORDER BY resource_id FOR UPDATE", (sorted(set(resource_ids)),))


def lock_type(conn: Connection, type_name: str) -> None:
    """Locks all resources of a type, in the same order."""
    conn.execute("SELECT FROM resource WHERE type = %s ORDER BY resource_id FOR UPDATE", (type_name,))


def find_resource(conn: Connection, resource_id: str, moment: Moment, exercise_id: str | None = None) -> Resource | None:
    """The resource as known at the moment; None for one that was not known then."""
    found = _select(conn, moment, exercise_id, "AND resource.resource_id = %(resource)s", {"resource": resource_id})
    return found[0] if found else None


def list_resources(
    conn: Connection,
    moment: Moment,
    exercise_id: str | None = None,
    *,
    kind: str | None = None,
    type_name: str | None = None,
    resource_ids: Sequence[str] | None = None,
) -> list[Resource]:
    """Resources as known at the moment, by id; all, or of a kind or a type, or those named."""
    condition = (
        "AND (%(kind)s::text IS NULL OR kind = %(kind)s) AND (%(type)s::text IS NULL OR type = %(type)s) "
        "AND (%(ids)s::text[] IS NULL OR resource.resource_id = ANY(%(ids)s))"
    )
    ids = None if resource_ids is None else list(resource_ids)
    return _select(conn, moment, exercise_id, condition, {"kind": kind, "type": type_name, "ids": ids})


def set_resource(
    conn: Connection,
    resource: Resource,
    *,
    status: ResourceStatus,
    capacity: int,
    occupied: int | None,
    expires_on: date | None,
    actor: str,
    now: datetime,
    exercise_id: str | None = None,
) -> None:
    """Records what a resource is from `now` on; the resource must be locked."""
    _set(conn, resource.resource_id, status, capacity, occupied, expires_on, actor, now, exercise_id)


def _set(
    conn: Connection, resource_id: str, status: ResourceStatus, capacity: int, occupied: int | None, expires_on: date | None,
    actor: str | None, now: datetime, exercise_id: str | None,
) -> None:  # fmt: skip
    conn.execute(
        "INSERT INTO resource_history "
        "(resource_id, exercise_id, valid_from, recorded_at, status, capacity, occupied, expires_on, actor) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (resource_id, exercise_id, now, now, status.value, capacity, occupied, expires_on, actor),
    )


@dataclass(frozen=True, slots=True)
class ResourceStep:
    """What a resource was from a time on, known since another; `actor` is None for the city's layers."""

    valid_from: datetime
    recorded_at: datetime
    status: ResourceStatus
    capacity: int
    occupied: int | None
    expires_on: date | None
    actor: str | None


def list_steps(conn: Connection, resource_id: str, moment: Moment, exercise_id: str | None = None) -> list[ResourceStep]:
    """Every state of a resource known at the moment, oldest first."""
    rows = conn.execute(
        "SELECT valid_from, recorded_at, status, capacity, occupied, expires_on, actor FROM resource_history "
        "WHERE resource_id = %s AND valid_from <= %s AND recorded_at <= %s AND (exercise_id IS NULL OR exercise_id = %s) "
        "ORDER BY valid_from, recorded_at",
        (resource_id, moment.at, moment.known_at, exercise_id),
    )
    return [ResourceStep(row[0], row[1], ResourceStatus.of(row[2]), *row[3:]) for row in rows]


def create_reservation(conn: Connection, reservation: Reservation) -> None:
    """Holds a part of a resource, which must be locked, for an incident."""
    r = reservation
    conn.execute(
        "INSERT INTO resource_reservation "
        "(reservation_id, exercise_id, resource_id, incident_id, request_id, amount, reserved_at, actor) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (r.reservation_id, r.exercise_id, r.resource_id, r.incident_id, r.request_id, r.amount, r.reserved_at, r.actor),
    )


def release_reservation(conn: Connection, reservation_id: str, *, used: int, now: datetime) -> None:
    """Ends a reservation, of which so many were used up."""
    conn.execute(
        "UPDATE resource_reservation SET released_at = %s, used = %s WHERE reservation_id = %s AND released_at IS NULL",
        (now, used, reservation_id),
    )


def find_reservation(conn: Connection, reservation_id: str) -> Reservation | None:
    """The reservation as it is, open or not."""
    row = conn.execute(f"{_RESERVATIONS} WHERE reservation_id = %s", (reservation_id,)).fetchone()
    return _reservation(row) if row is not None else None


def list_reservations(
    conn: Connection,
    moment: Moment,
    exercise_id: str | None = None,
    *,
    incident_ids: Sequence[str] | None = None,
    with_released: bool = False,
) -> list[Reservation]:
    """Reservations at the moment, oldest first: all, or those of incidents; those that were released when asked for."""
    rows = conn.execute(
        f"{_RESERVATIONS} WHERE reserved_at <= %(at)s AND exercise_id IS NOT DISTINCT FROM %(exercise)s "
        "AND (%(all)s OR released_at IS NULL OR released_at > %(at)s) "
        "AND (%(incidents)s::text[] IS NULL OR incident_id = ANY(%(incidents)s)) ORDER BY reserved_at, reservation_id",
        {"at": moment.at, "exercise": exercise_id, "all": with_released,
         "incidents": None if incident_ids is None else list(incident_ids)},
    )  # fmt: skip
    return [_as_of(_reservation(row), moment) for row in rows]


def list_reservations_of_request(conn: Connection, request_id: str) -> list[Reservation]:
    """What is held for a request now, by resource."""
    rows = conn.execute(
        f"{_RESERVATIONS} WHERE request_id = %s AND released_at IS NULL ORDER BY resource_id, reservation_id", (request_id,)
    )
    return [_reservation(row) for row in rows]


def create_request(conn: Connection, request: ResourceRequest) -> None:
    """Stores a new request with its steps."""
    r = request
    conn.execute(
        "INSERT INTO resource_request (request_id, exercise_id, incident_id, type, amount, department, created_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (r.request_id, r.exercise_id, r.incident_id, r.type, r.amount, r.department, r.created_at),
    )
    for step in r.steps:
        add_step(conn, r.request_id, step, recorded_at=r.created_at)


def add_step(conn: Connection, request_id: str, step: RequestStep, *, recorded_at: datetime) -> None:
    """Records what a request has become."""
    conn.execute(
        "INSERT INTO resource_request_history (request_id, valid_from, recorded_at, state, needed_until, actor, words) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (request_id, step.at, recorded_at, step.state.value, step.needed_until, step.actor, step.words),
    )


def get_request_for_update(conn: Connection, request_id: str, moment: Moment) -> ResourceRequest | None:
    """The request as known at the moment, locked until the transaction ends; None for one that is not known."""
    if conn.execute("SELECT FROM resource_request WHERE request_id = %s FOR UPDATE", (request_id,)).fetchone() is None:
        return None
    return find_request(conn, request_id, moment)


def find_request(conn: Connection, request_id: str, moment: Moment) -> ResourceRequest | None:
    """The request as known at the moment; None for one that was not known then."""
    found = _requests(conn, moment, "request_id = %(request)s", {"request": request_id})
    return found[0] if found else None


def list_requests(
    conn: Connection,
    moment: Moment,
    exercise_id: str | None = None,
    *,
    incident_ids: Sequence[str] | None = None,
    states: Collection[RequestState] | None = None,
    limit: int = 500,
) -> list[ResourceRequest]:
    """Requests made by the moment, newest first; all, or those for incidents, or those in some states."""
    condition = (
        "exercise_id IS NOT DISTINCT FROM %(exercise)s AND (%(incidents)s::text[] IS NULL OR incident_id = ANY(%(incidents)s)) "
        "AND (%(states)s::text[] IS NULL OR (SELECT state FROM resource_request_history h "
        "WHERE h.request_id = resource_request.request_id AND valid_from <= %(at)s AND recorded_at <= %(known_at)s "
        "ORDER BY valid_from DESC, recorded_at DESC LIMIT 1) = ANY(%(states)s))"
    )
    said = {
        "exercise": exercise_id, "incidents": None if incident_ids is None else list(incident_ids),
        "states": None if states is None else [state.value for state in states], "limit": limit,
    }  # fmt: skip
    return _requests(conn, moment, condition, said)


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A type of resource in one name: that of its lots, or none for places, which have names of their own."""

    kind: str
    type: str
    name_zh: str
    name_en: str
    unit_zh: str
    unit_en: str


def list_samples(conn: Connection, type_names: Collection[str]) -> list[str]:
    """The id of the first resource of each of these types that there is."""
    rows = conn.execute(
        "SELECT min(resource_id) FROM resource WHERE type = ANY(%s) GROUP BY type ORDER BY 1", (sorted(type_names),)
    )
    return [row[0] for row in rows]


def find_type(conn: Connection, type_name: str) -> ResourceType | None:
    """The type as the first of its resources tells of it; None where there is none."""
    row = conn.execute(
        "SELECT kind, type, name_zh, name_en, unit_zh, unit_en FROM resource WHERE type = %s ORDER BY resource_id LIMIT 1",
        (type_name,),
    ).fetchone()
    return ResourceType(*row) if row is not None else None


def _requests(conn: Connection, moment: Moment, condition: str, parameters: dict[str, Any]) -> list[ResourceRequest]:
    said = {"limit": None, **parameters, "at": moment.at, "known_at": moment.known_at}
    rows = conn.execute(
        "SELECT request_id, incident_id, type, amount, department, created_at, exercise_id FROM resource_request "
        f"WHERE created_at <= %(at)s AND {condition} ORDER BY created_at DESC, request_id LIMIT %(limit)s",
        said,
    ).fetchall()
    steps: dict[str, list[RequestStep]] = {}
    history = conn.execute(
        "SELECT request_id, state, valid_from, actor, words, needed_until FROM resource_request_history "
        "WHERE request_id = ANY(%s) AND valid_from <= %s AND recorded_at <= %s ORDER BY valid_from, recorded_at",
        ([row[0] for row in rows], moment.at, moment.known_at),
    )
    for request_id, state, at, actor, words, until in history:
        steps.setdefault(request_id, []).append(RequestStep(RequestState.of(state), at, actor, words, until))
    return [
        ResourceRequest(row[0], row[1], row[2], row[3], row[4], row[5], tuple(steps[row[0]]), row[6])
        for row in rows
        if row[0] in steps
    ]


def _select(
    conn: Connection, moment: Moment, exercise_id: str | None, condition: str, parameters: dict[str, Any]
) -> list[Resource]:
    said = {**parameters, "at": moment.at, "known_at": moment.known_at, "exercise": exercise_id}
    newest = _NEWEST if exercise_id is None else _NEWEST_IN_EXERCISE
    return [_resource(row) for row in conn.execute(_RESOURCES.format(condition=condition, newest=newest), said)]


def _resource(row: TupleRow) -> Resource:
    return Resource(*row[:14], *(ResourceStatus.of(row[14]), *row[15:]))


def _reservation(row: TupleRow) -> Reservation:
    return Reservation(*row)


def _as_of(r: Reservation, moment: Moment) -> Reservation:
    """Without the release that came after the moment."""
    if r.released_at is None or r.released_at <= moment.at:
        return r
    return Reservation(
        r.reservation_id, r.resource_id, r.incident_id, r.request_id, r.amount, 0, r.reserved_at, r.actor, None, r.exercise_id
    )


_RESERVATIONS = """
SELECT reservation_id, resource_id, incident_id, request_id, amount, used, reserved_at, actor, released_at, exercise_id
FROM resource_reservation
"""

_NEWEST = """exercise_id IS NULL
    ORDER BY valid_from DESC, recorded_at DESC LIMIT 1"""

# In an exercise, what was changed there stands before what really is; what is held there is held from nobody else.
_NEWEST_IN_EXERCISE = """(exercise_id IS NULL OR exercise_id = %(exercise)s)
    ORDER BY exercise_id IS NULL, valid_from DESC, recorded_at DESC LIMIT 1"""

_RESOURCES = """
SELECT resource.resource_id, kind, type, name_zh, name_en, unit_zh, unit_en, department, district_code, site_id, site_zh, site_en,
       lon, lat, state.status, state.capacity, state.occupied, state.expires_on, coalesce(held.amount, 0), state.valid_from,
       state.recorded_at, state.actor
FROM resource
JOIN LATERAL (
    SELECT status, capacity, occupied, expires_on, valid_from, recorded_at, actor FROM resource_history
    WHERE resource_history.resource_id = resource.resource_id AND valid_from <= %(at)s AND recorded_at <= %(known_at)s
      AND {newest}
) state ON true
LEFT JOIN (
    SELECT resource_id, sum(amount)::bigint AS amount FROM resource_reservation
    WHERE reserved_at <= %(at)s AND (released_at IS NULL OR released_at > %(at)s)
      AND exercise_id IS NOT DISTINCT FROM %(exercise)s
    GROUP BY resource_id
) held USING (resource_id)
WHERE true {condition}
ORDER BY resource.resource_id
"""
