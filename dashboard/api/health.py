"""Health: whether this process can show the city. 200 or 503, with what is missing."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import Response

from dashboard import wire
from dashboard.api import answer
from dashboard.deployment import Deployment
from dashboard.hub import MAP


def mount(server: FastAPI, house: Deployment) -> None:
    async def health() -> Response:
        channel = house.hub.channels[MAP]
        parts = {
            "database": house.hub.has_database,
            "vendor": house.vendor_version is not None,
            "basemap": house.tiles is not None,
        }
        needed = parts["database"] and parts["vendor"]  # without a basemap the data can still be seen
        body = {"ready": needed, **parts, "last_frame": wire.ms(channel.last_taken_at), **house.hub.figures()}
        return answer(body, 200 if needed else 503)

    server.add_api_route("/api/health", health, methods=["GET"])
