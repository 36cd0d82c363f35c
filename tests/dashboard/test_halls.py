"""Halls on their way to the screens: books kept between frames, the frame, one hall in full, and halls that tell less."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboard import wire_halls
from dashboard.app import create_app
from dashboard.hub import HallsTaker
from domain.halls import HallEventKind
from domain.moments import Moment
from domain.observations import PropertySpec
from staffing.books import CENSUS_EVERY, OVERLAP, Books
from storage.connection import Connection
from tests.dashboard.conftest import House, ask
from tests.support.halls import a_visit, at, said
from tests.support.scenes import COUNTER, NOW, a_device, a_reading, a_state, stored

SHANGHAI = ZoneInfo("Asia/Shanghai")
K = HallEventKind
SNAPSHOT = (PropertySpec("waiting", "{people}", 0, 5000), PropertySpec("wait_s", "s", 0, 86400))
QUEUE = "440106/hall/mva/annapolis"


def a_hall(conn: Connection) -> None:
    attributes = (("name_zh", "东厅"), ("name_en", "East Hall"), ("capabilities", "tax;enquiry"))
    stored(conn, a_device(COUNTER, type_name="ServiceHall", properties=(), mode="on_change", interval_s=3600, attributes=attributes),
           a_state("online", device_id=COUNTER, minutes_ago=60))  # fmt: skip


def frame(books: Books, conn: Connection, minute: float) -> dict[str, Any]:
    return wire_halls.halls(books.read(conn, Moment.live(at(minute))), 900)


def row(said_: dict[str, Any], hall_id: str = "hall-1") -> dict[str, Any]:
    return next(hall for hall in said_["halls"] if hall["id"] == hall_id)


def test_a_frame_has_every_hall_in_figures(conn: Connection) -> None:
    a_hall(conn)
    stored(conn, said(K.WINDOW_OPEN, -1, window=1, items=("tax",), clerk="c01"), said(K.WINDOW_CLOSE, 0, window=2), *a_visit("A1", 0, 7, 8, 20),
           said(K.ARRIVE, 10, "A2"), said(K.RATING, 21, "A1", grade=1))  # fmt: skip
    said_ = frame(Books(SHANGHAI), conn, 30)
    hall = row(said_)
    assert (said_["t"], said_["target_s"]) == (wire_halls.ms(at(30)), 900)
    assert (hall["name"], hall["name_en"], hall["district"], hall["source"], hall["open"], hall["freshness"]) == (
        "东厅",
        "East Hall",
        "440106",
        "events",
        True,
        "fresh",
    )
    assert (hall["waiting"], hall["serving"], hall["windows_open"], hall["windows_total"]) == (1, 0, 1, 2)
    assert (hall["wait_now_s"], hall["wait_p90_s"], hall["n_waits"]) == (1200, 420, 1)
    assert (hall["arrived_today"], hall["served_today"], hall["left_today"], hall["good_share"]) == (2, 1, 0, 1)
    assert hall["items"][0] == {
        "item": "tax",
        "waiting": 1,
        "wait_s": 1200,
        "p90_s": 420,
        "n_waits": 1,
        "target_s": 900,
        "windows": 1,
    }
    assert hall["measured"] == wire_halls.ms(at(21))


def test_a_frame_reads_what_is_new_and_folds_what_is_late(conn: Connection) -> None:
    a_hall(conn)
    books = Books(SHANGHAI)
    visit = a_visit("A1", 0, 7, 8, 20)
    stored(conn, visit[0], visit[2])
    assert row(frame(books, conn, 9))["wait_p50_s"] == 480
    stored(conn, said(K.CALL, 7, "A1", window=1, delay_minutes=2.1))
    assert row(frame(books, conn, 9.2))["wait_p50_s"] == 420
    stored(conn, visit[3])
    assert (row(frame(books, conn, 20))["served_today"], row(frame(books, conn, 20))["serving"]) == (1, 0)


def test_what_was_written_long_after_its_receipt_is_found_by_the_census(conn: Connection) -> None:
    a_hall(conn)
    books = Books(SHANGHAI)
    stored(conn, said(K.ARRIVE, 0, "A1"))
    minute = 5.0
    assert row(frame(books, conn, minute))["waiting"] == 1
    stored(conn, said(K.ARRIVE, minute - OVERLAP.total_seconds() / 60 - 1, "A2"))  # stamped before, committed only now
    assert row(frame(books, conn, minute + 0.1))["waiting"] == 1
    assert row(frame(books, conn, minute + CENSUS_EVERY.total_seconds() / 60))["waiting"] == 2


def test_at_midnight_a_new_book_begins(conn: Connection) -> None:
    a_hall(conn)
    books = Books(SHANGHAI)
    stored(conn, said(K.WINDOW_OPEN, 0, window=1, items=("tax",)), said(K.ARRIVE, 10, "A1"))
    assert row(frame(books, conn, 14 * 60 + 59))["waiting"] == 1
    hall = row(frame(books, conn, 15 * 60))
    assert (hall["open"], hall["waiting"], hall["windows_total"], hall["measured"]) == (False, None, None, None)
    stored(conn, said(K.ARRIVE, 15 * 60 + 1, "A1"))
    assert row(frame(books, conn, 15 * 60 + 2))["arrived_today"] == 1


def test_a_closed_hall_says_when_it_usually_opens(conn: Connection) -> None:
    a_hall(conn)
    week = 7 * 24 * 60
    stored(conn, *(said(K.ARRIVE, 24 * 60 - 15 - back * week, "A1") for back in (1, 2, 3)))
    hall = row(frame(Books(SHANGHAI), conn, 0))
    assert (hall["open"], hall["opens"]) == (False, wire_halls.ms(at(24 * 60 - 15)))


def test_a_hall_of_snapshots_has_what_it_says_and_nothing_else(conn: Connection) -> None:
    stored(conn, a_device(QUEUE, type_name="QueueObserved", interval_s=300, properties=SNAPSHOT, name="Annapolis"),
           *(a_reading(value, device_id=QUEUE, prop=prop, item=item, minutes_ago=2) for prop, item, value in
             (("waiting", "renewal", 12), ("waiting", "title", 3), ("wait_s", "renewal", 900), ("wait_s", "title", 60))))  # fmt: skip
    hall = row(frame(Books(SHANGHAI), conn, 0), "annapolis")
    assert (hall["source"], hall["open"], hall["waiting"], hall["wait_now_s"], hall["freshness"]) == (
        "snapshots",
        None,
        15,
        900,
        "fresh",
    )
    assert {name for name, value in hall.items() if value is None} >= {
        "serving",
        "arrived_today",
        "served_today",
        "wait_p90_s",
        "load",
        "windows_open",
        "good_share",
    }
    assert [(i["item"], i["waiting"], i["wait_s"], i["windows"]) for i in hall["items"]] == [
        ("renewal", 12, 900, None),
        ("title", 3, 60, None),
    ]


def test_a_hall_that_has_lost_its_line_is_silent(conn: Connection) -> None:
    a_hall(conn)
    stored(conn, said(K.ARRIVE, 0, "A1"), a_state("offline", device_id=COUNTER, minutes_ago=-5))
    assert row(frame(Books(SHANGHAI), conn, 6))["freshness"] == "silent"


def test_one_hall_is_answered_in_full(house: House, database_url: str, conn: Connection) -> None:
    a_hall(conn)
    week = 7 * 24 * 60
    stored(conn, said(K.WINDOW_OPEN, -31, window=1, items=("tax",), clerk="c01"), *a_visit("A1", -30, -20, -19, -1), *a_visit("A2", -25, -1, -0.5, 5)[:3],
           said(K.RATING, -0.5, "A1", grade=4), said(K.ARRIVE, -30 - week, "A1"), said(K.ARRIVE, -30 - week, "A2"))  # fmt: skip
    app = create_app(house(database_url))
    told = ask(app, "/api/hall?hall=hall-1").json
    (window,) = told["windows"]
    assert (window["number"], window["state"], window["clerk"], window["ticket"], window["stage"], window["served"]) == (
        1,
        "open",
        "c01",
        "A2",
        "served",
        1,
    )
    arrivals = told["arrivals"]
    assert (arrivals["today"][17], arrivals["usual"][17], arrivals["usual_days"], arrivals["weekday"]) == (2, 2, 1, 1)
    assert told["ratings"] == {"counts": [0, 0, 0, 1, 0], "good_share": 0}
    assert ask(app, "/api/halls").json["halls"] == [told["hall"]]


@pytest.mark.parametrize("asked", ["", "?hall=", "?hall=none", "?hall=%00", "?hall=" + "x" * 5000])
def test_a_hall_that_is_not_known_is_not_found(asked: str, house: House, database_url: str) -> None:
    assert ask(create_app(house(database_url)), f"/api/hall{asked}").status == 404


def test_without_a_database_the_answer_says_so(house: House) -> None:
    app = create_app(house())
    assert [ask(app, path).status for path in ("/api/halls", "/api/hall?hall=hall-1")] == [503, 503]


def test_an_empty_city_has_no_halls(house: House, database_url: str) -> None:
    assert ask(create_app(house(database_url)), "/api/halls").json["halls"] == []


def test_the_frame_just_sent_answers_while_it_is_young(house: House, database_url: str, conn: Connection) -> None:
    a_hall(conn)
    built = house(database_url)
    built.hub.halls(conn, NOW - timedelta(seconds=5))
    stored(conn, said(K.ARRIVE, -0.01, "A1"))
    app = create_app(built)
    assert ask(app, "/api/halls").json["halls"][0]["waiting"] is None
    built.hub.halls(conn, NOW)
    assert ask(app, "/api/halls").json["halls"][0]["waiting"] == 1
    assert isinstance(built.hub.halls, HallsTaker)
