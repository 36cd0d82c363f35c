"""Lifelines: birth, online and offline, the newest measurement, as known at a moment; and who is lost with its gateway."""

from __future__ import annotations

from domain.moments import Moment
from domain.observations import Freshness
from storage.connection import Connection
from storage.lifelines import VOICES, VOICES_OF_FEW, StateChange, find_lifeline
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


GATEWAY = "440106/gateway/field/gw-440106"


def heard(conn: Connection, device_id: str = STATION) -> tuple[object, object]:
    row, of_few = (
        conn.execute(f"SELECT state, heard_at FROM ({voices}) voice WHERE device_id = %s", (device_id,)).fetchone()
        for voices in (VOICES, VOICES_OF_FEW)
    )
    assert row is not None
    assert row == of_few
    return row[0], row[1]


def test_whoever_speaks_on_change_is_heard_by_value_heartbeat_or_birth(conn: Connection) -> None:
    stored(conn, a_device(mode="on_change", interval_s=600, minutes_ago=90))
    assert heard(conn) == ("unknown", NOW - minutes(90))
    stored(conn, a_reading(40, minutes_ago=80))
    assert heard(conn) == ("unknown", NOW - minutes(80))
    stored(conn, a_state("online", minutes_ago=15))
    assert heard(conn) == ("online", NOW - minutes(15))
    line = find_lifeline(conn, Moment.live(NOW), STATION)
    assert line is not None
    assert line.freshness is Freshness.FRESH
    later = find_lifeline(conn, Moment.live(NOW + minutes(90)), STATION)
    assert later is not None
    assert (later.state, later.freshness) == ("online", Freshness.SILENT), "to have been online keeps nothing fresh"


def test_whoever_speaks_on_change_is_silent_with_its_gateway_until_it_is_heard_again(conn: Connection) -> None:
    """The Last Will was written when the gateway came, an hour ago; what counts is when it arrived."""
    gateway = a_device(GATEWAY, type_name="Gateway", mode="on_change", interval_s=3600, properties=(), minutes_ago=60)
    stored(conn, gateway, a_state("online", minutes_ago=60, device_id=GATEWAY))
    stored(conn, a_device(mode="on_change", interval_s=600), a_reading(40, minutes_ago=5))
    assert heard(conn)[0] == "unknown"
    stored(conn, a_state("offline", minutes_ago=60, device_id=GATEWAY, delay_minutes=59))
    assert heard(conn)[0] == "offline"
    for moment in (Moment.live(NOW), Moment.past(NOW)):
        line = find_lifeline(conn, moment, STATION)
        assert line is not None
        assert line.freshness is Freshness.SILENT
    before = find_lifeline(conn, Moment.past(NOW - minutes(2)), STATION)
    assert before is not None
    assert before.freshness is Freshness.FRESH, "not known yet"
    stored(conn, a_reading(41, minutes_ago=0.5))
    assert heard(conn)[0] == "unknown", "it does not stand behind that gateway, or has found another way"


def test_a_district_whose_other_gateway_is_there_is_not_lost(conn: Connection) -> None:
    for device_id, state in ((GATEWAY, "offline"), (GATEWAY + "-2", "online")):
        stored(conn, a_device(device_id, type_name="Gateway", mode="on_change", interval_s=3600, properties=()))
        stored(conn, a_state(state, minutes_ago=1, device_id=device_id))
    stored(conn, a_device(mode="on_change"), a_reading(40, minutes_ago=5))
    assert heard(conn)[0] == "unknown"
