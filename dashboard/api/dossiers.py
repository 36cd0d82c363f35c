"""Dossiers: one incident, one warning, the figures of the list of warnings, the last hours and the log, as JSON.

What every viewer of a page asks for alike is read once a second for all of them.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response

from dashboard import visitor, warning_figures, wire_dossiers
from dashboard.api import LONGEST_PATH, answer, failed, missing
from dashboard.api.shared import Shared
from dashboard.bodies import LONGEST_ID
from dashboard.deployment import Deployment
from dashboard.wire import Json
from dispatch.merging import LOOKS_BACK, Likeness, Report, box, candidates
from domain.incidents import OPEN_STATES, Incident
from domain.moments import Moment
from domain.rights import Action, Place
from storage import dossiers, incidents, places
from storage.connection import Connection, DatabaseUnreachable
from storage.dossiers import IncidentDossier

BOARD_SPAN = timedelta(days=1)
TIMELINE_SPAN = timedelta(hours=3)


def _board(conn: Connection, now: datetime) -> Json:
    return wire_dossiers.board(dossiers.warning_board(conn, Moment.live(now), span=BOARD_SPAN)) | warning_figures.board(conn, now)


def _timeline(conn: Connection, now: datetime) -> Json:
    return wire_dossiers.timeline(dossiers.timeline(conn, Moment.live(now), span=TIMELINE_SPAN))


def _whole_log(conn: Connection, now: datetime, *, with_texts: bool) -> Json:
    return wire_dossiers.log(dossiers.log(conn, Moment.live(now)), now, with_texts=with_texts)


def _log_of(conn: Connection, now: datetime, incident_id: str) -> Json:
    with_texts = may_read_texts(places.place_of_incident(conn, incident_id))
    return wire_dossiers.log(dossiers.log(conn, Moment.live(now), incident_id=incident_id), now, with_texts=with_texts)


def may_read_texts(place: Place) -> bool:
    """Free words may name people: they are for those who answer for what happens there."""
    return visitor.current().may(Action.READ_TEXT, place)


def mount(server: FastAPI, house: Deployment) -> None:
    def serve(path: str, shared: Shared) -> None:
        async def everyone() -> Response:
            return await told(path, shared.get())

        server.add_api_route(path, everyone, methods=["GET"])

    serve("/api/warnings", Shared(house, _board))
    serve("/api/timeline", Shared(house, _timeline))
    whole_log = {said: Shared(house, partial(_whole_log, with_texts=said)) for said in (True, False)}

    async def log(incident: str | None = None) -> Response:
        if incident is None:
            return await told("/api/log", whole_log[may_read_texts(Place())].get())  # of every place, so nowhere bounded
        if not is_id(incident):
            return missing("/api/log")
        now = house.clock()
        return await told("/api/log", house.database.ask(lambda conn: _log_of(conn, now, incident)))

    async def incident(incident_id: str) -> Response:
        def read(conn: Connection) -> Json | None:
            found = dossiers.incident_dossier(conn, Moment.live(now), incident_id)
            if found is None:
                return None
            with_texts = may_read_texts(places.place_of_incident(conn, incident_id))
            return wire_dossiers.incident(
                found, with_texts=with_texts, targets=house.targets, candidates=_candidates(conn, found)
            )

        if not is_id(incident_id):
            return missing("/api/incidents")
        now = house.clock()
        return await told(f"/api/incidents/{incident_id}", house.database.ask(read))

    async def warning(warning_id: str) -> Response:
        def read(conn: Connection) -> Json | None:
            found = dossiers.warning_dossier(conn, Moment.live(now), warning_id)
            if found is None:
                return None
            with_texts = may_read_texts(places.place_of_warning(conn, warning_id))
            around = warning_figures.evidence(conn, now, found.warning, house, with_texts=with_texts)
            return wire_dossiers.warning(found, with_texts=with_texts) | around

        now = house.clock()
        return await told(f"/api/warnings/{warning_id}", house.database.ask(read))

    server.add_api_route("/api/log", log, methods=["GET"])
    server.add_api_route("/api/incidents/{incident_id}", incident, methods=["GET"])
    server.add_api_route("/api/warnings/{warning_id}", warning, methods=["GET"])


def _candidates(conn: Connection, found: IncidentDossier) -> list[tuple[Incident, Likeness]]:
    """What an open incident may be the same as."""
    this = found.incident
    if this.state not in OPEN_STATES:
        return []
    texts = tuple(text for _, text in found.texts)
    return alike(conn, found.moment, Report(this.hazard_class, this.lon, this.lat, this.reported_at, texts), but=this.incident_id)


def alike(conn: Connection, moment: Moment, report: Report, *, but: str | None = None) -> list[tuple[Incident, Likeness]]:
    """Incidents that a report may tell of as well, likeliest first."""
    since = report.reported_at - LOOKS_BACK
    near = incidents.list_comparable(conn, moment, since=since, bounds=box(report.lon, report.lat))
    others = {one.incident.incident_id: one for one in near if one.incident.incident_id != but}
    known = {
        name: Report(one.incident.hazard_class, one.incident.lon, one.incident.lat, one.last_reported_at, one.texts)
        for name, one in others.items()
    }
    return [(others[name].incident, likeness) for name, likeness in candidates(report, known.items())]


def is_id(said: str) -> bool:
    """Whether an id could be in the database: no text there holds NUL."""
    return 0 < len(said) <= LONGEST_ID and "\0" not in said


async def told(path: str, answering: Awaitable[Any]) -> Response:
    """The answer, 404 for None, 503 while the database is away."""
    try:
        said = await answering
    except DatabaseUnreachable:
        return failed("api.database_away")
    if said is None:
        return missing(path[:LONGEST_PATH])
    if isinstance(said, bytes):
        return Response(said, headers={"cache-control": "no-store"}, media_type="application/json")
    return answer(said)
