"""Incidents by people: taken down, made of reports, verified, graded, answered, commanded, drawn, merged; each an audited act.

Each act locks what it changes before it looks at it: units first, then incidents by id, as orders do. Raises Refused, audited,
with the sentence to show. `at` is when something happened, where somebody says so later; it is never before what is known last.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dispatch.orders import WAITING, locked_incident, state_before_response
from domain.incidents import (
    HAZARD_CLASSES,
    OPEN_STATES,
    Evidence,
    Grade,
    Incident,
    IncidentState,
    ReportChannel,
    ResponseLevel,
    SourceKind,
    check_open,
    check_step,
)
from domain.moments import Moment
from domain.observations import FUTURE_TOLERANCE
from domain.refusals import Refused
from domain.rights import Action, Actor, Place, require
from gis_data.drawing import as_geojson, read_shape
from storage import acts, commands, evidence, incidents, merges, orders
from storage.acts import Deed
from storage.connection import Connection
from storage.places import place_of_incident

DESK = "incident/centre/desk"
"""Where people of the centre take incidents down: behind the district, as the desks of 110, 119 and 120 have theirs."""
TOLD_LATE = timedelta(hours=24)
"""What happened longer ago is history, not an incident of today."""
REACHES_M = (10.0, 20_000.0)
_INSTANT = timedelta(microseconds=1)
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Call:
    """What somebody says has happened. Position in WGS-84; `crs_origin` is how it came; `district_code` None outside all."""

    hazard_class: str
    grade: str
    lon: float
    lat: float
    channel: str
    words: str = ""
    crs_origin: str = "EPSG:4326"
    district_code: str | None = None
    at: datetime | None = None


def report(
    conn: Connection, call: Call, actor: Actor, now: datetime, *, zone: ZoneInfo, exercise_id: str | None = None
) -> Incident:
    """Takes an incident down."""
    where = call.district_code or "-"
    with acts.transaction(conn, actor, Action.REPORT_INCIDENT, where, now, exercise_id=exercise_id) as deed:
        incident_id = _new_id(conn, now, zone)
        detail = {"hazard": call.hazard_class, "grade": call.grade, "channel": call.channel}
        acts.begin(
            conn, actor, Action.REPORT_INCIDENT, incident_id, now, detail=detail, exercise_id=exercise_id,
            place=Place(district=call.district_code), deed=deed,
        )  # fmt: skip
        return _take_down(conn, incident_id, call, actor, now, deed, exercise_id)


def promote(
    conn: Connection,
    kind: str,
    source_id: str,
    actor: Actor,
    now: datetime,
    *,
    call: Call | None,
    device_id: str | None = None,
    incident_id: str | None = None,
    zone: ZoneInfo,
    exercise_id: str | None = None,
) -> str:
    """Makes an incident of a request, a detection or a warning, as `call` tells of it; or, given `incident_id`, adds it to that
    one. Either way the incident and its evidence know each other. Returns the incident's id."""
    with acts.transaction(conn, actor, Action.PROMOTE_SOURCE, f"{kind}:{source_id}"[:200], now, exercise_id=exercise_id) as deed:
        require(actor, Action.PROMOTE_SOURCE)  # what is there is told to who may
        found = find_source(conn, kind, source_id, device_id, now, exercise_id)
        new_id = incident_id or _new_id(conn, now, zone)
        place = place_of_incident(conn, new_id) if call is None else Place(district=call.district_code)
        acts.begin(
            conn, actor, Action.PROMOTE_SOURCE, new_id, now, detail={"kind": found.kind, "source": found.source_id},
            exercise_id=exercise_id, place=place, deed=deed,
        )  # fmt: skip
        if call is not None:
            evidence.hold(conn, found)  # of two who make an incident of it at the same moment the second sees the first's
            _check_new_to_us(conn, found, now, exercise_id)
            _take_down(conn, new_id, call, actor, now, deed, exercise_id)
        else:
            incident = locked_incident(conn, new_id, now, exercise_id)
            check_open(incident, _since(conn, incident), zone=zone)
            deed.changed(None, {"source": found.source_id})
        if not evidence.link(conn, new_id, found.kind, found.source_id, found.device_id, actor=actor.name, now=now):
            raise Refused(
                "source_known",
                f"{found.kind.zh} {found.source_id} 已列为事件 {new_id} 的依据",
                f"{found.kind.en} {found.source_id} is evidence of incident {new_id} already",
            )
        return new_id


