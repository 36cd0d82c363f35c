"""The open interface of the dashboard: live frames, snapshots, charts, tiles, orders. JSON, never a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, Response

from layouts.words import CATALOGUE, LANGUAGES, Words

LONGEST_PATH = 200
"""Characters of an address: no file of ours has a longer one, and no more of it is said back."""


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`content` as JSON that no cache keeps."""
    return Response(orjson.dumps(content), status, {"cache-control": "no-store", **(headers or {})}, "application/json")


def missing(path: str) -> Response:
    """404, as JSON."""
    message = f"{path[:LONGEST_PATH]} is not known: expected an address of this interface"
    return answer({"error": "not_found", "message": message}, 404)


def failed(key: str, status: int = 503) -> Response:
    """A failure in the words of the catalogue, both languages."""
    zh, en = CATALOGUE[key]
    return answer({"error": key, "zh": zh, "en": en}, status)


def mount_not_found(server: FastAPI) -> None:
    """The last route of all: what nobody else knows is not found, whatever the method. Programs get JSON, people a link home."""

    async def not_found(request: Request) -> Response:
        path = request.url.path
        is_for_people = not path.startswith(("/api/", "/tiles/", "/vendor/")) and "text/html" in request.headers.get("accept", "")
        if not is_for_people:
            return missing(path)
        lines = [
            f'<p><a href="/?lang={words.lang}">{words("missing.title")} · {words("missing.home")}</a></p>'
            for words in map(Words, LANGUAGES)
        ]
        page = f"<!DOCTYPE html><html><head><meta charset=utf-8><title>404</title></head><body>{''.join(lines)}</body></html>"
        return HTMLResponse(page, 404)

    server.add_api_route("/{path:path}", not_found, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
