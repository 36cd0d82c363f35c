"""The system: health of the processes, ledger, dead letters, database; what the system page shows, whole."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI
from starlette.responses import Response

from dashboard.api import answer, failed
from dashboard.deployment import Deployment
from dashboard.hub import SystemTaker
from storage.connection import DatabaseUnreachable


def mount(server: FastAPI, house: Deployment) -> None:
    take = SystemTaker()  # one for all who ask: counting how fresh the devices are reads every one of them
    one_at_a_time = asyncio.Lock()

    async def system() -> Response:
        try:
            async with one_at_a_time:
                now = house.clock()
                return answer(await house.database.ask(lambda conn: take(conn, now)))
        except DatabaseUnreachable:
            return failed("api.database_away")

    server.add_api_route("/api/system", system, methods=["GET"])
