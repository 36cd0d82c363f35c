"""Resources over the wire: what is near and free, what is held, what was asked for, and a request as EDXL-RM."""

from __future__ import annotations

from datetime import date
from typing import Any
from xml.etree import ElementTree

import pytest

from dashboard.app import create_app
from domain.moments import Moment
from domain.resources import NEXT, Holding, ResourceKind
from domain.rights import Actor, Role
from storage import resources
from storage.connection import Connection
from tests.dashboard.conftest import House, ask, post
from tests.support.scenes import NOW, an_incident, minutes, stored

MSG, RM = "{urn:oasis:names:tc:emergency:EDXL:RM:1.0:msg}", "{urn:oasis:names:tc:emergency:EDXL:RM:1.0}"


def a_lot(name: str, capacity: int, lon: float, expires_on: date | None = None) -> Holding:
    return Holding(
        name, ResourceKind.SUPPLY, "water", "瓶装饮用水", "Bottled water", "箱", "cases", "应急管理局", "440106", name.split(":")[0], "一号库",
        "Warehouse 1", lon, 23.125, capacity, 0, expires_on,
    )  # fmt: skip


@pytest.fixture
def scene(conn: Connection) -> Connection:
    """A fire; water beside it that expired yesterday, water a kilometre east, a hospital in between."""
    stored(conn, an_incident())
    hospital = Holding(
        "h-1",
        ResourceKind.HOSPITAL,
        "hospital",
        "人民医院",
        "Hospital",
        "床",
        "beds",
        None,
        "440106",
        "h-1",
        "",
        "",
        113.255,
        23.125,
        300,
        None,
        None,
    )
    resources.seed_resources(
        conn,
        [a_lot("w-1:water", 80, 113.25, date(2026, 3, 1)), a_lot("w-2:water", 50, 113.26, date(2026, 9, 1)), hospital],
        NOW - minutes(60),
    )
    return conn


def act(app: Any, action: str, **said: str) -> dict[str, Any]:
    reply = post(app, f"/api/acts/{action}", said)
    return {**reply.json, "status": reply.status}


def test_what_is_near_comes_first_with_what_is_free_of_it(house: House, database_url: str, scene: Connection) -> None:
    told = ask(create_app(house(database_url)), "/api/resources?near=113.25,23.125").json
    assert [(r["id"], r["distance_m"], r["free"], r["is_expired"], r["expires"]) for r in told["resources"]] == [
        ("w-1:water", 0, 0, True, "2026-03-01"), ("h-1", 511, None, False, None), ("w-2:water", 1023, 50, False, "2026-09-01"),
    ]  # fmt: skip
    assert (told["n"], told["resources"][0]["changed"], told["resources"][0]["by"]) == (
        3,
        round((NOW - minutes(60)).timestamp() * 1000),
        None,
    )


def test_resources_are_told_by_kind_type_and_what_is_free(house: House, database_url: str, scene: Connection) -> None:
    app = create_app(house(database_url))

    def ids(query: str) -> list[str]:
        return [r["id"] for r in ask(app, f"/api/resources?{query}").json["resources"]]

    assert ids("kind=hospital") == ["h-1"]
    assert ids("type=water&free=1") == ["w-2:water"]
    assert ids("limit=1") == ["h-1"]
    assert ids("kind=dragon") == []
    for query in ("near=here", "near=113", "near=200,1"):
        assert ask(app, f"/api/resources?{query}").status == 400
    assert ask(app, "/api/resources?kind=%00".replace("%00", "\0")).status == 404


def test_types_are_what_may_be_asked_for(house: House, database_url: str, scene: Connection) -> None:
    told = ask(create_app(house(database_url)), "/api/resources/types").json["types"]
    assert [(t["kind"], t["type"], t["zh"], t["unit_en"], t["n"], t["capacity"], t["free"], t["departments"]) for t in told] == [
        ("hospital", "hospital", "医院", "beds", 1, 300, None, []),
        ("supply", "water", "瓶装饮用水", "cases", 2, 130, 50, ["应急管理局"]),
    ]


