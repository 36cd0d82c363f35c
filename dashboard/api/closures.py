"""Closed roads as the map shows them: what is drawn, what water closes, what incidents close, as GeoJSON."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.responses import Response

from dashboard import visitor, wire_plans
from dashboard.api import answer, failed
from dashboard.deployment import Deployment
from dashboard.ways import RoadState, read_state, ways_of
from dashboard.wire import Json
from domain.closures import Closure
from domain.rights import Action
from gis_data.city_roads import CityRoads, ClosedRoad
from storage.connection import DatabaseUnreachable


def mount(server: FastAPI, house: Deployment) -> None:
    ways = ways_of(house.city, house.unit_speed_kmh)

    async def closed() -> Response:
        now = house.clock()
        try:
            state = await house.database.ask(lambda conn: read_state(conn, now))
        except DatabaseUnreachable:
            return failed("api.database_away")
        with_words = visitor.current().may(Action.READ_TEXT)
        said = await ways.ask(state, lambda roads: _told(state, roads, with_words=with_words)) if state.closures else None
        if said is None:
            said = wire_plans.closures(state.closures, now, lambda closure: ((), 0), with_words=with_words)
        return answer(said)

    server.add_api_route("/api/closures", closed, methods=["GET"])


def _told(state: RoadState, roads: CityRoads, *, with_words: bool) -> Json:
    def of(closure: Closure) -> tuple[Sequence[tuple[str, str]], int]:
        rows = roads.rows_of(ClosedRoad(closure.closure_id, closure.geometry, closure.object_id))
        return roads.lines.names_of(rows), int(roads.lines.arcs_of(rows).sum())

    return wire_plans.closures(state.closures, state.read_at, of, with_words=with_words)
