"""What people draw: read into WGS-84, or told what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from domain.refusals import Refused
from gis_data.crs import Crs, from_wgs84
from gis_data.drawing import MOST_CORNERS, as_geojson, read_point, read_shape

SQUARE = {"type": "Polygon", "coordinates": [[[113.2, 23.1], [113.3, 23.1], [113.3, 23.2], [113.2, 23.2], [113.2, 23.1]]]}


def refusal(said: Any, crs: str | None = None) -> str:
    with pytest.raises(Refused) as caught:
        read_shape(said, crs)
    assert caught.value.code == "shape_unreadable"
    return caught.value.en


def test_a_point_a_line_and_an_area_are_read_as_text_or_as_they_are() -> None:
    for shape in (
        {"type": "Point", "coordinates": [113.2, 23.1]},
        {"type": "LineString", "coordinates": [[113.2, 23.1], [113.3, 23.2]]},
        SQUARE,
    ):
        assert as_geojson(read_shape(json.dumps(shape))[0]) == as_geojson(read_shape(shape)[0]) == shape


def test_coordinates_of_maps_in_china_are_moved_back_and_their_origin_kept() -> None:
    lon, lat = from_wgs84(113.25, 23.12, Crs.GCJ02)
    found, origin = read_shape({"type": "Point", "coordinates": [float(lon), float(lat)]}, "gcj02")
    assert origin is Crs.GCJ02
    assert (found.x, found.y) == pytest.approx((113.25, 23.12), abs=1e-7)
    assert read_point(str(lon), str(lat), "GCJ-02")[:2] == pytest.approx((113.25, 23.12), abs=1e-7)


def test_a_height_is_left_out() -> None:
    assert not read_shape({"type": "Point", "coordinates": [113.2, 23.1, 40]})[0].has_z


ring = [[113.2 + k * 1e-4, 23.1 + (k % 7) * 1e-5] for k in range(MOST_CORNERS + 1)]


@pytest.mark.parametrize(
    ("said", "because"),
    [
        ("no json", "no GeoJSON geometry"), ("[1]", "no GeoJSON geometry"), ({}, "the shape is a None"),
        ({"type": "MultiPoint", "coordinates": [[1, 2]]}, "the shape is a MultiPoint"),
        ({"type": "Point", "coordinates": []}, "0 corners"), ({"type": "Point"}, "0 corners"),
        ({"type": "LineString", "coordinates": ring}, "501 corners"),
        ({"type": "LineString", "coordinates": [[113.2, 23.1], [113.2, 23.1]]}, "empty or crosses itself"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}, "empty or crosses itself"),
        ({"type": "Point", "coordinates": ["a", "b"]}, "cannot be read"), ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}, "cannot be read"),
        ({"type": "Point", "coordinates": [200, 10]}, "the position is 200, 10"), ({"type": "Point", "coordinates": [1, 86]}, "the position is 1, 86"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told(said: Any, because: str) -> None:
    assert because in refusal(said)


def test_coordinates_that_nobody_knows_are_told() -> None:
    assert "the coordinate system is EPSG:9999: expected EPSG:4326" in refusal(SQUARE, "EPSG:9999")
    with pytest.raises(Refused):
        read_point("east", "north")
    with pytest.raises(Refused):
        read_point("nan", "23")


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["type", "coordinates"]), inner, max_size=2),
    max_leaves=12,
)
coordinates = st.recursive(
    st.lists(st.floats() | st.integers(), min_size=1, max_size=3), lambda inner: st.lists(inner, max_size=5), max_leaves=10
)


@given(
    st.one_of(
        json_values,
        st.builds(
            lambda kind, c: {"type": kind, "coordinates": c}, st.sampled_from(["Point", "LineString", "Polygon"]), coordinates
        ),
    )
)
def test_anything_at_all_is_a_shape_on_the_earth_or_a_refusal(said: Any) -> None:
    try:
        found, _ = read_shape(said)
    except Refused:
        return
    west, south, east, north = shapely.bounds(found).tolist()
    assert -180 <= west <= east <= 180
    assert -85 < south <= north < 85
