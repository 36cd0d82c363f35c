"""The atlas: what the map asks for beyond what is live. Places and districts, roads with a detector, points for heat, requests
in view, where a unit has been, the last day of a district, and what lies inside an area that somebody drew.

Points for heat travel as little-endian Float32, 12 bytes each: longitude, latitude, weight. Nothing else is binary.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from fastapi import FastAPI, Request
from starlette.responses import Response

from dashboard import wire
from dashboard.api import answer, failed, missing
from dashboard.bodies import read_body
from dashboard.deployment import Deployment
from domain.moments import Moment
from domain.sensors import PROPERTIES, SensorKind
from gis_data import areas
from gis_data.city import City, Place
from gis_data.loops import LoopRoad, loop_roads
from gis_data.streets import streets
from storage import rollups, whereabouts
from storage.connection import Connection, DatabaseUnreachable

Json = dict[str, Any]
MOST_POINTS = 100_000
MOST_REQUESTS = 2_000
MOST_CORNERS = 500
HOURS_AT_MOST = 24 * 7
TRACK = timedelta(hours=1)
TRACK_STEP_S = 10
TRACK_POINTS = round(TRACK / timedelta(seconds=TRACK_STEP_S)) + 1
LAST_DAY = timedelta(hours=24)
LOOPS_KEPT = timedelta(minutes=10)
"""New detectors are looked for this often."""
AN_HOUR = "private, max-age=3600"


def mount(server: FastAPI, house: Deployment) -> None:
    _mount_ground(server, house)
    _mount_points(server, house)
    _mount_histories(server, house)


def _mount_ground(server: FastAPI, house: Deployment) -> None:
    roads = _LoopRoads(house)

    async def places() -> Response:
        if house.city is None:
            return answer({"districts": [], "places": [], "roads": []})
        return answer(await asyncio.to_thread(ground, house.city), headers={"cache-control": AN_HOUR})

    async def loops() -> Response:
        try:
            return answer({"loops": await roads.get()})
        except DatabaseUnreachable:
            return failed("api.database_away")

    async def area(request: Request) -> Response:
        if house.city is None:
            return failed("map.area_no_city", 404)
        body = read_body(await request.body())
        ring = polygon(body.get("ring") if isinstance(body, Mapping) else None)
        if ring is None:
            return failed("map.area_unreadable", 400)
        try:
            return answer(inside(await asyncio.to_thread(areas.within, house.city, ring)))
        except ValueError:
            return failed("map.area_crossed", 400)

    server.add_api_route("/api/map/places", places, methods=["GET"])
    server.add_api_route("/api/map/roads", loops, methods=["GET"])
    server.add_api_route("/api/map/area", area, methods=["POST"])


def _mount_points(server: FastAPI, house: Deployment) -> None:
    async def heat(kind: str, hours: str = "24") -> Response:
        span, make = _hours(hours), HEAT.get(kind)
        if span is None or make is None:
            return missing(f"/api/map/heat/{kind}")
        now = house.clock()
        try:
            found = await house.database.ask(lambda conn: make(conn, Moment.live(now), now - span, house.city))
        except DatabaseUnreachable:
            return failed("api.database_away")
        headers = {"cache-control": "no-store", "x-as-of": str(wire.ms(now)), "x-points": str(len(found))}
        return Response(found.tobytes(), headers=headers, media_type="application/octet-stream")

    async def requests(bounds: str = "", hours: str = "24") -> Response:
        span, box = _hours(hours), _bounds(bounds)
        if span is None or box is None:
            return missing("/api/map/requests")
        now = house.clock()
        try:
            found = await house.database.ask(
                lambda conn: whereabouts.list_requests(conn, Moment.live(now), since=now - span, limit=MOST_REQUESTS, bounds=box)
            )
        except DatabaseUnreachable:
            return failed("api.database_away")
        return answer({"t": wire.ms(now), "requests": [_request(r) for r in found], "is_whole": len(found) < MOST_REQUESTS})

    server.add_api_route("/api/map/heat/{kind}", heat, methods=["GET"])
    server.add_api_route("/api/map/requests", requests, methods=["GET"])


def _mount_histories(server: FastAPI, house: Deployment) -> None:
    async def track(unit_id: str) -> Response:
        now = house.clock()
        try:
            found = await house.database.ask(
                lambda conn: whereabouts.list_track(
                    conn, Moment.live(now), unit_id, since=now - TRACK, step_s=TRACK_STEP_S, limit=TRACK_POINTS
                )
            )
        except DatabaseUnreachable:
            return failed("api.database_away")
        points = [[round(p.lon, 5), round(p.lat, 5), wire.ms(p.time), p.speed_kmh] for p in reversed(found)]
        return answer({"t": wire.ms(now), "unit": unit_id, "points": points})

    async def day(district: str, property: str = "") -> Response:  # noqa: A002 - the word in the address
        if property not in PROPERTIES:
            return missing(f"/api/map/district/{district}")
        now = house.clock()
        end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        try:
            found = await house.database.ask(
                lambda conn: rollups.list_district_hours(conn, property, since=end - LAST_DAY, until=end)
            )
        except DatabaseUnreachable:
            return failed("api.database_away")
        means = {row.hour: row.mean for row in found if row.district_code == district}
        hours = [end - LAST_DAY + timedelta(hours=k) for k in range(24)]
        values = [_finite(means.get(hour)) for hour in hours]
        return answer({"t": wire.ms(now), "start": wire.ms(hours[0]), "step_s": 3600, "values": values})

    server.add_api_route("/api/map/track/{unit_id}", track, methods=["GET"])
    server.add_api_route("/api/map/district/{district}", day, methods=["GET"])


@lru_cache(maxsize=2)
def ground(city: City) -> Json:
    """What does not move: districts with their bounds and what is in them, places, named roads by district."""
    table = areas.by_district(city).to_dict("index") if city.districts else {}
    return {
        "districts": [
            {
                "code": d.code, "zh": d.name_zh, "en": d.name_en, "at": list(d.centroid), "bounds": _rounded(d.polygon.bounds),
                "facts": {key: value for key, value in table.get(d.code, {}).items() if key not in ("name_zh", "name_en")},
            }
            for d in city.districts
        ],
        "places": [_place(place, city) for place in city.places],
        "roads": [
            {
                "zh": s.name_zh, "en": s.name_en, "class": s.road_class, "district": code, "length_m": round(s.length_m),
                "bounds": _rounded(s.bounds),
            }
            for code, found in streets(city).items()
            for s in found
        ],
    }  # fmt: skip


def _place(p: Place, city: City) -> Json:
    """A place; an underpass with the line of its road, which is what is closed when it is under water."""
    placed = {
        "id": p.id, "kind": p.kind, "zh": p.name_zh, "en": p.name_en, "lon": round(p.lon, 6), "lat": round(p.lat, 6),
        "district": p.district_code, "facts": dict(p.attributes),
    }  # fmt: skip
    row = p.attributes.get("road")
    return placed | {"line": _line(city, row)} if p.kind == "underpass" and isinstance(row, int) else placed


def _line(city: City, row: int) -> list[list[float]]:
    shapes = _road_shapes(city)
    return [_rounded(corner) for corner in shapely.get_coordinates(shapes[row]).tolist()] if 0 <= row < len(shapes) else []


@lru_cache(maxsize=1)
def _road_shapes(city: City) -> Any:
    layer = city.layer("roads")
    return () if layer is None else layer.shapes


def _rounded(degrees: Iterable[float]) -> list[float]:
    return [round(value, wire.PLACES) for value in degrees]


class _LoopRoads:
    """The roads with a detector, found again every `LOOPS_KEPT`: finding them takes a second of a large city."""

    def __init__(self, house: Deployment) -> None:
        self._house = house
        self._lock = asyncio.Lock()
        self._found_at: datetime | None = None
        self._found: list[Json] = []

    async def get(self) -> list[Json]:
        """Raises DatabaseUnreachable."""
        city = self._house.city
        if city is None:
            return []
        async with self._lock:
            now = self._house.clock()
            if self._found_at is None or abs(now - self._found_at) > LOOPS_KEPT:
                kind = SensorKind.TRAFFIC_FLOW.type_name
                posts = await self._house.database.ask(lambda conn: whereabouts.list_posts(conn, kind, Moment.live(now)))
                roads = await asyncio.to_thread(loop_roads, city, [(p.device_id, p.lon, p.lat) for p in posts])
                self._found, self._found_at = [_road(road) for road in roads], now
            return self._found


def _road(road: LoopRoad) -> Json:
    return {
        "device": road.device_id, "zh": road.name_zh, "en": road.name_en, "class": road.road_class, "free_kmh": road.free_kmh,
        "length_m": round(road.length_m), "lines": road.lines,
    }  # fmt: skip


def _request(r: whereabouts.Request) -> Json:
    return {
        "id": r.request_id, "source": r.source, "class": r.request_class, "lon": round(r.lon, wire.PLACES),
        "lat": round(r.lat, wire.PLACES), "time": wire.ms(r.time), "due": wire.ms(r.due),
    }  # fmt: skip


Floats = np.ndarray[Any, np.dtype[np.float32]]
Heat = Callable[[Connection, Moment, datetime, City | None], Floats]


def _of_calls(conn: Connection, moment: Moment, since: datetime, city: City | None) -> Floats:
    return _packed([(p.lon, p.lat, 1.0) for p in whereabouts.list_calls(conn, moment, since=since, limit=MOST_POINTS)])


def _of_requests(conn: Connection, moment: Moment, since: datetime, city: City | None) -> Floats:
    return _packed([(p.lon, p.lat, 1.0) for p in whereabouts.list_requests(conn, moment, since=since, limit=MOST_POINTS)])


def _of_halls(conn: Connection, moment: Moment, since: datetime, city: City | None) -> Floats:
    """Tickets drawn, at the halls that the city knows."""
    tickets = whereabouts.count_tickets(conn, moment, since=since)
    return _packed([(p.lon, p.lat, float(tickets[p.id])) for p in (city.places if city else ()) if p.id in tickets])


HEAT: dict[str, Heat] = {"calls": _of_calls, "requests": _of_requests, "halls": _of_halls}


def _packed(points: list[tuple[float, float, float]]) -> Floats:
    return np.array(points, dtype="<f4").reshape(-1, 3)


def _hours(text: str) -> timedelta | None:
    """Whole hours, at most a week."""
    good = text.isascii() and text.isdigit() and 0 < int(text[:6]) <= HOURS_AT_MOST
    return timedelta(hours=int(text)) if good else None


def _bounds(text: str) -> tuple[float, float, float, float] | None:
    """`west,south,east,north` in degrees."""
    numbers = _numbers(text.split(",")[:5])
    return (numbers[0], numbers[1], numbers[2], numbers[3]) if numbers is not None and len(numbers) == 4 else None


def _numbers(parts: Any) -> list[float] | None:
    try:
        numbers = [float(part) for part in parts]
    except (TypeError, ValueError):
        return None
    return numbers if all(math.isfinite(n) for n in numbers) else None


def polygon(ring: Any) -> Any:
    """Corners [lon, lat] of an area as a polygon; None for what is none."""
    if not isinstance(ring, list) or not 3 <= len(ring) <= MOST_CORNERS:
        return None
    corners = [_numbers(corner) if isinstance(corner, list) and len(corner) == 2 else None for corner in ring]
    good = [c for c in corners if c is not None and abs(c[0]) <= 180 and abs(c[1]) < 85]
    return shapely.Polygon(good) if len(good) == len(ring) else None


def inside(found: areas.Within) -> Json:
    """What an area holds: residents, and places by kind with their sum of what they can hold."""
    kinds: dict[str, Json] = {}
    for place in found.places:
        row = kinds.setdefault(place.kind, {"n": 0, "holds": None, "names": []})
        row["n"] += 1
        row["names"].append({"id": place.id, "zh": place.name_zh, "en": place.name_en})
        if isinstance(amount := place.attributes.get(areas.CAPACITY.get(place.kind, "")), int | float):
            row["holds"] = (row["holds"] or 0) + amount
    return {"area_km2": found.area_km2, "residents": found.residents, "by_district": dict(found.by_district), "kinds": kinds}


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
