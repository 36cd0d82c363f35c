"""Scenarios switched over a real broker: taken, confirmed, taken up again, stopped; a gateway that loses its line."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from gis_data.city import City
from iot import gateway as gateways
from iot.control import STATE_TOPIC, ScenarioCommand, decode_state, scenario_of, scenario_topic
from iot.gateway import Gateway
from iot.mqtt import BrokerAddress, connect, new_client
from iot.payloads import encode
from runtime import scenarios
from tests.iot.conftest import Listener
from tests.iot.test_service import running


@pytest.fixture
def operator(broker: BrokerAddress) -> Iterator[Listener]:
    """Somebody who hears what is said on the control topics."""
    client = new_client(broker, "operator")
    listening = Listener(client)
    client.on_message = lambda _, __, m: listening.heard.append((m.topic, bytes(m.payload), time.monotonic()))
    client.on_connect = lambda *_: client.subscribe("sim/v1/#", qos=1)
    connect(client, broker, keeps_session=False)
    client.loop_start()
    yield listening
    client.disconnect()
    client.loop_stop()


def states(operator: Listener) -> list[Any]:
    return [decode_state(payload) for topic, payload, _ in list(operator.heard) if topic == STATE_TOPIC]


def test_a_scenario_is_started_confirmed_taken_up_again_and_stopped(
    broker: BrokerAddress, listener: Listener, operator: Listener, paper_city: City
) -> None:
    with running(broker, paper_city):
        operator.wait_for("the simulator", lambda: [state.state for state in states(operator)] == ["online"])
        taken = scenarios.start_scenario(broker, "rainstorm", datetime.now(UTC), {"peak_mm_h": "120"})
        assert taken.settings["peak_mm_h"] == 120
        assert taken.ends - taken.start == timedelta(minutes=150)
        assert [effect for effect in taken.effects if effect.en.endswith("the water begins to rise; at 4 places in all")]
        assert all(taken.start <= effect.at for effect in taken.effects)
        with pytest.raises(scenarios.NotDone, match=r"rainstorm is switched on from .*: expected it to be off"):
            scenarios.start_scenario(broker, "rainstorm", datetime.now(UTC), {})
    operator.wait_for("good-bye", lambda: states(operator)[-1].state == "offline")
    assert scenarios.running_scenarios(broker) is None
    with running(broker, paper_city):
        operator.wait_for("the same again", lambda: [each.command for each in states(operator)[-1].running] == [taken.command])
        assert states(operator)[-1].running[0].effects == taken.effects
        left = scenarios.stop_scenario(broker, "rainstorm")
        assert left is not None
        assert left.stopped is not None
        assert left.settled > left.stopped + timedelta(hours=12), "the water has to run off"
        with pytest.raises(scenarios.NotDone, match="rainstorm is not switched on"):
            scenarios.stop_scenario(broker, "rainstorm")
    assert not [topic for topic, _, _ in listener.heard if topic.startswith("sim/")]
    assert not [topic for topic, _, _ in operator.heard if topic.startswith("city/")]


def test_what_cannot_be_is_refused_and_does_not_stay_with_the_broker(
    broker: BrokerAddress, operator: Listener, paper_city: City, caplog: pytest.LogCaptureFixture
) -> None:
    with running(broker, paper_city):
        with pytest.raises(scenarios.NotDone, match="Paper City has no place of kind factory with ammonia_t"):
            scenarios.start_scenario(broker, "gas-leak", datetime.now(UTC), {})
        operator.wait_for("the command cleared", lambda: (scenario_topic("gas-leak"), b"") in [h[:2] for h in operator.heard])
        for nonsense in (b"nonsense", b'{"id": "\xff"}'):
            operator.client.publish(scenario_topic("rainstorm"), nonsense, qos=1)
        operator.wait_for("a word of both", lambda: sum("cannot be understood" in r.getMessage() for r in caplog.records) == 2)
        late = ScenarioCommand(id="x", ts=datetime.now(UTC), start=datetime.now(UTC) - timedelta(days=3))
        operator.client.publish(scenario_topic("hall-surge"), encode(late), qos=1, retain=True)
        operator.wait_for("what is over cleared", lambda: (scenario_topic("hall-surge"), b"") in [h[:2] for h in operator.heard])
    with pytest.raises(scenarios.NotDone, match="hall-surge is not switched on"):
        scenarios.stop_scenario(broker, "hall-surge")


def test_without_a_simulator_one_is_told_after_a_while_and_the_command_waits(
    broker: BrokerAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenarios, "CONFIRM_S", 0.5)
    assert scenarios.running_scenarios(broker) is None
    with pytest.raises(scenarios.NotDone, match=r"the simulator has not answered within .*the broker keeps the command"):
        scenarios.start_scenario(broker, "rainstorm", datetime.now(UTC), {})
    with pytest.raises(scenarios.NotDone, match="the simulator has not answered"):
        scenarios.stop_scenario(broker, "rainstorm")


@contextmanager
def opened(gateway: Gateway) -> Iterator[Gateway]:
    gateway.line.open()
    try:
        yield gateway
    finally:
        gateway.line.close()


def numbers(listener: Listener) -> list[int]:
    return [msgspec.json.decode(payload) for payload in listener.payloads("dev/telemetry")]


def test_a_gateway_without_its_line_keeps_what_it_can_and_sends_it_late_in_order(
    broker: BrokerAddress, listener: Listener, paper_city: City, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gateways, "HELD_MESSAGES", 5)
    monkeypatch.setattr(gateways, "LATE_PER_CALL", 2)
    caplog.set_level(logging.INFO)
    topic = "city/v1/990101/air/site/dev/telemetry"
    with opened(Gateway(broker, paper_city.districts[0], [], lambda: datetime.now(UTC))) as gateway:
        listener.wait_for("the connection", gateway.was_connected)
        gateway.carry(topic, b"0")
        listener.wait_for("the present", lambda: numbers(listener) == [0])
        gateway.cut()
        listener.wait_for("the will", lambda: [state(p) for p in listener.payloads("gw-990101/state")] == ["online", "offline"])
        for number in range(1, 9):
            gateway.carry(topic, str(number).encode())
            gateway.send_held()
        time.sleep(1.5)  # longer than a broken line takes to be opened again
        assert not gateway.was_connected()
        assert numbers(listener) == [0]
        gateway.mend()
        gateway.send_held()
        listener.wait_for("the connection after", gateway.was_connected)
        gateway.send_held()
        gateway.carry(topic, b"9")
        listener.wait_for("the first of what was kept", lambda: numbers(listener) == [0, 4, 5])
        gateway.send_held()
        gateway.send_held()
        gateway.carry(topic, b"10")
        listener.wait_for("all of it and the present", lambda: numbers(listener) == [0, 4, 5, 6, 7, 8, 9, 10])
    assert [state(p) for p in listener.payloads("gw-990101/state")] == ["online", "offline", "online"]
    assert "gateway 990101 had no memory for 3 messages" in caplog.text


def test_a_gateway_can_be_closed_while_its_line_is_cut(broker: BrokerAddress, listener: Listener, paper_city: City) -> None:
    with opened(Gateway(broker, paper_city.districts[0], [], lambda: datetime.now(UTC))) as gateway:
        listener.wait_for("the connection", gateway.was_connected)
        listener.wait_for("the birth", lambda: listener.payloads("gw-990101/state"))
        gateway.cut()
        listener.wait_for("the will", lambda: [state(p) for p in listener.payloads("gw-990101/state")] == ["online", "offline"])
        time.sleep(1.2)  # it would have tried to connect again by now
    time.sleep(0.3)
    assert len(listener.payloads("gw-990101/state")) == 2


def state(payload: bytes) -> str:
    return str(msgspec.json.decode(payload)["state"])


@pytest.mark.long
def test_an_outage_silences_a_district_and_its_words_come_late(
    broker: BrokerAddress, listener: Listener, paper_city: City
) -> None:
    with running(broker, paper_city):
        listener.wait_for("readings", lambda: said(listener, "990101"))
        scenarios.start_scenario(broker, "network-failure", datetime.now(UTC), {"districts": "990101", "lasts_min": "60"})
        listener.wait_for("its will", lambda: state(listener.payloads("gw-990101/state")[-1]) == "offline")
        heard, elsewhere = len(said(listener, "990101")), len(said(listener, "990102"))
        listener.wait_for("the other district", lambda: len(said(listener, "990102")) > elsewhere + 4)
        assert len(said(listener, "990101")) == heard
        cut_until = datetime.now(UTC)
        scenarios.stop_scenario(broker, "network-failure")
        listener.wait_for("the line again", lambda: state(listener.payloads("gw-990101/state")[-1]) == "online")
        listener.wait_for(
            "what was measured meanwhile",
            lambda: [time for time in said(listener, "990101")[heard:] if time < cut_until],
        )  # fmt: skip


def said(listener: Listener, district: str) -> list[datetime]:
    """When what came from a district's devices was measured, in the order of arrival."""
    return [
        datetime.fromisoformat(msgspec.json.decode(payload)["ts"])
        for topic, payload, _ in list(listener.heard)
        if topic.startswith(f"city/v1/{district}/") and topic.endswith("/telemetry")
    ]


def test_topics_of_scenarios_are_told_from_others() -> None:
    assert scenario_of("sim/v1/scenario/rainstorm") == "rainstorm"
    for topic in ("sim/v1/state", "sim/v1/scenario/", "sim/v1/scenario/a/b", "city/v1/scenario/rainstorm"):
        assert scenario_of(topic) is None
