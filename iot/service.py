"""The simulator: the demonstration city's devices, speaking over MQTT. For demonstrations only.

Reads the clock, hears orders, publishes what the live city says once a second, each district through its own gateway.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from domain.sensors import DeviceState
from gis_data.city import load_city
from iot.gateway import Gateway
from iot.mqtt import BrokerAddress, BrokerUnreachable
from iot.payloads import Event
from iot.simulated.live import LiveCity, Saying
from iot.simulated.units import DOMAIN, Command, decode_command
from iot.topics import COMMAND, PREFIX, parse_topic

log = logging.getLogger(__name__)

TICK_S = 1.0
PATIENCE_S = 30.0
GOODBYE_S = 3.0


def run(broker: BrokerAddress, *, city_dir: Path, seed: int, stop: threading.Event) -> None:
    """Runs until `stop`. Waits for the broker at first; raises BrokerUnreachable when it stays away later, ValueError for a
    city that cannot be simulated."""
    city = LiveCity(load_city(city_dir), seed, _now_s())
    gateways = [
        Gateway(broker, district, [f"{PREFIX}/{district.code}/{DOMAIN}/+/+/{kind}" for kind in (COMMAND, "event")], _now)
        for district in city.districts
    ]
    if not all(_open_patiently(gateway, stop) for gateway in gateways):
        return
    log.info("simulating %d sensors and %d units in %d districts", len(city.devices), len(city.vehicles), len(gateways))
    try:
        while not stop.wait(TICK_S - _now_s() % TICK_S):
            tick(city, gateways, _now_s())
    finally:
        _say_goodbye(city, gateways)


def tick(city: LiveCity, gateways: list[Gateway], now_s: float) -> None:
    """One second of the city: hears what was said to its devices, publishes what they say."""
    commands: dict[str, list[Command]] = defaultdict(list)
    said: list[Saying] = []
    for gateway in gateways:
        if gateway.was_connected():
            said += city.introductions(gateway.district_code, now_s, DeviceState.ONLINE)
            said += city.roll_call(gateway.district_code)
        while not gateway.heard.empty():
            heard = gateway.heard.get()
            topic = parse_topic(heard.topic)
            if topic is None or topic.device not in city.states:
                continue
            try:
                if topic.kind == COMMAND:
                    commands[topic.device].append(decode_command(heard.payload))
                elif heard.is_retained and topic.kind == "event":  # amqtt hands out what nobody subscribed to
                    said += city.recall(topic.device, msgspec.json.decode(heard.payload, type=Event), now_s)
            except msgspec.DecodeError as fault:
                log.warning("%s: cannot be understood (%s): expected an order as in the message rules", heard.topic, fault)
    said += city.advance(now_s, commands)
    carriers = {gateway.district_code: gateway for gateway in gateways}
    for saying in said:
        carriers[saying.district_code].publish(saying.topic, saying.payload, is_retained=saying.is_retained)


def _open_patiently(gateway: Gateway, stop: threading.Event) -> bool:
    """Connects, however long the broker takes to be there. False when told to stop meanwhile."""
    wait_s = 0.5
    while not stop.is_set():
        try:
            gateway.open()
            return True
        except BrokerUnreachable as fault:
            log.warning("%s; trying again in %.0f s", fault, wait_s)
            stop.wait(wait_s)
            wait_s = min(2 * wait_s, PATIENCE_S)
    return False


def _say_goodbye(city: LiveCity, gateways: list[Gateway]) -> None:
    """Devices that are switched off say so, if the broker still listens."""
    now_s = _now_s()
    try:
        for gateway in gateways:
            for saying in city.introductions(gateway.district_code, now_s, DeviceState.OFFLINE):
                gateway.publish(saying.topic, saying.payload, is_retained=True, timeout_s=GOODBYE_S)
            gateway.say_offline(GOODBYE_S)
        for gateway in gateways:
            gateway.flush(GOODBYE_S)
    except BrokerUnreachable as fault:
        log.warning("%s; the devices could not say that they are offline", fault)
    finally:
        for gateway in gateways:
            gateway.close()


def _now() -> datetime:
    return datetime.now(UTC)


def _now_s() -> float:
    return _now().timestamp()
