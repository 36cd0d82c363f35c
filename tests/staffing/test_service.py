"""The halls' process at a real database: it learns, foresees, judges and sets right; a fault of one part stops no other; it is
killed, the clock is set back, midnight comes, halls fall silent or tell nothing."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import pytest

from domain.halls import HallEvent, HallEventKind
from domain.moments import Moment
from staffing import service
from staffing.books import Seen
from staffing.practice import HallPractice
from staffing.service import Halls
from staffing.waits import ANY, CLOSED_EARLY, NO_EVENTS, NO_PROFILE
from staffing.waits_desk import WaitsDesk
from storage import profiles, waits
from storage.connection import Connection, connect
from storage.heartbeats import list_heartbeats
from tests.support.databases import Databases
from tests.support.scenes import a_device, stored
from tests.support.simulated_halls import ZONE, a_hall, at_clock, hall_day, is_worked, working_days

K = HallEventKind
HALL = a_hall(6)
DAYS = working_days(date(2026, 3, 27), 5)
TODAY = DAYS[-1]
PAST = [hall_day(HALL, day.date) for day in DAYS[:-1]]
EVENTS = hall_day(HALL, TODAY.date)


def births(conn: Connection, hall_id: str = HALL.hall_id) -> None:
    queue = HALL.device_id.replace(HALL.hall_id, hall_id)
    said_of_itself = (("name_zh", "东厅"), ("name_en", "East Hall"), ("capabilities", ";".join(HALL.items)))
    stored(
        conn,
        a_device(queue, type_name="ServiceHall", properties=(), mode="on_change", interval_s=3600, attributes=said_of_itself),
    )


@pytest.fixture(scope="module")
def four_days(databases: Databases) -> Iterator[str]:
    """A database that knows the hall and its last four working days. Tests write into copies of their own day only."""
    with databases.fresh() as url:
        with connect(url) as conn:
            births(conn)
            for day in PAST:
                stored(conn, *day)
        yield url


@pytest.fixture
def conn(four_days: str) -> Iterator[Connection]:
    """The four days, and nothing of what other tests have left."""
    with connect(four_days) as connection:
        connection.execute("DELETE FROM hall_event WHERE phenomenon_time >= %s", (TODAY.start,))
        for table in ("hall_profile", "wait_forecast", "wait_score", "wait_calibration"):
            connection.execute(f"DELETE FROM {table}")  # type: ignore[arg-type]
        yield connection


def heard(conn: Connection, since: datetime, until: datetime, *, late: timedelta = timedelta(0)) -> None:
    """Today's events of (since, until], received when they happened."""
    stored(conn, *[replace(e, received_time=e.phenomenon_time + late) for e in EVENTS if since < e.phenomenon_time <= until])


def a_process(*kinds: Any) -> Halls:
    return Halls(HallPractice(), ZONE, is_worked, kinds or (WaitsDesk,))