def find_source(
    conn: Connection, kind: str, source_id: str, device_id: str | None, now: datetime, exercise_id: str | None = None
) -> Evidence:
    """What a source says. Raises Refused for one that is not known, or not unique without its device."""
    known = SourceKind.known(kind)
    if known is None:
        raise _unknown_word("来源", "source", kind, tuple(SourceKind))
    found = evidence.find_evidence(conn, known, source_id, device_id, Moment.live(now + FUTURE_TOLERANCE), exercise_id)
    if len(found) > 1:
        raise Refused(
            "source_ambiguous",
            f"有 {len(found)} 个设备上报过{known.zh} {source_id[:40]}：请写明设备（device）",
            f"{len(found)} devices reported a {known.en} {source_id[:40]}: expected the field device to say which",
        )
    if not found:
        raise Refused(
            "source_unknown", f"没有{known.zh} {source_id[:40]}", f"there is no {known.en} {source_id[:40]}"
        )  # fmt: skip
    return found[0]


def verify(conn: Connection, incident_id: str, actor: Actor, now: datetime, **said: Any) -> IncidentState:
    """Says that it is so; an incident to which units are under way stays a responding one."""
    return _step(conn, Action.VERIFY_INCIDENT, IncidentState.VERIFIED, incident_id, actor, now, **said)


def control(conn: Connection, incident_id: str, actor: Actor, now: datetime, **said: Any) -> IncidentState:
    """Says that it gets no worse."""
    return _step(conn, Action.CONTROL_INCIDENT, IncidentState.CONTROLLED, incident_id, actor, now, **said)


def recover(conn: Connection, incident_id: str, actor: Actor, now: datetime, **said: Any) -> IncidentState:
    """Says that what is left is to make good."""
    return _step(conn, Action.RECOVER_INCIDENT, IncidentState.RECOVERING, incident_id, actor, now, **said)


def _step(
    conn: Connection, action: Action, wanted: IncidentState, incident_id: str, actor: Actor, now: datetime, *, zone: ZoneInfo,
    words: str = "", at: datetime | None = None, exercise_id: str | None = None,
) -> IncidentState:  # fmt: skip
    with _changing(conn, actor, action, incident_id, now, exercise_id=exercise_id) as (deed, incident, since):
        steps = incidents.list_steps(conn, incident_id, Moment.live(now + FUTURE_TOLERANCE))
        is_verified = any(step.state is IncidentState.VERIFIED for step in steps)
        check_step(incident, wanted, since, zone=zone, is_verified=is_verified)
        valid_from = _when(incident, at, since, now, zone)
        then = max(now, valid_from)
        _set(conn, incident, wanted, valid_from, then, actor)
        if incident.state is IncidentState.RESPONDING and wanted is IncidentState.VERIFIED:
            _set(conn, incident, IncidentState.RESPONDING, valid_from + _INSTANT, then + _INSTANT, actor)
        if words.strip():
            incidents.add_text(conn, incident_id, words.strip(), now)
        deed.changed({"state": incident.state}, {"state": wanted, "at": valid_from})
    return wanted


def grade(
    conn: Connection, incident_id: str, actor: Actor, now: datetime, *, wanted: str, reason: str, zone: ZoneInfo,
    exercise_id: str | None = None,
) -> Grade:  # fmt: skip
    """Says how grave it is."""
    detail = {"grade": wanted, "reason": reason.strip()}
    with _changing(conn, actor, Action.GRADE_INCIDENT, incident_id, now, detail=detail, exercise_id=exercise_id) as changing:
        deed, incident, since = changing
        known = _grade(wanted)
        _check_reason(reason)
        check_open(incident, since, zone=zone)
        if known is incident.grade:
            raise _as_it_is(f"事件 {incident_id} 已是{known.zh}", f"incident {incident_id} is {known.en} already")
        at = max(now, since + _INSTANT)
        incidents.set_state(
            conn, incident_id, incident.state, known, incident.response_level, valid_from=at, recorded_at=at, actor=actor.name
        )
        deed.changed({"grade": incident.grade}, {"grade": known})
    return known


