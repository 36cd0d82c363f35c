"""Nearest: units that may be sent, by estimated time of arrival over a straight line.

    eta = great-circle distance × detour ÷ speed

An estimate where no road network is used, and labelled so wherever it is shown. Great-circle distance by the haversine formula on
a sphere of 6,371,008.8 m (the mean radius of the IUGG); its error against the ellipsoid is below 0.6 %.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

from domain.units import SENDABLE, Unit

EARTH_RADIUS_M = 6_371_008.8


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit that may be sent: straight distance, and the estimate made of it."""

    unit: Unit
    distance_m: float
    eta_s: float


def rank_units(
    units: Iterable[Unit], lon: float, lat: float, *, speed_kmh: float, detour: float, limit: int
) -> tuple[Candidate, ...]:
    """At most `limit` candidates for an incident at (lon, lat), WGS-84, soonest first; ties by unit id.

    Units that may not be sent, or whose place is not known, are left out. `detour` is road distance ÷ straight distance.
    """
    candidates = []
    for unit in units:
        if unit.status in SENDABLE and unit.lon is not None and unit.lat is not None:
            distance_m = great_circle_m(unit.lon, unit.lat, lon, lat)
            candidates.append(Candidate(unit, distance_m, distance_m * detour / (speed_kmh / 3.6)))
    candidates.sort(key=lambda candidate: (candidate.eta_s, candidate.unit.unit_id))
    return tuple(candidates[:limit])


def great_circle_m(lon_a: float, lat_a: float, lon_b: float, lat_b: float) -> float:
    """Distance in metres between two places in degrees."""
    half_lat, half_lon = radians(lat_b - lat_a) / 2, radians(lon_b - lon_a) / 2
    chord = sin(half_lat) ** 2 + cos(radians(lat_a)) * cos(radians(lat_b)) * sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_M * asin(sqrt(min(chord, 1.0)))
