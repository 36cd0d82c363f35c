"""The watch at a real database: from readings and forecasts to warnings, steps and what is remembered."""

from __future__ import annotations

from dataclasses import replace
from threading import Event, Thread
from time import monotonic

import pytest

from alerts.lifecycle import Silence
from alerts.service import Watch, run
from domain.forecasts import Forecast
from domain.moments import Moment
from domain.observations import Quality
from domain.warnings import LevelThreshold, SeriesMeasure, Warning, WarningLevel, WarningSource, WarningState
from storage import heartbeats, rules, warnings
from storage.connection import Connection, connect
from storage.forecasts import write_forecasts
from storage.observations import list_values
from storage.partitions import DayPartitions
from storage.rules import seed_rules
from storage.warnings import list_open_warnings, list_steps, record_step
from tests.support.scenes import NOW, STATION, a_device, a_reading, a_rule, a_state, minutes, stored, the_stream

AGENCY = "99010000100100"
BLUE, YELLOW = WarningLevel.BLUE, WarningLevel.YELLOW
RULE = a_rule()  # blue from 100 to 80, yellow from 150 to 120; raise hold 1 min, clear hold 2 min
AT_ONCE = replace(RULE, raise_hold_s=0, clear_hold_s=0)
EXPECTED = replace(AT_ONCE, rule_id="pm25_expected", source=WarningSource.FORECAST, horizon_s=3600, min_probability=0.5)


@pytest.fixture
def watch() -> Watch:
    return Watch(AGENCY)


def open_now(conn: Connection, minutes_later: float = 0) -> list[Warning]:
    return list_open_warnings(conn, Moment.live(NOW + minutes(minutes_later)))


def measured(conn: Connection, watch: Watch, value: float, minutes_later: float, **more: object) -> list[Warning]:
    """Stores a reading of that minute, judges it at once, and gives the warnings that are open then."""
    stored(conn, a_reading(value, minutes_ago=-minutes_later, **more))  # type: ignore[arg-type]
    watch.tick(conn, NOW + minutes(minutes_later))
    return open_now(conn, minutes_later)


def steps(conn: Connection) -> list[tuple[str, str]]:
    rows = conn.execute("SELECT state, level FROM warning_history ORDER BY valid_from, recorded_at")
    return [(row[0], row[1]) for row in rows]


def test_a_level_that_holds_raises_a_warning_with_its_evidence(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [RULE], now=NOW)
    stored(conn, a_device(name="北站"))
    assert measured(conn, watch, 110, 0) == []
    (warning,) = measured(conn, watch, 112, 1)
    assert (warning.level, warning.state, warning.source) == (BLUE, WarningState.CANDIDATE, WarningSource.RULE)
    assert warning.identifier.startswith(f"{AGENCY}_20260302090100_")
    assert (warning.object_id, warning.device_id) == (str(the_stream(conn)), STATION)
    said = {key: warning.evidence[key] for key in ("value", "threshold", "unit", "device_name", "district", "since")}
    assert said == {
        "value": 112, "threshold": 100, "unit": "ug/m3", "device_name": "北站", "district": "440106",
        "since": NOW.isoformat(),
    }  # fmt: skip


def test_a_warning_escalates_and_is_lifted(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device())
    measured(conn, watch, 110, 0)
    assert [w.level for w in measured(conn, watch, 170, 1)] == [YELLOW]
    assert [w.level for w in measured(conn, watch, 110, 2)] == [BLUE]
    assert measured(conn, watch, 20, 3) == []
    assert steps(conn) == [("candidate", "blue"), ("candidate", "yellow"), ("candidate", "blue"), ("lifted", "blue")]


def test_a_lifted_warning_makes_room_for_the_next(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device())
    for minute, value in enumerate((110, 20, 110)):
        found = measured(conn, watch, value, minute)
    assert len(found) == 1
    assert conn.execute("SELECT count(*) FROM warning").fetchone() == (2,)


def test_a_restart_in_the_hold_time_loses_nothing(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [RULE], now=NOW)
    stored(conn, a_device())
    measured(conn, watch, 110, 0)
    assert [w.level for w in measured(conn, Watch(AGENCY), 112, 1)] == [BLUE]


