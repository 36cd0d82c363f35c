"""Halls in the memory: places, events of a day as known at a moment, usual days, snapshots."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from domain.halls import HallEventKind
from domain.moments import Moment
from domain.observations import PropertySpec
from staffing.floor import local_day
from storage import halls
from storage.connection import Connection
from tests.support.halls import a_visit, at, said
from tests.support.scenes import COUNTER, NOW, a_device, a_reading, a_state, stored

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = local_day(NOW, SHANGHAI)
K = HallEventKind
QUEUE = "440106/hall/mva/annapolis"
SNAPSHOT = (PropertySpec("waiting", "{people}", 0, 5000), PropertySpec("wait_s", "s", 0, 86400))


def later(minute: float) -> Moment:
    return Moment.live(at(minute))


def a_queue(device_id: str = QUEUE, **more: str) -> object:
    return a_device(device_id, type_name="QueueObserved", interval_s=300, properties=SNAPSHOT, name="Annapolis")


def test_a_hall_is_known_by_its_queue_and_by_its_snapshots(conn: Connection) -> None:
    said_of_itself = (("name_zh", "东厅"), ("name_en", "East Hall"), ("capabilities", "tax;enquiry"))
    stored(conn, a_device(COUNTER, type_name="ServiceHall", properties=(), mode="on_change", interval_s=3600, attributes=said_of_itself),
           a_queue(), a_queue("440106/service/hall-1/sign"), a_device())  # fmt: skip
    snapshots, events = halls.list_halls(conn)
    assert (events.hall_id, events.device_id, events.name_zh, list(events.items), events.tells_events) == (
        "hall-1",
        COUNTER,
        "东厅",
        ["tax", "enquiry"],
        True,
    )
    assert (snapshots.hall_id, snapshots.name_zh, list(snapshots.items), snapshots.tells_events) == (
        "annapolis",
        "Annapolis",
        [],
        False,
    )


def test_a_hall_is_there_as_long_as_it_is_heard_and_gone_with_its_gateway(conn: Connection) -> None:
    gateway = "440106/gateway/field/gw-440106"
    stored(conn, a_device(COUNTER, type_name="ServiceHall", properties=(), mode="on_change", interval_s=3600, minutes_ago=90),
           a_device(gateway, type_name="Gateway", properties=(), mode="on_change", interval_s=3600))  # fmt: skip

    def place() -> tuple[str, object]:
        (hall,) = halls.list_halls(conn)
        return hall.state, hall.heard_at

    assert place() == ("unknown", at(-90)), "its birth is its last word"
    stored(conn, a_state("online", device_id=COUNTER, minutes_ago=20))
    assert place() == ("online", at(-20))
    stored(conn, a_state("offline", device_id=gateway, minutes_ago=5))
    assert place() == ("offline", at(-20)), "a Last Will is nobody's word"
    stored(conn, a_state("online", device_id=gateway, minutes_ago=1))
    assert place() == ("online", at(-20))


def test_events_of_a_day_are_those_between_its_midnights(conn: Connection) -> None:
    visit = a_visit("A1", 0, 7, 8, 20)
    stored(conn, *visit, said(K.ARRIVE, -9 * 60 - 1, "A0"), said(K.ARRIVE, 15 * 60, "A9"))
    found = halls.list_hall_events(conn, DAY.start, DAY.end, later(24 * 60))
    assert sorted(found, key=lambda event: event.event_id) == visit
    assert halls.count_hall_events(conn, DAY.start, DAY.end, later(24 * 60)) == {"hall-1": 4}


def test_events_are_those_known_at_the_moment(conn: Connection) -> None:
    stored(conn, said(K.ARRIVE, 0, "A1"), said(K.ARRIVE, 1, "A2", delay_minutes=10), said(K.ARRIVE, 8, "A3"))

    def tickets(moment: Moment) -> list[str | None]:
        return sorted(str(event.ticket) for event in halls.list_hall_events(conn, DAY.start, DAY.end, moment))

    assert tickets(later(5)) == ["A1"]
    assert tickets(later(20)) == ["A1", "A2", "A3"]
    assert tickets(Moment.past(at(5), at(20))) == ["A1", "A2"]


def test_a_clock_that_runs_ahead_is_believed_as_far_as_readings_are(conn: Connection) -> None:
    stored(conn, said(K.ARRIVE, 3, "A1", delay_minutes=-3), said(K.ARRIVE, 9, "A2", delay_minutes=-9))
    assert [event.ticket for event in halls.list_hall_events(conn, DAY.start, DAY.end, later(0))] == ["A1"]


def test_what_is_new_is_asked_for_by_receipt_and_one_hall_by_name(conn: Connection) -> None:
    stored(conn, said(K.ARRIVE, 0, "A1"), said(K.ARRIVE, 1, "A2", delay_minutes=10), said(K.ARRIVE, 2, "B1", hall_id="hall-2"))
    new = halls.list_hall_events(conn, DAY.start, DAY.end, later(20), received_since=at(5))
    assert [event.ticket for event in new] == ["A2"]
    other = halls.list_hall_events(conn, DAY.start, DAY.end, later(20), hall_ids=["hall-2"])
    assert [event.ticket for event in other] == ["B1"]


def test_openings_are_the_first_arrivals_of_days(conn: Connection) -> None:
    stored(
        conn,
        said(K.WINDOW_OPEN, -20, window=1),
        said(K.ARRIVE, -15, "A1"),
        said(K.ARRIVE, 5, "A2"),
        said(K.ARRIVE, -24 * 60, "A1"),
    )
    days = [(DAY.start - timedelta(days=back), DAY.end - timedelta(days=back)) for back in range(3)]
    found = halls.list_openings(conn, ["hall-1", "hall-2"], days, later(60))
    assert found == {("hall-1", days[0][0]): at(-15), ("hall-1", days[1][0]): at(-24 * 60)}


def test_arrivals_are_counted_by_slots_of_their_day(conn: Connection) -> None:
    stored(
        conn,
        said(K.ARRIVE, 0, "A1"),
        said(K.ARRIVE, 29, "A2"),
        said(K.CALL, 29, "A2", window=1),
        said(K.ARRIVE, 30, "A3"),
        said(K.ARRIVE, 31, "B1", hall_id="hall-2"),
    )
    days: list[tuple[datetime, datetime]] = [(DAY.start, DAY.end), (DAY.start - timedelta(days=7), DAY.end - timedelta(days=7))]
    found = halls.count_arrivals(conn, "hall-1", days, timedelta(minutes=30), later(60))
    assert list(found) == [DAY.start]
    assert (len(found[DAY.start]), found[DAY.start][18:20], sum(found[DAY.start])) == (48, (2, 1), 3)


def test_snapshots_are_the_newest_values_of_each_item(conn: Connection) -> None:
    stored(
        conn, a_queue(), a_reading(9, device_id=QUEUE, prop="waiting", item="renewal", minutes_ago=10),
        a_reading(12, device_id=QUEUE, prop="waiting", item="renewal", minutes_ago=5),
        a_reading(900, device_id=QUEUE, prop="wait_s", item="renewal", minutes_ago=5), a_reading(7, device_id=QUEUE, prop="waiting", item="title", minutes_ago=1500),
    )  # fmt: skip
    live = halls.list_queue_values(conn, later(0))
    assert [(v.hall_id, v.item, v.property, v.value, v.phenomenon_time) for v in live] == [
        ("annapolis", "renewal", "wait_s", 900, at(-5)), ("annapolis", "renewal", "waiting", 12, at(-5)),
    ]  # fmt: skip
    assert halls.list_queue_values(conn, Moment.past(at(0))) == live
    assert [v.value for v in halls.list_queue_values(conn, Moment.past(at(-7)))] == [9]


def test_an_empty_memory_knows_no_hall(conn: Connection) -> None:
    assert halls.list_halls(conn) == []
    assert halls.list_hall_events(conn, DAY.start, DAY.end, later(0)) == []
    assert halls.list_openings(conn, ["hall-1"], [(DAY.start, DAY.end)], later(0)) == {}
    assert halls.count_arrivals(conn, "hall-1", [(DAY.start, DAY.end)], timedelta(minutes=30), later(0)) == {}
    assert halls.list_queue_values(conn, later(0)) == []
