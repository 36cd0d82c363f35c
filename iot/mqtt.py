"""The broker connection: one way to open it, with the settings that do not lose messages.

MQTT 5 where the broker speaks it; 3.1.1 (`MQTT_PROTOCOL=3.1.1`) for the small embedded broker, whose weaker guarantees the
system page names.
"""

from __future__ import annotations

import random
import ssl
import sys
import threading
import time
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

SESSION_EXPIRY_S = 7 * 24 * 3600
NOT_AUTHORIZED = 135
RECEIVE_MAXIMUM = 4_000
"""Unacknowledged messages the broker may have under way to us: two batches' worth, so that a commit never idles the line."""


class BrokerUnreachable(Exception):  # noqa: N818 - a state of the world, named after it
    """The broker did not answer. The message names it without its password."""


class PublishRefused(BrokerUnreachable):
    """The broker answered, and does not take what it was given: it told nobody of it, and the connection is still good."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and how it is spoken to. `protocol` is 5 or 4 (3.1.1). `ca_file` holds the certificates of the
    authorities that may vouch for it; None: those that this machine trusts."""

    host: str
    port: int
    username: str | None
    password: str | None
    is_tls: bool
    protocol: int
    ca_file: str | None = None

    @property
    def named(self) -> str:
        return f"{'mqtts' if self.is_tls else 'mqtt'}://{self.host}:{self.port}"


def parse_address(mqtt_url: str, protocol: int = 5, ca_file: str | None = None) -> BrokerAddress:
    """Takes apart mqtt://user:password@host:port or mqtts://… . Raises ValueError naming what is wrong."""
    parts = urlsplit(mqtt_url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise ValueError(
            f"MQTT_URL has the scheme '{parts.scheme}' and host '{parts.hostname or ''}': "
            "expected mqtt://host:1883 or mqtts://host:8883"
        )
    is_tls = parts.scheme == "mqtts"
    return BrokerAddress(
        host=parts.hostname,
        port=parts.port or (8883 if is_tls else 1883),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        is_tls=is_tls,
        protocol=protocol,
        ca_file=ca_file,
    )


class _TlsSocket(ssl.SSLSocket):
    """Is closed when its greeting fails; paho leaves that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):  # not failed: to be gone on with
            raise
        except Exception:
            self.close()
            raise


def new_client(address: BrokerAddress, client_id: str, *, keeps_session: bool = False, manual_ack: bool = False) -> paho.Client:
    """A paho client for `address`, not yet connected; it reconnects by itself with a growing delay. The delays of each client are
    drawn, so that those that lost the broker together do not come back together."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=MQTTProtocolVersion.MQTTv5 if address.protocol == 5 else MQTTProtocolVersion.MQTTv311,
        manual_ack=manual_ack,
        clean_session=None if address.protocol == 5 else not keeps_session,
    )
    if address.username:
        client.username_pw_set(address.username, address.password)
    if address.is_tls:
        trust = ssl.create_default_context(cafile=address.ca_file)
        trust.sslsocket_class = _TlsSocket
        client.tls_set_context(trust)
    client.reconnect_delay_set(min_delay=random.uniform(0.5, 1.5), max_delay=random.uniform(20, 40))  # type: ignore[arg-type]
    return client


def connect(client: paho.Client, address: BrokerAddress, *, keeps_session: bool, keepalive_s: int = 30) -> None:
    """Connects (blocking). Raises BrokerUnreachable. With `keeps_session` the broker holds our messages while we are away."""
    try:
        if address.protocol == 5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            if keeps_session:
                properties.SessionExpiryInterval = SESSION_EXPIRY_S
                properties.ReceiveMaximum = RECEIVE_MAXIMUM
            client.connect(address.host, address.port, keepalive_s, clean_start=not keeps_session, properties=properties)
        else:
            client.connect(address.host, address.port, keepalive_s)
    except (OSError, ValueError) as cause:
        raise BrokerUnreachable(why_unreachable(address, cause)) from cause


# OpenSSL's numbers of what is wrong with a certificate (x509_vfy.h), those with a cure of their own.
_NOT_YET_VALID, _EXPIRED, _OTHER_NAMES = 9, 10, (62, 64)
_STRANGERS = (18, 19, 20, 21)


def why_unreachable(address: BrokerAddress, cause: OSError | ValueError) -> str:
    """The sentence for a connection that did not come about, without its password."""
    broker = f"the MQTT broker at {address.named}"
    if untrusted := why_untrusted(address, cause):
        return f"{broker} cannot be trusted: {untrusted}"
    return (
        f"{broker} did not accept a connection ({cause}): "
        "expected a running broker; check MQTT_URL, or unset it to use the private one"
    )