def respond(
    conn: Connection, incident_id: str, actor: Actor, now: datetime, *, level: str, reason: str, zone: ZoneInfo,
    exercise_id: str | None = None,
) -> ResponseLevel:  # fmt: skip
    """Sets what is activated. The policy may ask for a second person, by the level."""
    detail = {"level": level, "reason": reason.strip()}
    with _changing(conn, actor, Action.SET_RESPONSE, incident_id, now, detail=detail, exercise_id=exercise_id) as changing:
        deed, incident, since = changing
        known = ResponseLevel.known(level)
        if known is None:
            raise _unknown_word("响应等级", "response level", level, tuple(ResponseLevel))
        _check_reason(reason)
        check_open(incident, since, zone=zone)
        if known is incident.response_level:
            raise _as_it_is(f"事件 {incident_id} 已是{known.zh}", f"the response to {incident_id} is {known.en} already")
        at = max(now, since + _INSTANT)
        incidents.set_state(
            conn, incident_id, incident.state, incident.grade, known, valid_from=at, recorded_at=at, actor=actor.name
        )
        deed.changed({"level": incident.response_level}, {"level": known})
    return known


def take_command(
    conn: Connection, incident_id: str, actor: Actor, now: datetime, *, zone: ZoneInfo, words: str = "",
    exercise_id: str | None = None,
) -> None:  # fmt: skip
    """Makes the actor the commander, whoever was."""
    with _changing(conn, actor, Action.TAKE_COMMAND, incident_id, now, exercise_id=exercise_id) as (deed, incident, since):
        check_open(incident, since, zone=zone)
        before = commands.find_command(conn, incident_id, Moment.live(now + FUTURE_TOLERANCE))
        if before is not None and before.commander == actor.name:
            clock = before.since.astimezone(zone).strftime("%H:%M")
            raise _as_it_is(
                f"事件 {incident_id} 自 {clock} 起已由 {actor.name} 指挥",
                f"{actor.name} has been commanding at {incident_id} since {clock}",
            )
        commands.take_command(conn, incident_id, actor.name, max(now, before.since + _INSTANT) if before else now)
        if words.strip():
            incidents.add_text(conn, incident_id, words.strip(), now)
        deed.changed({"commander": before.commander if before else None}, {"commander": actor.name})


def draw(
    conn: Connection, incident_id: str, actor: Actor, now: datetime, *, zone: ZoneInfo, shape: str | None = None,
    reach_m: str | None = None, crs: str | None = None, exercise_id: str | None = None,
) -> None:  # fmt: skip
    """Notes where it is, as GeoJSON in any coordinates we know; None takes back what was drawn."""
    with _changing(conn, actor, Action.DRAW_AREA, incident_id, now, exercise_id=exercise_id) as (deed, incident, since):
        check_open(incident, since, zone=zone)
        reach = None if reach_m is None else read_reach(reach_m)
        before = commands.find_area(conn, incident_id, Moment.live(now + FUTURE_TOLERANCE))
        if shape is None and before is None:
            raise _as_it_is(f"事件 {incident_id} 没有标绘的范围", f"incident {incident_id} has no area that was drawn")
        at = max(now, before.since + _INSTANT) if before else now
        geometry, origin = (None, "EPSG:4326") if shape is None else read_shape(shape, crs)
        drawn = None if geometry is None else as_geojson(geometry)
        commands.draw_area(conn, incident_id, drawn, reach_m=reach, crs_origin=str(origin), actor=actor.name, now=at)
        deed.changed({"shape": before.shape if before else None}, {"shape": drawn, "reach_m": reach})


