"""Retiring: a device that is gone for good is neither expected nor counted; its rows stay, and it can come back."""

from __future__ import annotations

import pytest

from domain.moments import Moment
from domain.observations import Freshness
from domain.refusals import Refused
from domain.rights import Actor, Role
from ingest.acts import restore, retire
from storage import audit, halls, health, overview, snapshots
from storage.connection import Connection
from storage.lifelines import find_lifeline
from tests.support.scenes import AMBULANCE, COUNTER, NOW, STATION, a_device, a_reading, a_state, a_unit, minutes, stored

OPERATOR = Actor("wu", Role.OPERATOR)
OTHER = "440106/environment/north/air-2"
LIVE = Moment.live(NOW)


def shown(conn: Connection, moment: Moment = LIVE) -> list[str]:
    return [device.device_id for device in snapshots.map_snapshot(conn, moment).devices]


def test_a_retired_device_owes_nothing_and_is_not_counted_and_what_it_said_stays(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=60), a_device(OTHER, minutes_ago=60), a_reading(40, minutes_ago=59))
    expected = health.health_snapshot(conn, LIVE, hours=1).city.expected
    retire(conn, OTHER, OPERATOR, NOW - minutes(59), reason="torn down")
    assert shown(conn) == [STATION]
    assert [reading.device_id for reading in overview.list_readings(conn, LIVE)] == [STATION]
    assert snapshots.live_frame(conn, LIVE, received_since=NOW).n_devices == 1
    assert health.health_snapshot(conn, LIVE, hours=1).city.expected == expected // 2 + 1, "one reading was due before"
    retire(conn, STATION, OPERATOR, NOW)
    assert conn.execute("SELECT count(*) FROM observation").fetchone() == (1,)
    line = find_lifeline(conn, LIVE, STATION)
    assert line is not None
    assert (line.retired_at, line.freshness) == (NOW, Freshness.SILENT)


def test_the_past_knows_the_device_that_was_there_then(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=60), a_reading(40, minutes_ago=30))
    retire(conn, STATION, OPERATOR, NOW - minutes(10))
    assert shown(conn) == []
    assert shown(conn, Moment.past(NOW - minutes(20))) == [STATION]
    assert [r.value for r in overview.list_readings(conn, Moment.past(NOW - minutes(20)))] == [40]


def test_a_device_comes_back_by_an_act_or_by_announcing_itself(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=60))
    retire(conn, STATION, OPERATOR, NOW - minutes(30))
    restore(conn, STATION, OPERATOR, NOW - minutes(20), reason="mistaken")
    assert shown(conn) == [STATION]
    retire(conn, STATION, OPERATOR, NOW - minutes(10))
    stored(conn, a_device(minutes_ago=5))
    assert shown(conn) == [STATION]
    said = [(entry.action, entry.object, entry.outcome, entry.detail) for entry in reversed(audit.list_entries(conn))]
    assert said == [
        ("device.retire", STATION, "done", {}), ("device.restore", STATION, "done", {"reason": "mistaken"}),
        ("device.retire", STATION, "done", {}),
    ]  # fmt: skip
    again, back, first = audit.list_entries(conn)
    assert first.after_hash == back.before_hash, "it came back from what it had become"
    assert first.before_hash == back.after_hash == again.before_hash
    assert None not in (again.after_hash, first.before_hash)


@pytest.mark.parametrize(
    ("device_id", "code"), [("a/b/c/d", "device_unknown"), (AMBULANCE, "device_is_unit"), (OTHER, "device_retired")]
)
def test_what_cannot_be_retired_is_refused_in_words_and_audited(conn: Connection, device_id: str, code: str) -> None:
    stored(conn, a_unit(), a_device(OTHER))
    retire(conn, OTHER, OPERATOR, NOW)
    with pytest.raises(Refused) as refusal:
        retire(conn, device_id, OPERATOR, NOW)
    assert refusal.value.code == code
    assert refusal.value.zh
    newest = audit.list_entries(conn)[0]
    assert (newest.object, newest.outcome) == (device_id, "refused")


def test_one_in_service_is_not_restored_and_without_the_right_nothing_changes(conn: Connection) -> None:
    stored(conn, a_device())
    with pytest.raises(Refused) as refusal:
        restore(conn, STATION, OPERATOR, NOW)
    assert refusal.value.code == "device_in_service"
    with pytest.raises(Refused) as refusal:
        retire(conn, STATION, Actor("he", Role.WALL), NOW)
    assert refusal.value.code == "no_right"
    assert shown(conn) == [STATION]


def test_a_gateway_that_is_gone_for_good_silences_nobody(conn: Connection) -> None:
    gateway, valve = "440106/gateway/field/gw-1", "440106/water/north/valve-1"
    stored(
        conn, a_device(gateway, type_name="Gateway", properties=(), mode="on_change", interval_s=3600),
        a_device(valve, mode="on_change", interval_s=3600), a_reading(1, device_id=valve, minutes_ago=30),
        a_state("offline", device_id=gateway, minutes_ago=20),
    )  # fmt: skip

    def freshness() -> tuple[str, Freshness]:
        (device,), line = snapshots.map_snapshot(conn, LIVE).devices, find_lifeline(conn, LIVE, valve)
        assert line is not None
        return device.state, line.freshness

    assert freshness() == ("offline", Freshness.SILENT), "its only gateway is lost"
    retire(conn, gateway, OPERATOR, NOW)
    assert freshness() == ("unknown", Freshness.FRESH)


def test_a_hall_that_is_closed_for_good_is_no_hall(conn: Connection) -> None:
    stored(conn, a_device(COUNTER, type_name="ServiceHall", properties=(), mode="on_change", interval_s=3600))
    assert len(halls.list_halls(conn)) == 1
    retire(conn, COUNTER, OPERATOR, NOW)
    assert halls.list_halls(conn) == []
