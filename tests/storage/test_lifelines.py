"""Lifelines: birth, online and offline, the newest measurement, as known at a moment."""

from __future__ import annotations

from domain.moments import Moment
from domain.observations import Freshness
from storage.connection import Connection
from storage.lifelines import StateChange, find_lifeline
from tests.support.scenes import NOW, STATION, a_device, a_reading, a_state, minutes, stored


def test_a_device_has_its_birth_its_states_and_its_newest_measurement(conn: Connection) -> None:
    stored(
        conn, a_device(name="空气站 1"), a_state("online", minutes_ago=60), a_reading(40, minutes_ago=5), a_reading(41, minutes_ago=9),
        a_state("offline", minutes_ago=4, delay_minutes=2),
    )  # fmt: skip
    line = find_lifeline(conn, Moment.live(NOW), STATION)
    assert line is not None
    assert (line.name, line.born_at, line.measured_at) == ("空气站 1", NOW - minutes(60), NOW - minutes(5))
    assert (line.state, line.freshness) == ("offline", Freshness.STALE)
    assert line.changes == (
        StateChange(NOW - minutes(4), NOW - minutes(2), "offline"), StateChange(NOW - minutes(60), NOW - minutes(60), "online"),
    )  # fmt: skip
    before = find_lifeline(conn, Moment.past(NOW - minutes(3)), STATION)
    assert before is not None
    assert before.state == "online", "that it was off was not known yet"


def test_one_that_never_measured_and_one_that_is_not_there(conn: Connection) -> None:
    stored(conn, a_device())
    line = find_lifeline(conn, Moment.live(NOW), STATION)
    assert line is not None
    assert (line.freshness, line.measured_at, line.state) == (Freshness.NEVER, None, "unknown")
    assert find_lifeline(conn, Moment.live(NOW), "a/b/c/d") is None
