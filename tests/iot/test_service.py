"""The simulator over a real broker: it speaks, obeys, says good-bye, and its will speaks when it cannot."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from domain.units import UnitStatusReport
from gis_data.city import City
from ingest.parse import parse
from iot import service
from iot.gateway import Gateway
from iot.mqtt import BrokerAddress
from iot.payloads import DispatchCommand, encode
from tests.iot.conftest import Listener
from tests.iot.test_scenes import SEED


@contextmanager
def running(broker: BrokerAddress, city: City) -> Iterator[threading.Event]:
    stop = threading.Event()
    faults: list[BaseException] = []

    def work() -> None:
        try:
            service.run(broker, city_dir=city.path, seed=SEED, stop=stop)
        except BaseException as fault:
            faults.append(fault)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()
        assert faults == []


def unit_topic(listener: Listener) -> str:
    """The topic of an ambulance, without its last level."""
    listener.wait_for("a unit", lambda: listener.payloads("/A01/birth"))
    return next(topic for topic, _, _ in listener.heard if topic.endswith("/A01/birth")).removesuffix("/birth")


def statuses(listener: Listener, unit: str) -> list[tuple[str, str | None]]:
    now = datetime.now(UTC)
    said = [r for topic, payload, _ in list(listener.heard) if topic == f"{unit}/event" for r in parse(topic, payload, now)]
    return [(r.status, r.order_id) for r in said if isinstance(r, UnitStatusReport)]


@pytest.mark.long
def test_the_simulator_speaks_obeys_and_says_goodbye(broker: BrokerAddress, listener: Listener, paper_city: City) -> None:
    with running(broker, paper_city) as stop:
        unit = unit_topic(listener)
        listener.wait_for("readings", lambda: len(listener.payloads("/telemetry")) > 30)
        order = DispatchCommand(
            id="o-1",
            ts=datetime.now(UTC),
            incident="i-1",
            position=(123.43, 30.22),
            expires=datetime.now(UTC) + timedelta(minutes=1),
        )
        listener.client.publish(f"{unit}/cmd", encode(order), qos=1)
        for nonsense in (b"nonsense", b'{"id": "\xff"}'):
            listener.client.publish(f"{unit}/cmd", nonsense, qos=1)
        listener.client.publish(f"{unit}/cmd", encode(order), qos=1)
        listener.wait_for("two acknowledgements", lambda: len(listener.payloads("/A01/ack")) == 2)
        assert {msgspec.json.decode(p)["result"] for p in listener.payloads("/A01/ack")} == {"accepted"}
        listener.wait_for("the status", lambda: ("dispatched", "o-1") in statuses(listener, unit))
        stop.set()
    listener.wait_for("good-bye", lambda: b'"offline"' in b"".join(listener.payloads("/A01/state")))
    now = datetime.now(UTC)
    kinds = {type(r).__name__ for topic, payload, _ in listener.heard for r in parse(topic, payload, now)}
    assert "Rejection" not in kinds


def test_a_simulator_started_again_takes_up_the_orders_of_its_former_life(
    broker: BrokerAddress, listener: Listener, paper_city: City
) -> None:
    with running(broker, paper_city):
        unit = unit_topic(listener)
        listener.wait_for("its first words", lambda: statuses(listener, unit))
        order = DispatchCommand(
            id="o-1",
            ts=datetime.now(UTC),
            incident="i-1",
            position=(123.43, 30.22),
            expires=datetime.now(UTC) + timedelta(minutes=1),
        )
        listener.client.publish(f"{unit}/cmd", encode(order), qos=1)
        listener.wait_for("the status", lambda: ("dispatched", "o-1") in statuses(listener, unit))
        said = len(statuses(listener, unit))
    with running(broker, paper_city):
        listener.wait_for("its first words again", lambda: len(statuses(listener, unit)) > said)
    assert {order_id for _, order_id in statuses(listener, unit)[said:]} == {"o-1"}, "it never said that it was free"


def test_a_gateway_whose_line_breaks_is_declared_offline_and_comes_back_later_than_that(
    broker: BrokerAddress, listener: Listener, paper_city: City
) -> None:
    gateway = Gateway(broker, paper_city.districts[0], [], lambda: datetime.now(UTC))
    gateway.line.open()
    try:
        listener.wait_for("the connection", gateway.was_connected)
        listener.wait_for("online", lambda: len(listener.payloads("gw-990101/state")) == 1)
        line = gateway.line._publisher.client.socket()
        assert isinstance(line, socket.socket)
        line.shutdown(socket.SHUT_RDWR)
        listener.wait_for("its will", lambda: len(listener.payloads("gw-990101/state")) == 2)
        listener.wait_for("the connection after", gateway.was_connected)
        listener.wait_for("online again", lambda: len(listener.payloads("gw-990101/state")) == 3)
    finally:
        gateway.line.close()
    said = [msgspec.json.decode(payload) for payload in listener.payloads("gw-990101/state")]
    assert [state["state"] for state in said] == ["online", "offline", "online"]
    assert said[0]["ts"] == said[1]["ts"] < said[2]["ts"]


def test_a_broker_that_is_not_there_is_waited_for_until_told_to_stop(paper_city: City, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        nobody = BrokerAddress("127.0.0.1", taken.getsockname()[1], None, None, False, 5)
        with running(nobody, paper_city) as stop:
            threading.Timer(0.8, stop.set).start()
            assert stop.wait(10)
    assert any("did not accept a connection" in record.getMessage() for record in caplog.records)
