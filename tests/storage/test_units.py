"""Units: where they are, what they do, whose order they follow; now and as it was known."""

from __future__ import annotations

import pytest

from domain.batches import BatchCounts
from domain.moments import Moment
from domain.units import Unit, UnitStatus
from storage import units
from storage.connection import Connection
from tests.support.scenes import (
    AMBULANCE,
    NOW,
    a_position,
    a_status,
    a_unit,
    an_ack,
    an_incident,
    an_order,
    minutes,
    ordered,
    stored,
)

LIVE = Moment.live(NOW)


def _the_unit(conn: Connection, moment: Moment = LIVE, exercise_id: str | None = None) -> Unit:
    (unit,) = units.list_units(conn, moment, exercise_id)
    return unit


def _past(minutes_ago: float, known_minutes_ago: float | None = None) -> Moment:
    known_at = None if known_minutes_ago is None else NOW - minutes(known_minutes_ago)
    return Moment.past(NOW - minutes(minutes_ago), known_at)


def test_a_unit_is_what_its_birth_its_position_and_its_status_say(conn: Connection) -> None:
    stored(conn, a_unit(), a_position(113.5, minutes_ago=1), a_status("available", minutes_ago=9))
    assert _the_unit(conn) == Unit(
        unit_id="a-1", device_id=AMBULANCE, kind="ambulance", name_zh="急救1车", name_en="A-1",
        capabilities=("ambulance", "rescue"), status=UnitStatus.AVAILABLE, status_since=NOW - minutes(9), order_id=None,
        lon=113.5, lat=23.125, position_time=NOW - minutes(1), speed_kmh=36, heading_deg=90,
    )  # fmt: skip


def test_a_unit_that_never_said_a_status_cannot_be_sent(conn: Connection) -> None:
    stored(conn, a_unit())
    unit = _the_unit(conn)
    assert unit.status is UnitStatus.OUT_OF_SERVICE
    assert (unit.lon, unit.position_time) == (None, None)


def test_a_status_of_another_language_counts_as_out_of_service(conn: Connection) -> None:
    stored(conn, a_unit(), a_status("lunch"))
    assert _the_unit(conn).status is UnitStatus.OUT_OF_SERVICE


def test_a_unit_that_reports_before_its_birth_is_listed(conn: Connection) -> None:
    stored(conn, a_position(113.5), a_status("available"))
    assert (_the_unit(conn).kind, _the_unit(conn).name_zh) == ("unknown", "a-1")


def test_the_newest_position_is_the_newest_measured(conn: Connection) -> None:
    stored(conn, a_unit(), a_position(113.5, minutes_ago=1))
    stored(conn, a_position(113.25, minutes_ago=5, delay_minutes=5))
    assert _the_unit(conn).lon == 113.5
    stored(conn, a_position(113.75), a_position(113.625, minutes_ago=0.5))
    assert _the_unit(conn).lon == 113.75


def test_a_position_of_the_same_instant_is_a_duplicate(conn: Connection) -> None:
    stored(conn, a_unit(), a_position(113.5))
    assert stored(conn, a_position(99.0)) == BatchCounts(received=1, duplicate=1)
    assert _the_unit(conn).lon == _the_unit(conn, Moment.past(NOW)).lon == 113.5


def test_positions_are_shown_as_they_were_known(conn: Connection) -> None:
    stored(conn, a_unit(), a_position(113.25, minutes_ago=10), a_position(113.5, minutes_ago=5, delay_minutes=4))
    assert _the_unit(conn, _past(4)).lon == 113.25
    assert _the_unit(conn, _past(4, known_minutes_ago=0)).lon == 113.5
    assert _the_unit(conn, _past(1)).lon == 113.5
    assert _the_unit(conn, _past(11)).lon is None


def test_statuses_are_shown_as_they_were_known(conn: Connection) -> None:
    stored(conn, a_unit(), a_status("available", minutes_ago=20), a_status("enroute", minutes_ago=10, delay_minutes=8))
    assert _the_unit(conn, _past(5)).status is UnitStatus.AVAILABLE
    assert _the_unit(conn, _past(5, known_minutes_ago=0)).status is UnitStatus.ENROUTE
    assert _the_unit(conn, _past(5, known_minutes_ago=0)).status_since == NOW - minutes(10)
    assert _the_unit(conn, _past(15)).status is UnitStatus.AVAILABLE
    assert _the_unit(conn, _past(25)).status is UnitStatus.OUT_OF_SERVICE


def test_as_known_now_agrees_with_live(conn: Connection) -> None:
    stored(conn, a_unit(), a_unit("a-2"), a_position(113.5, minutes_ago=1), a_status("available", minutes_ago=9))
    assert units.list_units(conn, LIVE) == units.list_units(conn, Moment.past(NOW))


