"""Road times: the travel network of the moment, from the road graph, what detectors measure, who drives, and what is closed.

    seconds of an arc = free seconds ÷ (measured ÷ free speed) ÷ emergency factor

An arc takes the ratio of the detectors of its own road; without one the mean of its class; without that it is free. Ratios are
kept within `SLOWEST` and 1: a detector that says more does not make a road faster than its limit. Positions are WGS-84 degrees.
`LiveRoads` keeps what was found until slowness or closures change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import cos, radians
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from gis_data.city import RoadGraph
from gis_data.crs import METRES_PER_DEGREE
from gis_data.travel_times import Bools, Floats, Ints, TravelNetwork

SLOWEST = 0.1
"""Of the free speed: slower is a closure, and has to be said as one."""


@dataclass(frozen=True)
class Slowness:
    """How fast traffic is where it is measured: measured ÷ free speed by row of the roads layer, and by class where a row has no
    detector of its own."""

    by_road: Mapping[int, float]
    by_class: Mapping[int, float]
    n_loops: int = 0
    spread: tuple[float, float] | None = None
    """Of one detector around the mean of its class, slow and fast, as a share of it: an 80 % interval; None for fewer than
    `ENOUGH_LOOPS`."""

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "by_road": {str(row): round(ratio, 3) for row, ratio in self.by_road.items()},
            "by_class": {str(number): round(ratio, 3) for number, ratio in self.by_class.items()},
            "n_loops": self.n_loops, "spread": self.spread,
        }  # fmt: skip

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Slowness:
        spread = said.get("spread")
        return cls(
            {int(row): float(ratio) for row, ratio in said["by_road"].items()},
            {int(number): float(ratio) for number, ratio in said["by_class"].items()},
            int(said["n_loops"]), (float(spread[0]), float(spread[1])) if spread else None,
        )  # fmt: skip


FREE = Slowness({}, {})
ENOUGH_LOOPS = 10


def slowness_of(loops: Iterable[tuple[Sequence[int], int, float, float]]) -> Slowness:
    """What detectors say, each as (rows of the roads layer it speaks for, class, measured km/h, free km/h)."""
    by_row: dict[int, list[float]] = {}
    by_class: dict[int, list[float]] = {}
    for rows, road_class, measured_kmh, free_kmh in loops:
        ratio = min(max(measured_kmh / free_kmh, SLOWEST), 1.0)
        by_class.setdefault(road_class, []).append(ratio)
        for row in rows:
            by_row.setdefault(row, []).append(ratio)
    means = {road_class: float(np.mean(ratios)) for road_class, ratios in by_class.items()}
    relative = [ratio / means[road_class] for road_class, ratios in by_class.items() for ratio in ratios]
    spread = None
    if len(relative) >= ENOUGH_LOOPS:
        slow, fast = np.quantile(relative, [0.1, 0.9])
        spread = float(slow), float(fast)
    return Slowness({row: float(np.mean(ratios)) for row, ratios in by_row.items()}, means, len(relative), spread)


def network_of(
    roads: RoadGraph, slowness: Slowness = FREE, *, emergency_factor: float = 1.0, is_closed: Bools | None = None
) -> TravelNetwork:
    """The network as it can be driven now. `emergency_factor`: how much faster than the others those drive that may; `is_closed`
    (arcs)."""
    seconds = seconds_of(roads, slowness, emergency_factor)
    network = TravelNetwork(len(roads.node_lon), roads.arc_from.astype(np.intp), roads.arc_to.astype(np.intp), seconds)
    return network if is_closed is None else network.without(is_closed)


def seconds_of(roads: RoadGraph, slowness: Slowness = FREE, emergency_factor: float = 1.0) -> Floats:
    """Seconds of every arc, open or not."""
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
    return np.asarray(roads.arc_travel_s / np.clip(ratio, SLOWEST, 1.0) / emergency_factor)


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


OFF_ROAD_M = 2_000.0
"""A place farther than this from every node is reached by no road."""
KEPT = 100
"""Places to which the seconds are kept: 8 bytes a node each."""


class LiveRoads:
    """The roads of a city as they are now, asked again and again. Places are (lon, lat); the way to and from the nearest node is
    driven straight at `access_kmh`.

    Closures are named, because not every one holds for everybody: what flooded the road stops no boat, and whoever is sent to a
    fire drives into the street that it closed.
    """

    def __init__(self, roads: RoadGraph, *, emergency_factor: float = 1.0, access_kmh: float = 40.0) -> None:
        self.roads, self.nodes, self.version = roads, Nodes.of(roads), 0
        self._factor, self._access_m_s = emergency_factor, access_kmh / 3.6
        self._slowness: Slowness = FREE
        self.closed: Mapping[str, Bools] = {}
        self.seconds = seconds_of(roads, FREE, emergency_factor)
        self._networks: dict[frozenset[str], TravelNetwork] = {}
        self._to: dict[tuple[int, frozenset[str]], Floats] = {}

    def change(self, slowness: Slowness, closed: Mapping[str, Bools]) -> bool:
        """Takes what is measured and what is closed (arcs, by the name of the closure) for now; whether anything is new."""
        if not self.is_new(slowness, closed):
            return False
        if slowness != self._slowness:
            self.seconds = seconds_of(self.roads, slowness, self._factor)
        self._slowness, self.closed = slowness, dict(closed)
        self._networks, self._to = {}, {}
        self.version += 1
        return True

    def is_new(self, slowness: Slowness, closed: Iterable[str]) -> bool:
        """Whether the roads are other than they were: another slowness, or other closures by name."""
        return slowness != self._slowness or set(closed) != self.closed.keys()

    def network(self, passes: frozenset[str] = frozenset()) -> TravelNetwork:
        """The network for who passes these closures."""
        passes = passes.intersection(self.closed)
        if passes not in self._networks:
            roads = self.roads
            is_closed = np.zeros(len(roads.arc_from), bool)
            for name, arcs in self.closed.items():
                if name not in passes:
                    is_closed |= arcs
            tails, heads = roads.arc_from.astype(np.intp), roads.arc_to.astype(np.intp)
            self._networks[passes] = TravelNetwork(len(roads.node_lon), tails, heads, self.seconds).without(is_closed)
        return self._networks[passes]

    def times_to(self, place: tuple[float, float], passes: frozenset[str] = frozenset()) -> Floats:
        """Seconds from every node to a place, infinite where no way leads."""
        node, access_s = self.at(place)
        if node is None:
            return np.full(len(self.roads.node_lon), np.inf)
        asked = node, passes.intersection(self.closed)
        if asked not in self._to:
            _forget(self._to)
            self._to[asked] = self.network(passes).times_to(np.array([node]))[0]
        return self._to[asked] + access_s

    def times_from(self, place: tuple[float, float], limit_s: float, passes: frozenset[str] = frozenset()) -> Floats:
        """Seconds from a place to every node, infinite beyond `limit_s`."""
        node, access_s = self.at(place)
        if node is None:
            return np.full(len(self.roads.node_lon), np.inf)
        return np.asarray(self.network(passes).times_from(np.array([node]), limit_s=limit_s)[0] + access_s)

    def at(self, place: tuple[float, float]) -> tuple[int | None, float]:
        """The node nearest to a place and the seconds to it; None and infinite where no road is near."""
        nodes, metres = self.nodes.nearest(np.array([place[0]]), np.array([place[1]]))
        near_m = float(metres[0])
        return (int(nodes[0]), near_m / self._access_m_s) if near_m <= OFF_ROAD_M else (None, np.inf)

    def times_between(
        self, origins: Sequence[tuple[float, float]], place: tuple[float, float], passes: frozenset[str] = frozenset()
    ) -> Floats:
        """Seconds from each origin to a place, infinite where no way leads."""
        if not origins:
            return np.zeros(0)
        lon, lat = np.array(origins, float).T
        nodes, metres = self.nodes.nearest(lon, lat)
        seconds = self.times_to(place, passes)[nodes] + metres / self._access_m_s
        return np.where(metres <= OFF_ROAD_M, seconds, np.inf)


def _forget(answers: dict[Any, Floats]) -> None:
    if len(answers) >= KEPT:
        del answers[next(iter(answers))]
