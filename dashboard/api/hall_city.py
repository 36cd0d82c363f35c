"""The halls of the city together, as JSON: how burdened each is, where people had better go instead, which services are hot, what
rain and closed roads do, and when it is best to come.

Read at most every KEPT for all who ask; the ways by the roads of now, for people who drive as others do: no emergency factor, and
nothing that is closed. Who answers for some halls alone hears of those, and of the city as a whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from fastapi import FastAPI
from starlette.responses import Response

from dashboard import visitor
from dashboard.api import answer, failed
from dashboard.api.halls import Halls
from dashboard.deployment import Deployment
from dashboard.ways import RoadState, read_state, ways_of
from dashboard.wire import Json, ms
from dispatch.policies.nearest import great_circle_m
from gis_data.city import City
from gis_data.city_roads import CityRoads
from staffing.books import Hall, HallsNow
from staffing.city_desk import as_surge
from staffing.city_view import ALL, Burden, WaitAhead, choices, ranking
from staffing.surges import sentence
from storage import hall_city, window_plans
from storage.connection import Connection, DatabaseUnreachable

KEPT = timedelta(seconds=15)
WAITS_SINCE = timedelta(minutes=20)
"""An older forecast of waits says nothing of now."""
ENDED_SINCE = timedelta(minutes=30)
"""So long a surge that is over is still told."""
MOST_SURGES = 20
ROADS, DISTANCE = "roads", "distance"
HOUR_S = 3_600

Point = tuple[float, float]
Waits = Mapping[tuple[str, str], WaitAhead]
"""By hall and item."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What the database says."""

    waits: Waits
    surges: Sequence[hall_city.StoredSurge]
    weeks: tuple[datetime, Mapping[str, Any]] | None
    roads: RoadState
    asking: Sequence[str]
    """Halls with a proposal that waits for a decision."""


class CityOfHalls:
    """The whole answer, the same for everybody who asks within KEPT."""

    def __init__(self, house: Deployment) -> None:
        self._house, self._halls = house, Halls(house)
        self._ways = ways_of(house.city, house.unit_speed_kmh)
        self._lock = asyncio.Lock()
        self._read_at: datetime | None = None
        self._said: Json = {}

    async def get(self) -> Json:
        """Raises DatabaseUnreachable."""
        async with self._lock:
            now = self._house.clock()
            if self._read_at is None or abs(now - self._read_at) >= KEPT:
                self._said = await self._answer(now)
                self._read_at = now
            return self._said

    async def _answer(self, now: datetime) -> Json:
        halls = await self._halls.now()
        read = await self._house.database.ask(lambda conn: _read(conn, now))
        homes = await asyncio.to_thread(homes_of, self._house.city) if self._house.city else {}
        stand = {h.hall_id: (h.place.lon, h.place.lat) for h in halls.halls if h.place is not None}
        places = {hall_id: (lon, lat) for hall_id, (lon, lat) in stand.items() if lon is not None and lat is not None}
        travel: list[list[float]] | None = None
        if homes and places:
            factor = read.roads.emergency_factor
            travel = await self._ways.ask(
                read.roads, lambda roads: travel_s(roads, list(homes.values()), list(places.values()), factor)
            )
        basis = DISTANCE if travel is None else ROADS
        if travel is None:
            m_s = self._house.unit_speed_kmh / 3.6 / self._house.road_detour
            travel = [[great_circle_m(*home, *place) / m_s for place in places.values()] for home in homes.values()]
        seconds = {code: dict(zip(places, row, strict=True)) for code, row in zip(homes, travel, strict=True)}
        # every district with every item and hall: the loop has others to answer meanwhile
        return await asyncio.to_thread(self._told, halls, read, seconds, basis, now)

    @staticmethod
    def _told(halls: HallsNow, read: _Read, seconds: Mapping[str, Mapping[str, float]], basis: str, now: datetime) -> Json:
        return {
            "t": ms(now), **_compared(halls, read.waits, now), **_instead(halls, read.waits, seconds, basis, now),
            "surges": [_surge(surge, halls) for surge in _first(read.surges)], "n_surges": len(read.surges),
            "asking": list(read.asking), **_weeks(read.weeks),
        }  # fmt: skip


