"""Road times: the travel network of the moment, from the road graph, what detectors measure, who drives, and what is closed.

    seconds of an arc = free seconds ÷ (measured ÷ free speed) ÷ emergency factor

An arc takes the ratio of the detectors of its own road; without one the mean of its class; without that it is free. Ratios are
kept within `SLOWEST` and 1: a detector that says more does not make a road faster than its limit. Positions are WGS-84 degrees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, radians

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from gis_data.city import RoadGraph
from gis_data.travel_times import Bools, Floats, Ints, TravelNetwork

METRES_PER_DEGREE = 111_195.0
"""Of latitude, on a sphere of 6,371 km."""
SLOWEST = 0.1
"""Of the free speed: slower is a closure, and has to be said as one."""


@dataclass(frozen=True)
class Slowness:
    """How fast traffic is where it is measured: measured ÷ free speed by row of the roads layer, and by class where a row has no
    detector of its own."""

    by_road: Mapping[int, float]
    by_class: Mapping[int, float]


FREE = Slowness({}, {})


def network_of(
    roads: RoadGraph, slowness: Slowness = FREE, *, emergency_factor: float = 1.0, is_closed: Bools | None = None
) -> TravelNetwork:
    """The network as it can be driven now. `emergency_factor`: how much faster than the others those drive that may; `is_closed`
    (arcs)."""
    ratio = np.ones(len(roads.arc_travel_s))
    for road_class, slow in slowness.by_class.items():
        ratio[roads.arc_class == road_class] = slow
    if slowness.by_road:
        rows = np.fromiter(slowness.by_road, np.int64, len(slowness.by_road))
        slow_of = np.fromiter(slowness.by_road.values(), np.float64, len(slowness.by_road))
        order = np.argsort(rows)
        at = np.clip(np.searchsorted(rows[order], roads.arc_road), 0, len(rows) - 1)
        is_measured = rows[order][at] == roads.arc_road
        ratio[is_measured] = slow_of[order][at][is_measured]
    seconds = roads.arc_travel_s / np.clip(ratio, SLOWEST, 1.0) / emergency_factor
    network = TravelNetwork(len(roads.node_lon), roads.arc_from.astype(np.intp), roads.arc_to.astype(np.intp), seconds)
    return network if is_closed is None else network.without(is_closed)


def arcs_within(roads: RoadGraph, areas: Sequence[shapely.Geometry]) -> Bools:
    """Which arcs touch one of the areas (polygons, lines or points with a reach of their own, in degrees)."""
    touched = np.zeros(len(roads.arc_from), bool)
    if areas:
        ends = np.stack([roads.arc_from, roads.arc_to], axis=1)
        lines = shapely.linestrings(np.stack([roads.node_lon[ends], roads.node_lat[ends]], axis=2))
        rows, _ = shapely.STRtree(np.asarray(areas, dtype=object)).query(lines, predicate="intersects")
        touched[rows] = True
    return touched


@dataclass(frozen=True)
class Nodes:
    """The nodes of a road graph, to be found from a place. `metres` a degree is at the latitude of the first."""

    roads: RoadGraph
    tree: cKDTree
    scale: npt.NDArray[np.float64]

    @classmethod
    def of(cls, roads: RoadGraph) -> Nodes:
        lat = float(np.median(roads.node_lat)) if len(roads.node_lat) else 0.0
        scale = np.array([cos(radians(lat)) * METRES_PER_DEGREE, METRES_PER_DEGREE])
        return cls(roads, cKDTree(np.stack([roads.node_lon, roads.node_lat], axis=1) * scale), scale)

    def nearest(self, lon: Floats, lat: Floats) -> tuple[Ints, Floats]:
        """The node nearest to each place, and how far away it is in metres."""
        metres, nodes = self.tree.query(np.stack([np.asarray(lon, float), np.asarray(lat, float)], axis=-1) * self.scale)
        return np.asarray(nodes, np.intp), np.asarray(metres, np.float64)
