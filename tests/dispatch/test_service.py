"""The dispatcher with a real database and a real broker: sent once as far as units can tell, and settled by what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dispatch import orders, service
from dispatch.closing import Unattended
from dispatch.service import Dispatcher, Line
from domain.incidents import Grade, IncidentState, ResponseLevel
from domain.moments import Moment
from domain.orders import Order, OrderState
from domain.units import UnitStatus
from iot import mqtt
from iot.mqtt import BrokerAddress, parse_address
from runtime.embedded_broker import throwaway_broker
from runtime.quarters import free_port
from storage import incidents, outbox, units
from storage import orders as stored_orders
from storage.connection import Connection
from tests.iot.test_mqtt import refusing_broker
from tests.support.scenes import AMBULANCE, COMMANDER, NOW, a_status, a_unit, an_ack, an_incident, minutes, stored

ZONE = ZoneInfo("Asia/Shanghai")
PATIENT = Unattended(3600, (Grade.IV,))
"""An ordinary incident waits an hour for somebody."""


@pytest.fixture(scope="module")
def broker() -> Iterator[BrokerAddress]:
    with throwaway_broker() as handle:
        yield parse_address(handle.url, handle.protocol)


@pytest.fixture
def nobody() -> BrokerAddress:
    """An address at which no broker answers."""
    return parse_address(f"mqtt://127.0.0.1:{free_port()}")


@pytest.fixture
def scene(conn: Connection) -> Connection:
    stored(conn, an_incident(), a_unit(), a_status("available", minutes_ago=60))
    return conn


@contextmanager
def dispatching(address: BrokerAddress) -> Iterator[Dispatcher]:
    line = Line(address, client_id="test-dispatcher", order_expiry_s=120, stop=Event())
    try:
        yield Dispatcher(line, PATIENT)
    finally:
        line.close()


@contextmanager
def listening(address: BrokerAddress) -> Iterator[list[dict[str, Any]]]:
    """What the ambulance hears, as it hears it."""
    heard: list[dict[str, Any]] = []
    subscribed = Event()
    client = mqtt.new_client(address, "test-ambulance")
    client.on_message = lambda _client, _data, message: heard.append(json.loads(message.payload))
    client.on_connect = lambda client, *_: client.subscribe(f"city/v1/{AMBULANCE}/cmd", 1)
    client.on_subscribe = lambda *_: subscribed.set()
    mqtt.connect(client, address, keeps_session=False)
    client.loop_start()
    assert subscribed.wait(10)
    try:
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


def wait_for(heard: list[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    deadline = monotonic() + 10
    while len(heard) < n and monotonic() < deadline:
        sleep(0.01)
    return heard


def send(conn: Connection, now: datetime = NOW) -> Order:
    return orders.issue(conn, "i-1", "a-1", COMMANDER, now, zone=ZONE, order_expiry_s=120)


def state(conn: Connection, later: float) -> OrderState:
    return stored_orders.list_orders(conn, Moment.live(NOW + minutes(later)))[0].state


def unit_status(conn: Connection, later: float) -> UnitStatus:
    return units.list_units(conn, Moment.live(NOW + minutes(later)))[0].status


def test_an_order_goes_from_the_click_to_the_unit_and_back(scene: Connection, broker: BrokerAddress) -> None:
    with dispatching(broker) as dispatcher, listening(broker) as heard:
        order = send(scene)
        figures = dispatcher.tick(scene, NOW + minutes(0.1))
        assert wait_for(heard, 1)[0]["id"] == order.order_id
        assert (figures["connected"], figures["unsent"], figures["published_total"]) == (True, 0, 1)
        dispatcher.tick(scene, NOW + minutes(0.2))
        assert state(scene, 0.2) is OrderState.SENT
        stored(scene, an_ack(order.order_id, minutes_ago=-0.3))
        dispatcher.tick(scene, NOW + minutes(0.4))
        assert state(scene, 0.4) is OrderState.ACCEPTED
        stored(scene, *(a_status(s, minutes_ago=-k, order_id=order.order_id) for k, s in enumerate(("enroute", "on_scene"), 1)))
        dispatcher.tick(scene, NOW + minutes(3))
        assert (state(scene, 3), unit_status(scene, 3)) == (OrderState.ACCEPTED, UnitStatus.ON_SCENE)
        stored(scene, a_status("returning", minutes_ago=-4, order_id=order.order_id))
        figures = dispatcher.tick(scene, NOW + minutes(5))
        assert state(scene, 5) is OrderState.DONE
    assert figures["sealed_total"] == 1
    assert len(heard) == 1


def test_killed_between_sending_and_marking_the_command_goes_out_again_under_its_id(
    scene: Connection, broker: BrokerAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with listening(broker) as heard:
        order = send(scene)
        with monkeypatch.context() as dying, dispatching(broker) as dispatcher:
            dying.setattr(outbox, "mark_sent", killed)
            with pytest.raises(Killed):
                dispatcher.tick(scene, NOW + minutes(0.1))
        with dispatching(broker) as dispatcher:
            dispatcher.tick(scene, NOW + minutes(0.2))
            dispatcher.tick(scene, NOW + minutes(0.3))
        assert [command["id"] for command in wait_for(heard, 2)] == [order.order_id] * 2
    assert outbox.list_sendable(scene) == []


def test_while_the_broker_is_away_orders_wait_and_it_is_said_once(
    scene: Connection, nobody: BrokerAddress, caplog: pytest.LogCaptureFixture
) -> None:
    send(scene)
    with dispatching(nobody) as dispatcher:
        for k in range(4):
            figures = dispatcher.tick(scene, NOW + minutes(k / 20))
    assert (figures["connected"], figures["unsent"], figures["open_orders"]) == (False, 1, 1)
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "did not accept a connection" in warnings[0]
    assert "Orders wait meanwhile, and lapse after 120 s" in warnings[0]


def test_a_broker_that_lets_nobody_in_is_named(
    broker: BrokerAddress, scene: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = BrokerAddress(broker.host, broker.port, "stranger", "wrong", broker.is_tls, broker.protocol)
    with dispatching(stranger) as dispatcher:
        assert dispatcher.tick(scene, NOW)["connected"] is False
    assert "did not let us in" in caplog.text


def test_what_waited_leaves_when_the_broker_is_back(scene: Connection, broker: BrokerAddress, nobody: BrokerAddress) -> None:
    order = send(scene)
    with dispatching(nobody) as dispatcher:
        dispatcher.tick(scene, NOW)
    with listening(broker) as heard, dispatching(broker) as dispatcher:
        dispatcher.tick(scene, NOW + minutes(1))
        assert wait_for(heard, 1)[0]["id"] == order.order_id


def test_a_line_that_breaks_is_opened_again(scene: Connection, broker: BrokerAddress) -> None:
    with dispatching(broker) as dispatcher, listening(broker) as heard:
        dispatcher.tick(scene, NOW)
        publisher = dispatcher._line._publisher
        assert publisher is not None
        publisher.close()
        order = send(scene)
        dispatcher.tick(scene, NOW + minutes(0.1))
        assert wait_for(heard, 1)[0]["id"] == order.order_id


def test_an_order_that_never_left_lapses_and_is_taken_back(
    scene: Connection, nobody: BrokerAddress, broker: BrokerAddress
) -> None:
    order = send(scene)
    with dispatching(nobody) as dispatcher:
        dispatcher.tick(scene, NOW + minutes(2))
    assert (state(scene, 2), unit_status(scene, 2)) == (OrderState.EXPIRED, UnitStatus.AVAILABLE)
    with listening(broker) as heard, dispatching(broker) as dispatcher:
        dispatcher.tick(scene, NOW + minutes(3))
        assert [command["cmd"] for command in wait_for(heard, 1)] == ["cancel"]
    assert [row[0] for row in scene.execute("SELECT detail FROM order_history WHERE state = 'expired'")] == ["not_sent"]
    assert send(scene, NOW + minutes(4)).order_id != order.order_id


def test_after_an_absence_nothing_that_lapsed_leaves(scene: Connection, broker: BrokerAddress) -> None:
    send(scene)
    with listening(broker) as heard, dispatching(broker) as dispatcher:
        dispatcher.tick(scene, NOW + minutes(30))
        assert [command["cmd"] for command in wait_for(heard, 1)] == ["cancel"]


def test_a_unit_that_declines_is_free_again(scene: Connection, nobody: BrokerAddress) -> None:
    order = send(scene)
    stored(scene, an_ack(order.order_id, "no crew", minutes_ago=-0.2))
    with dispatching(nobody) as dispatcher:
        dispatcher.tick(scene, NOW + minutes(0.5))
    assert (state(scene, 1), unit_status(scene, 1)) == (OrderState.DECLINED, UnitStatus.AVAILABLE)
    assert [row[0] for row in scene.execute("SELECT detail FROM order_history WHERE state = 'declined'")] == ["no crew"]


@pytest.mark.parametrize("names_order", [True, False])
def test_a_unit_that_declines_and_is_free_at_once_has_not_done_the_order(
    scene: Connection, nobody: BrokerAddress, names_order: bool
) -> None:
    """The refusal and the "available" behind it are both there before the next round: the incident waits for help again."""
    order = send(scene)
    named = order.order_id if names_order else None
    stored(scene, an_ack(order.order_id, "declined", minutes_ago=-0.2), a_status("available", minutes_ago=-0.21, order_id=named))
    with dispatching(nobody) as dispatcher:
        dispatcher.tick(scene, NOW + minutes(0.5))
    assert (state(scene, 1), unit_status(scene, 1)) == (OrderState.DECLINED, UnitStatus.AVAILABLE)
    assert incidents.get_incident_for_update(scene, "i-1", NOW + minutes(1)).state is IncidentState.REPORTED


def two_units_of_which_one_is_done(conn: Connection) -> Order:
    """The order of the one that is still on its way: the other has been at the fire and drives home."""
    stored(conn, a_unit("a-2"), a_status("available", unit_id="a-2", minutes_ago=60))
    first = send(conn)
    second = orders.issue(conn, "i-1", "a-2", COMMANDER, NOW, zone=ZONE, order_expiry_s=120)
    stored(conn, *(a_status(s, minutes_ago=-k, order_id=first.order_id) for k, s in enumerate(("on_scene", "returning"))))
    settle_all(conn, 1.5)
    assert state_of_the_fire(conn, 1.5) is IncidentState.RESPONDING, "somebody is still on the way"
    return second


def settle_all(conn: Connection, later: float) -> None:
    for order in stored_orders.list_open_orders(conn):
        service.settle(conn, order, NOW + minutes(later))


def state_of_the_fire(conn: Connection, later: float) -> IncidentState:
    return incidents.get_incident_for_update(conn, "i-1", NOW + minutes(later)).state


def test_an_incident_that_was_worked_on_ends_when_the_last_unit_on_its_way_is_called_back(scene: Connection) -> None:
    second = two_units_of_which_one_is_done(scene)
    orders.cancel(scene, second.order_id, COMMANDER, NOW + minutes(1.6), zone=ZONE)
    assert state_of_the_fire(scene, 2) is IncidentState.CLOSED


def test_an_incident_that_was_worked_on_ends_when_the_last_order_lapses(scene: Connection) -> None:
    two_units_of_which_one_is_done(scene)
    settle_all(scene, 2)
    assert state_of_the_fire(scene, 3) is IncidentState.CLOSED


def test_an_incident_whose_only_unit_is_called_back_waits_for_another(scene: Connection) -> None:
    order = send(scene)
    orders.cancel(scene, order.order_id, COMMANDER, NOW + minutes(1), zone=ZONE)
    assert state_of_the_fire(scene, 2) is IncidentState.REPORTED


def test_an_incident_whose_only_order_lapses_is_again_what_it_was_before_it_was_answered(scene: Connection) -> None:
    incidents.set_state(
        scene, "i-1", IncidentState.VERIFIED, Grade.III, ResponseLevel.NONE, valid_from=NOW - minutes(1),
        recorded_at=NOW - minutes(1), actor="li",
    )  # fmt: skip
    send(scene)
    assert state_of_the_fire(scene, 1) is IncidentState.RESPONDING
    settle_all(scene, 2)
    assert state_of_the_fire(scene, 3) is IncidentState.VERIFIED
    assert send(scene, NOW + minutes(3)).state is OrderState.ISSUED, "and another unit may be sent"


def test_an_incident_goes_on_being_answered_while_another_order_to_it_stands(scene: Connection) -> None:
    stored(scene, a_unit("a-2"), a_status("available", unit_id="a-2", minutes_ago=60))
    first = send(scene)
    orders.issue(scene, "i-1", "a-2", COMMANDER, NOW + minutes(1), zone=ZONE, order_expiry_s=120)
    orders.cancel(scene, first.order_id, COMMANDER, NOW + minutes(1.5), zone=ZONE)
    assert state_of_the_fire(scene, 2) is IncidentState.RESPONDING


def test_a_command_that_the_broker_refuses_is_not_sent_and_holds_nothing_up(
    scene: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "dispatch")
    open_topic = f"city/v1/{AMBULANCE}/cmd".replace("440106", "440104")
    send(scene)
    outbox.put_command(scene, open_topic, {"id": "o-other"}, now=NOW, exercise_id=None)
    with refusing_broker("/440106/") as (address, refused), dispatching(address) as dispatcher:
        for k in range(4):
            figures = dispatcher.tick(scene, NOW + minutes(k / 20))
        assert (figures["connected"], figures["unsent"], figures["published_total"]) == (True, 1, 1)
        warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
        assert len(warnings) == 1, "said once"
        assert "refused a message to city/v1/…/cmd (Not authorized, code 135)" in warnings[0]
        refused.clear()
        assert dispatcher.tick(scene, NOW + minutes(0.3))["unsent"] == 0, "the right was given"
    assert "takes every command again" in caplog.text


def test_a_clock_set_back_does_not_keep_the_line_closed(scene: Connection, broker: BrokerAddress, nobody: BrokerAddress) -> None:
    send(scene)
    with dispatching(nobody) as dispatcher:
        dispatcher.tick(scene, NOW + minutes(10))
        dispatcher._line._broker = broker
        assert dispatcher.tick(scene, NOW)["connected"] is True


def test_what_a_unit_says_of_itself_is_left_alone(scene: Connection, nobody: BrokerAddress) -> None:
    order = send(scene)
    stored(scene, an_ack(order.order_id, "declined", minutes_ago=-0.2), a_status("out_of_service", minutes_ago=-0.3))
    with dispatching(nobody) as dispatcher:
        dispatcher.tick(scene, NOW + minutes(0.5))
    assert unit_status(scene, 1) is UnitStatus.OUT_OF_SERVICE


def test_an_order_called_off_while_it_is_settled_stays_called_off(scene: Connection) -> None:
    order = send(scene)
    stored(scene, an_ack(order.order_id, minutes_ago=-0.2))
    (as_listed,) = stored_orders.list_open_orders(scene)
    orders.cancel(scene, order.order_id, COMMANDER, NOW + minutes(0.3), zone=ZONE)
    service.settle(scene, as_listed, NOW + minutes(0.4))
    assert state(scene, 1) is OrderState.CANCELLED


def test_commands_of_a_drill_never_leave(scene: Connection, broker: BrokerAddress) -> None:
    outbox.put_command(scene, f"city/v1/{AMBULANCE}/cmd", {"id": "o-drill"}, now=NOW, exercise_id="ex-1")
    with listening(broker) as heard, dispatching(broker) as dispatcher:
        order = send(scene)
        dispatcher.tick(scene, NOW)
        assert [command["id"] for command in wait_for(heard, 1)] == [order.order_id]


def test_the_process_sends_and_stops_when_told(database_url: str, conn: Connection, broker: BrokerAddress) -> None:
    now = datetime.now(UTC)
    stored(conn, an_incident(), a_unit(), a_status("available", minutes_ago=60))
    stop = Event()
    process = Thread(
        target=service.run, args=(database_url, broker), kwargs={"order_expiry_s": 120, "unattended": PATIENT, "stop": stop}
    )
    with listening(broker) as heard:
        process.start()
        order = send(conn, now)
        clicked = monotonic()
        assert wait_for(heard, 1)[0]["id"] == order.order_id
        assert monotonic() - clicked < 5
    conn.execute(
        "INSERT INTO command_ack (device_id, command_id, phenomenon_time, received_time, result) VALUES (%s, %s, %s, %s, 'accepted')",
        (AMBULANCE, order.order_id, now, now),
    )
    deadline = monotonic() + 10
    while stored_orders.find_order(conn, order.order_id)[0].state is not OrderState.ACCEPTED:  # type: ignore[index]
        assert monotonic() < deadline, "the answer was never noticed"
        sleep(0.02)
    stop.set()
    process.join(5)
    assert not process.is_alive()


def test_what_nobody_acted_on_is_closed_once_a_minute_and_said(
    conn: Connection, nobody: BrokerAddress, caplog: pytest.LogCaptureFixture
) -> None:
    stored(conn, an_incident("i-1", grade=Grade.IV, minutes_ago=59.5), an_incident("i-2", grade=Grade.III, minutes_ago=90))
    with dispatching(nobody) as dispatcher:
        assert dispatcher.tick(conn, NOW)["unattended_total"] == 0
        assert dispatcher.tick(conn, NOW + minutes(0.6))["unattended_total"] == 0, "not every quarter of a second"
        assert dispatcher.tick(conn, NOW + minutes(1.1))["unattended_total"] == 1
    assert [incident.incident_id for incident in incidents.list_open_incidents(conn, Moment.live(NOW + minutes(2)))] == ["i-2"]
    assert "1 incident(s) closed as unattended, since nobody acted on them for 1 h: i-1" in caplog.text
