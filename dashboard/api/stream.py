"""The stream: live frames as server-sent events, one connection for all the channels that a page follows."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query
from starlette.responses import Response, StreamingResponse

from dashboard.api import missing
from dashboard.deployment import Deployment
from dashboard.hub import MAP, events

HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def mount(server: FastAPI, house: Deployment) -> None:
    async def stream(channel: Annotated[list[str] | None, Query()] = None) -> Response:
        """`channel` once for each channel; the map's alone where none is named."""
        known, names = house.hub.channels, dict.fromkeys(channel or [MAP])
        for name in names:
            if name not in known:
                return missing(f"/api/stream?channel={name}")
        return StreamingResponse(events([known[name] for name in names]), media_type="text/event-stream", headers=HEADERS)

    server.add_api_route("/api/stream", stream, methods=["GET"])
