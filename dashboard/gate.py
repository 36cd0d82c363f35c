"""The gate: the right that every address asks for, and who gets through. What is not in the table is refused.

`ROUTES` says it for addresses as the routes are written, screens say it in their own table, streams in `CHANNELS`, callbacks
where they are registered (`dashboard.callbacks.answering`). An act asks for its right itself, where a refusal is audited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Protocol
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard import visitor
from dashboard.api import answer, failed
from dashboard.hub import HALLS, MAP, OVERVIEW, SYSTEM
from dashboard.visitor import Visitor
from domain.refusals import Refused
from domain.rights import Action, require
from layouts.words import CATALOGUE
from storage.connection import DatabaseUnreachable


class Open(Enum):
    """Rights that are not one action's."""

    ALL = "anybody: it is code, or tells nothing of the city"
    ENTERING = "whoever has a session, however far they have come"
    ACT = "whoever is signed in; the act asks for its right itself"
    CHANNEL = "whoever is signed in; the channel has its right in CHANNELS"
    CALLBACK = "whoever is signed in; the callback has its right where it is registered"


Right = Action | Open

CHANNELS: Mapping[str, Action] = {
    MAP: Action.READ_CITY, OVERVIEW: Action.READ_CITY, HALLS: Action.READ_HALLS, SYSTEM: Action.READ_SYSTEM,
}  # fmt: skip

_CITY = (
    "/api/map", "/api/chart/{datastream_id}", "/api/outlines", "/api/streets/{district}", "/api/surroundings", "/api/warnings",
    "/api/timeline", "/api/incidents/{incident_id}", "/api/warnings/{warning_id}", "/api/overview", "/api/map/places",
    "/api/map/roads", "/api/map/heat/{kind}", "/api/map/requests", "/api/map/track/{unit_id}", "/api/map/district/{district}",
    "/tiles/{z}/{x}/{y}.mvt", "/api/style.json", "/api/proposals", "/api/routes", "/api/isochrones",
    "/api/closures", "/api/incidents/duplicates", "/api/incidents/evidence",
    "/api/incidents/{incident_id}/impact", "/api/segments", "/api/resources", "/api/resources/types",
    "/api/resources/left", "/api/resource_requests",
    "/api/requests/{request_id}.xml",
)  # fmt: skip
_ACTS = (
    "/api/orders", "/api/orders/{order_id}/cancellation", "/api/incidents/{incident_id}/closing",
    "/api/warnings/{warning_id}/acknowledgement", "/api/letters/replay", "/api/letters/trial", "/api/letters/{letter_id}/replay",
    "/api/letters/{letter_id}/trial", "/api/acts/{action}", "/api/approvals/{approval_id}/decision",
    "/api/approvals/{approval_id}/review", "/api/data/source/retirement", "/api/data/source/restoration",
)  # fmt: skip

