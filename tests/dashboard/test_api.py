"""The open interface on a real database: the whole map, a chart, the system, orders and refusals."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest

from dashboard.app import create_app
from domain.rights import Actor, Role
from domain.units import UnitStatus
from domain.warnings import WarningLevel
from storage import warnings
from storage.connection import Connection
from tests.dashboard.conftest import House, ask, post
from tests.support.scenes import (
    NOW,
    STATION,
    a_device,
    a_position,
    a_reading,
    a_rejection,
    a_rule,
    a_status,
    a_unit,
    an_incident,
    minutes,
    stored,
    the_stream,
)


@pytest.fixture
def scene(conn: Connection) -> Connection:
    stored(
        conn, a_device(name="Air 1"), a_reading(40, minutes_ago=30), a_reading(41, minutes_ago=1), a_unit(), a_position(113.26),
        a_status(UnitStatus.AVAILABLE, minutes_ago=30), an_incident(), a_rejection(),
    )  # fmt: skip
    return conn


def test_the_whole_map_is_one_answer(house: House, database_url: str, scene: Connection) -> None:
    city = ask(create_app(house(database_url)), "/api/map").json
    (device,) = city["devices"]
    assert (device["id"], device["type"], device["name"]) == (STATION, "AirQualityObserved", "Air 1")
    assert [(s["property"], s["value"], s["quality"]) for s in device["streams"]] == [("pm25", 41.0, "good")]
    assert city["newest"]["measured"] == (NOW - minutes(1)).timestamp() * 1000
    assert [(u["id"], u["status"], u["lon"]) for u in city["units"]] == [("a-1", "available", 113.26)]
    assert [(i["id"], i["grade"]) for i in city["incidents"]] == [("i-1", "III")]
    assert city["seq"] == 0


def test_a_chart_is_plain_numbers_with_gaps_as_null(house: House, database_url: str, scene: Connection) -> None:
    app = create_app(house(database_url))
    chart = ask(app, f"/api/chart/{the_stream(scene)}").json
    values = chart["series"]["values"]
    assert [v for v in values if v is not None] == [40.0, 41.0]
    assert chart["forecast"] is None
    assert ask(app, "/api/chart/999").status == 404
    assert ask(app, "/api/chart/99999999999999").status == 404
    assert ask(app, f"/api/chart/{'9' * 6_000}").status == 404


def test_the_system_page_s_numbers_add_up(house: House, database_url: str, scene: Connection) -> None:
    system = ask(create_app(house(database_url)), "/api/system").json
    ledger = system["ledger"]
    assert ledger["received"] == sum(ledger[name] for name in ("stored", "corrected", "duplicate", "rejected"))
    assert ledger["rejected"] == 1
    assert [letter["code"] for letter in system["dead_letters"]] == ["broken_json"]
    assert "payload" not in system["dead_letters"][0]


def test_an_order_and_its_refusal_word_for_word(house: House, database_url: str, scene: Connection) -> None:
    app = create_app(house(database_url))
    done = post(app, "/api/orders", {"incident": "i-1", "unit": "a-1"})
    assert (done.status, done.json["outcome"]) == (200, "done")
    refused = post(app, "/api/orders", {"incident": "i-1", "unit": "a-1"})
    assert refused.status == 409
    assert refused.json["code"] == "unit_busy"
    assert refused.json["zh"].startswith("急救1车")
    assert refused.json["en"].startswith("A-1")
    cancelled = post(app, f"/api/orders/{done.json['object_id']}/cancellation", {"reason": "误派"})
    assert (cancelled.status, cancelled.json["outcome"]) == (200, "done")
    kept = scene.execute("SELECT detail FROM order_history WHERE state = 'cancelled'").fetchall()
    assert kept == [("误派",)]


def test_a_warning_is_acknowledged(house: House, database_url: str, scene: Connection) -> None:
    warning_id = warnings.open_warning(
        scene, a_rule(), WarningLevel.YELLOW, identifier="99010000100100_20260302090000_1", object_id=str(the_stream(scene)),
        device_id=STATION, now=NOW,
    )  # fmt: skip
    ticks = count()
    app = create_app(house(database_url, clock=lambda: NOW + timedelta(seconds=2 * next(ticks))))
    assert post(app, f"/api/warnings/{warning_id}/acknowledgement", {}).json["outcome"] == "done"
    (shown,) = ask(app, "/api/map").json["warnings"]
    assert shown["state"] == "acknowledged"
    assert set(shown["sentence"]) == {"zh", "en"}


def test_an_incident_is_closed_with_a_reason(house: House, database_url: str, scene: Connection) -> None:
    app = create_app(house(database_url))
    assert post(app, "/api/incidents/i-1/closing", {"ending": "false_alarm"}).status == 422
    odd = post(app, "/api/incidents/i-1/closing", {"ending": "gone", "reason": "误报"})
    assert (odd.status, odd.json["code"]) == (409, "ending_unknown")
    done = post(app, "/api/incidents/i-1/closing", {"ending": "false_alarm", "reason": "误报"})
    assert (done.status, done.json["zh"]) == (200, "事件 i-1 已结束")
    assert ask(app, "/api/map").json["incidents"] == []


def test_nobody_acts_without_an_identity_or_a_right(house: House, database_url: str, scene: Connection) -> None:
    request = {"incident": "i-1", "unit": "a-1"}
    nobody = post(create_app(house(database_url, acts_as=None)), "/api/orders", request)
    assert (nobody.status, nobody.json["error"]) == (401, "not_signed_in")
    leader = post(create_app(house(database_url, acts_as=Actor("wu", Role.LEADER))), "/api/orders", request)
    assert (leader.status, leader.json["code"]) == (409, "no_right")
    assert scene.execute("SELECT count(*) FROM dispatch_order").fetchone() == (0,)


def test_without_a_database_every_question_says_so_in_both_languages(house: House) -> None:
    app = create_app(house())
    for path in ("/api/map", "/api/chart/1", "/api/system"):
        reply = ask(app, path)
        assert reply.status == 503
        assert reply.json["zh"] == "数据库无法连接"
    order = post(app, "/api/orders", {"incident": "i-1", "unit": "a-1"})
    assert (order.status, order.json["outcome"]) == (503, "failed")
