"""The way in and out: signing in, the second factor, taking a role, one's own password, signing out; and the page for all of it.

Nothing here says whether an account exists. A session is in a cookie that no script can read; every answer that changes it sets
a new one.
"""

from __future__ import annotations

import asyncio
import html
import logging
from collections.abc import Awaitable, Callable, Mapping

import orjson
from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, Response

from access.doors import Opened, Visit
from access.sessions import DEMONSTRATION, Stage
from access.totp import address as authenticator_address
from dashboard import visitor
from dashboard.api import answer, failed, missing
from dashboard.bodies import Malformed, id_of, read_body, text
from dashboard.bodies import check as check_body
from dashboard.callbacks.shell import LANGUAGE_COOKIE, asked_language
from dashboard.database import OutcomeUnknown
from dashboard.deployment import Deployment
from dashboard.provider import ProviderFailed
from dashboard.qr import qr_code
from dashboard.screens import SCREENS
from dashboard.visitor import Visitor
from dashboard.wire import Json
from domain.accounts import Grant
from domain.refusals import Refused
from domain.rights import Action, Role, may
from layouts.words import Words
from storage import approvals
from storage.connection import Connection, DatabaseUnreachable

log = logging.getLogger(__name__)
OWN_SCREEN = {Role.WALL: "/wall", Role.AUDITOR: "/audit", Role.ADMINISTRATOR: "/people"}
"""Where a role begins that does not begin with the first screen it may see."""
STATE_COOKIE = "cityhelm_entering"
SHEETS = ("00_tokens.css", "door/door.css")
_PAGE = """<!DOCTYPE html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><link rel="icon" type="image/svg+xml" href="/assets/marks/cityhelm.svg">
<link rel="stylesheet" href="{vendor}/fonts.css">{sheets}</head>
<body><main id="door" data-facts="{facts}"><h1>{product}</h1><p class="sub">CityHelm</p><noscript>{noscript}</noscript></main>
<script src="/assets/door/door.js" defer></script></body></html>"""


