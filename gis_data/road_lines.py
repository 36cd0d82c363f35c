"""Road lines: which arcs of the road graph something drawn on the map closes, where a way runs, and what its roads are called.

A polygon closes every road that it touches. A line closes the roads that it runs along or cuts: those of which half, or
`RUNS_ALONG_M`, lies within `BESIDE_M` of it, and those that it crosses farther than that from their ends, so that the side
streets of a closed road stay open. A point closes the road nearest to it, within `NEAR_M`. Positions are WGS-84 degrees, lengths
metres on a plane tangent at the middle of the roads. Source: the layer `roads` of the city directory, whose rows the arcs of the
graph name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, radians
from typing import Any

import numpy as np
import shapely

from gis_data.city import City, RoadGraph
from gis_data.crs import METRES_PER_DEGREE
from gis_data.travel_times import Bools, Floats, Ints

NEAR_M = 60.0
BESIDE_M = 15.0
RUNS_ALONG_M = 200.0


@dataclass(frozen=True)
class Way:
    """A way on the map: its line in degrees (n × 2), its length, and the named roads in the order driven as (zh, en, metres)."""

    line: Floats
    length_m: float
    roads: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, eq=False)
class RoadLines:
    """The roads layer beside its graph: shapes in degrees and in metres, with a spatial index, and the names of each row."""

    roads: RoadGraph
    shapes: Any
    flat: Any
    tree: shapely.STRtree
    names: tuple[tuple[str, str], ...]
    centre: tuple[float, float]
    underpasses: Mapping[str, int]
    """The row that each underpass (id of the place) lies on."""

    @classmethod
    def of(cls, city: City) -> RoadLines | None:
        """None for a city without a road graph."""
        roads, layer = city.roads(), city.layer("roads")
        if roads is None or layer is None:
            return None
        lon, lat = city.centre
        shapes = np.asarray(layer.shapes, dtype=object)
        flat = _flat(shapes, lon, lat)
        names = tuple((str(row.get("name_zh") or ""), str(row.get("name_en") or "")) for row in layer.properties)
        below = {p.id: int(p.attributes["road"]) for p in city.places_of("underpass") if p.attributes.get("road") is not None}
        return cls(roads, shapes, flat, shapely.STRtree(flat), names, (lon, lat), below)

    def arcs_of(self, rows: Ints) -> Bools:
        """Which arcs (m) follow one of the rows."""
        return np.isin(self.roads.arc_road, rows)

    def rows_closed_by(self, drawn: Any, object_id: str | None = None) -> Ints:
        """Which rows of the roads layer something drawn closes: a point, a line or a polygon in degrees; a flooded underpass
        (`object_id`) its own."""
        if object_id is not None and object_id in self.underpasses:
            return np.array([self.underpasses[object_id]], np.intp)
        flat = _flat(drawn, *self.centre)
        match shapely.get_dimensions(flat):
            case 0:
                return np.asarray(self.tree.query_nearest(flat, max_distance=NEAR_M, all_matches=True), np.intp)
            case 1:
                return self._cut_by(flat)
            case _:
                return np.asarray(self.tree.query(flat, predicate="intersects"), np.intp)

    def _cut_by(self, line: Any) -> Ints:
        beside = line.buffer(BESIDE_M)
        rows = self.tree.query(beside, predicate="intersects")
        near = self.flat[rows]
        along = shapely.length(shapely.intersection(near, beside))
        inner = shapely.difference(near, shapely.buffer(shapely.boundary(near), BESIDE_M))
        is_cut = (along >= RUNS_ALONG_M) | (along >= shapely.length(near) / 2) | shapely.intersects(inner, line)
        return np.asarray(rows[is_cut], np.intp)

    def names_of(self, rows: Ints) -> tuple[tuple[str, str], ...]:
        """The names of rows, each once, without those that have none."""
        return tuple(dict.fromkeys(self.names[row] for row in rows.tolist() if any(self.names[row])))

    def way(self, nodes: Ints, seconds: Floats) -> Way:
        """The way along nodes of the graph; of parallel arcs the quickest by `seconds` (m) is driven."""
        roads = self.roads
        pieces: list[Floats] = [np.array([[roads.node_lon[nodes[0]], roads.node_lat[nodes[0]]]])]
        driven: list[list[Any]] = []
        length_m = 0.0
        for tail, head in zip(nodes[:-1].tolist(), nodes[1:].tolist(), strict=True):
            arcs = np.flatnonzero((roads.arc_from == tail) & (roads.arc_to == head))
            arc = int(arcs[seconds[arcs].argmin()])
            row, metres = int(roads.arc_road[arc]), float(roads.arc_length_m[arc])
            line = shapely.get_coordinates(self.shapes[row])
            here = np.array([roads.node_lon[tail], roads.node_lat[tail]])
            if np.abs(line[0] - here).sum() > np.abs(line[-1] - here).sum():
                line = line[::-1]
            pieces.append(line[1:])
            length_m += metres
            if driven and driven[-1][0] == self.names[row]:
                driven[-1][1] += metres
            elif any(self.names[row]):
                driven.append([self.names[row], metres])
        return Way(np.concatenate(pieces), length_m, tuple((*names, metres) for names, metres in driven))


def _flat(shapes: Any, lon: float, lat: float) -> Any:
    factors = np.array([cos(radians(lat)) * METRES_PER_DEGREE, METRES_PER_DEGREE])
    return shapely.transform(shapes, lambda xy: (xy - [lon, lat]) * factors)