ROUTES: Mapping[str, Right] = {
    **{f"GET {path}": Action.READ_CITY for path in _CITY},
    **{f"POST {path}": Open.ACT for path in _ACTS},
    "POST /api/map/area": Action.READ_CITY,
    "POST /api/impact": Action.READ_CITY,
    "GET /api/situations": Action.READ_CITY,
    "GET /api/alarms": Action.READ_CITY,
    "GET /api/scoreboard": Action.READ_CITY,
    "GET /api/risk": Action.READ_CITY,
    "GET /api/forecasts": Action.READ_CITY,
    "GET /api/forecasts/series": Action.READ_CITY,
    "GET /api/forecasts/one": Action.READ_CITY,
    "GET /api/forecasts/anomalies": Action.READ_CITY,
    "GET /api/rules": Action.READ_CITY,
    "GET /api/rules/terms": Action.READ_CITY,
    "GET /api/rules/backtests": Action.READ_CITY,
    "GET /api/rules/backtests/{backtest_id}": Action.READ_CITY,
    "GET /api/rules/{rule_id}": Action.READ_CITY,
    "GET /api/rules/{rule_id}/versions": Action.READ_CITY,
    "GET /api/rules/{rule_id}/diff": Action.READ_CITY,
    "POST /api/rules/check": Action.DRAFT_RULE,
    "POST /api/rules/backtest": Action.DRAFT_RULE,
    "GET /api/halls": Action.READ_HALLS,
    "GET /api/hall": Action.READ_HALLS,
    "GET /api/hall/ahead": Action.READ_HALLS,
    "GET /api/hall/windows": Action.READ_HALLS,
    "POST /api/hall/what_if": Action.READ_HALLS,
    "GET /api/halls/city": Action.READ_HALLS,
    "GET /api/hall/clerks": Action.READ_STAFF,
    "GET /api/hall/roster": Action.READ_STAFF,
    "GET /api/hall/roster.xlsx": Action.READ_STAFF,
    "GET /api/hall/roster.ics": Action.READ_STAFF,
    "GET /api/hall/ratings": Action.READ_HALLS,
    "GET /api/notices": Action.READ_CITY,
    "GET /api/publications": Action.READ_CITY,
    "GET /api/warnings/{warning_id}/cap": Action.READ_CITY,
    "GET /api/cap/received": Action.READ_CITY,
    "POST /api/cap": Open.ACT,
    # for everybody where the policy says so; where not, the feed asks for READ_CITY itself
    "GET /api/cap/feed.atom": Open.ALL,
    "GET /api/cap/{identifier}.xml": Open.ALL,
    "GET /api/log": Action.READ_LOG,
    "GET /api/system": Action.READ_SYSTEM,
    "GET /api/data": Action.READ_DATA,
    "GET /api/data/sources": Action.READ_DATA,
    "GET /api/data/source": Action.READ_DATA,
    "GET /api/letters": Action.READ_DATA,
    "GET /api/letters/{letter_id}": Action.READ_DATA,
    "GET /api/approvals": Action.READ_REQUESTS,
    "GET /api/audit": Action.READ_AUDIT,
    "GET /api/people": Action.READ_PEOPLE,
    "GET /api/stream": Open.CHANNEL,
    # the way in and out
    "GET /sign-in": Open.ALL,
    "GET /api/session": Open.ALL,
    "POST /api/session": Open.ALL,
    "POST /api/session/demonstration": Open.ALL,
    "POST /api/session/presence": Open.ENTERING,
    "POST /api/session/role": Open.ENTERING,
    "POST /api/session/password": Open.ENTERING,
    "GET /api/session/factor": Open.ENTERING,
    "POST /api/session/factor": Open.ENTERING,
    "POST /api/session/end": Open.ENTERING,
    "GET /sign-in/provider": Open.ALL,
    "GET /sign-in/provider/return": Open.ALL,
    # what is the same for everybody, and in the public source
    "GET /api/health": Open.ALL,
    "GET /assets": Open.ALL,
    "GET /vendor/{version}/{path:path}": Open.ALL,
    "GET /_dash-component-suites/{package_name}/{fingerprinted_path:path}": Open.ALL,
    "GET /_favicon.ico": Open.ALL,
    "GET /_reload-hash": Open.ALL,
    "GET /_dash-layout": Open.ACT,
    "GET /_dash-dependencies": Open.ACT,
    "POST /_dash-update-component": Open.CALLBACK,
    # what nobody knows is not found, whoever asks
    **{f"{method} /{{path:path}}": Open.ALL for method in ("GET", "POST", "PUT", "PATCH", "DELETE")},
}


class Doorkeeper(Protocol):
    """Says who asks."""

    async def visitor(self, headers: Headers, address: str) -> Visitor | None:
        """None for nobody. Raises DatabaseUnreachable."""

    async def see(self, visitor: Visitor) -> None:
        """Notes that somebody is there."""


class Gate:
    """Finds out who asks, and lets them through to what they may."""

    def __init__(self, app: ASGIApp, *, routes: Callable[[], list[Any]], screens: Mapping[str, Action], door: Doorkeeper) -> None:
        self._app, self._routes, self._screens, self._door = app, routes, screens, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        right = right_of(scope, self._routes(), self._screens)
        if right is Open.ALL:
            await self._app(scope, receive, send)
            return
        address = (scope.get("client") or ("", 0))[0]
        is_page = scope["path"] in self._screens
        try:
            found = await self._door.visitor(Headers(scope=scope), address)
            if found is not None and is_page:
                await self._door.see(found)
        except DatabaseUnreachable:
            await failed("api.database_away")(scope, receive, send)
            return
        if (turned_away := refused(right, found)) is not None:
            status, code, zh, en = turned_away
            if is_page and status == 401:
                where = f"/sign-in?next={quote(scope['path'])}"
                await answer({"error": code}, 303, {"location": where})(scope, receive, send)
                return
            if not is_page:
                await answer({"error": code, "zh": zh, "en": en}, status)(scope, receive, send)
                return
        assert found is not None
        token = visitor.enter(found)
        try:
            await self._app(scope, receive, send)
        finally:
            visitor.leave(token)


def right_of(scope: Scope, routes: list[Any], screens: Mapping[str, Action]) -> Right | None:
    """The right that a request asks for; None where nobody has said."""
    template = next((route.path for route in routes if route.matches(scope)[0] is Match.FULL), None)
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    if method == "GET" and template is not None and template in screens:
        return screens[template]
    return ROUTES.get(f"{method} {template}")


def refused(right: Right | None, found: Visitor | None) -> tuple[int, str, str, str] | None:
    """(status, code, Chinese, English) for who does not get through, None for who does. Pure."""
    if right is None:
        return 403, "not_declared", *CATALOGUE["gate.not_declared"]
    if found is None:
        return 401, "not_signed_in", *CATALOGUE["gate.not_signed_in"]
    if right is Open.ENTERING:
        return (403, "not_a_person", *CATALOGUE["gate.not_a_person"]) if found.visit is None else None
    if found.actor is None:
        return 401, "not_yet", *CATALOGUE["gate.not_yet"]
    if isinstance(right, Open):
        return None
    try:
        require(found.actor, right)
    except Refused as refusal:
        return 403, refusal.code, refusal.zh, refusal.en
    return None
