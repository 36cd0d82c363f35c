"""Streets: the named roads of a district with the places on them, and what lies around a point, for the way from the city down
to a place."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from dashboard.api import answer, missing
from dashboard.deployment import Deployment
from gis_data.city import Place
from gis_data.streets import Street, streets
from gis_data.surroundings import Surroundings, outlines, surroundings

RADIUS_M = 1000.0
"""How far the surroundings of an event reach: a quarter of an hour on foot."""


def place_json(place: Place) -> dict[str, Any]:
    """A place as browsers get it, names in both languages."""
    return {
        "id": place.id, "kind": place.kind, "zh": place.name_zh, "en": place.name_en, "lon": round(place.lon, 6),
        "lat": round(place.lat, 6), "attributes": place.attributes,
    }  # fmt: skip


def street_json(street: Street) -> dict[str, Any]:
    """A street as browsers get it; lengths in whole metres."""
    return {
        "key": street.key, "zh": street.name_zh, "en": street.name_en, "class": street.road_class,
        "length_m": round(street.length_m), "bounds": street.bounds, "lines": street.lines,
        "places": [place_json(place) for place in street.places],
    }  # fmt: skip


def surroundings_json(found: Surroundings) -> dict[str, Any]:
    """Surroundings as browsers get them; distances in whole metres."""
    street = None
    if found.street:
        key, zh, en, away = found.street
        street = {"key": key, "zh": zh, "en": en, "distance_m": round(away)}
    return {
        "district": found.district_code, "street": street, "radius_m": found.radius_m, "residents": found.residents,
        "places": [place_json(place) | {"distance_m": round(away)} for place, away in found.places],
    }  # fmt: skip


def read_point(lon: str | None, lat: str | None) -> tuple[float, float] | None:
    """A point in degrees, None for anything else."""
    try:
        point = float(lon or ""), float(lat or "")
    except ValueError:
        return None
    return point if all(map(math.isfinite, point)) and abs(point[0]) <= 180 and abs(point[1]) < 85 else None


def mount(server: FastAPI, house: Deployment) -> None:
    async def of_district(district: str) -> Response:
        city = house.city
        if city is None or city.find_district(district) is None:
            return missing(f"/api/streets/{district}")
        found = (await asyncio.to_thread(streets, city)).get(district, ())  # read once: some seconds for a large city
        return answer({"district": district, "streets": [street_json(street) for street in found]})

    async def around(request: Request) -> Response:
        point = read_point(request.query_params.get("lon"), request.query_params.get("lat"))
        if house.city is None or point is None:
            return missing("/api/surroundings")
        return answer(surroundings_json(await asyncio.to_thread(surroundings, house.city, *point, RADIUS_M)))

    async def borders() -> Response:
        return answer(await asyncio.to_thread(outlines, house.city) if house.city else {})

    server.add_api_route("/api/outlines", borders, methods=["GET"])
    server.add_api_route("/api/streets/{district}", of_district, methods=["GET"])
    server.add_api_route("/api/surroundings", around, methods=["GET"])
