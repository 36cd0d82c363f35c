"""Rules at the interface: what they say, two persons who change one, and a back-test before they do."""

from __future__ import annotations

import json
import time
from typing import Any

from dashboard.app import create_app
from domain.rights import EVERYWHERE, Actor, Role
from domain.rule_specs import write_spec
from storage import accounts, rules
from storage.connection import Connection
from storage.rules import seed_rules
from tests.dashboard.conftest import House, ask, post
from tests.support.scenes import COMMANDER, NOW, a_device, a_reading, a_rule, minutes, stored

OTHER = Actor("zhang", Role.DUTY_OFFICER)


def holds(conn: Connection, actor: Actor) -> None:
    """The account of somebody who asks or agrees, with their role."""
    accounts.create_account(
        conn, actor.name, department=None, password_hash=None, must_change=False, subject=None, created_by="test", now=NOW - minutes(9000)
    )  # fmt: skip
    accounts.create_grant(conn, actor.name, actor.role, EVERYWHERE, granted_by="test", approval_id=None, now=NOW - minutes(9000))


CHANGED = write_spec(a_rule()) | {"raise_hold_s": 300.0}


def test_rules_are_listed_with_their_words_and_drafts(house: House, conn: Connection, database_url: str) -> None:
    seed_rules(conn, [a_rule()], now=NOW)
    conn.execute(
        "INSERT INTO rule (rule_id, version, spec, author, created_at) VALUES ('odd', 1, '{\"metric\": 3}', 'x', %s)", (NOW,)
    )
    app = create_app(house(database_url))
    post(app, "/api/acts/rule.draft", {"rule": "pm25_high", "spec": json.dumps(CHANGED)})
    said = ask(app, "/api/rules").json
    odd, dust = said["rules"]
    assert (dust["rule"], dust["version"], dust["enabled"], dust["spec"]) == ("pm25_high", 1, True, write_spec(a_rule()))
    assert dust["words"]["zh"].startswith("传感器读数：PM2.5达到 Ⅲ级 黄色 150μg/m³")
    assert dust["draft"]["author"] == "li"
    assert "metric is 3" in odd["fault"]["en"]
    one = ask(app, "/api/rules/pm25_high").json
    assert (one["draft"]["spec"], one["children"]) == (CHANGED, [])
    assert ask(app, "/api/rules/none").status == 404
    assert ask(app, "/api/rules/none/versions").status == 404


def test_a_change_waits_for_a_second_person_and_is_live_after(house: House, conn: Connection, database_url: str) -> None:
    seed_rules(conn, [a_rule()], now=NOW)
    holds(conn, COMMANDER)
    holds(conn, OTHER)
    app = create_app(house(database_url))
    wish = {"rule": "pm25_high", "spec": json.dumps(CHANGED), "version": "1", "because": "误报过多"}
    waiting = post(app, "/api/acts/rule.change", wish)
    assert (waiting.status, waiting.json["code"]) == (202, "waiting")
    assert rules.list_rules(conn) == [a_rule()]
    second = create_app(house(database_url, acts_as=OTHER))
    agreed = post(second, f"/api/approvals/{waiting.json['object_id']}/decision", {"verdict": "approve"})
    assert (agreed.status, agreed.json["code"]) == (200, "rule_changed"), agreed.json
    new, old = ask(app, "/api/rules/pm25_high/versions").json["versions"]
    assert (new["version"], new["author"], new["approver"]) == (2, "li", "zhang")
    assert [change["zh"] for change in new["changes"]] == ["触发保持：1 分钟 → 5 分钟"]
    assert old["changes"] == []
    assert len(ask(app, "/api/rules/pm25_high/diff?a=2&b=1").json["changes"]) == 1
    assert ask(app, "/api/rules/pm25_high/diff?a=2&b=9").status == 404