def mount(server: FastAPI, house: Deployment) -> None:
    door = house.door

    async def page(request: Request) -> Response:
        words = Words(asked_language(request.url.query, request.cookies.get(LANGUAGE_COOKIE)))
        names = ("product", "door.noscript", "door.title")
        product, noscript, title = (html.escape(words(name)) for name in names)
        facts = {
            "lang": words.lang, "words": {key: said for key, said in words.all().items() if key.startswith("door.")},
            "roles": words.labels()["role"], "provider": house.provider is not None,
            "people": [{"name": p.name, "role": p.role, "halls": sorted(p.scope.halls or ())} for p in door.policy.demonstration],
        }  # fmt: skip
        sheets = "".join(f'<link rel="stylesheet" href="/assets/{sheet}">' for sheet in SHEETS)
        said = html.escape(orjson.dumps(facts).decode(), quote=True)
        lang = "zh-CN" if words.lang == "zh" else "en"
        shown = _PAGE.format(
            lang=lang, title=f"{title} · {product}", product=product, sheets=sheets, facts=said, noscript=noscript,
            vendor=house.vendor_url,
        )  # fmt: skip
        return HTMLResponse(shown)

    async def who(request: Request) -> Response:
        """Who is signed in, how far they have come, and what waits for them: null while the database cannot be asked."""
        try:
            found = await door.visitor(request.headers, _address(request))
        except DatabaseUnreachable:  # and nobody was seen shortly before
            return failed("api.database_away")
        if found is None:
            return answer({"stage": "none"})
        if found.actor is None:
            return answer(_who(found))
        try:
            waiting = await house.database.ask(lambda conn: _waiting(conn, found, house))
        except DatabaseUnreachable:
            waiting = {"requests": None, "glass": None}
        return answer({**_who(found), **waiting})

    async def to_provider(request: Request) -> Response:
        """Sends the browser to the identity provider, with a cookie that it has to bring back."""
        if house.provider is None:
            return missing("/sign-in/provider")
        try:
            url, state = await asyncio.to_thread(house.provider.begin, house.clock())
        except ProviderFailed as fault:
            log.warning("%s", fault)
            return failed("door.provider_failed")
        response = Response(status_code=303, headers={"location": url})
        at = {"path": "/sign-in", "httponly": True, "samesite": "lax", "secure": door.policy.is_secure}
        response.set_cookie(STATE_COOKIE, state, max_age=600, **at)  # type: ignore[arg-type]
        return response

    async def from_provider(request: Request) -> Response:
        """Where the provider sends the browser back to; the cookie says that it is the one that left from here."""
        state = request.query_params.get("state", "")
        if house.provider is None or not state or request.cookies.get(STATE_COOKIE) != state:
            return failed("door.provider_failed", 403)
        try:
            subject = await asyncio.to_thread(house.provider.finish, str(request.url), state, house.clock())
            opened = await door.enter_by_provider(subject)
        except Refused as refusal:
            return _refused(refusal)
        except (ProviderFailed, DatabaseUnreachable, OutcomeUnknown) as fault:
            log.warning("%s", fault)
            return failed("door.provider_failed", 403 if isinstance(fault, ProviderFailed) else 503)
        response = Response(status_code=303, headers={"location": "/sign-in"})
        response.delete_cookie(STATE_COOKIE, path="/sign-in")
        door.give(response, opened.token)
        return response

    async def sign_in(request: Request) -> Response:
        said = check_body(read_body(await request.body()), (id_of("name"), id_of("password")))
        if isinstance(said, Malformed):
            return _malformed(said)
        return await _opened(door.sign_in(said["name"], said["password"], _address(request)))

    async def demonstrate(request: Request) -> Response:
        said = check_body(read_body(await request.body()), (id_of("name"),))
        if isinstance(said, Malformed):
            return _malformed(said)
        return await _opened(door.enter_as(said["name"]))

    async def take_role(request: Request) -> Response:
        said = check_body(read_body(await request.body()), (id_of("grant"),))
        if isinstance(said, Malformed):
            return _malformed(said)
        grant = int(said["grant"]) if said["grant"].isascii() and said["grant"].isdigit() and len(said["grant"]) < 19 else None
        return await _opened(door.take_role(_visit(), grant))

    async def change_password(request: Request) -> Response:
        said = check_body(read_body(await request.body()), (id_of("present"), id_of("new")))
        if isinstance(said, Malformed):
            return _malformed(said)
        return await _opened(door.change_password(_visit(), said["present"], said["new"], _address(request)))

    async def begin_factor() -> Response:
        try:
            secret = door.begin_factor(_visit())
        except Refused as refusal:
            return _refused(refusal)
        address = authenticator_address(secret, _visit().account.name)
        size, path = qr_code(address)
        return answer({"secret": secret, "address": address, "picture": {"size": size, "path": path}})

    async def pass_factor(request: Request) -> Response:
        said = check_body(read_body(await request.body()), (id_of("code"),))
        if isinstance(said, Malformed):
            return _malformed(said)
        return await _opened(door.pass_factor(_visit(), said["code"], _address(request)))

    async def presence() -> Response:
        await door.see(visitor.current())
        return answer({})

    async def end(request: Request) -> Response:
        said = check_body(read_body(await request.body()), (text("everywhere"),))
        if isinstance(said, Malformed):
            return _malformed(said)
        try:
            await door.leave(_visit(), everywhere=said.get("everywhere") == "yes")
        except Refused as refusal:
            return _refused(refusal)
        except (DatabaseUnreachable, OutcomeUnknown):
            return failed("api.database_away")
        response = answer({"stage": "none"})
        door.give(response, None)
        return response

    async def _opened(entering: Awaitable[Opened | None]) -> Response:
        """The answer with the new cookie, or the sentence why not."""
        try:
            opened = await entering
        except Refused as refusal:
            return _refused(refusal)
        except (DatabaseUnreachable, OutcomeUnknown) as fault:
            log.warning("%s", fault)
            return failed("api.database_away")
        if opened is None:
            return answer({"error": "not_found"}, 404)
        response = answer(_who(Visitor(opened.visit.actor, opened.visit)))
        door.give(response, opened.token)
        return response

    server.add_api_route("/sign-in", page, methods=["GET"])
    server.add_api_route("/sign-in/provider", to_provider, methods=["GET"])
    server.add_api_route("/sign-in/provider/return", from_provider, methods=["GET"])
    server.add_api_route("/api/session", who, methods=["GET"])
    server.add_api_route("/api/session", sign_in, methods=["POST"])
    posts: Mapping[str, Callable[..., Awaitable[Response]]] = {
        "demonstration": demonstrate, "role": take_role, "password": change_password, "factor": pass_factor,
        "presence": presence, "end": end,
    }  # fmt: skip
    for name, act in posts.items():
        server.add_api_route(f"/api/session/{name}", act, methods=["POST"])
    server.add_api_route("/api/session/factor", begin_factor, methods=["GET"])


