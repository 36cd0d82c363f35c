"""Impact: counted by hand on a city of two squares, and by brute force on a grown one."""

from __future__ import annotations

from math import pi
from pathlib import Path

import numpy as np
import pytest
import shapely

from gis_data.city import ROAD_CLASSES, City, write_city
from gis_data.impact import impact
from gis_data.layers import Layer
from gis_data.surroundings import distance_m


def _layer(name: str, *features: tuple[shapely.Geometry, dict[str, object]]) -> Layer:
    shapes = np.empty(len(features), dtype=object)
    shapes[:] = [shape for shape, _ in features]
    return Layer(name, shapes, [row for _, row in features])


@pytest.fixture
def two_squares(tmp_path: Path) -> City:
    """Two districts side by side on the equator, a hundredth of a degree (1.1 km) each: 1,000 people west, 400 east; a school and
    a care home east; a main road through the middle of both, and a lane across it in the west."""
    west, east = shapely.box(0, 0, 0.01, 0.01), shapely.box(0.01, 0, 0.02, 0.01)

    def place(name: str, kind: str, **attributes: int) -> dict[str, object]:
        return {"id": name, "kind": kind, "name_zh": name, "name_en": name, "district": "2", "attributes": attributes}

    return write_city(
        tmp_path / "city",
        {"name_zh": "双区", "name_en": "Two", "zone": "UTC"},
        {
            "districts": _layer(
                "districts",
                (west, {"code": "1", "name_zh": "西", "name_en": "West", "population": 1000}),
                (east, {"code": "2", "name_zh": "东", "name_en": "East", "population": 400}),
            ),
            "population": _layer("population", (west, {"population": 1000, "district": "1"}), (east, {"population": 400, "district": "2"})),
            "places": _layer(
                "places",
                (shapely.Point(0.015, 0.005), place("school", "school", pupils=300)),
                (shapely.Point(0.0151, 0.005), place("school-2", "school", pupils=200)),
                (shapely.Point(0.016, 0.005), place("care", "care_home")),
            ),
            "roads": _layer(
                "roads",
                (shapely.LineString([(0, 0.005), (0.02, 0.005)]), {"class": "arterial", "name_zh": "中路"}),
                (shapely.LineString([(0.005, 0), (0.005, 0.01)]), {"class": "local", "name_zh": "小巷"}),
            ),
        },
        max_zoom=9,
    )  # fmt: skip


SIDE_M = distance_m(0, 0, 0.01, 0)
"""Of a square: 1,112 m on a sphere, two parts in a thousand more on the plane at the edge of its zone, where distances are taken."""


def test_half_of_either_square_holds_half_of_its_people_roads_and_what_stands_there(two_squares: City) -> None:
    found = impact(two_squares, shapely.box(0.005, 0, 0.0155, 0.01), None)
    assert (found.basis, found.reach_m) == ("area", None)
    assert found.by_district == {"1": 500, "2": 220}
    assert found.residents == 720
    assert list(found.kinds) == ["school"]
    assert ([p.id for p in found.kinds["school"].places], found.kinds["school"].holds) == (["school", "school-2"], 500)
    assert found.roads_m is not None
    assert found.roads_m["arterial"] == pytest.approx(1.05 * SIDE_M, rel=3e-3)
    assert found.roads_m["local"] == pytest.approx(SIDE_M, rel=0.01), "the lane is the edge of the area"
    assert set(found.roads_m) == set(ROAD_CLASSES)
    assert found.roads_m["expressway"] == 0


def test_a_point_reaches_as_far_as_it_is_said(two_squares: City) -> None:
    found = impact(two_squares, shapely.Point(0.005, 0.005), 200)
    assert found.basis == "radius"
    assert found.area_km2 == pytest.approx(pi * 0.04, rel=2e-3)
    assert found.residents == pytest.approx(1000 * pi * 200**2 / SIDE_M**2, abs=1.5), "102 of a thousand, evenly spread"
    assert found.roads_m is not None
    assert (found.roads_m["arterial"], found.roads_m["local"]) == pytest.approx((400, 400), rel=2e-3)
    assert found.kinds == {}


