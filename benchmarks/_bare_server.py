"""A bare server: the ceiling of the dashboard's. It sends events that were recorded, at the pace at which they came, to whoever
listens on `/stream`, and one recorded body on `/body`; nothing else.

    python -m benchmarks._bare_server PORT DIRECTORY    (of `<channel>.json`: {"period_s": …, "events": […]}, and `body`)
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Query
from starlette.responses import Response, StreamingResponse


def create_app(place: Path) -> FastAPI:
    body = (place / "body").read_bytes()
    recorded = {path.stem: json.loads(path.read_text()) for path in place.glob("*.json")}
    queues: dict[str, set[asyncio.Queue[bytes]]] = {channel: set() for channel in recorded}

    async def play(channel: str) -> None:
        events = [event.encode() for event in recorded[channel]["events"]]
        while True:
            for event in events:
                for queue in queues[channel]:
                    queue.put_nowait(event)
                await asyncio.sleep(recorded[channel]["period_s"])

    @asynccontextmanager
    async def playing(_: FastAPI) -> AsyncIterator[None]:
        players = [asyncio.create_task(play(channel)) for channel in recorded]
        yield
        for player in players:
            player.cancel()

    server = FastAPI(lifespan=playing)

    async def events(channels: list[str]) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        for channel in channels:
            queues[channel].add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            for channel in channels:
                queues[channel].discard(queue)

    async def stream(channel: Annotated[list[str], Query()]) -> Response:
        return StreamingResponse(events(channel), media_type="text/event-stream")

    async def the_body() -> Response:
        return Response(body, media_type="application/json")

    server.add_api_route("/stream", stream, methods=["GET"])
    server.add_api_route("/body", the_body, methods=["GET"])
    return server


if __name__ == "__main__":
    uvicorn.run(create_app(Path(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