def test_what_is_held_is_told_with_the_resource_and_the_incident(house: House, database_url: str, scene: Connection) -> None:
    clock = [NOW]
    app = create_app(house(database_url, clock=lambda: clock[0]))
    held = act(app, "resource.reserve", resource="w-2:water", incident="i-1", amount="20")
    assert (held["outcome"], held["zh"]) == ("done", "已为事件 i-1 预留 20")
    over = act(app, "resource.reserve", resource="w-2:water", incident="i-1", amount="31")
    assert (over["status"], over["en"]) == (
        409,
        "Bottled water (w-2:water) has 30 cases free and 31 were asked for: expected no more than are free; ask for fewer or choose another",
    )
    (lot,) = ask(app, "/api/resources?type=water&free=1").json["resources"]
    assert (lot["reserved"], lot["free"], [r["id"] for r in lot["reservations"]]) == (20, 30, [held["object_id"]])
    (told,) = ask(app, "/api/incidents/i-1").json["reservations"]
    assert (told["zh"], told["amount"], told["unit_en"], told["released"]) == ("瓶装饮用水", 20, "cases", None)
    clock[0] = NOW + minutes(5)
    assert act(app, "resource.release", reservation=held["object_id"], used="5")["outcome"] == "done"
    (told,) = ask(app, "/api/incidents/i-1").json["reservations"]
    assert (told["used"], told["released"]) == (5, round(clock[0].timestamp() * 1000))
    assert act(app, "resource.set", resource="h-1", reason="院方", occupied="260")["outcome"] == "done"
    assert ask(app, "/api/resources?kind=hospital").json["resources"][0]["free"] == 40


def test_what_is_still_held_for_an_incident_that_is_over_is_marked(house: House, database_url: str, scene: Connection) -> None:
    clock = [NOW]
    app = create_app(house(database_url, clock=lambda: clock[0]))
    stored(scene, an_incident("i-2", minutes_ago=5))
    for incident in ("i-1", "i-2"):
        assert act(app, "resource.reserve", resource="w-2:water", incident=incident, amount="10")["outcome"] == "done"
    clock[0] = NOW + minutes(1)
    assert act(app, "incident.close", incident="i-1", ending="closed", reason="done")["outcome"] == "done"
    assert act(app, "incident.verify", incident="i-2")["outcome"] == "done"
    clock[0] = NOW + minutes(2)
    (lot,) = ask(app, "/api/resources?type=water&free=1").json["resources"]
    assert {r["incident"]: r["is_over"] for r in lot["reservations"]} == {"i-1": True, "i-2": False}
    assert [r["is_over"] for r in ask(app, "/api/incidents/i-1").json["reservations"]] == [True]


def test_a_team_is_added(house: House, database_url: str, scene: Connection) -> None:
    app = create_app(house(database_url))
    said = {
        "kind": "team",
        "type": "divers",
        "name_zh": "潜水队",
        "name_en": "Divers",
        "capacity": "8",
        "lon": "113.2",
        "lat": "23.1",
        "reason": "增援",
    }
    added = act(app, "resource.add", **said, unit_zh="人", unit_en="people", department="消防救援支队")
    assert added["outcome"] == "done", added
    (team,) = ask(app, "/api/resources?kind=team").json["resources"]
    assert (team["id"], team["zh"], team["free"], team["by"], team["expires"]) == (added["object_id"], "潜水队", 8, "li", None)
    assert act(app, "resource.add", **{**said, "kind": "dragon"})["code"] == "word_unknown"
    assert act(app, "resource.add", **{**said, "expires": "soon"})["code"] == "no_date"


def test_a_request_is_followed_to_its_end(house: House, database_url: str, scene: Connection) -> None:
    clock = [NOW]
    app = create_app(house(database_url, clock=lambda: clock[0]))
    made = act(
        app,
        "request.create",
        incident="i-1",
        type="water",
        amount="20",
        words="送至南门",
        send="yes",
        until="2026-03-03T09:00:00+08:00",
    )
    assert made["outcome"] == "done", made
    for n, state in enumerate(("acknowledged", "committed")):
        clock[0] = NOW + minutes(n + 1)
        assert act(app, "request.advance", request=made["object_id"], state=state)["outcome"] == "done"
    (told,) = ask(app, "/api/resource_requests?incident=i-1").json["requests"]
    assert (told["zh"], told["amount"], told["unit_zh"], told["state"], told["next"]) == (
        "瓶装饮用水",
        20,
        "箱",
        "committed",
        ["deployed", "cancelled"],
    )
    assert [(s["state"], s["by"]) for s in told["steps"]] == [
        (s, "li") for s in ("draft", "requested", "acknowledged", "committed")
    ]
    assert [(r["resource"], r["amount"]) for r in told["reservations"]] == [("w-2:water", 20)]
    assert told["words"] == "送至南门"
    (same,) = ask(app, "/api/incidents/i-1").json["requests"]
    assert same == told
    wrong = act(app, "request.advance", request=made["object_id"], state="returned")
    assert (wrong["status"], wrong["code"]) == (409, "request_state_forbids")
    clock[0] = NOW + minutes(5)
    assert (
        act(app, "request.advance", request=made["object_id"], state="cancelled")["zh"] == f"资源请求 {made['object_id']}：已取消"
    )
    assert ask(app, "/api/resource_requests?open=1").json["requests"] == []
    assert ask(app, "/api/resource_requests?incident=" + "x" * 300).status == 404


