"""The application: the web server of the screens and of the open interface, put together from its parts.

Routes are matched in the order in which they are added: ours, then Dash's, then "not found" for everything else; so that
an unknown address never gets a page.
"""

from __future__ import annotations

import html
import logging
from pathlib import Path
from typing import Any

from dash import Dash
from dash.backends import _fastapi as dash_backend
from fastapi import FastAPI, Request
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, Response

from dashboard import api, visitor
from dashboard.api import (
    acts,
    approvals,
    atlas,
    cap,
    chart,
    city,
    closures,
    data,
    dossiers,
    hall_ahead,
    hall_city,
    hall_ratings,
    hall_rosters,
    hall_windows,
    halls,
    health,
    incidents,
    outlook,
    overview,
    people,
    proposals,
    resources,
    rules,
    session,
    stream,
    streets,
    system,
    tiles,
    warnings,
)
from dashboard.callbacks import shell as shell_callbacks
from dashboard.callbacks.shell import LANGUAGE_COOKIE, asked_language
from dashboard.deployment import Deployment
from dashboard.gate import Gate
from dashboard.screens import SCREENS, Screen
from dashboard.security import Guard, content_security_policy
from layouts.page import shell
from layouts.words import Words

log = logging.getLogger(__name__)
ASSETS = Path(__file__).parent / "assets"

_INDEX = """<!DOCTYPE html>
<html lang="@lang@">
<head>
{metas}
<title>@title@</title>
<link rel="icon" type="image/svg+xml" href="/assets/marks/cityhelm.svg">
{css}
</head>
<body>
<div id="react-entry-point"><p class="start">@loading@</p></div>
<footer hidden>
{config}
{scripts}
{renderer}
</footer>
</body>
</html>"""
"""The page before its content; language, title and a first word are filled in for each request."""


class Pages(Dash):
    """Dash with our own index page."""

    def interpolate_index(self, *_: str, **parts: str) -> str:
        return _INDEX.format_map(parts)


def create_app(house: Deployment) -> FastAPI:
    """The server for `house`. Its hub is started and stopped by the service."""
    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for part in (
        health, session, stream, city, chart, system, acts, approvals, people, data, tiles, streets, incidents, dossiers, halls,
        hall_ahead, hall_city, hall_windows, hall_rosters, hall_ratings, overview, atlas, outlook, resources, proposals, closures,
        cap, rules, warnings,
    ):  # fmt: skip
        part.mount(server, house)
    pages: dict[str, Any] = {}
    for screen in SCREENS:
        server.add_api_route(screen.path, _page(screen, pages), methods=["GET"])
    app = pages["app"] = create_pages(server, house)
    api.mount_not_found(server)
    server.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    screens = {screen.path: screen.right for screen in SCREENS}
    server.add_middleware(Gate, routes=lambda: server.router.routes, screens=screens, door=house.door)
    policy = house.door.policy
    server.add_middleware(
        Guard, pages=content_security_policy(app.csp_hashes()), loopback_only=bool(policy.demonstration), url=policy.url,
        cookie=policy.cookie, screens=frozenset(screens),
    )  # fmt: skip
    return server


def create_pages(server: Any, house: Deployment) -> Any:
    """The Dash application on `server`: its own routes, the shell, every callback of every screen."""
    no_flicker: Any = None  # the title stays while a callback runs
    app: Any = Pages(
        "cityhelm",
        server=server,
        backend="fastapi",
        assets_folder=str(ASSETS),
        assets_ignore="door",  # of the page before the pages
        external_stylesheets=[f"{house.vendor_url}/fonts.css", f"{house.vendor_url}/maplibre-gl.css"],
        suppress_callback_exceptions=True,  # a screen's places exist only while it is shown
        update_title=no_flicker,
        add_log_handler=False,
        on_error=_log_fault,
    )
    app.backend.websocket_capability = False  # or every page would try to open one
    app.layout = shell
    shell_callbacks.register(app, house)
    app._setup_server()  # Dash does this at the first request to "/"; the first of ours may go elsewhere
    return app


def _page(screen: Screen, pages: dict[str, Any]) -> Any:
    requests: Any = dash_backend

    async def page(request: Request) -> Response:
        lang = asked_language(request.url.query, request.cookies.get(LANGUAGE_COOKIE))
        words = Words(lang)
        title = html.escape(f"{words(screen.title_key)} · {words('product')}")
        token = requests.set_current_request(request)
        try:
            index = str(pages["app"].index())
        finally:
            requests.reset_current_request(token)
        for mark, text in (("@lang@", "zh-CN" if lang == "zh" else "en"), ("@title@", title), ("@loading@", words("loading"))):
            index = index.replace(mark, text)
        response = HTMLResponse(index, 200 if visitor.current().may(screen.right) else 403)
        response.set_cookie(LANGUAGE_COOKIE, lang, max_age=365 * 86_400, samesite="lax", httponly=True)
        return response

    return page


def _log_fault(fault: Exception) -> None:
    log.error("a callback failed: %s", fault, exc_info=fault)
