"""Impact: who and what an incident touches: residents, places by kind with what they hold, and roads by class inside an area,
along a line or round a point.

Positions are WGS-84 degrees. Widths and lengths are metres on the UTM zone in which the city lies, as in `gis_data.areas`, which
counts the residents: as if they lived evenly over each square of the population grid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import shapely

from gis_data.areas import CAPACITY, on_plane, within
from gis_data.city import ROAD_CLASSES, City, Place

Basis = Literal["area", "line", "radius"]
QUARTER = 32
"""Chords to a quarter of a circle: its area is 0.04 % less."""


@dataclass(frozen=True)
class PlacesOfKind:
    """Places of one kind, and what they can hold in all (None where they do not say): of `attribute`."""

    places: tuple[Place, ...]
    holds: int | None
    attribute: str | None


@dataclass(frozen=True)
class Impact:
    """What lies inside `shape`, a polygon that was drawn (`basis` area) or made of a line or a point by `reach_m`. Residents are
    None for a city without a population grid, roads (metres by class) for one without roads."""

    shape: Any = field(repr=False)
    basis: Basis
    reach_m: float | None
    area_km2: float
    residents: int | None
    by_district: Mapping[str, int]
    kinds: Mapping[str, PlacesOfKind] = field(repr=False)
    roads_m: Mapping[str, float] | None


def impact(city: City, drawn: Any, reach_m: float | None) -> Impact:
    """What a point, a line or a polygon touches. `reach_m` is how far it reaches to all sides; a point or a line needs one.
    Raises ValueError without."""
    return _impact(city, shapely.to_wkb(drawn), reach_m)


@lru_cache(maxsize=64)
def _impact(city: City, wkb: bytes, reach_m: float | None) -> Impact:
    drawn = shapely.from_wkb(wkb)
    basis: Basis = {"Point": "radius", "LineString": "line"}.get(drawn.geom_type, "area")  # type: ignore[assignment]
    if basis != "area" and not reach_m:
        raise ValueError(f"the {drawn.geom_type} reaches {reach_m} m: expected more than 0, such as 200")
    shape = _widened(city, drawn, reach_m) if reach_m else drawn
    inside = within(city, shape)
    kinds: dict[str, list[Place]] = defaultdict(list)
    for place in inside.places:
        kinds[place.kind].append(place)
    return Impact(
        shape, basis, reach_m, inside.area_km2, inside.residents, inside.by_district,
        {kind: _of_kind(kind, members) for kind, members in sorted(kinds.items())}, _roads_inside(city, shape),
    )  # fmt: skip


def _of_kind(kind: str, places: list[Place]) -> PlacesOfKind:
    attribute = CAPACITY.get(kind)
    amounts = [held_by(place) for place in places]
    said = [n for n in amounts if n is not None]
    return PlacesOfKind(tuple(places), sum(said) if said else None, attribute)


def held_by(place: Place) -> int | None:
    """What a place can hold, in the unit of its kind; None where it does not say."""
    amount = place.attributes.get(CAPACITY.get(place.kind, ""))
    return round(amount) if isinstance(amount, int | float) else None


@dataclass(frozen=True)
class _Roads:
    """The roads of a city in metres with a spatial index, and the class of each."""

    lines: Any
    tree: shapely.STRtree
    classes: tuple[str, ...]


@lru_cache(maxsize=2)
def _roads(city: City) -> _Roads | None:
    layer = city.layer("roads")
    if layer is None:
        return None
    lines = on_plane(city, layer.shapes).to_numpy()
    return _Roads(lines, shapely.STRtree(lines), tuple(str(row.get("class") or ROAD_CLASSES[-1]) for row in layer.properties))


def _widened(city: City, drawn: Any, reach_m: float) -> Any:
    """What lies within `reach_m` of a shape, in degrees."""
    return on_plane(city, [drawn]).buffer(reach_m, quad_segs=QUARTER).to_crs(4326).iloc[0]


def _roads_inside(city: City, shape: Any) -> dict[str, float] | None:
    """Metres of road inside, by class; every class is named."""
    roads = _roads(city)
    if roads is None:
        return None
    area = on_plane(city, [shape]).iloc[0]
    shapely.prepare(area)
    metres = dict.fromkeys(ROAD_CLASSES, 0.0)
    for row in roads.tree.query(area, predicate="intersects").tolist():
        length = float(shapely.length(shapely.intersection(roads.lines[row], area)))
        metres[roads.classes[row]] = metres.get(roads.classes[row], 0.0) + length
    return metres
