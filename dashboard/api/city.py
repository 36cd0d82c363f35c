"""The city: everything the map page shows, whole. Many pages that open at once share one reading of the database."""

from __future__ import annotations

import asyncio
import gzip
from datetime import datetime, timedelta

import orjson
from fastapi import FastAPI, Request
from starlette.responses import Response

from dashboard import wire
from dashboard.api import failed
from dashboard.deployment import Deployment
from dashboard.hub import MAP
from domain.moments import Moment
from storage import snapshots
from storage.connection import DatabaseUnreachable

KEPT = timedelta(seconds=1)
PACKED = 5
"""How hard it is packed (gzip): a tenth of its size in some 40 ms for 10,000 devices."""


class WholeCity:
    """The encoded snapshot, at most a second old. `seq` is the last frame sent before it was read: later ones add to it. It
    is packed once for all and in a thread, because the loop that serves every stream would stand still meanwhile."""

    def __init__(self, house: Deployment) -> None:
        self._house = house
        self._lock = asyncio.Lock()
        self._read_at: datetime | None = None
        self._encoded, self._packed = b"", b""

    async def get(self) -> tuple[bytes, bytes]:
        """As it is, and packed with gzip. Raises DatabaseUnreachable."""
        async with self._lock:
            now = self._house.clock()
            if self._read_at is None or now - self._read_at > KEPT:
                channel = self._house.hub.channels[MAP]
                head = {"hub": channel.epoch, "seq": channel.seq}
                self._encoded = await self._house.database.ask(
                    lambda conn: orjson.dumps({**head, **wire.city(snapshots.map_snapshot(conn, Moment.live(now)))})
                )
                self._packed = await asyncio.to_thread(gzip.compress, self._encoded, PACKED)
                self._read_at = now
            return self._encoded, self._packed


def mount(server: FastAPI, house: Deployment) -> None:
    whole = WholeCity(house)

    async def everything(request: Request) -> Response:
        try:
            encoded, packed = await whole.get()
        except DatabaseUnreachable:
            return failed("api.database_away")
        headers = {"cache-control": "no-store", "vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, headers=headers | {"content-encoding": "gzip"}, media_type="application/json")
        return Response(encoded, headers=headers, media_type="application/json")

    server.add_api_route("/api/map", everything, methods=["GET"])
