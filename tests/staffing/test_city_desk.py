"""The city's desk against a real database: days that are over are kept, found when they come late; surges raised and ended; what the
weeks say."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from domain.halls import HallEvent, HallEventKind, TicketChannel
from domain.moments import Moment
from domain.observations import Reading
from staffing.city_desk import CityDesk
from staffing.floor import Book, day_of
from staffing.hall_days import HallDay, hall_day, usual_waits
from staffing.practice import HallPractice
from storage import closures, hall_city, halls, rollups
from storage.connection import Connection
from storage.forecasts import write_forecasts
from storage.partitions import DayPartitions
from tests.support.halls import a_visit, at, said
from tests.support.scenes import COUNTER, NOW, a_device, a_forecast, a_state, stored

SHANGHAI = ZoneInfo("Asia/Shanghai")
K = HallEventKind
TODAY = date(2026, 3, 2)
WEEK = 7 * 24 * 60
NOBODY: Any = SimpleNamespace(profiles={})


def is_worked(day: date) -> bool:
    return day.weekday() < 5


def a_desk() -> CityDesk:
    return CityDesk(HallPractice(), SHANGHAI, is_worked)


def run(desk: CityDesk, conn: Connection, now: datetime, rounds: int = 80, seen: Any = NOBODY) -> datetime:
    for _ in range(rounds):
        now += timedelta(seconds=1)
        desk.tick(conn, now, seen)
    return now


def usual_profile(expected: float, noise: float = 0.1) -> Any:
    """A hall at which `expected` people come for tax in every quarter of an hour of working days."""
    item = SimpleNamespace(usual={"workday": (expected,) * 96})
    return SimpleNamespace(profiles={"hall-1": SimpleNamespace(items={"tax": item}, day_noise=noise)})


def test_what_is_kept_of_a_day_is_who_came_and_how_long_they_waited_by_item_and_hour() -> None:
    booked = said(K.ARRIVE, 70, "B1", channel=TicketChannel.APPOINTMENT.value)
    events = [*a_visit("A1", 0, 7, 8, 20), *a_visit("A2", 10, 40, 41, 50, item="vehicle"), booked]
    kept = hall_day("hall-1", Book(events).floor, TODAY, SHANGHAI, len(events))
    assert kept.came == {"tax": {9: (1, 0), 10: (0, 1)}, "vehicle": {9: (1, 0)}}
    assert kept.waits_s == {"tax": {9: (420,)}, "vehicle": {9: (1800,)}}
    assert (kept.walk_ins(range(6, 13)), kept.walk_ins(range(13, 20))) == (2, 0)
    assert HallDay.from_json("hall-1", TODAY, len(events), kept.as_json()) == kept


def test_the_best_time_is_the_hour_in_which_people_waited_least() -> None:
    def day(week: int, **hours: int) -> HallDay:
        waits = {int(name[1:]): (seconds,) * 15 for name, seconds in hours.items()}
        return HallDay("hall-1", TODAY - timedelta(weeks=week), 1, {}, {"tax": waits})

    usual = usual_waits([day(1, h9=600, h10=300, h11=30), day(2, h9=660, h10=330)])
    assert [(u.item, u.hour, u.p50_s, u.n, u.n_days, u.weekday) for u in usual] == [
        ("", 9, 630, 30, 2, 1), ("", 10, 315, 30, 2, 1), ("tax", 10, 315, 30, 2, 1),
    ]  # fmt: skip


def test_days_that_are_over_are_kept_and_made_anew_when_more_of_them_comes(conn: Connection) -> None:
    stored(conn, *a_visit("A1", -WEEK, 7 - WEEK, 8 - WEEK, 20 - WEEK), *a_visit("A1", 0, 7, 8, 20))
    desk = a_desk()
    now = run(desk, conn, at(60))
    (kept,) = hall_city.list_days(conn, TODAY - timedelta(days=60))
    assert (kept.hall_id, kept.day, kept.n_events) == ("hall-1", TODAY - timedelta(days=7), 4)
    assert kept.content["waits_s"] == {"tax": {"9": [420]}}
    weeks = hall_city.find_weeks(conn)
    assert weeks is not None
    assert weeks[1]["days"] == 1
    stored(conn, said(K.ARRIVE, 5 - WEEK, "A9"), *a_visit("A1", -2 * WEEK, 1 - 2 * WEEK, 2 - 2 * WEEK, 3 - 2 * WEEK))
    for _ in range(65):  # one of 56 days is counted every half minute
        now += timedelta(seconds=30)
        desk.tick(conn, now, NOBODY)
    assert {d.day: d.n_events for d in hall_city.list_days(conn, TODAY - timedelta(days=60))} == {
        TODAY - timedelta(days=7): 5, TODAY - timedelta(days=14): 4,
    }  # fmt: skip


def test_a_surge_is_raised_outlives_the_desk_and_ends(conn: Connection) -> None:
    calm = [said(K.ARRIVE, k * 7.5 - 90, f"A{k}") for k in range(8)]
    crowd = [said(K.ARRIVE, k * 1.0 - 30, f"B{k}") for k in range(30)]
    stored(conn, *calm, *crowd)
    seen = usual_profile(2.0)
    desk = a_desk()
    assert desk.tick(conn, NOW, seen)["surges"] == 1
    (surge,) = hall_city.list_surges(conn, ended_after=NOW)
    assert (surge.hall_id, surge.item, surge.raised_at, surge.ended_at) == ("hall-1", "tax", NOW, None)
    assert abs(surge.since - at(-30)) <= timedelta(minutes=5)
    assert (surge.content["minutes"], surge.content["observed"], surge.content["expected"]) == (30, 30, 4.0)
    other = a_desk()
    other.tick(conn, NOW + timedelta(minutes=2), seen)
    assert [(s.raised_at, s.ended_at) for s in hall_city.list_surges(conn, ended_after=NOW)] == [(NOW, None)]
    for later in range(3, 100, 2):
        other.tick(conn, NOW + timedelta(minutes=later), seen)
    (over,) = hall_city.list_surges(conn, ended_after=NOW)
    assert over.ended_at is not None
    assert timedelta(minutes=30) < over.ended_at - NOW < timedelta(minutes=90)


def test_what_was_foreseen_hours_ago_counts_before_what_is_usual(conn: Connection) -> None:
    stored(conn, *(said(K.ARRIVE, k * 1.0 - 30, f"B{k}") for k in range(30)))
    conn.execute(
        "INSERT INTO derived_series (key, first_seen) VALUES ('hall/hall-1/arrivals/tax', %s)", (NOW - timedelta(days=9),)
    )
    (number,) = conn.execute("SELECT series_id FROM derived_series").fetchone() or (0,)
    issued = NOW - timedelta(hours=5)
    made = replace(
        a_forecast(number), issued_at=issued, first_target=issued, step_s=900, q10=(12.0,) * 40, q50=(15.0,) * 40,
        q90=(18.0,) * 40, q05=(), q95=(),
    )  # fmt: skip
    write_forecasts(conn, DayPartitions(conn), [made])
    assert a_desk().tick(conn, NOW, usual_profile(2.0))["surges"] == 0
    assert a_desk().tick(conn, NOW + timedelta(minutes=1), NOBODY)["surges"] == 0


def test_a_hall_of_which_nothing_is_expected_raises_nothing(conn: Connection) -> None:
    stored(conn, *(said(K.ARRIVE, k * 0.5 - 30, f"B{k}") for k in range(60)))
    assert a_desk().tick(conn, NOW, NOBODY)["surges"] == 0
    assert a_desk().tick(conn, NOW, usual_profile(2.0))["surges"] == 1


def test_weeks_of_rain_and_closed_roads_are_told(conn: Connection) -> None:
    """Thirty working days of fifty people; on every third it pours and half of them stay at home; roads are never closed."""
    stored(
        conn, a_device(COUNTER, type_name="ServiceHall", properties=(), mode="on_change"), a_state("online", device_id=COUNTER)
    )
    gauge = "440106/environment/north/rain-1"
    stored(conn, a_device(gauge, type_name="RainGauge", interval_s=3600, properties=()))
    days = [d for k in range(1, 55) if is_worked(d := TODAY - timedelta(days=k))][:30]
    told: list[HallEvent] = []
    for number, day in enumerate(days):
        morning = day_of(day, SHANGHAI).start + timedelta(hours=9)
        n = 25 if number % 3 == 0 else 50
        told += [replace(said(K.ARRIVE, 0, f"A{k}", channel="walk_in"), phenomenon_time=morning + timedelta(minutes=2 * k),
                         received_time=morning + timedelta(minutes=2 * k)) for k in range(n)]  # fmt: skip
    stored(conn, *told)
    rain_at = [day_of(day, SHANGHAI).start + timedelta(hours=10) for day in days]
    readings = [Reading(gauge, "precipitation", t, t, 0.0 if number % 3 else 10.0) for number, t in enumerate(rain_at)]
    stored(conn, *readings)
    while rollups.refresh(conn, NOW):
        pass
    rain = hall_city.list_rain(conn, "precipitation", NOW - timedelta(days=60), NOW)
    assert sorted(set(rain.values())) == [0, 10]
    desk = a_desk()
    now = run(desk, conn, NOW, rounds=100)
    run(desk, conn, now + timedelta(hours=2), rounds=3)
    weeks = hall_city.find_weeks(conn)
    assert weeks is not None
    effect = {e["cause"]: e for e in weeks[1]["cross"]}
    assert (effect["rain"]["n_days"], effect["rain"]["of_days"]) == (10, 30)
    assert 0.45 < effect["rain"]["ratio"] < 0.56
    assert effect["closure"]["ratio"] is None


def test_a_day_of_ten_thousand_events_is_kept_within_the_time_of_a_round(conn: Connection) -> None:
    visits = [
        e for k in range(2_500) for e in a_visit(f"A{k}", k / 5 - WEEK, k / 5 + 5 - WEEK, k / 5 + 6 - WEEK, k / 5 + 15 - WEEK)
    ]
    stored(conn, *visits)
    day = day_of(TODAY - timedelta(days=7), SHANGHAI)
    began = time.perf_counter()
    told = halls.list_hall_events(conn, day.start, day.end, Moment.live(NOW), hall_ids=["hall-1"])
    hall_day("hall-1", Book(told).floor, day.date, SHANGHAI, len(told))
    assert len(told) == 10_000
    assert time.perf_counter() - began < 1.0
    assert closures.list_closures(conn, Moment.live(NOW)) == []
