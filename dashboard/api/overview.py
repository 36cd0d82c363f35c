"""The overview: the city in figures, live or as it was at a past moment. Many who ask at once share one reading."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import orjson
from fastapi import FastAPI
from starlette.responses import Response

from dashboard.api import answer, failed
from dashboard.deployment import Deployment
from dashboard.hub import OVERVIEW, PERIOD_S
from dashboard.overview import CityFigures
from domain.moments import Moment
from storage.connection import DatabaseUnreachable

KEPT = timedelta(seconds=PERIOD_S[OVERVIEW])
LONGEST_TIME = 40
"""Characters of a time."""


class Overview:
    """The encoded figures, at most KEPT old, and those of past moments, which are not kept."""

    def __init__(self, house: Deployment) -> None:
        self._house = house
        self._figures = self._made()
        self._lock = asyncio.Lock()
        self._read_at: datetime | None = None
        self._encoded = b""

    async def live(self) -> bytes:
        """Raises DatabaseUnreachable."""
        async with self._lock:
            now = self._house.clock()
            if self._read_at is None or abs(now - self._read_at) >= KEPT:
                self._encoded = await self._house.database.ask(
                    lambda conn: orjson.dumps(self._figures.read(conn, Moment.live(now)))
                )
                self._read_at = now
            return self._encoded

    async def past(self, moment: Moment) -> bytes:
        """Raises DatabaseUnreachable."""
        return await self._house.database.ask(lambda conn: orjson.dumps(self._made().read(conn, moment)))

    def _made(self) -> CityFigures:
        city = self._house.city
        return CityFigures(self._house.zone, self._house.index, [d.code for d in city.districts] if city else ())


def mount(server: FastAPI, house: Deployment) -> None:
    overview = Overview(house)

    async def figures(at: str = "", known_at: str = "") -> Response:
        """`at` and `known_at`: times with an offset; without them, now. `known_at` is `at` unless it is said."""
        try:
            moment = _moment(at, known_at, house.clock())
        except ValueError as fault:
            return answer({"error": "bad_request", "message": str(fault)}, 400)
        try:
            encoded = await (overview.past(moment) if moment else overview.live())
        except DatabaseUnreachable:
            return failed("api.database_away")
        return Response(encoded, headers={"cache-control": "no-store"}, media_type="application/json")

    server.add_api_route("/api/overview", figures, methods=["GET"])


def _moment(at: str, known_at: str, now: datetime) -> Moment | None:
    """The past moment that is asked for, None for now. Raises ValueError with what is wrong."""
    if not at:
        if known_at:
            raise ValueError("known_at is given without at: expected at as well, such as at=2026-03-02T09:00:00Z")
        return None
    moment = Moment.past(_time("at", at), _time("known_at", known_at) if known_at else None)
    if moment.at > now:
        raise ValueError(f"at is {at[:LONGEST_TIME]}: expected a time that has passed")
    return moment


def _time(name: str, said: str) -> datetime:
    try:
        return datetime.fromisoformat(said[:LONGEST_TIME].replace(" ", "+"))  # a plus sign in an address means a blank
    except ValueError:
        raise ValueError(
            f"{name} is {said[:LONGEST_TIME]!r}: expected a time with an offset, such as 2026-03-02T09:00:00+08:00"
        ) from None
