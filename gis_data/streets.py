"""Streets: the named roads of each district, how long they are, where they run and which places stand on them.

A street is what a name of the roads layer covers inside one district; a place belongs to the nearest named road within
`REACH_M`. Positions are WGS-84 degrees. Lengths are measured on a plane tangent at the city's centre (metres), true to a
few parts in a thousand over a city. Source: the layers `roads` and `places` of the city directory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import cos, radians
from typing import Any

import numpy as np
import shapely

from gis_data.city import ROAD_CLASSES, City, Place
from gis_data.crs import METRES_PER_DEGREE

REACH_M = 300.0
"""Farther from every named road than this, a place stands on none (an island, a reservoir)."""
TOLERANCE_M = 15.0
"""How far a drawn line may lie from the road: less than the width of the line itself where a whole street is shown."""


@dataclass(frozen=True)
class Street:
    """A named road inside a district. `key` names it there in every language; `lines` are lists of (lon, lat); `bounds` west,
    south, east, north; `places` in the order of their ids."""

    key: str
    name_zh: str
    name_en: str
    road_class: str
    district_code: str
    length_m: float
    bounds: tuple[float, float, float, float]
    lines: Sequence[Sequence[tuple[float, float]]] = field(repr=False)
    places: tuple[Place, ...] = field(repr=False)


@lru_cache(maxsize=2)
def streets(city: City) -> Mapping[str, tuple[Street, ...]]:
    """Streets by district code, those with most places first, longer ones before shorter. Without roads: nothing."""
    roads = _roads(city)
    if roads is None or not city.districts:
        return {}
    pieces: dict[tuple[str, str], list[int]] = defaultdict(list)
    for k, code in _districts(roads.shapes, city).items():
        pieces[code, _key(roads.rows[k])].append(k)
    standing = _standing(city, roads)
    found: dict[str, list[Street]] = defaultdict(list)
    for (code, key), members in pieces.items():
        found[code].append(_street(key, code, members, roads, standing.get((code, key), ())))
    order = {code: tuple(sorted(some, key=lambda s: (-len(s.places), -s.length_m, s.key))) for code, some in found.items()}
    return dict(sorted(order.items()))


def nearest_street(city: City, lon: float, lat: float) -> tuple[str, str, str, float] | None:
    """The named road nearest to a point: its key, its names (zh, en) and how far it is in metres; None beyond `REACH_M`."""
    roads = _roads(city)
    if roads is None:
        return None
    point = _flat(shapely.points([(lon, lat)]), city)[0]
    nearest = roads.tree.query_nearest(point, max_distance=REACH_M, all_matches=False)
    if not len(nearest):
        return None
    row = roads.rows[int(nearest[0])]
    away = float(shapely.distance(point, roads.flat[int(nearest[0])]))
    return _key(row), str(row.get("name_zh") or ""), str(row.get("name_en") or ""), away


@dataclass(frozen=True)
class _Roads:
    """The named roads: shapes in degrees, the same in metres with a spatial index, and what is said of each."""

    shapes: Any
    flat: Any
    tree: shapely.STRtree
    rows: Sequence[Mapping[str, Any]]


@lru_cache(maxsize=2)
def _roads(city: City) -> _Roads | None:
    layer = city.layer("roads")
    named = [k for k, row in enumerate(layer.properties) if row.get("name_zh") or row.get("name_en")] if layer else []
    if layer is None or not named:
        return None
    shapes = np.asarray(layer.shapes, dtype=object)[named]
    flat = _flat(shapes, city)
    return _Roads(shapes, flat, shapely.STRtree(flat), [layer.properties[k] for k in named])


def _key(row: Mapping[str, Any]) -> str:
    return str(row.get("name_zh") or row.get("name_en"))


def _flat(shapes: Any, city: City) -> Any:
    """Shapes in metres around the city's centre, so that near and far mean the same in every direction."""
    lon, lat = city.centre
    factors = np.array([cos(radians(lat)) * METRES_PER_DEGREE, METRES_PER_DEGREE])
    return shapely.transform(shapes, lambda xy: (xy - [lon, lat]) * factors)


def _districts(shapes: Any, city: City) -> dict[int, str]:
    """The district in which the middle of each shape lies, by its row; the first of two that share a border."""
    middles = shapely.line_interpolate_point(shapes, 0.5, normalized=True)
    # the tree is of the points, because what is asked about is prepared: the few polygons with their many corners
    districts, rows = shapely.STRtree(middles).query([d.polygon for d in city.districts], predicate="intersects")
    found: dict[int, str] = {}
    for row, district in sorted(zip(rows.tolist(), districts.tolist(), strict=True)):
        found.setdefault(row, city.districts[district].code)
    return found


def _standing(city: City, roads: _Roads) -> dict[tuple[str, str], tuple[Place, ...]]:
    """Places by the (district, street) they stand on."""
    if not city.places:
        return {}
    points = _flat(shapely.points([(p.lon, p.lat) for p in city.places]), city)
    places, nearest = roads.tree.query_nearest(points, max_distance=REACH_M, all_matches=False)
    found: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for index, road in zip(places.tolist(), nearest.tolist(), strict=True):
        place = city.places[index]
        found[place.district_code or "", _key(roads.rows[road])].append(place)
    return {key: tuple(sorted(members, key=lambda p: p.id)) for key, members in found.items()}


def _street(key: str, code: str, members: Sequence[int], roads: _Roads, places: Sequence[Place]) -> Street:
    rows = [roads.rows[k] for k in members]
    shapes = roads.shapes[list(members)]
    classes = {str(row.get("class")) for row in rows}
    west, south, east, north = (float(edge) for edge in shapely.total_bounds(shapes))
    drawn = shapely.simplify(shapely.line_merge(shapely.multilinestrings(list(shapes))), TOLERANCE_M / METRES_PER_DEGREE)
    lines = [[(round(x, 5), round(y, 5)) for x, y in shapely.get_coordinates(part).tolist()] for part in shapely.get_parts(drawn)]
    return Street(
        key, str(rows[0].get("name_zh") or ""), str(rows[0].get("name_en") or ""),
        next((name for name in ROAD_CLASSES if name in classes), ROAD_CLASSES[-1]), code,
        float(shapely.length(roads.flat[list(members)]).sum()), (west, south, east, north), lines, tuple(places),
    )  # fmt: skip
