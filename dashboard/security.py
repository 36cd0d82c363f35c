"""Security of the door: headers on every answer, and who may send what.

The dashboard has no sign-in of its own yet; a demonstration identity acts on loopback alone. So requests that change
something must come from our own page, and with such an identity the page must have been asked for under a loopback name
(a foreign name that resolves to loopback would otherwise be "our own page").
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
MAX_BODY_BYTES = 1_000_000
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


def refusal_of(method: str, headers: Headers, *, loopback_only: bool) -> tuple[int, str] | None:
    """(status, sentence) when a request must not be served, None when it may. Pure."""
    host = headers.get("host", "")
    if loopback_only and _name_of(host) not in LOOPBACK_NAMES:
        return 421, f"the host is '{host}': expected a loopback name such as 127.0.0.1, because this server acts for whoever asks"
    if method in SAFE_METHODS:
        return None
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return 403, f"the request comes from a page that is {site}: expected one of this server's own pages"
    if origin is not None and urlsplit(origin).netloc != host:
        return 403, f"the request comes from {origin}: expected one of this server's own pages"
    if not headers.get("content-type", "").startswith("application/json"):
        return 415, f"the content type is '{headers.get('content-type', '')}': expected application/json"
    length = headers.get("content-length", "")
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        return 413, f"the content length is '{length}': expected at most {MAX_BODY_BYTES} bytes, declared beforehand"
    return None


def _name_of(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


class Guard:
    """Refuses what must not be served and puts the security headers on everything that is."""

    def __init__(self, app: ASGIApp, *, policy: str, loopback_only: bool) -> None:
        self._app = app
        self._loopback_only = loopback_only
        self._headers = {
            "content-security-policy": policy,
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
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = refusal_of(scope["method"], Headers(scope=scope), loopback_only=self._loopback_only)
        if refusal is None:
            await self._app(scope, receive, send_guarded)
            return
        status, sentence = refusal
        body = orjson.dumps({"error": "refused", "message": sentence})
        start = {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        await send_guarded(start)
        await send_guarded({"type": "http.response.body", "body": body})
