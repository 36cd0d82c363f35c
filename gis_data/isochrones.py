"""Isochrones: what is reached within so many seconds, as areas around the roads that are, and the people who live there.

Reach is measured along arcs: an arc that is reached in part counts in part. Points along every arc are laid on a grid of
`CELL_M`; a cell next to one with a road is reached `OFF_ROAD_S` later, which is the block behind the street. The border is drawn
where the seconds pass the limit (marching squares, contourpy). So an area is never a circle: it follows what can be driven now.
Positions are WGS-84 degrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, radians
from typing import Any

import numpy as np
import shapely
from contourpy import FillType, contour_generator
from scipy.ndimage import minimum_filter

from gis_data.city import RoadGraph
from gis_data.crs import METRES_PER_DEGREE
from gis_data.travel_times import Bools, Floats

CELL_M = 120.0
STEP_M = 60.0
"""Between points laid along an arc: at least one in every cell it passes."""
OFF_ROAD_S = 20.0
"""For a cell away from the road: 120 m at some 20 km/h of a yard or a lane that is not in the graph."""
SMALLEST_M2 = 4 * CELL_M**2
"""Holes and islands below it are left out."""


@dataclass(frozen=True)
class Reach:
    """What is reached within `seconds`: an area in degrees, maybe empty."""

    seconds: float
    area: Any


def reached(
    roads: RoadGraph, node_s: Floats, arc_s: Floats, is_open: Bools, limits_s: Sequence[float], *, is_to: bool
) -> list[Reach]:
    """Areas for each limit, in their order. `node_s` (nodes): seconds to or from each node, infinite where not reached; `arc_s`
    and `is_open` (arcs); `is_to`: whether one drives from the arcs to the place, or from the place onto the arcs."""
    furthest_s = max(limits_s)
    begin_s = node_s[roads.arc_to if is_to else roads.arc_from]
    arcs = np.flatnonzero(is_open & (begin_s < furthest_s))
    if not len(arcs):
        return [Reach(limit, shapely.Polygon()) for limit in limits_s]
    x, y, seconds, frame = _points(roads, arcs, begin_s, arc_s, is_to)
    grid = _gridded(x, y, seconds, furthest_s)
    lines = contour_generator(grid.x, grid.y, grid.seconds, fill_type=FillType.OuterOffset)
    return [Reach(limit, _area(lines, limit, frame)) for limit in limits_s]


@dataclass(frozen=True)
class _Frame:
    """A plane in metres around a place."""

    lon: float
    lat: float
    per_lon: float


@dataclass(frozen=True)
class _Grid:
    x: Floats
    y: Floats
    seconds: Floats


def _points(roads: RoadGraph, arcs: Any, begin_s: Floats, arc_s: Floats, is_to: bool) -> tuple[Floats, Floats, Floats, _Frame]:
    """Points along arcs in metres, each with its seconds."""
    lon, lat = float(roads.node_lon[roads.arc_from[arcs]].mean()), float(roads.node_lat[roads.arc_from[arcs]].mean())
    frame = _Frame(lon, lat, cos(radians(lat)) * METRES_PER_DEGREE)
    x = (roads.node_lon - lon) * frame.per_lon
    y = (roads.node_lat - lat) * METRES_PER_DEGREE
    near, far = (roads.arc_to, roads.arc_from) if is_to else (roads.arc_from, roads.arc_to)
    n = np.maximum(np.ceil(roads.arc_length_m[arcs] / STEP_M).astype(int), 1) + 1
    which = np.repeat(arcs, n)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(n) - n, n)
    share = nth / np.repeat(n - 1, n)
    a, b = near[which], far[which]
    return (
        x[a] + share * (x[b] - x[a]), y[a] + share * (y[b] - y[a]), begin_s[which] + share * arc_s[which], frame
    )  # fmt: skip


def _gridded(x: Floats, y: Floats, seconds: Floats, furthest_s: float) -> _Grid:
    """The least seconds in each cell, and of cells beside them; beyond, somewhat more than the furthest limit."""
    beyond_s = furthest_s + 4 * OFF_ROAD_S
    west, south = x.min() - 3 * CELL_M, y.min() - 3 * CELL_M
    column, row = ((x - west) // CELL_M).astype(int), ((y - south) // CELL_M).astype(int)
    cells = np.full((row.max() + 4, column.max() + 4), beyond_s)
    np.minimum.at(cells, (row, column), np.minimum(seconds, beyond_s))
    cells = np.minimum(cells, minimum_filter(cells, size=3) + OFF_ROAD_S)
    cells = np.minimum(cells, beyond_s)
    return _Grid(west + CELL_M * (np.arange(cells.shape[1]) + 0.5), south + CELL_M * (np.arange(cells.shape[0]) + 0.5), cells)


def _area(lines: Any, limit_s: float, frame: _Frame) -> Any:
    points, offsets = lines.filled(-np.inf, limit_s)
    parts = []
    for ring_points, ring_offsets in zip(points, offsets, strict=True):
        rings = [ring_points[a:b] for a, b in pairwise(ring_offsets.tolist())]
        outer = shapely.Polygon(rings[0])
        holes = [ring for ring in rings[1:] if shapely.Polygon(ring).area >= SMALLEST_M2]
        if outer.area >= SMALLEST_M2:
            parts.append(shapely.Polygon(rings[0], holes))
    area = shapely.make_valid(shapely.MultiPolygon(parts).simplify(CELL_M / 6))
    scale = np.array([frame.per_lon, METRES_PER_DEGREE])
    return shapely.transform(area, lambda xy: xy / scale + [frame.lon, frame.lat])
