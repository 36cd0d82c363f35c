"""The broker check: whether a given broker will lose something, by what it answers and by what it does.

What a broker grants stands in its answer to a connection (MQTT 5.0, section 3.2.2.3). What it keeps for a subscriber that is away
does not: it is tried, with a session, a topic and some thousand messages of our own that are cleared away afterwards.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingest.parse import MAX_PAYLOAD_BYTES
from iot.mqtt import RECEIVE_MAXIMUM, SESSION_EXPIRY_S, BrokerAddress, BrokerUnreachable, Publisher, new_client, why_unreachable
from iot.topics import PROBE_TOPIC
from runtime.findings import Finding

PROBE_MESSAGES = 3_000
"""More than any broker's timid default lets wait (Mosquitto: 1,000), and a second's work."""

PROBE_EXPIRES_S = 120
"""After which the broker clears up by itself, should we be killed in between."""

LEAST_EXPIRY_S = 24 * 3600
LEAST_WINDOW = 1_000
QUIET_S = 2.0
"""Nothing more is to be expected from a broker on which nothing moved for so long."""

PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Granted:
    """What a broker grants a connection; where it says nothing, what the standard says for it."""

    session_expiry_s: int = SESSION_EXPIRY_S
    largest_packet_bytes: int | None = None
    highest_qos: int = 2
    is_retaining: bool = True
    is_sharing: bool = True


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of `published` messages for a subscriber that was away; `window` of them came before the first was
    acknowledged."""

    published: int
    returned: int
    window: int
    session_was_kept: bool


def judge_granted(granted: Granted) -> list[Finding]:
    """One finding for each thing that is granted or not."""
    packet = granted.largest_packet_bytes
    return [
        _finding(
            granted.session_expiry_s >= LEAST_EXPIRY_S,
            f"Sessions: kept for {granted.session_expiry_s / 3600:.0f} h while the ingester is away",
            "expected at least 24 h; raise the broker's limit on the session expiry interval",
        ),
        _finding(
            granted.highest_qos >= 1,
            f"Delivery: QoS {granted.highest_qos} at most",
            "expected 1, without which messages are sent once and forgotten; allow it on the broker",
        ),
        _finding(
            granted.is_retaining,
            f"Retained messages: {'kept' if granted.is_retaining else 'refused'}",
            "expected them to be kept, since births and last wills of devices are; allow them on the broker",
        ),
        _finding(
            granted.is_sharing,
            f"Shared subscriptions: {'available' if granted.is_sharing else 'refused'}",
            "expected them where several ingesters divide the work; one alone does without",
        ),
        _finding(
            packet is None or packet > MAX_PAYLOAD_BYTES,
            f"Packets: {'of any size' if packet is None else f'of up to {packet} bytes'}",
            f"expected room for payloads of {MAX_PAYLOAD_BYTES} bytes and their topics; raise the broker's largest packet",
        ),
    ]


def judge_tried(tried: Tried) -> list[Finding]:
    """What the broker kept, and how many it hands out at once."""
    whole = f"Queue: of {tried.published} messages for a subscriber that was away {tried.returned} were kept"
    if not tried.session_was_kept:
        return [_finding(False, whole, "the session itself was not kept; allow persistent sessions on the broker")]
    kept = _finding(
        tried.returned == tried.published,
        whole,
        "expected all; on Mosquitto set max_queued_messages 1000000 and max_queued_bytes 1000000000 as "
        "deploy/mosquitto/mosquitto.conf does, on another broker its limit on what waits for a session",
    )
    if tried.returned < LEAST_WINDOW:
        return [kept]
    window = _finding(
        tried.window >= LEAST_WINDOW,
        f"Window: {tried.window} messages under way before the first is acknowledged",
        f"expected {LEAST_WINDOW} or more, or the line idles while a batch is stored; raise the broker's limit on it",
    )
    return [kept, window]


def examine_broker(address: BrokerAddress, *, n_messages: int = PROBE_MESSAGES) -> Iterator[Finding]:
    """Every finding about the broker at `address`; none when it does not answer, which is said elsewhere. Takes some seconds, at
    most two minutes; publishes under PROBE_TOPIC alone and leaves nothing behind."""
    if address.protocol != 5:
        yield Finding(
            False,
            f"Broker: {address.named} is spoken to in MQTT 3.1.1, as MQTT_PROTOCOL says, in which nothing limits what is under "
            "way and nothing says what is refused: expected MQTT 5 where nothing may be lost; set MQTT_PROTOCOL=5.",
        )
        return
    with contextlib.suppress(BrokerUnreachable):
        yield from judge_granted(_ask(address))
        tried = _try(address, n_messages)
        yield from judge_tried(tried) if isinstance(tried, Tried) else [Finding(False, tried)]


def _finding(is_good: bool, fact: str, expectation: str) -> Finding:
    return Finding(is_good, f"{fact}." if is_good else f"{fact}: {expectation}.")