def test_two_watches_raise_one_warning(conn: Connection, database_url: str) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device(), *(a_device(f"440106/environment/north/air-{k}") for k in range(2, 21)))
    stored(conn, a_reading(110), *(a_reading(110, device_id=f"440106/environment/north/air-{k}") for k in range(2, 21)))

    def judge() -> None:
        with connect(database_url) as own:
            Watch(AGENCY).tick(own, NOW)

    watches = [Thread(target=judge) for _ in range(4)]
    for watch in watches:
        watch.start()
    for watch in watches:
        watch.join(20)
    Watch(AGENCY).tick(conn, NOW + minutes(0.1))
    assert len(open_now(conn, 0.1)) == 20
    assert steps(conn) == [("candidate", "blue")] * 20


def test_thirty_warnings_in_one_second_have_thirty_identifiers(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    devices = [f"440106/environment/north/air-{k}" for k in range(30)]
    stored(conn, *(a_device(d) for d in devices))
    stored(conn, *(a_reading(110, device_id=d) for d in devices))
    watch.tick(conn, NOW)
    assert len({w.identifier for w in open_now(conn)}) == 30


def test_what_is_doubtful_or_old_raises_nothing(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device())
    assert measured(conn, watch, 900, 0, quality=Quality.BAD) == []
    assert measured(conn, watch, 900, 1, quality=Quality.UNCERTAIN) == []
    stored(conn, a_reading(900, minutes_ago=-2))
    watch.tick(conn, NOW + minutes(6))
    assert open_now(conn, 6) == [], "four intervals old"


def test_a_silent_sensor_freezes_its_warning_and_says_since_when(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device())
    measured(conn, watch, 110, 0)
    for minute in (11, 12):
        watch.tick(conn, NOW + minutes(minute))
    (warning,) = open_now(conn, 12)
    assert (warning.level, warning.evidence["silent_since"]) == (BLUE, NOW.isoformat())
    assert len(steps(conn)) == 2, "noted once"
    (warning,) = measured(conn, watch, 111, 13)
    assert "silent_since" not in warning.evidence
    assert warning.evidence["value"] == 110


def test_a_sensor_that_speaks_on_change_stands_by_its_word_while_it_is_heard(conn: Connection, watch: Watch) -> None:
    """The same rule of freshness as on the screens: an hour without a value is no silence while the heartbeat goes on."""
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device(mode="on_change"), a_reading(110, minutes_ago=60), a_state("online", minutes_ago=1))
    watch.tick(conn, NOW)
    (warning,) = open_now(conn, 0)
    assert "silent_since" not in warning.evidence
    watch.tick(conn, NOW + minutes(10))
    (warning,) = open_now(conn, 10)
    assert warning.evidence["silent_since"] == (NOW - minutes(60)).isoformat(), "ten intervals without a word"
    stored(conn, a_state("online", minutes_ago=-11))
    watch.tick(conn, NOW + minutes(11))
    assert "silent_since" not in open_now(conn, 11)[0].evidence
    stored(conn, a_state("offline", minutes_ago=-11.5))
    watch.tick(conn, NOW + minutes(12))
    assert "silent_since" in open_now(conn, 12)[0].evidence


def test_a_warning_shows_what_was_known_then_after_its_reading_was_corrected(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device())
    measured(conn, watch, 110, 0)
    stored(conn, a_reading(50, delay_minutes=1, corrects=True), a_reading(50, minutes_ago=-1.5))
    watch.tick(conn, NOW + minutes(2))
    assert open_now(conn, 2) == []
    (then,) = list_open_warnings(conn, Moment.past(NOW + minutes(0.5)))
    assert then.evidence["value"] == 110
    (value,) = list_values(conn, Moment.past(NOW + minutes(0.5)))
    assert value.value == 110, "as known then; now it is 50"


def listening(conn: Connection, minutes_later: float, *, since: float = -600) -> None:
    """The ingester says that it is there."""
    started, now = NOW + minutes(since), NOW + minutes(minutes_later)
    heartbeats.beat(conn, "ingest", "here:1", started_at=started, now=now, metrics={})


def test_a_warning_expires_when_its_sensor_has_been_silent_for_long_enough(conn: Connection) -> None:
    """Two hours, for a station that speaks every minute."""
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device(name="北站"))
    watch = Watch(AGENCY, Silence(120, 86_400))
    (warning,) = measured(conn, watch, 110, 0)
    listening(conn, 119)
    watch.tick(conn, NOW + minutes(119))
    assert len(open_now(conn, 119)) == 1
    listening(conn, 121)
    assert watch.tick(conn, NOW + minutes(121))["expired_total"] == 1
    assert open_now(conn, 121) == []
    assert steps(conn)[-1] == ("expired", "blue")
    last = list_steps(conn, warning.warning_id, Moment.live(NOW + minutes(121)))[-1]
    assert (last.evidence["expired_by"], last.evidence["silent_since"], last.evidence["value"]) == (
        "silence",
        NOW.isoformat(),
        110,
    )
    (again,) = measured(conn, watch, 112, 122)
    assert again.warning_id != warning.warning_id, "it speaks again: that is another warning"


