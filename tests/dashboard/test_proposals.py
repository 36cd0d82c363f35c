"""What is proposed, the way there, how far one comes and which roads are closed, as pages ask for it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import shapely

from dashboard.api.proposals import warm
from dashboard.app import create_app
from dashboard.ways import ways_of
from dispatch import orders
from dispatch.planner.service import Planner
from dispatch.practice import Practice, RunCard
from domain.incidents import Grade
from domain.rights import Actor, Role
from gis_data.city import City
from gis_data.road_lines import RoadLines
from gis_data.road_times import FREE
from storage import heartbeats, speeds
from storage.connection import Connection
from tests.dashboard.conftest import SHANGHAI, House, ask, post
from tests.support import loops
from tests.support.scenes import COMMANDER, NOW, a_position, a_status, a_unit, an_incident, minutes, stored

PRACTICE = Practice(
    (RunCard("fire", Grade.IV, {"ambulance": 1}),), dict.fromkeys(Grade, 1.0), coverage_target_s={"ambulance": 600.0}
)


@pytest.fixture
def scene(conn: Connection, small_city: City) -> Connection:
    """A fire in the middle of the city, an ambulance a kilometre and one three kilometres away; the planner has planned."""
    lon, lat = small_city.centre
    stored(
        conn, replace(an_incident(), lon=lon, lat=lat), a_unit("a-1"), a_unit("a-2"), a_status("available", minutes_ago=60),
        a_status("available", unit_id="a-2", minutes_ago=60), a_position(lon + 0.01, lat=lat),
        a_position(lon + 0.03, unit_id="a-2", lat=lat),
    )  # fmt: skip
    figures = Planner(small_city, PRACTICE).tick(conn, NOW - minutes(0.1))
    heartbeats.beat(conn, "planner", "one", started_at=NOW, now=NOW, metrics=dict(figures))
    return conn


@pytest.fixture
def app(scene: Connection, house: House, database_url: str, small_city: City) -> Any:
    return create_app(house(database_url, city=small_city))


def test_what_is_proposed_says_how_old_it_is_and_that_it_holds(app: Any) -> None:
    said = ask(app, "/api/proposals").json
    assert said["planner"] == {"is_alive": True, "checked": round(NOW.timestamp() * 1000)}
    made = said["recommendation"]
    assert (made["age_s"], made["is_binding"], made["basis"], made["inputs"]["units"]) == (6, True, "roads", 2)
    (entry,) = said["incidents"]
    assert [(p["rank"], p["unit"]) for p in entry["proposals"]] == [(1, "a-1")]
    assert ask(app, "/api/proposals?incident=i-1").json["incidents"] == [entry]
    assert ask(app, "/api/proposals?incident=i-2").json["incidents"] == []


def test_without_a_planner_nothing_is_proposed(house: House, database_url: str) -> None:
    said = ask(create_app(house(database_url)), "/api/proposals").json
    assert (said["planner"], said["recommendation"], said["incidents"], said["moves"], said["unanswered"]) == (
        {"is_alive": False, "checked": None}, None, [], [], [],
    )  # fmt: skip


def test_an_order_that_nobody_answers_is_raised(scene: Connection, house: House, database_url: str) -> None:
    order = orders.issue(scene, "i-1", "a-1", COMMANDER, NOW, zone=SHANGHAI, order_expiry_s=120)
    later = create_app(house(database_url, clock=lambda: NOW + timedelta(seconds=40)))
    (waiting,) = ask(later, "/api/proposals").json["unanswered"]
    assert (waiting["order"], waiting["unit"], waiting["incident"], waiting["state"]) == (order.order_id, "a-1", "i-1", "waiting")
    assert ask(later, "/api/proposals?incident=i-9").json["unanswered"] == []


def test_the_way_of_a_unit_goes_round_what_is_closed(app: Any, small_city: City, house: House, database_url: str) -> None:
    way = ask(app, "/api/routes?unit=a-1&incident=i-1").json
    assert (way["geometry"]["type"], way["properties"]["basis"]) == ("LineString", "roads")
    line = shapely.geometry.shape(way["geometry"])
    assert way["properties"]["length_m"] >= 500
    middle = line.interpolate(0.5, normalized=True)
    ring = shapely.geometry.mapping(middle.buffer(2e-4, quad_segs=2))
    closing = post(app, "/api/acts/road.close", {"geometry": json.dumps(ring), "reason": "塌陷"}, origin="http://127.0.0.1:8050")
    assert closing.status == 200, closing.body
    (closed,) = ask(app, "/api/closures").json["features"]
    assert (closed["properties"]["id"], closed["properties"]["source"], closed["properties"]["reason"]) == (
        closing.json["object_id"],
        "drawn",
        "塌陷",
    )
    assert closed["properties"]["n_arcs"] >= 2
    on_the_wall = ask(create_app(house(database_url, city=small_city, acts_as=Actor("wall", Role.WALL))), "/api/closures").json
    assert on_the_wall["features"][0]["properties"]["reason"] is None, "words that people wrote are not for every eye"
    round_it = ask(app, "/api/routes?unit=a-1&incident=i-1").json
    assert round_it["properties"]["seconds"] > way["properties"]["seconds"]
    opened = post(app, "/api/acts/road.open", {"closure": closing.json["object_id"]}, origin="http://127.0.0.1:8050")
    assert opened.status == 200
    assert ask(app, "/api/closures").json["features"] == []
    assert ask(app, "/api/routes?unit=a-1&incident=i-1").json["properties"]["seconds"] == way["properties"]["seconds"]


def test_a_way_to_nowhere_is_not_found_and_one_without_roads_is_a_straight_line(
    app: Any, house: House, database_url: str
) -> None:
    for wrong in ("unit=a-9&incident=i-1", "unit=a-1&incident=i-9", "unit=a-1", "unit=%00&incident=i-1"):
        assert ask(app, f"/api/routes?{wrong}").status == 404
    plain = ask(create_app(house(database_url)), "/api/routes?unit=a-1&incident=i-1").json
    assert plain["properties"]["basis"] == "distance"
    assert len(plain["geometry"]["coordinates"]) == 2


def test_how_far_one_comes_in_some_minutes_with_the_people_there(app: Any) -> None:
    said = ask(app, "/api/isochrones?incident=i-1&minutes=2,4").json
    wide, near = said["features"]
    assert (wide["properties"]["minutes"], near["properties"]["minutes"]) == (4, 2)
    assert wide["properties"]["residents"] >= near["properties"]["residents"] >= 0
    areas = [shapely.geometry.shape(f["geometry"]) for f in (wide, near)]
    assert areas[0].area > areas[1].area > 0
    assert ask(app, "/api/isochrones?unit=a-1&minutes=4").json["of"] == {"unit": "a-1"}
    free = shapely.geometry.shape(ask(app, "/api/isochrones?kind=ambulance&minutes=4").json["features"][0]["geometry"])
    alone = shapely.geometry.shape(ask(app, "/api/isochrones?unit=a-1&minutes=4").json["features"][0]["geometry"])
    assert free.area > alone.area


def test_a_process_that_has_warmed_up_reads_no_roads_for_who_asks_first(
    scene: Connection, house: House, database_url: str, small_city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither then nor when the planner says how much faster emergency units are."""
    ways_of.cache_clear()
    built = house(database_url, city=small_city)
    loops.run(warm(built))
    monkeypatch.setattr(RoadLines, "of", lambda city: pytest.fail("the roads are read"))
    before = ask(create_app(built), "/api/isochrones?incident=i-1&minutes=4").json
    content = {**FREE.as_json(), "emergency_factor": 2.0}
    speeds.write_road_speed(scene, speeds.RoadSpeed(NOW - minutes(0.05), 0, content))
    after = ask(create_app(built), "/api/isochrones?incident=i-1&minutes=4").json
    near, far = (shapely.geometry.shape(said["features"][0]["geometry"]).area for said in (before, after))
    assert far > 1.2 * near
    monkeypatch.undo()
    loops.run(warm(house(city=small_city)))  # without a database it warms up all the same
    loops.run(warm(house()))


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("minutes=4", 400), ("incident=i-1&unit=a-1", 400), ("incident=i-1&minutes=0", 400), ("incident=i-1&minutes=61", 400),
        ("incident=i-1&minutes=1,2,3,4,5,6", 400), ("incident=i-1&minutes=x", 400), ("incident=i-9", 404), ("unit=a-9", 404),
        ("kind=engine", 404),
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_says_what_is_expected(app: Any, query: str, status: int) -> None:
    assert ask(app, f"/api/isochrones?{query}").status == status


