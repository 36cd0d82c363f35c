"""City roads: how the roads of a built city can be driven now, with what is measured and closed; the same for whoever plans,
draws how far one comes, or shows a way. Positions are WGS-84 degrees.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import shapely

from gis_data.city import City
from gis_data.isochrones import Reach, reached
from gis_data.road_lines import RoadLines, Way
from gis_data.road_times import LiveRoads, Slowness
from gis_data.travel_times import Bools, Floats


@dataclass(frozen=True, slots=True)
class ClosedRoad:
    """A closure as it is drawn (GeoJSON), or the underpass it lies in."""

    closure_id: str
    geometry: Mapping[str, Any]
    object_id: str | None = None


@dataclass(frozen=True, slots=True)
class Driven:
    """A way to be driven, and its seconds."""

    way: Way
    seconds: float


class CityRoads:
    """Asked by one thread at a time; others wait."""

    def __init__(self, lines: RoadLines, *, emergency_factor: float, access_kmh: float) -> None:
        self.lines = lines
        self.live = LiveRoads(lines.roads, emergency_factor=emergency_factor, access_kmh=access_kmh)
        self.lock = Lock()
        self._rows: dict[str, Any] = {}

    @classmethod
    def of(cls, city: City, *, emergency_factor: float = 1.0, access_kmh: float = 40.0) -> CityRoads | None:
        """None for a city without a road graph."""
        lines = RoadLines.of(city)
        return None if lines is None else cls(lines, emergency_factor=emergency_factor, access_kmh=access_kmh)

    def change(self, slowness: Slowness, closures: Iterable[ClosedRoad]) -> bool:
        """Takes what is measured and closed for now; whether anything is new."""
        named = {c.closure_id: c for c in closures}
        if not self.live.is_new(slowness, named):
            return False
        self._rows = {name: self.rows_of(closure) for name, closure in named.items()}
        return self.live.change(slowness, {name: self.lines.arcs_of(rows) for name, rows in self._rows.items()})

    def rows_of(self, closure: ClosedRoad) -> Any:
        """The rows of the roads layer that a closure closes."""
        known = self._rows.get(closure.closure_id)
        if known is not None:
            return known
        return self.lines.rows_closed_by(shapely.geometry.shape(closure.geometry), closure.object_id)

    def drive(
        self, origin: tuple[float, float], place: tuple[float, float], passes: frozenset[str] = frozenset()
    ) -> Driven | None:
        """The quickest way from a place to another; None where none leads."""
        live = self.live
        (start, out_s), (goal, _) = live.at(origin), live.at(place)
        nodes = None if start is None or goal is None else live.network(passes).way(start, goal)
        if nodes is None or goal is None or start is None:
            return None
        seconds = float(live.times_to(place, passes)[start]) + out_s
        way = self.lines.way(nodes, live.seconds)
        ends = np.concatenate([[origin], way.line, [place]])
        return Driven(Way(ends, way.length_m, way.roads), seconds)

    def reach(
        self,
        places: Sequence[tuple[float, float]],
        limits_s: Sequence[float],
        *,
        is_to: bool,
        passes: frozenset[str] = frozenset(),
    ) -> list[Reach]:
        """What can be driven to one of the places (`is_to`), or from them, within each limit."""
        live, furthest_s = self.live, max(limits_s)
        node_s: Floats = np.full(len(live.roads.node_lon), np.inf)
        for place in places:
            there_s = live.times_to(place, passes) if is_to else live.times_from(place, furthest_s, passes)
            node_s = np.minimum(node_s, there_s)
        return reached(live.roads, node_s, live.seconds, self._open(passes), limits_s, is_to=is_to)

    def _open(self, passes: frozenset[str]) -> Bools:
        closed = [arcs for name, arcs in self.live.closed.items() if name not in passes]
        return ~np.any(closed, axis=0) if closed else np.ones(len(self.live.seconds), bool)