def test_silence_counts_only_while_the_ingester_listens(conn: Connection) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device())
    watch = Watch(AGENCY, Silence(120, 86_400))
    measured(conn, watch, 110, 0)
    watch.tick(conn, NOW + minutes(500))
    assert len(open_now(conn, 500)) == 1, "nobody listens"
    listening(conn, 510, since=505)
    watch.tick(conn, NOW + minutes(510))
    assert len(open_now(conn, 510)) == 1, "for five minutes only"
    listening(conn, 625, since=505)
    watch.tick(conn, NOW + minutes(625))
    assert open_now(conn, 625) == []


def test_a_warning_from_a_forecast_expires_with_what_it_foresaw(conn: Connection) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device())
    stored(conn, a_reading(50))
    warnings.open_warning(
        conn, EXPECTED, BLUE, identifier="x" * 31, object_id=str(the_stream(conn)), device_id=STATION, now=NOW, probability=0.8
    )
    listening(conn, 130)
    Watch(AGENCY, Silence(120, 86_400)).tick(conn, NOW + minutes(130))
    assert open_now(conn, 130) == []


def test_a_short_exceedance_between_two_ticks_is_not_overlooked(conn: Connection, watch: Watch) -> None:
    """A fast replay: ten minutes in one tick, of which two were above 100."""
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device())
    measured(conn, watch, 50, -20)
    values = (50, 50, 110, 130, 60, 50, 50, 50, 50, 50)
    stored(conn, *(a_reading(value, minutes_ago=10 - k) for k, value in enumerate(values, start=1)))
    watch.tick(conn, NOW)
    assert steps(conn) == [("candidate", "blue"), ("lifted", "blue")]
    rows = conn.execute("SELECT (evidence -> 'value')::float FROM warning_history ORDER BY valid_from").fetchall()
    assert rows == [(110,), (60,)]


def test_the_hold_is_counted_in_measured_time_however_fast_readings_come(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [RULE], now=NOW)
    stored(conn, a_device())
    stored(conn, a_reading(110, minutes_ago=2), a_reading(111, minutes_ago=1), a_reading(112))
    watch.tick(conn, NOW)
    (warning,) = open_now(conn)
    assert (warning.level, warning.evidence["value"], warning.evidence["since"]) == (BLUE, 111, (NOW - minutes(2)).isoformat())


def test_a_graver_level_holds_while_the_milder_one_is_raised(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [replace(RULE, raise_hold_s=120)], now=NOW)
    stored(conn, a_device())
    found = [measured(conn, watch, value, minute) for minute, value in enumerate((110, 170, 170, 170))]
    assert [[w.level for w in warnings] for warnings in found] == [[], [], [BLUE], [YELLOW]], "yellow since minute 1"


def test_a_reading_that_comes_late_raises_nothing_again(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device())
    for minute, value in enumerate((110, 20)):
        measured(conn, watch, value, minute)
    stored(conn, a_reading(110, minutes_ago=-0.5))
    watch.tick(conn, NOW + minutes(1.1))
    Watch(AGENCY).tick(conn, NOW + minutes(1.2))
    assert open_now(conn, 2) == []
    assert len(steps(conn)) == 2


def test_a_corrected_reading_is_judged_again(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device())
    measured(conn, watch, 900, 0)
    stored(conn, a_reading(9, delay_minutes=0.1, corrects=True))
    watch.tick(conn, NOW + minutes(0.2))
    assert open_now(conn, 0.2) == []


def test_what_was_judged_is_not_judged_again_by_the_next_watch(conn: Connection, watch: Watch) -> None:
    """Raised and lifted within one tick, without a hold: a watch that starts afresh must not tell the story again."""
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device(), a_reading(110, minutes_ago=2), a_reading(20, minutes_ago=1))
    for k in range(3):
        Watch(AGENCY).tick(conn, NOW + minutes(k / 100))
    assert len(steps(conn)) == 2