def read_reach(said: str) -> float:
    """How far something reaches, in metres. Raises Refused."""
    low, high = REACHES_M
    try:
        reach = float(said)
    except ValueError:
        reach = -1.0
    if not low <= reach <= high:
        raise Refused(
            "reach_out_of_range",
            f"影响半径为“{said[:20]}”：应为 {low:g} 至 {high:g} 米",
            f"the reach is '{said[:20]}': expected {low:g} to {high:g} metres",
        )
    return reach


def merge(
    conn: Connection, incident_id: str, root_id: str, actor: Actor, now: datetime, *, zone: ZoneInfo, reason: str = "",
    exercise_id: str | None = None,
) -> int:  # fmt: skip
    """Makes an incident part of another. Its open orders go on and count for that one from now on, and what was part of it is so
    as well. Returns how many orders went over."""
    name = f"{incident_id} → {root_id}"
    with acts.transaction(conn, actor, Action.MERGE_INCIDENTS, name, now, exercise_id=exercise_id) as deed:
        _begin_merge(conn, Action.MERGE_INCIDENTS, name, (incident_id, root_id), actor, now, reason, exercise_id, deed)
        if incident_id == root_id:
            raise Refused(
                "merge_with_itself", "事件不能并入自身：请另选主事件", "an incident cannot be merged into itself: choose another"
            )
        child, root = _locked_pair(conn, incident_id, root_id, now, exercise_id)
        check_step(child, IncidentState.MERGED, _since(conn, child), zone=zone)
        if root.state is IncidentState.MERGED:
            into = merges.find_merge(conn, root_id, Moment.live(now + FUTURE_TOLERANCE))
            whose = into.root_id if into else root_id
            raise Refused(
                "root_merged",
                f"事件 {root_id} 已并入 {whose}：请并入 {whose}",
                f"incident {root_id} is part of {whose}: merge into {whose} instead",
            )
        check_open(root, _since(conn, root), zone=zone)
        at = max(now, _since(conn, child) + _INSTANT, _since(conn, root) + _INSTANT)
        for part in merges.list_merged(conn, incident_id, Moment.live(at)):
            merges.set_root(conn, part.incident_id, root_id, actor=actor.name, now=at)
        merges.set_root(conn, incident_id, root_id, actor=actor.name, now=at)
        incidents.set_state(
            conn, incident_id, IncidentState.MERGED, child.grade, ResponseLevel.NONE, valid_from=at, recorded_at=at,
            actor=actor.name,
        )  # fmt: skip
        moved = merges.move_orders(conn, incident_id, root_id)
        if moved and root.state in WAITING:
            _set(conn, root, IncidentState.RESPONDING, at, at, actor)
        deed.changed({"state": child.state}, {"state": IncidentState.MERGED, "root": root_id, "orders": moved})
    return moved


def unmerge(
    conn: Connection, incident_id: str, actor: Actor, now: datetime, *, zone: ZoneInfo, reason: str = "",
    exercise_id: str | None = None,
) -> int:  # fmt: skip
    """Lets an incident stand by itself again, as it stood before it was merged; the orders that were issued for it and are still
    open come back. Returns how many."""
    with acts.transaction(conn, actor, Action.UNMERGE_INCIDENT, incident_id, now, exercise_id=exercise_id) as deed:
        require(actor, Action.UNMERGE_INCIDENT)  # what it is part of is told to who may
        seen = merges.find_merge(conn, incident_id, Moment.live(now + FUTURE_TOLERANCE))
        both = (incident_id,) if seen is None else (incident_id, seen.root_id)
        _begin_merge(conn, Action.UNMERGE_INCIDENT, incident_id, both, actor, now, reason, exercise_id, deed)
        if seen is None:
            locked_incident(conn, incident_id, now, exercise_id)
            raise _as_it_is(f"事件 {incident_id} 未被并案", f"incident {incident_id} is not part of another")
        child, root = _locked_pair(conn, incident_id, seen.root_id, now, exercise_id)
        current = merges.find_merge(conn, incident_id, Moment.live(now + FUTURE_TOLERANCE))
        if current is None or current.root_id != seen.root_id:
            raise _as_it_is(f"事件 {incident_id} 的并案刚被他人更改", f"somebody has just changed what {incident_id} is part of")
        at = max(now, _since(conn, child) + _INSTANT, _since(conn, root) + _INSTANT)
        past = [s for s in incidents.list_steps(conn, incident_id, Moment.live(at)) if s.state in OPEN_STATES]
        returned = merges.return_orders(conn, incident_id, root.incident_id)
        state = past[-1].state
        if returned and state in WAITING:
            state = IncidentState.RESPONDING
        elif not returned and state is IncidentState.RESPONDING:
            state = state_before_response(step.state for step in past)
        merges.set_root(conn, incident_id, None, actor=actor.name, now=at)
        incidents.set_state(
            conn, incident_id, state, past[-1].grade, past[-1].response_level, valid_from=at, recorded_at=at, actor=actor.name
        )
        _leave(conn, root, at, actor)
        deed.changed({"state": child.state, "root": root.incident_id}, {"state": state, "orders": returned})
    return returned


