"""The halls of the city together, through the application: figures, ways by the roads of now, and who hears of what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from dashboard.api.hall_city import homes_of, of_halls, travel_s
from dashboard.app import create_app
from dashboard.wire import ms
from domain.closures import Closure, ClosureSource
from domain.halls import HallEventKind
from domain.rights import Actor, Role, Scope
from gis_data.city import City
from gis_data.city_roads import CityRoads
from gis_data.road_times import FREE, Slowness
from storage import closures, hall_city, speeds
from storage.connection import Connection
from storage.hall_city import StoredSurge
from tests.dashboard.conftest import House, ask
from tests.support.halls import a_visit, at, said
from tests.support.scenes import COUNTER, NOW, a_device, a_state, stored

K = HallEventKind


def two_halls(conn: Connection, places: Sequence[tuple[float, float]], waits_s: Sequence[float] = (3000, 60)) -> None:
    """Two open halls that offer tax; the first has a long queue ahead."""
    for number, (place, wait_s) in enumerate(zip(places, waits_s, strict=True), 1):
        device = COUNTER.replace("hall-1", f"hall-{number}")
        attributes = (("name_zh", f"{number}号厅"), ("name_en", f"Hall {number}"), ("capabilities", "tax"))
        stored(conn, a_device(device, type_name="ServiceHall", properties=(), mode="on_change", interval_s=3600, attributes=attributes, place=place),
               a_state("online", device_id=device, minutes_ago=60))  # fmt: skip
        stored(
            conn,
            said(K.WINDOW_OPEN, -40, window=1, items=("tax",), hall_id=f"hall-{number}"),
            said(K.ARRIVE, -5 * number, "Q1", hall_id=f"hall-{number}"),
        )
        conn.execute(
            "INSERT INTO wait_forecast (hall_id, item, issued_at, known_until, basis, leads_s, p10_s, p50_s, p90_s, leave_share) "
            "SELECT %s, item, %s, %s, 'simulation', '{0,7200}', %s, %s, %s, '{0,0}' FROM unnest(ARRAY['', 'tax']) AS item",
            (f"hall-{number}", NOW, NOW, [wait_s / 2] * 2, [wait_s] * 2, [wait_s * 2] * 2),
        )


def test_halls_are_compared_with_their_parts(house: House, database_url: str, conn: Connection) -> None:
    two_halls(conn, [(113.25, 23.12), (113.26, 23.12)])
    stored(conn, *a_visit("A1", -30, -25, -24, -10), said(K.RATING, -5, "A1", grade=5))
    told = ask(create_app(house(database_url)), "/api/halls/city").json
    first, second = told["halls"]
    assert (first["id"], first["wait_now_s"], first["wait_ahead"]) == (
        "hall-1",
        300,
        {"at": ms(NOW), "p50_s": 3000, "p90_s": 6000},
    )
    assert (first["left_share_today"], first["good_share"], first["load"]) == (0, 0, None)
    assert (second["wait_now_s"], second["good_share"]) == (600, None)
    assert (first["rank"], first["parts"], second["parts"]) == (
        1,
        {"wait_now": 0, "wait_ahead": 1, "left": 0.5},
        {"wait_now": 1, "wait_ahead": 0, "left": 0.5},
    )
    assert (told["t"], told["instead"], told["surges"], told["cross"], told["best"], told["reckoned"]) == (
        ms(NOW),
        [],
        [],
        [],
        [],
        None,
    )


def test_an_empty_city_and_one_without_a_database_are_told(house: House, database_url: str) -> None:
    assert ask(create_app(house(database_url)), "/api/halls/city").json["halls"] == []
    assert ask(create_app(house()), "/api/halls/city").status == 503


def test_people_are_sent_by_the_roads_of_now_to_where_way_and_wait_are_shortest(
    house: House, database_url: str, conn: Connection, small_city: City
) -> None:
    homes = homes_of(small_city)
    (near, far), code = list(homes.values())[:2], next(iter(homes))
    two_halls(conn, [near, far])
    roads = CityRoads.of(small_city, access_kmh=40)
    assert roads is not None
    told = ask(create_app(house(database_url, city=small_city)), "/api/halls/city").json
    (row,) = [row for row in told["instead"] if row["from_district"] == code]
    (way,) = [h for h in row["halls"] if h["id"] == "hall-2"]
    expected = travel_s(roads, [near], [far], 1.0)[0][0]
    assert (row["item"], row["halls"][0]["id"], way["travel_basis"]) == (
        "tax",
        "hall-2" if expected + 60 < 3000 else "hall-1",
        "roads",
    )
    assert way["travel_s"] == round(expected)
    assert (way["wait_s"], way["total_s"]) == ([30, 60, 120], round(expected + 60))


def test_people_drive_slower_than_emergency_units_and_heed_what_is_closed(
    house: House, database_url: str, conn: Connection, small_city: City
) -> None:
    """A district all of whose roads are closed is left by nobody."""
    homes = homes_of(small_city)
    (near, far), code = list(homes.values())[:2], next(iter(homes))
    two_halls(conn, [near, far])
    slow = replace(FREE, by_class=dict.fromkeys(range(12), 0.5))
    speeds.write_road_speed(conn, speeds.RoadSpeed(NOW, 3, {**slow.as_json(), "emergency_factor": 1.4}))
    plain, civil = CityRoads.of(small_city, access_kmh=40), house(database_url, city=small_city)
    assert plain is not None
    plain.change(Slowness.from_json(slow.as_json()), [])
    expected = travel_s(plain, [near], [far], 1.0)[0][0]
    told = ask(create_app(civil), "/api/halls/city").json
    (row,) = [row for row in told["instead"] if row["from_district"] == code]
    assert next(h["travel_s"] for h in row["halls"] if h["id"] == "hall-2") == pytest.approx(expected, abs=1)
    assert expected > travel_s(CityRoads.of(small_city, access_kmh=40), [near], [far], 1.0)[0][0]  # type: ignore[arg-type]
    west, south, east, north = small_city.bounds
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    everywhere = Closure(
        "c-1", ClosureSource.DRAWN, None, {"type": "Polygon", "coordinates": [ring]}, "雪", None, "li", NOW - timedelta(hours=1)
    )
    closures.close_road(conn, everywhere, NOW - timedelta(hours=1))
    cut = ask(create_app(house(database_url, city=small_city)), "/api/halls/city").json
    assert [h["id"] for row in cut["instead"] if row["from_district"] == code for h in row["halls"]] in ([], ["hall-1"])


def test_a_closed_hall_is_nowhere_to_go(house: House, database_url: str, conn: Connection, small_city: City) -> None:
    two_halls(conn, list(homes_of(small_city).values())[:2])
    stored(conn, said(K.WINDOW_CLOSE, -0.1, window=1, hall_id="hall-2"), said(K.ABANDON, -0.1, "Q1", hall_id="hall-2"))
    told = ask(create_app(house(database_url, city=small_city)), "/api/halls/city").json
    assert {h["id"] for row in told["instead"] for h in row["halls"]} == {"hall-1"}
    assert [h["wait_now_s"] for h in told["halls"]] == [300, None]


def test_surges_and_what_the_weeks_say_are_told_in_words(house: House, database_url: str, conn: Connection) -> None:
    two_halls(conn, [(113.25, 23.12), (113.26, 23.12)])
    content = {"minutes": 30, "observed": 30, "expected": 12.0, "chance": 0.0001}
    surges = [StoredSurge(hall, "tax", at(-30), at(-10), NOW, None, content) for hall in ("hall-2", "")]
    hall_city.write_surges(conn, surges, NOW)
    effect = {"cause": "rain", "n_days": 9, "of_days": 30, "ratio": 0.79456, "low": 0.7, "high": 0.9, "zh": "雨", "en": "rain"}
    best = {"hall_id": "hall-1", "item": "tax", "weekday": 1, "hour": 10, "p50_s": 299.6, "n": 30, "n_days": 3}
    hall_city.write_weeks(conn, {"days": 30, "cross": [effect], "best": [best]}, NOW)
    app = create_app(house(database_url))
    told = ask(app, "/api/halls/city").json
    city, hall = told["surges"]
    assert (hall["hall"], hall["item"], hall["since"], hall["ended"], hall["ratio"]) == ("hall-2", "tax", ms(at(-30)), None, 2.5)
    assert hall["zh"] == "2号厅·税务\uff1a近 30 分钟来了 30 人\uff0c预计 12 人\uff082.5 倍\uff09"
    assert (city["hall"], city["en"]) == (None, "the whole city, tax: 30 people in 30 minutes, 12 expected (2.5 times)")
    assert told["cross"] == [{"what": "rain", "zh": "雨", "en": "rain", "n_days": 9, "effect": 0.795, "low": 0.7, "high": 0.9}]
    assert told["best"] == [{"hall": "hall-1", "item": "tax", "weekday": 1, "slot_s": 36000, "p50_s": 300, "n": 30, "n_days": 3}]
    assert (told["days"], told["reckoned"]) == (30, ms(NOW))


def test_the_manager_of_a_hall_hears_of_it_and_of_the_city_as_a_whole(house: House, database_url: str, conn: Connection) -> None:
    two_halls(conn, [(113.25, 23.12), (113.26, 23.12)])
    content = {"minutes": 30, "observed": 30, "expected": 12.0, "chance": 0.0001}
    hall_city.write_surges(
        conn, [StoredSurge(hall, "tax", at(-30), at(-10), NOW, None, content) for hall in ("hall-1", "hall-2", "")], NOW
    )
    manager = Actor("wang", Role.HALL_MANAGER, Scope(halls=frozenset({"hall-2"})))
    told = ask(create_app(house(database_url, acts_as=manager)), "/api/halls/city").json
    assert [hall["id"] for hall in told["halls"]] == ["hall-2"]
    assert [surge["hall"] for surge in told["surges"]] == [None, "hall-2"]
    whole = {
        "halls": [{"id": "a"}], "instead": [{"halls": [{"id": "a"}, {"id": "b"}]}, {"halls": [{"id": "b"}]}], "surges": [],
        "best": [{"hall": "b"}], "asking": ["b", "a"],
    }  # fmt: skip
    assert of_halls(whole, frozenset({"a"})) == {
        "halls": [{"id": "a"}], "instead": [{"halls": [{"id": "a"}]}], "surges": [], "best": [], "asking": ["a"],
    }  # fmt: skip
    assert of_halls(whole, None) is whole
