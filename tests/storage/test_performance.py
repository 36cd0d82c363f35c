"""Performance: the seconds of each segment from what was stored, by hand, in minutes before nine."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.moments import Moment
from domain.orders import OrderState
from domain.segments import SegmentKind
from domain.units import UnitStatus
from storage import orders
from storage.connection import Connection
from storage.performance import list_durations
from tests.support.scenes import NOW, a_status, a_unit, an_incident, an_order, minutes, ordered, stored

DAY = NOW - timedelta(days=1)


def durations(conn: Connection, moment: Moment | None = None, **more: object) -> dict[tuple[str, str], list[float]]:
    found = list_durations(conn, moment or Moment.live(NOW), since=DAY, **more)  # type: ignore[arg-type]
    return {(kind, segment.value): sorted(seconds) for (kind, segment), seconds in found.items()}


def sent(
    conn: Connection,
    order_id: str = "o-1",
    unit_id: str = "a-1",
    *,
    at: float = 9,
    answered: float | None = None,
    rolled: float | None = None,
    there: float | None = None,
    incident_id: str = "i-1",
) -> None:
    """An order `at` so many minutes before nine, and what its unit said of it."""
    ordered(conn, an_order(order_id, unit_id=unit_id, minutes_ago=at, incident_id=incident_id))
    if answered is not None:
        orders.set_state(
            conn, order_id, OrderState.ACCEPTED, valid_from=NOW - minutes(answered), recorded_at=NOW - minutes(answered)
        )
    if rolled is not None:
        stored(conn, a_status(UnitStatus.ENROUTE, unit_id=unit_id, minutes_ago=rolled, order_id=order_id))
    if there is not None:
        stored(conn, a_status(UnitStatus.ON_SCENE, unit_id=unit_id, minutes_ago=there, order_id=order_id))


@pytest.fixture
def scene(conn: Connection) -> Connection:
    stored(conn, an_incident(minutes_ago=10), a_unit(), a_unit("a-2"), a_unit("a-3"), a_status("available", minutes_ago=60))
    return conn


def test_each_segment_is_told_from_what_its_ends_say(scene: Connection) -> None:
    sent(scene, at=9, answered=8.5, rolled=8, there=4)
    assert durations(scene) == {
        ("ambulance", "processing"): [60], ("ambulance", "answering"): [30], ("ambulance", "turnout"): [60],
        ("ambulance", "travel"): [240],
    }  # fmt: skip


def test_processing_counts_once_an_incident_and_travel_the_first_to_arrive(scene: Connection) -> None:
    sent(scene, "o-1", "a-1", at=9, rolled=8, there=2)
    sent(scene, "o-2", "a-2", at=7, rolled=6, there=5)
    found = durations(scene)
    assert found["ambulance", "processing"] == [60]
    assert found["ambulance", "travel"] == [60], "a-2 was there first"
    assert found["ambulance", "turnout"] == [60, 60]


def test_an_incident_that_was_merged_was_processed_by_itself(scene: Connection) -> None:
    stored(scene, an_incident("i-2", minutes_ago=8))
    sent(scene, "o-1", "a-1", at=9)
    sent(scene, "o-2", "a-2", at=6, incident_id="i-2")
    scene.execute("UPDATE dispatch_order SET incident_id = 'i-1', issued_for = 'i-2' WHERE order_id = 'o-2'")
    assert durations(scene)["ambulance", "processing"] == [60, 120]


def test_what_has_not_ended_by_itself_is_not_counted(scene: Connection) -> None:
    sent(scene, at=9)
    orders.set_state(scene, "o-1", OrderState.EXPIRED, valid_from=NOW - minutes(7), recorded_at=NOW - minutes(7))
    assert set(durations(scene)) == {("ambulance", "processing")}


def test_a_unit_that_only_said_it_was_there_tells_neither_turnout_nor_travel(scene: Connection) -> None:
    sent(scene, at=9, answered=8, there=4)
    assert set(durations(scene)) == {("ambulance", "processing"), ("ambulance", "answering")}


def test_only_what_was_known_at_the_moment_and_in_this_world_counts(scene: Connection) -> None:
    sent(scene, at=9, answered=8, rolled=7, there=4)
    then = Moment.past(NOW - minutes(6))
    assert set(durations(scene, then)) == {("ambulance", "processing"), ("ambulance", "answering"), ("ambulance", "turnout")}
    assert durations(scene, exercise_id="ex-1") == {}
    assert list_durations(scene, Moment.live(NOW), since=NOW - minutes(1)) == {}
    assert {segment for _, segment in list_durations(scene, Moment.live(NOW), since=DAY)} == set(SegmentKind) - {
        SegmentKind.AT_SCENE
    }
