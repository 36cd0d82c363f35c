"""Loops on roads: which stretch each traffic detector speaks for, and how fast one drives there when nobody is in the way.

A detector belongs to the nearest road within `NEAR_M`, and speaks for the stretches of the same name and class that lie nearer
to it than to any other detector of that road, at most `REACH_M` away; a road without a name has no other stretches. Positions
are WGS-84 degrees, lengths metres, speeds km/h. Source: the layer `roads` of the city directory, its `speed_kmh` (the speed of
the road graph where the layer does not say).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import cos, radians
from typing import Any

import numpy as np
import shapely

from gis_data.city import City
from gis_data.crs import METRES_PER_DEGREE

NEAR_M = 40.0
REACH_M = 1200.0
TOLERANCE_M = 6.0
"""How far a drawn line may lie from the road."""


@dataclass(frozen=True)
class LoopRoad:
    """The stretches a detector speaks for. `free_kmh` is None where nobody says how fast one may drive; `lines` are lists of
    (lon, lat), `rows` those of the roads layer."""

    device_id: str
    name_zh: str
    name_en: str
    road_class: str
    free_kmh: float | None
    length_m: float
    lines: Sequence[Sequence[tuple[float, float]]] = field(repr=False)
    rows: tuple[int, ...] = field(default=(), repr=False)


def loop_roads(city: City, loops: Sequence[tuple[str, float, float]]) -> list[LoopRoad]:
    """Detectors (id, lon, lat) with their stretches, in the order given; without those that stand on no road."""
    layer = city.layer("roads")
    if layer is None or not loops or not len(layer.shapes):
        return []
    rows, shapes = layer.properties, np.asarray(layer.shapes, dtype=object)
    flat = _flat(shapes, city)
    posts = _flat(shapely.points([loop[1:] for loop in loops]), city)
    found, nearest = shapely.STRtree(flat).query_nearest(posts, max_distance=NEAR_M, all_matches=False)
    of_road: dict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
    for loop, row in zip(found.tolist(), nearest.tolist(), strict=True):
        of_road[_road(rows[row], row)].append((loop, row))
    members: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for k, row in enumerate(rows):
        if (key := _road(row, k)) in of_road:
            members[key].append(k)
    stretches: dict[int, list[int]] = {}
    for key, standing in of_road.items():
        pieces = np.array(members[key])
        apart = np.array([shapely.distance(flat[pieces], posts[loop]) for loop, _ in standing])
        owner = np.argmin(apart, axis=0)
        for n, (loop, row) in enumerate(standing):
            stretches[loop] = sorted({row, *pieces[(owner == n) & (apart[n] <= REACH_M)].tolist()})
    on = dict(zip(found.tolist(), nearest.tolist(), strict=True))
    return [_loop_road(city, loops[k][0], rows[on[k]], on[k], stretches[k], shapes, flat) for k in sorted(stretches)]


def _road(row: Mapping[str, Any], number: int) -> tuple[str, ...]:
    name = row.get("name_zh") or row.get("name_en")
    return (str(name), str(row.get("class"))) if name else (f"#{number}",)


def _flat(shapes: Any, city: City) -> Any:
    """Shapes in metres around the city's centre, so that near and far mean the same in every direction."""
    lon, lat = city.centre
    factors = np.array([cos(radians(lat)) * METRES_PER_DEGREE, METRES_PER_DEGREE])
    return shapely.transform(shapes, lambda xy: (xy - [lon, lat]) * factors)


def _loop_road(
    city: City, device_id: str, row: Mapping[str, Any], number: int, pieces: Sequence[int], shapes: Any, flat: Any
) -> LoopRoad:
    joined = shapely.line_merge(shapely.multilinestrings(shapely.get_parts(shapes[list(pieces)]).tolist()))
    drawn = shapely.get_parts(shapely.simplify(joined, TOLERANCE_M / METRES_PER_DEGREE))
    lines = [[(round(x, 5), round(y, 5)) for x, y in shapely.get_coordinates(part).tolist()] for part in drawn]
    return LoopRoad(
        device_id, str(row.get("name_zh") or ""), str(row.get("name_en") or ""), str(row.get("class") or ""),
        _free_kmh(city, row, number), float(shapely.length(flat[list(pieces)]).sum()), lines, tuple(pieces),
    )  # fmt: skip


def _free_kmh(city: City, row: Mapping[str, Any], number: int) -> float | None:
    if row.get("speed_kmh"):
        return float(row["speed_kmh"])
    graph = city.roads()
    speeds = [] if graph is None else graph.arc_speed_kmh[graph.arcs_of(number)].tolist()
    return round(max(speeds), 1) if speeds else None