def test_open_requests_are_found_behind_any_number_of_those_that_have_ended(
    house: House, database_url: str, scene: Connection
) -> None:
    """Of many requests the newest are told; whether they are open is asked before they are counted off."""
    clock = [NOW]
    app = create_app(house(database_url, clock=lambda: clock[0]))
    first = act(app, "request.create", incident="i-1", type="water", amount="1", send="yes")["object_id"]
    for n in range(1, 4):
        clock[0] = NOW + minutes(n)
        later = act(app, "request.create", incident="i-1", type="water", amount="1", send="yes")["object_id"]
        clock[0] += minutes(0.5)
        assert act(app, "request.advance", request=later, state="cancelled")["outcome"] == "done"
    moment = Moment.live(clock[0])
    states = [state for state, after in NEXT.items() if after]
    assert [r.request_id for r in resources.list_requests(scene, moment, states=states, limit=2)] == [first]
    assert len(resources.list_requests(scene, moment, limit=2)) == 2
    assert [r["id"] for r in ask(app, "/api/resource_requests?open=1").json["requests"]] == [first]


def test_what_is_held_for_an_incident_that_has_ended_is_told_until_it_is_released(
    house: House, database_url: str, scene: Connection
) -> None:
    clock = [NOW]
    app = create_app(house(database_url, clock=lambda: clock[0]))
    held = act(app, "resource.reserve", resource="w-2:water", incident="i-1", amount="5")["object_id"]
    clock[0] = NOW + minutes(1)
    assert ask(app, "/api/resources/left").json["reservations"] == []
    assert post(app, "/api/incidents/i-1/closing", {"ending": "closed", "reason": "已扑灭"}).status == 200
    clock[0] = NOW + minutes(2)
    (left,) = ask(app, "/api/resources/left").json["reservations"]
    assert (left["id"], left["resource"], left["zh"], left["incident"], left["amount"], left["is_over"]) == (
        held, "w-2:water", "瓶装饮用水", "i-1", 5, True,
    )  # fmt: skip
    assert act(app, "resource.release", reservation=held, used="2")["outcome"] == "done"
    clock[0] = NOW + minutes(3)
    assert ask(app, "/api/resources/left").json["reservations"] == []
    (lot,) = [r for r in ask(app, "/api/resources?type=water").json["resources"] if r["id"] == "w-2:water"]
    assert (lot["capacity"], lot["reserved"]) == (48, 0)


def test_somebody_s_words_are_for_those_who_answer_for_the_incident(house: House, database_url: str, scene: Connection) -> None:
    act(create_app(house(database_url)), "request.create", incident="i-1", type="water", amount="1", words="送至南门")
    wall = create_app(house(database_url, acts_as=Actor("q", Role.WALL)))
    (told,) = ask(wall, "/api/resource_requests").json["requests"]
    assert (told["words"], told["steps"][0]["words"]) == (None, None)
    assert "送至南门".encode() not in ask(wall, f"/api/requests/{told['id']}.xml").body


def test_a_request_travels_as_a_message(house: House, database_url: str, scene: Connection) -> None:
    app = create_app(house(database_url))
    made = act(
        app, "request.create", incident="i-1", type="water", amount="20", words="送至南门 <b>", until="2026-03-03T09:00:00+08:00"
    )
    reply = ask(app, f"/api/requests/{made['object_id']}.xml")
    assert reply.headers["content-type"].startswith("application/xml")
    root = ElementTree.fromstring(reply.body)
    assert root.tag == f"{MSG}RequestResource"
    assert [child.tag.removeprefix(MSG) for child in root] == [
        "MessageID", "SentDateTime", "MessageContentType", "MessageDescription", "OriginatingMessageID", "IncidentInformation",
        "ContactInformation", "ResourceInformation",
    ]  # fmt: skip
    assert root.findtext(f"{MSG}MessageDescription") == "送至南门 <b>"
    assert root.findtext(f"{MSG}IncidentInformation/{RM}IncidentID") == "i-1"
    wanted = f"{MSG}ResourceInformation/{MSG}AssignmentInformation/{MSG}Quantity/{RM}MeasuredQuantity"
    assert (root.findtext(f"{wanted}/{RM}Amount"), root.findtext(f"{wanted}/{RM}UnitOfMeasure")) == ("20", "cases")
    schedules = root.findall(f"{MSG}ResourceInformation/{MSG}ScheduleInformation")
    assert [s.findtext(f"{MSG}ScheduleType") for s in schedules] == ["RequestedArrival", "RequestedDeparture"]
    point = f"{MSG}Location/{RM}TargetArea/{{http://www.opengis.net/gml}}Point/{{http://www.opengis.net/gml}}pos"
    assert schedules[0].findtext(point) == "23.125000 113.250000"
    assert ask(app, "/api/requests/q99.xml").status == 404
