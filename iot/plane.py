"""The city as a plane: metres east and north between positions a few tens of kilometres apart (better than 0.3 %)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gis_data.crs import METRES_PER_DEGREE

Floats = NDArray[np.float64]


def metres_from(lon: ArrayLike, lat: ArrayLike, origin_lon: ArrayLike, origin_lat: ArrayLike) -> tuple[Floats, Floats]:
    """Metres east and north of the origin. Arguments broadcast; degrees."""
    east = (np.asarray(lon, dtype=float) - origin_lon) * METRES_PER_DEGREE * np.cos(np.radians(origin_lat))
    north = (np.asarray(lat, dtype=float) - origin_lat) * METRES_PER_DEGREE
    return np.asarray(east), np.asarray(north)


def moved(lon: float, lat: float, east_m: float, north_m: float) -> tuple[float, float]:
    """The position so many metres east and north of another."""
    return lon + east_m / (METRES_PER_DEGREE * float(np.cos(np.radians(lat)))), lat + north_m / METRES_PER_DEGREE


def distance_m(lon: ArrayLike, lat: ArrayLike, to_lon: ArrayLike, to_lat: ArrayLike) -> Floats:
    return np.asarray(np.hypot(*metres_from(lon, lat, to_lon, to_lat)))
