"""The stream: live frames as server-sent events, one connection for all the channels that a page follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated

from fastapi import FastAPI, Query
from starlette.responses import Response, StreamingResponse

from dashboard import visitor
from dashboard.api import answer, missing
from dashboard.deployment import Deployment
from dashboard.gate import CHANNELS
from dashboard.hub import MAP, events
from dashboard.visitor import Visitor

LOOKED_EVERY = timedelta(seconds=5)
"""A stream ends within this long of its session's end."""
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def mount(server: FastAPI, house: Deployment) -> None:
    async def stream(channel: Annotated[list[str] | None, Query()] = None) -> Response:
        """`channel` once for each channel; the map's alone where none is named."""
        known, names = house.hub.channels, dict.fromkeys(channel or [MAP])
        for name in names:
            if name not in known:
                return missing(f"/api/stream?channel={name}")
            if (refusal := visitor.refusal(CHANNELS[name])) is not None:
                return answer({"error": refusal.code, "zh": refusal.zh, "en": refusal.en}, 403)
        found = _while_let_in(house, visitor.current(), events([known[name] for name in names], visitor.halls()))
        return StreamingResponse(found, media_type="text/event-stream", headers=HEADERS)

    server.add_api_route("/api/stream", stream, methods=["GET"])


async def _while_let_in(house: Deployment, who: Visitor, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The events, until who asked for them would not be let in any more. They never wait for that answer: that a database says
    nothing is just what the next event tells."""
    looked_at, look = house.clock(), None
    try:
        async for event in events:
            if look is None and abs(house.clock() - looked_at) >= LOOKED_EVERY:
                looked_at, look = house.clock(), asyncio.create_task(house.door.is_still(who))
            if look is not None and look.done():
                if not look.result():
                    return
                look = None
            yield event
    finally:
        if look is not None:
            look.cancel()