def why_untrusted(address: BrokerAddress, cause: Exception) -> str | None:
    """What is wrong with the broker's TLS, and the cure; None when it is something else that is wrong."""
    # Mosquitto breaks off a greeting in TLS on a port without it.
    if isinstance(cause, ConnectionResetError) and address.is_tls:
        return f"it does not speak TLS there ({cause.strerror}); mqtts:// wants a port with TLS, usually 8883"
    if not isinstance(cause, ssl.SSLError):
        return None
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return f"it does not speak TLS there ({cause.reason}); mqtts:// wants a port with TLS, usually 8883"
    if cause.verify_code == _EXPIRED:
        return "its certificate has expired; renew it, or set this machine's clock if that is wrong"
    if cause.verify_code == _NOT_YET_VALID:
        return "its certificate is not valid yet; set this machine's clock, or have the certificate issued again"
    if cause.verify_code in _OTHER_NAMES:
        return (
            f"its certificate is not for the name {address.host}; write a name of the certificate into MQTT_URL, "
            "or issue one for it"
        )
    if cause.verify_code in _STRANGERS:
        return "nobody whom this machine trusts has signed its certificate; name the file of the authority that did in MQTT_CA"
    return f"its certificate is not good ({cause.verify_message}); have one issued that is"


class Publisher:
    """A connected client that publishes at QoS 1 with at most `window` messages not yet acknowledged by the broker.

    `publish` waits while the window is full, so that a fast producer cannot fill memory. Messages given while the broker is
    away are kept and sent when it is back. A message that the broker refuses (only MQTT 5 says so) is raised by the next call,
    once, and not sent again. `publish` and `flush` are called from one thread.
    """

    def __init__(self, address: BrokerAddress, client_id: str, *, window: int = 1_000) -> None:
        self.address = address
        self.client = new_client(address, client_id)
        self.client.max_queued_messages_set(0)
        self._window = window
        self._free = threading.Semaphore(window)
        self._named: dict[int, str] = {}
        self._refusal: tuple[int, ReasonCode] | None = None
        self._is_denied: ReasonCode | None = None
        self.client.on_publish = self._on_publish
        self.client.on_connect = self._on_connect

    def open(self) -> Publisher:
        """Connects. Raises BrokerUnreachable."""
        connect(self.client, self.address, keeps_session=False)
        self.client.loop_start()
        return self

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, timeout_s: float = 60.0) -> None:
        """Hands one message over. Raises PublishRefused, not handing it over, when an earlier one was refused, and
        BrokerUnreachable when no place became free in `timeout_s`."""
        self._raise_refusal()
        if not self._acquire(timeout_s):
            raise BrokerUnreachable(self._unacknowledged(timeout_s))
        number = self.client.publish(topic, payload, qos=1, retain=retain).mid
        # The answer may have come by now: then the entry stays until the number, one of 65,535, comes round again.
        self._named[number] = sys.intern(_named(topic))

    def flush(self, timeout_s: float = 60.0) -> None:
        """Waits until the broker has answered everything. Raises PublishRefused when it refused something, BrokerUnreachable
        after `timeout_s`."""
        for n_taken in range(self._window):
            if not self._acquire(timeout_s):
                if n_taken:
                    self._free.release(n_taken)
                raise BrokerUnreachable(self._unacknowledged(timeout_s))
        self._free.release(self._window)
        self._raise_refusal()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _on_publish(self, client: paho.Client, userdata: object, mid: int, reason: ReasonCode, properties: object) -> None:
        if not reason.is_failure:
            self._named.pop(mid, None)
        elif self._refusal is None:
            self._refusal = (mid, reason)
        self._free.release()

    def _on_connect(self, client: paho.Client, userdata: object, flags: object, reason: ReasonCode, properties: object) -> None:
        self._is_denied = reason if reason.is_failure else None

    def _acquire(self, timeout_s: float) -> bool:
        """A place in the window, or False when none became free in time or the broker does not let us in."""
        deadline = time.monotonic() + timeout_s
        while not (taken := self._free.acquire(timeout=min(0.5, max(0.0, deadline - time.monotonic())))):
            if self._is_denied or time.monotonic() >= deadline:
                break
        return taken

    def _raise_refusal(self) -> None:
        refusal, self._refusal = self._refusal, None
        if refusal is not None:
            number, reason = refusal
            topics = self._named.pop(number, "?")
            user = f"the account '{self.address.username}'" if self.address.username else "a client without an account"
            cure = (
                f"expected that {user} may publish to {topics}; give it that right in the broker's access rules"
                if reason.value == NOT_AUTHORIZED
                else "expected it to take what it has room for; look into the broker's log and its limits"
            )
            raise PublishRefused(
                f"the MQTT broker at {self.address.named} refused a message to {topics} ({reason}, code {reason.value}): {cure}"
            )

    def _unacknowledged(self, timeout_s: float) -> str:
        if self._is_denied:
            return (
                f"the MQTT broker at {self.address.named} refused the connection ({self._is_denied}): "
                "expected a user and password that it knows; check them in MQTT_URL"
            )
        return (
            f"the MQTT broker at {self.address.named} has not acknowledged messages for {timeout_s:.0f} s: "
            "expected it to be running; start it again, nothing that it acknowledged is lost"
        )


def _named(topic: str) -> str:
    """A topic without what is between its first two levels and the last: enough to find the rule that forbids it."""
    levels = topic.split("/")
    return "/".join((*levels[:2], "…", levels[-1]))
