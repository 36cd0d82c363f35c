"""The wire of plans: recommendations, orders that nobody answered, closures, ways and reach as the JSON that pages ask for. Pure;
times are milliseconds since 1970, UTC; shapes are GeoJSON, WGS-84."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import orjson
import shapely

from dashboard.wire import Json, ms
from domain.closures import Closure, ClosureSource
from gis_data.city_roads import Driven
from gis_data.isochrones import Reach
from storage.proposals import Recommendation, Unanswered
from storage.stand_bys import UnansweredStandBy

DIGITS = 1e-5
"""Of a degree: a metre."""


def board(
    made: Recommendation | None, held_at: datetime | None, unanswered: Sequence[Unanswered], moves: Sequence[UnansweredStandBy],
    now: datetime, *, is_alive: bool, names: Mapping[str, tuple[str, str]],
) -> Json:  # fmt: skip
    """Everything that is proposed now. `held_at`: when the planner last said that the recommendation holds; `names` are those
    of the places where units are to stand by, by id."""
    said = made.content if made is not None else {}
    return {
        "t": ms(now), "planner": {"is_alive": is_alive, "checked": ms(held_at)},
        "recommendation": _recommendation(made, held_at, now) if made is not None else None,
        "incidents": said.get("incidents", []), "moves": said.get("moves", []),
        "unanswered": [*map(_unanswered, unanswered), *(_unanswered_move(move, names) for move in moves)],
    }  # fmt: skip


def of_incident(whole: Json, incident_id: str) -> Json:
    """The part of the board that is about one incident."""
    return {
        **whole, "incidents": [i for i in whole["incidents"] if i["incident"] == incident_id],
        "unanswered": [u for u in whole["unanswered"] if u["incident"] == incident_id],
    }  # fmt: skip


def _recommendation(made: Recommendation, held_at: datetime | None, now: datetime) -> Json:
    held = max(made.issued_at, held_at or made.issued_at)
    return {
        "id": made.recommendation_id, "issued": ms(made.issued_at), "age_s": round((now - made.issued_at).total_seconds()),
        "is_binding": now - held <= timedelta(seconds=float(made.content.get("binds_s", 0))), "basis": made.basis,
        "cost": made.content["cost"], "cost_unturned": made.content["cost_unturned"], "inputs": made.content["inputs"],
    }  # fmt: skip


def _unanswered(each: Unanswered) -> Json:
    return {
        "order": each.order_id, "unit": each.unit_id, "incident": each.incident_id, "since": ms(each.issued_at),
        "state": "waiting" if each.lapsed_at is None else "lapsed", "lapsed": ms(each.lapsed_at), "why": each.why,
    }  # fmt: skip


def _unanswered_move(each: UnansweredStandBy, names: Mapping[str, tuple[str, str]]) -> Json:
    """A unit told to wait at a place; no incident has to do with it."""
    zh, en = names.get(each.place_id, (each.place_id,) * 2)
    return {
        "order": each.command_id, "unit": each.unit_id, "incident": None, "to": {"place": each.place_id, "zh": zh, "en": en},
        "since": ms(each.issued_at),
        "state": "waiting" if each.lapsed_at is None else "lapsed", "lapsed": ms(each.lapsed_at), "why": each.why,
    }  # fmt: skip


def closures(
    found: Sequence[Closure], now: datetime, roads_of: Callable[[Closure], tuple[Sequence[tuple[str, str]], int]], *,
    with_words: bool,
) -> Json:  # fmt: skip
    """Closed roads as features; `roads_of` gives the names of the roads and how many arcs a closure takes out. Without
    words, what people gave as their reason stays away."""
    features = []
    for c in found:
        names, n_arcs = roads_of(c)
        reason = c.reason if with_words or c.source is not ClosureSource.DRAWN else None
        features.append({
            "type": "Feature", "geometry": c.geometry,
            "properties": {
                "id": c.closure_id, "source": c.source, "reason": reason, "since": ms(c.valid_from), "until": ms(c.valid_until),
                "by": c.actor, "object": c.object_id, "depth_m": c.depth_m, "n_arcs": n_arcs,
                "roads": [{"zh": zh, "en": en} for zh, en in names],
            },
        })  # fmt: skip
    return {"type": "FeatureCollection", "t": ms(now), "features": features}


def route(driven: Driven | None, unit_id: str, incident_id: str, now: datetime) -> Json:
    """The way by the roads of now; without geometry where none leads there."""
    about = {"unit": unit_id, "incident": incident_id, "basis": "roads", "closures_at": ms(now)}
    if driven is None:
        return {"type": "Feature", "geometry": None, "properties": {**about, "unreachable": True}}
    way = driven.way
    named = [{"zh": zh, "en": en, "length_m": round(metres)} for zh, en, metres in way.roads]
    measured = {"seconds": round(driven.seconds), "length_m": round(way.length_m), "roads": named}
    line = [[round(x, 5), round(y, 5)] for x, y in way.line.tolist()]
    return {"type": "Feature", "geometry": {"type": "LineString", "coordinates": line}, "properties": {**about, **measured}}


def straight(
    origin: tuple[float, float], place: tuple[float, float], metres: float, seconds: float, unit_id: str, incident_id: str,
    now: datetime,
) -> Json:  # fmt: skip
    """A straight line with what is estimated of it, for a city without roads."""
    line = {"type": "LineString", "coordinates": [list(origin), list(place)]}
    return {
        "type": "Feature", "geometry": line,
        "properties": {
            "unit": unit_id, "incident": incident_id, "basis": "distance", "closures_at": ms(now), "seconds": round(seconds),
            "length_m": round(metres), "roads": [],
        },
    }  # fmt: skip


def isochrones(reach: Sequence[Reach], about: Json, now: datetime, residents_of: Callable[[Reach], int | None]) -> Json:
    """Areas of reach, the furthest first."""
    features = []
    for each in sorted(reach, key=lambda r: -r.seconds):
        drawn = shapely.set_precision(each.area, DIGITS, mode="valid_output")
        features.append({
            "type": "Feature", "geometry": orjson.loads(shapely.to_geojson(drawn)),
            "properties": {
                "minutes": each.seconds / 60, "seconds": each.seconds, "residents": residents_of(each), "basis": "roads",
            },
        })  # fmt: skip
    return {"type": "FeatureCollection", "t": ms(now), "of": about, "features": features}