def test_a_line_reaches_to_both_sides_and_beyond_its_ends(two_squares: City) -> None:
    found = impact(two_squares, shapely.LineString([(0.012, 0.005), (0.018, 0.005)]), 50)
    length = 0.6 * SIDE_M
    assert found.basis == "line"
    assert found.area_km2 == pytest.approx((length * 100 + pi * 50**2) / 1e6, rel=3e-3)
    assert sorted(found.kinds) == ["care_home", "school"]
    assert found.kinds["care_home"].holds is None, "it does not say"
    assert found.roads_m is not None
    assert found.roads_m["arterial"] == pytest.approx(length + 100, rel=2e-3)


def test_what_has_no_width_needs_a_reach(two_squares: City) -> None:
    with pytest.raises(ValueError, match="the Point reaches None m: expected more than 0, such as 200"):
        impact(two_squares, shapely.Point(0.005, 0.005), None)


def test_outside_the_city_there_is_nobody(two_squares: City) -> None:
    found = impact(two_squares, shapely.Point(1, 1), 100)
    assert (found.residents, found.kinds, found.by_district) == (0, {}, {})
    assert found.roads_m is not None
    assert sum(found.roads_m.values()) == 0


def test_a_city_without_roads_or_people_does_not_say_none(two_squares: City, tmp_path: Path) -> None:
    bare = write_city(
        tmp_path / "bare",
        {"name_zh": "空", "name_en": "Bare", "zone": "UTC"},
        {"districts": two_squares.layer("districts")},
        max_zoom=9,
    )  # type: ignore[dict-item]
    found = impact(bare, shapely.Point(0.005, 0.005), 200)
    assert (found.residents, found.roads_m) == (None, None)


@pytest.mark.parametrize("reach_m", [150.0, 700.0])
def test_brute_force_agrees(small_city: City, reach_m: float) -> None:
    """Residents: 300 × 300 points over each square that is touched. Roads: a point on every metre or so. Places: one by one."""
    lon, lat = small_city.centre
    found = impact(small_city, shapely.Point(lon, lat), reach_m)
    squares, roads = small_city.layer("population"), small_city.layer("roads")
    assert squares is not None
    assert roads is not None

    def within(lons: np.ndarray, lats: np.ndarray) -> np.ndarray:
        """Which points lie within the reach, on a plane tangent at the centre."""
        east = (lons - lon) * np.cos(np.radians(lat)) * 111_195
        return np.asarray(np.hypot(east, (lats - lat) * 111_195) <= reach_m)

    people = 0.0
    for shape, row in zip(squares.shapes, squares.properties, strict=True):
        west, south, east, north = shape.bounds
        if within(np.clip(lon, [west], [east]), np.clip(lat, [south], [north]))[0]:
            middles = (np.arange(300) + 0.5) / 300
            x, y = np.meshgrid(west + (east - west) * middles, south + (north - south) * middles)
            inside = shapely.contains_xy(shape, x.ravel(), y.ravel())
            people += row["population"] * (within(x.ravel(), y.ravel()) & inside).sum() / inside.sum()
    assert found.residents is not None
    assert found.residents == pytest.approx(people, rel=0.01, abs=5)

    metres = dict.fromkeys(ROAD_CLASSES, 0.0)
    for shape, row in zip(roads.shapes, roads.properties, strict=True):
        for (x0, y0), (x1, y1) in zip(shape.coords[:-1], shape.coords[1:], strict=True):
            length = distance_m(x0, y0, x1, y1)
            share = (np.arange(n := max(1, round(length))) + 0.5) / n
            metres[str(row["class"])] += length * within(x0 + (x1 - x0) * share, y0 + (y1 - y0) * share).mean()
    assert found.roads_m is not None
    for name in ROAD_CLASSES:
        assert found.roads_m[name] == pytest.approx(metres[name], rel=0.01, abs=10)

    near = sorted(p.id for p in small_city.places if distance_m(lon, lat, p.lon, p.lat) <= reach_m)
    assert sorted(p.id for places in found.kinds.values() for p in places.places) == near
