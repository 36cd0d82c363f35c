"""Drawing: points, lines and areas that people draw on the map, from GeoJSON (RFC 7946) into WGS-84, or the reason why not.

At most `MOST_CORNERS` corners: what a hand draws has fewer, and what lies inside is counted at every look.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import shapely

from domain.refusals import Refused
from gis_data.crs import Crs, to_wgs84

MOST_CORNERS = 500
KINDS = ("Point", "LineString", "Polygon")


def read_shape(said: str | Mapping[str, Any], crs: str | None = None) -> tuple[Any, Crs]:
    """The geometry in WGS-84, and the coordinates in which it came (None: WGS-84). Raises Refused with what is wrong with it."""
    origin = read_crs(crs)
    geometry = _parsed(said)
    kind, corners = geometry.get("type"), _count(geometry.get("coordinates"))
    if kind not in KINDS:
        raise _unreadable(
            f"图形类型为 {str(kind)[:40]}：应为 {'、'.join(KINDS)} 之一",
            f"the shape is a {str(kind)[:40]}: expected {', '.join(KINDS)}",
        )
    if not 1 <= corners <= MOST_CORNERS:
        raise _unreadable(
            f"图形有 {corners} 个顶点：应为 1 至 {MOST_CORNERS} 个，请简化后重绘",
            f"the shape has {corners} corners: expected 1 to {MOST_CORNERS}; draw it more simply",
        )
    try:
        drawn = shapely.from_geojson(orjson.dumps(geometry))
    except (shapely.GEOSException, ValueError, TypeError):
        raise _unreadable(
            "图形坐标不可读：应为经度在前、纬度在后的 GeoJSON 坐标",
            "the coordinates of the shape cannot be read: expected GeoJSON, longitude first",
        ) from None
    if drawn.is_empty or not drawn.is_valid or (kind == "LineString" and drawn.length == 0):
        raise _unreadable(
            "图形为空或边线自相交：应为边线互不相交的图形，请重绘",
            "the shape is empty or crosses itself: expected edges that do not cross; draw it again",
        )
    return shapely.transform(shapely.force_2d(drawn), lambda xy: _moved(xy, origin)), origin


def read_point(lon: str, lat: str, crs: str | None = None) -> tuple[float, float, Crs]:
    """A point in WGS-84 from texts, and the coordinates in which it came. Raises Refused."""
    origin = read_crs(crs)
    try:
        point = np.array([[float(lon), float(lat)]])
    except ValueError:
        raise _unreadable(
            f"位置为 {lon[:20]}, {lat[:20]}：应为十进制度的经度和纬度，如 113.25 和 23.12",
            f"the position is {lon[:20]}, {lat[:20]}: expected longitude and latitude in degrees, such as 113.25 and 23.12",
        ) from None
    ((x, y),) = _moved(point, origin).tolist()
    return x, y, origin


def read_crs(said: str | None) -> Crs:
    """The coordinate system of that name, WGS-84 for none. Raises Refused."""
    try:
        return Crs.of(said) if said else Crs.WGS84
    except ValueError:
        raise _unreadable(
            f"坐标系为 {(said or '')[:40]}：应为 {'、'.join(Crs)} 之一",
            f"the coordinate system is {(said or '')[:40]}: expected {', '.join(Crs)}",
        ) from None


def as_geojson(shape: Any) -> dict[str, Any]:
    """A geometry as GeoJSON, to a millionth of a degree."""
    found: dict[str, Any] = orjson.loads(shapely.to_geojson(shapely.set_precision(shape, 1e-6, mode="pointwise")))
    return found


def _parsed(said: str | Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        geometry = orjson.loads(said) if isinstance(said, str) else said
    except orjson.JSONDecodeError:
        geometry = None
    if not isinstance(geometry, Mapping):
        raise _unreadable(
            '图形不是 GeoJSON 几何对象：应如 {"type": "Point", "coordinates": [113.25, 23.12]}',
            'the shape is no GeoJSON geometry: expected such as {"type": "Point", "coordinates": [113.25, 23.12]}',
        )
    return geometry


def _count(coordinates: Any) -> int:
    """How many positions are in the coordinates of a geometry, however deep."""
    if not isinstance(coordinates, list) or not coordinates:
        return 0
    return sum(map(_count, coordinates)) if isinstance(coordinates[0], list) else 1


def _moved(xy: Any, origin: Crs) -> Any:
    """Corners into WGS-84. Raises Refused for what is no position of a map."""
    inside = np.isfinite(xy).all() and bool((np.abs(xy[:, 0]) <= 180).all()) and bool((np.abs(xy[:, 1]) < 85).all())
    if not inside:
        lon, lat = next((x, y) for x, y in xy.tolist() if not (math.isfinite(x + y) and abs(x) <= 180 and abs(y) < 85))
        raise _unreadable(
            f"位置为 {lon:g}, {lat:g}：应为经度 −180 至 180、纬度 −85 至 85 之间",
            f"the position is {lon:g}, {lat:g}: expected a longitude of −180 to 180 and a latitude of −85 to 85",
        )
    return np.column_stack(to_wgs84(xy[:, 0], xy[:, 1], origin))


def _unreadable(zh: str, en: str) -> Refused:
    return Refused("shape_unreadable", zh, en)
