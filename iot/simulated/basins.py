"""Basins: which rain reaches a watercourse above a point of it, and how much later.

The country is a lattice of squares; each drains to the nearest watercourse (within `DRAINS_WITHIN_M`, what lies farther off
drains elsewhere) and from there along it at `CELERITY_M_S`, the speed of a flood wave in a small river: 5/3 of the flow's own
(kinematic wave after Manning, e.g. Chow, Maidment, Mays: Applied Hydrology, 1988, section 9.3), here 1.2 m/s. Of what falls on
a square, its runoff coefficient reaches the water: 0.65 where the city is built up, 0.20 in the country (GB 50014-2021, densely
built areas 0.60–0.70, sparsely built ones from 0.20). A stream joins what its last point lies nearest to. Watercourses are
drawn downstream. A river also has a hinterland outside the lattice: half its basin."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from gis_data.city import City
from gis_data.crs import METRES_PER_DEGREE
from iot.plane import Floats, metres_from

LATTICE_M, REACH_M = 1_000.0, 30_000.0
DRAINS_WITHIN_M, JOINS_WITHIN_M = 3_000.0, 1_500.0
CELERITY_M_S = 2.0
HINTERLAND_SHARE = 0.5
RUNOFF_BUILT_UP, RUNOFF_COUNTRY = 0.65, 0.20


class Basin(NamedTuple):
    """What drains to a point of a watercourse: centres of squares (degrees), the share that each has in what an even rain over
    the whole basin brings, and the time its water takes in the channel (s). `mouth_m` is how far downstream the watercourse
    ends."""

    is_river: bool
    mouth_m: float
    lon: tuple[float, ...]
    lat: tuple[float, ...]
    share: tuple[float, ...]
    delay_s: tuple[float, ...]


class Basins:
    """The drainage of a city, from its waterways layer."""

    def __init__(self, city: City) -> None:
        layer = city.layer("waterways")
        rows = [] if layer is None else [k for k, row in enumerate(layer.properties) if row.get("kind") in ("river", "stream")]
        self._centre = city.centre
        self._is_river: list[bool] = []
        self._lines: list[shapely.LineString] = []
        if layer is None:
            return
        for k in rows:
            for part in shapely.get_parts(layer.shapes[k]):
                lon, lat = shapely.get_coordinates(part).T
                self._lines.append(shapely.LineString(np.column_stack(metres_from(lon, lat, *city.centre))))
                self._is_river.append(layer.properties[k]["kind"] == "river")
        if self._lines:
            self._drain()
            self._runoff = self._runoff_of(city)

    def at(self, lon: float, lat: float, *, kind: str | None = None) -> Basin | None:
        """What drains to the nearest point of the nearest watercourse; `kind` (river, stream) asks for one of that kind. None
        where the city has none."""
        point = shapely.Point(*(float(m) for m in metres_from(lon, lat, *self._centre)))
        lines = [k for k, is_river in enumerate(self._is_river) if kind in (None, "river" if is_river else "stream")]
        if not lines:
            return None
        line = min(lines, key=lambda k: float(shapely.distance(self._lines[k], point)))
        chainage = float(shapely.line_locate_point(self._lines[line], point))
        cells, travelled = self._above(line, chainage)
        if not len(cells):  # a spring: what lies around it
            away = np.hypot(self._x - point.x, self._y - point.y)
            cells, travelled = np.array([int(away.argmin())]), np.zeros(1)
        share = self._runoff[cells] / self._runoff[cells].sum()
        if self._is_river[line]:
            whole, _ = self._above(line, np.inf)
            share = (1 - HINTERLAND_SHARE) * self._runoff[cells] / self._runoff[whole].sum()
        lon_, lat_ = self._degrees(self._x[cells], self._y[cells])
        columns = (lon_, lat_, share.round(6), (travelled / CELERITY_M_S).round(1))
        mouth_m = round(self._lines[line].length - chainage, 1)
        return Basin(self._is_river[line], mouth_m, *(tuple(column.tolist()) for column in columns))

    def _drain(self) -> None:
        """Where each square drains to: watercourse and metres along it; and where watercourses end in others."""
        west, south, east, north = shapely.total_bounds(np.array(self._lines, dtype=object)).clip(-REACH_M, REACH_M)
        x, y = np.meshgrid(
            np.arange(west - DRAINS_WITHIN_M, east + DRAINS_WITHIN_M, LATTICE_M),
            np.arange(south - DRAINS_WITHIN_M, north + DRAINS_WITHIN_M, LATTICE_M),
        )
        points = shapely.points(x.ravel(), y.ravel())
        away = np.array([shapely.distance(line, points) for line in self._lines])
        line, is_near = away.argmin(axis=0), away.min(axis=0) <= DRAINS_WITHIN_M
        points, self._line = points[is_near], line[is_near]
        self._x, self._y = shapely.get_x(points), shapely.get_y(points)
        self._chainage = shapely.line_locate_point(np.array(self._lines, dtype=object)[self._line], points)
        self._joins: dict[int, tuple[int, float]] = {}
        for k, of in enumerate(self._lines):
            end = shapely.Point(of.coords[-1])
            others = [j for j in range(len(self._lines)) if j != k]
            to = min(others, key=lambda j: float(shapely.distance(self._lines[j], end)), default=None)
            if to is not None and not self._is_river[k] and shapely.distance(self._lines[to], end) <= JOINS_WITHIN_M:
                self._joins[k] = (to, float(shapely.line_locate_point(self._lines[to], end)))

    def _runoff_of(self, city: City) -> Floats:
        """Runoff coefficients of the squares, by the layer of built-up areas; where a city lacks it, all alike."""
        urban = city.layer("urban")
        if urban is None:
            return np.full(len(self._x), RUNOFF_COUNTRY)
        built_up = np.zeros(len(self._x), dtype=bool)
        for shape in urban.shapes:
            shapely.prepare(shape)
            built_up |= shapely.contains_xy(shape, *self._degrees(self._x, self._y))
        return np.where(built_up, RUNOFF_BUILT_UP, RUNOFF_COUNTRY)

    def _above(self, line: int, chainage: float, through: tuple[int, ...] = ()) -> tuple[NDArray[np.int64], Floats]:
        """Squares that drain to a watercourse above a chainage, directly or by what joins it there, and metres in the channel."""
        own = np.flatnonzero((self._line == line) & (self._chainage <= chainage))
        reach = min(chainage, self._lines[line].length)
        cells, travelled = [own], [reach - self._chainage[own]]
        for tributary, (to, joint) in self._joins.items():
            if to == line and joint <= chainage and tributary not in through:
                theirs, metres = self._above(tributary, np.inf, (*through, line))
                cells.append(theirs)
                travelled.append(metres + reach - joint)
        return np.concatenate(cells), np.concatenate(travelled)

    def _degrees(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        lon, lat = self._centre
        return np.round(lon + x / (METRES_PER_DEGREE * np.cos(np.radians(lat))), 5), np.round(lat + y / METRES_PER_DEGREE, 5)
