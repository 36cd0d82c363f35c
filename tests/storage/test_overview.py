"""What the memory says of the city in figures: bounded questions, as of a moment, on local days."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.halls import HallEvent, HallEventKind
from domain.incidents import Grade
from domain.moments import Moment
from domain.observations import PropertySpec, Quality
from domain.units import UnitStatus
from storage import overview, rollups
from storage.connection import Connection, one_view
from storage.forecasts import write_forecasts
from storage.overview import NOTHING, Compared, PowerHour, Questions, Spans
from storage.partitions import DayPartitions
from storage.snapshots import overview_snapshot
from tests.support.scenes import (
    COUNTER,
    NOW,
    STATION,
    a_device,
    a_forecast,
    a_reading,
    a_request,
    a_state,
    a_status,
    a_unit,
    an_incident,
    an_order,
    minutes,
    ordered,
    stored,
    the_stream,
)  # fmt: skip

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
LIVE = Moment.live(NOW)
SPANS = Spans(28, 7)
HOUR = timedelta(hours=1)
DAY_MIN = 1440
WEST = "440107/environment/west/air-2"


def a_ticket_event(
    event: HallEventKind, ticket: str, *, minutes_ago: float, delay_minutes: float = 0, event_id: str = ""
) -> HallEvent:
    time = NOW - minutes(minutes_ago)
    return HallEvent(
        "hall-1",
        COUNTER,
        event_id or f"{event.value}-{ticket}-{minutes_ago}",
        time,
        time + minutes(delay_minutes),
        event,
        ticket=ticket,
        item="tax",
    )


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


# today and yesterday


def test_today_begins_at_local_midnight_and_yesterday_ends_at_the_same_time_on_the_clock() -> None:
    today, yesterday = Compared.days(utc(2026, 3, 1, 16, 10), SHANGHAI)  # ten past midnight of the second
    assert (today.start, today.until) == (utc(2026, 3, 1, 16), utc(2026, 3, 1, 16, 10))
    assert (yesterday.start, yesterday.until) == (utc(2026, 2, 28, 16), utc(2026, 2, 28, 16, 10))


def test_yesterday_is_an_hour_short_when_the_clock_went_forward_in_it() -> None:
    """On 2026-03-29 Berlin goes from 02:00 to 03:00: by noon of that day eleven hours have passed since midnight."""
    today, yesterday = Compared.days(datetime(2026, 3, 30, 12, tzinfo=BERLIN).astimezone(UTC), BERLIN)
    assert today.until - today.start == 12 * HOUR
    assert (yesterday.start, yesterday.until) == (utc(2026, 3, 28, 23), utc(2026, 3, 29, 10))


def test_yesterday_is_an_hour_long_when_the_clock_went_back_in_it() -> None:
    _, yesterday = Compared.days(datetime(2026, 10, 26, 12, tzinfo=BERLIN).astimezone(UTC), BERLIN)
    assert yesterday.until - yesterday.start == 13 * HOUR


def test_a_time_that_yesterdays_clock_skipped_is_read_by_the_clock_before() -> None:
    _, yesterday = Compared.days(datetime(2026, 3, 30, 2, 30, tzinfo=BERLIN).astimezone(UTC), BERLIN)
    assert yesterday.until == utc(2026, 3, 29, 1, 30)  # half past two in winter time, half past three on the clock


def test_today_on_the_day_of_the_change_has_its_own_length() -> None:
    today, _ = Compared.days(datetime(2026, 3, 29, 12, tzinfo=BERLIN).astimezone(UTC), BERLIN)
    assert today.until - today.start == 11 * HOUR


# bounds


def test_a_question_that_takes_too_long_is_given_up_and_the_others_go_on(conn: Connection) -> None:
    with one_view(conn):
        ask = Questions(conn, timeout_ms=50)
        assert ask.ask("slow", lambda: conn.execute("SELECT pg_sleep(5)").fetchone()) is None
        assert ask.ask("quick", lambda: conn.execute("SELECT 1").fetchone()) == (1,)
        assert ask.unanswered == ["slow"]
    assert conn.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_what_was_not_answered_is_none_and_named(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleeps(conn: Connection, *_: object, **__: object) -> list[overview.RequestCount]:
        conn.execute("SELECT pg_sleep(30)")
        return []

    monkeypatch.setattr(overview, "count_requests", sleeps)
    with one_view(conn):
        found = overview.take(conn, LIVE, SHANGHAI, SPANS, timeout_ms=1_000)
    assert found.requests_day is None
    assert found.request_days.before is None
    assert {"requests_day", "requests_before"} <= set(found.unanswered)


def test_an_empty_memory_answers_with_nothing(conn: Connection) -> None:
    for moment in (LIVE, Moment.past(NOW)):
        found = overview_snapshot(conn, moment, SHANGHAI, SPANS)
        assert (found.readings, found.units, found.incidents_day, found.requests_day, found.unanswered) == ((), (), (), (), ())
        assert (found.incidents_today, found.requests_today) == ((0, None), (0, None))
        assert (found.request_days.oldest, found.incident_days.oldest, found.minutely.ahead) == (None, None, None)
        assert found.minutely.response == (0, None, None, None)


def test_what_is_known_is_not_read_again(conn: Connection) -> None:
    first = overview_snapshot(conn, LIVE, SHANGHAI, SPANS, NOTHING)
    stored(conn, a_request(minutes_ago=DAY_MIN + 60))
    again = overview_snapshot(conn, LIVE, SHANGHAI, SPANS, first.known)
    assert again.request_days is first.request_days
    anew = overview_snapshot(conn, LIVE, SHANGHAI, SPANS, replace(first.known, request_days=None))
    assert anew.request_days.oldest == NOW - minutes(DAY_MIN + 60)
    assert anew.rollups is first.rollups


# incidents and requests


def test_incidents_are_counted_by_desk_day_and_grade(conn: Connection) -> None:
    stored(
        conn, an_incident("i-1", minutes_ago=0), an_incident("i-2", minutes_ago=DAY_MIN - 1, grade=Grade.I), an_incident("i-3", minutes_ago=DAY_MIN),
        an_incident("i-4", minutes_ago=2 * DAY_MIN - 1), an_incident("i-5", minutes_ago=29 * DAY_MIN),
    )  # fmt: skip
    assert sorted(overview.count_incidents(conn, LIVE, 0, days=1)) == [("440106", 0, "I", 1), ("440106", 0, "III", 1)]
    assert sorted(overview.count_incidents(conn, LIVE, 1, days=28)) == [("440106", 1, "III", 2)]


def test_requests_are_counted_by_class_and_day(conn: Connection) -> None:
    stored(
        conn,
        a_request("r-1"),
        a_request("r-2", minutes_ago=60),
        a_request("r-3", minutes_ago=DAY_MIN),
        a_request("r-4", minutes_ago=3 * DAY_MIN + 1),
    )
    assert overview.count_requests(conn, LIVE, 0, days=1) == [("440106", "waterlogging", 0, 2)]
    assert sorted(overview.count_requests(conn, LIVE, 1, days=28)) == [
        ("440106", "waterlogging", 1, 1),
        ("440106", "waterlogging", 3, 1),
    ]


def test_drills_are_not_counted(conn: Connection) -> None:
    stored(conn, an_incident(), a_request())
    conn.execute("UPDATE incident SET exercise_id = 'drill'")
    conn.execute("UPDATE request SET exercise_id = 'drill'")
    found = overview_snapshot(conn, LIVE, SHANGHAI, SPANS)
    assert (found.incidents_today, found.requests_today, found.incidents_day, found.requests_day) == (
        (0, None),
        (0, None),
        (),
        (),
    )


def test_today_and_yesterday_are_counted_to_the_same_time(conn: Connection) -> None:
    """NOW is nine in the morning: 540 minutes since midnight."""
    ago = [1, 539, 541, DAY_MIN - 1, DAY_MIN + 1, DAY_MIN + 539, DAY_MIN + 541]
    stored(conn, *(a_request(f"r-{m}", minutes_ago=m) for m in ago), *(an_incident(f"i-{m}", minutes_ago=m) for m in ago))
    found = overview_snapshot(conn, LIVE, SHANGHAI, SPANS)
    assert (found.requests_today, found.incidents_today) == ((2, NOW - minutes(1)), (2, NOW - minutes(1)))
    assert found.minutely.requests_before == found.minutely.incidents_before == (2, NOW - minutes(DAY_MIN + 1))
    assert found.request_days.to_this_time[:3] == (2, 0, 0)


def test_a_past_moment_counts_what_was_known_then(conn: Connection) -> None:
    """Half an hour ago something was reported that reached us five minutes ago."""
    stored(conn, an_incident(minutes_ago=30, delay_minutes=25), a_request(minutes_ago=30, delay_minutes=25))
    then = NOW - minutes(10)
    as_then = overview_snapshot(conn, Moment.past(then), SHANGHAI, SPANS)
    as_now = overview_snapshot(conn, Moment.past(then, NOW), SHANGHAI, SPANS)
    assert (as_then.incidents_today, as_then.requests_today, as_then.requests_day) == ((0, None), (0, None), ())
    assert as_then.request_days.oldest is None
    assert (as_now.incidents_today, as_now.requests_today) == ((1, NOW - minutes(30)), (1, NOW - minutes(30)))


def test_requests_are_counted_by_the_hour(conn: Connection) -> None:
    stored(conn, a_request("r-1", minutes_ago=1), a_request("r-2", minutes_ago=59), a_request("r-3", minutes_ago=61))
    assert overview.count_requests_by_hour(conn, LIVE, NOW - 2 * HOUR, NOW) == [(NOW - 2 * HOUR, 1), (NOW - HOUR, 2)]


# readings and hours


def test_every_datastream_is_there_with_its_newest_value_or_none(conn: Connection) -> None:
    stored(conn, a_device(), a_device(WEST), a_unit(), a_reading(40, minutes_ago=3), a_reading(41, minutes_ago=1))
    found = {r.device_id: r for r in overview.list_readings(conn, LIVE)}
    assert (found[STATION].value, found[STATION].phenomenon_time, found[STATION].quality) == (41, NOW - minutes(1), 0)
    assert (found[WEST].value, found[WEST].quality, found[WEST].district_code) == (None, None, "440107")
    assert len(found) == 2  # a vehicle measures nothing


def test_a_past_reading_is_the_one_known_then_with_the_state_said_by_then(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=60), a_reading(40, minutes_ago=20), a_reading(41, minutes_ago=15, delay_minutes=14))
    stored(conn, a_state("online", minutes_ago=50), a_state("offline", minutes_ago=5))
    (then,) = overview.list_readings(conn, Moment.past(NOW - minutes(10)))
    (now,) = overview.list_readings(conn, LIVE)
    assert (then.value, then.state) == (40, "online")
    assert (now.value, now.state) == (41, "offline")


def test_a_device_first_seen_later_is_in_the_past_only_with_what_was_measured_then(conn: Connection) -> None:
    """One that came half an hour ago and brought a reading of an hour ago along, as a history does, and one that brought none."""
    stored(conn, a_device(), a_device(WEST), a_reading(40, minutes_ago=60), a_reading(1, minutes_ago=1, device_id=WEST))
    conn.execute("UPDATE device SET first_seen = %s", (NOW - minutes(30),))
    assert [r.device_id for r in overview.list_readings(conn, Moment.past(NOW - minutes(45)))] == [STATION]
    assert len(overview.list_readings(conn, Moment.past(NOW - minutes(20)))) == 2


def test_hours_of_the_past_leave_out_what_came_later_and_keep_what_was_corrected_later(conn: Connection) -> None:
    stored(
        conn, a_device(), a_reading(10, minutes_ago=100), a_reading(20, minutes_ago=90), a_reading(90, minutes_ago=80, delay_minutes=79),
        a_reading(99, minutes_ago=85, quality=Quality.BAD),
    )  # fmt: skip
    stored(conn, a_reading(30, minutes_ago=90, delay_minutes=85, corrects=True))
    window = (("pm25",), NOW - 2 * HOUR, NOW)
    (then,) = overview.list_hours(conn, Moment.past(NOW - minutes(30)), *window)
    (now,) = overview.list_hours(conn, LIVE, *window)
    assert (then.n, then.mean, then.low, then.high) == (2, 15, 10, 20)  # 10 and 20
    assert (now.n, now.mean) == (3, pytest.approx((10 + 30 + 90) / 3))


def test_hours_are_the_same_live_and_as_known_now_rolled_up_or_not(conn: Connection) -> None:
    stored(
        conn,
        a_device(),
        a_device(WEST),
        *(a_reading(m, minutes_ago=m) for m in range(61, 300, 7)),
        a_reading(5, minutes_ago=70, device_id=WEST),
    )
    window = (("pm25",), NOW - 6 * HOUR, NOW)
    live = overview.list_hours(conn, LIVE, *window)
    assert live == overview.list_hours(conn, Moment.past(NOW), *window)
    rollups.refresh(conn, NOW + HOUR)
    assert overview.list_hours(conn, LIVE, *window) == live


def test_voltages_of_an_hour_are_within_a_tenth_of_a_nominal_one_or_not(conn: Connection) -> None:
    """10 kV: 9.1 and 11 are within, 8.9 and 0 are not; a bad reading does not count."""
    volts = (PropertySpec("voltage", "kV", 0, 600),)
    stored(conn, a_device(properties=volts), *(a_reading(v, minutes_ago=10 + k, prop="voltage") for k, v in enumerate((9.1, 11.0, 8.9, 0.0))),
           a_reading(9.9, minutes_ago=30, prop="voltage", quality=Quality.BAD))  # fmt: skip
    assert overview.list_power_hours(conn, LIVE, NOW - HOUR, NOW) == [PowerHour(NOW - HOUR, 4, 2)]
    assert [overview.is_supplied(v) for v in (9.1, 11.0, 8.9, 0.0)] == [True, True, False, False]


def test_devices_heard_of_are_counted_by_the_hour(conn: Connection) -> None:
    stored(
        conn,
        a_device(minutes_ago=600),
        a_device(WEST, minutes_ago=600),
        a_unit(minutes_ago=600),
        a_reading(1, minutes_ago=30),
        a_reading(1, minutes_ago=40),
        a_reading(1, minutes_ago=90, device_id=WEST),
    )
    assert overview.count_heard(conn, NOW - 2 * HOUR, NOW) == [(NOW - 2 * HOUR, 1), (NOW - HOUR, 1)]
    assert overview_snapshot(conn, Moment.past(NOW), SHANGHAI, SPANS).courses.heard_by_hour is None


# halls and units


def test_waits_go_from_arrival_to_the_first_call_of_those_called_within_the_span(conn: Connection) -> None:
    """Waits of 10 and 20 minutes: the median is 15, the 90th percentile 19, by straight lines between the two."""
    arrive, call = HallEventKind.ARRIVE, HallEventKind.CALL
    stored(
        conn, a_ticket_event(arrive, "A1", minutes_ago=30), a_ticket_event(call, "A1", minutes_ago=20), a_ticket_event(call, "A1", minutes_ago=5),
        a_ticket_event(arrive, "A2", minutes_ago=25), a_ticket_event(call, "A2", minutes_ago=5), a_ticket_event(arrive, "A3", minutes_ago=50),
        a_ticket_event(arrive, "A4", minutes_ago=90), a_ticket_event(call, "A4", minutes_ago=70), a_ticket_event(call, "A5", minutes_ago=4),
    )  # fmt: skip
    found = {of.district_code: of for of in overview.list_waits(conn, LIVE, HOUR, SHANGHAI)}
    assert found.keys() == {None, "440106"}
    assert (found[None].n, found[None].p50_s, found[None].p90_s, found[None].newest) == (2, 900, 1140, NOW - minutes(5))


def test_a_number_drawn_on_two_days_is_two_tickets(conn: Connection) -> None:
    arrive, call = HallEventKind.ARRIVE, HallEventKind.CALL
    stored(conn, *(a_ticket_event(kind, "A1", minutes_ago=m) for kind, m in ((arrive, DAY_MIN + 30), (arrive, 30), (call, 10))))
    city = next(of for of in overview.list_waits(conn, LIVE, timedelta(days=1), SHANGHAI) if of.district_code is None)
    assert (city.n, city.p90_s) == (1, 1200)


def test_waits_and_services_of_the_past_are_those_known_then(conn: Connection) -> None:
    stored(
        conn, a_ticket_event(HallEventKind.ARRIVE, "A1", minutes_ago=50), a_ticket_event(HallEventKind.CALL, "A1", minutes_ago=40, delay_minutes=35),
        a_ticket_event(HallEventKind.END, "A1", minutes_ago=30, delay_minutes=25),
    )  # fmt: skip
    then, today = Moment.past(NOW - minutes(20)), Compared.days(NOW, SHANGHAI)[0].start
    assert overview.list_waits(conn, then, HOUR, SHANGHAI) == []
    assert overview.count_served(conn, then, today) == (0, None)
    assert overview.count_served(conn, LIVE, today) == (1, NOW - minutes(30))
    assert len(overview.list_waits(conn, Moment.past(then.at, NOW), HOUR, SHANGHAI)) == 2


def test_the_response_is_the_first_unit_there_and_only_once_it_is(conn: Connection) -> None:
    """Reported 10 minutes ago, sent 5 minutes ago, there 2 minutes ago: eight minutes."""
    stored(conn, a_unit(), an_incident(minutes_ago=10), an_incident("i-2", minutes_ago=9))
    ordered(conn, an_order(minutes_ago=5))
    midnight = Compared.days(NOW, SHANGHAI)[0].start
    assert overview.find_response(conn, LIVE, midnight) == (0, None, None, None)
    stored(
        conn,
        a_status(UnitStatus.ON_SCENE, minutes_ago=2, order_id="o-1"),
        a_status(UnitStatus.WORKING, minutes_ago=1, order_id="o-1"),
    )
    assert overview.find_response(conn, LIVE, midnight) == (1, 480, 480, NOW - minutes(2))
    assert overview.find_response(conn, Moment.past(NOW - minutes(3)), midnight).n == 0


def test_units_have_the_status_of_the_moment_and_one_that_never_spoke_is_out_of_service(conn: Connection) -> None:
    stored(
        conn,
        a_unit("a-1"),
        a_unit("a-2"),
        a_status(UnitStatus.AVAILABLE, minutes_ago=30),
        a_status(UnitStatus.ENROUTE, minutes_ago=5),
    )
    status = {
        then: [
            u.status
            for u in sorted(overview.list_unit_statuses(conn, Moment.past(NOW - minutes(then))), key=lambda u: u.since is None)
        ]
        for then in (40, 10, 0)
    }
    assert status[40] == [UnitStatus.OUT_OF_SERVICE] * 2
    assert status[10] == [UnitStatus.AVAILABLE, UnitStatus.OUT_OF_SERVICE]
    assert status[0] == [UnitStatus.ENROUTE, UnitStatus.OUT_OF_SERVICE]


# the series ahead


def test_the_series_shown_ahead_is_the_busiest_that_has_a_forecast(conn: Connection) -> None:
    flow = (PropertySpec("intensity", "/h", 0, 12_000),)
    loops = [f"440106/traffic/road/loop-{k}" for k in (1, 2, 3)]
    stored(conn, *(a_device(loop, properties=flow, attributes=(("name_zh", "一路"), ("name_en", "First Road"))) for loop in loops),
           *(a_reading(100.0 * (k + 1), minutes_ago=30, device_id=loop, prop="intensity") for k, loop in enumerate(loops)))  # fmt: skip
    assert overview.find_busiest(conn, LIVE, "intensity") is None
    numbers = [the_stream(conn, loop, "intensity") for loop in loops]
    write_forecasts(conn, DayPartitions(conn), [a_forecast(number, median=50 * k) for k, number in enumerate(numbers[:2])])
    assert overview.find_busiest(conn, LIVE, "intensity") == numbers[1]  # the third is busier and has none
    ahead = overview.find_ahead(conn, LIVE, numbers[1])
    assert ahead is not None
    assert (ahead.device_id, ahead.name_zh, ahead.name_en, ahead.forecast.q50) == (loops[1], "一路", "First Road", (50.0,) * 4)
    assert ahead.series.values[0, -3] == 200  # the quarter from 08:30, two before the one that has begun
    assert overview.find_ahead(conn, Moment.live(NOW + timedelta(days=1)), numbers[1]) is None
