"""The planner at a real database and on a small city's roads: it plans when something changes, stores what is new, and sends
nobody."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from time import sleep
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from dispatch import acts, orders
from dispatch import service as dispatcher
from dispatch.planner import service
from dispatch.planner.service import Planner
from dispatch.practice import Practice, Rules, RunCard
from domain.closures import ClosureSource
from domain.incidents import Grade, IncidentReport
from domain.moments import Moment
from domain.observations import PropertySpec
from gis_data.city import City
from storage import closures, proposals, speeds, stand_bys
from storage import orders as stored_orders
from storage.audit import list_entries
from storage.connection import Connection, connect
from storage.proposals import Recommendation
from tests.support.scenes import (
    COMMANDER,
    NOW,
    a_device,
    a_position,
    a_reading,
    a_status,
    a_unit,
    an_incident,
    an_order,
    minutes,
    ordered,
    stored,
)

ZONE = ZoneInfo("Asia/Shanghai")
PRACTICE = Practice(
    (RunCard("fire", Grade.IV, {"ambulance": 1}), RunCard("gas_leak", Grade.IV, {"ambulance": 1})), dict.fromkeys(Grade, 1.0), Rules(),
    coverage_target_s={"ambulance": 600.0}, closes_road_m={"gas_leak": 150.0}, least_gain=0.001,
)  # fmt: skip


def seconds(n: float) -> timedelta:
    return timedelta(seconds=n)


@pytest.fixture(scope="module")
def nodes(small_city: City) -> list[tuple[float, float]]:
    """Four crossings of the city's largest roads, from the middle outwards."""
    roads = small_city.roads()
    assert roads is not None
    lon, lat = small_city.centre
    away = np.hypot(roads.node_lon - lon, roads.node_lat - lat)
    found = [int(np.abs(away - wanted).argmin()) for wanted in (0.0, 0.01, 0.02, 0.04)]
    return [(float(roads.node_lon[n]), float(roads.node_lat[n])) for n in found]


@pytest.fixture
def scene(conn: Connection, nodes: list[tuple[float, float]]) -> Connection:
    """A fire in the middle of the city; two ambulances, the first one nearer."""
    stored(
        conn, fire(nodes[0]), a_unit("a-1"), a_unit("a-2"), a_status("available", minutes_ago=60),
        a_status("available", unit_id="a-2", minutes_ago=60), a_position(nodes[1][0], lat=nodes[1][1]),
        a_position(nodes[2][0], unit_id="a-2", lat=nodes[2][1]),
    )  # fmt: skip
    return conn


@pytest.fixture
def planner(small_city: City) -> Planner:
    return Planner(small_city, PRACTICE)


