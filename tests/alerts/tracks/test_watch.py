"""The watch over what is no reading, at a real database: from halls, events, silence, anomalies and other rules to warnings."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from alerts.service import Watch
from alerts.tracks.watch import due
from alerts.words import sentence
from domain.anomalies import Anomaly, Oddity
from domain.halls import HallEventKind
from domain.moments import Moment
from domain.rules import Area, Days, Hours, Subject
from domain.warnings import LevelThreshold, ThresholdRule, Warning, WarningLevel, WarningMode
from storage import rules, warnings
from storage.anomalies import end_anomalies, write_anomalies
from storage.connection import Connection
from storage.rules import seed_rules
from tests.support.halls import said
from tests.support.scenes import (
    COUNTER,
    NOW,
    STATION,
    a_device,
    a_reading,
    a_request,
    a_rule,
    minutes,
    stored,
    the_stream,
)  # fmt: skip

AGENCY = "99010000100100"
YELLOW, RED = WarningLevel.YELLOW, WarningLevel.RED


def a_rule_about(subject: Subject, metric: str, raise_at: float, **more: object) -> ThresholdRule:
    base = replace(
        a_rule(f"{subject.value}_rule"), subject=subject, property=metric, raise_hold_s=0, clear_hold_s=0, hazard_class="other",
        thresholds=(LevelThreshold(YELLOW, raise_at, raise_at),),
    )  # fmt: skip
    return replace(base, **more)  # type: ignore[arg-type]


@pytest.fixture
def watch() -> Watch:
    return Watch(AGENCY)


def open_at(conn: Connection, minute: float) -> list[Warning]:
    return warnings.list_open_warnings(conn, Moment.live(NOW + minutes(minute)))


def test_a_queue_that_grows_is_warned_of_once_its_minute_has_settled(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [a_rule_about(Subject.HALL, "waiting", 3)], now=NOW)
    stored(conn, a_device(COUNTER, type_name="ServiceHall", properties=(), name="一厅", attributes=(("name_zh", "一厅"),)))
    stored(conn, *(said(HallEventKind.ARRIVE, 1.5, f"A{k}") for k in range(3)))
    watch.tick(conn, NOW + minutes(2))
    assert open_at(conn, 2) == [], "two minutes past has yet to settle"
    watch.tick(conn, NOW + minutes(3))
    (warning,) = open_at(conn, 3)
    assert (warning.object_id, warning.level, warning.device_id) == ("hall/hall-1", YELLOW, COUNTER)
    assert (warning.evidence["value"], warning.evidence["threshold"], warning.evidence["device_name"]) == (3, 3, "一厅")
    assert sentence(warning, "zh") == "PM2.5 偏高：一厅 等候人数 3 人（阈值 3 人）"
    assert sentence(warning, "en") == "PM2.5 is high: hall-1, people waiting 3 people (threshold 3 people)"
    stored(conn, *(said(HallEventKind.CALL, 3.5, f"A{k}", window=1) for k in range(3)))
    watch.tick(conn, NOW + minutes(5))
    assert open_at(conn, 5) == []


def test_a_moment_is_judged_once_and_absence_reaches_back_a_quarter_of_an_hour() -> None:
    rule = a_rule_about(Subject.SILENCE, "*", 10)
    first = due(rule, None, NOW + minutes(0.5))
    assert first is not None
    assert (first.start, first.end) == (NOW - minutes(1), NOW)
    assert due(rule, first.end, NOW + minutes(0.9)) is None
    after = due(rule, first.end, NOW + timedelta(hours=3))
    assert after is not None
    assert after.end - after.start == timedelta(minutes=15)


def test_a_device_that_falls_silent_is_warned_of_and_the_warning_ends_when_it_speaks(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [a_rule_about(Subject.SILENCE, "AirQualityObserved", 10)], now=NOW)
    other = STATION.replace("air-1", "air-2")
    stored(conn, a_device(name="北站"), a_device(other, minutes_ago=0), a_reading(50))
    for minute in range(1, 12):
        stored(conn, a_reading(50, device_id=other, minutes_ago=-minute))  # somebody is heard: the ingester listens
        watch.tick(conn, NOW + minutes(minute + 0.1))
        assert len(open_at(conn, minute + 0.2)) == (minute >= 10), minute
    (warning,) = open_at(conn, 12)
    assert (warning.object_id, warning.evidence["device_name"]) == (f"device/{STATION}", "北站")
    stored(conn, a_reading(50, minutes_ago=-11.5), a_reading(50, device_id=other, minutes_ago=-11.9))
    watch.tick(conn, NOW + minutes(12.1))
    assert open_at(conn, 12.2) == []


def test_while_the_ingester_is_away_nobody_is_silent(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [a_rule_about(Subject.SILENCE, "*", 10)], now=NOW)
    stored(conn, a_device(), a_reading(50))
    for minute in range(1, 20):
        watch.tick(conn, NOW + minutes(minute + 0.1))
    assert open_at(conn, 20) == []


def test_requests_are_counted_and_a_count_that_falls_clears(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [a_rule_about(Subject.EVENTS, "requests", 2, window_s=600.0, classes=("waterlogging",))], now=NOW)
    stored(conn, a_request("r-1"), a_request("r-2"))
    watch.tick(conn, NOW + minutes(1))
    (warning,) = open_at(conn, 1)
    assert (warning.object_id, warning.evidence["value"]) == ("area/events_rule", 2)
    watch.tick(conn, NOW + minutes(11))
    assert open_at(conn, 11) == []


def test_an_open_anomaly_warns_until_it_ends(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [a_rule_about(Subject.ANOMALY, "warning", 0.8)], now=NOW)
    stored(conn, a_device(), a_reading(900))
    number = the_stream(conn)
    write_anomalies(
        conn, [Anomaly(number, NOW, NOW, Oddity.LIMIT, 900, 0, 500, 0.9), Anomaly(number, NOW, NOW, Oddity.STUCK, 9, 0, 1, 1.0)]
    )
    watch.tick(conn, NOW + minutes(1))
    (warning,) = open_at(conn, 1)
    assert (warning.object_id, warning.evidence["value"], warning.evidence["cause"]) == (str(number), pytest.approx(0.9), "limit")
    end_anomalies(conn, [number], NOW + minutes(1.5))
    watch.tick(conn, NOW + minutes(3))
    assert open_at(conn, 3) == []


def test_rules_that_stand_together_make_a_graver_one(conn: Connection, watch: Watch) -> None:
    dust, soot = (replace(a_rule(name), raise_hold_s=0, clear_hold_s=0, property=name) for name in ("pm25", "pm10"))
    both = a_rule_about(Subject.COMBINATION, "standing", 2, members=("pm25", "pm10"))
    seed_rules(conn, [dust, soot, both], now=NOW)
    stored(conn, a_device(), a_reading(160), a_reading(160, prop="pm10"))
    watch.tick(conn, NOW + minutes(0.1))
    watch.tick(conn, NOW + minutes(1))
    named = {warning.rule_id: warning for warning in open_at(conn, 1)}
    assert named["combination_rule"].object_id == "district/440106"
    stored(conn, a_reading(10, minutes_ago=-1.2))
    watch.tick(conn, NOW + minutes(1.3))
    watch.tick(conn, NOW + minutes(2))
    assert {warning.rule_id for warning in open_at(conn, 2)} == {"pm10"}


def test_a_rule_outside_its_hours_warns_of_nothing_and_lets_go_of_what_stands(conn: Connection) -> None:
    watch = Watch(AGENCY)  # on UTC: NOW is one o'clock on a Monday
    until_two = Hours(Days.ALL, 0, 120)
    seed_rules(conn, [a_rule_about(Subject.EVENTS, "requests", 1, window_s=7200.0, hours=until_two)], now=NOW)
    stored(conn, a_request("r-1"))
    watch.tick(conn, NOW + minutes(1))
    assert len(open_at(conn, 1)) == 1
    watch.tick(conn, NOW + minutes(61))
    assert open_at(conn, 61) == []
    (row,) = conn.execute("SELECT evidence FROM warning_history WHERE state = 'lifted'").fetchall()
    assert row[0]["outside_hours"] is True
    assert row[0]["value"] == 1


def test_a_rule_sees_its_area_only(conn: Connection, watch: Watch) -> None:
    elsewhere = Area(ring=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)))
    seed_rules(conn, [a_rule_about(Subject.EVENTS, "requests", 1, window_s=600.0, area=elsewhere)], now=NOW)
    stored(conn, a_request("r-1"))
    watch.tick(conn, NOW + minutes(1))
    assert open_at(conn, 1) == []


def spoil(conn: Connection, rule_id: str, **wrong: object) -> None:
    conn.execute("UPDATE rule SET spec = spec || %s::jsonb WHERE rule_id = %s", (json.dumps(wrong), rule_id))


def test_a_rule_that_cannot_be_read_is_itself_a_warning_and_the_others_go_on(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [a_rule("broken"), replace(a_rule(), raise_hold_s=0)], now=NOW)
    spoil(conn, "broken", direction="sideways")
    stored(conn, a_device(), a_reading(160))
    watch.tick(conn, NOW)
    found = {warning.rule_id: warning for warning in open_at(conn, 0)}
    assert found.keys() == {"rule_failed", "pm25_high"}
    failed = found["rule_failed"]
    assert (failed.mode, failed.object_id) == (WarningMode.SYSTEM, "rule/broken")
    assert "direction is 'sideways': expected above or below" in failed.evidence["fault"]
    assert sentence(failed, "en").startswith("Rule broken cannot be carried out: direction is 'sideways'")
    watch.tick(conn, NOW + minutes(1))
    assert len([w for w in open_at(conn, 1) if w.rule_id == "rule_failed"]) == 1, "told once"
    spoil(conn, "broken", direction="above")
    for minute in (2, 9, 13):
        watch.tick(conn, NOW + minutes(minute))
    assert "rule_failed" not in {w.rule_id for w in open_at(conn, 13)}


def test_a_rule_that_fails_is_taken_back_and_the_others_go_on(
    conn: Connection, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_rules(
        conn, [a_rule_about(Subject.HALL, "waiting", 1), a_rule_about(Subject.EVENTS, "requests", 1, window_s=600.0)], now=NOW
    )
    stored(conn, a_request("r-1"))

    def failing(*_: object) -> object:
        raise ZeroDivisionError("nothing waits")

    monkeypatch.setattr("alerts.tracks.reader.list_halls", failing)
    watch.tick(conn, NOW + minutes(1))
    found = {warning.object_id: warning for warning in open_at(conn, 1)}
    assert found.keys() == {"area/events_rule", "rule/hall_rule"}
    assert found["rule/hall_rule"].evidence["fault"] == "ZeroDivisionError: nothing waits"


def test_a_rule_about_readings_that_fails_is_a_warning_too(
    conn: Connection, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = replace(a_rule(), raise_hold_s=0)
    seed_rules(conn, [at_once, replace(at_once, rule_id="other")], now=NOW)
    stored(conn, a_device(), a_reading(160))
    real = Watch._judge

    def judge(self: Watch, conn: Connection, record: object, *rest: object) -> None:
        if record.rule.rule_id == "other":  # type: ignore[attr-defined]
            conn.execute("SELECT 1 / 0")
        real(self, conn, record, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Watch, "_judge", judge)
    watch.tick(conn, NOW)
    assert {w.object_id for w in open_at(conn, 0)} == {"rule/other", str(the_stream(conn))}


def test_a_second_watch_judges_no_moment_again(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [a_rule_about(Subject.EVENTS, "requests", 1, window_s=600.0)], now=NOW)
    stored(conn, a_request("r-1"))
    watch.tick(conn, NOW + minutes(1))
    judged: datetime = rules.load_progress(conn)["events_rule"]
    Watch(AGENCY).tick(conn, NOW + minutes(1.5))
    assert rules.load_progress(conn)["events_rule"] == judged
    assert conn.execute("SELECT count(*) FROM warning").fetchone() == (1,)
