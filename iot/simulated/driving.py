"""Driving: the quickest way along the roads, and where one is on it after so many seconds.

Routes follow the drawn lines of the roads layer. `Roads` alone is the network at free speed; `LiveRoads` gives it as it is at a
moment: slower by the traffic of the hour and by rain, closed where an underpass stands deeper in water than a vehicle can wade.
Waiting at junctions is not modelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from gis_data.city import City
from iot.plane import Floats, metres_from
from iot.scenarios import Scene
from iot.simulated.rhythm import TRAFFIC, LocalTime, local_time
from iot.simulated.traffic import DELAY_FACTOR, wading_ratio
from iot.simulated.water import Underpasses
from iot.simulated.weather import Weather

Ints = NDArray[np.int64]

LOOKS_EVERY_S = 60.0
"""How often the state of the roads is looked at anew."""

USUAL_LOAD = 0.82
"""Demand ÷ capacity of an ordinary stretch of road in the busiest hour."""


class Whereabouts(NamedTuple):
    """A place on a route: degrees, heading clockwise from north, speed over the ground."""

    lon: float
    lat: float
    heading_deg: float
    speed_kmh: float


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A way as a line with the seconds at which each of its points is passed; `nodes` are the graph's nodes passed, `node_at_s`
    when, `arcs` those that lead from one to the next. `metres` is measured along the line."""

    lon: Floats
    lat: Floats
    at_s: Floats
    metres: Floats
    nodes: Ints
    node_at_s: Floats
    arcs: Ints

    @property
    def travel_s(self) -> float:
        return float(self.at_s[-1])

    @property
    def end_node(self) -> int:
        return int(self.nodes[-1])

    def at(self, elapsed_s: float) -> Whereabouts:
        """Where one is after so many seconds; before the start and after the end, at the ends and standing."""
        if len(self.at_s) == 1 or not 0 <= elapsed_s < self.at_s[-1]:
            k = 0 if elapsed_s < 0 else len(self.at_s) - 1
            return Whereabouts(float(self.lon[k]), float(self.lat[k]), self._heading(k), 0.0)
        k = int(self.at_s.searchsorted(elapsed_s, side="right")) - 1
        began_s, lon, lat, metres = (float(each[k]) for each in (self.at_s, self.lon, self.lat, self.metres))
        leg_s = float(self.at_s[k + 1]) - began_s
        share = (elapsed_s - began_s) / leg_s
        lon, lat = lon + share * (float(self.lon[k + 1]) - lon), lat + share * (float(self.lat[k + 1]) - lat)
        return Whereabouts(lon, lat, self._heading(k), (float(self.metres[k + 1]) - metres) / leg_s * 3.6)

    def next_node(self, elapsed_s: float) -> tuple[int, float]:
        """The next node ahead and the seconds at which it is passed."""
        k = self._next(elapsed_s)
        return int(self.nodes[k]), float(self.node_at_s[k])

    def last_node(self, elapsed_s: float) -> int:
        """The node passed last."""
        return int(self.nodes[max(int(self.node_at_s.searchsorted(elapsed_s, side="right")) - 1, 0)])

    def arcs_ahead(self, elapsed_s: float) -> Ints:
        """The arcs behind the next node, which one need not take."""
        return self.arcs[self._next(elapsed_s) :]

    def _next(self, elapsed_s: float) -> int:
        return min(int(self.node_at_s.searchsorted(elapsed_s)), len(self.nodes) - 1)

    def _heading(self, k: int) -> float:
        """Of the leg that begins at point `k`, or of the last one before it that leads anywhere."""
        for leg in range(min(k, len(self.lon) - 2), -1, -1):
            if self.metres[leg + 1] > self.metres[leg]:
                east, north = metres_from(self.lon[leg + 1], self.lat[leg + 1], self.lon[leg], self.lat[leg])
                return float(np.degrees(np.arctan2(east, north)) % 360)
        return 0.0


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
        self.arc_class, self.arc_road = graph.arc_class, graph.arc_road
        self.free_s: Floats = np.maximum(graph.arc_travel_s, 0.1)
        """Seconds for each arc on an empty, dry road."""
        self.names: list[str] = [str(row.get("name_zh") or "") for row in layer.properties]
        """Of the rows of the roads layer; empty for roads without a name."""
        self._tree = cKDTree(self._plane(self.lon, self.lat))
        # Of parallel arcs the quickest is driven.
        order = np.lexsort((graph.arc_travel_s, graph.arc_to, graph.arc_from))
        ends = self._pair(graph.arc_from[order], graph.arc_to[order])
        first = np.ones(len(order), dtype=bool)
        first[1:] = ends[1:] != ends[:-1]
        self._arcs, self._pairs, self._to = order[first], ends[first], graph.arc_to[order[first]]
        self._from = np.searchsorted(graph.arc_from[self._arcs], np.arange(len(self.lon) + 1))
        # The lines of the layer laid end to end: where each begins, and metres from the first point of all.
        self._xy, line = shapely.get_coordinates(layer.shapes, return_index=True)
        self._begins = np.searchsorted(line, np.arange(len(layer.shapes) + 1))
        self._run = np.concatenate([[0.0], np.cumsum(_legs_m(self._xy[:, 0], self._xy[:, 1]))])
        self.length_m: Floats = self._run[self._begins[1:] - 1] - self._run[self._begins[:-1]]
        """Metres of the rows of the roads layer."""
        self._is_backward = self._runs_backward(graph.arc_from)
        self.closed: frozenset[int] = frozenset()
        """Arcs that cannot be driven now."""
        self._travel_s = self.free_s

    def nearest(self, lon: float, lat: float) -> int:
        """The node nearest to a position."""
        return int(self._tree.query(self._plane(lon, lat))[1])

    def within(self, node: int, radius_m: float) -> list[int]:
        """The nodes around a node, in order of their numbers."""
        return sorted(self._tree.query_ball_point(self._plane(self.lon[node], self.lat[node]), radius_m))

    def on_road(self, rows: ArrayLike, shares: ArrayLike) -> tuple[Floats, Floats]:
        """Longitudes and latitudes of the points at so large a share (0–1) of the length of rows of the roads layer."""
        rows = np.asarray(rows)
        wanted_m = self._run[self._begins[rows]] + np.asarray(shares) * self.length_m[rows]
        k = np.clip(np.searchsorted(self._run, wanted_m, side="right") - 1, self._begins[rows], self._begins[rows + 1] - 2)
        share = (wanted_m - self._run[k]) / (self._run[k + 1] - self._run[k])
        points = self._xy[k] + share[..., None] * (self._xy[k + 1] - self._xy[k])
        return points[..., 0], points[..., 1]

    def driven_in(self, travel_s: Floats) -> Roads:
        """The same roads with other seconds for each arc; infinite for those that are closed."""
        roads = copy(self)
        roads._travel_s = travel_s
        roads.closed = frozenset(np.flatnonzero(np.isinf(travel_s)).tolist())
        roads.__dict__.pop("_graph", None)
        return roads

    def standing(self, node: int) -> Route:
        """The route that stays where it is."""
        at = np.zeros(1)
        return Route(self.lon[[node]], self.lat[[node]], at, at, np.array([node]), at, np.zeros(0, dtype=np.int64))

    def seconds(self, starts: Sequence[int], *, at_most_s: float = np.inf) -> Floats:
        """Seconds from each of the nodes to every node: len(starts) × n, infinite where no way leads (or a longer one)."""
        return np.asarray(dijkstra(self._graph, indices=list(starts), limit=at_most_s))

    def route(self, start: int, end: int, *, at_most_s: float = np.inf) -> Route | None:
        """The quickest way, or None when there is none (or none as quick as `at_most_s`, which saves looking far)."""
        if start == end:
            return self.standing(start)
        _, before = dijkstra(self._graph, indices=start, return_predecessors=True, limit=at_most_s)
        nodes = [end]
        while nodes[-1] != start:
            nodes.append(int(before[nodes[-1]]))
            if nodes[-1] < 0:
                return None
        return self._through(np.array(nodes[::-1]))

    def rerouted(self, route: Route, elapsed_s: float, end: int) -> Route | None:
        """The way on from the middle of a route: to its next node, then the quickest to `end`."""
        here = route.at(elapsed_s)
        if here.speed_kmh == 0:
            return self.route(route.last_node(elapsed_s), end)
        node, node_at_s = route.next_node(elapsed_s)
        onward = self.route(node, end)
        if onward is None or node_at_s <= elapsed_s:
            return onward
        ahead = (route.at_s > elapsed_s) & (route.at_s <= node_at_s)
        lon = np.concatenate([[here.lon], route.lon[ahead]])
        lat = np.concatenate([[here.lat], route.lat[ahead]])
        gained_s = node_at_s - elapsed_s
        metres = np.concatenate([[0.0], np.cumsum(_legs_m(lon, lat))])
        return Route(
            np.concatenate([lon, onward.lon[1:]]), np.concatenate([lat, onward.lat[1:]]),
            np.concatenate([[0.0], route.at_s[ahead] - elapsed_s, onward.at_s[1:] + gained_s]),
            np.concatenate([metres, onward.metres[1:] + metres[-1]]), onward.nodes, onward.node_at_s + gained_s, onward.arcs,
        )  # fmt: skip

    @cached_property
    def _graph(self) -> csr_array:
        n = len(self.lon)
        return csr_array((self._travel_s[self._arcs], self._to, self._from), shape=(n, n))

    def _through(self, nodes: Ints) -> Route:
        arcs = self._arcs[np.searchsorted(self._pairs, self._pair(nodes[:-1], nodes[1:]))]
        rows, backward = self.arc_road[arcs], self._is_backward[arcs]
        first, last = self._begins[rows], self._begins[rows + 1] - 1
        counts = last - first
        starts = np.repeat(np.where(backward, last, first), counts)
        nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + 1
        points = starts + np.where(np.repeat(backward, counts), -nth, nth)
        along = np.abs(self._run[points] - self._run[starts])
        length, travel_s = self.length_m[rows], self._travel_s[arcs]
        node_at_s = np.concatenate([[0.0], np.cumsum(travel_s)])
        node_at_m = np.concatenate([[0.0], np.cumsum(length)])
        at_s = np.repeat(node_at_s[:-1], counts) + along * np.repeat(travel_s / length, counts)
        lon, lat = self._xy[points].T
        return Route(
            np.concatenate([self.lon[nodes[:1]], lon]), np.concatenate([self.lat[nodes[:1]], lat]),
            np.concatenate([[0.0], at_s]), np.concatenate([[0.0], np.repeat(node_at_m[:-1], counts) + along]), nodes, node_at_s,
            arcs,
        )  # fmt: skip

    def _runs_backward(self, arc_from: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Whether an arc follows its line from the end to the beginning."""
        begin, end = self._xy[self._begins[self.arc_road]], self._xy[self._begins[self.arc_road + 1] - 1]
        here = np.column_stack([self.lon[arc_from], self.lat[arc_from]])
        return np.asarray(np.abs(begin - here).sum(axis=1) > np.abs(end - here).sum(axis=1))

    def _pair(self, start: ArrayLike, end: ArrayLike) -> Ints:
        return np.asarray(np.asarray(start).astype(np.int64) * len(self.lon) + np.asarray(end))

    def _plane(self, lon: Floats | float, lat: Floats | float) -> Floats:
        return np.stack(metres_from(lon, lat, self.lon[0], self.lat[0]), axis=-1)


def joined(legs: Sequence[Route], pauses_s: Sequence[float], pace: float) -> Route:
    """Legs that follow on one another as one route, driven at so large a share of their speed, with a stop after each."""
    lon, lat, at_s, metres, node_at_s = (list[Floats]() for _ in range(5))
    began_s, began_m = 0.0, 0.0
    for leg, pause_s in zip(legs, pauses_s, strict=True):
        lon += [leg.lon, leg.lon[-1:]]
        lat += [leg.lat, leg.lat[-1:]]
        at_s += [began_s + leg.at_s / pace, np.array([began_s + leg.travel_s / pace + pause_s])]
        metres += [began_m + leg.metres, began_m + leg.metres[-1:]]
        node_at_s.append(began_s + leg.node_at_s[1:] / pace)
        began_s, began_m = float(at_s[-1][0]), float(metres[-1][0])
    return Route(
        np.concatenate(lon), np.concatenate(lat), np.concatenate(at_s), np.concatenate(metres),
        np.concatenate([legs[0].nodes[:1], *(leg.nodes[1:] for leg in legs)]), np.concatenate([[0.0], *node_at_s]),
        np.concatenate([leg.arcs for leg in legs]),
    )  # fmt: skip


def _legs_m(lon: Floats, lat: Floats) -> Floats:
    """Metres from each point to the next; never nothing, so that shares of a leg are defined."""
    return np.maximum(np.hypot(*metres_from(lon[1:], lat[1:], lon[:-1], lat[:-1])), 0.01)


class LiveRoads:
    """The roads of a city as they are at a moment, looked at once a minute."""

    def __init__(self, city: City, roads: Roads, weather: Weather) -> None:
        self._roads, self._weather = roads, weather
        self._middles = roads.on_road(np.arange(len(roads.length_m)), 0.5)
        self._underpasses = Underpasses.of(city)
        arcs = underpass_arcs(city)
        self._arcs_below = [arcs.get(name, ()) for name in self._underpasses.ids]
        self._looked: tuple[float, tuple[Scene, ...]] | None = None
        self._now = roads

    def at(self, now_s: float, scenes: Sequence[Scene]) -> Roads:
        """The roads in the minute of `now_s`."""
        looks = (now_s // LOOKS_EVERY_S * LOOKS_EVERY_S, tuple(scenes))
        if looks != self._looked:
            self._looked, self._now = looks, self._roads.driven_in(self._travel_s(*looks))
        return self._now

    def _travel_s(self, at_s: float, scenes: Sequence[Scene]) -> Floats:
        roads = self._roads
        rain = self._weather.rain_mm_h(*self._middles, at_s, scenes)[roads.arc_road]
        travel_s = roads.free_s / share_of_free_speed(local_time(at_s, self._weather.zone), rain)
        depth_m = self._underpasses.depth_m(self._weather, at_s, scenes)
        for arcs, ratio in zip(self._arcs_below, wading_ratio(depth_m[:, 0]).tolist(), strict=True):
            travel_s[list(arcs)] *= 1 / ratio if ratio > 0 else np.inf
        return travel_s


def share_of_free_speed(local: LocalTime, rain_mm_h: ArrayLike) -> Floats:
    """What traffic and rain leave of the free speed of an ordinary road; loops differ around it (iot.simulated.traffic, where the
    formulas and their sources stand)."""
    wet = 1 - 0.15 * (1 - np.exp(-np.asarray(rain_mm_h, dtype=float) / 10))
    return np.asarray(wet / (1 + DELAY_FACTOR * (USUAL_LOAD * TRAFFIC.at(local)) ** 4))


def underpass_arcs(city: City) -> dict[str, tuple[int, ...]]:
    """The arcs that each underpass (id of the place) lies on."""
    graph = city.roads()
    found = {p.id: p.attributes.get("road") for p in city.places_of("underpass")}
    return {
        name: tuple(int(arc) for arc in graph.arcs_of(int(road)))
        for name, road in found.items()
        if road is not None and graph is not None
    }
