"""Closing: incidents that end without a unit, by the word of a person, or by the policy when nobody acted on them in time.

An incident that units have worked on closes by itself when the last of them is free again (`dispatch.orders`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dispatch.orders import locked_incident
from domain.incidents import OPEN_STATES, Grade, Incident, IncidentState, ResponseLevel, check_step, is_led
from domain.moments import Moment
from domain.observations import FUTURE_TOLERANCE
from domain.refusals import Refused
from domain.rights import Action, Actor, Role
from storage import acts, commands, incidents, orders
from storage.connection import Connection
from storage.places import place_of_incident

ENDINGS = (IncidentState.CLOSED, IncidentState.FALSE_ALARM)
"""How an incident can be said to have ended: handled, or never one."""
DISPATCHER = Actor("dispatcher", Role.SYSTEM)
"""Who closes what nobody acted on."""
AT_ONCE = 200
"""Unattended incidents closed in one round; the next round takes the following ones."""
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Unattended:
    """The policy: incidents of `grades` that are still only reported `after_s` seconds later are closed; 0: never."""

    after_s: float
    grades: tuple[Grade, ...]


def close(
    conn: Connection,
    incident_id: str,
    actor: Actor,
    now: datetime,
    *,
    ending: str,
    reason: str,
    zone: ZoneInfo,
    exercise_id: str | None = None,
) -> IncidentState:
    """Ends an incident, `ending` being one of ENDINGS; the reason is kept in the audit.

    Raises Refused, audited, with the sentence to show; `zone` is for the times in it.
    """
    with acts.transaction(conn, actor, Action.CLOSE_INCIDENT, incident_id, now, exercise_id=exercise_id) as deed:
        detail = {"ending": ending, "reason": reason.strip()}
        acts.begin(
            conn, actor, Action.CLOSE_INCIDENT, incident_id, now, detail=detail, exercise_id=exercise_id,
            place=place_of_incident(conn, incident_id), deed=deed,
        )  # fmt: skip
        state = _ending(ending)
        if not reason.strip():
            raise Refused(
                "reason_missing", f"结束事件 {incident_id} 须写明原因", f"closing incident {incident_id} needs a reason"
            )
        incident = locked_incident(conn, incident_id, now, exercise_id)
        since = incidents.find_last_change(conn, incident_id) or incident.reported_at
        _check_close(incident, since, is_attended=orders.has_open(conn, incident_id), zone=zone)
        check_step(incident, state, since, zone=zone)
        _end(conn, incident, state, actor, max(now, since + _INSTANT))
        deed.changed({"state": incident.state}, {"state": state})
        return state


def close_unattended(conn: Connection, policy: Unattended, now: datetime) -> list[str]:
    """Closes what the policy says nobody acted on, each as an audited act of its own; returns the ids."""
    if not policy.after_s:
        return []
    waiting_since = now - timedelta(seconds=policy.after_s)
    detail = {"ending": IncidentState.CLOSED.value, "reason": "unattended", "after_s": policy.after_s}
    closed = []
    for incident_id in incidents.list_unattended(conn, waiting_since=waiting_since, grades=policy.grades, limit=AT_ONCE):
        with acts.transaction(conn, DISPATCHER, Action.CLOSE_INCIDENT, incident_id, now):
            incident = locked_incident(conn, incident_id, now, None)
            command = commands.find_command(conn, incident_id, Moment.live(now + FUTURE_TOLERANCE))
            if incident.state is IncidentState.REPORTED and not is_led(incident, command):  # nobody was quicker
                acts.begin(conn, DISPATCHER, Action.CLOSE_INCIDENT, incident_id, now, detail=detail)
                _end(conn, incident, IncidentState.CLOSED, DISPATCHER, now)
                closed.append(incident_id)
    return closed


def _end(conn: Connection, incident: Incident, state: IncidentState, actor: Actor, at: datetime) -> None:
    incidents.set_state(
        conn, incident.incident_id, state, incident.grade, ResponseLevel.NONE, valid_from=at, recorded_at=at, actor=actor.name
    )


def _ending(word: str) -> IncidentState:
    state = IncidentState.known(word)
    if state not in ENDINGS:
        known = [f"{ending.value} ({ending.en})" for ending in ENDINGS]
        raise Refused(
            "ending_unknown",
            f"结束方式为“{word}”：应为 {'、'.join(ending.value for ending in ENDINGS)} 之一",
            f"the ending is '{word}': expected one of {', '.join(known)}",
        )
    assert state is not None
    return state


def _check_close(incident: Incident, since: datetime, *, is_attended: bool, zone: ZoneInfo) -> None:
    """Raises Refused when the incident has ended, or a unit is on it."""
    clock = since.astimezone(zone).strftime("%H:%M")
    if incident.state not in OPEN_STATES:
        raise Refused(
            "incident_closed",
            f"事件 {incident.incident_id} {incident.state.zh}（{clock} 起），不能再次结束",
            f"incident {incident.incident_id} has been {incident.state.en} since {clock}: there is nothing to close",
        )
    if is_attended:
        raise Refused(
            "incident_attended",
            f"事件 {incident.incident_id} 尚有单位在处置：单位归队后自动结束，或先撤销派单",
            f"incident {incident.incident_id} still has units on it: it closes when they are free, or cancel their orders first",
        )
