"""Orders and the outbox: who was sent where, every step, and the command that goes out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from psycopg import Rollback
from psycopg.errors import ForeignKeyViolation, UniqueViolation

from domain.moments import Moment
from domain.orders import OPEN_ORDER_STATES, OrderState
from storage import orders, outbox, units
from storage.connection import Connection, connect
from tests.support.scenes import NOW, a_status, a_unit, an_ack, an_incident, an_order, minutes, ordered, stored

LIVE = Moment.live(NOW)


@pytest.fixture
def scene(conn: Connection) -> Connection:
    """A fire, and two ambulances at their station."""
    stored(conn, an_incident(), a_unit(), a_unit("a-2"), a_status("available", minutes_ago=60))
    return conn


def _step(conn: Connection, state: OrderState, *, minutes_ago: float, recorded_minutes_ago: float | None = None) -> None:
    recorded = minutes_ago if recorded_minutes_ago is None else recorded_minutes_ago
    orders.set_state(conn, "o-1", state, valid_from=NOW - minutes(minutes_ago), recorded_at=NOW - minutes(recorded))


def test_a_new_order_is_issued_and_open(scene: Connection) -> None:
    order = ordered(scene, an_order(minutes_ago=5))
    assert orders.list_orders(scene, LIVE) == [order]
    (under_way,) = orders.list_open_orders(scene)
    assert (under_way.state, under_way.is_published, under_way.ack_result) == (OrderState.ISSUED, False, None)
    assert under_way.expires_at == NOW + minutes(5)


def test_a_unit_has_one_open_order(scene: Connection) -> None:
    ordered(scene, an_order("o-1"))
    with pytest.raises(UniqueViolation):
        ordered(scene, an_order("o-2"))
    ordered(scene, an_order("o-3", unit_id="a-2"))
    assert {o.order_id for o in orders.list_orders(scene, LIVE)} == {"o-1", "o-3"}


@pytest.mark.parametrize("ended", [state for state in OrderState if state not in OPEN_ORDER_STATES])
def test_an_ended_order_makes_room_for_the_next(scene: Connection, ended: OrderState) -> None:
    ordered(scene, an_order("o-1"))
    _step(scene, ended, minutes_ago=1)
    assert orders.list_open_orders(scene) == []
    ordered(scene, an_order("o-2", minutes_ago=0))
    assert [o.order_id for o in orders.list_open_orders(scene)] == ["o-2"]


@pytest.mark.parametrize("state", OPEN_ORDER_STATES)
def test_an_order_under_way_keeps_its_unit(scene: Connection, state: OrderState) -> None:
    ordered(scene, an_order("o-1"))
    _step(scene, state, minutes_ago=1)
    with pytest.raises(UniqueViolation):
        ordered(scene, an_order("o-2"))


def test_eight_officers_at_once_send_a_unit_once(scene: Connection, database_url: str) -> None:
    ready = Barrier(8)

    def issue(k: int) -> bool:
        with connect(database_url) as conn:
            ready.wait()
            try:
                with conn.transaction():
                    ordered(conn, an_order(f"o-{k}"))
            except UniqueViolation:
                return False
            return True

    with ThreadPoolExecutor(8) as officers:
        assert sum(officers.map(issue, range(8))) == 1
    assert scene.execute("SELECT count(*) FROM dispatch_order").fetchone() == (1,)


def test_a_locked_unit_makes_the_second_officer_wait(scene: Connection, database_url: str) -> None:
    with connect(database_url) as other, scene.transaction():
        units.get_unit_for_update(scene, "a-1", NOW, None)
        other.execute("SET lock_timeout = '100ms'")
        with pytest.raises(Exception, match="lock timeout"):
            units.get_unit_for_update(other, "a-1", NOW, None)


def test_an_order_of_an_exercise_does_not_hold_the_unit_in_reality(scene: Connection) -> None:
    ordered(scene, an_order("o-1", exercise_id="ex-1"))
    ordered(scene, an_order("o-2"))
    with pytest.raises(UniqueViolation):
        ordered(scene, an_order("o-3", exercise_id="ex-1"))
    assert [o.order_id for o in orders.list_orders(scene, LIVE)] == ["o-2"]
    assert [o.order_id for o in orders.list_orders(scene, LIVE, "ex-1")] == ["o-1"]


def test_an_order_for_an_unknown_unit_or_incident_is_refused_by_the_database(scene: Connection) -> None:
    for wrong in (an_order(unit_id="a-9"), an_order(incident_id="i-9")):
        with pytest.raises(ForeignKeyViolation), scene.transaction():
            ordered(scene, wrong)


def test_an_order_remembers_when_it_left_and_when_it_was_answered(scene: Connection) -> None:
    ordered(scene, an_order(minutes_ago=5))
    _step(scene, OrderState.SENT, minutes_ago=4)
    _step(scene, OrderState.ACCEPTED, minutes_ago=3)
    (order,) = orders.list_orders(scene, LIVE)
    assert (order.state, order.sent_at, order.acknowledged_at) == (OrderState.ACCEPTED, NOW - minutes(4), NOW - minutes(3))


def test_orders_are_shown_as_they_were_known(scene: Connection) -> None:
    ordered(scene, an_order(minutes_ago=5))
    _step(scene, OrderState.SENT, minutes_ago=4)
    _step(scene, OrderState.ACCEPTED, minutes_ago=3, recorded_minutes_ago=1)
    assert orders.list_orders(scene, Moment.past(NOW - minutes(6))) == []
    (then,) = orders.list_orders(scene, Moment.past(NOW - minutes(2)))
    assert (then.state, then.acknowledged_at) == (OrderState.SENT, None)
    (as_known_now,) = orders.list_orders(scene, Moment.past(NOW - minutes(2), NOW))
    assert (as_known_now.state, as_known_now.acknowledged_at) == (OrderState.ACCEPTED, NOW - minutes(3))
    assert orders.list_orders(scene, Moment.past(NOW)) == orders.list_orders(scene, LIVE)


def test_an_ended_order_is_shown_for_an_hour(scene: Connection) -> None:
    ordered(scene, an_order(minutes_ago=90))
    _step(scene, OrderState.DONE, minutes_ago=59)
    assert len(orders.list_orders(scene, LIVE)) == 1
    assert orders.list_orders(scene, Moment.live(NOW + minutes(2))) == []


def test_a_step_said_twice_is_one_step(scene: Connection) -> None:
    ordered(scene, an_order(minutes_ago=5))
    for _ in range(2):
        _step(scene, OrderState.SENT, minutes_ago=4)
    assert scene.execute("SELECT count(*) FROM order_history").fetchone() == (2,)


def test_an_open_order_knows_the_answer_of_its_own_unit_only(scene: Connection) -> None:
    ordered(scene, an_order(unit_id="a-2", minutes_ago=5))
    stored(scene, an_ack("o-1", minutes_ago=3))  # a-1 says so, but a-2 was sent
    assert orders.list_open_orders(scene)[0].ack_result is None


def test_the_first_answer_counts(scene: Connection) -> None:
    ordered(scene, an_order(minutes_ago=5))
    stored(scene, an_ack("o-1", "accepted", minutes_ago=3), an_ack("o-1", "declined", minutes_ago=2))
    (order,) = orders.list_open_orders(scene)
    assert (order.ack_result, order.ack_time) == ("accepted", NOW - minutes(3))


def test_an_open_order_knows_when_its_unit_started_and_when_it_is_free_again(scene: Connection) -> None:
    ordered(scene, an_order(minutes_ago=10))
    (before,) = orders.list_open_orders(scene)
    assert (before.has_started, before.free_again_at) == (False, None)
    stored(scene, a_status("enroute", minutes_ago=8, order_id="o-1"))
    assert orders.list_open_orders(scene)[0].has_started
    stored(scene, a_status("returning", minutes_ago=3, order_id="o-1"), a_status("available", minutes_ago=1, order_id="o-1"))
    assert orders.list_open_orders(scene)[0].free_again_at == NOW - minutes(3)


def test_an_order_is_published_when_its_command_has_left(scene: Connection) -> None:
    order = ordered(scene, an_order(minutes_ago=5))
    outbox.put_command(scene, "city/v1/x/cmd", {"id": "o-1", "cmd": "dispatch"}, now=order.issued_at, exercise_id=None)
    assert not orders.list_open_orders(scene)[0].is_published
    (command,) = outbox.list_sendable(scene)
    outbox.mark_sent(scene, [command.outbox_id], NOW)
    assert orders.list_open_orders(scene)[0].is_published


def test_an_order_ends_when_its_unit_is_free_again_without_naming_it(scene: Connection) -> None:
    """Only after it answered: an earlier "available" is the one it was sent with."""
    ordered(scene, an_order(minutes_ago=10))
    stored(scene, a_status("available", minutes_ago=9))
    assert orders.list_open_orders(scene)[0].free_again_at is None
    stored(scene, an_ack("o-1", minutes_ago=8), a_status("available", minutes_ago=2))
    assert orders.list_open_orders(scene)[0].free_again_at == NOW - minutes(2)


def test_an_order_can_be_found_by_its_id_and_by_its_unit(scene: Connection) -> None:
    order = ordered(scene, an_order(minutes_ago=5))
    assert orders.find_order(scene, "o-1") == orders.find_open_order(scene, "a-1", None) == (order, NOW - minutes(5))
    assert orders.find_open_order(scene, "a-1", "ex-1") is None
    _step(scene, OrderState.CANCELLED, minutes_ago=1)
    found = orders.find_order(scene, "o-1")
    assert found is not None
    assert (found[0].state, found[1]) == (OrderState.CANCELLED, NOW - minutes(1))
    assert orders.find_open_order(scene, "a-1", None) is None
    assert orders.find_order(scene, "o-9") is None


def test_an_incident_knows_whether_anybody_is_under_way(scene: Connection) -> None:
    assert not orders.has_open(scene, "i-1")
    ordered(scene, an_order())
    assert orders.has_open(scene, "i-1")
    _step(scene, OrderState.DONE, minutes_ago=1)
    assert not orders.has_open(scene, "i-1")


def _put(conn: Connection, command_id: str, exercise_id: str | None = None) -> None:
    outbox.put_command(conn, f"city/v1/{command_id}/cmd", {"id": command_id}, now=NOW, exercise_id=exercise_id)


def _sendable(conn: Connection, **more: int) -> list[str]:
    return [command.payload["id"] for command in outbox.list_sendable(conn, **more)]


def test_commands_leave_in_the_order_in_which_they_were_decided(conn: Connection) -> None:
    for command_id in ("o-2", "o-1", "o-3"):
        _put(conn, command_id)
    first, second, third = outbox.list_sendable(conn)
    assert (first.topic, first.payload, first.exercise_id) == ("city/v1/o-2/cmd", {"id": "o-2"}, None)
    assert [second.payload, third.payload] == [{"id": "o-1"}, {"id": "o-3"}]
    outbox.mark_sent(conn, [second.outbox_id], NOW)
    assert _sendable(conn) == ["o-2", "o-3"]
    assert _sendable(conn, limit=1) == ["o-2"]


def test_a_command_of_an_exercise_stays_in_the_house(conn: Connection) -> None:
    _put(conn, "o-1", "ex-1")
    _put(conn, "o-2")
    assert _sendable(conn) == ["o-2"]


def test_a_command_is_withdrawn_unless_it_has_left(conn: Connection) -> None:
    _put(conn, "o-1")
    _put(conn, "o-2")
    outbox.mark_sent(conn, [outbox.list_sendable(conn)[1].outbox_id], NOW)
    outbox.withdraw(conn, "o-1")
    outbox.withdraw(conn, "o-2")
    assert conn.execute("SELECT payload ->> 'id' FROM outbox").fetchall() == [("o-2",)]


def test_a_command_of_an_act_that_was_undone_does_not_leave(conn: Connection) -> None:
    with conn.transaction():
        _put(conn, "o-1")
        raise Rollback
    assert _sendable(conn) == []


def test_a_unit_that_said_no_has_not_finished_by_being_free(scene: Connection) -> None:
    ordered(scene, an_order(minutes_ago=10))
    stored(scene, an_ack("o-1", "declined", minutes_ago=8), a_status("available", minutes_ago=7))
    assert orders.list_open_orders(scene)[0].free_again_at is None
