"""Incidents by people: what may be the same incident, what a source says, whom an incident touches, how long segments took."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from dashboard import wire
from dashboard.answers import time
from dashboard.api import LONGEST_PATH, answer, failed, missing
from dashboard.api.dossiers import alike, is_id
from dashboard.api.shared import Shared
from dashboard.api.streets import read_point
from dashboard.bodies import read_body
from dashboard.deployment import Deployment
from dashboard.wire import Json, ms
from dashboard.wire_dossiers import candidate
from dispatch import incidents as acting
from dispatch.merging import Report
from domain.incidents import HAZARD_CLASSES, SourceKind
from domain.moments import Moment
from domain.refusals import Refused
from domain.segments import STANDARD, Performance, SegmentKind, Targets, performance
from gis_data.drawing import as_geojson, read_shape
from gis_data.impact import Impact, PlacesOfKind, held_by, impact
from storage import commands, evidence, incidents
from storage import performance as durations
from storage.connection import Connection, DatabaseUnreachable

KEPT_FOR = {1: timedelta(minutes=1), 7: timedelta(minutes=5), 30: timedelta(minutes=10)}
"""Days that are told → how long the answer is kept: a month of 30,000 orders is counted in a second and a half."""
LONGEST_WORDS = 500


def mount(server: FastAPI, house: Deployment) -> None:
    async def duplicates(request: Request) -> Response:
        said = request.query_params
        point, now = read_point(said.get("lon"), said.get("lat")), house.clock()
        if point is None or said.get("hazard") not in HAZARD_CLASSES:
            return missing("/api/incidents/duplicates")
        words = said.get("words", "")[:LONGEST_WORDS]
        try:
            at = time(said.get("at")) or now
            report = Report(said["hazard"], *point, at, (words,) if words.strip() else ())
            found = await house.database.ask(lambda conn: alike(conn, Moment.live(now), report, but=said.get("incident")))
        except Refused as refusal:
            return _refused(refusal)
        except DatabaseUnreachable:
            return failed("api.database_away")
        return answer({"t": ms(now), "candidates": [candidate(*row) for row in found]})

    async def source(request: Request) -> Response:
        said, now = request.query_params, house.clock()
        kind, name = SourceKind.known(said.get("kind", "")), said.get("source", "")
        if kind is None or not is_id(name) or "\0" in said.get("device", ""):
            return missing("/api/incidents/evidence")

        def read(conn: Connection) -> Json:
            found = acting.find_source(conn, kind.value, name, said.get("device"), now)
            moment = Moment.live(now)
            return {
                "kind": kind, "source": found.source_id, "device": found.device_id or None, "class": found.source_class,
                "hazard": found.source_class if found.source_class in HAZARD_CLASSES else None, "lon": found.lon,
                "lat": found.lat, "at": ms(found.happened_at), "zh": found.words[0] if found.words else None,
                "en": found.words[1] if found.words else None,
                "incidents": evidence.list_incidents_of(conn, kind, found.source_id, found.device_id, moment),
            }  # fmt: skip

        try:
            return answer(await house.database.ask(read))
        except Refused as refusal:
            return _refused(refusal, 404)
        except DatabaseUnreachable:
            return failed("api.database_away")

    server.add_api_route("/api/incidents/duplicates", duplicates, methods=["GET"])
    server.add_api_route("/api/incidents/evidence", source, methods=["GET"])
    _mount_impact(server, house)
    _mount_segments(server, house)


def _mount_impact(server: FastAPI, house: Deployment) -> None:
    async def of_incident(incident_id: str) -> Response:
        now = house.clock()
        path = f"/api/incidents/{incident_id}/impact"[:LONGEST_PATH]
        if house.city is None or not is_id(incident_id):
            return failed("api.no_city", 404) if house.city is None else missing(path)

        def read(conn: Connection) -> tuple[Json, float | None] | None:
            moment = Moment.live(now)
            found = incidents.find_incident(conn, incident_id, moment)
            if found is None or found.exercise_id is not None:
                return None
            drawn = commands.find_area(conn, incident_id, moment)
            if drawn is None:
                return {"type": "Point", "coordinates": [found.lon, found.lat]}, house.radii.of(found.hazard_class)
            reach_m = drawn.reach_m
            if reach_m is None and drawn.shape["type"] != "Polygon":
                reach_m = house.radii.of(found.hazard_class)
            return dict(drawn.shape), reach_m

        try:
            found = await house.database.ask(read)
        except DatabaseUnreachable:
            return failed("api.database_away")
        return missing(path) if found is None else answer(await asyncio.to_thread(_counted, house, *found))

    async def of_drawn(request: Request) -> Response:
        """{"shape": GeoJSON, "reach_m": …, "hazard": …, "crs": …} → what lies inside of what is not yet saved."""
        if house.city is None:
            return failed("api.no_city", 404)
        body = read_body(await request.body())
        said = body if isinstance(body, Mapping) else {}
        try:
            shape, _ = read_shape(said.get("shape") or "", str(said["crs"]) if said.get("crs") else None)
            reach_m = acting.read_reach(str(said["reach_m"])) if said.get("reach_m") is not None else None
        except Refused as refusal:
            return _refused(refusal, 400)
        if reach_m is None and shape.geom_type != "Polygon":
            reach_m = house.radii.of(str(said.get("hazard", "")))
        return answer(await asyncio.to_thread(_counted, house, as_geojson(shape), reach_m))

    server.add_api_route("/api/incidents/{incident_id}/impact", of_incident, methods=["GET"])
    server.add_api_route("/api/impact", of_drawn, methods=["POST"])


def _counted(house: Deployment, shape: Mapping[str, Any], reach_m: float | None) -> Json:
    assert house.city is not None
    return impact_json(impact(house.city, read_shape(shape)[0], reach_m))


def impact_json(found: Impact) -> Json:
    """What lies inside, as browsers get it; roads in whole metres."""
    return {
        "shape": as_geojson(found.shape), "basis": found.basis, "reach_m": found.reach_m, "area_km2": found.area_km2,
        "residents": found.residents, "districts": dict(found.by_district),
        "kinds": {kind: _kind(places) for kind, places in found.kinds.items()},
        "roads": None if found.roads_m is None else {name: round(metres) for name, metres in found.roads_m.items()},
    }  # fmt: skip


def _kind(found: PlacesOfKind) -> Json:
    return {
        "n": len(found.places), "holds": found.holds, "unit": found.attribute,
        "places": [
            {"id": p.id, "zh": p.name_zh, "en": p.name_en, "lon": round(p.lon, wire.PLACES), "lat": round(p.lat, wire.PLACES),
             "holds": held_by(p)}
            for p in found.places
        ],
    }  # fmt: skip


def _mount_segments(server: FastAPI, house: Deployment) -> None:
    def shared(days: int) -> Shared:
        return Shared(house, partial(_segments, days=days, targets=house.targets), kept=KEPT_FOR[days])

    kept = {days: shared(days) for days in KEPT_FOR}

    async def segments(days: str = "1") -> Response:
        if days not in map(str, KEPT_FOR):
            return failed("api.no_days", 400)
        try:
            return Response(await kept[int(days)].get(), headers={"cache-control": "no-store"}, media_type="application/json")
        except DatabaseUnreachable:
            return failed("api.database_away")

    server.add_api_route("/api/segments", segments, methods=["GET"])


def _segments(conn: Connection, now: datetime, *, days: int, targets: Targets) -> Json:
    found = durations.list_durations(conn, Moment.live(now), since=now - timedelta(days=days))
    processed = [seconds for (_, segment), each in found.items() if segment is SegmentKind.PROCESSING for seconds in each]
    rows = [performance(None, SegmentKind.PROCESSING, processed, targets.processing_s)]
    rows += [performance(kind, segment, each, targets.of(segment, kind)) for (kind, segment), each in sorted(found.items())]
    return {"t": ms(now), "days": days, "standard": STANDARD, "rows": [_row(row) for row in rows]}


def _row(p: Performance) -> Json:
    return {
        "unit_kind": p.unit_kind, "segment": p.segment, "n": p.n, "p90_s": None if p.p90_s is None else round(p.p90_s, 1),
        "target_s": p.target_s, "within": None if p.within is None else round(p.within, 4),
    }  # fmt: skip


def _refused(refusal: Refused, status: int = 400) -> Response:
    return answer({"error": refusal.code, "zh": refusal.zh, "en": refusal.en}, status)