def test_a_watch_that_dies_in_the_middle_has_done_nothing(
    conn: Connection, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device(), a_reading(110, minutes_ago=1), a_reading(20))

    def killed(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as dying:
        dying.setattr(rules, "note_judged", killed)
        with pytest.raises(ConnectionError):
            watch.tick(conn, NOW)
    assert steps(conn) == []
    Watch(AGENCY).tick(conn, NOW + minutes(0.1))
    assert steps(conn) == [("candidate", "blue"), ("lifted", "blue")]


def test_a_second_watch_waits_while_one_judges(conn: Connection, database_url: str, watch: Watch) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device(), a_reading(110))
    with connect(database_url) as other, other.transaction():
        assert rules.take_the_bench(other)
        assert watch.tick(conn, NOW) == {"standby": True}
        assert open_now(conn) == []
    assert watch.tick(conn, NOW)["standby"] is False
    assert len(open_now(conn)) == 1


def test_after_a_long_absence_the_last_quarter_of_an_hour_is_judged(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device())
    measured(conn, watch, 50, -180)
    stored(conn, a_reading(900, minutes_ago=20), a_reading(50, minutes_ago=18), a_reading(110, minutes_ago=10), a_reading(50))
    watch.tick(conn, NOW)
    assert steps(conn) == [("candidate", "blue"), ("lifted", "blue")], "the 900 of twenty minutes ago is history"


def test_a_sensor_that_speaks_once_in_two_hours_is_heard_all_the_same(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device(interval_s=7200), a_reading(110, minutes_ago=100))
    watch.tick(conn, NOW)
    assert len(open_now(conn)) == 1


def test_back_fill_of_yesterday_warns_nobody_today(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device())
    stored(conn, a_reading(900, minutes_ago=24 * 60))
    watch.tick(conn, NOW)
    assert open_now(conn) == []


def test_an_acknowledged_warning_that_gets_graver_waits_again(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device())
    (warning,) = measured(conn, watch, 110, 0)
    record_step(conn, warning.warning_id, WarningState.ACKNOWLEDGED, BLUE, now=NOW + minutes(0.5), actor="li")
    (warning,) = measured(conn, watch, 90, 1)
    assert warning.state is WarningState.ACKNOWLEDGED
    (warning,) = measured(conn, watch, 170, 2)
    assert (warning.state, warning.level) == (WarningState.CANDIDATE, YELLOW)


def test_a_step_is_never_hidden_behind_one_recorded_a_moment_later(conn: Connection, watch: Watch) -> None:
    """Somebody acknowledges while the watch, whose tick began a second earlier, is about to escalate."""
    seed_rules(conn, [AT_ONCE], now=NOW)
    stored(conn, a_device())
    (warning,) = measured(conn, watch, 110, 0)
    record_step(conn, warning.warning_id, WarningState.ACKNOWLEDGED, BLUE, now=NOW + minutes(1.02), actor="li")
    stored(conn, a_reading(170, minutes_ago=-1))
    watch.tick(conn, NOW + minutes(1))
    (warning,) = open_now(conn, 2)
    assert warning.level is YELLOW


def issued(conn: Connection, medians: list[float], *, minutes_later: float = 0, device_id: str = STATION) -> None:
    """A forecast by the quarter-hour from NOW on, band median ± 10."""
    forecast = Forecast(
        datastream_id=the_stream(conn, device_id), issued_at=NOW + minutes(minutes_later), first_target=NOW, step_s=900,
        q10=tuple(m - 10 for m in medians), q50=tuple(medians), q90=tuple(m + 10 for m in medians), model="autoreg",
        model_version="1", watermark=NOW,
    )  # fmt: skip
    write_forecasts(conn, DayPartitions(conn), [forecast])


def test_a_forecast_warns_before_the_threshold_is_passed(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [EXPECTED], now=NOW)
    stored(conn, a_device(), a_reading(40))
    issued(conn, [50, 70, 100, 110])
    watch.tick(conn, NOW)
    (warning,) = open_now(conn)
    assert (warning.level, warning.source) == (BLUE, WarningSource.FORECAST)
    assert warning.lead_time_s == 1800, "the third quarter-hour is the first with an even chance"
    assert warning.probability == pytest.approx(0.9), "the fourth: its 10 % quantile is the threshold"
    assert {k: warning.evidence[k] for k in ("value", "threshold", "q10", "q90", "model", "issued_at")} == {
        "value": 100, "threshold": 100, "q10": 90, "q90": 110, "model": "autoreg", "issued_at": NOW.isoformat(),
    }  # fmt: skip


