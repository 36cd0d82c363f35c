"""A gateway: its heartbeat, and what it keeps while its line is cut. Its connection is none: what it hands over is collected."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from gis_data.city import City
from ingest.parse import parse
from iot.gateway import HEARTBEAT, HELD_MESSAGES, LATE_PER_CALL, Gateway
from iot.mqtt import parse_address

NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@dataclass
class Scene:
    gateway: Gateway
    said: list[tuple[str, bytes, bool]] = field(default_factory=list)
    now: datetime = NINE

    def states(self) -> list[tuple[str, datetime]]:
        told = [json.loads(payload) for topic, payload, _ in self.said if topic.endswith("/state")]
        return [(state["state"], datetime.fromisoformat(state["ts"])) for state in told]


@pytest.fixture
def scene(paper_city: City, monkeypatch: pytest.MonkeyPatch) -> Scene:
    made: list[Scene] = []
    gateway = Gateway(parse_address("mqtt://127.0.0.1:1"), paper_city.districts[0], [], lambda: made[0].now if made else NINE)
    made.append(Scene(gateway))

    def publish(topic: str, payload: bytes, *, is_retained: bool = False, timeout_s: float = 60.0) -> None:
        made[0].said.append((topic, payload, is_retained))

    monkeypatch.setattr(gateway.line, "publish", publish)
    return made[0]


def connected(scene: Scene) -> None:
    scene.gateway.line._connected_at.put(scene.now)
    assert scene.gateway.was_connected()


def test_nothing_is_said_before_there_is_a_connection(scene: Scene) -> None:
    scene.gateway.beat()
    assert not scene.gateway.was_connected()
    assert scene.said == []


def test_a_gateway_says_once_in_every_interval_that_it_announced_that_it_is_there(scene: Scene) -> None:
    connected(scene)
    (birth, _), *_ = [(json.loads(payload), topic) for topic, payload, _ in scene.said if topic.endswith("/birth")]
    assert (birth["mode"], birth["interval_s"]) == ("on_change", HEARTBEAT.total_seconds())
    for second in range(3 * 3_600 + 1):
        scene.now = NINE + timedelta(seconds=second)
        scene.gateway.beat()
    assert scene.states() == [("online", NINE + k * HEARTBEAT) for k in range(4)]
    assert all(is_retained for _, _, is_retained in scene.said)
    assert len({json.loads(payload)["id"] for topic, payload, _ in scene.said if topic.endswith("/state")}) == 4
    for topic, payload, _ in scene.said:
        assert [type(report).__name__ for report in parse(topic, payload, scene.now)] in (["DeviceBirth"], ["DeviceStateReport"])


def test_a_gateway_whose_line_is_cut_says_nothing_and_counts_its_interval_from_the_connection_after(scene: Scene) -> None:
    connected(scene)
    scene.gateway.cut()
    scene.now = NINE + 2 * HEARTBEAT
    scene.gateway.beat()
    assert scene.states() == [("online", NINE)]
    scene.gateway.mend()
    connected(scene)
    scene.now += HEARTBEAT - timedelta(seconds=1)
    scene.gateway.beat()
    assert scene.states() == [("online", NINE), ("online", NINE + 2 * HEARTBEAT)]
    scene.now += timedelta(seconds=1)
    scene.gateway.beat()
    assert scene.states()[-1] == ("online", NINE + 3 * HEARTBEAT)


def test_what_devices_say_while_the_line_is_cut_is_sent_late_in_order_and_the_oldest_are_dropped_first(scene: Scene) -> None:
    connected(scene)
    scene.said.clear()
    scene.gateway.cut()
    for k in range(HELD_MESSAGES + 3):
        scene.gateway.carry(f"t/{k}", b"")
    scene.gateway.send_held()
    assert scene.said == [], "the line is cut"
    scene.gateway.mend()
    connected(scene)
    scene.said.clear()
    scene.gateway.carry("t/new", b"")
    scene.gateway.send_held()
    assert [topic for topic, *_ in scene.said] == [f"t/{k}" for k in range(4, 4 + LATE_PER_CALL)]
    for _ in range(HELD_MESSAGES // LATE_PER_CALL + 1):
        scene.gateway.send_held()
    assert [topic for topic, *_ in scene.said] == [f"t/{k}" for k in range(4, HELD_MESSAGES + 3)] + ["t/new"]
