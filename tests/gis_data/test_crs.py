"""GCJ-02 and BD-09 against published points, their laws, and the errors that name the layer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis_data.crs import Crs, from_wgs84, inside_china, to_wgs84

# Test points of github.com/googollee/eviltransform (go/transform_test.go): WGS-84 and GCJ-02, latitude first there.
PUBLISHED = {
    "Shanghai": ((121.5272106, 31.1774276), (121.531541859215, 31.17530398364597)),
    "Shenzhen": ((113.912316, 22.543847), (113.9171764808363, 22.540796131694766)),
    "Beijing": ((116.377817, 39.911954), (116.38404722455657, 39.91334545536069)),
}
# Test points of github.com/wandergis/coordtransform (test/app.js): 116.404, 39.915 taken as GCJ-02 and given as BD-09, taken as
# WGS-84 and given as GCJ-02. Its inverses are one step of the iteration and good to some metres.
TIANANMEN = (116.404, 39.915)
TIANANMEN_GCJ_AS_BD = (116.41036949371029, 39.92133699351021)
TIANANMEN_WGS_AS_GCJ = (116.41024449916938, 39.91640428150164)
TIANANMEN_BD_AS_GCJ_ONE_STEP = (116.39762729119315, 39.90865673957631)
# Places of the GeoNames gazetteer (WGS-84) that no system may move: abroad, and across the border by the rectangle alone.
ABROAD = {
    "San Francisco": (-122.41942, 37.77493),
    "Dresden": (13.73832, 51.05089),
    "Sydney": (151.20732, -33.86785),
    "Tokyo": (139.69171, 35.6895),
}
# Well inside the rectangle, so that a shifted point is still inside it.
LON, LAT = st.floats(73, 137), st.floats(2, 55)


@pytest.mark.parametrize("place", PUBLISHED)
def test_published_points_convert_to_gcj02_and_back(place: str) -> None:
    wgs, gcj = PUBLISHED[place]
    assert from_wgs84(*wgs, Crs.GCJ02) == pytest.approx(gcj, abs=1e-9)
    assert to_wgs84(*gcj, Crs.GCJ02) == pytest.approx(wgs, abs=1e-9)


def test_bd09_is_the_published_turn_and_shift_of_gcj02() -> None:
    # By hand from the published formula: r = √(x²+y²) + 2e-5 sin(y·3000π/180), θ = atan2(y,x) + 3e-6 cos(x·3000π/180).
    x, y = PUBLISHED["Beijing"][1]
    r = np.sqrt(x * x + y * y) + 2e-5 * np.sin(y * 3000 * np.pi / 180)
    theta = np.arctan2(y, x) + 3e-6 * np.cos(x * 3000 * np.pi / 180)
    expected = (r * np.cos(theta) + 0.0065, r * np.sin(theta) + 0.006)
    assert from_wgs84(*PUBLISHED["Beijing"][0], Crs.BD09) == pytest.approx(expected, abs=1e-9)


def test_published_points_convert_to_bd09_and_back() -> None:
    lon, lat = to_wgs84(*TIANANMEN, Crs.GCJ02)
    wgs = (float(lon), float(lat))
    assert from_wgs84(*wgs, Crs.BD09) == pytest.approx(TIANANMEN_GCJ_AS_BD, abs=1e-9)
    assert to_wgs84(*TIANANMEN_GCJ_AS_BD, Crs.BD09) == pytest.approx(wgs, abs=1e-9)
    assert from_wgs84(*TIANANMEN, Crs.GCJ02) == pytest.approx(TIANANMEN_WGS_AS_GCJ, abs=1e-9)
    back = from_wgs84(*to_wgs84(*TIANANMEN, Crs.BD09), Crs.GCJ02)
    assert back == pytest.approx(TIANANMEN_BD_AS_GCJ_ONE_STEP, abs=1e-5)


@pytest.mark.parametrize("place", ABROAD)
@pytest.mark.parametrize("crs", list(Crs))
def test_known_places_abroad_stay_where_they_are(place: str, crs: Crs) -> None:
    assert from_wgs84(*ABROAD[place], crs) == ABROAD[place]
    assert to_wgs84(*ABROAD[place], crs) == ABROAD[place]


@given(LON, LAT, st.sampled_from([Crs.GCJ02, Crs.BD09]))
def test_there_and_back_inside_china_is_the_same_point(lon: float, lat: float, crs: Crs) -> None:
    there = from_wgs84(lon, lat, crs)
    assert to_wgs84(*there, crs) == pytest.approx((lon, lat), abs=1e-9)


@given(LON, LAT)
def test_gcj02_moves_no_point_by_a_kilometre(lon: float, lat: float) -> None:
    """On a grid of a hundredth of a degree over the whole rectangle the published formula moves points by up to 725 m."""
    east, north = from_wgs84(lon, lat, Crs.GCJ02)
    metres = np.hypot((east - lon) * 111_320 * np.cos(np.radians(lat)), (north - lat) * 110_570)
    assert metres < 800


@pytest.mark.parametrize(("lon", "lat"), [(-118.24, 34.05), (13.74, 51.05), (151.2, -33.9), (71.9, 40.0), (100.0, 56.0)])
@pytest.mark.parametrize("crs", list(Crs))
def test_outside_china_nothing_moves(lon: float, lat: float, crs: Crs) -> None:
    assert not inside_china(lon, lat)
    assert to_wgs84(lon, lat, crs) == (lon, lat)
    assert from_wgs84(lon, lat, crs) == (lon, lat)


def test_cgcs2000_is_taken_as_wgs84_as_the_epsg_dataset_does() -> None:
    """EPSG gives a null transformation between 4490 and 4326; PROJ is asked as an independent witness."""
    pyproj = pytest.importorskip("pyproj")
    assert to_wgs84(116.4, 39.9, Crs.CGCS2000) == (116.4, 39.9)
    assert from_wgs84(116.4, 39.9, Crs.CGCS2000) == (116.4, 39.9)
    witness = pyproj.Transformer.from_crs("EPSG:4490", "EPSG:4326", always_xy=True)
    assert witness.transform(116.4, 39.9) == pytest.approx((116.4, 39.9), abs=1e-9)


def test_arrays_keep_their_shape_and_mix_inside_with_outside() -> None:
    lon, lat = np.array([[116.377817, 13.74]]), np.array([[39.911954, 51.05]])
    east, north = from_wgs84(lon, lat, Crs.GCJ02)
    assert east.shape == (1, 2)
    assert east[0, 0] == pytest.approx(116.38404722455657)
    assert (east[0, 1], north[0, 1]) == (13.74, 51.05)


@pytest.mark.parametrize(
    ("name", "crs"), [("wgs84", Crs.WGS84), ("gcj02", Crs.GCJ02), ("BD09LL", Crs.BD09), ("4490", Crs.CGCS2000)]
)
def test_systems_are_known_by_their_usual_names(name: str, crs: Crs) -> None:
    assert Crs.of(name) is crs


def test_an_unknown_system_is_named_with_its_layer() -> None:
    with pytest.raises(ValueError, match=r"layer roads: crs is 'EPSG:3857': expected one of EPSG:4326"):
        to_wgs84(1, 2, "EPSG:3857", "layer roads")


def test_metres_and_swapped_columns_are_refused_with_the_point() -> None:
    with pytest.raises(ValueError, match=r"layer roads: point 1 is \(30, 113\): expected degrees.*swapped"):
        to_wgs84([113, 30], [30, 113], Crs.WGS84, "layer roads")
    with pytest.raises(ValueError, match="nan"):
        to_wgs84(float("nan"), 1, Crs.WGS84)
