"""The simulator: the demonstration city's devices, speaking over MQTT. For demonstrations only.

Reads the clock, hears orders, publishes what the live city says once a second, each district through its own gateway. Scenarios
are switched on a line of their own (iot.control).
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from domain.sensors import DeviceState
from gis_data.city import load_city
from iot.control import COMMANDS, STATE_TOPIC, SimulatorState, decode_command, last_will, scenario_of, scenario_topic
from iot.gateway import Gateway
from iot.line import Heard, Line
from iot.mqtt import BrokerAddress, BrokerUnreachable
from iot.payloads import encode
from iot.simulated.live import LiveCity, Saying
from iot.topics import parse_topic

log = logging.getLogger(__name__)

TICK_S = 1.0
PATIENCE_S = 30.0
GOODBYE_S = 3.0
RECALL_S = 2.0
"""How long the units of a gateway wait for their own last words from before they say what they are: the broker hands them out
within moments, and what they say would take their place."""


def run(broker: BrokerAddress, *, city_dir: Path, seed: int, stop: threading.Event) -> None:
    """Runs until `stop`. Waits for the broker at first; raises BrokerUnreachable when it stays away later, ValueError for a
    city that cannot be simulated."""
    city = LiveCity(load_city(city_dir), seed, _now_s())
    gateways = [Gateway(broker, district, city.subscriptions(district.code), _now) for district in city.districts]
    field = Field(city, gateways)
    control = Control(city, Line(broker, "cityhelm-simulator", [COMMANDS], _now, last_will), _now())
    if not all(_open_patiently(line, stop) for line in (control.line, *(gateway.line for gateway in gateways))):
        return
    log.info(
        "simulating %d sensors, %d halls and %d units in %d districts",
        len(city.devices), len(city.halls.halls), len(city.vehicles), len(gateways),
    )  # fmt: skip
    try:
        while not stop.wait(TICK_S - _now_s() % TICK_S):
            control.tick(_now())
            field.tick(_now_s())
    finally:
        _say_goodbye(city, gateways, control)


class Control:
    """The line on which scenarios are switched, and what was last said on it."""

    def __init__(self, city: LiveCity, line: Line, started_at: datetime) -> None:
        self.line = line
        self._city, self._started_at = city, started_at
        self._said: SimulatorState | None = None

    def tick(self, now: datetime) -> None:
        """Hears commands, clears what is over or was refused, and says what is running when that has changed."""
        while not self.line.heard.empty():
            heard = self.line.heard.get()
            name = scenario_of(heard.topic)
            if name is None or not heard.payload:
                continue
            try:
                command = decode_command(heard.payload)
            except (msgspec.DecodeError, UnicodeDecodeError) as fault:
                log.warning("%s: cannot be understood (%s): expected a command as in iot/control.py", heard.topic, fault)
                continue
            standing = self._city.programme.hear(name, command, now.timestamp())
            log.info("scenario %s: command %s %s", name, command.id, "stands" if standing == command else "refused, or over")
            if standing != command:
                self.line.publish(heard.topic, encode(standing) if standing else b"", is_retained=True)
        for name in self._city.programme.settle(now.timestamp()):
            log.info("scenario %s is over", name)
            self.line.publish(scenario_topic(name), b"", is_retained=True)
        state = SimulatorState(
            id="state", ts=self._started_at, state=DeviceState.ONLINE.value, since=self._started_at,
            running=self._city.programme.running(), refused=self._city.programme.refusals(),
        )  # fmt: skip
        if self.line.connected_at() is not None or state != self._said:
            self._said = state
            stamped = msgspec.structs.replace(state, id=f"online-{round(now.timestamp() * 1000)}", ts=now)
            self.line.publish(STATE_TOPIC, encode(stamped), is_retained=True)

    def say_goodbye(self, now: datetime) -> None:
        topic, payload = last_will(now)
        self.line.publish(topic, payload, is_retained=True, timeout_s=GOODBYE_S)
        self.line.flush(GOODBYE_S)


class Field:
    """The gateways of a city and what is carried through them."""

    def __init__(self, city: LiveCity, gateways: Sequence[Gateway]) -> None:
        self.city = city
        self.gateways = {gateway.district_code: gateway for gateway in gateways}
        self._called_s: dict[str, float] = {}

    def tick(self, now_s: float) -> None:
        """One second of the city: hears what was said to its devices, publishes what they say."""
        said: list[Saying] = []
        for code, gateway in self.gateways.items():
            is_cut = self.city.is_cut(code, now_s)
            if is_cut != gateway.line.is_cut:
                (gateway.cut if is_cut else gateway.mend)()
            if gateway.was_connected():
                for saying in self.city.introductions(code, now_s, DeviceState.ONLINE):
                    gateway.line.publish(saying.topic, saying.payload, is_retained=saying.is_retained)
                self._called_s[code] = now_s + RECALL_S
            gateway.beat()
            gateway.send_held()
            while not gateway.line.heard.empty():
                said += self._heard(gateway.line.heard.get(), now_s)
            if self._called_s.get(code, math.inf) <= now_s:
                del self._called_s[code]
                said += self.city.roll_call(code)
        for saying in (*said, *self.city.advance(now_s)):
            self.gateways[saying.district_code].carry(saying.topic, saying.payload, is_retained=saying.is_retained)

    def _heard(self, heard: Heard, now_s: float) -> list[Saying]:
        topic = parse_topic(heard.topic)
        if topic is None:  # amqtt hands out what nobody subscribed to
            return []
        try:
            return self.city.hear(topic, heard.payload, now_s, is_retained=heard.is_retained)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            log.warning("%s: cannot be understood (%s): expected a command as in the message rules", heard.topic, fault)
            return []


def _open_patiently(line: Line, stop: threading.Event) -> bool:
    """Connects, however long the broker takes to be there. False when told to stop meanwhile."""
    wait_s = 0.5
    while not stop.is_set():
        try:
            line.open()
            return True
        except BrokerUnreachable as fault:
            log.warning("%s; trying again in %.0f s", fault, wait_s)
            stop.wait(wait_s)
            wait_s = min(2 * wait_s, PATIENCE_S)
    return False


def _say_goodbye(city: LiveCity, gateways: Sequence[Gateway], control: Control) -> None:
    """Devices that are switched off say so, if the broker still listens."""
    now = _now()
    open_ones = [gateway for gateway in gateways if not gateway.line.is_cut]
    try:
        control.say_goodbye(now)
        for gateway in open_ones:
            for saying in city.introductions(gateway.district_code, now.timestamp(), DeviceState.OFFLINE):
                gateway.line.publish(saying.topic, saying.payload, is_retained=True, timeout_s=GOODBYE_S)
            gateway.say_offline(GOODBYE_S)
        for gateway in open_ones:
            gateway.line.flush(GOODBYE_S)
    except BrokerUnreachable as fault:
        log.warning("%s; the devices could not say that they are offline", fault)
    finally:
        for line in (control.line, *(gateway.line for gateway in gateways)):
            line.close()


def _now() -> datetime:
    return datetime.now(UTC)


def _now_s() -> float:
    return _now().timestamp()
