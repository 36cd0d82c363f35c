"""The ground of the demonstration city: height, coast, river, lakes and hills, in metres from the centre.

Everything is grown from a seeded generator on regular grids (`Field`) and turned into polygons by contouring. Heights
are metres above mean sea level; the ground is invented and stands for no measured place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import contourpy
import numpy as np
import shapely
from scipy import ndimage
from scipy.spatial import cKDTree
from shapely.geometry.base import BaseGeometry

from gis_data.demo import plan

CELL_M = 100.0
#: Lower bounds in metres of the height bands drawn as relief.
RELIEF_M = (50, 110, 190, 290, 410, 550)
#: Upper bounds in metres of the depth bands of the sea.
DEPTH_M = (-3, -8, -16, -28)
#: The coast faces this way (degrees from east), at this distance from the centre.
SEAWARD_DEG, COAST_M = -36.0, 11_600.0


@dataclass(frozen=True)
class Field:
    """A quantity on a square grid: `values[row, column]` at (`west_m` + column·`cell_m`, `south_m` + row·`cell_m`)."""

    values: np.ndarray
    west_m: float
    south_m: float
    cell_m: float

    def at(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """Bilinear values at points of any shape; beyond the grid the value at its edge."""
        column = (np.asarray(x_m) - self.west_m) / self.cell_m
        row = (np.asarray(y_m) - self.south_m) / self.cell_m
        return np.asarray(ndimage.map_coordinates(self.values, [row, column], order=1, mode="nearest"))

    def above(self, level: float) -> BaseGeometry:
        """The area where the quantity exceeds `level`, as one valid (multi)polygon."""
        padded = np.pad(self.values, 1, constant_values=level - 1e6)
        rows, columns = padded.shape
        x = self.west_m + (np.arange(columns) - 1) * self.cell_m
        y = self.south_m + (np.arange(rows) - 1) * self.cell_m
        filled: Any = contourpy.contour_generator(x, y, padded, fill_type="OuterOffset").filled(level, np.inf)
        points, offsets = filled
        outlines = ([p[a:b] for a, b in pairwise(o) if b - a > 3] for p, o in zip(points, offsets, strict=True))
        parts = [shapely.Polygon(rings[0], rings[1:]) for rings in outlines if rings]
        return shapely.union_all(shapely.make_valid(np.array(parts, dtype=object))) if parts else shapely.MultiPolygon()

    def painted(self, shape: BaseGeometry) -> np.ndarray:
        """Which grid points lie inside a polygonal area (boolean, shape of `values`), by even-odd counting along rows."""
        rows, columns = self.values.shape
        toggles = np.zeros((rows, columns + 1), dtype=np.int32)
        for part in shapely.get_parts(shape):
            if part.geom_type != "Polygon":
                continue
            for ring in (part.exterior, *part.interiors):
                c = (shapely.get_coordinates(ring) - [self.west_m, self.south_m]) / self.cell_m
                (x0, y0), (x1, y1) = c[:-1].T, c[1:].T
                swap = y0 > y1
                x0, x1, y0, y1 = np.where(swap, x1, x0), np.where(swap, x0, x1), np.where(swap, y1, y0), np.where(swap, y0, y1)
                first, last = np.ceil(y0), np.ceil(y1)
                count = np.clip(last - first, 0, None).astype(int)
                edge = np.repeat(np.arange(len(count)), count)
                row = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
                at = x0[edge] + (row - y0[edge]) / (y1 - y0)[edge] * (x1 - x0)[edge]
                inside = (row >= 0) & (row < rows)
                np.add.at(toggles, (row[inside].astype(int), np.clip(np.ceil(at[inside]), 0, columns).astype(int)), 1)
        return np.asarray(np.cumsum(toggles, axis=1)[:, :-1] % 2 == 1)

    def around(self, centre_m: tuple[float, float], reach_m: float) -> tuple[slice, slice]:
        """Rows and columns of the grid that lie within `reach_m` of a point, along either axis; empty off the grid."""
        (east, north), (rows, columns) = centre_m, self.values.shape
        low_row, high_row = ((north + d - self.south_m) / self.cell_m for d in (-reach_m, reach_m))
        low_column, high_column = ((east + d - self.west_m) / self.cell_m for d in (-reach_m, reach_m))
        return (
            slice(min(max(int(low_row), 0), rows), min(max(int(high_row) + 1, 0), rows)),
            slice(min(max(int(low_column), 0), columns), min(max(int(high_column) + 1, 0), columns)),
        )

    @property
    def mesh(self) -> tuple[np.ndarray, np.ndarray]:
        """East and north coordinates of every grid point, each of the shape of `values`."""
        rows, columns = self.values.shape
        x, y = np.meshgrid(self.west_m + np.arange(columns) * self.cell_m, self.south_m + np.arange(rows) * self.cell_m)
        return x, y


def blank(half_x_m: float, half_y_m: float, cell_m: float, centre_m: tuple[float, float] = (0.0, 0.0)) -> Field:
    """A field of zeros around a point."""
    columns, rows = int(2 * half_x_m / cell_m) + 1, int(2 * half_y_m / cell_m) + 1
    return Field(np.zeros((rows, columns)), centre_m[0] - half_x_m, centre_m[1] - half_y_m, cell_m)


def noise(rng: np.random.Generator, like: Field, wavelength_m: float, octaves: int = 1, gain: float = 0.5) -> np.ndarray:
    """Smooth noise of mean 0 and standard deviation 1 on the grid of `like`; each octave halves the wavelength."""
    total = np.zeros_like(like.values)
    rows, columns = total.shape
    for octave in range(octaves):
        step = wavelength_m / 2**octave / like.cell_m
        coarse = rng.normal(size=(int(rows / step) + 4, int(columns / step) + 4))
        tall = _along(coarse, np.arange(rows) / step + 1)
        i, weights = _cubic(np.arange(columns) / step + 1, coarse.shape[1])
        scale = gain**octave
        for k, weight in enumerate(weights):
            total += np.take(tall, i + k - 1, axis=1) * (scale * weight)
    return np.asarray((total - total.mean()) / total.std())


def _cubic(position: np.ndarray, count: int) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Where to read `count` values for positions between them, and the four weights of Catmull-Rom interpolation."""
    i = np.minimum(position.astype(int), count - 3)
    t = position - i
    return i, (
        0.5 * t * (t * (2 - t) - 1),
        0.5 * (t * t * (3 * t - 5) + 2),
        0.5 * t * (t * (4 - 3 * t) + 1),
        0.5 * t * t * (t - 1),
    )


