"""Requests: resources asked for on behalf of an incident, and every step of the answer; each an audited act in one transaction.

What is committed is reserved in the same transaction: from one resource that is named, or from those that have it, the nearest
first (`domain.resources.allocate`). What is released or cancelled is free again. The steps are those of EDXL-RM 1.0.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dispatch.orders import locked_incident
from dispatch.resources import give_back, hold, locked_resource, whole_number
from domain.incidents import Incident, check_open
from domain.moments import Moment
from domain.observations import FUTURE_TOLERANCE
from domain.refusals import Refused
from domain.resources import (
    HOLDING,
    RequestState,
    RequestStep,
    Resource,
    ResourceRequest,
    allocate,
    check_advance,
    check_reserve,
)
from domain.rights import Action, Actor, Place, require
from gis_data.surroundings import distance_m
from storage import acts, incidents, resources
from storage.connection import Connection
from storage.places import place_of_incident

LONGEST_NEED = timedelta(days=365)
"""How far ahead something may be needed until."""
_INSTANT = timedelta(microseconds=1)


def create(
    conn: Connection,
    incident_id: str,
    type_name: str,
    actor: Actor,
    now: datetime,
    *,
    amount: str,
    zone: ZoneInfo,
    department: str | None = None,
    until: datetime | None = None,
    words: str = "",
    is_sent: bool = False,
    exercise_id: str | None = None,
) -> ResourceRequest:
    """Asks for so many of a type for an incident, from a department or from whoever has it; a draft unless it is sent at once.
    Raises Refused, audited."""
    with acts.transaction(conn, actor, Action.CREATE_REQUEST, incident_id, now, exercise_id=exercise_id) as deed:
        request_id = f"q{resources.next_number(conn)}"
        detail = {"incident": incident_id, "type": type_name, "amount": amount[:20]}
        acts.begin(
            conn, actor, Action.CREATE_REQUEST, request_id, now, detail=detail, exercise_id=exercise_id,
            place=place_of_incident(conn, incident_id), deed=deed,
        )  # fmt: skip
        n = whole_number(amount, least=1)
        _open_incident(conn, incident_id, now, zone, exercise_id)
        if resources.find_type(conn, type_name) is None:
            raise Refused(
                "type_unknown",
                f"没有类型为“{type_name[:40]}”的资源：请从资源清单中选择类型",
                f"there is no resource of the type '{type_name[:40]}': choose one of the list of resources",
            )
        _check_until(until, now, zone)
        steps = [RequestStep(RequestState.DRAFT, now, actor.name, words.strip(), until)]
        if is_sent:
            steps.append(RequestStep(RequestState.REQUESTED, now + _INSTANT, actor.name, "", until))
        request = ResourceRequest(request_id, incident_id, type_name, n, department or None, now, tuple(steps), exercise_id)
        resources.create_request(conn, request)
        deed.changed(None, {"state": request.state, "type": type_name, "amount": n})
        return request


def advance(
    conn: Connection,
    request_id: str,
    actor: Actor,
    now: datetime,
    *,
    wanted: str,
    zone: ZoneInfo,
    words: str = "",
    resource_id: str | None = None,
    until: datetime | None = None,
    used: str | None = None,
    exercise_id: str | None = None,
) -> ResourceRequest:
    """Takes a request a step further. Raises Refused, audited, with the sentence to show."""
    with acts.transaction(conn, actor, Action.ADVANCE_REQUEST, request_id, now, exercise_id=exercise_id) as deed:
        moment = Moment.live(now + FUTURE_TOLERANCE)
        found = resources.find_request(conn, request_id, moment)
        place = Place(place_of_incident(conn, found.incident_id).district, department=found.department) if found else Place()
        detail = {"state": wanted[:40], **({"reason": words.strip()} if words.strip() else {})}
        acts.begin(
            conn, actor, Action.ADVANCE_REQUEST, request_id, now, detail=detail, exercise_id=exercise_id, place=place, deed=deed
        )
        if found is None or found.exercise_id != exercise_id:
            raise Refused("request_unknown", f"没有请求 {request_id[:40]}", f"there is no request {request_id[:40]}")
        state = _state(wanted)
        if state is RequestState.COMMITTED:  # incidents are locked before what is held for them
            incident = _open_incident(conn, found.incident_id, now, zone, exercise_id)
        request = resources.get_request_for_update(conn, request_id, moment) or found
        check_advance(request, state, zone=zone)
        if state is RequestState.EXTENDED:
            if until is None:
                raise Refused(
                    "until_missing", "延期须写明新的期限（until）", "extending needs the new end: expected the field until"
                )
            _check_until(until, now, zone)
        if state is RequestState.COMMITTED:
            taken = _commit(conn, request, incident, resource_id, actor, now, zone)
            deed.changed({"state": request.state}, {"state": state, "from": taken})
        elif request.state in HOLDING and state not in HOLDING:
            _free(conn, request, used, actor, now)
            deed.changed({"state": request.state}, {"state": state, "used": used})
        else:
            deed.changed({"state": request.state}, {"state": state})
        at = max(now, request.last.at + _INSTANT)
        step = RequestStep(state, at, actor.name, words.strip(), until or request.last.needed_until)
        resources.add_step(conn, request_id, step, recorded_at=at)
        return replace(request, steps=(*request.steps, step))


def _commit(
    conn: Connection, request: ResourceRequest, incident: Incident, resource_id: str | None, actor: Actor, now: datetime,
    zone: ZoneInfo,
) -> dict[str, int]:  # fmt: skip
    """Holds what was asked for; how much of which resource. Raises Refused when there is not enough."""
    today = now.astimezone(zone).date()
    if resource_id is not None:
        chosen = locked_resource(conn, resource_id, now, request.exercise_id)
        if chosen.type != request.type:
            raise Refused(
                "other_type",
                f"资源 {resource_id} 的类型为 {chosen.type}：应为 {request.type}",
                f"resource {resource_id} is of the type {chosen.type}: expected {request.type}",
            )
        require(
            actor,
            Action.ADVANCE_REQUEST,
            Place(place_of_incident(conn, request.incident_id).district, department=chosen.department),
        )
        check_reserve(chosen, request.amount, today)
        parts = [(chosen, request.amount)]
    else:
        resources.lock_type(conn, request.type)
        moment = Moment.live(now + FUTURE_TOLERANCE)
        of_type = resources.list_resources(conn, moment, request.exercise_id, type_name=request.type)
        near = [(r, distance_m(incident.lon, incident.lat, r.lon, r.lat)) for r in of_type if _is_of(r, request.department)]
        parts = allocate(near, request.amount, today)
        free = sum(n for _, n in parts)
        if free < request.amount:
            whose_zh, whose_en = (request.department, request.department) if request.department else ("全市", "the whole city")
            raise Refused(
                "not_enough",
                f"{whose_zh}可用 {free}，请求 {request.amount}：请减少数量、另择来源或谢绝",
                f"{whose_en} has {free} free and {request.amount} were asked for: ask for fewer, from others, or decline",
            )
    for resource, n in parts:
        hold(conn, resource, request.incident_id, n, actor, now, request_id=request.request_id, exercise_id=request.exercise_id)
    return {resource.resource_id: n for resource, n in parts}


def _is_of(resource: Resource, department: str | None) -> bool:
    return department is None or resource.department == department


def _free(conn: Connection, request: ResourceRequest, used: str | None, actor: Actor, now: datetime) -> None:
    """Gives back everything that is held for a request; what was used up is taken from one reservation after the other."""
    held = resources.list_reservations_of_request(conn, request.request_id)
    resources.lock_resources(conn, [reservation.resource_id for reservation in held])
    left = whole_number(used or "0")
    if left > (total := sum(reservation.amount for reservation in held)):
        raise Refused(
            "used_too_many",
            f"消耗 {left}，预留 {total}：应不超过预留数量",
            f"{left} are said to be used up of {total} held: expected no more",
        )
    for reservation in held:
        resource = locked_resource(conn, reservation.resource_id, now, request.exercise_id)
        part = min(left, reservation.amount)
        give_back(conn, resource, reservation, part, actor, now, exercise_id=request.exercise_id)
        left -= part


def _open_incident(conn: Connection, incident_id: str, now: datetime, zone: ZoneInfo, exercise_id: str | None) -> Incident:
    incident = locked_incident(conn, incident_id, now, exercise_id)
    check_open(incident, incidents.find_last_change(conn, incident_id) or incident.reported_at, zone=zone)
    return incident


def _check_until(until: datetime | None, now: datetime, zone: ZoneInfo) -> None:
    if until is not None and not now < until <= now + LONGEST_NEED:
        clock = until.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        raise Refused(
            "until_past",
            f"期限为 {clock}：应晚于当前时间，且在 {LONGEST_NEED.days} 天之内",
            f"the end is {clock}: expected a time to come, within {LONGEST_NEED.days} days",
        )


def _state(said: str) -> RequestState:
    known = RequestState.known(said)
    if known is None:
        raise Refused(
            "word_unknown",
            f"请求状态为“{said[:40]}”：应为 {'、'.join(RequestState)} 之一",
            f"the state of the request is '{said[:40]}': expected one of {', '.join(RequestState)}",
        )
    return known
