"""Surroundings: what lies about a point of a city: its district, the nearest street, who lives and what stands around it.

Positions are WGS-84 degrees, distances metres along the ground on a sphere of 6,371 km (haversine). Residents are those of
the population grid as `gis_data.areas` counts them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import asin, cos, hypot, pi, radians, sin

import shapely

from gis_data.areas import within
from gis_data.city import City, Place
from gis_data.crs import METRES_PER_DEGREE
from gis_data.streets import nearest_street

EARTH_M = 6_371_000.0
OUTLINE_M = 20.0
"""How far the drawn border of a district may lie from its own: the width of a road."""
CORNERS = 48
"""Of the polygon drawn for a circle: its area is 0.3 % less."""


@dataclass(frozen=True)
class Surroundings:
    """`street` is (key, name_zh, name_en, distance_m) or None; `places` with their distances in metres, nearest first."""

    district_code: str | None
    street: tuple[str, str, str, float] | None
    radius_m: float
    residents: int | None
    places: tuple[tuple[Place, float], ...] = field(repr=False)


def surroundings(city: City, lon: float, lat: float, radius_m: float) -> Surroundings:
    """What lies within `radius_m` of a point."""
    district = city.district_of(lon, lat)
    inside = within(city, circle(lon, lat, radius_m))
    near = sorted(((place, distance_m(lon, lat, place.lon, place.lat)) for place in inside.places), key=lambda row: row[1])
    return Surroundings(
        district.code if district else None, nearest_street(city, lon, lat), radius_m, inside.residents, tuple(near)
    )


def outlines(city: City) -> dict[str, list[list[list[float]]]]:
    """The rings of each district by its code, as lists of [lon, lat] true to `OUTLINE_M`: a point lies inside where it is inside
    an odd number of them."""
    found = {}
    for district in city.districts:
        drawn = shapely.simplify(district.polygon, OUTLINE_M / METRES_PER_DEGREE)
        rings = [ring for part in shapely.get_parts(drawn) for ring in (part.exterior, *part.interiors)]
        found[district.code] = [[[round(x, 5), round(y, 5)] for x, y in ring.coords] for ring in rings]
    return found


def circle(lon: float, lat: float, radius_m: float) -> shapely.Polygon:
    """A circle on the ground as a polygon of degrees."""
    up = radius_m / METRES_PER_DEGREE
    across = up / cos(radians(lat))
    turns = [2 * pi * k / CORNERS for k in range(CORNERS)]
    return shapely.Polygon([(lon + across * sin(turn), lat + up * cos(turn)) for turn in turns])


def distance_m(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """Between two points, along the ground."""
    up, across = radians(other_lat - lat) / 2, radians(other_lon - lon) / 2
    return 2 * EARTH_M * asin(min(1.0, hypot(sin(up), sin(across) * (cos(radians(lat)) * cos(radians(other_lat))) ** 0.5)))
