"""Coordinate systems met in China, and the way to WGS-84, in which everything is stored and computed.

Degrees, longitude before latitude. CGCS2000 (EPSG:4490) differs from WGS-84 by centimetres and is taken as equal. GCJ-02
shifts positions by some hundred metres inside China and nowhere else; BD-09 shifts GCJ-02 once more. Neither has an
official formula: the one used here is the widely published reconstruction (github.com/googollee/eviltransform), whose
test points are this module's tests. "Inside China" means its rectangle 72.004–137.8347° E, 0.8293–55.8271° N; a point of
another country inside that rectangle must not be labelled GCJ-02.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Degrees = NDArray[np.float64]

#: Metres in a degree of latitude, on a sphere of 6,371 km.
METRES_PER_DEGREE = 111_195.0
#: West, south, east, north of the area in which GCJ-02 differs from WGS-84.
CHINA = (72.004, 0.8293, 137.8347, 55.8271)
#: Krasovsky 1940: semi-major axis in metres and first eccentricity squared, as the published formula uses them.
_AXIS_M, _ECCENTRICITY2 = 6_378_245.0, 0.006_693_421_622_965_943
_BD_TURN = np.pi * 3000.0 / 180.0


class Crs(StrEnum):
    """A coordinate system that a layer, an import or a device may name."""

    WGS84 = "EPSG:4326"
    CGCS2000 = "EPSG:4490"
    GCJ02 = "GCJ-02"
    BD09 = "BD-09"

    @classmethod
    def of(cls, name: str, what: str = "crs") -> Self:
        """The system called `name`, spelled as people spell it. Raises ValueError, which begins with `what`."""
        found = _ALIASES.get(str(name).strip().upper().replace(" ", "").replace("_", "-"))
        if found is None:
            raise ValueError(f"{what} is {name!r}: expected one of {', '.join(cls)}, such as EPSG:4326 for GPS positions")
        return cls(found)


_ALIASES = {
    alias: crs
    for crs, aliases in {
        Crs.WGS84: ("EPSG:4326", "4326", "WGS84", "WGS-84", "OGC:CRS84", "CRS84", "URN:OGC:DEF:CRS:OGC:1.3:CRS84", "GPS"),
        Crs.CGCS2000: ("EPSG:4490", "4490", "CGCS2000", "CGCS-2000"),
        Crs.GCJ02: ("GCJ-02", "GCJ02", "GCJ", "MARS"),
        Crs.BD09: ("BD-09", "BD09", "BD09LL", "BD-09LL"),
    }.items()
    for alias in aliases
}


def inside_china(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.bool_]:
    """Which points GCJ-02 moves."""
    west, south, east, north = CHINA
    lon, lat = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    return np.asarray((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))


def to_wgs84(lon: ArrayLike, lat: ArrayLike, crs: Crs | str, what: str = "position") -> tuple[Degrees, Degrees]:
    """Longitude and latitude in WGS-84, in the shape given; exact to better than 1e-9 degrees.

    Raises ValueError naming `what` (a layer, a file, a device) when a value is not a position on earth.
    """
    crs = Crs.of(crs, f"{what}: crs")
    lon, lat = _checked(lon, lat, crs, what)
    if crs is Crs.BD09:
        lon, lat = _where_china(lon, lat, *_gcj_from_bd(lon, lat))
    if crs in (Crs.GCJ02, Crs.BD09):
        lon, lat = _where_china(lon, lat, *_wgs_from_gcj(lon, lat))
    return lon, lat


def from_wgs84(lon: ArrayLike, lat: ArrayLike, crs: Crs | str, what: str = "position") -> tuple[Degrees, Degrees]:
    """Longitude and latitude of WGS-84 points in `crs`, in the shape given. Errors as `to_wgs84`."""
    crs = Crs.of(crs, f"{what}: crs")
    lon, lat = _checked(lon, lat, Crs.WGS84, what)
    if crs in (Crs.GCJ02, Crs.BD09):
        shift_lon, shift_lat = _shift(lon, lat)
        lon, lat = _where_china(lon, lat, lon + shift_lon, lat + shift_lat)
    if crs is Crs.BD09:
        lon, lat = _where_china(lon, lat, *_bd_from_gcj(lon, lat))
    return lon, lat


def _checked(lon: ArrayLike, lat: ArrayLike, crs: Crs, what: str) -> tuple[Degrees, Degrees]:
    lon, lat = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    wrong = ~((np.abs(lon) <= 180) & (np.abs(lat) <= 90))
    if wrong.any():
        k = int(np.argmax(wrong.ravel()))
        raise ValueError(
            f"{what}: point {k} is ({lon.ravel()[k]:g}, {lat.ravel()[k]:g}): expected degrees of {crs}, longitude −180…180 "
            "before latitude −90…90; are the columns swapped or the values metres?"
        )
    return lon, lat


def _where_china(lon: Degrees, lat: Degrees, moved_lon: Degrees, moved_lat: Degrees) -> tuple[Degrees, Degrees]:
    inside = inside_china(lon, lat)
    return np.where(inside, moved_lon, lon), np.where(inside, moved_lat, lat)


def _shift(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """What GCJ-02 adds to a WGS-84 point, in degrees."""
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    common = (20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + common
    north += (20.0 * np.sin(y * np.pi) + 40.0 * np.sin(y / 3.0 * np.pi)) * 2.0 / 3.0
    north += (160.0 * np.sin(y / 12.0 * np.pi) + 320.0 * np.sin(y * np.pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + common
    east += (20.0 * np.sin(x * np.pi) + 40.0 * np.sin(x / 3.0 * np.pi)) * 2.0 / 3.0
    east += (150.0 * np.sin(x / 12.0 * np.pi) + 300.0 * np.sin(x / 30.0 * np.pi)) * 2.0 / 3.0
    phi = np.radians(lat)
    magic = 1.0 - _ECCENTRICITY2 * np.sin(phi) ** 2
    lat_shift = np.degrees(north / (_AXIS_M * (1.0 - _ECCENTRICITY2) / (magic * np.sqrt(magic))))
    lon_shift = np.degrees(east / (_AXIS_M / np.sqrt(magic) * np.cos(phi)))
    return lon_shift, lat_shift


def _wgs_from_gcj(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """The inverse by fixed-point iteration: the shift changes by ≤ 1 % over its own length, so ten rounds reach 1e-12°."""
    guess_lon, guess_lat = lon, lat
    for _ in range(10):
        shift_lon, shift_lat = _shift(guess_lon, guess_lat)
        guess_lon, guess_lat = lon - shift_lon, lat - shift_lat
    return guess_lon, guess_lat


def _bd_from_gcj(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_TURN)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_TURN)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def _gcj_from_bd(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """The inverse of the BD-09 step, likewise iterated."""
    guess_lon, guess_lat = lon - 0.0065, lat - 0.006
    for _ in range(10):
        again_lon, again_lat = _bd_from_gcj(guess_lon, guess_lat)
        guess_lon, guess_lat = guess_lon + lon - again_lon, guess_lat + lat - again_lat
    return guess_lon, guess_lat