def _leave(conn: Connection, root: Incident, at: datetime, actor: Actor) -> None:
    """A root from which the last unit went back to its own incident, and on which none has worked, waits again."""
    if root.state is IncidentState.RESPONDING and not orders.has_open(conn, root.incident_id):
        steps = incidents.list_steps(conn, root.incident_id, Moment.live(at))
        if not orders.has_done(conn, root.incident_id):
            _set(conn, root, state_before_response(step.state for step in steps), at, at, actor)


def _begin_merge(
    conn: Connection, action: Action, name: str, incident_ids: tuple[str, ...], actor: Actor, now: datetime, reason: str,
    exercise_id: str | None, deed: Deed,
) -> None:  # fmt: skip
    """Asks for the right at every place concerned."""
    for incident_id in incident_ids[1:]:
        require(actor, action, place_of_incident(conn, incident_id))
    acts.begin(
        conn, actor, action, name, now, detail={"reason": reason.strip()} if reason.strip() else None, exercise_id=exercise_id,
        place=place_of_incident(conn, incident_ids[0]), deed=deed,
    )  # fmt: skip


def _locked_pair(
    conn: Connection, incident_id: str, root_id: str, now: datetime, exercise_id: str | None
) -> tuple[Incident, Incident]:
    """Both incidents, locked with the units on them, so that no order comes or ends meanwhile."""
    for _ in range(_ATTEMPTS):
        if merges.lock_with_units(conn, (incident_id, root_id)):
            found = [locked_incident(conn, each, now, exercise_id) for each in (incident_id, root_id)]
            return found[0], found[1]
    raise Refused(
        "too_busy",
        f"事件 {incident_id} 与 {root_id} 正在连续派单：请稍后再试",
        f"orders to {incident_id} and {root_id} come one after the other: try again in a moment",
    )


@contextmanager
def _changing(
    conn: Connection, actor: Actor, action: Action, incident_id: str, now: datetime, *, detail: dict[str, Any] | None = None,
    exercise_id: str | None,
) -> Iterator[tuple[Deed, Incident, datetime]]:  # fmt: skip
    """The transaction of an act on one incident: the deed, the incident as it is, locked, and since when."""
    with acts.transaction(conn, actor, action, incident_id, now, exercise_id=exercise_id) as deed:
        acts.begin(
            conn, actor, action, incident_id, now, detail=detail, exercise_id=exercise_id,
            place=place_of_incident(conn, incident_id), deed=deed,
        )  # fmt: skip
        incident = locked_incident(conn, incident_id, now, exercise_id)
        yield deed, incident, _since(conn, incident)


