"""What judging by rules remembers: what waits, which readings have been judged, and who judges."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.warnings import Wait, WarningLevel
from storage import rules
from storage.connection import Connection, connect
from tests.support.scenes import NOW, STATION, a_device, a_reading, a_rule, minutes, stored, the_stream

BLUE, YELLOW, RED = WarningLevel.BLUE, WarningLevel.YELLOW, WarningLevel.RED
HOUR_AGO = NOW - minutes(60)


def test_a_rule_is_seeded_once_and_its_live_version_listed(conn: Connection) -> None:
    assert rules.seed_rules(conn, [a_rule(), a_rule("other")], now=NOW) == ["pm25_high", "other"]
    assert rules.seed_rules(conn, [a_rule()], now=NOW) == []
    conn.execute("UPDATE rule SET retired_at = %s WHERE rule_id = 'other'", (NOW,))
    assert rules.list_rules(conn) == [a_rule()]


def test_what_waits_is_kept_per_rule_datastream_and_level(conn: Connection) -> None:
    def up(minutes_ago: float) -> Wait:
        return Wait(NOW - minutes(minutes_ago), to_raise=True)

    down = Wait(NOW, to_raise=False)
    rules.save_waiting(conn, "r1", {1: {BLUE: up(9), YELLOW: up(3)}, 2: {BLUE: down}})
    rules.save_waiting(conn, "r2", {1: {RED: up(7)}})
    rules.save_waiting(conn, "r1", {1: {YELLOW: up(3), RED: up(2)}})
    rules.save_waiting(conn, "r1", {})
    assert rules.load_waiting(conn) == {"r1": {1: {YELLOW: up(3), RED: up(2)}, 2: {BLUE: down}}, "r2": {1: {RED: up(7)}}}
    rules.save_waiting(conn, "r1", {1: {}, 2: {}})
    assert rules.load_waiting(conn) == {"r2": {1: {RED: up(7)}}}


def unjudged(conn: Connection, *, limit: int = 10) -> list[float]:
    found = rules.list_unjudged(conn, {the_stream(conn): HOUR_AGO}, limit=limit)
    return [value.value for value in found.get(the_stream(conn), [])]


def note(conn: Connection) -> None:
    found = rules.list_unjudged(conn, {the_stream(conn): HOUR_AGO}, limit=10)
    rules.note_judged(conn, [values[-1] for values in found.values()])


def test_readings_wait_to_be_judged_in_order_of_measurement(conn: Connection) -> None:
    stored(
        conn, a_device(), a_reading(3, minutes_ago=3), a_reading(1, minutes_ago=9, delay_minutes=9), a_reading(0, minutes_ago=70)
    )
    assert unjudged(conn) == [1, 3]
    assert unjudged(conn, limit=1) == [3], "the newest, when there are too many"


def test_a_reading_that_was_judged_waits_no_longer(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(1, minutes_ago=3))
    number = the_stream(conn)
    assert rules.list_to_judge(conn, ["pm25"]) == {number: NOW - minutes(3)}
    note(conn)
    assert unjudged(conn) == []
    assert rules.list_to_judge(conn, ["pm25"]) == {}
    stored(conn, a_reading(2, minutes_ago=2), a_reading(0, minutes_ago=4))
    assert unjudged(conn) == [2], "what was measured before is late"


def test_a_judged_reading_that_is_corrected_waits_again(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(1, minutes_ago=3))
    note(conn)
    stored(conn, a_reading(7, minutes_ago=3, delay_minutes=1, corrects=True))
    assert unjudged(conn) == [7]
    assert rules.list_to_judge(conn, ["pm25"]) == {the_stream(conn): NOW - minutes(2)}


def test_only_what_rules_look_at_is_listed(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(1), a_reading(2, prop="pm10"))
    assert list(rules.list_to_judge(conn, ["pm10"])) == [the_stream(conn, STATION, "pm10")]
    assert rules.list_to_judge(conn, []) == {}


def test_the_newest_reading_says_how_fresh_it_is_asked_of_few_or_of_many(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    stored(conn, a_device(), a_reading(1, minutes_ago=3))
    newest = {the_stream(conn): (NOW - minutes(3), 60, "periodic", "unknown", NOW - minutes(3))}
    assert rules.list_newest(conn, newest.keys()) == newest
    monkeypatch.setattr(rules, "FEW", 0)
    assert rules.list_newest(conn, newest.keys()) == newest
    assert rules.list_newest(conn, []) == {}


def test_live_rules_are_read_again_when_they_change_and_not_before(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    rules.seed_rules(conn, [a_rule("a"), a_rule("b")], now=NOW)
    live = rules.LiveRules()
    assert [one.rule for one in live.list_live(conn)] == [a_rule("a"), a_rule("b")]
    with monkeypatch.context() as patch:
        patch.setattr(rules, "list_live", lambda conn: pytest.fail("nothing has changed"))
        assert len(live.list_live(conn)) == 2
    conn.execute("UPDATE rule SET spec = jsonb_set(spec, '{zh}', '\"浓度\"') WHERE rule_id = 'b'")
    assert live.list_live(conn)[1].spec["zh"] == "浓度", "a row that was changed by hand is seen too"
    rules.retire_rule(conn, "a", NOW)
    assert [one.rule_id for one in live.list_live(conn)] == ["b"]
    rules.write_version(
        conn, replace(a_rule("b"), version=2), author="li", approver="wang", reason=None, backtest_id=None, now=NOW
    )  # fmt: skip
    assert [one.version for one in live.list_live(conn)] == [2]


def test_one_transaction_at_a_time_judges(conn: Connection, database_url: str) -> None:
    with connect(database_url) as other:
        with conn.transaction():
            assert rules.take_the_bench(conn)
            with other.transaction():
                assert not rules.take_the_bench(other)
        with other.transaction():
            assert rules.take_the_bench(other)
