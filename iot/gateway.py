"""A gateway: one broker connection that carries the devices of one district, and what of them is known when it breaks.

MQTT gives a connection one Last Will, so devices behind a gateway cannot each have one. The will is the gateway's own: it says
that the gateway is offline, from which follows that nothing is known of the devices behind it; their readings grow stale. Devices
say offline for themselves when they are switched off in order.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import paho.mqtt.client as paho

from domain.sensors import DeviceState
from gis_data.city import District
from iot.mqtt import BrokerAddress, Publisher
from iot.payloads import Birth, State, encode
from iot.topics import topic_of

log = logging.getLogger(__name__)

TYPE_NAME = "Gateway"


class Heard(NamedTuple):
    """A message for a device behind the gateway; a retained one was said before we subscribed."""

    topic: str
    payload: bytes
    is_retained: bool


class Gateway:
    """Publishes for the devices of a district and hears what is said to them. Methods are called from one thread."""

    def __init__(
        self, broker: BrokerAddress, district: District, subscriptions: Sequence[str], clock: Callable[[], datetime]
    ) -> None:
        self.district = district
        self.district_code = district_code = district.code
        self.device_id = f"{district_code}/gateway/field/gw-{district_code}"
        self.heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._publisher = Publisher(broker, f"cityhelm-gateway-{district_code}")
        self._subscriptions = [(topic, 1) for topic in subscriptions]
        self._clock = clock
        self._connected_at: queue.SimpleQueue[datetime] = queue.SimpleQueue()
        self._connecting_at = clock()
        client = self._publisher.client
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        self._is_closing = False

    def open(self) -> None:
        """Connects. Raises BrokerUnreachable."""
        self._publisher.open()

    def was_connected(self) -> bool:
        """Whether a connection has been made since this was last asked; if so, the gateway has said that it is online."""
        at: datetime | None = None
        while not self._connected_at.empty():
            at = self._connected_at.get()
        if at is None:
            return False
        birth = Birth(
            id="birth", ts=at, type=TYPE_NAME, mode="on_change", interval_s=3600, name_zh=f"{self.district.name_zh}网关",
            name_en=f"{self.district.name_en} gateway",
        )  # fmt: skip
        self.publish(topic_of(self.device_id, "birth"), encode(birth), is_retained=True)
        self.publish(topic_of(self.device_id, "state"), _state(DeviceState.ONLINE, at), is_retained=True)
        return True

    def publish(self, topic: str, payload: bytes, *, is_retained: bool = False, timeout_s: float = 60.0) -> None:
        """Hands a message over; up to a thousand are kept while the broker is away. Raises BrokerUnreachable after that."""
        self._publisher.publish(topic, payload, retain=is_retained, timeout_s=timeout_s)

    def flush(self, timeout_s: float) -> None:
        """Waits until the broker has everything. Raises BrokerUnreachable."""
        self._publisher.flush(timeout_s)

    def close(self) -> None:
        self._is_closing = True
        self._publisher.close()

    def say_offline(self, timeout_s: float) -> None:
        said = _state(DeviceState.OFFLINE, self._clock())
        self.publish(topic_of(self.device_id, "state"), said, is_retained=True, timeout_s=timeout_s)

    def _on_pre_connect(self, client: paho.Client, userdata: Any) -> None:
        # The will is dated like the "online" of the same connection: whichever comes later in the broker's order counts, and a
        # will is never older than what it revokes.
        self._connecting_at = self._clock()
        client.will_set(topic_of(self.device_id, "state"), _state(DeviceState.OFFLINE, self._connecting_at), qos=1, retain=True)

    def _on_connect(self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            log.error(
                "the broker at %s refused gateway %s (%s): check the user and password in MQTT_URL",
                self._publisher.address.named, self.district_code, reason,
            )  # fmt: skip
            return
        if self._subscriptions:
            client.subscribe(self._subscriptions)
        self._connected_at.put(self._connecting_at)

    def _on_disconnect(self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if not self._is_closing:
            named = self._publisher.address.named
            log.warning("gateway %s lost the broker at %s (%s); reconnecting", self.district_code, named, reason)

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        self.heard.put(Heard(message.topic, bytes(message.payload), message.retain))


def _state(state: DeviceState, at: datetime) -> bytes:
    return encode(State(id=f"{state.value}-{int(at.timestamp())}", ts=at, state=state.value))
