"""Resources: what there is and how far away, what may be asked for, and what was, as JSON; a request also as EDXL-RM."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from fastapi import FastAPI, Request
from starlette.responses import Response

from dashboard import wire_resources
from dashboard.api import LONGEST_PATH, answer, failed, missing
from dashboard.api.dossiers import is_id, may_read_texts
from dashboard.api.streets import read_point
from dashboard.deployment import Deployment
from dashboard.wire import Json, ms
from domain.moments import Moment
from domain.resources import NEXT, Reservation, Resource
from gis_data.surroundings import distance_m
from storage import incidents, places, resources
from storage.connection import Connection, DatabaseUnreachable

USUAL, MOST = 200, 1000


def mount(server: FastAPI, house: Deployment) -> None:
    async def every(request: Request) -> Response:
        said, now = request.query_params, house.clock()
        today = now.astimezone(house.zone).date()
        near = said.get("near")
        point = read_point(*(near.split(",", 1) if "," in near else (near, None))) if near is not None else None
        if near is not None and point is None:
            return failed("api.no_position", 400)
        if "\0" in f"{said.get('kind', '')}{said.get('type', '')}":
            return missing("/api/resources")
        limit = min(int(said["limit"]) if said.get("limit", "").isdecimal() else USUAL, MOST)

        def read(conn: Connection) -> Json:
            moment = Moment.live(now)
            found = resources.list_resources(conn, moment, kind=said.get("kind") or None, type_name=said.get("type") or None)
            if said.get("free") == "1":
                found = [r for r in found if r.free(today)]
            away = {r.resource_id: distance_m(*point, r.lon, r.lat) for r in found} if point else {}
            found.sort(key=lambda r: (away.get(r.resource_id, 0.0), r.resource_id))
            held: dict[str, list[Reservation]] = defaultdict(list)
            for reservation in resources.list_reservations(conn, moment):
                held[reservation.resource_id].append(reservation)
            over = incidents.list_over(conn, sorted({one.incident_id for each in held.values() for one in each}), moment)
            rows = [
                wire_resources.resource(r, today, held[r.resource_id], away.get(r.resource_id), over) for r in found[:limit]
            ]  # fmt: skip
            return {"t": ms(now), "resources": rows, "n": len(found)}

        try:
            return answer(await house.database.ask(read))
        except DatabaseUnreachable:
            return failed("api.database_away")

    async def types() -> Response:
        now = house.clock()
        today = now.astimezone(house.zone).date()
        try:
            found = await house.database.ask(lambda conn: resources.list_resources(conn, Moment.live(now)))
        except DatabaseUnreachable:
            return failed("api.database_away")
        return answer({"t": ms(now), "types": wire_resources.types(found, today)})

    async def left() -> Response:
        """What is still held for incidents that have ended: somebody has to say what was used up of it."""
        now = house.clock()

        def read(conn: Connection) -> Json:
            moment = Moment.live(now)
            held = resources.list_reservations(conn, moment)
            over = incidents.list_over(conn, sorted({one.incident_id for one in held}), moment)
            found = [one for one in held if one.incident_id in over]
            of = {r.resource_id: r for r in resources.list_resources(conn, moment, resource_ids=[r.resource_id for r in found])}
            return {"t": ms(now), "reservations": [wire_resources.reservation(one, of, over) for one in found]}

        try:
            return answer(await house.database.ask(read))
        except DatabaseUnreachable:
            return failed("api.database_away")

    server.add_api_route("/api/resources/left", left, methods=["GET"])
    server.add_api_route("/api/resources", every, methods=["GET"])
    server.add_api_route("/api/resources/types", types, methods=["GET"])
    _mount_requests(server, house)


def _mount_requests(server: FastAPI, house: Deployment) -> None:
    async def requests(request: Request) -> Response:
        said, now = request.query_params, house.clock()
        incident = said.get("incident")
        if incident is not None and not is_id(incident):
            return missing("/api/resource_requests")

        def read(conn: Connection) -> Json:
            moment = Moment.live(now)
            wanted = None if incident is None else [incident]
            states = [state for state, after in NEXT.items() if after] if said.get("open") == "1" else None
            found = resources.list_requests(conn, moment, incident_ids=wanted, states=states)
            held = resources.list_reservations(conn, moment, incident_ids=wanted, with_released=True)
            of_types = _named(conn, moment, {r.type for r in found}, {r.resource_id for r in held})
            rows = [
                wire_resources.request(
                    r, of_types, held, with_texts=may_read_texts(places.place_of_incident(conn, r.incident_id))
                )
                for r in found
            ]  # fmt: skip
            return {"t": ms(now), "requests": rows}

        try:
            return answer(await house.database.ask(read))
        except DatabaseUnreachable:
            return failed("api.database_away")

    async def message(request_id: str) -> Response:
        now = house.clock()
        path = f"/api/requests/{request_id}.xml"[:LONGEST_PATH]
        if not is_id(request_id):
            return missing(path)

        def read(conn: Connection) -> bytes | None:
            moment = Moment.live(now + timedelta(microseconds=1))  # what was sent at once follows its draft
            found = resources.find_request(conn, request_id, moment)
            incident = incidents.find_incident(conn, found.incident_id, moment) if found else None
            if found is None or incident is None or found.exercise_id is not None:
                return None
            with_texts = may_read_texts(places.place_of_incident(conn, found.incident_id))
            return wire_resources.message(found, incident, _named(conn, moment, {found.type}, set()), with_texts=with_texts)

        try:
            found = await house.database.ask(read)
        except DatabaseUnreachable:
            return failed("api.database_away")
        if found is None:
            return missing(path)
        return Response(found, headers={"cache-control": "no-store"}, media_type="application/xml")

    server.add_api_route("/api/resource_requests", requests, methods=["GET"])
    server.add_api_route("/api/requests/{request_id}.xml", message, methods=["GET"])


def _named(conn: Connection, moment: Moment, types: set[str], ids: set[str]) -> list[Resource]:
    """The resources with these ids, and one of each of these types, which says what the type is called."""
    wanted = sorted(ids | set(resources.list_samples(conn, types)))
    return resources.list_resources(conn, moment, resource_ids=wanted) if wanted else []