def _along(values: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Cubic (Catmull-Rom) interpolation along the first axis."""
    i, weights = _cubic(position, len(values))
    return np.asarray(sum(values[i + k - 1] * weight[:, None] for k, weight in enumerate(weights)))


def smoothstep(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t))


def spline(points: Sequence[Sequence[float]] | np.ndarray, step: float, closed: bool = False) -> np.ndarray:
    """A centripetal Catmull-Rom curve through `points` (n × d), resampled about every `step` along its first two columns."""
    p = np.asarray(points, dtype=float)
    p = np.vstack([p[-1], p, p[0], p[1]]) if closed else np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    out = []
    for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True):
        t0 = 0.0
        t1 = t0 + np.hypot(*(b - a)[:2]) ** 0.5
        t2 = t1 + np.hypot(*(c - b)[:2]) ** 0.5
        t3 = t2 + np.hypot(*(d - c)[:2]) ** 0.5
        t = np.linspace(t1, t2, max(2, int(np.hypot(*(c - b)[:2]) / step * 1.5) + 1), endpoint=False)[:, None]
        ab = (t1 - t) / (t1 - t0) * a + (t - t0) / (t1 - t0) * b
        bc = (t2 - t) / (t2 - t1) * b + (t - t1) / (t2 - t1) * c
        cd = (t3 - t) / (t3 - t2) * c + (t - t2) / (t3 - t2) * d
        abc = (t2 - t) / (t2 - t0) * ab + (t - t0) / (t2 - t0) * bc
        bcd = (t3 - t) / (t3 - t1) * bc + (t - t1) / (t3 - t1) * cd
        out.append((t2 - t) / (t2 - t1) * abc + (t - t1) / (t2 - t1) * bcd)
    dense = np.vstack([*out, out[0][:1] if closed else p[-2:-1]])
    length = np.r_[0.0, np.cumsum(np.hypot(*np.diff(dense[:, :2], axis=0).T))]
    at = np.linspace(0.0, length[-1], max(2, round(length[-1] / step)) + 1)
    return np.column_stack([np.interp(at, length, column) for column in dense.T])


def wander(rng: np.random.Generator, line: np.ndarray, amplitude: np.ndarray | float, wavelength: float) -> np.ndarray:
    """The line pushed sideways by smooth noise: a road or brook that follows the ground instead of a ruler.

    `line` is n × d with east and north first; the ends stay where they are.
    """
    length = np.r_[0.0, np.cumsum(np.hypot(*np.diff(line[:, :2], axis=0).T))]
    knots = int(length[-1] / wavelength * 2) + 4
    push = _along(rng.normal(size=(knots, 1)), length / wavelength * 2 + 1)[:, 0]
    push = push * np.minimum(1.0, np.minimum(length, length[-1] - length) / wavelength) * amplitude
    tangent = np.gradient(line[:, :2], axis=0)
    tangent /= np.hypot(*tangent.T)[:, None]
    moved = line.copy()
    moved[:, :2] += push[:, None] * np.column_stack([-tangent[:, 1], tangent[:, 0]])
    return moved


def ribbon(line: np.ndarray, width_m: np.ndarray) -> BaseGeometry:
    """The area swept along a line (n × 2) by a disc whose diameter changes (n)."""
    discs = shapely.buffer(shapely.points(line), width_m / 2, quad_segs=6)
    pairs = shapely.geometrycollections(np.column_stack([discs[:-1], discs[1:]]))
    return shapely.union_all(shapely.convex_hull(pairs))


def softened(shape: BaseGeometry, rounds: int = 2) -> BaseGeometry:
    """Corners cut by Chaikin's rule, so that a contour of 100 m cells does not look faceted at street zoom."""

    def soften_ring(ring: BaseGeometry) -> np.ndarray:
        p = shapely.get_coordinates(ring)[:-1]
        for _ in range(rounds):
            q = np.roll(p, -1, axis=0)
            p = np.stack([0.75 * p + 0.25 * q, 0.25 * p + 0.75 * q], axis=1).reshape(-1, 2)
        return np.vstack([p, p[:1]])

    parts = [
        shapely.Polygon(soften_ring(part.exterior), [soften_ring(hole) for hole in part.interiors])
        for part in shapely.get_parts(shape)
    ]
    return shapely.union_all(shapely.make_valid(np.array(parts, dtype=object))) if parts else shape


def blob(rng: np.random.Generator, lake: plan.Lake, roughness: float = 0.34) -> BaseGeometry:
    """A lake or island outline: an ellipse whose shore is bent by noise; one polygon in metres."""
    half = 1.7 * max(lake.half_km) * 1000
    centre = (lake.at_km[0] * 1000, lake.at_km[1] * 1000)
    grid = blank(half, half, half / 60, centre)
    x, y = grid.mesh
    turn = np.radians(lake.turn_deg)
    u = (x - centre[0]) * np.cos(turn) + (y - centre[1]) * np.sin(turn)
    v = (y - centre[1]) * np.cos(turn) - (x - centre[0]) * np.sin(turn)
    inside = 1.0 - np.hypot(u / lake.half_km[0], v / lake.half_km[1]) / 1000
    rough = noise(rng, grid, 0.9e3 * min(lake.half_km) ** 0.5 * 1.3, octaves=3, gain=0.45)
    shape = Field(inside + roughness * 0.5 * rough * smoothstep(1.0, 0.4, inside), grid.west_m, grid.south_m, grid.cell_m).above(
        0.0
    )
    largest = max(shapely.get_parts(shape), key=shapely.area)
    return softened(shapely.Polygon(largest.exterior))


@dataclass(frozen=True)
class Water:
    """One body of water: kind (sea, river, stream, lake), names and its area."""

    kind: str
    name_zh: str
    name_en: str
    area: BaseGeometry


@dataclass(frozen=True)
class Terrain:
    """The ground: height (m), metres inland from the open coast, land (water taken out), waters, relief bands: land above a
    height, sea below a depth (negative).

    `course` is the river's centre line with its width (n × 3, metres); `streams` are the smaller ones (n × 2).
    """

    height_m: Field
    inland_m: Field
    mainland: BaseGeometry
    land: BaseGeometry
    wet: BaseGeometry
    waters: tuple[Water, ...]
    relief: tuple[tuple[int, BaseGeometry], ...]
    course: np.ndarray
    streams: tuple[np.ndarray, ...]
    extent: BaseGeometry


def grow(rng: np.random.Generator, cell_m: float = CELL_M) -> Terrain:
    """The ground of the city and of the country around it, out to `plan.EXTENT_KM`, computed on cells of `cell_m`."""
    half_x, half_y = (1000.0 * side for side in plan.EXTENT_KM)
    grid = blank(half_x, half_y, cell_m)
    x, y = grid.mesh
    seaward = np.radians(SEAWARD_DEG)
    inland = COAST_M - (x * np.cos(seaward) + y * np.sin(seaward))
    far = smoothstep(14e3, 40e3, np.hypot(x, y))
    inland = inland + (1500 + 2600 * far) * noise(rng, grid, 15e3, octaves=2) + 980 * noise(rng, grid, 5.2e3, octaves=4)
    inland -= 3600 * np.exp(-((x - 12.4e3) ** 2 + (y + 8.2e3) ** 2) / (2 * 2900.0**2))
    for quarter in plan.QUARTERS:
        east, north = (1000 * k for k in quarter.at_km)
        near = np.exp(-((x - east) ** 2 + (y - north) ** 2) / (2 * 1800.0**2))
        inland = np.maximum(inland, 2200 * near - 900 * (1 - near))
    for island in plan.ISLANDS:
        shape = blob(rng, island)
        shapely.prepare(shape)
        ring = shape.exterior
        close = np.hypot(x - island.at_km[0] * 1000, y - island.at_km[1] * 1000) < 2500 * max(island.half_km)
        points = shapely.points(x[close], y[close])
        signed = shapely.distance(points, ring) * np.where(shapely.contains(shape, points), 1.0, -1.0)
        inland[close] = np.maximum(inland[close], signed)
    inland_m = Field(inland, grid.west_m, grid.south_m, grid.cell_m)

    course = spline(np.asarray(plan.RIVER_KM, dtype=float) * [1000, 1000, 1], 60.0)
    calm = np.interp(np.hypot(course[:, 0], course[:, 1]), [0, 8e3, 20e3], [60.0, 160.0, 520.0])
    course = wander(rng, course, calm, 3600.0)
    streams = tuple(wander(rng, spline(np.asarray(s.points_km) * 1000, 40.0), 70.0, 900.0) for s in plan.STREAMS)

    extent = shapely.box(-half_x, -half_y, half_x, half_y)
    coast = softened(inland_m.above(0.0)).intersection(extent)
    mainland = shapely.union_all([p for p in shapely.get_parts(coast) if p.area > 4e4])
    river = ribbon(course[:, :2], course[:, 2])
    eyot = _eyot(rng, course)
    river = river.difference(eyot).intersection(extent)
    lakes = [(lake, blob(rng, lake, 0.5 if lake.name_zh.endswith("水库") else 0.34)) for lake in plan.LAKES]
    lake_area = shapely.union_all([shape for _, shape in lakes])
    sea = extent.difference(mainland)
    waters = [Water("sea", plan.SEA_ZH, plan.SEA_EN, sea)]
    waters.append(Water("river", plan.RIVER_ZH, plan.RIVER_EN, river.difference(sea)))
    waters += [Water("lake", lake.name_zh, lake.name_en, shape.difference(sea)) for lake, shape in lakes]
    taken = shapely.union_all([sea, river, lake_area])
    for stream, line in zip(plan.STREAMS, streams, strict=True):
        area = shapely.buffer(shapely.LineString(line), stream.width_m / 2).difference(taken)
        waters.append(Water("stream", stream.name_zh, stream.name_en, area))
    wet = shapely.union_all([w.area for w in waters])

    height = _height(rng, grid, inland, course, lakes)
    relief = [(level, softened(height.above(level), 1).simplify(12.0).difference(taken)) for level in RELIEF_M]
    deep = Field(-height.values, height.west_m, height.south_m, height.cell_m)
    relief += [(level, softened(deep.above(-level), 1).simplify(12.0).intersection(sea)) for level in DEPTH_M]
    return Terrain(height, inland_m, mainland, extent.difference(wet), wet, tuple(waters), tuple(relief), course, streams, extent)


def _eyot(rng: np.random.Generator, course: np.ndarray) -> BaseGeometry:
    """The spindle-shaped island in the river."""
    east, north = (1000 * k for k in plan.EYOT_KM)
    middle = int(np.argmin(np.hypot(course[:, 0] - east, course[:, 1] - north)))
    half_length, half_width = plan.EYOT_HALF_M
    span = round(half_length / 60)
    line = course[middle - span : middle + span + 1, :2]
    share = np.linspace(-1, 1, len(line))
    width = 2 * half_width * (1 - share**2) ** 0.8 * (1 + 0.12 * _along(rng.normal(size=(12, 1)), (share + 1) * 4 + 1)[:, 0]) + 4
    return ribbon(line, width)


def _height(
    rng: np.random.Generator, grid: Field, inland: np.ndarray, course: np.ndarray, lakes: list[tuple[plan.Lake, BaseGeometry]]
) -> Field:
    """Height in metres: a gently rising plain, hills inland away from the river, named hills inside the city."""
    x, y = grid.mesh
    stride = 4
    to_river = _finer(_distance_to(shapely.LineString(course[:, :2]), x[::stride, ::stride], y[::stride, ::stride]), x)
    coarse_x, coarse_y = x[::stride, ::stride], y[::stride, ::stride]
    built = np.zeros_like(coarse_x)
    centres = [(q.at_km, q.spread_km * 1.05) for q in plan.QUARTERS] + [(t.at_km, t.radius_km * 1.6) for t in plan.TOWNS]
    for at_km, spread_km in centres:
        far2 = (coarse_x - at_km[0] * 1000) ** 2 + (coarse_y - at_km[1] * 1000) ** 2
        built = np.maximum(built, np.exp(-far2 / (2 * (spread_km * 900) ** 2)))
    built = _finer(built, x) * (1 + 0.35 * noise(rng, grid, 2600.0, octaves=2))
    hilly = smoothstep(9e3, 24e3, np.hypot(x + 2e3, y + 1e3)) * smoothstep(2.5e3, 12e3, inland)
    # towards the edge of what is drawn the hills sink into the plain, so that the edge does not show
    hilly *= smoothstep(0.0, 9e3, x - grid.west_m) * smoothstep(0.0, 9e3, -grid.south_m - y)
    hilly *= smoothstep(0.0, 9e3, y - grid.south_m)
    hilly *= smoothstep(700.0, 6.5e3, to_river) * (1 - 0.93 * smoothstep(0.12, 0.75, built))
    ridges = 1.0 - np.abs(noise(rng, grid, 7.5e3, octaves=4, gain=0.5)) / 1.4
    broad = 0.5 + 0.5 * np.tanh(noise(rng, grid, 17e3) + 0.5)
    height = np.clip(inland, -50, None) / 900 + 620 * hilly * broad * np.clip(ridges, 0, None) ** 1.4
    for _, _, (east, north), radius_km, top_m in plan.HILLS:
        window = grid.around((east * 1000, north * 1000), radius_km * 1200)
        far = np.hypot(x[window] - east * 1000, y[window] - north * 1000) / (radius_km * 1000)
        rough = noise(rng, Field(far, 0.0, 0.0, grid.cell_m), 900.0, octaves=2)
        height[window] = np.maximum(height[window], top_m * np.clip(np.clip(1 - far**1.6, 0, None) * (1 + 0.28 * rough), 0, None))
    # the sea bed falls by a metre in some 600 m from the shore, which is flat, as off a river's mouth
    offshore = ndimage.distance_transform_edt(inland < 0) * grid.cell_m
    depth = np.clip(offshore / 600 * (1 + 0.22 * noise(rng, grid, 6e3, octaves=2)), 0.5, 60)
    height = np.where(inland < 0, -depth, np.maximum(height, 2.0))
    return Field(height, grid.west_m, grid.south_m, grid.cell_m)


def _finer(coarse: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A coarse grid of the same ground, interpolated to the shape of `like`."""
    factors = (like.shape[0] / coarse.shape[0], like.shape[1] / coarse.shape[1])
    return np.asarray(ndimage.zoom(coarse, factors, order=1)[: like.shape[0], : like.shape[1]])


def _distance_to(line: BaseGeometry, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Metres from each point to a line, through a KD-tree of its vertices every 60 m (exact to a few metres)."""
    tree = cKDTree(shapely.get_coordinates(shapely.segmentize(line, 60.0)))
    return np.asarray(tree.query(np.column_stack([x.ravel(), y.ravel()]))[0]).reshape(x.shape)