def test_a_status_that_arrives_late_does_not_undo_a_newer_one(conn: Connection) -> None:
    stored(conn, a_unit(), a_status("on_scene", minutes_ago=2))
    stored(conn, a_status("enroute", minutes_ago=6, delay_minutes=6))
    assert _the_unit(conn).status is UnitStatus.ON_SCENE


def test_a_clock_that_runs_ahead_hides_neither_a_status_nor_the_order_after_it(conn: Connection) -> None:
    stored(conn, a_unit(), an_incident(), a_status("returning", minutes_ago=-3, delay_minutes=-4))  # received a minute ago
    assert (_the_unit(conn).status, _the_unit(conn).status_since) == (UnitStatus.RETURNING, NOW - minutes(1))
    units.set_status(conn, "a-1", UnitStatus.DISPATCHED, order_id=None, now=NOW, exercise_id=None)
    assert _the_unit(conn).status is UnitStatus.DISPATCHED


def test_a_position_from_a_clock_that_runs_ahead_is_shown_live_and_in_the_past(conn: Connection) -> None:
    stored(conn, a_unit(), a_position(113.25, minutes_ago=9), a_position(113.5, minutes_ago=-3, delay_minutes=-3))
    assert _the_unit(conn).lon == _the_unit(conn, Moment.past(NOW)).lon == 113.5
    assert _the_unit(conn, _past(1, known_minutes_ago=0)).lon == 113.25


def _an_order_under_way(conn: Connection) -> None:
    stored(conn, a_unit(), an_incident(), a_status("available", minutes_ago=30))
    ordered(conn, an_order(minutes_ago=5))
    units.set_status(conn, "a-1", UnitStatus.DISPATCHED, order_id="o-1", now=NOW - minutes(5), exercise_id=None)


def test_an_order_makes_a_unit_dispatched(conn: Connection) -> None:
    _an_order_under_way(conn)
    unit = _the_unit(conn)
    assert (unit.status, unit.order_id, unit.status_since) == (UnitStatus.DISPATCHED, "o-1", NOW - minutes(5))


def test_what_a_unit_says_of_an_order_is_never_older_than_the_order(conn: Connection) -> None:
    """The unit's clock is ten minutes slow: it would seem to have left before it was sent."""
    _an_order_under_way(conn)
    stored(conn, a_status("enroute", minutes_ago=14, delay_minutes=10, order_id="o-1"))
    unit = _the_unit(conn)
    assert (unit.status, unit.status_since) == (UnitStatus.ENROUTE, NOW - minutes(5))


def test_the_clamped_status_delivered_twice_is_stored_once(conn: Connection) -> None:
    _an_order_under_way(conn)
    stored(conn, a_status("enroute", minutes_ago=14, delay_minutes=10, order_id="o-1"))
    again = stored(conn, a_status("enroute", minutes_ago=14, delay_minutes=12, order_id="o-1"))
    assert again == BatchCounts(received=1, duplicate=1)


def test_a_status_for_an_order_that_nobody_gave_keeps_its_own_time(conn: Connection) -> None:
    stored(conn, a_unit(), a_status("enroute", minutes_ago=14, order_id="o-99"))
    assert _the_unit(conn).status_since == NOW - minutes(14)


def test_the_status_of_an_exercise_is_another(conn: Connection) -> None:
    stored(conn, a_unit(), a_status("available", minutes_ago=9))
    units.set_status(conn, "a-1", UnitStatus.DISPATCHED, order_id=None, now=NOW - minutes(1), exercise_id="ex-1")
    assert _the_unit(conn).status is UnitStatus.AVAILABLE
    assert _the_unit(conn, LIVE, "ex-1").status is UnitStatus.DISPATCHED
    assert units.get_unit_for_update(conn, "a-1", NOW, "ex-1").status is UnitStatus.DISPATCHED


def test_a_unit_to_be_changed_must_be_known(conn: Connection) -> None:
    stored(conn, a_unit(), a_status("available"))
    assert units.get_unit_for_update(conn, "a-1", NOW, None) == _the_unit(conn)
    with pytest.raises(LookupError, match="unit a-9 is not registered: expected a unit that has announced itself"):
        units.get_unit_for_update(conn, "a-9", NOW, None)


def test_an_acknowledgement_delivered_twice_is_stored_once(conn: Connection) -> None:
    stored(conn, a_unit(), an_ack("o-1", minutes_ago=2))
    assert stored(conn, an_ack("o-1", minutes_ago=2, delay_minutes=1)) == BatchCounts(received=1, duplicate=1)
    assert conn.execute("SELECT command_id, result FROM command_ack").fetchall() == [("o-1", "accepted")]


def test_a_device_may_answer_twice_and_both_answers_are_kept(conn: Connection) -> None:
    stored(conn, a_unit(), an_ack("o-1", minutes_ago=2), an_ack("o-1", "accepted", minutes_ago=1))
    assert conn.execute("SELECT count(*) FROM command_ack").fetchone() == (2,)
