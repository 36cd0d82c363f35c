"""The hall surge over a real broker, at some hundred times the pace of the clock: started by a command, seen in the queue's events,
drained by windows that are opened by commands."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from domain.halls import WindowState
from gis_data.city import City
from iot.control import ScenarioCommand, last_will, scenario_topic
from iot.gateway import Gateway
from iot.line import Line
from iot.mqtt import BrokerAddress
from iot.payloads import Event, encode
from iot.service import Control, Field
from iot.simulated.halls import LiveHalls
from iot.simulated.live import LiveCity
from iot.topics import topic_of
from tests.iot.conftest import Listener
from tests.iot.test_scenes import SEED
from tests.support.queues import Queue, fold

NOON = datetime(2026, 3, 3, 12, tzinfo=timezone(timedelta(hours=8)))
"""A Tuesday in Shanghai."""
STEP_S = 15


def minutes(after_noon: float) -> datetime:
    return NOON + timedelta(minutes=after_noon)


class TimeLapse:
    """A simulator whose clock is ours, at a broker."""

    def __init__(self, city: City, broker: BrokerAddress, now: datetime) -> None:
        self.city = LiveCity(city, SEED, now.timestamp())
        self._now = now
        self.control = Control(self.city, Line(broker, "simulator", ["sim/v1/scenario/+"], self.now, last_will), now)
        gateways = [Gateway(broker, d, self.city.subscriptions(d.code), self.now) for d in self.city.districts]
        self.field = Field(self.city, gateways)
        self.lines = [self.control.line, *(gateway.line for gateway in gateways)]

    def now(self) -> datetime:
        return self._now

    def run(self, until: datetime) -> None:
        while self._now < until:
            self._now += timedelta(seconds=STEP_S)
            self.control.tick(self._now)
            self.field.tick(self._now.timestamp())
        for line in self.lines:
            line.flush(10)


@pytest.fixture
def halls_city(paper_city: City) -> City:
    """The paper city with a main hall of 24 windows."""
    main, branch = paper_city.places_of("service_hall")
    return replace(paper_city, places=(replace(main, attributes={"windows": 24, "is_main": 1}), branch))


def queue(listener: Listener, hall_id: str, until: datetime) -> Queue:
    """The queue of a hall as its events over MQTT tell it, those of the roll call aside."""
    topic = topic_of(hall_id, "event")
    events = [msgspec.json.decode(payload, type=Event) for heard, payload, _ in list(listener.heard) if heard == topic]
    return fold(event for event in events if event.ts <= until and "-w" not in event.id)


def test_a_surge_fills_the_queue_and_windows_opened_by_command_drain_it(
    broker: BrokerAddress, listener: Listener, halls_city: City
) -> None:
    """From half past twelve to two, when every other window is at rest, two and a half times as many come; at one o'clock the hall
    is told to open all its windows, and finds clerks for most of them."""
    lapse = TimeLapse(halls_city, broker, NOON - timedelta(hours=4))
    hall = lapse.city.halls.halls[0]
    for line in lapse.lines:
        line.open()
    try:
        start = ScenarioCommand(id="s-1", ts=NOON, start=minutes(30), settings={"lasts_min": 90, "factor": 2.5})
        listener.client.publish(scenario_topic("hall-surge"), encode(start), qos=1, retain=True).wait_for_publish(10)
        listener.wait_for("the command", lambda: not lapse.control.line.heard.empty())
        lapse.run(minutes(60))
        assert [run.name for run in lapse.city.programme.running()] == ["hall-surge"]
        windows = queue(listener, hall.device_id, minutes(60)).windows
        closed = [n for n in range(1, hall.n_windows + 1) if windows.get(n) is not WindowState.OPEN]
        for number in closed:
            command = {"id": f"w-{number}", "cmd": "window", "window": number, "state": "open", "items": []}
            listener.client.publish(topic_of(hall.device_id, "cmd"), msgspec.json.encode(command), qos=1)
        heard = lapse.field.gateways[hall.district_code].line.heard
        listener.wait_for("the commands", lambda: heard.qsize() >= len(closed))
        lapse.run(minutes(150))
        listener.wait_for("the answers", lambda: len(listener.payloads("/ack")) == len(closed))
    finally:
        for line in lapse.lines:
            line.close()
    answers = Counter(msgspec.json.decode(payload)["result"] for payload in listener.payloads("/ack"))
    assert answers["accepted"] >= 6
    assert set(answers) <= {"accepted", "no_clerk"}
    helped = {at: len(queue(listener, hall.device_id, minutes(at)).waiting) for at in (30, 60, 90, 120, 150)}
    rushed = {at: unhelped(halls_city, hall.device_id, at) for at in helped}
    assert helped[60] == rushed[60] > helped[30] + 5, "it fills"
    assert rushed[120] > 3 * helped[60] / 2 > 15, "and would go on filling"
    assert helped[120] < rushed[120] / 3, "but for the windows"
    assert helped[150] < 5 < rushed[150]


def unhelped(city: City, hall_id: str, at: float) -> int:
    """How many would wait at a moment if no window had been opened."""
    lapse = LiveCity(city, SEED, (NOON - timedelta(hours=4)).timestamp())
    start = ScenarioCommand(id="s-1", ts=NOON, start=minutes(30), settings={"lasts_min": 90, "factor": 2.5})
    assert lapse.programme.hear("hall-surge", start, NOON.timestamp()) == start
    scenes = lapse.programme.scenes(minutes(31).timestamp())
    halls = LiveHalls(city, lapse.weather, SEED, (NOON - timedelta(hours=4)).timestamp())
    said = halls.advance(minutes(at).astimezone(UTC).timestamp(), scenes, {})
    events = (payload for device_id, _, payload, _ in said if device_id == hall_id and isinstance(payload, Event))
    return len(fold(event for event in events if event.ts <= minutes(at)).waiting)
