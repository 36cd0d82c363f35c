"""Streets of the demonstration city, drawn along a direction field so that they bend with river, shore and hill.

The method is tensor-field street modelling (Chen, Esch, Wonka, Müller, Zhang: Interactive procedural street modeling,
SIGGRAPH 2008) with evenly spaced streamlines (Jobard and Lefer 1997): every point has a direction and its
perpendicular, streets follow one or the other, and a street ends where it would come too close to its own kind.
Lengths in metres, directions in radians from east.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
import shapely
from scipy import ndimage, sparse
from scipy.sparse import csgraph
from shapely.geometry.base import BaseGeometry

from gis_data.demo import plan
from gis_data.demo.terrain import Field, Terrain, blank, noise, smoothstep, spline, wander

LAND, BROOK, RIVER, BARRED = 0, 1, 2, 3
HALF_M, CELL_M = 27_000.0, 50.0
#: In a park only arterials may pass: between the thresholds of arterial and secondary streets.
PARK_URBAN = 0.24
#: Two lanes so close over such a length run abreast; wider streets are drawn in steps too long to tell.
ABREAST_M, ABREAST_OVER_M = 38.0, 115.0
#: A bridge is slantwise if, turned by so much, it would be shorter than this share.
SLANT_RAD, SLANT_SHARE = 0.5, 0.85


@dataclass(frozen=True)
class Road:
    """A road before it is cut at its crossings: class key, coordinates (n × 2, metres), names if planned."""

    kind: str
    line: np.ndarray
    name_zh: str = ""
    name_en: str = ""


@dataclass(frozen=True)
class Fabric:
    """What the streets are drawn from, on one grid: how urban (0–1), the direction field as cos 2θ and sin 2θ,
    what stands in the way (`ground`: LAND, BROOK, RIVER, BARRED) and the local grain (1 = usual spacing)."""

    urban: Field
    cos2: Field
    sin2: Field
    ground: Field
    grain: Field

    @cached_property
    def tables(self) -> tuple[list[list[float]], ...]:
        """The five fields as lists of rows, which are read a point at a time several times faster than arrays."""
        return tuple(f.values.tolist() for f in (self.urban, self.cos2, self.sin2, self.ground, self.grain))


def weave(rng: np.random.Generator, terrain: Terrain, parks: Iterable[BaseGeometry], cell_m: float = CELL_M) -> Fabric:
    """The urban fabric from the plan, the ground and the areas (metres) that are to stay parks."""
    grid = blank(HALF_M, HALF_M, cell_m)
    x, y = grid.mesh
    ground = np.full(x.shape, LAND, dtype=np.int8)
    for water in terrain.waters:
        code = {"stream": BROOK, "river": RIVER}.get(water.kind, BARRED)
        filled = (
            shapely.union_all([shapely.Polygon(p.exterior) for p in shapely.get_parts(water.area)])
            if code == RIVER
            else water.area
        )
        ground = np.maximum(ground, np.where(grid.painted(filled), code, LAND)).astype(np.int8)
    height = terrain.height_m.at(x, y)
    steep = np.hypot(*np.gradient(ndimage.gaussian_filter(height, 150 / cell_m), cell_m))

    urban = np.zeros_like(x)
    for q in plan.QUARTERS:
        east, north = (1000 * k for k in q.at_km)
        far2 = ((x - east) ** 2 + (y - north) ** 2) / (q.spread_km * 1000) ** 2
        urban = 1 - (1 - urban) * (1 - q.intensity * np.exp(-0.62 * far2))
    heart = np.hypot((x - 300) / 1.15, y - 300) / 1000
    urban = 1 - (1 - urban) * (1 - 0.75 * np.exp(-((heart / 6.4) ** 2)))
    urban = urban * (1 + 0.20 * noise(rng, grid, 2400.0, octaves=2))
    for town in plan.TOWNS:
        east, north = (1000 * k for k in town.at_km)
        window = grid.around((east, north), 3600 * town.radius_km)
        if urban[window].size:
            far2 = ((x[window] - east) ** 2 + (y[window] - north) ** 2) / (town.radius_km * 1000) ** 2
            rough = noise(rng, Field(far2, 0.0, 0.0, cell_m), 900.0)
            urban[window] = np.maximum(urban[window], 0.56 * np.exp(-0.75 * far2) * (1 + 0.15 * rough))
    urban *= (1 - smoothstep(0.045, 0.11, steep)) * (1 - smoothstep(60.0, 150.0, height - 12.0))
    urban = np.where(ground == BARRED, 0.0, np.clip(urban, 0, 1))
    lawns = grid.painted(shapely.union_all(list(parks)))
    urban = np.where(lawns, np.minimum(urban, PARK_URBAN), urban)

    cos2, sin2 = _directions(rng, grid, terrain, height, ground)
    grain = np.clip(np.exp(0.30 * noise(rng, grid, 2100.0, octaves=2)), 0.7, 1.5)
    return Fabric(*(Field(v, grid.west_m, grid.south_m, cell_m) for v in (urban, cos2, sin2, ground, grain)))


def _directions(
    rng: np.random.Generator, grid: Field, terrain: Terrain, height: np.ndarray, ground: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The direction field: each quarter's grid, rings around the centre, the shore's own line, the hillside's contour."""
    x, y = grid.mesh
    cos2, sin2 = np.full_like(x, 0.05), np.zeros_like(x)

    def add(angle: np.ndarray | float, weight: np.ndarray, window: tuple[slice, slice] = (slice(None), slice(None))) -> None:
        cos2[window] += weight * np.cos(2 * np.asarray(angle))
        sin2[window] += weight * np.sin(2 * np.asarray(angle))

    for q in plan.QUARTERS:
        east, north = (1000 * k for k in q.at_km)
        add(math.radians(q.street_deg), np.exp(-((x - east) ** 2 + (y - north) ** 2) / (2 * (q.spread_km * 900) ** 2)))
    for town in plan.TOWNS:
        east, north = (1000 * k for k in town.at_km)
        turn_rad, window = rng.uniform(0, math.pi), grid.around((east, north), 6000 * town.radius_km)
        far2 = (x[window] - east) ** 2 + (y[window] - north) ** 2
        add(turn_rad, np.exp(-far2 / (2 * (town.radius_km * 1300) ** 2)), window)
    from_centre = np.hypot(x, y)
    add(np.arctan2(y, x), 0.34 * smoothstep(3e3, 7e3, from_centre) * smoothstep(30e3, 12e3, from_centre))
    open_water = ground >= RIVER
    to_shore = (
        ndimage.gaussian_filter(
            ndimage.distance_transform_edt(~open_water) - ndimage.distance_transform_edt(open_water), 250 / grid.cell_m
        )
        * grid.cell_m
    )
    down, across = np.gradient(to_shore)
    add(np.arctan2(down, across) + math.pi / 2, 1.7 * np.exp(-((np.clip(to_shore, 0, None) / 900) ** 2)))
    up, along = np.gradient(ndimage.gaussian_filter(height, 300 / grid.cell_m), grid.cell_m)
    add(np.arctan2(up, along) + math.pi / 2, 1.6 * smoothstep(0.02, 0.07, np.hypot(up, along)))
    turn = 0.13 * noise(rng, grid, 3400.0, octaves=2)
    strength = np.hypot(cos2, sin2) + 1e-9
    angle = np.arctan2(sin2 / strength, cos2 / strength) / 2 + turn
    return np.cos(2 * angle), np.sin(2 * angle)


