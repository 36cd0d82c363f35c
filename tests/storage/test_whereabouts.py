"""Whereabouts: where calls and requests came from, tickets by hall, where a unit has been; now and as it was known."""

from __future__ import annotations

from domain.halls import HallEventKind
from domain.moments import Moment
from storage import whereabouts
from storage.connection import Connection
from tests.support.scenes import (
    NOW,
    STATION,
    a_device,
    a_hall_event,
    a_position,
    a_request,
    a_unit,
    an_incident,
    minutes,
    stored,
)

LIVE = Moment.live(NOW)
AN_HOUR = NOW - minutes(60)


def test_requests_are_those_of_the_window_newest_first(conn: Connection) -> None:
    stored(conn, a_request("old", minutes_ago=61), a_request("first", minutes_ago=59), a_request("last", minutes_ago=1))
    found = whereabouts.list_requests(conn, LIVE, since=AN_HOUR, limit=10)
    assert [request.request_id for request in found] == ["last", "first"]
    assert (found[0].lon, found[0].lat, found[0].source, found[0].request_class) == (113.25, 23.125, "12345", "waterlogging")
    assert [request.request_id for request in whereabouts.list_requests(conn, LIVE, since=AN_HOUR, limit=1)] == ["last"]


def test_requests_outside_the_view_are_left_out(conn: Connection) -> None:
    stored(conn, a_request())
    inside, beside = (113.2, 23.1, 113.3, 23.2), (113.3, 23.1, 113.4, 23.2)
    assert len(whereabouts.list_requests(conn, LIVE, since=AN_HOUR, limit=10, bounds=inside)) == 1
    assert whereabouts.list_requests(conn, LIVE, since=AN_HOUR, limit=10, bounds=beside) == []


def test_what_came_late_was_not_known_before(conn: Connection) -> None:
    stored(conn, a_request(minutes_ago=30, delay_minutes=20), an_incident(minutes_ago=30, delay_minutes=20))
    for ask in (whereabouts.list_requests, whereabouts.list_calls):
        assert len(ask(conn, LIVE, since=AN_HOUR, limit=10)) == 1
        assert ask(conn, Moment.past(NOW - minutes(15)), since=AN_HOUR, limit=10) == []
        assert len(ask(conn, Moment.past(NOW - minutes(15), NOW), since=AN_HOUR, limit=10)) == 1


def test_calls_are_incidents_whether_open_or_not(conn: Connection) -> None:
    stored(conn, an_incident("i-1", minutes_ago=10), an_incident("i-2", minutes_ago=70))
    (call,) = whereabouts.list_calls(conn, LIVE, since=AN_HOUR, limit=10)
    assert (call.lon, call.lat, call.time) == (113.25, 23.125, NOW - minutes(10))


def test_tickets_are_counted_by_hall(conn: Connection) -> None:
    stored(
        conn,
        a_hall_event(event_id="e1", minutes_ago=5),
        a_hall_event(event_id="e2", minutes_ago=4),
        a_hall_event(HallEventKind.CALL, event_id="e3", minutes_ago=3),
        a_hall_event(event_id="e4", minutes_ago=90),
    )
    assert whereabouts.count_tickets(conn, LIVE, since=AN_HOUR) == {"hall-1": 2}


def test_a_track_has_one_position_in_so_many_seconds(conn: Connection) -> None:
    """Positions at 0, 4 and 8 seconds past a ten, and one of the ten before: of each ten the first."""
    stored(
        conn,
        a_unit(),
        *[a_position(113.0 + k / 10, minutes_ago=5 - 4 * k / 60) for k in range(3)],
        a_position(113.9, minutes_ago=5.1),
    )
    found = whereabouts.list_track(conn, LIVE, "a-1", since=AN_HOUR, step_s=10, limit=10)
    assert [point.lon for point in found] == [113.0, 113.9]
    assert found[0].speed_kmh == 36.0
    assert whereabouts.list_track(conn, LIVE, "nobody", since=AN_HOUR, step_s=10, limit=10) == []


def test_posts_are_devices_of_a_type_that_have_a_place(conn: Connection) -> None:
    stored(
        conn,
        a_device(),
        a_device("440106/environment/north/air-2", place=None),
        a_device("440106/x/y/z", type_name="GasDetector"),
    )
    (post,) = whereabouts.list_posts(conn, "AirQualityObserved", LIVE)
    assert (post.device_id, post.lon, post.lat) == (STATION, 113.25, 23.125)