def _visit() -> Visit:
    """Whose session it is; the gate has let nobody else through."""
    found = visitor.current().visit
    assert found is not None, "an address of one's own session asks for Open.ENTERING"
    return found


def _who(found: Visitor) -> Json:
    visit = found.visit
    if visit is None:
        assert found.actor is not None
        return {"stage": "open", "name": found.actor.name, "role": found.actor.role, "grants": [], "home": None}
    return {
        "stage": visit.stage, "name": visit.account.name, "role": found.actor.role if found.actor else None,
        "grants": [_grant(grant, visit) for grant in visit.grants], "home": _home(found),
        "has_password": visit.session.how != DEMONSTRATION and visit.account.password_hash is not None,
        "is_demonstration": visit.session.how == DEMONSTRATION, "must_change": visit.stage is Stage.PASSWORD,
    }  # fmt: skip


def _grant(grant: Grant, visit: Visit) -> Json:
    return {
        "grant": grant.grant_id, "role": grant.role, "districts": sorted(grant.scope.districts or ()),
        "halls": sorted(grant.scope.halls or ()), "department": grant.scope.department,
        "is_taken": grant.grant_id == visit.session.grant_id,
    }  # fmt: skip


def _home(found: Visitor) -> str | None:
    """The first screen that is there for them."""
    if found.actor is None:
        return None
    role = found.actor.role
    return OWN_SCREEN.get(role) or next((screen.path for screen in SCREENS if screen.is_tab and may(role, screen.right)), None)


def _waiting(conn: Connection, found: Visitor, house: Deployment) -> Json:
    """How many requests wait for this visitor, and the glasses that nobody has reviewed, which everybody sees."""
    waiting = approvals.list_waiting(conn, house.clock())
    mine = [
        r for r in waiting if not r.is_break_glass and found.actor and r.initiator != found.actor.name and found.may(r.action)
    ]
    broken = [r for r in waiting if r.is_break_glass]
    return {
        "requests": len(mine) if found.may(Action.DECIDE_REQUEST) else 0,
        "glass": [
            {"id": r.approval_id, "act": r.action, "by": r.initiator, "at": int(r.requested_at.timestamp() * 1000)}
            for r in broken
        ],
    }


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _refused(refusal: Refused) -> Response:
    status = 429 if refusal.code in ("locked_out", "too_many_from_address") else 403
    return answer({"error": refusal.code, "zh": refusal.zh, "en": refusal.en}, status)


def _malformed(fault: Malformed) -> Response:
    return answer({"error": fault.code, "zh": fault.zh, "en": fault.en}, 400 if fault.is_unreadable else 422)
