"""The stream: live frames as server-sent events, one channel per kind of screen."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import Response, StreamingResponse

from dashboard.api import missing
from dashboard.deployment import Deployment
from dashboard.hub import MAP

HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def mount(server: FastAPI, house: Deployment) -> None:
    async def stream(channel: str = MAP) -> Response:
        found = house.hub.channels.get(channel)
        if found is None:
            return missing(f"/api/stream?channel={channel}")
        return StreamingResponse(found.events(), media_type="text/event-stream", headers=HEADERS)

    server.add_api_route("/api/stream", stream, methods=["GET"])
