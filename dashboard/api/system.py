"""The system: health of the processes, ledger, dead letters, database; what the system page shows, whole."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import Response

from dashboard.api import answer, failed
from dashboard.deployment import Deployment
from dashboard.hub import SystemTaker
from storage.connection import DatabaseUnreachable


def mount(server: FastAPI, house: Deployment) -> None:
    async def system() -> Response:
        now = house.clock()
        try:
            return answer(await house.database.ask(lambda conn: SystemTaker()(conn, now)))
        except DatabaseUnreachable:
            return failed("api.database_away")

    server.add_api_route("/api/system", system, methods=["GET"])
