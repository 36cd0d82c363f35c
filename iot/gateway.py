"""A gateway: one broker connection that carries the devices of one district, and what of them is known when it breaks.

MQTT gives a connection one Last Will, so devices behind a gateway cannot each have one. The will is the gateway's own: it says
that the gateway is offline, from which follows that nothing is known of the devices behind it; their readings grow stale. Devices
say offline for themselves when they are switched off in order.

While its line is cut a gateway keeps what its devices say, as much as it has memory for, and sends it late and in order when the
line is back, at a pace that leaves room for the present. What it had to drop shows as gaps in the sequence numbers.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from domain.sensors import DeviceState
from gis_data.city import District
from iot.line import Line
from iot.mqtt import BrokerAddress
from iot.payloads import Birth, State, encode
from iot.topics import topic_of

log = logging.getLogger(__name__)

TYPE_NAME = "Gateway"

HEARTBEAT = timedelta(hours=1)
"""How often a gateway says that it is there; its Last Will is faster to say that it is not."""

HELD_MESSAGES = 5_000
"""What a small field gateway has memory for: some megabytes, ten minutes of a busy district."""

LATE_PER_CALL = 100
"""Held messages sent by one `send_held`, which is called once a second: several times what a district says meanwhile."""


class Gateway:
    """Publishes for the devices of a district and hears what is said to them. Methods are called from one thread."""

    def __init__(
        self, broker: BrokerAddress, district: District, subscriptions: Sequence[str], clock: Callable[[], datetime]
    ) -> None:
        self.district = district
        self.district_code = code = district.code
        self.device_id = f"{code}/gateway/field/gw-{code}"
        self.line = Line(broker, f"cityhelm-gateway-{code}", subscriptions, clock, self._will)
        self._clock = clock
        self._held: deque[tuple[str, bytes, bool]] = deque(maxlen=HELD_MESSAGES)
        self._dropped = 0
        self._is_through = True
        self._said_at: datetime | None = None

    def was_connected(self) -> bool:
        """Whether a connection has been made since this was last asked; if so, the gateway has said that it is online."""
        at = self.line.connected_at()
        if at is None or self.line.is_cut:
            return False
        self._is_through = True
        birth = Birth(
            id="birth", ts=at, type=TYPE_NAME, mode="on_change", interval_s=HEARTBEAT.total_seconds(),
            name_zh=f"{self.district.name_zh}网关", name_en=f"{self.district.name_en} gateway",
        )  # fmt: skip
        self.line.publish(topic_of(self.device_id, "birth"), encode(birth), is_retained=True)
        self.line.publish(topic_of(self.device_id, "state"), _state(DeviceState.ONLINE, at), is_retained=True)
        self._said_at = at
        if self._held:
            log.info("gateway %s is back with %d messages to send late", self.district_code, len(self._held))
        return True

    def beat(self) -> None:
        """Says that it is there when a HEARTBEAT has passed since it last did."""
        now = self._clock()
        if self._said_at is not None and not self.line.is_cut and now - self._said_at >= HEARTBEAT:
            self.line.publish(topic_of(self.device_id, "state"), _state(DeviceState.ONLINE, now), is_retained=True)
            self._said_at = now

    def carry(self, topic: str, payload: bytes, *, is_retained: bool = False) -> None:
        """Hands over what a device says, or keeps it: while the line is cut, and until what was kept then has been sent."""
        if self._is_through and not self._held:
            self.line.publish(topic, payload, is_retained=is_retained)
            return
        self._dropped += len(self._held) == HELD_MESSAGES
        self._held.append((topic, payload, is_retained))

    def send_held(self) -> None:
        """Sends the oldest of what was kept, up to LATE_PER_CALL messages."""
        for _ in range(min(LATE_PER_CALL, len(self._held)) if self._is_through else 0):
            topic, payload, is_retained = self._held.popleft()
            self.line.publish(topic, payload, is_retained=is_retained)

    def cut(self) -> None:
        log.info("gateway %s loses its line; its devices' words are kept, at most %d", self.district_code, HELD_MESSAGES)
        self._dropped, self._is_through = 0, False
        self.line.cut()

    def mend(self) -> None:
        if self._dropped:
            log.warning(
                "gateway %s had no memory for %d messages while its line was cut: the oldest are lost",
                self.district_code, self._dropped,
            )  # fmt: skip
        self.line.mend()

    def say_offline(self, timeout_s: float) -> None:
        said = _state(DeviceState.OFFLINE, self._clock())
        self.line.publish(topic_of(self.device_id, "state"), said, is_retained=True, timeout_s=timeout_s)

    def _will(self, connected_at: datetime) -> tuple[str, bytes]:
        return topic_of(self.device_id, "state"), _state(DeviceState.OFFLINE, connected_at)


def _state(state: DeviceState, at: datetime) -> bytes:
    return encode(State(id=f"{state.value}-{int(at.timestamp())}", ts=at, state=state.value))
