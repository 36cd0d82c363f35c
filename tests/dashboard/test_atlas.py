"""The atlas in the interface: what does not move, points for heat, requests in view, areas that somebody drew, histories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from dashboard.api.atlas import polygon
from dashboard.app import create_app
from gis_data.city import City, write_city
from gis_data.layers import Layer
from storage.connection import Connection
from tests.dashboard.conftest import House, ask, post
from tests.support.scenes import NOW, a_device, a_position, a_request, a_unit, stored

SQUARE = [[113.2, 23.1], [113.3, 23.1], [113.3, 23.2], [113.2, 23.2]]


@pytest.fixture
def city(tmp_path: Path) -> City:
    """One district with two squares of residents, an underpass on a road, a school in the east."""
    west, east = shapely.box(113.2, 23.1, 113.25, 23.2), shapely.box(113.25, 23.1, 113.3, 23.2)
    places = [
        {"id": "u", "kind": "underpass", "name_zh": "下穿", "name_en": "Underpass", "district": "1", "attributes": {"road": 0}},
        {"id": "s", "kind": "school", "name_zh": "小学", "name_en": "School", "district": "1", "attributes": {"pupils": 640}},
    ]
    layers = {
        "districts": Layer("districts", np.array([west.union(east)]), [{"code": "1", "name_zh": "区", "name_en": "One", "population": 900}]),
        "roads": Layer("roads", np.array([shapely.LineString([(113.2, 23.15), (113.3, 23.15)])]), [
            {"class": "local", "name_zh": "长路", "name_en": "Long Road", "speed_kmh": 30.0},
        ]),
        "places": Layer("places", np.array([shapely.Point(113.21, 23.15), shapely.Point(113.29, 23.15)]), places),
        "population": Layer("population", np.array([west, east]), [{"population": 300, "district": "1"}, {"population": 600, "district": "1"}]),
    }  # fmt: skip
    return write_city(tmp_path / "city", {"name_zh": "小城", "name_en": "Small", "zone": "UTC"}, layers, max_zoom=9)


def test_the_ground_names_districts_places_and_roads(house: House, city: City) -> None:
    reply = ask(create_app(house(city=city)), "/api/map/places")
    assert reply.headers["cache-control"].startswith("private"), "who is next at a shared cache may not be let in"
    found = reply.json
    (district,) = found["districts"]
    assert (district["code"], district["bounds"], district["facts"]["residents"], district["facts"]["school"]) == (
        "1",
        [113.2, 23.1, 113.3, 23.2],
        900,
        1,
    )
    assert {place["id"]: place.get("line") for place in found["places"]} == {"u": [[113.2, 23.15], [113.3, 23.15]], "s": None}
    assert [(road["en"], road["district"]) for road in found["roads"]] == [("Long Road", "1")]
    assert ask(create_app(house()), "/api/map/places").json == {"districts": [], "places": [], "roads": []}


def test_a_detector_colours_its_road(house: House, city: City, database_url: str, conn: Connection) -> None:
    stored(conn, a_device("1/traffic/x/loop", type_name="TrafficFlowObserved", place=(113.25, 23.1501)))
    (road,) = ask(create_app(house(database_url, city=city)), "/api/map/roads").json["loops"]
    assert (road["device"], road["free_kmh"], road["lines"]) == ("1/traffic/x/loop", 30.0, [[[113.2, 23.15], [113.3, 23.15]]])


def test_points_for_heat_take_twelve_bytes_each(house: House, database_url: str, conn: Connection) -> None:
    stored(conn, a_request("r-1", minutes_ago=30), a_request("r-2", minutes_ago=90))
    app = create_app(house(database_url))
    reply = ask(app, "/api/map/heat/requests?hours=1")
    assert (len(reply.body), reply.headers["x-points"], reply.headers["x-as-of"]) == (12, "1", str(int(NOW.timestamp() * 1000)))
    assert np.frombuffer(reply.body, "<f4").tolist() == [np.float32(113.25), np.float32(23.125), 1.0]
    assert len(ask(app, "/api/map/heat/requests?hours=2").body) == 24
    assert ask(app, "/api/map/heat/calls").body == b""
    assert ask(app, "/api/map/heat/halls").body == b""


@pytest.mark.parametrize("path", ["heat/anger", "heat/calls?hours=0", "heat/calls?hours=-1", "heat/calls?hours=9999", "requests", "requests?bounds=1,2,3", "requests?bounds=a,b,c,d", "requests?bounds=nan,0,0,0", "district/1", "district/1?property=x"])  # fmt: skip
def test_what_cannot_be_asked_is_not_found(house: House, path: str) -> None:
    assert ask(create_app(house()), f"/api/map/{path}").status == 404


def test_requests_in_view_say_what_they_are_about(house: House, database_url: str, conn: Connection) -> None:
    stored(conn, a_request(minutes_ago=5))
    app = create_app(house(database_url))
    found = ask(app, "/api/map/requests?bounds=113,23,114,24").json
    assert found["is_whole"] is True
    assert [(r["id"], r["class"], r["source"], r["due"]) for r in found["requests"]] == [("r-1", "waterlogging", "12345", None)]
    assert ask(app, "/api/map/requests?bounds=0,0,1,1").json["requests"] == []


def test_an_area_holds_people_and_places(house: House, city: City) -> None:
    """The eastern half: 600 people and the school."""
    app = create_app(house(city=city))
    found = post(app, "/api/map/area", {"ring": [[113.25, 23.1], [113.3, 23.1], [113.3, 23.2], [113.25, 23.2]]}).json
    assert (found["residents"], found["by_district"]) == (600, {"1": 600})
    assert found["kinds"] == {"school": {"n": 1, "holds": 640, "names": [{"id": "s", "zh": "小学", "en": "School"}]}}
    assert abs(found["area_km2"] - 56.7) < 0.3  # 0.05° × 102.4 km/° × 0.1° × 110.8 km/°


@pytest.mark.parametrize(
    ("said", "key"),
    [([], "unreadable"), ({"ring": "x"}, "unreadable"), ({"ring": SQUARE[:2]}, "unreadable"), ({"ring": [[0, 1, 2]] * 3}, "unreadable"),
     ({"ring": [[200, 0], [0, 0], [0, 1]]}, "unreadable"), ({"ring": [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]]}, "crossed")],
)  # fmt: skip
def test_an_area_that_is_none_is_refused_in_both_languages(house: House, city: City, said: Any, key: str) -> None:
    reply = post(create_app(house(city=city)), "/api/map/area", said)
    assert (reply.status, reply.json["error"]) == (400, f"map.area_{key}")
    assert reply.json["zh"] != reply.json["en"]
    assert post(create_app(house()), "/api/map/area", {"ring": SQUARE}).status == 404


def test_a_ring_is_read_as_a_polygon() -> None:
    assert polygon(SQUARE).bounds == (113.2, 23.1, 113.3, 23.2)
    assert [polygon(ring) for ring in (None, {}, [[0, 0], [1, 1], [float("inf"), 0]], [[0, 0]] * 501)] == [None] * 4


def test_a_unit_s_track_runs_from_old_to_new(house: House, database_url: str, conn: Connection) -> None:
    stored(conn, a_unit(), a_position(113.2, minutes_ago=5), a_position(113.3, minutes_ago=1), a_position(113.1, minutes_ago=61))
    found = ask(create_app(house(database_url)), "/api/map/track/a-1").json
    assert [(lon, speed) for lon, _, _, speed in found["points"]] == [(113.2, 36.0), (113.3, 36.0)]


def test_a_district_s_day_has_a_value_for_every_hour_that_has_one(house: House, database_url: str, conn: Connection) -> None:
    found = ask(create_app(house(database_url)), "/api/map/district/1?property=pm25").json
    assert (len(found["values"]), found["step_s"], set(found["values"])) == (24, 3600, {None})
