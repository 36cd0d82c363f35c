"""Acts on resources and requests for them, as screens and the open interface ask for them: texts in, an answer out.
`dispatch.resources` and `dispatch.requests` do them."""

from __future__ import annotations

from collections.abc import Mapping

import dispatch.requests
import dispatch.resources
from dashboard.answers import Answer, Circumstances, Request, answered, listening, time
from dashboard.bodies import Field, id_of, text
from dashboard.incident_acts import Act
from domain.resources import Holding, ResourceKind
from domain.rights import Action
from gis_data.drawing import read_point
from layouts.words import CATALOGUE
from storage.connection import Connection


def _set(conn: Connection, request: Request, at: Circumstances) -> Answer:
    dispatch.resources.note(
        conn, request["resource"], at.actor, at.now, reason=request["reason"], occupied=request.get("occupied"),
        capacity=request.get("capacity"), status=request.get("status"), expires=request.get("expires"),
    )  # fmt: skip
    return answered("done", "answer.resource_noted", request["resource"], resource=request["resource"])


def _add(conn: Connection, request: Request, at: Circumstances) -> Answer:
    with listening(conn, Action.ADD_RESOURCE, request["type"], at):
        holding = _holding(request, at)
    added = dispatch.resources.add(conn, holding, at.actor, at.now, reason=request["reason"])
    return answered("done", "answer.resource_added", added, resource=added)


def _holding(request: Request, at: Circumstances) -> Holding:
    lon, lat, origin = read_point(request["lon"], request["lat"], request.get("crs"))
    district = at.city.district_of(lon, lat) if at.city else None
    kind = dispatch.resources.kind_of(request["kind"])
    return Holding(
        "", kind, request["type"], request["name_zh"], request["name_en"], request.get("unit_zh", ""), request.get("unit_en", ""),
        request.get("department"), district.code if district else None, None, "", "", lon, lat,
        dispatch.resources.whole_number(request["capacity"]), None if kind is ResourceKind.HOSPITAL else 0,
        dispatch.resources.read_expiry(request.get("expires", dispatch.resources.NEVER)), str(origin),
    )  # fmt: skip


def _reserve(conn: Connection, request: Request, at: Circumstances) -> Answer:
    held = dispatch.resources.reserve(
        conn, request["resource"], request["incident"], at.actor, at.now, amount=request["amount"], zone=at.zone,
        words=request.get("words", ""),
    )  # fmt: skip
    return answered("done", "answer.reserved", held.reservation_id, n=held.amount, incident=held.incident_id)


def _release(conn: Connection, request: Request, at: Circumstances) -> Answer:
    freed = dispatch.resources.release(
        conn, request["reservation"], at.actor, at.now, used=request.get("used"), words=request.get("words", "")
    )  # fmt: skip
    return answered("done", "answer.released", freed.reservation_id, reservation=freed.reservation_id)


def _create(conn: Connection, request: Request, at: Circumstances) -> Answer:
    with listening(conn, Action.CREATE_REQUEST, request["incident"], at):
        until = time(request.get("until"))
    made = dispatch.requests.create(
        conn, request["incident"], request["type"], at.actor, at.now, amount=request["amount"], zone=at.zone,
        department=request.get("department"), until=until, words=request.get("words", ""),
        is_sent=request.get("send") == "yes",
    )  # fmt: skip
    return answered("done", "answer.request_made", made.request_id, request=made.request_id)


def _advance(conn: Connection, request: Request, at: Circumstances) -> Answer:
    with listening(conn, Action.ADVANCE_REQUEST, request["request"], at):
        until = time(request.get("until"))
    done = dispatch.requests.advance(
        conn, request["request"], at.actor, at.now, wanted=request["state"], zone=at.zone, words=request.get("words", ""),
        resource_id=request.get("resource"), until=until, used=request.get("used"),
    )  # fmt: skip
    zh, en = (
        sentence.format(request=done.request_id, state=done.state.label(lang))
        for sentence, lang in zip(CATALOGUE["answer.request_advanced"], ("zh", "en"), strict=True)
    )
    return Answer("done", "request_advanced", zh, en, done.request_id)


RESOURCE_ACTS: Mapping[Action, tuple[tuple[Field, ...], Act]] = {
    Action.SET_RESOURCE: (
        (
            id_of("resource"), text("reason", is_required=True), text("occupied"), text("capacity"), text("status"),
            text("expires"),
        ),
        _set,
    ),
    Action.ADD_RESOURCE: (
        (
            id_of("kind"), id_of("type"), id_of("name_zh"), id_of("name_en"), id_of("capacity"), id_of("lon"), id_of("lat"),
            text("reason", is_required=True), text("department"), text("unit_zh"), text("unit_en"), text("expires"), text("crs"),
        ),
        _add,
    ),
    Action.RESERVE_RESOURCE: ((id_of("resource"), id_of("incident"), id_of("amount"), text("words")), _reserve),
    Action.RELEASE_RESOURCE: ((id_of("reservation"), text("used"), text("words")), _release),
    Action.CREATE_REQUEST: (
        (
            id_of("incident"), id_of("type"), id_of("amount"), text("department"), text("until"), text("words"), text("send"),
        ),
        _create,
    ),
    Action.ADVANCE_REQUEST: (
        (id_of("request"), id_of("state"), text("words"), text("resource"), text("until"), text("used")),
        _advance,
    ),
}  # fmt: skip
"""Action → what its request may say, and who does it: rows of `dashboard.acts`."""