def test_without_roads_nobody_draws_how_far_one_comes(scene: Connection, house: House, database_url: str) -> None:
    said = ask(create_app(house(database_url)), "/api/isochrones?incident=i-1")
    assert (said.status, said.json["error"]) == (404, "api.no_roads")


def test_units_are_sent_by_what_the_page_saw(app: Any, scene: Connection) -> None:
    made = ask(app, "/api/proposals").json["recommendation"]["id"]
    origin = "http://127.0.0.1:8050"
    refused = post(app, "/api/acts/order.issue", {"incident": "i-1", "unit": "a-2"}, origin=origin)
    assert (refused.status, refused.json["code"]) == (409, "reason_needed")
    both = {"incident": "i-1", "units": "a-1, a-2", "proposal": made, "reason": "火势大"}
    done = post(app, "/api/acts/order.issue_all", both, origin=origin)
    assert (done.status, done.json["zh"]) == (200, "已下达 2 个单位：a-1, a-2 → i-1")
    rows = scene.execute(
        "SELECT unit_id, recommendation_id, rank_chosen, override_reason FROM dispatch_order ORDER BY unit_id"
    ).fetchall()
    assert rows == [("a-1", made, 1, "火势大"), ("a-2", made, None, "火势大")]


def test_a_free_unit_is_moved_to_a_place_of_the_city(app: Any, small_city: City) -> None:
    station, origin = small_city.places_of("ambulance_station")[0], "http://127.0.0.1:8050"
    done = post(app, "/api/acts/unit.stand_by", {"unit": "a-1", "place": station.id}, origin=origin)
    assert (done.status, done.json["code"]) == (200, "stand_by")
    nowhere = post(app, "/api/acts/unit.stand_by", {"unit": "a-1", "place": "x"}, origin=origin)
    assert (nowhere.status, nowhere.json["code"]) == (409, "place_unknown")


def test_roads_are_closed_by_who_may(scene: Connection, house: House, database_url: str) -> None:
    watching = create_app(house(database_url, acts_as=Actor("zhao", Role.LEADER)))
    said = post(
        watching,
        "/api/acts/road.close",
        {"geometry": '{"type":"Point","coordinates":[113,23]}', "reason": "x"},
        origin="http://127.0.0.1:8050",
    )
    assert (said.status, said.json["code"]) == (409, "no_right")