@pytest.fixture
def own(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as made:
        yield made


def fire(at: tuple[float, float], incident_id: str = "i-1", hazard: str = "fire", **more: float) -> IncidentReport:
    return replace(an_incident(incident_id, **more), lon=at[0], lat=at[1], hazard_class=hazard)


MUCH_LATER = NOW + minutes(60)


def newest(conn: Connection, at: datetime = MUCH_LATER) -> Recommendation:
    made = proposals.find_newest(conn, Moment.live(at))
    assert made is not None
    return made


def sent_to(conn: Connection, incident_id: str = "i-1") -> list[str]:
    entry = next(i for i in newest(conn).content["incidents"] if i["incident"] == incident_id)
    return [p["unit"] for p in entry["proposals"]]


def test_it_proposes_the_nearer_unit_by_the_roads_and_sends_nobody(scene: Connection, planner: Planner) -> None:
    figures = planner.tick(scene, NOW)
    made = newest(scene)
    assert figures["recommendation"] == made.recommendation_id
    assert (made.basis, made.issued_at) == ("roads", NOW)
    (entry,) = made.content["incidents"]
    (first,) = entry["proposals"]
    assert (first["unit"], first["capability"], first["eta"]["basis"]) == ("a-1", "ambulance", "roads")
    assert first["eta"]["s"] >= first["distance_m"] / (120 / 3.6), "nothing is faster than its road"
    assert [o["unit"] for o in entry["others"]] == ["a-2"]
    assert first["coverage"]["target_s"] == 600
    assert scene.execute("SELECT count(*) FROM dispatch_order").fetchone() == (0,)
    assert scene.execute("SELECT count(*) FROM outbox").fetchone() == (0,)


def test_it_plans_again_when_something_changes_and_stores_only_what_is_new(scene: Connection, planner: Planner) -> None:
    planner.tick(scene, NOW)
    for k in range(1, 5):
        figures = planner.tick(scene, NOW + seconds(k))
    assert (figures["planned_total"], figures["stored_total"]) == (1, 1)
    orders.issue(scene, "i-1", "a-2", COMMANDER, NOW + seconds(5), zone=ZONE, order_expiry_s=120, reason="它更近")
    figures = planner.tick(scene, NOW + seconds(6))
    assert (figures["planned_total"], figures["stored_total"]) == (2, 2)
    (entry,) = newest(scene).content["incidents"]
    assert [(p["unit"], p["is_under_way"]) for p in entry["proposals"]] == [("a-2", True)]
    assert entry["missing"] == {}


def test_an_order_that_nobody_answers_makes_the_incident_ask_again(scene: Connection, planner: Planner) -> None:
    planner.tick(scene, NOW)
    order = orders.issue(scene, "i-1", "a-1", COMMANDER, NOW + seconds(1), zone=ZONE, order_expiry_s=120)
    waiting = proposals.list_unanswered(scene, NOW + seconds(60), waiting_s=30, since=NOW)
    assert [(u.order_id, u.lapsed_at) for u in waiting] == [(order.order_id, None)]
    assert proposals.list_unanswered(scene, NOW + seconds(20), waiting_s=30, since=NOW) == []
    (under_way,) = stored_orders.list_open_orders(scene)
    dispatcher.settle(scene, under_way, NOW + seconds(122))
    (lapsed,) = proposals.list_unanswered(scene, NOW + seconds(130), waiting_s=30, since=NOW)
    assert (lapsed.unit_id, lapsed.incident_id, lapsed.why, lapsed.lapsed_at) == ("a-1", "i-1", "not_sent", NOW + seconds(122))
    entry = list_entries(scene)[0]
    assert (entry.actor, entry.action, entry.object, entry.detail["reason"]) == (
        "dispatcher",
        "order.cancel",
        "a-1 → i-1",
        "not_sent",
    )
    planner.tick(scene, NOW + seconds(130))
    (entry,) = newest(scene).content["incidents"]
    assert (entry["missing"], [p["unit"] for p in entry["proposals"]]) == ({"ambulance": 1}, ["a-2"]), (
        "the other one is asked first"
    )
    assert next(o["why"] for o in entry["others"]) == "no_answer"
    stored(scene, a_status("available", minutes_ago=-3))
    assert proposals.list_unanswered(scene, NOW + minutes(4), waiting_s=30, since=NOW) == [], "it has spoken again"


def test_a_closed_road_is_planned_round_at_once(
    scene: Connection, planner: Planner, small_city: City, nodes: list[tuple[float, float]]
) -> None:
    planner.tick(scene, NOW)
    (lon, lat) = nodes[1]
    assert sent_to(scene) == ["a-1"]
    ring = [[lon + dx, lat + dy] for dx, dy in ((-2e-4, -2e-4), (2e-4, -2e-4), (2e-4, 2e-4), (-2e-4, 2e-4), (-2e-4, -2e-4))]
    closure = acts.close_road(scene, {"type": "Polygon", "coordinates": [ring]}, COMMANDER, NOW + seconds(1), reason="塌陷")
    planner.tick(scene, NOW + seconds(2))
    assert sent_to(scene) == ["a-2"], "the first stands where no road leads out"
    acts.open_road(scene, closure.closure_id, COMMANDER, NOW + seconds(3), zone=ZONE)
    planner.tick(scene, NOW + seconds(4))
    assert sent_to(scene) == ["a-1"]


def test_water_closes_an_underpass_and_lets_it_open_again(scene: Connection, planner: Planner, small_city: City) -> None:
    dip = small_city.places_of("underpass")[0]
    gauge = "440106/water/dip/gauge-1"
    depth = PropertySpec("waterDepth", "m", 0, 6)
    stored(scene, a_device(gauge, type_name="UnderpassObserved", properties=(depth,), place=(dip.lon, dip.lat)))
    stored(scene, a_reading(0.4, device_id=gauge, prop="waterDepth"))
    assert planner.tick(scene, NOW)["closures"] == 1
    (closure,) = closures.list_closures(scene, Moment.live(NOW))
    assert (closure.source, closure.object_id, closure.depth_m) == (ClosureSource.SENSOR, dip.id, 0.4)
    acts.open_road(scene, closure.closure_id, COMMANDER, NOW + seconds(2), zone=ZONE, reason="水泵车已到")
    planner.tick(scene, NOW + seconds(7))
    assert closures.list_closures(scene, Moment.live(NOW + seconds(7))) == [], (
        "who opened it knows better, while the same water stands"
    )
    stored(scene, a_reading(0.05, device_id=gauge, prop="waterDepth", minutes_ago=-0.25))
    planner.tick(scene, NOW + seconds(16))
    stored(scene, a_reading(0.5, device_id=gauge, prop="waterDepth", minutes_ago=-0.5))
    planner.tick(scene, NOW + seconds(31))
    assert len(closures.list_closures(scene, Moment.live(NOW + seconds(31)))) == 1, "new water closes it again"
    then = Moment.past(NOW + seconds(1))
    assert [c.closure_id for c in closures.list_closures(scene, then)] == [closure.closure_id], "as it was then"


def test_an_incident_closes_the_roads_around_it_but_for_who_is_sent_there(
    scene: Connection, planner: Planner, nodes: list[tuple[float, float]]
) -> None:
    stored(scene, fire(nodes[0], "i-2", "gas_leak", minutes_ago=5))
    planner.tick(scene, NOW)
    (closure,) = closures.list_closures(scene, Moment.live(NOW))
    assert (closure.source, closure.object_id) == (ClosureSource.INCIDENT, "i-2")
    entries = {i["incident"]: i for i in newest(scene).content["incidents"]}
    assert [p["unit"] for p in entries["i-2"]["proposals"]] == ["a-1"]
    assert entries["i-1"]["shortfalls"][0]["why"] == "unreachable", "the fire burns inside the ring of the gas leak"


def test_measured_speeds_slow_the_roads_and_are_stored_for_who_asks_for_ways(
    scene: Connection, planner: Planner, small_city: City, nodes: list[tuple[float, float]]
) -> None:
    assert planner.tick(scene, NOW)["loops"] == 0
    quick = newest(scene).content["incidents"][0]["proposals"][0]["eta"]["travel_s"]
    roads = small_city.roads()
    assert roads is not None
    speed = PropertySpec("averageVehicleSpeed", "km/h", 0, 200)
    rows = np.linspace(0, len(roads.arc_from) - 1, 40).astype(int)
    for k, arc in enumerate(rows.tolist()):
        a, b = roads.arc_from[arc], roads.arc_to[arc]
        place = float(roads.node_lon[[a, b]].mean()), float(roads.node_lat[[a, b]].mean())
        loop = f"440106/traffic/loop/l-{k}"
        stored(scene, a_device(loop, type_name="TrafficFlowObserved", properties=(speed,), place=place))
        stored(scene, a_reading(8, device_id=loop, prop="averageVehicleSpeed"))
    figures = planner.tick(scene, NOW + seconds(61))
    assert figures["loops"] > 10
    slow = newest(scene).content["incidents"][0]["proposals"][0]["eta"]
    assert slow["travel_s"] > 2 * quick
    assert slow["interval"] == "speeds"
    measured = speeds.find_road_speed(scene, NOW + minutes(5))
    assert measured is not None
    assert measured.n_loops == figures["loops"]
    planner.tick(scene, NOW + minutes(20))
    assert newest(scene).content["incidents"][0]["proposals"][0]["eta"]["travel_s"] == quick, "what is old does not count"


def test_of_two_planners_one_plans_until_its_connection_is_lost(
    scene: Connection, own: Connection, planner: Planner, small_city: City
) -> None:
    other = Planner(small_city, PRACTICE)
    assert planner.tick(own, NOW)["is_planning"]
    assert other.tick(scene, NOW) == {"is_planning": False}
    own.close()
    for _ in range(100):  # until the server has noticed
        if other.tick(scene, NOW + seconds(1))["is_planning"]:
            break
        sleep(0.05)
    assert scene.execute("SELECT count(*) FROM recommendation").fetchone() == (2,)


def test_without_a_city_it_plans_by_distance_and_says_so(scene: Connection) -> None:
    Planner(None, PRACTICE).tick(scene, NOW)
    made = newest(scene)
    (first,) = made.content["incidents"][0]["proposals"]
    assert (made.basis, first["eta"]["basis"], first["coverage"]) == ("distance", "distance", None)
    assert first["eta"]["travel_s"] == pytest.approx(first["distance_m"] * 1.3 / (40 / 3.6), abs=1)


def test_what_became_of_past_orders_says_when_units_arrive(scene: Connection, planner: Planner) -> None:
    for k in range(40):
        order = ordered(scene, an_order(f"o-{k}", minutes_ago=600 - 10 * k))
        scene.execute(
            "UPDATE dispatch_order SET eta_s = 100, eta_basis = 'roads', is_open = false, closed_at = issued_at WHERE order_id = %s",
            (order.order_id,),
        )
        ago = 600 - 10 * k
        stored(scene, a_status("enroute", minutes_ago=ago - 0.5, order_id=order.order_id))
        stored(scene, a_status("on_scene", minutes_ago=ago - 2, order_id=order.order_id))
        stored(scene, a_status("available", minutes_ago=ago - 4))
    past = proposals.load_past(scene, NOW - timedelta(days=14), NOW)
    assert past.turnouts_s == {"ambulance": [30.0] * 40}
    assert past.arrivals == [(100.0, 120.0, "roads")] * 40
    planner.tick(scene, NOW)
    eta = newest(scene).content["incidents"][0]["proposals"][0]["eta"]
    assert (eta["turnout_s"], eta["interval"], eta["n"]) == (30, "past", 40)
    assert eta["low_s"] == eta["high_s"] == pytest.approx(1.2 * eta["s"], abs=1)


def test_hours_on_orders_are_those_of_the_last_day(scene: Connection) -> None:
    for order_id, began, ended in (("o-1", 30 * 60, 23 * 60), ("o-2", 120, 60)):
        order = ordered(scene, an_order(order_id, minutes_ago=began))
        scene.execute(
            "UPDATE dispatch_order SET is_open = false, closed_at = %s WHERE order_id = %s",
            (NOW - minutes(ended), order.order_id),
        )
    ordered(scene, an_order("o-3", unit_id="a-2", minutes_ago=30))
    assert proposals.hours_on_orders(scene, NOW, timedelta(hours=24)) == {"a-1": 2.0, "a-2": 0.5}


def test_recommendations_are_kept_for_some_hours_and_those_that_were_followed_longer(scene: Connection) -> None:
    for k, ago in enumerate((100 * 24, 50 * 24, 10, 1)):
        proposals.write_recommendation(scene, Recommendation(f"p-{k}", NOW - timedelta(hours=ago), "roads", 0.0, {}))
    scene.execute("UPDATE recommendation SET content = '{}'")
    for k in (0, 1):
        order = ordered(scene, an_order(f"o-{k}", unit_id=f"a-{k + 1}"))
        scene.execute("UPDATE dispatch_order SET recommendation_id = %s WHERE order_id = %s", (f"p-{k}", order.order_id))
    gone = proposals.delete_recommendations(scene, NOW - timedelta(hours=6), followed_before=NOW - timedelta(days=90))
    left = [row[0] for row in scene.execute("SELECT recommendation_id FROM recommendation ORDER BY 1")]
    assert (gone, left) == (2, ["p-1", "p-3"])


def test_free_units_are_advised_where_they_would_cover_more(conn: Connection, planner: Planner, small_city: City) -> None:
    """All ambulances at one station: somebody should stand by at another."""
    home = small_city.places_of("ambulance_station")[0]
    for k in range(1, 4):
        stored(
            conn,
            a_unit(f"a-{k}"),
            a_status("available", unit_id=f"a-{k}", minutes_ago=60),
            a_position(home.lon, unit_id=f"a-{k}", lat=home.lat),
        )
    planner.tick(conn, NOW)
    (first, *_) = newest(conn).content["moves"]
    assert (first["kind"], first["from"]["place"]) == ("ambulance", home.id)
    assert first["to"]["place"] != home.id
    assert first["coverage_after"] > first["coverage_before"]
    moving = {"actor": "li", "now": NOW, "expires_at": NOW + timedelta(minutes=2), "proposal": None, "exercise_id": None}
    stand_bys.write_stand_by(conn, "s-1", first["unit"], (first["to"]["place"], first["to"]["lon"], first["to"]["lat"]), **moving)
    planner.tick(conn, NOW + timedelta(seconds=1))
    assert first["unit"] not in [move["unit"] for move in newest(conn).content["moves"]], "it has been told already"
    planner.tick(conn, NOW + timedelta(minutes=2, seconds=1))
    assert first["unit"] in [move["unit"] for move in newest(conn).content["moves"]]


def test_the_process_starts_plans_and_stops(scene: Connection, database_url: str, small_city: City, tmp_path: Path) -> None:
    stop = Event()
    scene.execute("UPDATE unit_latest SET phenomenon_time = now(), received_time = now()")
    run = {"city_dir": tmp_path / "none", "practice": PRACTICE, "stop": stop}
    thread = Thread(target=service.run, args=(database_url,), kwargs=run)
    thread.start()
    try:
        for _ in range(100):
            if scene.execute("SELECT FROM recommendation").fetchone() is not None or stop.wait(0.1):
                break
    finally:
        stop.set()
        thread.join(10)
    beat = scene.execute("SELECT metrics ->> 'recommendation' FROM process_heartbeat WHERE process = 'planner'").fetchone()
    assert beat is not None
    made = newest(scene, datetime.now(tz=NOW.tzinfo))
    assert proposals.find_held_until(scene, made.recommendation_id) is not None


def test_a_recommendation_is_stored_as_it_was_made(scene: Connection, planner: Planner) -> None:
    planner.tick(scene, NOW)
    made = newest(scene)
    assert proposals.find_recommendation(scene, made.recommendation_id) == made
    assert copy.deepcopy(made.content) == made.content
    assert proposals.find_superseded(scene, made.issued_at) is None
