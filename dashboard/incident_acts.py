"""Acts on incidents, as screens and the open interface ask for them: texts in, an answer out. `dispatch.incidents` does them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

import dispatch.incidents
from dashboard.answers import Answer, Circumstances, Request, answered, listening, number, time
from dashboard.bodies import Field, id_of, payload, text
from dispatch.incidents import Call
from domain.incidents import HAZARD_CLASSES, IncidentState, ReportChannel, SourceKind
from domain.moments import Moment
from domain.refusals import Refused
from domain.rights import Action
from gis_data.drawing import read_point
from layouts.words import CATALOGUE
from storage import situations
from storage.connection import Connection

Act = Callable[[Connection, Request, Circumstances], Answer]


def _report(conn: Connection, request: Request, at: Circumstances) -> Answer:
    with listening(conn, Action.REPORT_INCIDENT, request["hazard"], at):
        call = _call(request, at)
    made = dispatch.incidents.report(conn, call, at.actor, at.now, zone=at.zone)
    return answered("done", "answer.incident_reported", made.incident_id, incident=made.incident_id)


def _call(request: Request, at: Circumstances) -> Call:
    """What somebody says has happened. Raises Refused."""
    lon, lat, origin = read_point(request["lon"], request["lat"], request.get("crs"))
    district = at.city.district_of(lon, lat) if at.city else None
    return Call(
        request["hazard"], request["grade"], lon, lat, request["channel"], request.get("words", ""), str(origin),
        district.code if district else None, time(request.get("at")),
    )  # fmt: skip


def _promote(conn: Connection, request: Request, at: Circumstances) -> Answer:
    """What the request leaves out is as the source says; of a situation its root, and all its warnings are evidence."""
    if request["kind"] == SITUATION:
        return _promote_situation(conn, request, at)
    incident_id = request.get("incident")
    with listening(conn, Action.PROMOTE_SOURCE, request["source"], at):
        call = None if incident_id else _call_of_source(conn, request, at)
    made = dispatch.incidents.promote(
        conn, request["kind"], request["source"], at.actor, at.now, call=call, device_id=request.get("device"),
        incident_id=incident_id, zone=at.zone,
    )  # fmt: skip
    key = "answer.source_linked" if incident_id else "answer.incident_reported"
    return answered("done", key, made, incident=made)


def _promote_situation(conn: Connection, request: Request, at: Circumstances) -> Answer:
    with listening(conn, Action.PROMOTE_SOURCE, request["source"], at):
        found = situations.find_situation(conn, number(request["source"]), Moment.live(at.now))
        if found is None or not found.is_open or found.exercise_id is not None:
            zh, en = (said.format(number=request["source"]) for said in CATALOGUE["answer.no_situation"])
            raise Refused("situation_unknown", zh, en)
    made = _promote(conn, {**request, "kind": SourceKind.WARNING.value, "source": found.root}, at)
    incident_id = made.object_id
    assert incident_id is not None, "what was promoted is an incident"
    for member in found.members:
        if member != found.root:
            with suppress(Refused):  # one that ended meanwhile, or is evidence already, holds up no other
                dispatch.incidents.promote(
                    conn, SourceKind.WARNING.value, member, at.actor, at.now, call=None, incident_id=incident_id, zone=at.zone
                )
    return made


SITUATION = "situation"
"""Beside the kinds of sources: what they were gathered into."""
_CHANNELS = {
    SourceKind.REQUEST: ReportChannel.HOTLINE,
    SourceKind.DETECTION: ReportChannel.SENSOR,
    SourceKind.WARNING: ReportChannel.WARNING,
}


def _call_of_source(conn: Connection, request: Request, at: Circumstances) -> Call:
    found = dispatch.incidents.find_source(conn, request["kind"], request["source"], request.get("device"), at.now)
    said = {**request, "channel": _CHANNELS[found.kind].value}
    if found.source_class in HAZARD_CLASSES:
        said.setdefault("hazard", found.source_class)
    if found.lon is not None and found.lat is not None and "lon" not in said and "lat" not in said:
        said |= {"lon": str(found.lon), "lat": str(found.lat), "crs": "EPSG:4326"}
    if missing := [name for name in ("hazard", "lon", "lat") if name not in said]:
        zh, en = (words.format(field=missing[0]) for words in CATALOGUE["answer.source_silent"])
        raise Refused("source_silent", zh, en)
    return _call(said, at)


_STEPS = {
    IncidentState.VERIFIED: (dispatch.incidents.verify, Action.VERIFY_INCIDENT),
    IncidentState.CONTROLLED: (dispatch.incidents.control, Action.CONTROL_INCIDENT),
    IncidentState.RECOVERING: (dispatch.incidents.recover, Action.RECOVER_INCIDENT),
}


def _step(conn: Connection, request: Request, at: Circumstances, *, wanted: IncidentState) -> Answer:
    """Said of the incident: it is verified, controlled, recovering."""
    incident_id, (act, action) = request["incident"], _STEPS[wanted]
    with listening(conn, action, incident_id, at):
        when = time(request.get("at"))
    act(conn, incident_id, at.actor, at.now, zone=at.zone, words=request.get("words", ""), at=when)
    zh, en = (
        sentence.format(incident=incident_id, state=wanted.label(lang))
        for sentence, lang in zip(CATALOGUE["answer.incident_stepped"], ("zh", "en"), strict=True)
    )
    return Answer("done", "incident_stepped", zh, en, incident_id)


def _grade(conn: Connection, request: Request, at: Circumstances) -> Answer:
    dispatch.incidents.grade(
        conn, request["incident"], at.actor, at.now, wanted=request["grade"], reason=request["reason"], zone=at.zone
    )  # fmt: skip
    return answered("done", "answer.incident_graded", request["incident"], incident=request["incident"], grade=request["grade"])


def _respond(conn: Connection, request: Request, at: Circumstances) -> Answer:
    level = dispatch.incidents.respond(
        conn, request["incident"], at.actor, at.now, level=request["level"], reason=request["reason"], zone=at.zone
    )  # fmt: skip
    zh, en = (
        sentence.format(incident=request["incident"], level=level.label(lang))
        for sentence, lang in zip(CATALOGUE["answer.response_set"], ("zh", "en"), strict=True)
    )
    return Answer("done", "response_set", zh, en, request["incident"])


def _take_command(conn: Connection, request: Request, at: Circumstances) -> Answer:
    dispatch.incidents.take_command(
        conn, request["incident"], at.actor, at.now, zone=at.zone, words=request.get("words", "")
    )  # fmt: skip
    return answered("done", "answer.command_taken", request["incident"], incident=request["incident"], actor=at.actor.name)


def _draw(conn: Connection, request: Request, at: Circumstances) -> Answer:
    dispatch.incidents.draw(
        conn, request["incident"], at.actor, at.now, zone=at.zone, shape=request.get("shape"), reach_m=request.get("reach_m"),
        crs=request.get("crs"),
    )  # fmt: skip
    key = "answer.area_drawn" if "shape" in request else "answer.area_taken_back"
    return answered("done", key, request["incident"], incident=request["incident"])


def _merge(conn: Connection, request: Request, at: Circumstances) -> Answer:
    moved = dispatch.incidents.merge(
        conn, request["incident"], request["root"], at.actor, at.now, zone=at.zone, reason=request.get("reason", "")
    )  # fmt: skip
    return answered("done", "answer.merged", request["root"], incident=request["incident"], root=request["root"], n=moved)


def _unmerge(conn: Connection, request: Request, at: Circumstances) -> Answer:
    returned = dispatch.incidents.unmerge(
        conn, request["incident"], at.actor, at.now, zone=at.zone, reason=request.get("reason", "")
    )  # fmt: skip
    return answered("done", "answer.unmerged", request["incident"], incident=request["incident"], n=returned)


_LATER = (text("words"), text("at"))
"""Somebody's words, and when it was if not now."""