class _Visit:
    """One connection to the broker under a session of our own."""

    def __init__(self, address: BrokerAddress, client_id: str) -> None:
        self.address = address
        self.client = new_client(address, client_id, keeps_session=True, manual_ack=True)
        self.answers: list[tuple[Any, Any, Any]] = []
        self.subscribed: list[Any] = []
        self.came: list[int] = []
        self.changed_at = time.monotonic()
        self.client.on_connect = lambda _c, _d, flags, reason, properties: self._note(self.answers, (flags, reason, properties))
        self.client.on_subscribe = lambda _c, _d, _m, reasons, _p: self._note(self.subscribed, reasons[0])
        self.client.on_message = lambda _c, _d, message: self._note(self.came, message.mid)

    def begin(self, *, is_new: bool, expires_s: int) -> Any:
        """Connects; returns flags and properties of the answer. Raises BrokerUnreachable."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval, properties.ReceiveMaximum = expires_s, RECEIVE_MAXIMUM
        try:
            self.client.connect(self.address.host, self.address.port, clean_start=is_new, properties=properties)
        except (OSError, ValueError) as cause:
            raise BrokerUnreachable(why_unreachable(self.address, cause)) from cause
        self.client.loop_start()
        if not _until(lambda: bool(self.answers)) or self.answers[-1][1].is_failure:
            self.end(is_over=True)
            raise BrokerUnreachable(f"the MQTT broker at {self.address.named} did not let us in")
        flags, _, properties = self.answers[-1]
        return flags, properties

    def end(self, *, is_over: bool) -> None:
        """Leaves; the session stays, unless it `is_over`."""
        properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
        if is_over:
            properties.SessionExpiryInterval = 0
        self.client.disconnect(properties=properties)
        self.client.loop_stop()

    def await_quiet(self, n_at_most: int) -> int:
        """How many messages have come when as many as that have, or nothing moves any more."""
        self.changed_at = time.monotonic()
        _until(lambda: len(self.came) >= n_at_most or time.monotonic() - self.changed_at > QUIET_S)
        return len(self.came)

    def _note(self, into: list[Any], what: Any) -> None:
        into.append(what)
        self.changed_at = time.monotonic()


def _ask(address: BrokerAddress) -> Granted:
    visit = _Visit(address, f"cityhelm-doctor-{secrets.token_hex(4)}")
    _, said = visit.begin(is_new=True, expires_s=SESSION_EXPIRY_S)
    visit.end(is_over=True)
    return Granted(
        session_expiry_s=getattr(said, "SessionExpiryInterval", SESSION_EXPIRY_S),
        largest_packet_bytes=getattr(said, "MaximumPacketSize", None),
        highest_qos=getattr(said, "MaximumQoS", 2),
        is_retaining=bool(getattr(said, "RetainAvailable", 1)),
        is_sharing=bool(getattr(said, "SharedSubscriptionAvailable", 1)),
    )


def _try(address: BrokerAddress, n_messages: int) -> Tried | str:
    """What the broker kept; or in a sentence why that cannot be tried. Raises BrokerUnreachable."""
    name = f"cityhelm-probe-{secrets.token_hex(4)}"
    topic = f"{PROBE_TOPIC}/{name}"
    account = f"the account '{address.username}'" if address.username else "a client without an account"
    not_allowed = (
        f"Queue: {account} may not read and write {PROBE_TOPIC}/#, so that it cannot be tried what the broker keeps: expected "
        "that right for the doctor; add it to the broker's access rules (deploy/mosquitto/acl has it)."
    )
    publisher = Publisher(address, f"{name}-says").open()
    try:
        visit = _Visit(address, name)
        visit.begin(is_new=True, expires_s=PROBE_EXPIRES_S)
        visit.client.subscribe(topic, qos=1)
        heard = False
        if _until(lambda: bool(visit.subscribed)) and not visit.subscribed[0].is_failure:
            with contextlib.suppress(BrokerUnreachable):
                publisher.publish(topic, b"0", timeout_s=PATIENCE_S)
                publisher.flush(PATIENCE_S)
                heard = visit.await_quiet(1) == 1
        if heard:
            visit.client.ack(visit.came[0], 1)
        visit.end(is_over=not heard)
        if not heard:
            return not_allowed
        try:
            for number in range(n_messages):
                publisher.publish(topic, b"%d" % number, timeout_s=PATIENCE_S)
            publisher.flush(PATIENCE_S)
        except BrokerUnreachable as fault:  # also one that says that its queue is full
            return f"Queue: {fault}."
        return _fetch(_Visit(address, name), n_messages)
    finally:
        publisher.close()
        last = _Visit(address, name)  # a new session in place of the old one takes away what that one had
        last.begin(is_new=True, expires_s=0)
        last.end(is_over=True)


def _fetch(visit: _Visit, n_messages: int) -> Tried:
    """Comes back to the session and takes what was kept, the first window of it unacknowledged until no more comes."""
    flags, _ = visit.begin(is_new=False, expires_s=PROBE_EXPIRES_S)
    window = visit.await_quiet(min(n_messages, RECEIVE_MAXIMUM))
    n_acknowledged, deadline = 0, time.monotonic() + PATIENCE_S
    while n_acknowledged < len(visit.came) and time.monotonic() < deadline:
        for mid in visit.came[n_acknowledged:]:
            visit.client.ack(mid, 1)
            n_acknowledged += 1
        if n_acknowledged < n_messages:
            visit.await_quiet(n_acknowledged + 1)
    visit.end(is_over=True)
    return Tried(n_messages, len(visit.came), window, bool(flags.session_present))


def _until(condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> bool:
    deadline, pause = time.monotonic() + timeout_s, threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.005)
    return True
