"""Streets: named roads by district with the places on them; surroundings of a point. A city on the equator, where a hundredth of
a degree is 1,112 m both ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely

from gis_data.city import City, write_city
from gis_data.layers import Layer
from gis_data.streets import nearest_street, streets
from gis_data.surroundings import circle, distance_m, outlines, surroundings

HUNDREDTH_M = 1111.95


def _layer(name: str, *features: tuple[shapely.Geometry, dict[str, object]]) -> Layer:
    shapes = np.empty(len(features), dtype=object)
    shapes[:] = [shape for shape, _ in features]
    return Layer(name, shapes, [row for _, row in features])


def _place(place_id: str, kind: str, lon: float, lat: float, district: str) -> tuple[shapely.Geometry, dict[str, object]]:
    said = {"id": place_id, "kind": kind, "name_zh": place_id, "name_en": place_id, "district": district, "attributes": {}}
    return shapely.Point(lon, lat), said


def _road(name_zh: str, road_class: str, *points: tuple[float, float]) -> tuple[shapely.Geometry, dict[str, object]]:
    return shapely.LineString(points), {"class": road_class, "name_zh": name_zh, "name_en": name_zh and "Long Road", "bridge": 0}


@pytest.fixture
def city(tmp_path: Path) -> City:
    """West and east; a road in two pieces through both, an alley without a name; a school on it in the west, a hall and a bank in
    the east, a hut far from everything."""
    west, east = shapely.box(0, 0, 0.01, 0.01), shapely.box(0.01, 0, 0.02, 0.01)
    return write_city(
        tmp_path / "city",
        {"name_zh": "双区", "name_en": "Two", "zone": "UTC"},
        {
            "districts": _layer(
                "districts",
                (west, {"code": "1", "name_zh": "西", "name_en": "West", "population": 1000}),
                (east, {"code": "2", "name_zh": "东", "name_en": "East", "population": 400}),
            ),
            "population": _layer(
                "population", (west, {"population": 1000, "district": "1"}), (east, {"population": 400, "district": "2"})
            ),
            "roads": _layer(
                "roads",
                _road("长路", "local", (0.0, 0.002), (0.008, 0.002)),
                _road("长路", "arterial", (0.012, 0.002), (0.016, 0.002)),
                _road("长路", "local", (0.016, 0.002), (0.02, 0.002)),
                _road("", "local", (0.0, 0.009), (0.02, 0.009)),
            ),
            "places": _layer(
                "places", _place("school", "school", 0.004, 0.0025, "1"), _place("hall", "service_hall", 0.015, 0.0015, "2"),
                _place("bank", "bank", 0.014, 0.0025, "2"), _place("hut", "hut", 0.019, 0.0085, "2"),
            ),
        },
        max_zoom=9,
    )  # fmt: skip


def test_a_road_is_a_street_in_each_district_it_runs_through(city: City) -> None:
    found = streets(city)
    assert list(found) == ["1", "2"]
    (west,), (east,) = found["1"], found["2"]
    assert (west.key, west.name_en, east.key) == ("长路", "Long Road", "长路")
    assert west.length_m == pytest.approx(0.8 * HUNDREDTH_M, rel=1e-3)
    assert east.bounds == pytest.approx((0.012, 0.002, 0.02, 0.002))


def test_pieces_of_a_street_are_one_and_have_the_class_of_the_widest(city: City) -> None:
    east = streets(city)["2"][0]
    assert east.road_class == "arterial"
    assert [[tuple(point) for point in line] for line in east.lines] == [[(0.012, 0.002), (0.02, 0.002)]]


def test_places_stand_on_the_nearest_named_road_within_reach(city: City) -> None:
    assert [p.id for p in streets(city)["1"][0].places] == ["school"]
    assert [p.id for p in streets(city)["2"][0].places] == ["bank", "hall"]  # the hut is 723 m away


def test_the_nearest_street_of_a_point_and_how_far_it_is(city: City) -> None:
    found = nearest_street(city, 0.004, 0.003)
    assert found is not None
    assert found[:3] == ("长路", "长路", "Long Road")
    assert found[3] == pytest.approx(0.1 * HUNDREDTH_M, rel=1e-3)
    assert nearest_street(city, 0.004, 0.008) is None


def test_surroundings_count_people_and_name_places_nearest_first(city: City) -> None:
    found = surroundings(city, 0.015, 0.002, 300)
    assert found.district_code == "2"
    assert [(place.id, round(away)) for place, away in found.places] == [("hall", 56), ("bank", 124)]
    square = 400 / (HUNDREDTH_M * HUNDREDTH_M)  # people per square metre
    beyond = 0.076  # of the circle: its centre is 222 m from the city's southern edge
    assert found.residents == pytest.approx(square * np.pi * 300**2 * (1 - beyond), rel=0.01)
    assert surroundings(city, 1.0, 1.0, 300).district_code is None


def test_outlines_hold_what_lies_in_a_district(city: City) -> None:
    found = outlines(city)
    assert set(found) == {"1", "2"}
    assert shapely.Polygon(found["1"][0]).contains(shapely.Point(0.005, 0.005))


def test_a_circle_is_as_wide_as_it_is_high_on_the_ground() -> None:
    west, south, east, north = circle(113.0, 60.0, 500).bounds
    assert distance_m(west, 60.0, east, 60.0) == pytest.approx(1000, rel=0.01)
    assert distance_m(113.0, south, 113.0, north) == pytest.approx(1000, rel=0.01)


def test_a_city_without_roads_has_no_streets(tmp_path: Path) -> None:
    square = shapely.box(0, 0, 0.01, 0.01)
    bare = write_city(
        tmp_path / "bare", {"name_zh": "无", "name_en": "Bare", "zone": "UTC"},
        {"districts": _layer("districts", (square, {"code": "1", "name_zh": "区", "name_en": "One", "population": 1}))}, max_zoom=9,
    )  # fmt: skip
    assert streets(bare) == {}
    assert nearest_street(bare, 0.005, 0.005) is None
    assert surroundings(bare, 0.005, 0.005, 100).residents is None
