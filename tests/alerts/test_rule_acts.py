"""Rules as people change them: versions, drafts, what is refused, what is lifted, and what is kept of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from alerts import rule_acts
from alerts.rule_text import changes, sentence
from alerts.service import Watch
from domain.approvals import TwoPersonRule
from domain.moments import Moment
from domain.refusals import Refused
from domain.rights import Action, Actor, Role
from domain.rule_specs import write_spec
from domain.rules import Area, Days, Hours
from domain.warnings import LevelThreshold, ThresholdRule, WarningLevel
from storage import approvals, rules
from storage.connection import Connection
from storage.rules import seed_rules
from storage.warnings import list_open_warnings
from tests.support.scenes import COMMANDER, NOW, a_device, a_reading, a_rule, minutes, stored

CLERK = Actor("wang", Role.HALL_MANAGER)
LATER = NOW + minutes(5)


@pytest.fixture(autouse=True)
def alone(conn: Connection) -> None:
    """One person is enough here; that two are asked for is tested at the interface."""
    for action in (Action.CHANGE_RULE, Action.RETIRE_RULE, Action.ENABLE_RULE, Action.DISABLE_RULE):
        approvals.set_rule(conn, TwoPersonRule(action, False, 60))


def text(rule: ThresholdRule, **more: Any) -> str:
    return json.dumps(write_spec(rule) | more)


def code_of(refused: pytest.ExceptionInfo[Refused]) -> str:
    assert refused.value.zh
    assert refused.value.en
    return refused.value.code


def test_a_new_rule_is_live_at_once_and_its_author_is_kept(conn: Connection) -> None:
    made = rule_acts.change(conn, "pm25_high", text(a_rule()), COMMANDER, NOW, version=None, reason="新增")
    assert made == a_rule()
    assert rules.list_rules(conn) == [a_rule()]
    (version,) = rules.list_versions(conn, "pm25_high")
    assert (version.author, version.approver, version.reason, version.retired_at) == ("li", None, "新增", None)
    (entry,) = conn.execute("SELECT action, object, outcome FROM audit_entry").fetchall()
    assert entry == ("rule.change", "pm25_high", "done")


def test_a_changed_rule_is_a_new_version_and_the_old_one_stays_to_be_read(conn: Connection) -> None:
    seed_rules(conn, [a_rule()], now=NOW)
    changed = replace(a_rule(), raise_hold_s=300)
    rule_acts.change(conn, "pm25_high", text(changed), COMMANDER, LATER, version=1)
    assert rules.list_rules(conn) == [replace(changed, version=2)]
    new, old = rules.list_versions(conn, "pm25_high")
    assert (old.rule, old.retired_at, new.created_at) == (a_rule(), LATER, LATER)
    assert [change.en for change in changes(old.rule, new.rule)] == ["raise hold: 1 min → 5 min"]


@pytest.mark.parametrize(
    ("rule_id", "said", "version", "code"),
    [
        ("pm25_high", text(a_rule()), None, "rule_exists"),
        ("pm25_high", text(a_rule(), raise_hold_s=7), 3, "rule_changed"),
        ("other", text(a_rule()), 1, "rule_unknown"),
        ("pm25_high", text(a_rule()), 1, "rule_same"),
        ("pm25_high", "{", 1, "rule_spec"),
        ("pm25_high", "[" * 100_000, 1, "rule_spec"),
        ("pm25_high", text(a_rule(), direction="up", zh=""), 1, "rule_spec"),
        ("pm25_high", text(a_rule(), subject="silence", metric="*"), 1, "rule_spec"),
        ("pm25_high", text(a_rule(), parent="gone"), 1, "rule_spec"),
    ],
)  # fmt: skip
def test_what_cannot_be_put_in_force_is_refused_and_changes_nothing(
    conn: Connection, rule_id: str, said: str, version: int | None, code: str
) -> None:
    seed_rules(conn, [a_rule()], now=NOW)
    with pytest.raises(Refused) as refused:
        rule_acts.change(conn, rule_id, said, COMMANDER, LATER, version=version)
    assert code_of(refused) == code
    assert rules.list_rules(conn) == [a_rule()]
    assert conn.execute("SELECT outcome FROM audit_entry").fetchall() == [("refused",)]


def test_all_faults_of_a_spec_are_in_one_refusal(conn: Connection) -> None:
    with pytest.raises(Refused) as refused:
        rule_acts.change(conn, "new", text(a_rule(), direction="up", raise_hold_s=-1), COMMANDER, NOW, version=None)
    assert "direction is 'up'" in refused.value.en
    assert "raise_hold_s is -1" in refused.value.en
    assert "direction 为 'up'" in refused.value.zh


def test_a_back_test_of_another_spec_is_no_back_test_of_this(conn: Connection) -> None:
    with pytest.raises(Refused) as refused:
        rule_acts.change(conn, "new", text(a_rule()), COMMANDER, NOW, version=None, backtest_id="b-1")
    assert code_of(refused) == "backtest_other"


def test_without_the_right_nothing_happens(conn: Connection) -> None:
    seed_rules(conn, [a_rule()], now=NOW)
    for attempt in (
        lambda: rule_acts.change(conn, "pm25_high", text(a_rule(), raise_hold_s=9), CLERK, NOW, version=1),
        lambda: rule_acts.draft(conn, "pm25_high", text(a_rule()), CLERK, NOW),
        lambda: rule_acts.retire(conn, "pm25_high", CLERK, NOW),
        lambda: rule_acts.switch(conn, "pm25_high", CLERK, NOW, enabled=False),
    ):
        with pytest.raises(Refused) as refused:
            attempt()
        assert code_of(refused) == "no_right"
    assert rules.list_rules(conn) == [a_rule()]
    assert rules.list_drafts(conn) == {}


def test_a_draft_is_kept_half_done_and_goes_when_the_rule_is_changed(conn: Connection) -> None:
    seed_rules(conn, [a_rule()], now=NOW)
    rule_acts.draft(conn, "pm25_high", '{"metric": "pm25"}', COMMANDER, NOW)
    assert rules.list_drafts(conn)["pm25_high"].spec == {"metric": "pm25"}
    assert rules.list_rules(conn) == [a_rule()]
    rule_acts.change(conn, "pm25_high", text(a_rule(), raise_hold_s=9), COMMANDER, NOW, version=1)
    assert rules.list_drafts(conn) == {}
    rule_acts.draft(conn, "pm25_high", "{}", COMMANDER, NOW)
    rule_acts.draft(conn, "pm25_high", None, COMMANDER, NOW)
    assert rules.list_drafts(conn) == {}


def raised(conn: Connection) -> Watch:
    seed_rules(conn, [replace(a_rule(), raise_hold_s=0)], now=NOW)
    stored(conn, a_device(), a_reading(160))
    watch = Watch("99010000100100")
    watch.tick(conn, NOW)
    return watch


def standing(conn: Connection) -> int:
    return len(list_open_warnings(conn, Moment.live(LATER)))


@pytest.mark.parametrize("is_retired", [True, False])
def test_what_a_rule_has_raised_is_lifted_when_it_goes(conn: Connection, is_retired: bool) -> None:
    watch = raised(conn)
    assert standing(conn) == 1
    if is_retired:
        assert rule_acts.retire(conn, "pm25_high", COMMANDER, LATER) == 1
    else:
        rule_acts.switch(conn, "pm25_high", COMMANDER, LATER, enabled=False)
    assert standing(conn) == 0
    (row,) = conn.execute("SELECT evidence ->> 'ended_by' FROM warning_history WHERE state = 'lifted'").fetchall()
    assert row == ("rule_retired" if is_retired else "rule_disabled",)
    stored(conn, a_reading(160, minutes_ago=-6))
    watch.tick(conn, NOW + minutes(6))
    assert standing(conn) == 0, "nobody goes by it any more"


def test_a_disabled_rule_is_a_version_that_can_be_enabled_again(conn: Connection) -> None:
    seed_rules(conn, [a_rule()], now=NOW)
    rule_acts.switch(conn, "pm25_high", COMMANDER, NOW, enabled=False, reason="检修")
    assert rules.list_rules(conn) == []
    with pytest.raises(Refused) as refused:
        rule_acts.switch(conn, "pm25_high", COMMANDER, NOW, enabled=False)
    assert code_of(refused) == "rule_as_it_is"
    rule_acts.switch(conn, "pm25_high", COMMANDER, LATER, enabled=True)
    assert [rule.version for rule in rules.list_rules(conn)] == [3]


def test_a_retired_rule_is_not_seeded_again_and_may_be_made_anew(conn: Connection) -> None:
    seed_rules(conn, [a_rule()], now=NOW)
    rule_acts.retire(conn, "pm25_high", COMMANDER, NOW)
    assert seed_rules(conn, [a_rule()], now=LATER) == []
    rule_acts.change(conn, "pm25_high", text(a_rule()), COMMANDER, LATER, version=None)
    assert [rule.version for rule in rules.list_rules(conn)] == [2]


def test_a_rule_that_others_name_cannot_be_retired(conn: Connection) -> None:
    seed_rules(conn, [a_rule(), replace(a_rule("child"), parent="pm25_high")], now=NOW)
    with pytest.raises(Refused) as refused:
        rule_acts.retire(conn, "pm25_high", COMMANDER, NOW)
    assert code_of(refused) == "rule_needed"
    assert "child" in refused.value.en


def test_two_versions_differ_in_words_of_both_languages() -> None:
    before = a_rule()
    after = replace(
        before, thresholds=(LevelThreshold(WarningLevel.RED, 200, 180), *before.thresholds[1:]), clear_hold_s=5400,
        area=Area(districts=("440106",)), hours=Hours(Days.WORKDAYS, 510, 1050), advice_zh="关窗",
    )  # fmt: skip
    told = {change.field: (change.zh, change.en) for change in changes(before, after)}
    assert told["levels.red"] == ("Ⅰ级 红色：无 → 触发 200μg/m³、解除 180μg/m³", "I red: none → raise 200 μg/m³, clear 180 μg/m³")
    assert told["levels.yellow"][1] == "III yellow: raise 150 μg/m³, clear 120 μg/m³ → none"
    assert told["clear_hold_s"] == ("解除保持：2 分钟 → 1.5 小时", "clear hold: 2 min → 1.5 h")
    assert told["area"] == ("范围：全市 → 1 个区（440106）", "area: everywhere → districts 440106")
    assert told["hours"] == ("时段：全天 → 工作日 08:30–17:30", "hours: always → working days 08:30–17:30")
    assert told["advice_zh"][0] == "中文建议：无 → 关窗"
    assert changes(before, before) == []
    assert sentence(before)[1] == "readings of devices: PM2.5 reaches III yellow 150 μg/m³; IV blue 100 μg/m³, for 1 min"