def test_nobody_is_asked_to_agree_to_what_is_no_rule(house: House, conn: Connection, database_url: str) -> None:
    seed_rules(conn, [a_rule()], now=NOW)
    app = create_app(house(database_url))
    spoilt = {"rule": "pm25_high", "spec": json.dumps(CHANGED | {"direction": "up"}), "version": "1", "because": "x"}
    refused = post(app, "/api/acts/rule.change", spoilt)
    assert (refused.status, refused.json["code"]) == (409, "rule_spec")
    assert "direction is 'up': expected above or below" in refused.json["en"]
    assert conn.execute("SELECT count(*) FROM approval").fetchone() == (0,)


def test_a_spec_is_checked_while_it_is_written(house: House, conn: Connection, database_url: str) -> None:
    seed_rules(conn, [a_rule()], now=NOW)
    app = create_app(house(database_url))
    good = post(app, "/api/rules/check", {"rule": "pm25_high", "spec": CHANGED}).json
    assert (good["faults"], [change["field"] for change in good["changes"]]) == ([], ["raise_hold_s"])
    bad = post(app, "/api/rules/check", {"rule": "pm25_high", "spec": {}}).json
    assert {"metric", "levels", "direction"} <= {fault["field"] for fault in bad["faults"]}
    assert bad["words"] is None
    assert post(app, "/api/rules/check", []).status == 400
    assert post(app, "/api/rules/check", {"rule": 3, "spec": {}}).status == 400


def test_a_back_test_runs_beside_and_its_result_is_kept(house: House, conn: Connection, database_url: str) -> None:
    seed_rules(conn, [a_rule()], now=NOW)
    stored(conn, a_device(), *(a_reading(160, minutes_ago=ago) for ago in range(30, 10, -1)))
    app = create_app(house(database_url))
    asked = {"rule": "pm25_high", "spec": CHANGED, "days": 1}
    begun = post(app, "/api/rules/backtest", asked)
    assert begun.status == 202, begun.json
    number = begun.json["id"]
    busy = post(app, "/api/rules/backtest", asked)
    if busy.status != 202:  # unless it has ended already
        assert (busy.status, busy.json["id"]) == (409, number)
    found: dict[str, Any] = {}
    for _ in range(600):
        found = ask(app, f"/api/rules/backtests/{number}").json
        if found["state"] != "running":
            break
        time.sleep(0.05)
    assert (found["state"], found["fault"], found["base_version"]) == ("done", None, 1)
    result = found["result"]
    assert (result["after"]["episodes"], result["before"]["episodes"], result["compared"]["both"]) == (1, 1, 1)
    assert ask(app, "/api/rules/backtests?rule=pm25_high").json["backtests"][-1]["id"] == number
    assert ask(app, "/api/rules/backtests/none").status == 404


def test_days_and_specs_are_looked_at_before_a_back_test(house: House, conn: Connection, database_url: str) -> None:
    app = create_app(house(database_url))
    for days in (0, 91, "x", True):
        assert post(app, "/api/rules/backtest", {"rule": "a", "spec": CHANGED, "days": days}).status == 400
    wrong = post(app, "/api/rules/backtest", {"rule": "a", "spec": {"metric": "pm25"}, "days": 1})
    assert (wrong.status, wrong.json["error"]) == (400, "rule_spec")
    assert conn.execute("SELECT count(*) FROM backtest").fetchone() == (0,)


def test_who_may_not_draft_may_not_back_test(house: House, database_url: str) -> None:
    app = create_app(house(database_url, acts_as=Actor("wang", Role.LEADER)))
    assert post(app, "/api/rules/backtest", {"rule": "a", "spec": CHANGED, "days": 1}).status == 403
    assert ask(app, "/api/rules").status == 200


def test_the_editor_is_told_every_choice_in_both_languages(house: House, database_url: str) -> None:
    said = ask(create_app(house(database_url)), "/api/rules/terms").json
    assert [row["subject"] for row in said["subjects"]] == [
        "property", "derived", "hall", "index", "quality", "silence", "events", "anomaly", "combination",
    ]  # fmt: skip
    assert all(row["zh"] and row["en"] for subject in said["subjects"] for row in subject["metrics"])
    assert {row["metric"] for row in said["subjects"][2]["metrics"]} == {
        "waiting",
        "wait_p90_min",
        "longest_wait_min",
        "wait_ahead_p90_min",
    }
