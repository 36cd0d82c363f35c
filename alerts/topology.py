"""Topology: which devices watch the same water or the same road, as pairs of neighbours.

Gauges on one stream are linked with the next one along it, detectors on one road with the next one along it, and the gauge of
an underpass with the detectors of its road that are near. Positions are WGS-84 degrees, lengths metres. Source: the layers
`waterways` and `roads` of the city directory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, radians
from typing import Any

import numpy as np
import shapely

from gis_data.city import City
from gis_data.crs import METRES_PER_DEGREE

STREAM_NEAR_M, ROAD_NEAR_M = 400.0, 40.0
"""So near to a line a gauge, or a detector, belongs to it."""
UNDERPASS_REACH_M = 1_500.0
GAUGE, DETECTOR, UNDERPASS = "waterLevel", "averageVehicleSpeed", "waterDepth"
OBSERVED = frozenset({GAUGE, DETECTOR, UNDERPASS})
"""By what a device observes one knows what it is."""


@dataclass(frozen=True, slots=True)
class Post:
    """A device: what it observes, and where."""

    device_id: str
    observed: str
    lon: float
    lat: float


def links(posts: Iterable[Post], city: City | None) -> list[tuple[str, str]]:
    """Pairs of devices that are linked, each once. Without a city: none."""
    if city is None:
        return []
    of: dict[str, list[Post]] = defaultdict(list)
    for post in posts:
        of[post.observed].append(post)
    found = [
        *_along(city, "waterways", of[GAUGE], STREAM_NEAR_M),
        *_along(city, "roads", of[DETECTOR], ROAD_NEAR_M),
        *_at_underpasses(city, of[UNDERPASS], of[DETECTOR]),
    ]
    return sorted({(min(pair), max(pair)) for pair in found})


def _along(city: City, name: str, posts: Sequence[Post], near_m: float) -> list[tuple[str, str]]:
    """Neighbours on lines of one name, in the order in which they stand along them."""
    pairs = []
    for standing in _by_line(city, name, posts, near_m).values():
        ordered = sorted(standing, key=lambda row: (row[1], row[0].device_id))
        pairs += [(one.device_id, other.device_id) for (one, _), (other, _) in pairwise(ordered)]
    return pairs


def _by_line(city: City, name: str, posts: Sequence[Post], near_m: float) -> dict[tuple[str, ...], list[tuple[Post, float]]]:
    """Posts by the line on which they stand, with how far along it; pieces of one name and class are one line."""
    layer = city.layer(name)
    if layer is None or not posts or not len(layer.shapes):
        return {}
    flat = _flat(np.asarray(layer.shapes, dtype=object), city)
    places = _flat(shapely.points([(post.lon, post.lat) for post in posts]), city)
    which, nearest = shapely.STRtree(flat).query_nearest(places, max_distance=near_m, all_matches=False)
    keys = [_key(row, number) for number, row in enumerate(layer.properties)]
    wanted = {keys[row] for row in nearest.tolist()}
    whole: dict[tuple[str, ...], Any] = {}
    for key in wanted:
        pieces = [shape for shape, one in zip(flat, keys, strict=True) if one == key]
        whole[key] = shapely.line_merge(shapely.multilinestrings(shapely.get_parts(pieces).tolist()))
    found: dict[tuple[str, ...], list[tuple[Post, float]]] = defaultdict(list)
    for k, row in zip(which.tolist(), nearest.tolist(), strict=True):
        key = keys[row]
        found[key].append((posts[k], float(shapely.line_locate_point(_as_line(whole[key]), places[k]))))
    return found


def _as_line(merged: Any) -> Any:
    """A line to measure along: pieces that do not touch are strung together from west to east."""
    if merged.geom_type == "LineString":
        return merged
    parts = sorted(shapely.get_parts(merged).tolist(), key=lambda part: part.bounds)
    return shapely.linestrings(np.concatenate([shapely.get_coordinates(part) for part in parts]))


def _key(row: Mapping[str, Any], number: int) -> tuple[str, ...]:
    name = row.get("name_zh") or row.get("name_en")
    return (str(name), str(row.get("class") or row.get("kind") or "")) if name else (f"#{number}",)


def _at_underpasses(city: City, gauges: Sequence[Post], detectors: Sequence[Post]) -> list[tuple[str, str]]:
    """An underpass's gauge with the detectors of its road within reach."""
    on_road = {
        post.device_id: key for key, standing in _by_line(city, "roads", detectors, ROAD_NEAR_M).items() for post, _ in standing
    }
    pairs = []
    for key, standing in _by_line(city, "roads", gauges, ROAD_NEAR_M).items():
        for gauge, _ in standing:
            for post in detectors:
                if on_road.get(post.device_id) == key and _apart_m(gauge, post) <= UNDERPASS_REACH_M:
                    pairs.append((gauge.device_id, post.device_id))
    return pairs


def _apart_m(one: Post, other: Post) -> float:
    across = cos(radians((one.lat + other.lat) / 2))
    return METRES_PER_DEGREE * float(np.hypot((one.lon - other.lon) * across, one.lat - other.lat))


def _flat(shapes: Any, city: City) -> Any:
    """Shapes in metres around the city's centre."""
    lon, lat = city.centre
    factors = np.array([cos(radians(lat)) * METRES_PER_DEGREE, METRES_PER_DEGREE])
    return shapely.transform(shapes, lambda xy: (xy - [lon, lat]) * factors)
