"""Incidents by people over the wire: acts with their fields, duplicates before and after, evidence, impact, segments."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from dashboard.app import create_app
from domain.orders import OrderState
from domain.rights import Actor, Role, Scope
from domain.units import UnitStatus
from gis_data.city import City
from storage import orders
from storage.connection import Connection
from tests.dashboard.conftest import House, ask, post
from tests.support.scenes import (
    HOTLINE,
    NOW,
    a_request,
    a_status,
    a_unit,
    an_incident,
    an_order,
    minutes,
    ordered,
    stored,
)

NOW_MS = round(NOW.timestamp() * 1000)
CALL = {"hazard": "fire", "grade": "III", "lon": "113.2505", "lat": "23.125", "channel": "phone", "words": "三楼冒烟"}


def ago(minutes_ago: float) -> int:
    return NOW_MS - round(minutes_ago * 60_000)


def act(app: Any, action: str, **said: str) -> dict[str, Any]:
    reply = post(app, f"/api/acts/{action}", said)
    return {**reply.json, "status": reply.status}


def test_a_call_is_looked_up_taken_down_and_found_in_its_dossier(house: House, database_url: str, conn: Connection) -> None:
    stored(conn, an_incident(minutes_ago=10, text="三楼着火冒烟"), replace(an_incident("far"), lon=113.9))
    app = create_app(house(database_url))
    before = ask(
        app, "/api/incidents/duplicates?hazard=fire&lon=113.2505&lat=23.125&words=%E4%B8%89%E6%A5%BC%E5%86%92%E7%83%9F"
    ).json
    (candidate,) = before["candidates"]
    assert (candidate["incident"]["id"], candidate["hazard"], candidate["likely"]) == ("i-1", "same", True)
    assert (candidate["distance_m"], candidate["apart_s"], candidate["text"]) == (51, 600, 0.5)
    made = act(app, "incident.report", **CALL, at="2026-03-02T08:58:00+08:00")
    assert (made["status"], made["outcome"], made["zh"]) == (200, "done", "已登记事件 p260302-1")
    told = ask(app, f"/api/incidents/{made['object_id']}").json
    assert (told["incident"]["channel"], told["incident"]["reported"]) == ("phone", ago(2))
    assert told["times"] == {
        "reported": ago(2), "verified": None, "responding": None, "established": None, "controlled": None, "recovering": None,
        "closed": None, "merged": None, "false_alarm": None,
    }  # fmt: skip
    assert told["texts"] == [{"at": NOW_MS, "text": "三楼冒烟"}]
    assert told["steps"][0]["actor"] == "li"
    assert [c["incident"]["id"] for c in told["candidates"]] == ["i-1"]
    assert told["next"] == ["verified", "closed", "false_alarm", "merged"]
    assert (told["command"], told["area"], told["root"], told["children"], told["sources"]) == (None, None, None, [], [])


def test_two_that_came_by_message_are_shown_to_each_other(house: House, database_url: str, conn: Connection) -> None:
    stored(conn, an_incident(minutes_ago=10), an_incident("i-2", minutes_ago=4))
    app = create_app(house(database_url))
    (candidate,) = ask(app, "/api/incidents/i-1").json["candidates"]
    assert (candidate["incident"]["id"], candidate["apart_s"], candidate["text"]) == ("i-2", 360, None)


def test_what_is_merged_is_told_from_both_sides(house: House, database_url: str, conn: Connection) -> None:
    stored(
        conn,
        an_incident(minutes_ago=10, text="冒烟"),
        an_incident("i-2", minutes_ago=4, text="着火"),
        a_unit(),
        a_status(UnitStatus.AVAILABLE, minutes_ago=30),
    )
    clock = [NOW]
    app = create_app(house(database_url, clock=lambda: clock[0]))
    assert act(app, "order.issue", incident="i-2", unit="a-1")["outcome"] == "done"
    clock[0] = NOW + minutes(1)
    merged = act(app, "incident.merge", incident="i-2", root="i-1", reason="同一处")
    assert (merged["outcome"], merged["object_id"], merged["en"]) == (
        "done",
        "i-1",
        "Incident i-2 is part of i-1; 1 orders went over",
    )
    root, child = (ask(app, f"/api/incidents/{name}").json for name in ("i-1", "i-2"))
    assert [(c["incident"]["id"], c["incident"]["state"]) for c in root["children"]] == [("i-2", "merged")]
    assert [(o["unit"], o["issued_for"]) for o in root["orders"]] == [("a-1", "i-2")]
    assert [(t["text"], t.get("incident")) for t in root["texts"]] == [("冒烟", None), ("着火", "i-2")]
    assert (child["root"], child["candidates"], child["next"]) == ("i-1", [], [])
    assert child["times"]["merged"] is not None
    clock[0] = NOW + minutes(2)
    assert act(app, "incident.unmerge", incident="i-2")["object_id"] == "i-2"
    assert ask(app, "/api/incidents/i-2").json["root"] is None


def test_a_request_fills_the_form_and_becomes_an_incident(house: House, database_url: str, conn: Connection) -> None:
    stored(conn, a_request("r-1"))
    app = create_app(house(database_url))
    told = ask(app, "/api/incidents/evidence?kind=request&source=r-1").json
    assert (told["class"], told["hazard"], told["lon"], told["lat"], told["device"], told["incidents"]) == (
        "waterlogging", "waterlogging", 113.25, 23.125, HOTLINE, [],
    )  # fmt: skip
    made = act(app, "incident.promote", kind="request", source="r-1", grade="IV")
    assert made["outcome"] == "done"
    assert ask(app, "/api/incidents/evidence?kind=request&source=r-1").json["incidents"] == [made["object_id"]]
    dossier = ask(app, f"/api/incidents/{made['object_id']}").json
    assert [(s["kind"], s["source"], s["by"]) for s in dossier["sources"]] == [("request", "r-1", "li")]
    assert (dossier["incident"]["hazard"], dossier["incident"]["channel"]) == ("waterlogging", "12345")
    for path in ("?kind=request&source=r-9", "?kind=rumour&source=r-1", "?kind=request", "?kind=request&source=%00"):
        assert ask(app, f"/api/incidents/evidence{path}").status == 404


def test_a_source_without_a_place_needs_one(house: House, database_url: str, conn: Connection) -> None:
    stored(conn, replace(a_request("r-1"), request_class="noise", lon=None, lat=None))
    app = create_app(house(database_url))
    silent = act(app, "incident.promote", kind="request", source="r-1", grade="IV")
    assert (silent["status"], silent["en"]) == (409, "The source does not say hazard: expected it in the request")
    said = {"hazard": "crowd", "lon": "113.2", "lat": "23.1"}
    assert act(app, "incident.promote", kind="request", source="r-1", grade="IV", **said)["outcome"] == "done"


def test_an_incident_goes_its_way_by_the_names_of_the_acts(house: House, database_url: str, conn: Connection) -> None:
    stored(conn, an_incident())
    clock = [NOW]
    app = create_app(house(database_url, clock=lambda: clock[0]))
    for n, (action, said) in enumerate([
        ("incident.verify", {"words": "属实"}), ("incident.grade", {"grade": "II", "reason": "蔓延"}),
        ("incident.response", {"level": "III", "reason": "启动"}), ("incident.command", {}), ("incident.control", {}),
        ("incident.recover", {}), ("incident.close", {"ending": "closed", "reason": "结束"}),
    ]):  # fmt: skip
        clock[0] = NOW + minutes(n)
        done = act(app, action, incident="i-1", **said)
        assert done["outcome"] == "done", done
    told = ask(app, "/api/incidents/i-1").json
    assert {name: (at - NOW_MS) / 60_000 for name, at in told["times"].items() if at is not None} == {
        "reported": -10, "verified": 0, "established": 2, "controlled": 4, "recovering": 5, "closed": 6,
    }  # fmt: skip
    assert told["command"] == {"commander": "li", "since": NOW_MS + 3 * 60_000}
    assert (told["incident"]["grade"], told["incident"]["response"]) == ("II", "none"), "what has ended has no response"


def test_the_gravest_response_waits_for_a_second_person(house: House, database_url: str, conn: Connection) -> None:
    stored(conn, an_incident())
    app = create_app(house(database_url))
    waiting = act(app, "incident.response", incident="i-1", level="I", reason="特别重大", because="特别重大")
    assert (waiting["status"], waiting["outcome"]) == (202, "waiting")
    assert ask(app, "/api/incidents/i-1").json["incident"]["response"] == "none"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"lon": "east"}, "shape_unreadable"),
        ({"lat": "99"}, "shape_unreadable"),
        ({"at": "yesterday"}, "no_time"),
        ({"crs": "moon"}, "shape_unreadable"),
    ],
)
def test_what_cannot_be_understood_is_refused_and_audited(
    house: House, database_url: str, conn: Connection, said: dict[str, str], code: str
) -> None:
    refused = act(create_app(house(database_url)), "incident.report", **{**CALL, **said})
    assert (refused["status"], refused["code"]) == (409, code)
    assert conn.execute("SELECT action, outcome FROM audit_entry").fetchall() == [("incident.report", "refused")]


def test_the_district_of_a_call_is_that_of_the_map(house: House, database_url: str, conn: Connection, small_city: City) -> None:
    lon, lat = small_city.districts[0].polygon.representative_point().coords[0]
    district = small_city.districts[0].code
    here = {**CALL, "lon": str(lon), "lat": str(lat)}
    theirs = Actor("wu", Role.DISPATCHER, Scope(districts=frozenset({district})))
    app = create_app(house(database_url, city=small_city, acts_as=theirs))
    assert act(app, "incident.report", **here)["outcome"] == "done"
    assert conn.execute("SELECT split_part(device_id, '/', 1) FROM incident").fetchone() == (district,)
    assert act(app, "incident.report", **{**here, "lon": "0", "lat": "0"})["code"] == "out_of_area"


# impact


def test_an_incident_touches_who_is_within_its_radius_or_inside_what_was_drawn(
    house: House, database_url: str, conn: Connection, small_city: City
) -> None:
    lon, lat = 123.4, 30.2
    stored(conn, replace(an_incident(), lon=lon, lat=lat))
    app = create_app(house(database_url, city=small_city))
    told = ask(app, "/api/incidents/i-1/impact").json
    assert (told["basis"], told["reach_m"], told["shape"]["type"]) == ("radius", 200, "Polygon")
    assert told["residents"] > 0
    assert set(told["roads"]) == {"expressway", "arterial", "secondary", "local"}
    square = {"type": "Polygon", "coordinates": [[[lon, lat], [123.41, lat], [123.41, 30.21], [lon, 30.21], [lon, lat]]]}
    trial = post(app, "/api/impact", {"shape": square}).json
    assert (trial["basis"], trial["reach_m"]) == ("area", None)
    assert act(app, "incident.area", incident="i-1", shape=json.dumps(square))["zh"] == "已标绘事件 i-1 的范围"
    assert ask(app, "/api/incidents/i-1/impact").json == trial
    area = ask(app, "/api/incidents/i-1").json["area"]
    assert (area["shape"], area["origin"], area["by"], area["crs"]) == (square, "EPSG:4326", "li", "EPSG:4326")
    for places in told["kinds"].values():
        assert places["n"] == len(places["places"])
    assert post(app, "/api/impact", {"shape": {"type": "Point", "coordinates": [lon, lat]}, "reach_m": 200}).json == told
    line = post(
        app, "/api/impact", {"shape": '{"type":"LineString","coordinates":[[123.4,30.2],[123.41,30.2]]}', "reach_m": "50"}
    ).json
    assert (line["basis"], line["reach_m"]) == ("line", 50)


def test_what_cannot_be_counted_is_said(house: House, database_url: str, conn: Connection, small_city: City) -> None:
    app, nowhere = create_app(house(database_url, city=small_city)), create_app(house(database_url))
    assert ask(app, "/api/incidents/i-9/impact").status == 404
    assert post(nowhere, "/api/impact", {}).json["error"] == "api.no_city"
    for said in ({}, {"shape": "x"}, {"shape": {"type": "Point", "coordinates": [1, 2]}, "reach_m": -1}, [1]):
        assert post(app, "/api/impact", said).status == 400


# duplicates and segments


def test_an_odd_question_about_duplicates_harms_nothing(house: House, database_url: str) -> None:
    app = create_app(house(database_url))
    for query in ("", "?hazard=fire&lon=x&lat=1", "?hazard=dragon&lon=1&lat=1"):
        assert ask(app, f"/api/incidents/duplicates{query}").status == 404
    assert ask(app, "/api/incidents/duplicates?hazard=fire&lon=1&lat=1&at=noon").status == 400
    assert ask(app, "/api/incidents/duplicates?hazard=fire&lon=1&lat=1&words=%00&incident=%00").json["candidates"] == []


def test_segments_come_as_ninetieth_percentiles_and_none_where_nothing_was_measured(
    house: House, database_url: str, conn: Connection
) -> None:
    stored(conn, an_incident(minutes_ago=10), a_unit(), a_status(UnitStatus.AVAILABLE, minutes_ago=60))
    ordered(conn, an_order(minutes_ago=9))
    orders.set_state(conn, "o-1", OrderState.ACCEPTED, valid_from=NOW - minutes(8.5), recorded_at=NOW - minutes(8.5))
    stored(conn, a_status(UnitStatus.ENROUTE, minutes_ago=8, order_id="o-1"))
    told = ask(create_app(house(database_url)), "/api/segments?days=7").json
    assert (told["days"], told["standard"]) == (7, "NFPA 1710-2020")
    assert {(r["unit_kind"], r["segment"]): (r["n"], r["p90_s"], r["target_s"], r["within"]) for r in told["rows"]} == {
        (None, "processing"): (1, 60, 64, 1), ("ambulance", "processing"): (1, 60, 64, 1), ("ambulance", "answering"): (1, 30, 15, 0),
        ("ambulance", "turnout"): (1, 60, 60, 1),
    }  # fmt: skip


def test_without_orders_there_is_no_figure(house: House, database_url: str) -> None:
    app = create_app(house(database_url))
    (row,) = ask(app, "/api/segments").json["rows"]
    assert (row["n"], row["p90_s"], row["within"]) == (0, None, None)
    assert ask(app, "/api/segments?days=2").status == 400


def test_a_database_that_is_away_is_said(house: House, small_city: City) -> None:
    app = create_app(house(city=small_city))
    for path in ("duplicates?hazard=fire&lon=1&lat=1", "evidence?kind=request&source=r-1", "i-1/impact"):
        assert ask(app, f"/api/incidents/{path}").status == 503
    for path in ("segments", "resources", "resources/types", "resource_requests", "requests/q1.xml"):
        assert ask(app, f"/api/{path}").status == 503
