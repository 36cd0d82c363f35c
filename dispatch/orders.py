"""Orders: a unit sent to an incident, several at once, or called back, each in one transaction with its audit entry and its
command. What the planner said of the unit is kept with the order.

The unit is locked before anything is looked at, so that of two who send it at the same moment one waits and is then told what the
other did. Whatever is committed by then counts, also when its clock is ahead of the click's.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from domain.incidents import OPEN_STATES, Incident, IncidentState, ResponseLevel, is_led
from domain.moments import Moment
from domain.observations import FUTURE_TOLERANCE
from domain.orders import OPEN_ORDER_STATES, Order, OrderState, check_order
from domain.refusals import Refused
from domain.rights import Action, Actor, Role, require
from domain.units import Unit, UnitStatus
from iot.payloads import CancelCommand, DispatchCommand
from iot.topics import COMMAND, topic_of
from storage import acts, commands, incidents, orders, outbox, proposals, units
from storage.connection import Connection
from storage.orders import NOTHING_SAID, Promise
from storage.places import place_of_order, place_of_sending

BEFORE_ARRIVAL = (UnitStatus.DISPATCHED, UnitStatus.ENROUTE)
"""Statuses in which a unit on an order can still be called back from it."""
WAITING = (IncidentState.REPORTED, IncidentState.VERIFIED)
"""States of an incident that nobody has answered yet."""
MOST_AT_ONCE = 20
"""Units sent with one tap."""
LONGEST_NAMES = 400
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
    proposal: str | None = None,
    rank: int | None = None,
    reason: str | None = None,
    turns: bool = False,
) -> Order:
    """Sends a unit to an incident. The order lapses when the unit has not answered after `order_expiry_s`.

    `proposal` is the recommendation that was seen and `rank` the place of the unit in it; who sends another unit than a
    recommendation that still holds has to say a `reason`. `turns`: a unit that drives to another incident is called back from
    there. Raises Refused, audited, with the sentence to show; `zone` is for the times in it.
    """
    sent = f"{unit_id} → {incident_id}"
    with acts.transaction(conn, actor, Action.ISSUE_ORDER, sent, now, exercise_id=exercise_id) as deed:
        order_id = new_order_id(now, secrets.randbits(20))
        acts.begin(
            conn, actor, Action.ISSUE_ORDER, sent, now, detail={"order": order_id, **_told(proposal, reason)},
            exercise_id=exercise_id, place=place_of_sending(conn, unit_id, incident_id), deed=deed,
        )  # fmt: skip
        advice = advice_for(conn, incident_id, now, proposal, exercise_id)
        sending = _Sending(conn, actor, now, zone, order_expiry_s, exercise_id, advice, _words(reason))
        (order,) = sending.send({unit_id: order_id}, incident_id, turns=turns, rank=rank)
        deed.changed(sending.before[unit_id], sending.after[unit_id])
        return order


def issue_all(
    conn: Connection,
    incident_id: str,
    unit_ids: Sequence[str],
    actor: Actor,
    now: datetime,
    *,
    zone: ZoneInfo,
    order_expiry_s: float,
    exercise_id: str | None = None,
    proposal: str | None = None,
    reason: str | None = None,
) -> tuple[Order, ...]:
    """Sends several units to an incident, all of them or none, as `issue` does each. Raises Refused, audited, as soon as one of
    them may not be sent."""
    wanted = tuple(dict.fromkeys(unit_ids))
    sent = f"{', '.join(wanted)[:LONGEST_NAMES]} → {incident_id}"
    with acts.transaction(conn, actor, Action.ISSUE_ORDERS, sent, now, exercise_id=exercise_id) as deed:
        order_ids = {unit_id: new_order_id(now, secrets.randbits(20)) for unit_id in wanted}
        for unit_id in wanted:  # a grant may be bounded to the units of a department
            require(actor, Action.ISSUE_ORDERS, place_of_sending(conn, unit_id, incident_id))
        first = next(iter(wanted), "")
        acts.begin(
            conn, actor, Action.ISSUE_ORDERS, sent, now, detail={"orders": list(order_ids.values()), **_told(proposal, reason)},
            exercise_id=exercise_id, place=place_of_sending(conn, first, incident_id), deed=deed,
        )  # fmt: skip
        if not 1 <= len(wanted) <= MOST_AT_ONCE:
            raise Refused(
                "units_number",
                f"一次派出 {len(wanted)} 个单位：应为 1 至 {MOST_AT_ONCE} 个",
                f"{len(wanted)} units were to be sent at once: expected 1 to {MOST_AT_ONCE}",
            )
        advice = advice_for(conn, incident_id, now, proposal, exercise_id)
        sending = _Sending(conn, actor, now, zone, order_expiry_s, exercise_id, advice, _words(reason))
        made = sending.send(order_ids, incident_id)
        deed.changed(sending.before, sending.after)
        return made


@dataclass(frozen=True, slots=True)
class Advice:
    """What the planner says of an incident: the recommendation and its entry for it (None: it says nothing of it). It binds while
    it holds, and for a little while after."""

    recommendation_id: str
    issued_at: datetime
    is_binding: bool
    entry: Mapping[str, Any] | None

    @property
    def proposed(self) -> tuple[str, ...]:
        return tuple(p["unit"] for p in self.entry["proposals"]) if self.entry else ()

    def row(self, unit_id: str) -> Mapping[str, Any] | None:
        """What is said of a unit, proposed or only named."""
        rows = [*self.entry["proposals"], *self.entry["others"]] if self.entry else []
        return next((row for row in rows if row["unit"] == unit_id), None)

    def promise(self, unit_id: str, rank: int | None) -> Promise:
        said = self.row(unit_id)
        if said is None:
            return Promise(self.recommendation_id, rank)
        eta, lost = said["eta"], said.get("coverage")
        return Promise(
            self.recommendation_id, rank or said.get("rank"), eta["s"], eta["low_s"], eta["high_s"], eta["basis"],
            lost["before"] - lost["after"] if lost else None, lost["district"] if lost else None,
        )  # fmt: skip


def advice_for(
    conn: Connection, incident_id: str, now: datetime, proposal: str | None = None, exercise_id: str | None = None
) -> Advice | None:
    """What the newest recommendation says of an incident, or the one named, where that is known; None where there is none.

    It binds when the planner has said within its `binds_s` that it holds. One that was followed by another less than that ago
    still counts for who had it before their eyes.
    """
    moment = Moment.live(now)
    newest = proposals.find_entry(conn, incident_id, moment, exercise_id)
    if newest is None:
        return None
    binds = timedelta(seconds=newest.binds_s)
    held = max(newest.issued_at, proposals.find_held_until(conn, newest.recommendation_id) or newest.issued_at)
    made = newest
    if proposal is not None and proposal != newest.recommendation_id:
        seen = proposals.find_entry(conn, incident_id, moment, exercise_id, recommendation_id=proposal)
        superseded = proposals.find_superseded(conn, seen.issued_at, exercise_id) if seen is not None else None
        if seen is not None and superseded is not None and now - superseded <= binds:
            made = seen
    return Advice(made.recommendation_id, made.issued_at, now - held <= binds, made.said)


class _Sending:
    """Units on their way to one incident, in the transaction of an act. `before` and `after`: what each unit was and is."""

    def __init__(
        self, conn: Connection, actor: Actor, now: datetime, zone: ZoneInfo, order_expiry_s: float, exercise_id: str | None,
        advice: Advice | None, reason: str | None,
    ) -> None:  # fmt: skip
        self._conn, self._actor, self._now, self._zone, self._exercise_id = conn, actor, now, zone, exercise_id
        self._expires_at, self._advice, self._reason = now + timedelta(seconds=order_expiry_s), advice, reason
        self.before: dict[str, dict[str, Any]] = {}
        self.after: dict[str, dict[str, Any]] = {}

    def send(
        self, order_ids: Mapping[str, str], incident_id: str, *, turns: bool = False, rank: int | None = None
    ) -> tuple[Order, ...]:
        """One order for each unit. Units are locked first, then incidents, each in the order of their ids, so that nobody waits
        for somebody who waits for them."""
        conn, now = self._conn, self._now
        found = {unit_id: locked_unit(conn, unit_id, now, self._exercise_id) for unit_id in sorted(order_ids)}
        held = {unit_id: orders.find_open_order(conn, unit_id, self._exercise_id) for unit_id in found} if turns else {}
        left = {order.incident_id for order, _ in filter(None, held.values())} - {incident_id}
        for other in sorted(name for name in left if name < incident_id):
            locked_incident(conn, other, now, self._exercise_id)
        incident = locked_incident(conn, incident_id, now, self._exercise_id)
        for other in sorted(name for name in left if name > incident_id):
            locked_incident(conn, other, now, self._exercise_id)
        made = []
        for unit_id, order_id in order_ids.items():
            unit, bound = found[unit_id], held.get(unit_id)
            before = {"status": unit.status, "order": unit.order_id, "state": incident.state}
            if bound is not None and bound[0].incident_id != incident_id:
                unit = self._turned(unit, *bound, incident_id)
            check_order(unit, incident, zone=self._zone)
            _check_free(conn, unit, self._zone, self._exercise_id)
            self._check_reason(unit, incident_id)
            promise = self._advice.promise(unit_id, rank) if self._advice else NOTHING_SAID
            made.append(self._ordered(unit, order_id, incident, promise))
            state = IncidentState.RESPONDING if incident.state in WAITING else incident.state
            incident = replace(incident, state=state)
            self.before[unit_id] = before
            self.after[unit_id] = {"status": UnitStatus.DISPATCHED, "order": order_id, "state": state}
        return tuple(made)

    def _ordered(self, unit: Unit, order_id: str, incident: Incident, promise: Promise) -> Order:
        conn, now, incident_id = self._conn, self._now, incident.incident_id
        order = Order(
            order_id, incident_id, unit.unit_id, OrderState.ISSUED, self._actor.name, now, override_reason=self._reason,
            exercise_id=self._exercise_id,
        )  # fmt: skip
        orders.create_order(conn, order, expires_at=self._expires_at, now=now, promise=promise)
        _set_status(conn, unit, UnitStatus.DISPATCHED, order_id, now, self._exercise_id)
        if incident.state in WAITING:
            incidents.set_state(
                conn, incident_id, IncidentState.RESPONDING, incident.grade, incident.response_level,
                valid_from=now, recorded_at=now, actor=self._actor.name,
            )  # fmt: skip
        position = (incident.lon, incident.lat)
        command = DispatchCommand(id=order_id, ts=now, incident=incident_id, position=position, expires=self._expires_at)
        _put(conn, unit, command, now, self._exercise_id)
        return order

    def _turned(self, unit: Unit, order: Order, since: datetime, incident_id: str) -> Unit:
        """The unit, called back from the incident that it drives to. Raises Refused when it has arrived there."""
        conn = self._conn
        _check_cancel(order, since, unit, self._zone)
        at = max(self._now, since + _INSTANT)
        orders.set_state(
            conn, order.order_id, OrderState.CANCELLED, valid_from=at, recorded_at=at, detail=f"turned to {incident_id}"
        )
        release(conn, unit, order.order_id, at, self._exercise_id)
        call_back(conn, unit, order.order_id, self._now, self._exercise_id)
        leave_incident(conn, order.incident_id, at)
        return locked_unit(conn, unit.unit_id, at, self._exercise_id)

    def _check_reason(self, unit: Unit, incident_id: str) -> None:
        """Raises Refused for a unit that a recommendation which holds does not propose, when nobody says why it should go."""
        advice = self._advice
        if self._reason or advice is None or not advice.is_binding or advice.entry is None or unit.unit_id in advice.proposed:
            return
        clock = advice.issued_at.astimezone(self._zone).strftime("%H:%M")
        zh, en = "、".join(advice.proposed) or "无", ", ".join(advice.proposed) or "nobody"
        raise Refused(
            "reason_needed",
            f"{unit.name_zh} 不在 {clock} 对事件 {incident_id} 的派遣建议之中（建议：{zh}）：须写明改派理由",
            f"{unit.name_en} is not among the units proposed for {incident_id} at {clock} ({en}): say why it should go",
        )


def _words(reason: str | None) -> str | None:
    return (reason or "").strip() or None


def _told(proposal: str | None, reason: str | None) -> dict[str, str]:
    """What the audit keeps of what was asked beside unit and incident."""
    said = {"proposal": proposal, "reason": _words(reason)}
    return {name: words for name, words in said.items() if words}


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
        unit = locked_unit(conn, found[0].unit_id, now, exercise_id)
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
    closed unless people lead it, one that nobody has reached waits again as it did before it was answered."""
    # Locked before anything is looked at: of two orders that end at the same moment the later one sees that the other has.
    incident = incidents.get_incident_for_update(conn, incident_id, now + FUTURE_TOLERANCE)
    if incident.state not in OPEN_STATES or orders.has_open(conn, incident_id):
        return
    at = max(now, (incidents.find_last_change(conn, incident_id) or now) + _INSTANT)
    if orders.has_done(conn, incident_id):
        if is_led(incident, commands.find_command(conn, incident_id, Moment.live(now + FUTURE_TOLERANCE))):
            return
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


def locked_unit(conn: Connection, unit_id: str, now: datetime, exercise_id: str | None) -> Unit:
    """The unit as it is, while nobody else can change it. Raises Refused for one that is not known."""
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
