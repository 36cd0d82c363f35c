"""Proposals as the command page shows them: who should go where, the way a unit would take, and how far one comes, as JSON.

The newest recommendation is read at most once a second for all who ask."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any

import numpy as np
import shapely
from fastapi import FastAPI
from starlette.responses import Response

from dashboard import wire_plans
from dashboard.api import answer, failed, missing
from dashboard.api.dossiers import is_id
from dashboard.api.shared import Shared
from dashboard.deployment import Deployment
from dashboard.ways import RoadState, read_state, ways_of
from dashboard.wire import Json
from dispatch.policies.nearest import great_circle_m
from domain.incidents import Incident
from domain.moments import Moment
from domain.units import SENDABLE, Unit
from gis_data.city import City
from gis_data.city_roads import CityRoads
from gis_data.isochrones import Reach
from gis_data.road_times import FREE
from storage import incidents, proposals, stand_bys
from storage.connection import Connection, DatabaseUnreachable
from storage.heartbeats import ALIVE_WITHIN, list_heartbeats
from storage.units import list_units

UNANSWERED_SPAN = timedelta(minutes=30)
ANSWER_WAIT_S = 30.0
MINUTES = "4,8,12"
MOST_LIMITS, LONGEST_MIN = 5, 60.0
WARM_S = 240.0


def read_board(conn: Connection, now: datetime, city: City | None) -> Json:
    """From: recommendation, process_heartbeat, dispatch_order, order_history, stand_by, unit_status."""
    made = proposals.find_newest(conn, Moment.live(now))
    held_at = proposals.find_held_until(conn, made.recommendation_id) if made is not None else None
    is_alive = any(b.process == proposals.PLANNER and now - b.beat_at <= ALIVE_WITHIN for b in list_heartbeats(conn))
    wait_s = float(made.content.get("answer_wait_s", ANSWER_WAIT_S)) if made is not None else ANSWER_WAIT_S
    unanswered = proposals.list_unanswered(conn, now, waiting_s=wait_s, since=now - UNANSWERED_SPAN)
    moves = stand_bys.list_unanswered(conn, now, waiting_s=wait_s, since=now - UNANSWERED_SPAN)
    wanted = {move.place_id for move in moves}
    names = {p.id: (p.name_zh, p.name_en) for p in (city.places if city and wanted else ()) if p.id in wanted}
    return wire_plans.board(made, held_at, unanswered, moves, now, is_alive=is_alive, names=names)


def mount(server: FastAPI, house: Deployment) -> None:
    board = Shared(house, partial(read_board, city=house.city))
    ways = ways_of(house.city, house.unit_speed_kmh)

    async def proposed(incident: str | None = None) -> Response:
        """All that is proposed now, or what is about one incident."""
        if incident is not None and not is_id(incident):
            return missing("/api/proposals")
        try:
            whole = await board.said()
        except DatabaseUnreachable:
            return failed("api.database_away")
        return answer(whole if incident is None else wire_plans.of_incident(whole, incident))

    async def route(unit: str = "", incident: str = "") -> Response:
        """The way that a unit would take to an incident by the roads of now."""
        if not is_id(unit) or not is_id(incident):
            return missing("/api/routes")
        now = house.clock()

        def read(conn: Connection) -> tuple[RoadState, Unit | None, Incident | None]:
            moment = Moment.live(now)
            found = next((u for u in list_units(conn, moment) if u.unit_id == unit), None)
            return read_state(conn, now), found, incidents.find_incident(conn, incident, moment)

        try:
            state, mover, target = await house.database.ask(read)
        except DatabaseUnreachable:
            return failed("api.database_away")
        if mover is None or target is None or mover.lon is None or mover.lat is None:
            return missing("/api/routes")
        origin, place = (mover.lon, mover.lat), (target.lon, target.lat)
        own = frozenset(c.closure_id for c in state.closures if c.object_id == incident)
        said = await ways.ask(state, lambda roads: wire_plans.route(roads.drive(origin, place, own), unit, incident, now))
        if said is None:
            metres = great_circle_m(*origin, *place)
            seconds = metres * house.road_detour / (house.unit_speed_kmh / 3.6)
            said = wire_plans.straight(origin, place, metres, seconds, unit, incident, now)
        return answer(said)

    async def isochrones(incident: str = "", unit: str = "", kind: str = "", minutes: str = MINUTES) -> Response:
        """How far one comes in so many minutes: to an incident, from a unit, or from all free units of a kind."""
        limits_s = _limits_s(minutes)
        if limits_s is None:
            expected = f"up to {MOST_LIMITS} numbers above 0 and to {LONGEST_MIN:g}, such as {MINUTES}"
            message = f"minutes is {minutes[:40]!r}: expected {expected}"
            return answer({"error": "bad_request", "message": message}, 400)
        asked = {name: said for name, said in (("incident", incident), ("unit", unit), ("kind", kind)) if said}
        if len(asked) != 1 or not all(map(is_id, asked.values())):
            message = "expected exactly one of incident, unit and kind"
            return answer({"error": "bad_request", "message": message}, 400)
        now = house.clock()
        try:
            state, places = await house.database.ask(lambda conn: (read_state(conn, now), _places(conn, asked, now)))
        except DatabaseUnreachable:
            return failed("api.database_away")
        if not places:
            return missing("/api/isochrones")
        passes = frozenset(c.closure_id for c in state.closures if incident and c.object_id == incident)

        def drawn(roads: CityRoads) -> Json:
            reach = roads.reach(places, limits_s, is_to=bool(incident), passes=passes)
            return wire_plans.isochrones(reach, asked, now, lambda r: residents(house.city, r))

        said = await ways.ask(state, drawn)
        return answer(said) if said is not None else failed("api.no_roads", 404)

    server.add_api_route("/api/proposals", proposed, methods=["GET"])
    server.add_api_route("/api/routes", route, methods=["GET"])
    server.add_api_route("/api/isochrones", isochrones, methods=["GET"])


async def warm(house: Deployment) -> None:
    """Asks for one reach that nobody is waiting for, so that the first person who does waits for no road graph to be read."""
    if house.city is None:
        return
    now, centre = house.clock(), house.city.centre
    try:
        state = await house.database.ask(lambda conn: read_state(conn, now))
    except DatabaseUnreachable:
        state = RoadState((), FREE, 1.0, now)

    def drawn(roads: CityRoads) -> None:
        wire_plans.isochrones(roads.reach([centre], [WARM_S], is_to=True), {}, now, lambda r: residents(house.city, r))

    await ways_of(house.city, house.unit_speed_kmh).ask(state, drawn)


def _places(conn: Connection, asked: dict[str, str], now: datetime) -> list[tuple[float, float]]:
    """Where one drives to, or from."""
    moment = Moment.live(now)
    if "incident" in asked:
        found = incidents.find_incident(conn, asked["incident"], moment)
        return [(found.lon, found.lat)] if found is not None else []
    return [
        (u.lon, u.lat)
        for u in list_units(conn, moment)
        if u.lon is not None and u.lat is not None
        and (u.unit_id == asked["unit"] if "unit" in asked else u.kind == asked["kind"] and u.status in SENDABLE)
    ]  # fmt: skip


def residents(city: City | None, reach: Reach) -> int | None:
    """How many live inside, by the middles of the squares of the population grid; None for a city without one."""
    squares = _squares(city) if city is not None else None
    if squares is None:
        return None
    middles, counts = squares
    shapely.prepare(reach.area)
    return round(float(counts[shapely.contains(reach.area, middles)].sum()))


@lru_cache(maxsize=2)
def _squares(city: City) -> tuple[Any, Any] | None:
    """The middles of the squares of the population grid, and how many live in each."""
    layer = city.layer("population")
    if layer is None:
        return None
    counts = np.array([float(row["population"]) for row in layer.properties])
    return shapely.centroid(np.asarray(layer.shapes, dtype=object)), counts


def _limits_s(said: str) -> tuple[float, ...] | None:
    """Seconds of minutes apart by commas."""
    try:
        found = tuple(60 * float(word) for word in said.split(","))
    except ValueError:
        return None
    return found if 1 <= len(found) <= MOST_LIMITS and all(0 < limit <= 60 * LONGEST_MIN for limit in found) else None