def clock(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return at_clock(TODAY, hour, minute) + timedelta(seconds=second)


def ticks(process: Halls, conn: Connection, since: datetime, until: datetime, step_s: int = 60) -> Mapping[str, Any]:
    figures: Mapping[str, Any] = {}
    while since <= until:
        figures = process.tick(conn, since)
        since += timedelta(seconds=step_s)
    return figures


def learned(process: Halls, conn: Connection, now: datetime) -> datetime:
    """Ticks until the hall is known; a moment later."""
    for k in range(60):
        figures = process.tick(conn, now + timedelta(seconds=k))
        if figures["profiles"] and not figures["learning"]:
            return now + timedelta(seconds=k + 1)
    raise AssertionError(figures)


def test_a_hall_is_learned_foreseen_and_judged(conn: Connection) -> None:
    process = a_process()
    heard(conn, TODAY.start, clock(9, 30))
    now = learned(process, conn, clock(9, 30))
    stored_profile = profiles.newest_profiles(conn, Moment.live(now))[HALL.hall_id]
    assert stored_profile.content["n_days"] == 4
    for quarter in range(1, 9):
        until = clock(9, 30) + timedelta(minutes=15 * quarter)
        heard(conn, until - timedelta(minutes=15), until)
        ticks(process, conn, max(now, until - timedelta(minutes=15)), until, 300)
    issued = waits.list_wait_forecasts(conn, HALL.hall_id, clock(9), clock(14), items=[ANY])
    assert 18 <= len(issued) <= 26, "every five minutes"
    assert all(later.issued_at - earlier.issued_at >= timedelta(minutes=5) for earlier, later in itertools.pairwise(issued))
    assert issued[-1].p10_s[0] <= issued[-1].p50_s[0] <= issued[-1].p90_s[0]
    scores = {score.lead_s: score for score in waits.list_wait_scores(conn, HALL.hall_id, TODAY.date) if score.item == ANY}
    assert scores[0].n > 50
    assert scores[0].n_inside / scores[0].n > 0.5
    figures = process.tick(conn, clock(11, 31))
    assert figures["desk_faults"] == figures["waits_faults"] == 0
    assert figures["waits_judged_total"] >= sum(score.n for score in scores.values())


def test_a_hall_of_which_few_days_are_known_is_learned_again_soon_and_then_ever_less_often(conn: Connection) -> None:
    """Its past may be being written: after two minutes, four more, eight more; not every minute."""
    process = a_process()
    now = learned(process, conn, clock(9, 30))
    learned_at = set()
    for minute in range(16):
        figures = ticks(process, conn, now + timedelta(minutes=minute), now + timedelta(minutes=minute, seconds=50), 10)
        learned_at.add(figures["learned_total"])
    assert learned_at == {1, 2, 3, 4}


def test_of_two_processes_one_works_and_the_next_goes_on_where_it_died(conn: Connection, four_days: str) -> None:
    heard(conn, TODAY.start, clock(11))
    first = a_process()
    now = learned(first, conn, clock(10))
    ticks(first, conn, now, clock(11), 300)
    before = waits.list_calibrations(conn)[HALL.hall_id]
    with connect(four_days) as other:
        second = a_process()
        assert second.tick(other, clock(11))["is_working"] is False
        conn.execute("SELECT pg_advisory_unlock_all()")  # the first has died
        assert second.tick(other, clock(11, 0, 5))["is_working"] is True
        scores = waits.list_wait_scores(other, HALL.hall_id, TODAY.date)
        assert waits.list_calibrations(other)[HALL.hall_id] == before or before.judged_until < clock(11)
        heard(other, clock(11), clock(12))
        ticks(second, other, clock(11, 1), clock(12), 300)
        after = waits.list_wait_scores(other, HALL.hall_id, TODAY.date)
        assert sum(s.n for s in after) > sum(s.n for s in scores)
        judged = waits.list_calibrations(other)[HALL.hall_id]
        assert judged.judged_until > before.judged_until
        assert not waits.write_judgement(other, HALL.hall_id, TODAY.date, before, after, since=before.judged_until), (
            "nothing counts twice"
        )
        assert waits.list_wait_scores(other, HALL.hall_id, TODAY.date) == after


def reason(conn: Connection, now: datetime, hall_id: str = HALL.hall_id) -> str | None:
    return waits.find_wait_reason(conn, hall_id, Moment.live(now))


def test_a_hall_that_never_had_events_is_said_to_be_unknown(database_url: str) -> None:
    with connect(database_url) as conn:
        births(conn, "hall-9")
        figures = ticks(a_process(), conn, clock(9), clock(9, 5))
        assert reason(conn, clock(9, 5), "hall-9") == NO_PROFILE
        assert (figures["halls"], figures["profiles"], figures["waits_halls"], figures["desk_faults"]) == (1, 0, 0, 0)


def test_a_hall_that_is_silent_or_closes_early_is_said_to_be_so(conn: Connection) -> None:
    process = a_process()
    learned(process, conn, clock(8, 1))
    ticks(process, conn, clock(9, 10), clock(9, 16), 60)
    assert reason(conn, clock(9, 16)) == NO_EVENTS
    assert waits.newest_wait_forecasts(conn, Moment.live(clock(9, 16))) == []
    heard(conn, TODAY.start, clock(10))
    ticks(process, conn, clock(10), clock(10, 6), 60)
    assert reason(conn, clock(10, 6)) is None
    assert {f.item for f in waits.newest_wait_forecasts(conn, Moment.live(clock(10, 6)))} >= {ANY, "tax"}
    numbers = {e.window_no for e in EVENTS if e.window_no is not None}
    closing = [
        HallEvent(HALL.hall_id, HALL.device_id, f"x{n}", clock(10, 7), clock(10, 7), K.WINDOW_CLOSE, window_no=n) for n in numbers
    ]
    stored(conn, *closing)
    ticks(process, conn, clock(10, 8), clock(10, 14), 60)
    assert reason(conn, clock(10, 14)) in (CLOSED_EARLY, None)
    # Those that usually open after noon are still expected to; at half past four nobody is.
    ticks(process, conn, clock(16, 30), clock(16, 36), 60)
    assert reason(conn, clock(16, 36)) == CLOSED_EARLY


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_an_hour_wrong_gives_a_sane_forecast(conn: Connection, hours: int) -> None:
    """The hall's clock runs ahead or behind: its people seem to wait an hour more or less, and everything stays in bounds."""
    process = a_process()
    wrong = [replace(e, phenomenon_time=e.phenomenon_time + timedelta(hours=hours), received_time=e.phenomenon_time)
             for e in EVENTS if e.phenomenon_time <= clock(11)]  # fmt: skip
    stored(conn, *wrong)
    now = learned(process, conn, clock(11))
    figures = ticks(process, conn, now, clock(11, 6), 60)
    assert figures["desk_faults"] == figures["waits_faults"] == 0
    for forecast in waits.newest_wait_forecasts(conn, Moment.live(clock(11, 6))):
        assert all(not wait < 0 for wait in forecast.p10_s)
        assert forecast.known_until <= forecast.issued_at


def test_the_clock_may_be_set_back_and_midnight_may_come(conn: Connection) -> None:
    process = a_process()
    heard(conn, TODAY.start, clock(16))
    now = learned(process, conn, clock(16))
    ticks(process, conn, now, clock(16, 6))
    n = len(waits.list_wait_forecasts(conn, HALL.hall_id, clock(15), clock(17), items=[ANY]))
    ticks(process, conn, clock(15), clock(15, 6))
    assert len(waits.list_wait_forecasts(conn, HALL.hall_id, clock(14), clock(17), items=[ANY])) > n, (
        "it goes on by the new clock"
    )
    tomorrow = TODAY.end + timedelta(minutes=1)
    figures = ticks(process, conn, TODAY.end - timedelta(minutes=1), tomorrow, 30)
    assert (figures["desk_faults"], figures["waits_faults"]) == (0, 0)


class Broken:
    """A desk that always fails."""

    def __init__(self, *_: Any) -> None:
        pass

    def tick(self, conn: Connection, now: datetime, seen: Seen) -> Mapping[str, Any]:
        raise ValueError("this desk is broken")


class Counting(Broken):
    def tick(self, conn: Connection, now: datetime, seen: Seen) -> Mapping[str, Any]:
        return {"counted": len(seen.now.halls), "floors": len(seen.floors)}


def test_a_desk_that_fails_is_said_once_and_stops_no_other(conn: Connection, caplog: pytest.LogCaptureFixture) -> None:
    process = a_process(Broken, Counting)
    heard(conn, TODAY.start, clock(9, 30))
    with caplog.at_level(logging.ERROR):
        figures = ticks(process, conn, clock(9, 30), clock(9, 33))
    assert (figures["counted"], figures["floors"], figures["desk_faults"]) == (1, 1, 4)
    assert [record.message for record in caplog.records] == ["Broken: ValueError: this desk is broken; the others go on"]


def test_the_process_beats_its_heart_and_outlives_a_lost_connection(conn: Connection, four_days: str) -> None:
    stop = Event()
    thread = Thread(
        target=service.run,
        args=(four_days,),
        kwargs={"practice": HallPractice(), "zone": ZONE, "is_worked": is_worked, "stop": stop},
    )
    thread.start()
    try:
        first = _beat_after(conn, None)
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cityhelm-halls'")
        assert _beat_after(conn, first) > first
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def _beat_after(conn: Connection, before: datetime | None) -> datetime:
    """The next heartbeat that says that it works."""
    ends = monotonic() + 20
    while monotonic() < ends:
        for beat in list_heartbeats(conn):
            if (
                beat.process == "halls"
                and beat.metrics.get("is_working")
                and (before is None or beat.beat_at > before + timedelta(seconds=1))
            ):
                return beat.beat_at
        sleep(0.1)
    raise AssertionError("no heartbeat within 20 s")
