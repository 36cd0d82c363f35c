"""Streets: where people of a city live, work, shop and drive, street by street. Streets are rows of the roads layer.

Residents are those of the population grid, spread over the streets of each square by length; a city without one spreads each
district's residents. Shops and works stand along streets whose nearest plot is commercial or industrial. Traffic is the length of
a street times what its class carries.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gis_data.city import City, Place
from iot.plane import Floats, distance_m, metres_from
from iot.simulated.driving import Ints, Roads
from iot.simulated.traffic import STREETS

OF_CAPACITY = (0.82, 0.82, 0.7, 0.25)
"""Traffic of the busiest hour over capacity by class of road; most local streets are nearly empty."""

ELSEWHERE = 0.05
"""A street in another quarter has so much of the shops (or works) of one in a quarter of shops (or works)."""

LANDMARKS = ("hospital", "school", "service_hall", "metro_station", "railway_station", "mall", "square", "factory")


class Mix(NamedTuple):
    """Shares of what happens that go by where people live, shop and go out, work in industry, and drive."""

    homes: float = 0.0
    shops: float = 0.0
    works: float = 0.0
    traffic: float = 0.0


class Spread(NamedTuple):
    """Where something happens: streets with the sums of their weights, the last of them 1; `people` are the residents there."""

    streets: Ints
    sums: Floats
    people: float

    def drawn(self, draws: Floats) -> Ints:
        """A street for each number in (0, 1)."""
        return np.asarray(self.streets[np.searchsorted(self.sums, draws, side="right").clip(0, len(self.sums) - 1)])


class Streets:
    """The streets of a city's districts and what is along them."""

    def __init__(self, city: City, roads: Roads) -> None:
        self._city, self._roads = city, roads
        self._districts = shapely.STRtree([d.polygon for d in city.districts])
        n = len(roads.length_m)
        self.lon, self.lat = roads.on_road(np.arange(n), 0.5)
        road_class = np.full(n, len(STREETS) - 1)
        road_class[roads.arc_road] = roads.arc_class
        middles = shapely.points(self.lon, self.lat)
        self.district = self.districts_at(self.lon, self.lat)
        inside = self.district >= 0
        length = np.where(inside, roads.length_m, 0.0)
        lived_in = np.where(road_class == 0, 0.0, length)
        self.people = self._residents(middles, lived_in)
        use = self._uses(middles)
        carried = np.array([s.lanes * s.per_lane_h for s in STREETS]) * OF_CAPACITY
        exposures = (
            self.people, lived_in * np.where(use == "commercial", 1.0, ELSEWHERE),
            lived_in * np.where(use == "industrial", 1.0, ELSEWHERE), length * carried[road_class],
        )  # fmt: skip
        self._exposures = np.array([each / max(each.sum(), 1e-9) for each in exposures])
        self._known = [place for place in city.places if place.district_code]
        self._landmarks = [place for place in self._known if place.kind in LANDMARKS] or self._known
        self._trees = [
            cKDTree(self._plane(np.array([p.lon for p in places]), np.array([p.lat for p in places])))
            for places in (self._known, self._landmarks)
        ]

    def spread(self, mix: Mix, around: tuple[float, float] | None = None, radius_m: float = np.inf) -> Spread:
        """Where what goes by `mix` happens; `around` (lon, lat) only within `radius_m`. No streets where there is none of it."""
        weights = np.asarray(mix) @ self._exposures
        if around is not None:
            weights = np.where(distance_m(self.lon, self.lat, *around) <= radius_m, weights, 0.0)
        streets = np.flatnonzero(weights > 0)
        sums = np.cumsum(weights[streets])
        return Spread(streets, sums / sums[-1] if len(sums) else sums, float(self.people[streets].sum()))

    def along(self, streets: Ints, shares: Floats) -> tuple[Floats, Floats]:
        """Points at so large a share of the length of streets; to a millionth of a degree."""
        lon, lat = self._roads.on_road(streets, shares)
        return np.round(lon, 6), np.round(lat, 6)

    def districts_at(self, lon: Floats, lat: Floats) -> Ints:
        """Numbers of the districts that contain points, −1 outside of all."""
        return _first_containing(self._districts, shapely.points(lon, lat))

    def nearest_district(self, lon: float, lat: float) -> int:
        """Number of the district nearest to a point."""
        return int(self._districts.nearest(shapely.Point(lon, lat)))

    def names(self, streets: Ints) -> list[str]:
        """Names of streets in Chinese; empty for those without one."""
        return [self._roads.names[street] for street in streets.tolist()]

    def landmarks(self, lon: Floats, lat: Floats) -> list[Place]:
        """The place nearest to each point by which people say where they are."""
        return [self._landmarks[int(k)] for k in self._trees[1].query(self._plane(lon, lat))[1]]

    def nearest_place(self, lon: float, lat: float) -> Place:
        """The place of any kind nearest to a point."""
        return self._known[int(self._trees[0].query(self._plane(np.float64(lon), np.float64(lat)))[1])]

    def _residents(self, middles: NDArray[np.object_], lived_in: Floats) -> Floats:
        grid = self._city.layer("population")
        if grid is None:
            areas = [d.polygon for d in self._city.districts]
            people = np.array([float(d.population or 0) for d in self._city.districts])
        else:
            areas, people = list(grid.shapes), np.array([float(row.get("population") or 0) for row in grid.properties])
        of = _first_containing(shapely.STRtree(areas), middles)
        lengths = np.bincount(of[of >= 0], lived_in[of >= 0], minlength=len(areas))
        per_metre = np.divide(people, lengths, out=np.zeros(len(areas)), where=lengths > 0)
        return np.where(of >= 0, per_metre[of] * lived_in, 0.0)

    def _uses(self, middles: NDArray[np.object_]) -> NDArray[np.str_]:
        plots = self._city.layer("landuse")
        if plots is None:
            return np.full(len(middles), "")
        uses = np.array([str(row.get("use") or "") for row in plots.properties])
        return np.asarray(uses[shapely.STRtree(plots.shapes).nearest(middles)])

    def _plane(self, lon: Floats | np.float64, lat: Floats | np.float64) -> Floats:
        return np.stack(metres_from(lon, lat, *self._city.centre), axis=-1)


def _first_containing(areas: shapely.STRtree, points: NDArray[np.object_]) -> Ints:
    """Number of the first area that contains each point, −1 where none does."""
    found = np.full(len(points), -1)
    point, area = areas.query(points, predicate="intersects")
    order = np.lexsort((-area, point))
    found[point[order]] = area[order]
    return found