def test_a_better_forecast_lifts_the_warning(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [EXPECTED], now=NOW)
    stored(conn, a_device(), a_reading(40))
    issued(conn, [50, 70, 100, 110])
    watch.tick(conn, NOW)
    issued(conn, [50, 60, 60, 60], minutes_later=15)
    watch.tick(conn, NOW + minutes(15))
    assert open_now(conn, 15) == []


def test_forecasts_of_an_issue_that_are_stored_later_are_judged_too(conn: Connection, watch: Watch) -> None:
    """The forecaster stores an issue a few series at a time."""
    other = STATION.replace("air-1", "air-2")
    seed_rules(conn, [EXPECTED], now=NOW)
    stored(conn, a_device(), a_reading(40), a_device(other), a_reading(40, device_id=other))
    issued(conn, [50, 70, 100, 110])
    watch.tick(conn, NOW + minutes(0.01))
    issued(conn, [50, 70, 100, 110], device_id=other)
    watch.tick(conn, NOW + minutes(0.2))
    assert {w.device_id for w in open_now(conn, 0.2)} == {STATION, other}


def test_an_issue_whose_judging_failed_is_judged_again(conn: Connection, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_rules(conn, [EXPECTED], now=NOW)
    stored(conn, a_device(), a_reading(40))
    issued(conn, [50, 70, 100, 110])

    def lost(*_: object, **__: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as failing:
        failing.setattr(Watch, "_judge", lost)
        with pytest.raises(ConnectionError):
            watch.tick(conn, NOW + minutes(1))
    watch.tick(conn, NOW + minutes(2))
    assert len(open_now(conn, 2)) == 1


def test_a_complete_issue_is_judged_once(conn: Connection, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_rules(conn, [EXPECTED], now=NOW)
    stored(conn, a_device(), a_reading(40))
    issued(conn, [50, 70, 100, 110])
    watch.tick(conn, NOW + minutes(1))
    monkeypatch.setattr("alerts.service.list_forecasts", lambda *_: pytest.fail("read again"))
    watch.tick(conn, NOW + minutes(2))


def test_what_lies_beyond_the_horizon_does_not_warn_yet(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [EXPECTED], now=NOW)
    stored(conn, a_device(), a_reading(40))
    issued(conn, [50, 50, 50, 50, 50, 200])
    watch.tick(conn, NOW)
    assert open_now(conn) == []
    issued(conn, [50, 50, 50, 50, 50, 200], minutes_later=15)
    watch.tick(conn, NOW + minutes(15))
    assert len(open_now(conn, 15)) == 1


def test_an_old_forecast_neither_warns_nor_lifts(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [EXPECTED], now=NOW)
    stored(conn, a_device(), a_reading(40))
    issued(conn, [200] * 8)
    watch.tick(conn, NOW + minutes(61))
    assert open_now(conn, 61) == []


def test_the_process_stops_when_told(database_url: str, conn: Connection) -> None:
    stop = Event()
    process = Thread(target=run, args=(database_url,), kwargs={"agency": AGENCY, "silence": Silence(120, 86_400), "stop": stop})
    process.start()
    deadline = monotonic() + 10
    while conn.execute("SELECT FROM process_heartbeat WHERE process = 'alerts'").fetchone() is None:
        assert monotonic() < deadline, "the watch never beat its heart"
        process.join(0.05)
    stop.set()
    process.join(5)
    assert not process.is_alive()


def test_rain_is_judged_by_what_has_fallen_in_the_window_and_says_so(conn: Connection, watch: Watch) -> None:
    """10 mm every ten minutes: 30 mm in half an hour. What fell before the window, or is doubtful, does not count."""
    rain = replace(AT_ONCE, rule_id="rain", measure=SeriesMeasure.SUM, window_s=1800, thresholds=(LevelThreshold(BLUE, 30, 25),))
    seed_rules(conn, [rain], now=NOW)
    assert rules.list_rules(conn) == [rain]
    stored(conn, a_device())
    assert measured(conn, watch, 10, 0) == []
    assert measured(conn, watch, 900, 5, quality=Quality.BAD) == []
    assert measured(conn, watch, 10, 10) == []
    (warning,) = measured(conn, watch, 10, 20)
    said = {key: warning.evidence[key] for key in ("value", "threshold", "measure", "window_s", "reading")}
    assert said == {"value": 30, "threshold": 30, "measure": "sum", "window_s": 1800, "reading": 10}
    assert len(measured(conn, watch, 10, 30)) == 1, "the first ten have left the window as these came"
    assert measured(conn, watch, 0, 50) == [], "10 + 0 of the last half hour"
