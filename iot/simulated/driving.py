"""Driving: the quickest way along the roads, and where one is on it after so many seconds.

Routes follow the drawn lines of the roads layer at the graph's free travel times. Turning and waiting at junctions are not
modelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree
from shapely import get_coordinates

from gis_data.city import City
from iot.plane import Floats, metres_from


class Whereabouts(NamedTuple):
    """A place on a route: degrees, heading clockwise from north, speed at free flow."""

    lon: float
    lat: float
    heading_deg: float
    speed_kmh: float


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A way as a line with the seconds at which each of its points is passed; `nodes` are the graph's nodes passed, `node_at_s`
    when. `metres` is measured along the line."""

    lon: Floats
    lat: Floats
    at_s: Floats
    metres: Floats
    nodes: NDArray[np.int64]
    node_at_s: Floats

    @property
    def travel_s(self) -> float:
        return float(self.at_s[-1])

    @property
    def end_node(self) -> int:
        return int(self.nodes[-1])

    def at(self, elapsed_s: float) -> Whereabouts:
        """Where one is after so many seconds; before the start and after the end, at the ends and standing."""
        if len(self.at_s) == 1 or not 0 <= elapsed_s < self.travel_s:
            k = 0 if elapsed_s < 0 else -1
            return Whereabouts(float(self.lon[k]), float(self.lat[k]), self._heading(k), 0.0)
        k = int(np.searchsorted(self.at_s, elapsed_s, side="right")) - 1
        leg_s = float(self.at_s[k + 1] - self.at_s[k])
        share = (elapsed_s - float(self.at_s[k])) / leg_s
        lon = float(self.lon[k] + share * (self.lon[k + 1] - self.lon[k]))
        lat = float(self.lat[k] + share * (self.lat[k + 1] - self.lat[k]))
        return Whereabouts(lon, lat, self._heading(k), float(self.metres[k + 1] - self.metres[k]) / leg_s * 3.6)

    def next_node(self, elapsed_s: float) -> tuple[int, float]:
        """The next node ahead and the seconds at which it is passed."""
        k = min(int(np.searchsorted(self.node_at_s, elapsed_s)), len(self.nodes) - 1)
        return int(self.nodes[k]), float(self.node_at_s[k])

    def _heading(self, k: int) -> float:
        if len(self.lon) == 1:
            return 0.0
        k = k if k >= 0 else len(self.lon) - 2
        east, north = metres_from(self.lon[k + 1], self.lat[k + 1], self.lon[k], self.lat[k])
        return float(np.degrees(np.arctan2(east, north)) % 360)


class Roads:
    """The road graph of a city, ready to be driven. Raises ValueError for a city without roads."""

    def __init__(self, city: City) -> None:
        graph, layer = city.roads(), city.layer("roads")
        if graph is None or layer is None:
            raise ValueError(
                f"{city.path} has no road graph: expected nodes.csv, arcs.csv and roads.geojson, since simulated units drive on "
                "roads; use the demonstration city"
            )
        self.lon, self.lat = graph.node_lon, graph.node_lat
        # Of parallel arcs the quickest is driven.
        order = np.lexsort((graph.arc_travel_s, graph.arc_to, graph.arc_from))
        first = np.ones(len(order), dtype=bool)
        ends = np.column_stack([graph.arc_from, graph.arc_to])[order]
        first[1:] = (ends[1:] != ends[:-1]).any(axis=1)
        arcs = order[first]
        n = len(self.lon)
        self._travel = csr_array(
            (np.maximum(graph.arc_travel_s[arcs], 0.1), (graph.arc_from[arcs], graph.arc_to[arcs])), shape=(n, n)
        )
        ends_of = zip(graph.arc_from[arcs].tolist(), graph.arc_to[arcs].tolist(), strict=True)
        self._arc_of = dict(zip(ends_of, arcs.tolist(), strict=True))
        self._travel_s = np.maximum(graph.arc_travel_s, 0.1)
        self._road = graph.arc_road
        self._lines = layer.shapes
        self._tree = cKDTree(self._plane(self.lon, self.lat))
        self.node_class = np.full(n, len(order), dtype=np.int64)
        np.minimum.at(self.node_class, graph.arc_from, graph.arc_class)

    def nearest(self, lon: float, lat: float) -> int:
        """The node nearest to a position."""
        return int(self._tree.query(self._plane(lon, lat))[1])

    def within(self, node: int, radius_m: float) -> list[int]:
        """The nodes around a node, in order of their numbers."""
        return sorted(self._tree.query_ball_point(self._plane(self.lon[node], self.lat[node]), radius_m))

    def standing(self, node: int) -> Route:
        """The route that stays where it is."""
        at = np.zeros(1)
        return Route(self.lon[[node]], self.lat[[node]], at, at, np.array([node]), at)

    def route(self, start: int, end: int) -> Route | None:
        """The quickest way, or None when there is none."""
        if start == end:
            return self.standing(start)
        _, before = dijkstra(self._travel, indices=start, return_predecessors=True)
        nodes = [end]
        while nodes[-1] != start:
            nodes.append(int(before[nodes[-1]]))
            if nodes[-1] < 0:
                return None
        return self._along(nodes[::-1])

    def rerouted(self, route: Route, elapsed_s: float, end: int) -> Route | None:
        """The way on from the middle of a route: to its next node, then the quickest to `end`."""
        node, node_at_s = route.next_node(elapsed_s)
        onward = self.route(node, end)
        here = route.at(elapsed_s)
        if onward is None or node_at_s <= elapsed_s:
            return onward
        ahead = (route.at_s > elapsed_s) & (route.at_s <= node_at_s)
        lon = np.concatenate([[here.lon], route.lon[ahead]])
        lat = np.concatenate([[here.lat], route.lat[ahead]])
        gained_s = node_at_s - elapsed_s
        metres = _metres_along(lon, lat)
        return Route(
            np.concatenate([lon, onward.lon[1:]]), np.concatenate([lat, onward.lat[1:]]),
            np.concatenate([[0.0], route.at_s[ahead] - elapsed_s, onward.at_s[1:] + gained_s]),
            np.concatenate([metres, onward.metres[1:] + metres[-1]]), onward.nodes, onward.node_at_s + gained_s,
        )  # fmt: skip

    def _along(self, nodes: list[int]) -> Route:
        points = [np.array([[self.lon[nodes[0]], self.lat[nodes[0]]]])]
        times = [np.zeros(1)]
        node_at_s = [0.0]
        for start, end in pairwise(nodes):
            arc = self._arc_of[start, end]
            line = get_coordinates(self._lines[self._road[arc]])
            if abs(line[0] - points[-1][-1]).sum() > abs(line[-1] - points[-1][-1]).sum():
                line = line[::-1]
            along = _metres_along(line[:, 0], line[:, 1])
            points.append(line[1:])
            times.append(node_at_s[-1] + along[1:] / along[-1] * self._travel_s[arc])
            node_at_s.append(float(times[-1][-1]))
        lon, lat = np.concatenate(points).T
        return Route(lon, lat, np.concatenate(times), _metres_along(lon, lat), np.array(nodes), np.array(node_at_s))

    def _plane(self, lon: Floats | float, lat: Floats | float) -> Floats:
        return np.stack(metres_from(lon, lat, self.lon[0], self.lat[0]), axis=-1)


def _metres_along(lon: Floats, lat: Floats) -> Floats:
    legs = np.hypot(*metres_from(lon[1:], lat[1:], lon[:-1], lat[:-1]))
    return np.concatenate([[0.0], np.cumsum(np.maximum(legs, 0.01))])
