"""Acts of sending: orders, roads closed and opened, free units moved, as screens and the open interface ask for them: texts in,
an answer out. `dispatch.orders` and `dispatch.acts` do them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import dispatch.acts
import dispatch.orders
from dashboard.answers import Answer, Circumstances, Request, answered, listening, number, time
from dashboard.bodies import Field, id_of, text
from dispatch.acts import Base
from domain.rights import Action
from layouts.words import CATALOGUE
from storage.connection import Connection

Act = tuple[tuple[Field, ...], Callable[[Connection, Request, Circumstances], Answer]]
LONGEST_RANK = 4
"""Digits of the place of a proposal in its list; no list is longer."""
LONGEST_DRAWING = 40_000
"""Characters of a shape of 500 corners."""


def _issue(conn: Connection, request: Request, at: Circumstances) -> Answer:
    with listening(conn, Action.ISSUE_ORDER, f"{request['unit']} → {request['incident']}"[:200], at):
        rank = number(request["rank"][:LONGEST_RANK]) if request.get("rank") else None
    order = dispatch.orders.issue(
        conn, request["incident"], request["unit"], at.actor, at.now, zone=at.zone, order_expiry_s=at.order_expiry_s,
        proposal=request.get("proposal"), rank=rank, reason=request.get("reason"),
        turns=request.get("turn") == "yes",
    )  # fmt: skip
    return answered("done", "answer.order", order.order_id, unit=order.unit_id, incident=order.incident_id, order=order.order_id)


def _issue_all(conn: Connection, request: Request, at: Circumstances) -> Answer:
    wanted = [unit_id.strip() for unit_id in request["units"].split(",") if unit_id.strip()]
    made = dispatch.orders.issue_all(
        conn, request["incident"], wanted, at.actor, at.now, zone=at.zone, order_expiry_s=at.order_expiry_s,
        proposal=request.get("proposal"), reason=request.get("reason"),
    )  # fmt: skip
    units = ", ".join(order.unit_id for order in made)
    return answered("done", "answer.orders", made[0].order_id, units=units, incident=request["incident"], n=len(made))


def _cancel(conn: Connection, request: Request, at: Circumstances) -> Answer:
    order = dispatch.orders.cancel(conn, request["order"], at.actor, at.now, zone=at.zone, reason=request.get("reason"))
    return answered("done", "answer.cancelled", order.order_id, order=order.order_id)


def _close_road(conn: Connection, request: Request, at: Circumstances) -> Answer:
    closure = dispatch.acts.close_road(
        conn, request["geometry"], at.actor, at.now, reason=request["reason"], until=time(request.get("until")),
        district_of=partial(_district_of, at),
    )  # fmt: skip
    return answered("done", "answer.road_closed", closure.closure_id, closure=closure.closure_id)


def _open_road(conn: Connection, request: Request, at: Circumstances) -> Answer:
    closure = dispatch.acts.open_road(
        conn, request["closure"], at.actor, at.now, zone=at.zone, reason=request.get("reason"),
        district_of=partial(_district_of, at),
    )  # fmt: skip
    return answered("done", "answer.road_opened", closure.closure_id, closure=closure.closure_id)


def _stand_by(conn: Connection, request: Request, at: Circumstances) -> Answer:
    place = next((p for p in (at.city.places if at.city else ()) if p.id == request["place"]), None)
    base = Base(place.id, place.lon, place.lat) if place is not None else None
    command_id = dispatch.acts.stand_by(
        conn, request["unit"], request["place"], base, at.actor, at.now, zone=at.zone, order_expiry_s=at.order_expiry_s,
        proposal=request.get("proposal"),
    )  # fmt: skip
    names = (place.name_zh, place.name_en) if place is not None else (request["place"],) * 2
    key = "answer.stand_by"
    zh, en = (words.format(unit=request["unit"], place=name) for words, name in zip(CATALOGUE[key], names, strict=True))
    return Answer("done", "stand_by", zh, en, command_id)


def _district_of(at: Circumstances, lon: float, lat: float) -> str | None:
    found = at.city.district_of(lon, lat) if at.city else None
    return found.code if found else None


_GEOMETRY = Field("geometry", LONGEST_DRAWING, True)
_SEEN = (text("proposal"), text("reason"))

DISPATCH_ACTS: dict[Action, Act] = {
    Action.ISSUE_ORDER: ((id_of("incident"), id_of("unit"), *_SEEN, text("rank"), text("turn")), _issue),
    Action.ISSUE_ORDERS: ((id_of("incident"), text("units", is_required=True), *_SEEN), _issue_all),
    Action.CANCEL_ORDER: ((id_of("order"), text("reason")), _cancel),
    Action.CLOSE_ROAD: ((_GEOMETRY, text("reason", is_required=True), text("until")), _close_road),
    Action.OPEN_ROAD: ((id_of("closure"), text("reason")), _open_road),
    Action.STAND_BY: ((id_of("unit"), id_of("place"), text("proposal")), _stand_by),
}