def _take_down(
    conn: Connection, incident_id: str, call: Call, actor: Actor, now: datetime, deed: Deed, exercise_id: str | None
) -> Incident:
    if call.hazard_class not in HAZARD_CLASSES:
        raise _unknown_word("事件类别", "hazard", call.hazard_class, tuple(HAZARD_CLASSES))
    if ReportChannel.known(call.channel) is None:
        raise _unknown_word("渠道", "channel", call.channel, tuple(ReportChannel))
    at = call.at or now
    if not now - TOLD_LATE <= at <= now:
        raise Refused(
            "time_out_of_range",
            f"发生时间为 {at.astimezone(UTC):%Y-%m-%d %H:%M}（UTC）：应在过去 24 小时之内",
            f"it is said to have happened at {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC: expected a time within the last 24 hours",
        )
    incident = Incident(
        incident_id, call.hazard_class, _grade(call.grade), ResponseLevel.NONE, IncidentState.REPORTED, call.lon, call.lat,
        call.channel, at, exercise_id,
    )  # fmt: skip
    desk = f"{call.district_code}/{DESK}" if call.district_code else None
    incidents.create_incident(
        conn, incident, desk=desk, crs_origin=call.crs_origin, actor=actor.name, recorded_at=now
    )  # fmt: skip
    if call.words.strip():
        incidents.add_text(conn, incident_id, call.words.strip(), now)
    deed.changed(None, {"state": incident.state, "grade": incident.grade, "hazard": incident.hazard_class})
    return incident


def _new_id(conn: Connection, now: datetime, zone: ZoneInfo) -> str:
    """An id that can be said over the radio: the local day and a running number."""
    return f"p{now.astimezone(zone):%y%m%d}-{incidents.next_number(conn)}"


def _check_new_to_us(conn: Connection, found: Evidence, now: datetime, exercise_id: str | None) -> None:
    """Raises Refused when the source has become an incident that is still open."""
    moment = Moment.live(now + FUTURE_TOLERANCE)
    for incident_id in evidence.list_incidents_of(conn, found.kind, found.source_id, found.device_id, moment):
        incident = incidents.find_incident(conn, incident_id, moment)
        if incident is not None and incident.exercise_id == exercise_id and incident.state in OPEN_STATES:
            raise Refused(
                "source_known",
                f"{found.kind.zh} {found.source_id} 已转为事件 {incident_id}（{incident.state.zh}）：请在该事件中处置",
                f"{found.kind.en} {found.source_id} has become incident {incident_id}, which is {incident.state.en}: go on there",
            )


def _set(
    conn: Connection, incident: Incident, state: IncidentState, valid_from: datetime, recorded_at: datetime, actor: Actor
) -> None:
    incidents.set_state(
        conn, incident.incident_id, state, incident.grade, incident.response_level, valid_from=valid_from,
        recorded_at=recorded_at, actor=actor.name,
    )  # fmt: skip


def _since(conn: Connection, incident: Incident) -> datetime:
    return incidents.find_last_change(conn, incident.incident_id) or incident.reported_at


def _when(incident: Incident, at: datetime | None, since: datetime, now: datetime, zone: ZoneInfo) -> datetime:
    """When a step happened: as somebody says, otherwise now, and always after the step before. Raises Refused."""
    if at is None:
        return max(now, since + _INSTANT)
    if since < at <= now:
        return at
    clock, said = since.astimezone(zone).strftime("%m-%d %H:%M"), at.astimezone(zone).strftime("%m-%d %H:%M")
    raise Refused(
        "time_out_of_range",
        f"时间为 {said}：应在事件 {incident.incident_id} 上一变化（{clock}）之后、当前时间之前",
        f"the time is {said}: expected one after the last change of {incident.incident_id} ({clock}) and not in the future",
    )


def _grade(word: str) -> Grade:
    known = Grade.known(word)
    if known is None:
        raise _unknown_word("事件等级", "grade", word, tuple(Grade))
    return known


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise Refused("reason_missing", "须写明原因", "a reason is needed")


def _unknown_word(zh: str, en: str, word: str, known: tuple[str, ...]) -> Refused:
    return Refused(
        "word_unknown",
        f"{zh}为“{word[:40]}”：应为 {'、'.join(known)} 之一",
        f"the {en} is '{word[:40]}': expected one of {', '.join(known)}",
    )


def _as_it_is(zh: str, en: str) -> Refused:
    return Refused("nothing_to_change", zh, en)
