"""Warnings and how well they serve: situations, alarm rate, scoreboard, risk of districts, as JSON.

What every viewer of a page asks for alike is read once for all of them: what changes by the second every second, what is reckoned
from weeks of history every minute.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from fastapi import FastAPI
from starlette.responses import Response

from dashboard import warning_figures
from dashboard.api import failed
from dashboard.api.dossiers import told
from dashboard.api.shared import Shared
from dashboard.deployment import Deployment
from dashboard.wire import Json
from storage.connection import Connection

MOST_DAYS = 28
RECKONED = timedelta(seconds=60)
"""For so long what is reckoned from weeks of history is kept."""


def mount(server: FastAPI, house: Deployment) -> None:
    shared: dict[tuple[str, str], Shared] = {}

    def kept(name: str, key: str, question: Callable[[Connection, datetime], Json], keep: timedelta) -> Shared:
        return shared.setdefault((name, key), Shared(house, question, kept=keep))

    async def list_situations(days: str = "1") -> Response:
        if (span := _days(days)) is None:
            return failed("api.days_malformed", 400)
        shared = kept("situations", days, partial(warning_figures.list_situations, span=span), timedelta(seconds=1))
        return await told("/api/situations", shared.get())

    async def alarm_rate(days: str = "1") -> Response:
        if (span := _days(days)) is None:
            return failed("api.days_malformed", 400)
        shared = kept("alarms", days, partial(warning_figures.alarm_rate, span=span, zone=house.zone), timedelta(seconds=10))
        return await told("/api/alarms", shared.get())

    async def scoreboard(rule: str = "") -> Response:
        if not rule:
            return await told("/api/scoreboard", kept("scoreboard", "", warning_figures.scores, RECKONED).get())
        now = house.clock()
        return await told("/api/scoreboard", house.database.ask(lambda conn: warning_figures.scores(conn, now, rule)))

    async def risks() -> Response:
        return await told("/api/risk", kept("risk", "", partial(warning_figures.risks, house=house), timedelta(seconds=5)).get())

    server.add_api_route("/api/situations", list_situations, methods=["GET"])
    server.add_api_route("/api/alarms", alarm_rate, methods=["GET"])
    server.add_api_route("/api/scoreboard", scoreboard, methods=["GET"])
    server.add_api_route("/api/risk", risks, methods=["GET"])


def _days(said: str) -> timedelta | None:
    """A number of days that may be asked for."""
    is_one = said.isascii() and said.isdigit() and len(said) <= 2 and 1 <= int(said) <= MOST_DAYS
    return timedelta(days=int(said)) if is_one else None