def mount(server: FastAPI, house: Deployment) -> None:
    city = CityOfHalls(house)

    async def asked() -> Response:
        try:
            return answer(of_halls(await city.get(), visitor.halls()))
        except DatabaseUnreachable:
            return failed("api.database_away")

    server.add_api_route("/api/halls/city", asked, methods=["GET"])


def of_halls(said: Json, own: frozenset[str] | None) -> Json:
    """The answer for who answers for some halls alone: of those, and of the city as a whole; None: of all."""
    if own is None:
        return said
    instead = [{**row, "halls": [h for h in row["halls"] if h["id"] in own]} for row in said["instead"]]
    return said | {
        "halls": [hall for hall in said["halls"] if hall["id"] in own],
        "instead": [row for row in instead if row["halls"]],
        "surges": [surge for surge in said["surges"] if surge["hall"] is None or surge["hall"] in own],
        "best": [row for row in said["best"] if row["hall"] in own],
        "asking": [hall_id for hall_id in said["asking"] if hall_id in own],
    }


def travel_s(roads: CityRoads, homes: Sequence[Point], places: Sequence[Point], emergency_factor: float) -> list[list[float]]:
    """Seconds (homes × places) by the roads of now for people who drive as others do, infinite where no way leads: on the roads
    the times of emergency drivers, times the factor by which they are faster."""
    columns = []
    for place in places:
        node_s, (_, in_s) = roads.live.times_to(place), roads.live.at(place)
        column = []
        for home in homes:
            node, out_s = roads.live.at(home)
            column.append(float("inf") if node is None else float((node_s[node] - in_s) * emergency_factor + in_s + out_s))
        columns.append(column)
    return [list(row) for row in zip(*columns, strict=True)]


@lru_cache(maxsize=2)
def homes_of(city: City) -> dict[str, Point]:
    """Where the people of each district live on average; a point inside it where nobody knows how many live where."""
    homes = {d.code: (float(p.x), float(p.y)) for d in city.districts for p in [shapely.point_on_surface(d.polygon)]}
    layer = city.layer("population")
    if layer is None:
        return homes
    middles = shapely.centroid(np.asarray(layer.shapes, dtype=object))
    of = np.array([str(row.get("district")) for row in layer.properties])
    residents = np.array([float(row["population"]) for row in layer.properties])
    for code in homes:
        weight = np.where(of == code, residents, 0.0)
        if weight.sum() > 0:
            lon, lat = (float(np.average(get(middles), weights=weight)) for get in (shapely.get_x, shapely.get_y))
            homes[code] = lon, lat
    return homes


def _read(conn: Connection, now: datetime) -> _Read:
    """From: wait_forecast, hall_surge, hall_weeks, road_closure, road_speed, window_proposal."""
    rows = hall_city.list_waits_ahead(conn, now, issued_since=now - WAITS_SINCE)
    waits = {
        (r.hall_id, r.item): WaitAhead(
            r.hall_id, r.item, r.issued_at, tuple(map(float, r.leads_s)), tuple(r.p10_s), tuple(r.p50_s), tuple(r.p90_s)
        )
        for r in rows
    }
    surges = hall_city.list_surges(conn, ended_after=now - ENDED_SINCE)
    asking = [made.hall_id for made in window_plans.list_open(conn) if made.valid_until > now]
    return _Read(waits, surges, hall_city.find_weeks(conn), read_state(conn, now), asking)


