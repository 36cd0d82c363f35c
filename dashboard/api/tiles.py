"""Tiles and style of the basemap, and the browser libraries: files that were built beforehand."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import Any

from fastapi import FastAPI
from starlette.responses import FileResponse, Response

from dashboard.api import LONGEST_PATH, answer, missing
from dashboard.deployment import Deployment
from gis_data.style import map_style
from layouts.words import Lang, language

A_YEAR = "public, max-age=31536000, immutable"
AN_HOUR = "private, max-age=3600"
NO_CITY: dict[str, Any] = {
    "version": 8,
    "sources": {},
    "layers": [{"id": "background", "type": "background", "paint": {"background-color": "#0a1a38"}}],
}
"""The style where no city has been built: a plain ground for what is live."""
LONGEST_TILE_NUMBER = 9
"""Digits; no map has more tiles in a row at any zoom."""
MEDIA_TYPES = {
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".txt": "text/plain",
}


def mount(server: FastAPI, house: Deployment) -> None:
    libraries = house.vendor.resolve()  # a link to where they are kept is fine; a link out of there is not

    async def tile(z: str, x: str, y: str) -> Response:
        place = [int(part) for part in (z, x, y) if part.isascii() and part.isdigit() and len(part) <= LONGEST_TILE_NUMBER]
        if house.tiles is None or len(place) < 3:
            return missing(f"/tiles/{z}/{x}/{y}.mvt")
        body = await asyncio.to_thread(house.tiles.get, *place)
        headers = {"cache-control": AN_HOUR}
        if body is None:  # nothing is drawn there: the map expects an empty answer, not a fault
            return Response(status_code=204, headers=headers)
        return Response(body, headers={**headers, "content-encoding": "gzip"}, media_type="application/vnd.mapbox-vector-tile")

    @cache
    def style_in(lang: Lang) -> dict[str, Any]:
        if house.city is None:
            return NO_CITY
        # addresses without a server: the browser puts its own in front, whatever name or proxy it came by
        return map_style(house.city, lang, "", _font_faces(house))

    async def style(lang: str = "zh") -> Response:
        return answer(await asyncio.to_thread(style_in, language(lang)))

    async def vendor(version: str, path: str) -> Response:
        is_named = version == house.vendor_version and "\0" not in path and len(path) <= LONGEST_PATH
        file = (libraries / path).resolve() if is_named else libraries
        if libraries not in file.parents or file.suffix not in MEDIA_TYPES or not await asyncio.to_thread(file.is_file):
            return missing(f"/vendor/{version}/{path}")
        return FileResponse(file, media_type=MEDIA_TYPES[file.suffix], headers={"cache-control": A_YEAR})

    server.add_api_route("/tiles/{z}/{x}/{y}.mvt", tile, methods=["GET"])
    server.add_api_route("/api/style.json", style, methods=["GET"])
    server.add_api_route("/vendor/{version}/{path:path}", vendor, methods=["GET"])


def _font_faces(house: Deployment) -> dict[str, list[dict[str, Any]]] | None:
    """Which shipped font file holds which characters, with versioned addresses; None where the file is missing."""
    try:
        faces = json.loads((house.vendor / "font-faces.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return {name: [{**row, "url": f"{house.vendor_version}/{row['url']}"} for row in rows] for name, rows in faces.items()}
