"""The way down in the interface: streets of a district, what lies around a point, borders; and what is no point."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely

from dashboard.api.streets import read_point
from dashboard.app import create_app
from gis_data.city import City, write_city
from gis_data.layers import Layer
from tests.dashboard.conftest import House, ask


@pytest.fixture
def city(tmp_path: Path) -> City:
    """One district, one road with a school on it."""
    square = shapely.box(0, 0, 0.01, 0.01)
    school = {"id": "s", "kind": "school", "name_zh": "小学", "name_en": "School", "district": "1", "attributes": {"pupils": 640}}
    return write_city(
        tmp_path / "city",
        {"name_zh": "小城", "name_en": "Small", "zone": "UTC"},
        {
            "districts": Layer("districts", np.array([square]), [{"code": "1", "name_zh": "区", "name_en": "One", "population": 1000}]),
            "roads": Layer("roads", np.array([shapely.LineString([(0, 0.002), (0.01, 0.002)])]), [
                {"class": "local", "name_zh": "长路", "name_en": "Long Road", "bridge": 0},
            ]),
            "places": Layer("places", np.array([shapely.Point(0.005, 0.0025)]), [school]),
        },
        max_zoom=9,
    )  # fmt: skip


def test_streets_of_a_district_come_with_their_places(house: House, city: City) -> None:
    reply = ask(create_app(house(city=city)), "/api/streets/1")
    assert reply.status == 200
    (street,) = reply.json["streets"]
    assert (street["key"], street["en"], street["class"], street["length_m"]) == ("长路", "Long Road", "local", 1112)
    assert street["lines"] == [[[0.0, 0.002], [0.01, 0.002]]]
    assert [(place["id"], place["attributes"]) for place in street["places"]] == [("s", {"pupils": 640})]


@pytest.mark.parametrize("path", ["/api/streets/2", "/api/streets/%E0%A4", "/api/surroundings", "/api/surroundings?lon=x&lat=0"])
def test_what_is_not_there_is_not_found(house: House, city: City, path: str) -> None:
    assert ask(create_app(house(city=city)), path).status == 404


def test_without_a_city_there_are_no_streets_and_no_borders(house: House) -> None:
    app = create_app(house())
    assert ask(app, "/api/streets/1").status == 404
    assert ask(app, "/api/surroundings?lon=0&lat=0").status == 404
    assert ask(app, "/api/outlines").json == {}


def test_surroundings_name_district_street_and_places(house: House, city: City) -> None:
    found = ask(create_app(house(city=city)), "/api/surroundings?lon=0.005&lat=0.003").json
    assert found["district"] == "1"
    assert found["street"] == {"key": "长路", "zh": "长路", "en": "Long Road", "distance_m": 111}
    assert [(place["id"], place["distance_m"]) for place in found["places"]] == [("s", 56)]
    assert ask(create_app(house(city=city)), "/api/outlines").json.keys() == {"1"}


def test_points_are_degrees() -> None:
    assert read_point("113.25", "23.1") == (113.25, 23.1)
    assert [
        read_point(lon, lat) for lon, lat in (("181", "0"), ("0", "90"), ("nan", "0"), ("inf", "0"), (None, "0"), ("a", "b"))
    ] == [None] * 6
