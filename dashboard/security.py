"""Security of the door: headers on every answer, and from where a request may come.

Browsers send our cookie with whatever asks for it. So requests that change something, and streams, must come from our own page:
its origin is the address that the deployment is known by, else the one that was asked. In the demonstration that has to be a
loopback name (a foreign name that resolves to loopback would otherwise be "our own page").
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers by which a proxy says that somebody else asks than it seems."""
MAX_BODY_BYTES = 1_000_000
CONTENT_TYPES = {"/api/cap": ("application/cap+xml", "application/xml")}
"""Of addresses that take something else than JSON: kinds that no page of another site can send without asking first."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def content_security_policy(script_hashes: Sequence[str]) -> str:
    """Everything from this server; inline scripts by hash; inline styles because the chart and the map set them."""
    return "; ".join(
        (
            "default-src 'self'",
            " ".join(("script-src 'self'", *script_hashes)),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


STRICT_POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "font-src 'self'", "connect-src 'self'",
        "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
    )
)  # fmt: skip
"""For the page on which passwords are typed: no inline style, nothing that is not a file of ours."""
NO_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""For data: whoever opens it in a browser sees text, and nothing in it does anything."""
A_YEAR_OF_TLS = "max-age=31536000"
"""Of this host alone: what else a city serves below its name is not ours to decide."""
STREAM = "/api/stream"


def policy_of(path: str, pages: str, screens: frozenset[str]) -> str:
    """The Content-Security-Policy of an address; `pages` is that of the screens. Pure."""
    if path in screens or path.startswith("/_dash"):
        return pages
    if path.startswith(("/api/", "/tiles/")):
        return NO_POLICY
    return STRICT_POLICY


def refusal_of(
    method: str, headers: Headers, *, loopback_only: bool, path: str = "", url: str | None = None, cookie: str | None = None
) -> tuple[int, str] | None:
    """(status, sentence) when a request must not be served, None when it may. Pure.

    `url` is the address that browsers reach us by, where the deployment says it; `cookie` the name of the session's.
    """
    host = headers.get("host", "")
    if loopback_only and _name_of(host) not in LOOPBACK_NAMES:
        return 421, f"the host is '{host}': expected a loopback name such as 127.0.0.1, because this server acts for whoever asks"
    if loopback_only and (by := next((name for name in FORWARDED if name in headers), None)) is not None:
        return 421, f"the request was passed on ({by}): expected one from this machine, because this server acts for whoever asks"
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if path == STREAM and (site not in (None, "same-origin", "none") or (origin is not None and not _is_ours(origin, host, url))):
        return 403, f"the stream is asked for by {origin or f'a page that is {site}'}: expected one of this server's own pages"
    if method in SAFE_METHODS:
        return None
    if site is not None and site != "same-origin":
        return 403, f"the request comes from a page that is {site}: expected one of this server's own pages"
    if origin is not None and not _is_ours(origin, host, url):
        return 403, f"the request comes from {origin}: expected one of this server's own pages"
    has_cookie = cookie is not None and f"{cookie}=" in headers.get("cookie", "")
    if has_cookie and origin is None and site is None:  # every browser says where a POST comes from; a program takes a key
        return 403, "the request carries a session and does not say where it comes from: expected the header Origin"
    kinds = CONTENT_TYPES.get(path, ("application/json",))
    if not headers.get("content-type", "").startswith(kinds):
        return 415, f"the content type is '{headers.get('content-type', '')}': expected {' or '.join(kinds)}"
    length = headers.get("content-length", "")
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        return 413, f"the content length is '{length}': expected at most {MAX_BODY_BYTES} bytes, declared beforehand"
    return None


def _is_ours(origin: str, host: str, url: str | None) -> bool:
    """Whether a page of that origin is one of ours."""
    if url is None:
        return urlsplit(origin).netloc == host
    ours = urlsplit(url)
    return origin == f"{ours.scheme}://{ours.netloc}"


def _name_of(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


class Guard:
    """Refuses what must not be served and puts the security headers on everything that is."""

    def __init__(
        self, app: ASGIApp, *, pages: str, loopback_only: bool, url: str | None = None, cookie: str | None = None,
        screens: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        self._app = app
        self._pages, self._screens = pages, screens
        self._loopback_only, self._url, self._cookie = loopback_only, url, cookie
        self._headers = {
            **({"strict-transport-security": A_YEAR_OF_TLS} if url is not None and url.startswith("https://") else {}),
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # nothing of ours speaks it
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers["content-security-policy"] = policy_of(scope["path"], self._pages, self._screens)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = refusal_of(
            scope["method"], Headers(scope=scope), loopback_only=self._loopback_only, path=scope["path"], url=self._url,
            cookie=self._cookie,
        )  # fmt: skip
        if refusal is None:
            await self._app(scope, receive, send_guarded)
            return
        status, sentence = refusal
        body = orjson.dumps({"error": "refused", "message": sentence})
        start = {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        await send_guarded(start)
        await send_guarded({"type": "http.response.body", "body": body})
