"""Underpasses: where a large road dips below the railway or an expressway, and where water gathers in a downpour.

An underpass lies on one edge of the road network. Its catchment F (hectares) is its ramps and what drains onto them; its
pumps carry off the rain of a design hour from there, Q = ψ i F with ψ = 0.9, the middle of what GB 50014 gives for paved
ground. Hourly rain i by return period P: the storm formula of Shanghai (DB31/T 1043-2017),
q = 1600 (1 + 0.846 lg P) / (t + 7)^0.656 L/(s·ha) with t = 60 min, 58 mm/h once in five years.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from gis_data.demo import plan
from gis_data.demo.network import Network
from gis_data.demo.streets import Fabric
from gis_data.demo.terrain import Field, Terrain
from gis_data.demo.transit import track

#: How many dip below the railway, and how many below an expressway.
BELOW_RAILWAY, BELOW_EXPRESSWAY = 14, 10
#: Two underpasses are at least this far apart.
APART_M = 900.0
#: Borders often follow streets; this far from one it is clear whose an underpass is.
BORDER_M = 40.0
#: Hectares of an underpass's own ramps, and of the ground beside them that may drain onto them as well.
RAMPS_HA, BESIDE_HA = 0.8, 4.2
RUNOFF = 0.9
#: Return periods, in years, that pumps were designed for.
DESIGN_YEARS = (1.0, 2.0, 3.0, 5.0)
#: Width of the carriageway in metres by rank: six lanes and kerbs, four lanes.
CARRIAGEWAY_M = {1: 25.0, 2: 17.0}


@dataclass(frozen=True)
class Underpass:
    """Where the road is lowest (metres from the centre), the edge of the network it lies on, what passes above it."""

    x_m: float
    y_m: float
    edge: int
    above: tuple[str, str]
    catchment_ha: float
    pump_m3_s: float
    area_m2: float


def design_rain_mm_h(years: float, minutes: float = 60.0) -> float:
    """Rain of a design storm averaged over `minutes`; 1 mm/h is 1 / 0.36 L/(s·ha)."""
    return 0.36 * 1600.0 * (1 + 0.846 * math.log10(years)) / math.pow(minutes + 7.0, 0.656)


def dig(
    rng: np.random.Generator,
    terrain: Terrain,
    fabric: Fabric,
    network: Network,
    road_names: Sequence[tuple[str, str]],
    districts: Sequence[BaseGeometry],
) -> tuple[Underpass, ...]:
    """The underpasses of the city, the widest road and the deepest hollow first; each clearly in one of the districts."""
    edge, spot, above = _crossings(network, road_names)
    x, y = spot.T
    parts = np.array(districts, dtype=object)
    border, wet = shapely.union_all(shapely.boundary(parts)), terrain.wet.buffer(60.0)
    shapely.prepare([*parts, border, wet])
    points = shapely.points(spot)
    urban = fabric.urban.at(x, y)
    inside = shapely.contains(parts[:, None], points).any(axis=0)
    dry = inside & (shapely.distance(border, points) > BORDER_M) & ~shapely.contains(wet, points) & (urban > 0.2)
    order = np.lexsort((-_hollow(terrain.height_m).at(x, y), network.rank[edge]))
    railways = [line.name_zh for line in plan.LINES]
    left = {True: BELOW_RAILWAY, False: BELOW_EXPRESSWAY}
    chosen: list[int] = []
    for k in order[dry[order]].tolist():
        kind = above[k][0] in railways
        if left[kind] and all(np.hypot(*(spot[k] - spot[j])) >= APART_M for j in chosen):
            chosen.append(k)
            left[kind] -= 1
    out = []
    for k in chosen:
        catchment_ha = round(RAMPS_HA + BESIDE_HA * min(1.0, float(urban[k])) * rng.uniform(0.2, 1.0), 1)
        years = DESIGN_YEARS[int(rng.integers(len(DESIGN_YEARS)))]
        pump = RUNOFF * design_rain_mm_h(years) / 3.6e6 * catchment_ha * 1e4
        ponding = CARRIAGEWAY_M[int(network.rank[edge[k]])] * rng.uniform(45.0, 85.0)
        east, north = np.round(spot[k], 1).tolist()
        out.append(Underpass(east, north, int(edge[k]), above[k], catchment_ha, round(pump, 2), float(round(ponding, -1))))
    return tuple(out)


def _crossings(network: Network, road_names: Sequence[tuple[str, str]]) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
    """Where arterials and secondary streets cross rails or expressways without a junction: edge, point, name above."""
    shapes, rank = network.shapes, network.rank
    low = np.flatnonzero((rank == 1) | (rank == 2))
    tree = shapely.STRtree(shapes[low])
    found: list[tuple[int, float, float, tuple[str, str]]] = []

    def add(lines: np.ndarray, names: Sequence[tuple[str, str]]) -> None:
        upper, edge = tree.query(lines, predicate="crosses")
        crossing = shapely.intersection(lines[upper], shapes[low[edge]])
        single = shapely.get_type_id(crossing) == shapely.GeometryType.POINT
        for k in np.flatnonzero(single).tolist():
            found.append((int(low[edge[k]]), crossing[k].x, crossing[k].y, names[upper[k]]))

    railways = [line for line in plan.LINES if line.kind == "railway"]
    add(np.array([track(line) for line in railways], dtype=object), [(line.name_zh, line.name_en) for line in railways])
    fast = np.flatnonzero(rank == 0)
    add(shapes[fast], [road_names[road] for road in network.road[fast]])
    found.sort(key=lambda row: row[:3])
    return np.array([row[0] for row in found]), np.array([row[1:3] for row in found]), [row[3] for row in found]


def _hollow(height_m: Field) -> Field:
    """How far the ground lies below its surroundings (metres, within about 600 m)."""
    around = ndimage.gaussian_filter(height_m.values, 600.0 / height_m.cell_m)
    return Field(around - height_m.values, height_m.west_m, height_m.south_m, height_m.cell_m)
