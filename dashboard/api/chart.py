"""Charts: one datastream's last 24 hours and its forecast, as plain numbers."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import Response

from dashboard import wire
from dashboard.api import answer, failed, missing
from dashboard.deployment import Deployment
from domain.moments import Moment
from storage import snapshots
from storage.connection import DatabaseUnreachable

MAX_DATASTREAM_ID = 2**31 - 1


async def read(house: Deployment, datastream_id: int) -> wire.Json | None:
    """A chart's numbers, None for a datastream that is not known. Raises DatabaseUnreachable."""
    if not 0 < datastream_id <= MAX_DATASTREAM_ID:
        return None
    now = house.clock()
    snapshot = await house.database.ask(lambda conn: snapshots.chart_snapshot(conn, Moment.live(now), datastream_id))
    return wire.chart(snapshot) if snapshot is not None else None


def mount(server: FastAPI, house: Deployment) -> None:
    async def chart(datastream_id: str) -> Response:
        if not (datastream_id.isascii() and datastream_id.isdigit() and len(datastream_id) <= len(str(MAX_DATASTREAM_ID))):
            return missing(f"/api/chart/{datastream_id}")
        try:
            found = await read(house, int(datastream_id))
        except DatabaseUnreachable:
            return failed("api.database_away")
        return missing(f"/api/chart/{datastream_id}") if found is None else answer(found)

    server.add_api_route("/api/chart/{datastream_id}", chart, methods=["GET"])