def _compared(halls: HallsNow, waits: Waits, now: datetime) -> Json:
    burdens = [_burden(hall, waits.get((hall.hall_id, ALL)), now) for hall in halls.halls]
    rows = []
    for burden, place in zip(burdens, ranking(burdens), strict=True):
        ahead = waits.get((burden.hall_id, ALL))
        worst = ahead.worst(now) if ahead else None
        rows.append({
            "id": burden.hall_id, "load": _rounded(burden.load, 3), "wait_now_s": _rounded(burden.wait_now_s, 0),
            "wait_ahead": {"at": ms(worst[0]), "p50_s": round(worst[1]), "p90_s": round(worst[2])} if worst else None,
            "left_share_today": _rounded(burden.left_share, 4), "good_share": _rounded(burden.good_share, 4), "rank": place.rank,
            "burden": _rounded(place.burden, 3), "parts": {name: round(value, 3) for name, value in place.parts.items()},
        })  # fmt: skip
    return {"halls": rows}


def _burden(hall: Hall, ahead: WaitAhead | None, now: datetime) -> Burden:
    n, worst = hall.now, ahead.worst(now) if ahead else None
    wait_now_s = n.wait_s if n else max((q.value for q in hall.queues if q.property == "wait_s"), default=None)
    if n is not None and not n.is_open:
        wait_now_s = None
    return Burden(
        hall.hall_id, n.load if n else None, wait_now_s, worst[2] if worst else None,
        n.left / n.arrived if n and n.arrived else None, n.good_share if n else None,
    )  # fmt: skip


def _instead(
    halls: HallsNow, waits: Waits, seconds: Mapping[str, Mapping[str, float]], basis: str, now: datetime
) -> Json:  # fmt: skip
    offered: dict[str, list[str]] = {}
    for hall in halls.halls:
        is_shut = hall.now is not None and not hall.now.is_open
        for item in hall.place.items if hall.place and not is_shut else ():
            offered.setdefault(item, []).append(hall.hall_id)
    rows = []
    for code, travel in seconds.items():
        for item, hall_ids in offered.items():
            found = choices(item, travel, hall_ids, lambda hall_id, of: waits.get((hall_id, of)), now)
            if found:
                told = [
                    {"id": c.hall_id, "travel_s": round(c.travel_s), "travel_basis": basis,
                     "wait_s": [round(wait) for wait in c.wait_s], "total_s": round(c.total_s)}
                    for c in found
                ]  # fmt: skip
                rows.append({"from_district": code, "item": item, "halls": told})
    return {"instead": rows}


def _first(surges: Sequence[hall_city.StoredSurge]) -> list[hall_city.StoredSurge]:
    """What the whole city sees before what one hall does, and the least likely first: a rush at many halls is many surges."""
    return sorted(surges, key=lambda row: (row.ended_at is not None, bool(row.hall_id), row.content["chance"]))[:MOST_SURGES]


def _surge(row: hall_city.StoredSurge, halls: HallsNow) -> Json:
    surge, hall = as_surge(row), halls.find(row.hall_id)
    place = hall.place if hall else None
    names = (place.name_zh or row.hall_id, place.name_en or row.hall_id) if place else (row.hall_id,) * 2
    zh, en = sentence(surge, names if row.hall_id else None)
    return {
        "item": surge.item, "hall": surge.hall_id or None, "since": ms(surge.since), "ended": ms(row.ended_at),
        "observed": surge.observed, "expected": surge.expected, "minutes": surge.minutes, "chance": surge.chance,
        "ratio": _rounded(surge.ratio, 2), "zh": zh, "en": en,
    }  # fmt: skip


def _weeks(weeks: tuple[datetime, Mapping[str, Any]] | None) -> Json:
    if weeks is None:
        return {"reckoned": None, "days": 0, "cross": [], "best": []}
    made_at, content = weeks
    return {
        "reckoned": ms(made_at), "days": content["days"],
        "cross": [
            {"what": e["cause"], "zh": e["zh"], "en": e["en"], "n_days": e["n_days"], "effect": _rounded(e["ratio"], 3),
             "low": _rounded(e["low"], 3), "high": _rounded(e["high"], 3)}
            for e in content["cross"]
        ],
        "best": [
            {"hall": u["hall_id"], "item": u["item"], "weekday": u["weekday"], "slot_s": u["hour"] * HOUR_S,
             "p50_s": round(u["p50_s"]), "n": u["n"], "n_days": u["n_days"]}
            for u in content["best"]
        ],
    }  # fmt: skip


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
