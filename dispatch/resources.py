"""Resources: what is there is noted, added, held for incidents and given back; each an audited act in one transaction.

A resource is locked before it is looked at, so that of two who want the last of it one is told what is left. What is used up
leaves the stock when the rest is given back.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dispatch.orders import locked_incident
from domain.incidents import check_open
from domain.moments import Moment
from domain.observations import FUTURE_TOLERANCE
from domain.refusals import Refused
from domain.resources import (
    MOST,
    Holding,
    Reservation,
    Resource,
    ResourceKind,
    ResourceStatus,
    check_reserve,
    is_lot,
)
from domain.rights import Action, Actor, Place
from storage import acts, incidents, resources
from storage.connection import Connection
from storage.places import place_of_incident, place_of_resource

_INSTANT = timedelta(microseconds=1)
NEVER = "none"
"""What is said of a lot that does not expire."""


def note(
    conn: Connection,
    resource_id: str,
    actor: Actor,
    now: datetime,
    *,
    reason: str,
    occupied: str | None = None,
    capacity: str | None = None,
    status: str | None = None,
    expires: str | None = None,
    exercise_id: str | None = None,
) -> Resource:
    """Notes what a resource is: how many of it are taken, how many there are, whether it can be used and until when. What is not
    said stays. A fact is noted whatever was promised: a shelter may be fuller than it should be."""
    said = {"occupied": occupied, "capacity": capacity, "status": status, "expires": expires}
    detail = {"reason": reason.strip(), **{name: value for name, value in said.items() if value is not None}}
    with acts.transaction(conn, actor, Action.SET_RESOURCE, resource_id, now, exercise_id=exercise_id) as deed:
        acts.begin(
            conn, actor, Action.SET_RESOURCE, resource_id, now, detail=detail, exercise_id=exercise_id,
            place=place_of_resource(conn, resource_id), deed=deed,
        )  # fmt: skip
        if not reason.strip():
            raise Refused("reason_missing", "须写明原因", "a reason is needed")
        before = locked_resource(conn, resource_id, now, exercise_id)
        after: dict[str, Any] = {
            "status": before.status if status is None else _status(status),
            "capacity": before.capacity if capacity is None else whole_number(capacity),
            "occupied": before.occupied if occupied is None else whole_number(occupied),
            "expires_on": before.expires_on if expires is None else read_expiry(expires),
        }
        if not any(said.values()):
            raise Refused(
                "nothing_to_change",
                f"没有写明 {resource_id} 的变化：应至少填写占用、总量、状态或有效期之一",
                f"nothing was said of {resource_id}: expected at least one of occupied, capacity, status, expires",
            )
        at = max(now, before.since + _INSTANT)
        resources.set_resource(conn, before, **after, actor=actor.name, now=at, exercise_id=exercise_id)
        deed.changed({name: getattr(before, name) for name in after}, after)
        return locked_resource(conn, resource_id, at, exercise_id)


def add(conn: Connection, holding: Holding, actor: Actor, now: datetime, *, reason: str, exercise_id: str | None = None) -> str:
    """Adds a resource that the layers do not know, under an id of its own, which is returned."""
    where = Place(holding.district_code, department=holding.department)
    with acts.transaction(conn, actor, Action.ADD_RESOURCE, holding.type, now, exercise_id=exercise_id) as deed:
        resource_id = f"{holding.type}-x{resources.next_number(conn)}"
        acts.begin(
            conn, actor, Action.ADD_RESOURCE, resource_id, now, detail={"reason": reason.strip()}, exercise_id=exercise_id,
            place=where, deed=deed,
        )  # fmt: skip
        if not reason.strip():
            raise Refused("reason_missing", "须写明原因", "a reason is needed")
        known = resources.find_type(conn, holding.type)
        if known is not None and known.kind != holding.kind:
            raise Refused(
                "type_of_other_kind",
                f"类型 {holding.type} 已用于{known.kind}：应另取类型名称",
                f"the type {holding.type} is used for the kind {known.kind}: expected another name for the type",
            )
        named = Holding(**{name: getattr(holding, name) for name in Holding.__slots__} | {"resource_id": resource_id})
        resources.create_resource(conn, named, actor=actor.name, now=now)
        deed.changed(None, {"capacity": holding.capacity, "expires_on": holding.expires_on})
        return resource_id


def reserve(
    conn: Connection,
    resource_id: str,
    incident_id: str,
    actor: Actor,
    now: datetime,
    *,
    amount: str,
    zone: ZoneInfo,
    words: str = "",
    exercise_id: str | None = None,
) -> Reservation:
    """Holds so much of a resource for an incident, and never more than is free."""
    name = f"{resource_id} → {incident_id}"
    with acts.transaction(conn, actor, Action.RESERVE_RESOURCE, name, now, exercise_id=exercise_id) as deed:
        detail = {"amount": amount[:20], **({"reason": words.strip()} if words.strip() else {})}
        place = Place(place_of_incident(conn, incident_id).district, department=place_of_resource(conn, resource_id).department)
        acts.begin(
            conn, actor, Action.RESERVE_RESOURCE, name, now, detail=detail, exercise_id=exercise_id, place=place, deed=deed
        )
        n = whole_number(amount, least=1)
        incident = locked_incident(conn, incident_id, now, exercise_id)
        check_open(incident, incidents.find_last_change(conn, incident_id) or incident.reported_at, zone=zone)
        resource = locked_resource(conn, resource_id, now, exercise_id)
        check_reserve(resource, n, now.astimezone(zone).date())
        held = hold(conn, resource, incident_id, n, actor, now, request_id=None, exercise_id=exercise_id)
        deed.changed({"reserved": resource.reserved}, {"reserved": resource.reserved + n, "reservation": held.reservation_id})
        return held


def release(
    conn: Connection,
    reservation_id: str,
    actor: Actor,
    now: datetime,
    *,
    used: str | None = None,
    words: str = "",
    exercise_id: str | None = None,
) -> Reservation:
    """Gives back what was held for an incident, without what was used up."""
    with acts.transaction(conn, actor, Action.RELEASE_RESOURCE, reservation_id, now, exercise_id=exercise_id) as deed:
        found = resources.find_reservation(conn, reservation_id)
        place = place_of_resource(conn, found.resource_id) if found else Place()
        detail = {"used": (used or "0")[:20], **({"reason": words.strip()} if words.strip() else {})}
        acts.begin(
            conn, actor, Action.RELEASE_RESOURCE, reservation_id, now, detail=detail, exercise_id=exercise_id, place=place,
            deed=deed,
        )  # fmt: skip
        if found is None or found.exercise_id != exercise_id:
            raise Refused(
                "reservation_unknown", f"没有预留 {reservation_id[:40]}", f"there is no reservation {reservation_id[:40]}"
            )  # fmt: skip
        n = whole_number(used or "0")
        resource = locked_resource(conn, found.resource_id, now, exercise_id)
        current = resources.find_reservation(conn, reservation_id) or found  # as it is now that nobody else can change it
        if current.released_at is not None:
            raise Refused(
                "released_before", f"预留 {reservation_id} 已释放", f"reservation {reservation_id} has been released before"
            )
        if current.request_id is not None:
            raise Refused(
                "held_by_request",
                f"预留 {reservation_id} 属于请求 {current.request_id}：请在该请求中释放",
                f"reservation {reservation_id} belongs to request {current.request_id}: release it there",
            )
        give_back(conn, resource, current, n, actor, now, exercise_id=exercise_id)
        deed.changed({"reserved": resource.reserved}, {"reserved": resource.reserved - current.amount, "used": n})
        return current


def hold(
    conn: Connection, resource: Resource, incident_id: str, amount: int, actor: Actor, now: datetime, *,
    request_id: str | None, exercise_id: str | None,
) -> Reservation:  # fmt: skip
    """Writes a reservation; the resource is locked and has so much free."""
    reservation = Reservation(
        f"v{resources.next_number(conn)}", resource.resource_id, incident_id, request_id, amount, 0, now, actor.name, None,
        exercise_id,
    )  # fmt: skip
    resources.create_reservation(conn, reservation)
    return reservation


def give_back(
    conn: Connection, resource: Resource, reservation: Reservation, used: int, actor: Actor, now: datetime, *,
    exercise_id: str | None,
) -> None:  # fmt: skip
    """Ends a reservation of a resource that is locked; what was used up leaves its stock. Raises Refused for more than was held,
    and for what cannot be used up."""
    most = reservation.amount if is_lot(resource.kind) else 0
    if used > most:
        raise Refused(
            "used_too_many",
            f"消耗 {used} {resource.unit_zh}，预留 {reservation.amount}：应不超过 {most}",
            f"{used} {resource.unit_en} are said to be used up of {reservation.amount} held: expected at most {most}",
        )
    at = max(now, reservation.reserved_at + _INSTANT)
    resources.release_reservation(conn, reservation.reservation_id, used=used, now=at)
    if used:
        resources.set_resource(
            conn, resource, status=resource.status, capacity=max(0, resource.capacity - used), occupied=resource.occupied,
            expires_on=resource.expires_on, actor=actor.name, now=max(at, resource.since + _INSTANT), exercise_id=exercise_id,
        )  # fmt: skip


def locked_resource(conn: Connection, resource_id: str, now: datetime, exercise_id: str | None) -> Resource:
    """The resource as it is, while nobody else can change it. Raises Refused for one that is not known."""
    resources.lock_resources(conn, [resource_id])
    found = resources.find_resource(conn, resource_id, Moment.live(now + FUTURE_TOLERANCE), exercise_id)
    if found is None:
        raise Refused("resource_unknown", f"没有资源 {resource_id[:40]}", f"there is no resource {resource_id[:40]}")
    return found


def whole_number(said: str, *, least: int = 0) -> int:
    """An amount. Raises Refused for what is none of ours."""
    if not (said.isascii() and said.isdigit() and len(said) <= 18 and least <= int(said) <= MOST):
        raise Refused(
            "no_amount",
            f"数量为“{said[:20]}”：应为 {least} 至 {MOST} 的整数",
            f"the amount is '{said[:20]}': expected a whole number from {least} to {MOST}",
        )
    return int(said)


def kind_of(said: str) -> ResourceKind:
    """The kind of a resource to add. Raises Refused."""
    known = ResourceKind.known(said)
    if known is None:
        raise Refused(
            "word_unknown",
            f"资源种类为“{said[:40]}”：应为 {'、'.join(ResourceKind)} 之一",
            f"the kind of resource is '{said[:40]}': expected one of {', '.join(ResourceKind)}",
        )
    return known


def _status(said: str) -> ResourceStatus:
    known = ResourceStatus.known(said)
    if known is None:
        raise Refused(
            "word_unknown",
            f"资源状态为“{said[:40]}”：应为 {'、'.join(ResourceStatus)} 之一",
            f"the status of the resource is '{said[:40]}': expected one of {', '.join(ResourceStatus)}",
        )
    return known


def read_expiry(said: str) -> date | None:
    """The last day on which a lot may be used; None for what does not expire. Raises Refused."""
    try:
        return None if said == NEVER else date.fromisoformat(said)
    except ValueError:
        raise Refused(
            "no_date",
            f"有效期为“{said[:20]}”：应为日期，如 2026-12-31，或 none（不过期）",
            f"the last day is '{said[:20]}': expected a date such as 2026-12-31, or none for what does not expire",
        ) from None
