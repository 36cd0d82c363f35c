"""Orders: a unit sent to an incident, or called back, each in one transaction with its audit entry and its command.

The unit is locked before anything is looked at, so that of two who send it at the same moment one waits and is then told what the
other did. Whatever is committed by then counts, also when its clock is ahead of the click's.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from domain.incidents import OPEN_STATES, Incident, IncidentState, ResponseLevel
from domain.moments import Moment
from domain.observations import FUTURE_TOLERANCE
from domain.orders import OPEN_ORDER_STATES, Order, OrderState, check_order
from domain.refusals import Refused
from domain.rights import Action, Actor, Role
from domain.units import Unit, UnitStatus
from iot.payloads import CancelCommand, DispatchCommand
from iot.topics import COMMAND, topic_of
from storage import acts, incidents, orders, outbox, units
from storage.connection import Connection
from storage.places import place_of_order, place_of_sending

BEFORE_ARRIVAL = (UnitStatus.DISPATCHED, UnitStatus.ENROUTE)
"""Statuses in which a unit on an order can still be called back from it."""
WAITING = (IncidentState.REPORTED, IncidentState.VERIFIED)
"""States of an incident that nobody has answered yet."""
_INSTANT = timedelta(microseconds=1)
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def issue(
    conn: Connection,
    incident_id: str,
    unit_id: str,
    actor: Actor,
    now: datetime,
    *,
    zone: ZoneInfo,
    order_expiry_s: float,
    exercise_id: str | None = None,
) -> Order:
    """Sends a unit to an incident. The order lapses when the unit has not answered after `order_expiry_s`.

    Raises Refused, audited, with the sentence to show; `zone` is for the times in it.
    """
    sent = f"{unit_id} → {incident_id}"
    with acts.transaction(conn, actor, Action.ISSUE_ORDER, sent, now, exercise_id=exercise_id) as deed:
        order_id = new_order_id(now, secrets.randbits(20))
        acts.begin(
            conn, actor, Action.ISSUE_ORDER, sent, now, detail={"order": order_id}, exercise_id=exercise_id,
            place=place_of_sending(conn, unit_id, incident_id), deed=deed,
        )  # fmt: skip
        unit = _locked_unit(conn, unit_id, now, exercise_id)
        incident = locked_incident(conn, incident_id, now, exercise_id)
        check_order(unit, incident, zone=zone)
        _check_free(conn, unit, zone, exercise_id)
        order = Order(order_id, incident_id, unit_id, OrderState.ISSUED, actor.name, now, exercise_id=exercise_id)
        expires_at = now + timedelta(seconds=order_expiry_s)
        orders.create_order(conn, order, expires_at=expires_at, now=now)
        _set_status(conn, unit, UnitStatus.DISPATCHED, order_id, now, exercise_id)
        is_first = incident.state in WAITING
        if is_first:
            incidents.set_state(
                conn, incident_id, IncidentState.RESPONDING, incident.grade, incident.response_level,
                valid_from=now, recorded_at=now, actor=actor.name,
            )  # fmt: skip
        command = DispatchCommand(
            id=order_id, ts=now, incident=incident_id, position=(incident.lon, incident.lat), expires=expires_at
        )
        _put(conn, unit, command, now, exercise_id)
        before = {"status": unit.status, "order": unit.order_id, "state": incident.state}
        state = IncidentState.RESPONDING if is_first else incident.state
        deed.changed(before, {"status": UnitStatus.DISPATCHED, "order": order_id, "state": state})
        return order


def cancel(
    conn: Connection,
    order_id: str,
    actor: Actor,
    now: datetime,
    *,
    zone: ZoneInfo,
    reason: str | None = None,
    exercise_id: str | None = None,
) -> Order:
    """Calls a unit back that has not arrived yet. Raises Refused, audited, with the sentence to show."""
    with acts.transaction(conn, actor, Action.CANCEL_ORDER, order_id, now, exercise_id=exercise_id) as deed:
        acts.begin(
            conn,
            actor,
            Action.CANCEL_ORDER,
            order_id,
            now,
            detail={"reason": reason} if reason else None,
            exercise_id=exercise_id,
            place=place_of_order(conn, order_id),
            deed=deed,
        )
        found = orders.find_order(conn, order_id)
        if found is None or found[0].exercise_id != exercise_id:
            raise Refused("order_unknown", f"没有任务 {order_id}", f"there is no order {order_id}")
        unit = _locked_unit(conn, found[0].unit_id, now, exercise_id)
        order, since = orders.find_order(conn, order_id) or found  # as it is now that nobody else can change it
        _check_cancel(order, since, unit, zone)
        at = max(now, since + _INSTANT)
        orders.set_state(conn, order_id, OrderState.CANCELLED, valid_from=at, recorded_at=at, detail=reason)
        release(conn, unit, order_id, at, exercise_id)
        call_back(conn, unit, order_id, now, exercise_id)
        leave_incident(conn, order.incident_id, at)
        deed.changed({"state": order.state, "status": unit.status}, {"state": OrderState.CANCELLED})
        return replace(order, state=OrderState.CANCELLED)


def release(conn: Connection, unit: Unit, order_id: str, now: datetime, exercise_id: str | None) -> None:
    """Makes a unit free of an order that has ended before it arrived; what the unit said of itself since is left alone."""
    if unit.order_id == order_id and unit.status in BEFORE_ARRIVAL:
        status = UnitStatus.AVAILABLE if unit.status is UnitStatus.DISPATCHED else UnitStatus.RETURNING
        _set_status(conn, unit, status, None, now, exercise_id)


def call_back(conn: Connection, unit: Unit, order_id: str, now: datetime, exercise_id: str | None) -> None:
    """Tells a unit to leave an order. A command to go that has not left yet is taken back; the call goes out all the same,
    because a command may have left without our knowing."""
    outbox.withdraw(conn, order_id)
    _put(conn, unit, CancelCommand(id=f"{order_id}-x", ts=now, order=order_id), now, exercise_id)


def leave_incident(conn: Connection, incident_id: str, now: datetime) -> None:
    """What becomes of an incident when an order to it has ended and no other is under way: one on which units have worked is
    closed, one that nobody has reached waits again as it did before it was answered."""
    # Locked before anything is looked at: of two orders that end at the same moment the later one sees that the other has.
    incident = incidents.get_incident_for_update(conn, incident_id, now + FUTURE_TOLERANCE)
    if incident.state not in OPEN_STATES or orders.has_open(conn, incident_id):
        return
    at = max(now, (incidents.find_last_change(conn, incident_id) or now) + _INSTANT)
    if orders.has_done(conn, incident_id):
        state, response_level = IncidentState.CLOSED, ResponseLevel.NONE
    elif incident.state is IncidentState.RESPONDING:
        state = state_before_response(step.state for step in incidents.list_steps(conn, incident_id, Moment.live(at)))
        response_level = incident.response_level
    else:
        return
    incidents.set_state(
        conn, incident_id, state, incident.grade, response_level, valid_from=at, recorded_at=at, actor=Role.SYSTEM.value
    )


def state_before_response(states: Iterable[IncidentState]) -> IncidentState:
    """What an incident with these states so far, oldest first, goes back to when nobody comes after all."""
    return [IncidentState.REPORTED, *(state for state in states if state in WAITING)][-1]


def new_order_id(now: datetime, luck: int) -> str:
    """An order id: sorted by time to the millisecond, in letters that are not mistaken for one another (Crockford's base 32);
    `luck` (20 bits) tells apart what happens in the same one."""
    number = int(now.timestamp() * 1000) << 20 | luck
    digits = [_CROCKFORD[number >> shift & 31] for shift in range(60, -1, -5)]
    return "o-" + "".join(digits)


def _locked_unit(conn: Connection, unit_id: str, now: datetime, exercise_id: str | None) -> Unit:
    try:
        return units.get_unit_for_update(conn, unit_id, now + FUTURE_TOLERANCE, exercise_id)
    except LookupError:
        raise Refused("unit_unknown", f"没有单位 {unit_id}", f"there is no unit {unit_id}") from None


def locked_incident(conn: Connection, incident_id: str, now: datetime, exercise_id: str | None) -> Incident:
    """The incident as it is, while nobody else can change it. Raises Refused for one that is not known in this exercise."""
    try:
        incident = incidents.get_incident_for_update(conn, incident_id, now + FUTURE_TOLERANCE)
    except LookupError:
        incident = None
    if incident is None or incident.exercise_id != exercise_id:
        raise Refused("incident_unknown", f"没有事件 {incident_id}", f"there is no incident {incident_id}")
    return incident


def _check_free(conn: Connection, unit: Unit, zone: ZoneInfo, exercise_id: str | None) -> None:
    """Raises Refused when the unit has an order that is not ended, whatever it says of itself."""
    held = orders.find_open_order(conn, unit.unit_id, exercise_id)
    if held is not None:
        order, clock = held[0], held[0].issued_at.astimezone(zone).strftime("%H:%M")
        raise Refused(
            "unit_busy",
            f"{unit.name_zh} 已派往 {order.incident_id}（任务 {order.order_id}，{clock} 起）",
            f"{unit.name_en} has been on its way to {order.incident_id} since {clock} (order {order.order_id})",
        )


def _check_cancel(order: Order, since: datetime, unit: Unit, zone: ZoneInfo) -> None:
    """Raises Refused when there is nothing to call back."""
    if order.state not in OPEN_ORDER_STATES:
        clock = since.astimezone(zone).strftime("%H:%M")
        raise Refused(
            "order_closed",
            f"任务 {order.order_id} {order.state.zh}（{clock} 起），不能撤销",
            f"order {order.order_id} has been {order.state.en} since {clock}: there is nothing to cancel",
        )
    if unit.order_id == order.order_id and unit.status not in BEFORE_ARRIVAL:
        clock = unit.status_since.astimezone(zone).strftime("%H:%M")
        raise Refused(
            "unit_arrived",
            f"{unit.name_zh} {unit.status.zh}（{clock} 起），不能撤销任务 {order.order_id}",
            f"{unit.name_en} has been {unit.status.en} since {clock}: order {order.order_id} cannot be cancelled",
        )


def _set_status(
    conn: Connection, unit: Unit, status: UnitStatus, order_id: str | None, now: datetime, exercise_id: str | None
) -> None:
    """Records a status that an order gives, as following what the unit said last."""
    at = max(now, unit.status_since + _INSTANT)
    units.set_status(conn, unit.unit_id, status, order_id=order_id, now=at, exercise_id=exercise_id)


def _put(conn: Connection, unit: Unit, command: Struct, now: datetime, exercise_id: str | None) -> None:
    outbox.put_command(conn, topic_of(unit.device_id, COMMAND), msgspec.to_builtins(command), now=now, exercise_id=exercise_id)
