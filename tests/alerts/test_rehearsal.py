"""Back-tests at a real memory: what a rule would have done is what it did, beside the live version and what happened."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import process_time

import numpy as np
import pytest

from alerts.backtest import Fired, Occurrence, Replayed, comparison, outcome, per_shift, summary
from alerts.rehearsal import Stage, begin, rehearse, replay, run
from alerts.replay import Episode
from alerts.scope import Setting
from alerts.service import Watch
from alerts.tracks.reader import Stretch
from alerts.tracks.track import Watched
from domain.halls import HallEventKind
from domain.rule_specs import write_spec
from domain.rules import Subject
from domain.warnings import LevelThreshold, SeriesMeasure, ThresholdRule, WarningLevel, WarningSource
from storage import backtests
from storage.backtests import Backtest
from storage.connection import Connection
from storage.forecasts import write_forecasts
from storage.partitions import DayPartitions
from storage.rules import seed_rules
from tests.alerts.tracks.test_watch import AGENCY, a_rule_about
from tests.support.halls import said
from tests.support.scenes import (
    COUNTER,
    NOW,
    STATION,
    a_device,
    a_forecast,
    a_reading,
    a_request,
    a_rule,
    an_incident,
    minutes,
    stored,
    the_stream,
)

BLUE, YELLOW = WarningLevel.BLUE, WarningLevel.YELLOW
SETTING = Setting()
DAY = timedelta(days=1)


def lived(conn: Connection) -> list[tuple[str, str, datetime, datetime | None]]:
    """Warnings that the watch raised: rule, object, since and until which moment readings asked for it."""
    rows = conn.execute(
        "SELECT rule_id, object_id, (raised.evidence ->> 'phenomenon_time')::timestamptz, "
        "(lifted.evidence ->> 'phenomenon_time')::timestamptz FROM warning "
        "JOIN LATERAL (SELECT evidence FROM warning_history h WHERE h.warning_id = warning.warning_id ORDER BY valid_from LIMIT 1) "
        "raised ON true LEFT JOIN warning_history lifted ON lifted.warning_id = warning.warning_id AND lifted.state = 'lifted' "
        "ORDER BY 1, 2, 3"
    )
    return [tuple(row) for row in rows]


def rehearsed(conn: Connection, rules: list[ThresholdRule], until: datetime) -> list[tuple[str, str, datetime, datetime | None]]:
    live = {rule.rule_id: rule for rule in rules}
    stretch = Stretch(NOW - minutes(1), until, until)
    return sorted(
        (rule.rule_id, watched.object_id, episode.began, episode.ended)
        for rule in rules
        for watched, episode in replay(conn, rule, stretch, SETTING, live).fired
    )  # fmt: skip


def test_a_replay_of_a_stored_day_gives_the_episodes_that_the_watch_gave_it(conn: Connection) -> None:
    """Two stations, a hall and a desk for three hours, ticked minute by minute."""
    chance = np.random.default_rng(9)
    rules = [
        a_rule(),
        replace(a_rule("pm25_mean"), measure=SeriesMeasure.MEAN, window_s=600.0),
        replace(a_rule("pm25_rate"), measure=SeriesMeasure.RATE, window_s=600.0, thresholds=(LevelThreshold(YELLOW, 200, 50),)),
        a_rule_about(Subject.HALL, "waiting", 4, raise_hold_s=120.0, clear_hold_s=120.0),
        a_rule_about(Subject.EVENTS, "requests", 3, window_s=1200.0, clear_hold_s=180.0),
        a_rule_about(Subject.SILENCE, "AirQualityObserved", 6),
    ]  # fmt: skip
    seed_rules(conn, rules, now=NOW)
    stations = [STATION, STATION.replace("air-1", "air-2")]
    stored(conn, *map(a_device, stations), a_device(COUNTER, type_name="ServiceHall", properties=()))
    levels = {station: 60 + 60 * np.convolve(chance.standard_normal(200), np.ones(10) / 3, "same") for station in stations}
    waiting: list[str] = []
    watch = Watch(AGENCY)
    for minute in range(180):
        came: list[object] = [
            a_reading(max(0.0, float(levels[station][minute])), minutes_ago=-minute, device_id=station)
            for station in stations
            if station == STATION or not 60 <= minute < 80
        ]
        if chance.random() < 0.5:
            waiting.append(f"A{minute}")
            came.append(said(HallEventKind.ARRIVE, minute - 0.3, f"A{minute}"))
        if waiting and chance.random() < 0.45:
            came.append(said(HallEventKind.CALL, minute - 0.1, waiting.pop(0), window=1))
        if chance.random() < 0.15:
            came.append(a_request(f"r-{minute}", minutes_ago=-minute))
        stored(conn, *came)  # type: ignore[arg-type]
        watch.tick(conn, NOW + minutes(minute + 0.05))
    until = NOW + minutes(178)
    told = [row for row in lived(conn) if row[2] <= until]
    assert {row[0] for row in told} == {rule.rule_id for rule in rules}, "every rule has something to show"
    found = rehearsed(conn, rules, until)
    assert [row[:3] for row in found] == [row[:3] for row in told]
    assert [row[3] for row in found] == [row[3] if row[3] is None or row[3] <= until else None for row in told]


def test_a_forecast_rule_is_replayed_as_it_was_judged(conn: Connection) -> None:
    rule = replace(a_rule("pm25_expected"), source=WarningSource.FORECAST, raise_hold_s=0, clear_hold_s=0, horizon_s=3600.0, min_probability=0.3)  # fmt: skip
    seed_rules(conn, [rule], now=NOW)
    stored(conn, a_device(), a_reading(50))
    number, watch = the_stream(conn), Watch(AGENCY)
    for k, median in enumerate((80, 96, 140, 146, 90, 60)):
        at = NOW + minutes(30 * k)
        write_forecasts(
            conn, DayPartitions(conn), [replace(a_forecast(number, median=median), issued_at=at, first_target=at, watermark=at)]
        )
        watch.tick(conn, at + timedelta(seconds=20))
    stretch = Stretch(NOW - minutes(1), NOW + minutes(200), NOW + minutes(200))
    (one,) = replay(conn, rule, stretch, SETTING, {}).fired
    rows = conn.execute("SELECT evidence ->> 'issued_at', level FROM warning_history ORDER BY valid_from").fetchall()
    assert (one.episode.began, one.episode.peak) == (NOW + minutes(30), YELLOW)
    assert [(row[1], datetime.fromisoformat(row[0])) for row in rows] == [
        ("blue", NOW + minutes(30)), ("yellow", NOW + minutes(90)), ("blue", NOW + minutes(120)), ("blue", NOW + minutes(150)),
    ]  # fmt: skip
    assert one.episode.ended == NOW + minutes(150)


@pytest.fixture
def dusty(conn: Connection) -> Connection:
    """Six hours until NOW, a reading a minute: 50, and 160 for half an hour from four and a half hours ago on, 110 an hour ago for
    ten minutes. A fire 55 minutes ago. The live rule asks for 150."""
    live = replace(a_rule(), thresholds=(LevelThreshold(YELLOW, 150, 120),), raise_hold_s=0, clear_hold_s=0, hazard_class="fire")
    seed_rules(conn, [live], now=NOW - DAY)
    stored(conn, a_device(minutes_ago=400, name="北站"))
    levels = [(ago, 160 if 240 < ago <= 270 else 110 if 50 < ago <= 60 else 50) for ago in range(360, 0, -1)]
    stored(conn, *(a_reading(level, minutes_ago=ago) for ago, level in levels), an_incident(minutes_ago=55))
    return conn


def milder() -> ThresholdRule:
    return replace(a_rule(), thresholds=(LevelThreshold(YELLOW, 100, 80),), raise_hold_s=0, clear_hold_s=0, hazard_class="fire")


def test_a_back_test_tells_what_a_version_would_have_done_beside_the_live_one(dusty: Connection) -> None:
    found = rehearse(dusty, milder(), days=1, now=NOW, setting=SETTING)
    assert (found["days_asked"], found["days_there"], found["objects"]) == (1, 0.25, 1)
    assert (found["after"]["episodes"], found["before"]["episodes"]) == (2, 1)
    assert found["compared"] == {"both": 1, "only_before": 0, "only_after": 1}
    assert (found["after"]["per_shift"], found["before"]["per_shift"], found["added_per_shift"]) == (
        2.667,
        1.333,
        1.334,
    )  # six hours are ¾ of a shift
    assert found["after"]["listed"][1]["zh"] == "北站"
    assert found["after"]["listed"][1]["began"] == round((NOW - minutes(60)).timestamp() * 1000)
    told = found["outcome"]
    assert (told["basis"], told["n"], told["caught"], told["missed"], told["unanswered"]) == ("incidents", 1, 1, 0, 1)
    assert told["median_lead_s"] == 300
    assert (told["before"]["caught"], told["before"]["missed"]) == (0, 1)
    assert json.loads(json.dumps(found)) == found


def test_a_new_rule_stands_beside_nothing(dusty: Connection) -> None:
    found = rehearse(dusty, replace(milder(), rule_id="other"), days=1, now=NOW, setting=SETTING)
    assert (found["before"], found["compared"], found["added_per_shift"]) == (None, None, 2.667)


def test_without_history_nothing_is_made_up(conn: Connection) -> None:
    found = rehearse(conn, milder(), days=90, now=NOW, setting=SETTING)
    assert (found["days_there"], found["after"]["episodes"], found["after"]["per_shift"], found["added_per_shift"]) == (
        0.0,
        0,
        None,
        None,
    )


def test_what_would_take_too_long_is_cut_and_says_so(dusty: Connection) -> None:
    found = rehearse(dusty, milder(), days=1, now=NOW, setting=SETTING, deadline_s=-1)
    assert found["is_cut"] is True


def test_a_forecast_rule_is_held_against_the_threshold(dusty: Connection) -> None:
    rule = replace(milder(), rule_id="expected", source=WarningSource.FORECAST, horizon_s=3600.0)
    number = the_stream(dusty)
    at = NOW - minutes(290)
    write_forecasts(dusty, DayPartitions(dusty), [
        replace(a_forecast(number, median=median), issued_at=issued, first_target=issued, watermark=issued)
        for median, issued in ((150, at), (50, at + minutes(60)))
    ])  # fmt: skip
    told = rehearse(dusty, rule, days=1, now=NOW, setting=SETTING)["outcome"]
    assert (told["basis"], told["n"], told["caught"], told["missed"]) == ("threshold", 2, 1, 1)
    assert told["median_lead_s"] == 1200
    assert told["missed_listed"][0]["at"] == round((NOW - minutes(60)).timestamp() * 1000)


def test_members_of_a_combination_are_replayed_for_it(conn: Connection) -> None:
    dust, soot = (replace(a_rule(name), raise_hold_s=0, clear_hold_s=0, property=name) for name in ("pm25", "pm10"))
    both = a_rule_about(Subject.COMBINATION, "standing", 2, members=("pm25", "pm10"))
    seed_rules(conn, [dust, soot], now=NOW - DAY)
    stored(conn, a_device())
    stored(conn, *(a_reading(160 if ago < 20 else 10, minutes_ago=ago) for ago in range(30, 0, -1)))
    stored(conn, *(a_reading(160 if ago > 10 else 10, minutes_ago=ago, prop="pm10") for ago in range(30, 0, -1)))
    found = rehearse(conn, both, days=1, now=NOW, setting=SETTING)
    (one,) = found["after"]["listed"]
    assert (one["object"], one["began"], one["ended"]) == (
        "district/440106", *(round((NOW - minutes(ago)).timestamp() * 1000) for ago in (19, 10)),
    )  # fmt: skip


def test_a_back_test_of_a_combination_goes_on_member_by_member(conn: Connection) -> None:
    """Who waits for it sees it move, and it does not go back."""
    dust, soot = (replace(a_rule(name), raise_hold_s=0, clear_hold_s=0, property=name) for name in ("pm25", "pm10"))
    both = a_rule_about(Subject.COMBINATION, "standing", 2, members=("pm25", "pm10"))
    seed_rules(conn, [dust, soot], now=NOW - DAY)
    stored(conn, a_device())
    stored(conn, *(a_reading(160, minutes_ago=ago, prop=prop) for ago in range(30, 0, -1) for prop in ("pm25", "pm10")))
    shares: list[float] = []
    rehearse(conn, both, days=1, now=NOW, setting=SETTING, progress=shares.append)
    assert len(set(shares)) >= 3
    assert shares == sorted(shares)


@pytest.mark.long
def test_ninety_days_of_a_city_s_stations_are_back_tested_in_seconds(
    conn: Connection, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    """Sixty stations, every five minutes, beside the live version: 1.6 million readings, twice."""
    seed_rules(conn, [replace(a_rule(), raise_hold_s=600, clear_hold_s=600)], now=NOW - 91 * DAY)
    stored(conn, *(a_device(STATION.replace("air-1", f"air-{k}"), minutes_ago=91 * 1440) for k in range(60)))
    stored(conn, *(a_reading(50, device_id=STATION.replace("air-1", f"air-{k}"), minutes_ago=0) for k in range(60)))
    DayPartitions(conn).ensure(conn, "observation", [(NOW - k * DAY).date() for k in range(92)])
    conn.execute(
        "INSERT INTO observation (datastream_id, phenomenon_time, received_time, value, quality) "
        "SELECT datastream_id, at, at, 60 + 50 * sin(extract(epoch FROM at) / 13751 + datastream_id) + 15 * random(), 0 "
        "FROM datastream, generate_series(%(since)s::timestamptz, %(until)s::timestamptz, interval '5 minutes') at",
        {"since": NOW - 90 * DAY, "until": NOW - minutes(1)},
    )
    conn.execute("ANALYZE observation")
    began = process_time()
    found = rehearse(conn, replace(a_rule(), raise_hold_s=0), days=90, now=NOW, setting=SETTING)
    own_s = process_time() - began
    with capsys.disabled():
        print(
            f"\n{found['readings']} readings of 90 days in {found['took_s']} s, {own_s:.1f} s of them our processor's; "
            f"{found['after']['episodes']} warnings"
        )
    assert not found["is_cut"]
    assert found["readings"] > 3_000_000
    assert found["days_there"] > 89
    assert own_s < 30, "of our own, since others may use the machine"


PLACE = Watched("1", "站", "Station", district="440106", lon=113.0, lat=23.0)


def fired(began: float, ended: float | None, watched: Watched = PLACE) -> Fired:
    return Fired(watched, Episode(NOW + minutes(began), None if ended is None else NOW + minutes(ended), BLUE))


def an_occurrence(minute: float, lon: float | None = 113.0, district: str | None = "440106") -> Occurrence:
    return Occurrence(f"i{minute}", NOW + minutes(minute), "fire", district, lon, 23.0)


def replayed(*found: Fired) -> Replayed:
    return Replayed(found, 100, 1, 0, NOW)


def test_an_incident_is_caught_near_in_place_and_time() -> None:
    one = replayed(fired(0, 30))
    until = NOW + DAY
    assert outcome(one, [an_occurrence(20)], until, None)[:2] == (1, 1)
    assert outcome(one, [an_occurrence(-29)], until, None)[:2] == (1, 1), "a warning soon after still helps"
    assert outcome(one, [an_occurrence(-31)], until, None)[:2] == (1, 0)
    assert outcome(one, [an_occurrence(20, 114.0, "440103")], until, None)[:2] == (1, 0), "far away"
    assert outcome(one, [an_occurrence(20, 113.01, "440103")], until, None)[:2] == (1, 1), "a kilometre off, across a border"
    missed = outcome(one, [an_occurrence(500)], until, None)
    assert (missed.missed[0].occurrence_id, missed.unanswered, missed.median_lead_s) == ("i500", 1, None)


def test_a_summary_counts_by_local_day_and_level() -> None:
    said_ = summary(replayed(fired(0, 5), fired(60 * 15, None)), NOW, NOW + DAY, UTC)
    assert [(row["day"], row["blue"], row["red"]) for row in said_["per_day"]] == [("2026-03-02", 2, 0), ("2026-03-03", 0, 0)]
    assert said_["by_level"] == {"red": 0, "orange": 0, "yellow": 0, "blue": 2}
    assert per_shift(replayed(fired(0, 5), fired(9, 10)), NOW, NOW + timedelta(hours=16)) == 1.0
    assert comparison(None, replayed()) is None


def a_backtest(backtest_id: str = "b-1", **more: object) -> Backtest:
    wanted = Backtest(backtest_id, "pm25_high", write_spec(milder()), 1, 1, "li", NOW, "running", 0.0, NOW)
    return replace(wanted, **more)  # type: ignore[arg-type]


def test_one_back_test_at_a_time_and_one_that_died_makes_room(conn: Connection) -> None:
    assert backtests.start_backtest(conn, a_backtest()) is None
    other = backtests.start_backtest(conn, a_backtest("b-2"))
    assert other is not None
    assert other.backtest_id == "b-1"
    assert backtests.start_backtest(conn, a_backtest("b-2", asked_at=NOW + minutes(5))) is None
    died = backtests.find_backtest(conn, "b-1")
    assert died is not None
    assert (died.state, died.fault) == ("failed", "it ended without a word")


def test_a_back_test_in_a_process_of_its_own_writes_its_result(dusty: Connection, database_url: str) -> None:
    backtests.start_backtest(dusty, a_backtest())
    process = begin(Stage(database_url, "UTC", frozenset()), "b-1")
    process.join(60)
    assert process.exitcode == 0
    done = backtests.find_backtest(dusty, "b-1")
    assert done is not None
    assert (done.state, done.progress) == ("done", 1.0)
    assert done.result is not None
    assert done.result["after"]["episodes"] == 2


def test_a_back_test_that_fails_says_why(conn: Connection, database_url: str) -> None:
    backtests.start_backtest(conn, a_backtest(spec={"metric": "pm25"}))
    run(Stage(database_url, "UTC", frozenset()), "b-1")
    failed = backtests.find_backtest(conn, "b-1")
    assert failed is not None
    assert failed.state == "failed"
    assert "levels is missing" in str(failed.fault)