@dataclass(frozen=True)
class Manner:
    """How one class of street is drawn.

    `spacing_m`: distance between parallels where the city is densest and where it ends, per family (along the
    direction, across it); `urban_from`: how urban a place must be; `leap_m`: the widest water it bridges, per ground;
    `reach_m`: how far an end is led on to meet another road.
    """

    kind: str
    spacing_m: tuple[tuple[float, float], tuple[float, float]]
    urban_from: float
    step_m: float
    least_m: float
    leap_m: tuple[float, float]
    bridge_gap_m: float
    reach_m: float


MANNERS = (
    Manner("arterial", ((950, 2100), (1050, 2300)), 0.17, 60.0, 2200.0, (200.0, 1900.0), 1000.0, 3200.0),
    Manner("secondary", ((430, 820), (500, 900)), 0.27, 40.0, 800.0, (160.0, 0.0), 300.0, 900.0),
    Manner("local", ((150, 270), (205, 360)), 0.33, 30.0, 280.0, (0.0, 0.0), 0.0, 320.0),
)


@dataclass
class Samples:
    """Points of the streets drawn so far, of one family, in a hash of square cells: is anything closer than d?"""

    cell_m: float
    cells: dict[tuple[int, int], list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, x: float, y: float) -> None:
        self.cells.setdefault((int(x // self.cell_m), int(y // self.cell_m)), []).append((x, y))

    def near(self, x: float, y: float, within_m: float) -> bool:
        cells, cell_m, limit = self.cells, self.cell_m, within_m * within_m
        rows = range(int((y - within_m) // cell_m), int((y + within_m) // cell_m) + 1)
        for i in range(int((x - within_m) // cell_m), int((x + within_m) // cell_m) + 1):
            for j in rows:
                for px, py in cells.get((i, j), ()):
                    if (px - x) ** 2 + (py - y) ** 2 < limit:
                        return True
        return False


class Drafter:
    """Draws the streets of one class into a fabric that already holds wider ones."""

    def __init__(self, fabric: Fabric, manner: Manner, roads: Iterable[Road], detail: float) -> None:
        self.manner, self.detail = manner, detail
        self.west, self.south, self.cell = fabric.urban.west_m, fabric.urban.south_m, fabric.urban.cell_m
        self.urban, self.cos2, self.sin2, self.ground, self.grain = fabric.tables
        self.last = len(self.urban) - 2
        spacing = [min(s) / detail for s in manner.spacing_m]
        self.drawn = tuple(Samples(s * 0.8) for s in spacing)
        self.bridges: list[tuple[float, float]] = []
        for road in roads:
            self._remember(road.line, min(spacing) * 0.3)

    def _remember(self, line: np.ndarray, every_m: float) -> None:
        """A wider road counts as a street of the family it runs along."""
        dense = shapely.get_coordinates(shapely.segmentize(shapely.LineString(line), every_m))
        heading = np.arctan2(*np.gradient(dense, axis=0).T[::-1])
        for (x, y), angle in zip(dense.tolist(), heading.tolist(), strict=True):
            if not self._on_grid(x, y):
                continue
            family = 0 if abs(math.cos(angle - self._angle(x, y))) > 0.7071 else 1
            self.drawn[family].add(x, y)

    def _on_grid(self, x: float, y: float) -> bool:
        return 0 <= (x - self.west) / self.cell < self.last and 0 <= (y - self.south) / self.cell < self.last

    def _angle(self, x: float, y: float) -> float:
        column, row = (x - self.west) / self.cell, (y - self.south) / self.cell
        i, j = int(row), int(column)
        u, v = row - i, column - j
        cos2, sin2 = self.cos2, self.sin2
        a = (cos2[i][j] * (1 - v) + cos2[i][j + 1] * v) * (1 - u) + (cos2[i + 1][j] * (1 - v) + cos2[i + 1][j + 1] * v) * u
        b = (sin2[i][j] * (1 - v) + sin2[i][j + 1] * v) * (1 - u) + (sin2[i + 1][j] * (1 - v) + sin2[i + 1][j + 1] * v) * u
        return math.atan2(b, a) / 2

    def _look(self, table: list[list[float]], x: float, y: float) -> float:
        return table[int((y - self.south) / self.cell + 0.5)][int((x - self.west) / self.cell + 0.5)]

    def spacing(self, x: float, y: float, family: int) -> float:
        """Metres between parallels here."""
        dense, sparse_ = self.manner.spacing_m[family]
        share = min(1.0, max(0.0, (self._look(self.urban, x, y) - self.manner.urban_from) / (0.9 - self.manner.urban_from)))
        return (sparse_ + (dense - sparse_) * float(share**0.7)) * self._look(self.grain, x, y) / self.detail

    def draw(self, rng: np.random.Generator) -> list[Road]:
        """All streets of the class, the densest places first."""
        low = self.manner.urban_from
        pitch = min(min(s) for s in self.manner.spacing_m) / self.detail * 1.6
        side = int((HALF_M - 300) / pitch)
        lattice = np.arange(-side, side + 1) * pitch
        x, y = (v.ravel() for v in np.meshgrid(lattice, lattice))
        x, y = x + rng.uniform(-0.45, 0.45, x.size) * pitch, y + rng.uniform(-0.45, 0.45, x.size) * pitch
        seeds = [(self._look(self.urban, a, b), a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
        seeds = sorted((s for s in seeds if s[0] > low), reverse=True)
        roads: list[Road] = []
        waiting: list[tuple[float, float, int]] = []
        for _, a, b in seeds:
            waiting += [(a, b, 0), (a, b, 1)]
            while waiting:
                sx, sy, family = waiting.pop()
                if not self._on_grid(sx, sy) or self._look(self.urban, sx, sy) <= low or self._look(self.ground, sx, sy) != LAND:
                    continue
                gap = self.spacing(sx, sy, family)
                if self.drawn[family].near(sx, sy, gap * 0.96):
                    continue
                line = self._trace(sx, sy, family)
                if line is None:
                    continue
                roads.append(Road(self.manner.kind, np.array(line)))
                stride = max(1, int(gap / self.manner.step_m))
                for (px, py), (qx, qy) in zip(line[:-1:stride], line[1::stride], strict=False):
                    length = math.hypot(qx - px, qy - py)
                    if length > 2 * self.manner.step_m:
                        continue
                    nx, ny = -(qy - py) / length, (qx - px) / length
                    for side_ in (1.0, -1.0):
                        d = self.spacing(px, py, family) * side_
                        waiting.insert(0, (px + nx * d, py + ny * d, family))
        return roads

    def _trace(self, x: float, y: float, family: int) -> list[tuple[float, float]] | None:
        """A street through a point, both ways; None if it would be too short to be one."""
        start = self._angle(x, y) + family * math.pi / 2
        there, back = (self._walk(x, y, heading, family) for heading in (start, start + math.pi))
        line = [*back[::-1], (x, y), *there]
        length = sum(math.dist(a, b) for a, b in pairwise(line))
        if length < self.manner.least_m / self.detail**0.5:
            return None
        stride = max(1, int(self.spacing(x, y, family) * 0.3 / self.manner.step_m))
        for px, py in [*line[::stride], line[-1]]:
            self.drawn[family].add(px, py)
        return line

    def _walk(self, x: float, y: float, heading: float, family: int) -> list[tuple[float, float]]:
        """The points of a street from a point onward, until water, countryside, a sharp bend or a parallel stops it.

        Beside a parallel it goes on for up to one block, so that it ends at a crossing and not in the open.
        """
        path: list[tuple[float, float]] = []
        start, step, spare, beside = (x, y), self.manner.step_m, -1.0, 0
        recent = [heading] * 8
        for _ in range(2000):
            angle = self._onward(x, y, heading, family)
            if angle is None or math.cos(angle - recent[0]) < 0.35:
                break
            recent = [*recent[1:], angle]
            # the midpoint rule keeps curves true at this step length
            angle = self._onward(x + 0.5 * step * math.cos(angle), y + 0.5 * step * math.sin(angle), angle, family)
            if angle is None:
                break
            ahead = x + step * math.cos(angle), y + step * math.sin(angle)
            if not self._on_grid(*ahead):
                break
            on_land = self._look(self.ground, *ahead) == LAND
            if on_land and self._look(self.urban, *ahead) <= self.manner.urban_from * 0.9:
                break
            if not on_land:
                far = self._leap(x, y, angle)
                if far is None:
                    break
                self.bridges.append(((x + far[0]) / 2, (y + far[1]) / 2))
                ahead = far
            gap = self.spacing(*ahead, family)
            if spare < 0 and self.drawn[family].near(*ahead, gap * 0.62):
                spare = 0.9 * self.spacing(*ahead, 1 - family)
            if spare >= 0:
                spare -= step
                if spare < 0 or self.drawn[family].near(*ahead, gap * 0.25):
                    break
            # where the field turns by 45°, lanes of the other family run alongside: a crossing is passed in fewer steps
            beside = beside + 1 if step < ABREAST_M and self.drawn[1 - family].near(*ahead, ABREAST_M) else 0
            if beside * step > ABREAST_OVER_M:
                del path[-beside + 1 :]
                break
            if len(path) > 12 and math.dist(ahead, start) < gap * 0.6:
                break
            path.append(ahead)
            (x, y), heading = ahead, angle
        return path

    def _onward(self, x: float, y: float, heading: float, family: int) -> float | None:
        if not self._on_grid(x, y):
            return None
        angle = self._angle(x, y) + family * math.pi / 2
        return angle if math.cos(angle - heading) >= 0 else angle + math.pi

    def _leap(self, x: float, y: float, angle: float) -> tuple[float, float] | None:
        """The far bank straight ahead, if this class of street builds bridges as long, none is beside it, and it is not
        much nearer to either side: nobody bridges water slantwise."""
        found = self._far_bank(x, y, angle)
        if found is None:
            return None
        walked, code = found
        limit = self.manner.leap_m[1] if code == RIVER else self.manner.leap_m[0]
        cos, sin = math.cos(angle), math.sin(angle)
        middle = (x + walked * cos / 2, y + walked * sin / 2)
        gap = self.manner.bridge_gap_m / self.detail * (1.0 if code == RIVER else 0.35)
        if walked > limit or any(math.hypot(middle[0] - a, middle[1] - b) < gap for a, b in self.bridges):
            return None
        beside = (self._far_bank(x, y, angle + turn) for turn in (-SLANT_RAD, SLANT_RAD))
        if any(other is not None and other[0] < SLANT_SHARE * walked for other in beside):
            return None
        return x + (walked + 30) * cos, y + (walked + 30) * sin

    def _far_bank(self, x: float, y: float, angle: float) -> tuple[float, float] | None:
        """Metres to land beyond the water ahead, and what water it is; None if there is none within the longest bridge."""
        cos, sin, walked, code = math.cos(angle), math.sin(angle), 0.0, float(LAND)
        while walked <= max(self.manner.leap_m):
            walked += 20.0
            px, py = x + walked * cos, y + walked * sin
            if not self._on_grid(px, py):
                return None
            here = self._look(self.ground, px, py)
            code = max(code, here)
            if code == BARRED:
                return None
            if here == LAND and walked > 2 * self.cell:
                return walked, code
        return None


def trunks(rng: np.random.Generator) -> list[Road]:
    """The trunk roads of the plan, smoothed; an end that the plan lays beside another one is led into it in a curve."""
    lines = [wander(rng, spline(np.asarray(t.points_km) * 1000, 60.0, t.closed), 40.0, 4200.0) for t in plan.TRUNKS]
    shapes = [shapely.LineString(line) for line in lines]
    roads = []
    for k, trunk in enumerate(plan.TRUNKS):
        others = shapely.union_all([shape for j, shape in enumerate(shapes) if j != k])
        line = lines[k] if trunk.closed else _joined(_joined(lines[k], others)[::-1], others)[::-1]
        roads.append(Road(trunk.kind, line, trunk.name_zh, trunk.name_en))
    return roads


def _joined(line: np.ndarray, others: BaseGeometry, reach_m: float = 1100.0, curve_m: float = 900.0) -> np.ndarray:
    """The line with its first end led across the nearest of the others, if one is within reach and not crossed anyway."""
    end = shapely.Point(line[0])
    if shapely.LineString(line[: int(reach_m / 50.0)]).intersects(others):
        return line
    target = shapely.get_coordinates(shapely.shortest_line(end, others))[1]
    gap = target - line[0]
    distance = float(np.hypot(*gap))
    if not 1.0 < distance < reach_m:
        return line
    kept = line[np.hypot(*(line - target).T) > curve_m]
    bend = spline(np.vstack([target + gap / distance * 40.0, target, kept[0], kept[6]]), 60.0)
    return np.vstack([bend, kept[7:]])


def country_roads(rng: np.random.Generator, terrain: Terrain) -> list[Road]:
    """Winding roads between towns and to the city, by least effort over slope and water."""
    half_x, half_y = (1000 * side - 200 for side in plan.EXTENT_KM)
    grid = blank(half_x, half_y, 400.0)
    x, y = grid.mesh
    rows, columns = x.shape
    height = terrain.height_m.at(x, y)
    steep = np.hypot(*np.gradient(height, grid.cell_m))
    wet = grid.painted(terrain.wet)
    effort = 1 + 26 * steep + 9 * wet + 40 * (terrain.inland_m.at(x, y) < 0) + 0.5 * np.abs(noise(rng, grid, 2500.0))
    ids = np.arange(rows * columns).reshape(rows, columns)
    edges = []
    for dr, dc in ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1)):
        a = ids[: rows - dr, max(0, -dc) : columns - max(0, dc)]
        b = ids[dr:, max(0, dc) : columns - max(0, -dc)]
        cost = (effort.ravel()[a] + effort.ravel()[b]) / 2 * math.hypot(dr, dc)
        edges.append((a.ravel(), b.ravel(), cost.ravel()))
    a, b, cost = (np.concatenate(part) for part in zip(*edges, strict=True))
    graph = sparse.csr_array((cost, (a, b)), shape=(rows * columns, rows * columns))
    ashore = [town.at_km for town in plan.TOWNS if not town.on_island]
    spots = ashore + [q.at_km for q in plan.QUARTERS if math.hypot(*q.at_km) > 8.5]
    nodes = [int(np.argmin(np.hypot(x - e * 1000, y - n * 1000))) for e, n in spots]
    towns = len(ashore)
    cost_to, back = csgraph.dijkstra(graph, directed=False, indices=nodes[:towns], return_predecessors=True, limit=110.0)
    wanted: set[tuple[int, int]] = set()
    for i in range(towns):
        order = np.argsort(cost_to[i, nodes], kind="stable")
        wanted |= {(min(i, int(j)), max(i, int(j))) for j in order[1:4] if np.isfinite(cost_to[i, nodes[j]])}
    roads = []
    for i, j in sorted(wanted):
        path, node = [], nodes[j]
        while node >= 0:
            path.append(node)
            node = int(back[i, node])
        if len(path) < 4:
            continue
        points = np.column_stack([x.ravel()[path], y.ravel()[path]])
        kept = np.unique(np.r_[np.arange(0, len(points), 3), len(points) - 1])
        line = wander(rng, spline(points[kept], 60.0), 90.0, 1500.0)
        roads.append(Road("secondary", line))
    return roads


def _extended(roads: list[Road], others: list[Road], ground: Field, reach_m: float) -> list[Road]:
    """Roads that end in the open led straight on to the next road within reach, where no water lies between."""
    lines = [road.line for road in (*others, *roads)]
    shapes = np.array([shapely.LineString(line) for line in lines], dtype=object)
    tree = shapely.STRtree(shapes)
    out = []
    for k, road in enumerate(roads, len(others)):
        line = road.line
        for _ in range(2):  # one end, then, turned round, the other
            ahead = line[-1] - line[-4]
            ahead = ahead / np.hypot(*ahead)
            ray = shapely.LineString([line[-1] + 5.0 * ahead, line[-1] + reach_m * ahead])
            hits = [h for h in tree.query(ray, predicate="intersects") if h != k]
            distance = min((ray.intersection(shapes[h]).distance(shapely.Point(line[-1])) for h in hits), default=np.inf)
            if distance < reach_m:
                steps = np.arange(0.0, distance, 40.0)[:, None]
                way = line[-1] + steps * ahead
                if (ground.at(way[:, 0], way[:, 1]) < 0.5).all():
                    line = np.vstack([line, way[2:], line[-1] + (distance + 40.0) * ahead])
            line = line[::-1]
        out.append(Road(road.kind, line, road.name_zh, road.name_en))
    return out


def lay_out(rng: np.random.Generator, terrain: Terrain, fabric: Fabric, detail: float = 1.0) -> list[Road]:
    """All roads of the city and its surroundings, widest first, not yet cut at their crossings."""
    roads = trunks(rng)
    country = country_roads(rng, terrain)
    for manner in MANNERS:
        # arterials carry the shape of the city and are few: they are always drawn in full
        drawn = Drafter(fabric, manner, roads, 1.0 if manner.kind == "arterial" else detail).draw(rng)
        roads += _extended(drawn, roads, fabric.ground, manner.reach_m)
        if manner.kind == "arterial":
            roads += country
    return roads
