"""Dossiers over the wire: one incident, one warning, the figures of the list, the last hours, the log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dashboard.app import create_app
from domain.rights import Actor, Role, Scope
from domain.units import UnitStatus
from domain.warnings import WarningLevel, WarningState
from storage import audit, rules, warnings
from storage.connection import Connection
from tests.dashboard.conftest import House, ask, post
from tests.support.scenes import (
    COMMANDER,
    NOW,
    STATION,
    a_device,
    a_position,
    a_rule,
    a_status,
    a_unit,
    an_incident,
    an_order,
    minutes,
    ordered,
    stored,
)

MINUTE_MS = 60_000
NOW_MS = round(NOW.timestamp() * 1000)


def ago(minutes_ago: float) -> int:
    return NOW_MS - round(minutes_ago * MINUTE_MS)


def a_warning(conn: Connection, *, minutes_ago: float = 10, level: WarningLevel = WarningLevel.BLUE, object_id: str = "1") -> str:
    opened = warnings.open_warning(
        conn, a_rule(), level, identifier=f"w-{object_id}-{minutes_ago}", object_id=object_id, device_id=STATION,
        now=NOW - minutes(minutes_ago), evidence={"value": 104.5, "threshold": 100.0},
    )  # fmt: skip
    assert opened is not None
    return opened


def a_fire(conn: Connection) -> None:
    stored(
        conn,
        a_unit(),
        a_position(113.26),
        a_status(UnitStatus.AVAILABLE, minutes_ago=30),
        an_incident(minutes_ago=10, text="三楼冒烟"),
    )
    ordered(conn, an_order(minutes_ago=8))
    stored(conn, a_status(UnitStatus.ENROUTE, minutes_ago=6, order_id="o-1"))


def test_an_incident_comes_with_its_clocks(house: House, database_url: str, conn: Connection) -> None:
    a_fire(conn)
    told = ask(create_app(house(database_url)), "/api/incidents/i-1").json
    assert told["incident"]["id"] == "i-1"
    assert told["texts"] == [{"at": ago(10), "text": "三楼冒烟"}]
    assert told["segments"] == [{"kind": "processing", "began": ago(10), "ended": ago(8), "target_s": 64.0}]
    (order,) = told["orders"]
    assert [(s["kind"], s["began"], s["ended"]) for s in order["segments"]] == [
        ("answering", ago(8), ago(6)), ("turnout", ago(8), ago(6)), ("travel", ago(6), None),
    ]  # fmt: skip
    assert [s["target_s"] for s in order["segments"]] == [15.0, 60.0, 240.0], "an ambulance's"
    assert [s["status"] for s in order["statuses"]] == ["enroute"]
    assert told["standard"] == "NFPA 1710-2020"


def test_free_words_are_for_those_who_answer_for_the_incident(house: House, database_url: str, conn: Connection) -> None:
    a_fire(conn)
    elsewhere = Actor("wu", Role.DISPATCHER, Scope(districts=frozenset({"440107"})))
    for reader in (elsewhere, Actor("zhao", Role.OPERATOR), Actor("qian", Role.WALL)):
        told = ask(create_app(house(database_url, acts_as=reader)), "/api/incidents/i-1").json
        assert (told["texts"], told["n_texts"]) == ([], 1)


def test_a_warning_comes_with_its_steps_rule_and_earlier_ones(house: House, database_url: str, conn: Connection) -> None:
    stored(conn, a_device())
    rules.seed_rules(conn, [a_rule()], now=NOW - minutes(60))
    earlier = a_warning(conn, minutes_ago=100)
    warnings.record_step(conn, earlier, WarningState.LIFTED, WarningLevel.BLUE, now=NOW - minutes(90))
    this = a_warning(conn)
    told = ask(create_app(house(database_url)), f"/api/warnings/{this}").json
    assert told["warning"]["id"] == this
    assert [(s["state"], s["value"], s["threshold"], s["at"]) for s in told["steps"]] == [("candidate", 104.5, 100.0, ago(10))]
    assert [(t["level"], t["raise_at"], t["clear_at"]) for t in told["rule"]["thresholds"]] == [
        ("yellow", 150.0, 120.0),
        ("blue", 100.0, 80.0),
    ]
    assert [(w["id"], w["raised"], w["ended"]) for w in told["similar"]] == [(earlier, ago(100), ago(90))]
    assert told["forecast"] is None


def test_the_board_counts_what_was_raised_per_ten_minutes(house: House, database_url: str, conn: Connection) -> None:
    stored(conn, a_device())
    over = a_warning(conn, minutes_ago=25, level=WarningLevel.RED)
    warnings.record_step(conn, over, WarningState.LIFTED, WarningLevel.RED, now=NOW - minutes(5))
    a_warning(conn, minutes_ago=22, object_id="2")
    a_warning(conn, minutes_ago=2, object_id="3")
    told = ask(create_app(house(database_url)), "/api/warnings").json
    rate = told["rate"]
    assert (rate["step_s"], len(rate["red"])) == (600, 145)
    counted = [
        (level, (rate["start"] - NOW_MS) // MINUTE_MS + 10 * k, n)
        for level in ("red", "blue")
        for k, n in enumerate(rate[level])
        if n
    ]
    assert counted == [("red", -30, 1), ("blue", -30, 1), ("blue", -10, 1)]
    assert [w["id"] for w in told["closed"]] == [over]


def test_an_act_is_in_the_log_with_its_seal(house: House, database_url: str, conn: Connection) -> None:
    a_fire(conn)
    app = create_app(house(database_url))
    assert post(app, "/api/incidents/i-1/closing", {"ending": "closed", "reason": "演练"}).status == 409, "a unit is on it"
    audit.seal(conn, NOW)
    (entry,) = ask(app, "/api/log?incident=i-1").json["entries"]
    assert (entry["actor"], entry["action"], entry["object"], entry["outcome"]) == (
        COMMANDER.name,
        "incident.close",
        "i-1",
        "refused",
    )
    assert len(entry["hash"]) == 64
    assert ask(app, "/api/log?incident=i-2").json["entries"] == []
    assert ask(app, "/api/log").json["entries"] == [entry]


def test_the_timeline_has_incidents_warnings_and_orders(house: House, database_url: str, conn: Connection) -> None:
    a_fire(conn)
    this = a_warning(conn)
    told = ask(create_app(house(database_url)), "/api/timeline").json
    assert [(i["id"], i["at"], i["ended"]) for i in told["incidents"]] == [("i-1", ago(10), None)]
    assert [(w["id"], w["level"], w["zh"]) for w in told["warnings"]] == [(this, "blue", "PM2.5 偏高")]
    assert [(o["id"], o["unit"], o["incident"]) for o in told["orders"]] == [("o-1", "a-1", "i-1")]
    assert told["since"] == NOW_MS - timedelta(hours=3) // timedelta(milliseconds=1)


def test_what_is_not_known_is_not_found_and_an_odd_id_harms_nothing(house: House, database_url: str) -> None:
    app = create_app(house(database_url))
    for path in (
        "/api/incidents/i-9",
        "/api/incidents/%00",
        "/api/warnings/none",
        "/api/warnings/%00",
        f"/api/incidents/{'x' * 300}",
        "/api/log?incident=%00",
    ):
        assert ask(app, path.replace("%00", "\0")).status == 404, path
    assert ask(app, "/api/log?incident=" + "%E4%B8%AD" * 9).json["entries"] == []


def test_an_empty_database_answers(house: House, database_url: str) -> None:
    app = create_app(house(database_url))
    told: dict[str, Any] = {path: ask(app, f"/api/{path}").json for path in ("warnings", "timeline", "log")}
    assert (told["warnings"]["closed"], told["warnings"]["acknowledged"], sum(told["warnings"]["rate"]["red"])) == ([], {}, 0)
    assert (told["timeline"]["incidents"], told["timeline"]["warnings"], told["timeline"]["orders"], told["log"]["entries"]) == (
        [],
        [],
        [],
        [],
    )


def test_a_database_that_is_away_is_said(house: House) -> None:
    app = create_app(house())
    for path in ("/api/warnings", "/api/timeline", "/api/log", "/api/incidents/i-1", "/api/warnings/x"):
        assert ask(app, path).status == 503


def test_everybody_who_asks_within_a_second_gets_the_same_reading(house: House, database_url: str, conn: Connection) -> None:
    clock = [NOW]
    app = create_app(house(database_url, clock=lambda: clock[0]))
    assert ask(app, "/api/timeline").json["incidents"] == []
    stored(conn, an_incident(minutes_ago=1))
    assert ask(app, "/api/timeline").json["incidents"] == []
    clock[0] = NOW + timedelta(seconds=1.1)
    assert [i["id"] for i in ask(app, "/api/timeline").json["incidents"]] == ["i-1"]


def test_free_words_of_the_log_are_for_those_who_answer_for_the_place(house: House, database_url: str, conn: Connection) -> None:
    a_fire(conn)
    post(create_app(house(database_url)), "/api/incidents/i-1/closing", {"ending": "closed", "reason": "a word about somebody"})

    def told(*districts: str, of: str = "") -> list[bool]:
        scope = Scope(frozenset(districts)) if districts else Scope()
        app = create_app(house(database_url, acts_as=Actor("wu", Role.DISPATCHER, scope)))
        return [entry["detail"] is not None for entry in ask(app, f"/api/log{of}").json["entries"]]

    assert told() == [True]
    assert (told("440106"), told("440107")) == ([False], [False]), "the log of all places"
    assert (told("440106", of="?incident=i-1"), told("440107", of="?incident=i-1")) == ([True], [False])
