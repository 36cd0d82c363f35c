"""A line: one broker connection that speaks, hears what it subscribed to, and leaves a will for when it breaks."""

from __future__ import annotations

import contextlib
import logging
import queue
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import paho.mqtt.client as paho

from iot.mqtt import BrokerAddress, Publisher

log = logging.getLogger(__name__)


class Heard(NamedTuple):
    """A message that we subscribed to; a retained one was said before we did."""

    topic: str
    payload: bytes
    is_retained: bool


Will = Callable[[datetime], tuple[str, bytes]]
"""Topic and payload (retained) that the broker publishes when a connection made at this time breaks."""


class Line:
    """One connection, at QoS 1. Methods are called from one thread; what is heard waits in `heard`."""

    def __init__(
        self,
        broker: BrokerAddress,
        client_id: str,
        subscriptions: Sequence[str],
        clock: Callable[[], datetime],
        will: Will | None = None,
    ) -> None:
        self.heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._whole = threading.Event()
        self._whole.set()
        self._name, self._clock, self._will = client_id, clock, will
        self._publisher = Publisher(broker, client_id)
        self._subscriptions = [(topic, 1) for topic in subscriptions]
        self._connected_at: queue.SimpleQueue[datetime] = queue.SimpleQueue()
        self._connecting_at = clock()
        self._is_closing = False
        client = self._publisher.client
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message

    def open(self) -> None:
        """Connects. Raises BrokerUnreachable."""
        self._publisher.open()

    def connected_at(self) -> datetime | None:
        """When the newest connection was made of those since this was last asked, or None."""
        at: datetime | None = None
        while not self._connected_at.empty():
            at = self._connected_at.get()
        return at

    def publish(self, topic: str, payload: bytes, *, is_retained: bool = False, timeout_s: float = 60.0) -> None:
        """Hands a message over; up to a thousand are kept while the broker is away. Raises BrokerUnreachable after that."""
        self._publisher.publish(topic, payload, retain=is_retained, timeout_s=timeout_s)

    def flush(self, timeout_s: float) -> None:
        """Waits until the broker has everything. Raises BrokerUnreachable."""
        self._publisher.flush(timeout_s)

    @property
    def is_cut(self) -> bool:
        return not self._whole.is_set()

    def cut(self) -> None:
        """Breaks the connection as a torn cable does: the broker publishes the will. Nothing is heard or said until `mend`."""
        self._whole.clear()
        line = self._publisher.client.socket()
        if isinstance(line, socket.socket):
            with contextlib.suppress(OSError):  # broken already
                line.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Connects again as soon as the broker answers."""
        self._whole.set()

    def close(self) -> None:
        self._is_closing = True
        self._whole.set()
        self._publisher.close()

    def _on_pre_connect(self, client: paho.Client, userdata: Any) -> None:
        self._whole.wait()
        if self._is_closing:
            raise ConnectionAbortedError("the line is being closed")
        # The will is dated like the connection that it revokes: whichever comes later in the broker's order counts, and a will
        # is never older than what it revokes.
        self._connecting_at = self._clock()
        if self._will is not None:
            topic, payload = self._will(self._connecting_at)
            client.will_set(topic, payload, qos=1, retain=True)

    def _on_connect(self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            named = self._publisher.address.named
            log.error("the broker at %s refused %s (%s): check the user and password in MQTT_URL", named, self._name, reason)
            return
        if self._subscriptions:
            client.subscribe(self._subscriptions)
        self._connected_at.put(self._connecting_at)

    def _on_disconnect(self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if not (self._is_closing or self.is_cut):
            log.warning("%s lost the broker at %s (%s); reconnecting", self._name, self._publisher.address.named, reason)

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        self.heard.put(Heard(message.topic, bytes(message.payload), message.retain))
