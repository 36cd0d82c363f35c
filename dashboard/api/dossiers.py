"""Dossiers: one incident, one warning, the figures of the list of warnings, the last hours and the log, as JSON.

What every viewer of a page asks for alike is read once a second for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.responses import Response

from dashboard import visitor, wire_dossiers
from dashboard.api import LONGEST_PATH, answer, failed, missing
from dashboard.bodies import LONGEST_ID
from dashboard.deployment import Deployment
from dashboard.wire import Json
from domain.moments import Moment
from domain.rights import Action, Place
from storage import dossiers, places
from storage.connection import Connection, DatabaseUnreachable

KEPT = timedelta(seconds=1)
BOARD_SPAN = timedelta(days=1)
TIMELINE_SPAN = timedelta(hours=3)


class Shared:
    """One answer for everybody who asks within a second."""

    def __init__(self, house: Deployment, question: Callable[[Connection, datetime], Json]) -> None:
        self._house, self._question = house, question
        self._lock = asyncio.Lock()
        self._read_at: datetime | None = None
        self._encoded = b""

    async def get(self) -> bytes:
        """Raises DatabaseUnreachable."""
        async with self._lock:
            now = self._house.clock()
            if self._read_at is None or abs(now - self._read_at) > KEPT:
                self._encoded = await self._house.database.ask(lambda conn: orjson.dumps(self._question(conn, now)))
                self._read_at = now
            return self._encoded


def _board(conn: Connection, now: datetime) -> Json:
    return wire_dossiers.board(dossiers.warning_board(conn, Moment.live(now), span=BOARD_SPAN))


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
            return await _told(path, shared.get())

        server.add_api_route(path, everyone, methods=["GET"])

    serve("/api/warnings", Shared(house, _board))
    serve("/api/timeline", Shared(house, _timeline))
    whole_log = {said: Shared(house, partial(_whole_log, with_texts=said)) for said in (True, False)}

    async def log(incident: str | None = None) -> Response:
        if incident is None:
            return await _told("/api/log", whole_log[may_read_texts(Place())].get())  # of every place, so nowhere bounded
        if not _is_id(incident):
            return missing("/api/log")
        now = house.clock()
        return await _told("/api/log", house.database.ask(lambda conn: _log_of(conn, now, incident)))

    async def incident(incident_id: str) -> Response:
        def read(conn: Connection) -> Json | None:
            found = dossiers.incident_dossier(conn, Moment.live(now), incident_id)
            if found is None:
                return None
            return wire_dossiers.incident(found, with_texts=may_read_texts(places.place_of_incident(conn, incident_id)))

        if not _is_id(incident_id):
            return missing("/api/incidents")
        now = house.clock()
        return await _told(f"/api/incidents/{incident_id}", house.database.ask(read))

    async def warning(warning_id: str) -> Response:
        def read(conn: Connection) -> Json | None:
            found = dossiers.warning_dossier(conn, Moment.live(now), warning_id)
            if found is None:
                return None
            return wire_dossiers.warning(found, with_texts=may_read_texts(places.place_of_warning(conn, warning_id)))

        now = house.clock()
        return await _told(f"/api/warnings/{warning_id}", house.database.ask(read))

    server.add_api_route("/api/log", log, methods=["GET"])
    server.add_api_route("/api/incidents/{incident_id}", incident, methods=["GET"])
    server.add_api_route("/api/warnings/{warning_id}", warning, methods=["GET"])


def _is_id(said: str) -> bool:
    """Whether an id could be in the database: no text there holds NUL."""
    return 0 < len(said) <= LONGEST_ID and "\0" not in said


async def _told(path: str, answering: Awaitable[Any]) -> Response:
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
