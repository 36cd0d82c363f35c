"""The private broker: MQTT on loopback with a user of its own, for this process and as long as it lives.

Mosquitto where the machine has it: MQTT 5, sessions and queues kept on disk. Otherwise amqtt, pure Python, MQTT
3.1.1, everything in memory: good enough to show the city, and said so in `guarantees`.

    <data directory>/password     the password of user cityhelm, made at random, 0600
                     users        the same as the broker wants it, hashed
                     mosquitto.conf, mosquitto.db, broker.log
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from logging.handlers import RotatingFileHandler
from pathlib import Path
from signal import Signals
from typing import Literal
from urllib.parse import quote

from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from iot.mqtt import BrokerAddress, BrokerUnreachable, new_client, parse_address, why_untrusted
from runtime import quarters
from runtime.broker_accounts import mosquitto_hash
from runtime.quarters import Announce, CannotStart, ServiceUser
from runtime.settings import NO_MOSQUITTO

BrokerKind = Literal["mosquitto", "amqtt"]
_USER = "cityhelm"
_ROOT = str(Path(__file__).resolve().parents[1])  # where `runtime` is found, whatever the working directory
_STOP = ((Signals.SIGTERM, 15.0), (Signals.SIGKILL, 5.0))

# Debian installs mosquitto where only root's PATH looks.
_SYSTEM_PLACES = "/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin"

GUARANTEES: dict[BrokerKind, str] = {
    "mosquitto": "Mosquitto, MQTT 5: sessions and queued messages survive a restart of the broker; a broker that is "
    "killed may lose what it queued in its last 5 seconds.",
    "amqtt": "amqtt, MQTT 3.1.1, for demonstrations only: it keeps everything in memory, so that a restart loses "
    "sessions and queued messages, and a message delivered but not acknowledged is not delivered again. Install "
    "mosquitto, or set MQTT_URL, for a city that must not lose anything.",
}

LARGEST_PACKET_BYTES = 131_072
"""What the broker takes at most: twice the largest payload that is ours, so that one a little too large comes through and becomes
a dead letter. By `max_packet_size`, which ends the connection, and not by `message_size_limit`: that one acknowledges to devices
of MQTT 3.1.1 what it throws away."""

# Mosquitto's own limits (100 queued messages a client) lose messages while the ingester is away for seconds.
_MOSQUITTO_CONFIG = """\
listener {port} 127.0.0.1
socket_domain ipv4
allow_anonymous false
password_file {place}/users
persistence true
persistence_location {place}/
persistence_file mosquitto.db
autosave_interval 5
persistent_client_expiration 7d
max_queued_messages 1000000
max_queued_bytes 1000000000
max_inflight_messages 5000
max_packet_size {packet}
set_tcp_nodelay true
connection_messages false
log_dest stderr
log_type error
log_type warning
"""


@dataclass(frozen=True, slots=True)
class BrokerHandle:
    """A running private broker."""

    url: str
    kind: BrokerKind
    protocol: Literal[5, 4]
    process: subprocess.Popen[bytes]

    @property
    def guarantees(self) -> str:
        return GUARANTEES[self.kind]


def find_mosquitto(choice: str = "") -> Path | None:
    """The mosquitto binary: the one of `choice`, or of this machine; None for `choice` "none" or when there is none."""
    if choice == NO_MOSQUITTO:
        return None
    found = choice or shutil.which("mosquitto") or shutil.which("mosquitto", path=_SYSTEM_PLACES)
    return Path(found) if found else None


@contextlib.contextmanager
def private_broker(
    data_dir: Path, *, mosquitto: Path | None, announce: Announce = lambda sentence: None
) -> Iterator[BrokerHandle]:
    """A broker of our own that lives in `data_dir`: `mosquitto`, or amqtt when that is None; stopped on leaving.

    Ends with this process even if that is killed; one that is still ending from the last time is waited for.
    Must be entered in the main thread. Raises CannotStart.
    """
    # amqtt runs as ourselves: the interpreter may lie where the unprivileged user cannot read.
    user = quarters.service_user(data_dir) if mosquitto else None
    place = quarters.settle(data_dir, user, announce)
    with quarters.held(place):
        quarters.await_predecessors(place, "the private broker", _STOP, announce)
        try:
            broker = _start(place, mosquitto, user)
        except OSError as cause:
            raise quarters.unusable(place, cause) from cause
        try:
            yield broker
        finally:
            quarters.stop_service(broker.process, place, _STOP)


@contextlib.contextmanager
def throwaway_broker() -> Iterator[BrokerHandle]:
    """A broker that is deleted on leaving, the best that this machine has: for tests."""
    with quarters.throwaway() as home, private_broker(home / "broker", mosquitto=find_mosquitto()) as broker:
        yield broker


def _start(place: Path, mosquitto: Path | None, user: ServiceUser | None) -> BrokerHandle:
    password = quarters.kept_password(place / "password")
    kind: BrokerKind = "mosquitto" if mosquitto else "amqtt"
    protocol: Literal[5, 4] = 5 if mosquitto else 4
    said = ""
    for _ in range(5):
        port = quarters.free_port()
        argv = _mosquitto(mosquitto, place, port, password) if mosquitto else _amqtt(place, port, password)
        log = place / "broker.log"
        began = log.stat().st_size if log.exists() else 0
        process = quarters.start_service(
            argv,
            place,
            user,
            at_parents_death=Signals.SIGTERM,
            log=log,
            environ={**os.environ, "PYTHONPATH": os.pathsep.join((_ROOT, os.environ.get("PYTHONPATH", "")))},
            cwd=place,
        )
        url = f"mqtt://{_USER}:{quote(password, safe='')}@127.0.0.1:{port}"
        try:
            if _wait_until_ready(process, url, protocol):
                return BrokerHandle(url, kind, protocol, process)
        except BaseException:
            quarters.stop_service(process, place, _STOP)
            raise
        said = quarters.text_since(log, began).strip()
        quarters.stop_service(process, place, _STOP)
        if "ddress already in use" not in said:
            break
    if "No space left on device" in said:
        raise quarters.disk_full(place)
    raise CannotStart(
        f"the private broker ({mosquitto or 'amqtt'}) did not start ({(said.splitlines() or ['it said nothing'])[-1]}): "
        f"expected it to answer on loopback; its log is {log}, and MQTT_URL names a broker of your own"
    )


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, protocol: int, patience_s: float = 120) -> bool:
    deadline = time.monotonic() + patience_s
    while process.poll() is None and time.monotonic() < deadline:
        try:
            greet(parse_address(url, protocol), timeout_s=2)
            return process.poll() is None
        except BrokerUnreachable:
            time.sleep(0.02)
    return False


def greet(address: BrokerAddress, timeout_s: float) -> None:
    """Connects to a broker and leaves again. Raises BrokerUnreachable with the reason, in words."""
    answers: list[ReasonCode] = []
    client = new_client(address, f"cityhelm-greeting-{secrets.token_hex(4)}")
    client.on_connect = lambda _client, _data, _flags, code, _properties: answers.append(code)
    client.connect_timeout = timeout_s
    deadline = time.monotonic() + timeout_s
    try:
        client.connect(address.host, address.port)
        while not answers and time.monotonic() < deadline:
            if client.loop(0.05) is not MQTTErrorCode.MQTT_ERR_SUCCESS and not answers:
                raise BrokerUnreachable("it closed the connection without an answer: perhaps it speaks another MQTT version")
    except OSError as cause:
        raise BrokerUnreachable(why_untrusted(address, cause) or cause.strerror or str(cause)) from cause
    finally:
        client.disconnect()
    if not answers:
        raise BrokerUnreachable(f"no answer within {timeout_s:g} s")
    if answers[0].is_failure:
        raise BrokerUnreachable(str(answers[0]))


def _mosquitto(binary: Path, place: Path, port: int, password: str) -> list[str]:
    quarters.write_private(place / "users", f"{_USER}:{mosquitto_hash(password, secrets.token_bytes(12))}\n")
    config = _MOSQUITTO_CONFIG.format(port=port, place=place, packet=LARGEST_PACKET_BYTES)
    quarters.write_private(place / "mosquitto.conf", config)
    return [str(binary), "-c", str(place / "mosquitto.conf")]


def _amqtt(place: Path, port: int, password: str) -> list[str]:
    if find_spec("amqtt") is None:
        raise CannotStart(
            "there is no MQTT broker: expected mosquitto on this machine, or the package amqtt in this Python environment; "
            "install mosquitto (apt-get install mosquitto), or set MQTT_URL"
        )
    from argon2 import PasswordHasher

    # The weakest allowed: the password is random, and every connection waits for this in the broker's only thread.
    hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    quarters.write_private(place / "users", f"{_USER}:{hasher.hash(password)}\n")
    return [sys.executable, "-m", "runtime.embedded_broker", str(port), str(place)]


async def _serve_amqtt(port: int, place: Path) -> None:
    from amqtt.broker import Broker

    broker = Broker({
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        # Its only plugin, so that whoever names no user is refused as well.
        "plugins": {"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(place / "users")}},
        "session_expiry_interval": 7 * 86400,
    })  # fmt: skip
    await broker.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    _place = Path(sys.argv[2])
    logging.basicConfig(
        level=logging.ERROR,
        handlers=[RotatingFileHandler(_place / "amqtt.log", maxBytes=1_000_000, backupCount=1)],
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    asyncio.run(_serve_amqtt(int(sys.argv[1]), _place))