INCIDENT_ACTS: Mapping[Action, tuple[tuple[Field, ...], Act]] = {
    Action.REPORT_INCIDENT: (
        (id_of("hazard"), id_of("grade"), id_of("lon"), id_of("lat"), id_of("channel"), text("crs"), *_LATER),
        _report,
    ),
    Action.PROMOTE_SOURCE: (
        (
            id_of("kind"), id_of("source"), text("device"), id_of("grade"), text("hazard"), text("lon"), text("lat"), text("crs"),
            text("incident"), *_LATER,
        ),
        _promote,
    ),
    Action.VERIFY_INCIDENT: ((id_of("incident"), *_LATER), partial(_step, wanted=IncidentState.VERIFIED)),
    Action.CONTROL_INCIDENT: ((id_of("incident"), *_LATER), partial(_step, wanted=IncidentState.CONTROLLED)),
    Action.RECOVER_INCIDENT: ((id_of("incident"), *_LATER), partial(_step, wanted=IncidentState.RECOVERING)),
    Action.GRADE_INCIDENT: ((id_of("incident"), id_of("grade"), text("reason", is_required=True)), _grade),
    Action.SET_RESPONSE: ((id_of("incident"), id_of("level"), text("reason", is_required=True)), _respond),
    Action.TAKE_COMMAND: ((id_of("incident"), text("words")), _take_command),
    Action.DRAW_AREA: ((id_of("incident"), payload("shape"), text("reach_m"), text("crs")), _draw),
    Action.MERGE_INCIDENTS: ((id_of("incident"), id_of("root"), text("reason")), _merge),
    Action.UNMERGE_INCIDENT: ((id_of("incident"), text("reason")), _unmerge),
}  # fmt: skip
"""Action → what its request may say, and who does it: rows of `dashboard.acts`."""
