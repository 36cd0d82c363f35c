"""Halls: every one in figures, or one in full. The frame that viewers have just been sent answers where there is one."""

from __future__ import annotations

from datetime import date, timedelta

from fastapi import FastAPI
from starlette.responses import Response

from dashboard import visitor, wire_halls
from dashboard.api import LONGEST_PATH, answer, failed, missing
from dashboard.deployment import Deployment
from dashboard.hub import HALLS, PERIOD_S, narrowed
from domain.moments import Moment
from staffing.books import Books, HallsNow
from staffing.figures import SLOT, same_weekdays, usual_arrivals
from storage import halls
from storage.connection import Connection, DatabaseUnreachable

RECENT = timedelta(seconds=2 * PERIOD_S[HALLS])
USUAL_WEEKS = 4
"""So many days of the same weekday are the usual day."""
REMEMBERED = 500

Usual = tuple[tuple[float, ...] | None, int]


class Halls:
    """Answers about halls. A usual day is the same until midnight and kept until then."""

    def __init__(self, house: Deployment) -> None:
        self._house = house
        self._usual: dict[tuple[str, date], Usual] = {}

    async def all(self) -> wire_halls.Json:
        """Those that are there for who asks. Raises DatabaseUnreachable."""
        return narrowed(wire_halls.halls(await self.now(), self._house.hall_target_s), visitor.halls())

    async def one(self, hall_id: str) -> wire_halls.Json | None:
        """None for a hall that is not known, or not to who asks. Raises DatabaseUnreachable."""
        own, now = visitor.halls(), await self.now()
        hall = now.find(hall_id) if own is None or hall_id in own else None
        if hall is None:
            return None
        usual, n_days = await self._house.database.ask(lambda conn: self._usual_of(conn, hall_id, now))
        return wire_halls.whole(hall, now, self._house.hall_target_s, usual=usual, usual_days=n_days)

    async def now(self) -> HallsNow:
        newest, at = self._house.hub.halls.newest, self._house.clock()
        if newest is not None and abs(at - newest.moment.at) <= RECENT:
            return newest
        return await self._house.database.ask(lambda conn: Books(self._house.zone).read(conn, Moment.live(at)))

    def _usual_of(self, conn: Connection, hall_id: str, now: HallsNow) -> Usual:
        key = (hall_id, now.day.date)
        if key not in self._usual:
            days = [earlier[1:] for earlier in same_weekdays(now.day, USUAL_WEEKS, self._house.zone)]
            counts = list(halls.count_arrivals(conn, hall_id, days, SLOT, now.moment).values())
            if len(self._usual) >= REMEMBERED:
                self._usual.clear()
            self._usual[key] = usual_arrivals(counts), len(counts)
        return self._usual[key]


def mount(server: FastAPI, house: Deployment) -> None:
    asked = Halls(house)

    async def everything() -> Response:
        try:
            return answer(await asked.all())
        except DatabaseUnreachable:
            return failed("api.database_away")

    async def one(hall: str = "") -> Response:
        try:
            found = await asked.one(hall)
        except DatabaseUnreachable:
            return failed("api.database_away")
        return missing(f"/api/hall?hall={hall}"[:LONGEST_PATH]) if found is None else answer(found)

    server.add_api_route("/api/halls", everything, methods=["GET"])
    server.add_api_route("/api/hall", one, methods=["GET"])
