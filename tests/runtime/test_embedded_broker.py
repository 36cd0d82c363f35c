"""The private broker: Mosquitto with its guarantees, amqtt without, both for those who know the password."""

from __future__ import annotations

import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from iot.mqtt import BrokerUnreachable, parse_address
from runtime import embedded_broker, quarters
from runtime.embedded_broker import find_mosquitto, greet, mosquitto_hash, private_broker, throwaway_broker
from runtime.quarters import CannotStart
from tests.runtime.conftest import ROOT, family, is_alive, wait_until

MOSQUITTO = find_mosquitto()
with_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed on this machine")
both = pytest.mark.parametrize(
    "mosquitto", [pytest.param(MOSQUITTO, id="mosquitto", marks=with_mosquitto), pytest.param(None, id="amqtt")]
)


@contextmanager
def _client(url: str, protocol: int, name: str) -> Iterator[tuple[paho.Client, list[str]]]:
    """A client with a session that lasts, connected, and what it has received."""
    address, received, connected = parse_address(url), list[str](), threading.Event()
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        name,
        clean_session=None if protocol == 5 else False,
        protocol=MQTTProtocolVersion(protocol),
    )
    client.username_pw_set(address.username, address.password)
    client.on_connect = lambda *_: connected.set()
    client.on_message = lambda _, __, message: received.append(message.payload.decode())
    if protocol == 5:
        lasting = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        lasting.SessionExpiryInterval = 3600
        client.connect(address.host, address.port, clean_start=False, properties=lasting)
    else:
        client.connect(address.host, address.port)
    client.loop_start()
    try:
        assert connected.wait(10)
        yield client, received
    finally:
        client.disconnect()
        client.loop_stop()


def _publish(url: str, protocol: int, *texts: str) -> None:
    with _client(url, protocol, "publisher") as (client, _):
        for text in texts:
            client.publish("city/v1/x", text, qos=1).wait_for_publish(10)


@both
def test_what_is_published_arrives(home: Path, mosquitto: Path | None) -> None:
    with (
        private_broker(home / "broker", mosquitto=mosquitto) as broker,
        _client(broker.url, broker.protocol, "ingest") as (client, got),
    ):
        subscribed = threading.Event()
        client.on_subscribe = lambda *_: subscribed.set()
        client.subscribe("city/v1/#", qos=1)
        assert subscribed.wait(10)
        _publish(broker.url, broker.protocol, "one", "two")
        assert wait_until(lambda: got == ["one", "two"])
        assert broker.kind == ("mosquitto" if mosquitto else "amqtt")
        assert ("demonstrations only" in broker.guarantees) == (mosquitto is None)


@both
def test_whoever_does_not_know_the_password_is_refused(home: Path, mosquitto: Path | None) -> None:
    with private_broker(home / "broker", mosquitto=mosquitto) as broker:
        address = parse_address(broker.url, broker.protocol)
        greet(address, 5)
        for stranger in (
            replace(address, password="guess"),
            replace(address, username="root"),
            replace(address, username=None, password=None),
        ):
            with pytest.raises(BrokerUnreachable, match="Not authorized"):
                greet(stranger, 5)


@both
def test_the_password_is_on_no_command_line_and_in_no_readable_file(home: Path, mosquitto: Path | None) -> None:
    with private_broker(home / "broker", mosquitto=mosquitto) as broker:
        password = parse_address(broker.url).password or ""
        assert password not in Path(f"/proc/{broker.process.pid}/cmdline").read_text()
        written = [
            path for path in (home / "broker").iterdir() if path.is_file() and password in path.read_text(errors="replace")
        ]
        assert written == [home / "broker/password"]
        assert written[0].stat().st_mode & 0o077 == 0


@with_mosquitto
def test_a_session_and_what_was_queued_for_it_survive_a_restart_of_mosquitto(home: Path) -> None:
    with private_broker(home / "broker", mosquitto=MOSQUITTO) as broker:
        _subscribe_and_leave(broker.url)
        # More than the 100 that an untuned mosquitto queues for a client that is away.
        _publish(broker.url, 5, *(str(number) for number in range(300)))
    with private_broker(home / "broker", mosquitto=MOSQUITTO) as broker, _client(broker.url, 5, "ingest") as (_, got):
        assert wait_until(lambda: len(got) == 300)
        assert got == [str(number) for number in range(300)]


@both
def test_killed_with_its_supervisor_it_leaves_no_process_and_starts_again(home: Path, mosquitto: Path | None) -> None:
    place = home / "broker"
    code = f"""
import time
from pathlib import Path
from runtime.embedded_broker import private_broker
with private_broker(Path({str(place)!r}), mosquitto={f"Path({str(mosquitto)!r})" if mosquitto else None}) as broker:
    print(broker.url, flush=True)
    time.sleep(100)
"""
    supervisor = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    url = supervisor.stdout.readline().strip()
    everybody = family(supervisor.pid)
    assert len(everybody) == 2
    if mosquitto:
        _subscribe_and_leave(url)
        _publish(url, 5, "for later")
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    assert wait_until(lambda: not any(is_alive(pid) for pid in everybody))
    with private_broker(place, mosquitto=mosquitto) as broker, _client(broker.url, broker.protocol, "ingest") as (_, got):
        if mosquitto:
            assert wait_until(lambda: got == ["for later"])
    assert not quarters.is_inhabited(place)


def _subscribe_and_leave(url: str) -> None:
    with _client(url, 5, "ingest") as (client, _):
        subscribed = threading.Event()
        client.on_subscribe = lambda *_: subscribed.set()
        client.subscribe("city/v1/#", qos=1)
        assert subscribed.wait(10)


@both
def test_a_port_that_somebody_was_quicker_to_take_is_given_up_for_another(
    home: Path, mosquitto: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with private_broker(home / "first", mosquitto=mosquitto) as first:
        ports = iter([parse_address(first.url).port, quarters.free_port()])
        monkeypatch.setattr(quarters, "free_port", lambda: next(ports))
        with private_broker(home / "second", mosquitto=mosquitto) as second:
            greet(parse_address(second.url, second.protocol), 5)


@with_mosquitto
def test_a_path_with_a_space_is_no_hindrance(home: Path) -> None:
    with private_broker(home / "my city" / "broker", mosquitto=MOSQUITTO) as broker:
        greet(parse_address(broker.url), 5)


def test_it_serves_an_ordinary_user(
    home: Path, python_of_an_ordinary_user: Callable[[str], subprocess.CompletedProcess[str]]
) -> None:
    ended = python_of_an_ordinary_user(f"""
from pathlib import Path
from iot.mqtt import parse_address
from runtime.embedded_broker import find_mosquitto, greet, private_broker
with private_broker(Path({str(home / "broker")!r}), mosquitto=find_mosquitto()) as broker:
    greet(parse_address(broker.url, broker.protocol), 5)
    print("greeted")
""")
    assert ended.stdout == "greeted\n", ended.stderr


def test_a_broker_that_does_not_start_says_what_it_said(home: Path) -> None:
    with (
        pytest.raises(CannotStart, match=r"private broker \(/bin/false\) did not start \(it said nothing\).*MQTT_URL"),
        private_broker(home / "broker", mosquitto=Path("/bin/false")),
    ):
        pass


def test_without_mosquitto_and_amqtt_it_says_what_to_install(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_broker, "find_spec", lambda name: None)
    with (
        pytest.raises(CannotStart, match=r"there is no MQTT broker.*install mosquitto"),
        private_broker(home / "b", mosquitto=None),
    ):
        pass


def test_mosquitto_is_looked_for_unless_one_is_chosen() -> None:
    assert find_mosquitto("none") is None
    assert find_mosquitto("/opt/mosquitto") == Path("/opt/mosquitto")


def test_a_password_is_hashed_as_mosquitto_passwd_does_it() -> None:
    # Made by mosquitto_passwd 2.0.11 for the password `secret`.
    made = "$7$101$oB9pvvUNJH5nlH1y$lqBesVoM4FjkBN5TIY6xSYl8oO7xkwidxgNdFqvSia7Mct0y7ktQG4BiXIsE3+be62l8++Tw+fhvhf07CJB66g=="
    assert mosquitto_hash("secret", b64decode("oB9pvvUNJH5nlH1y")) == made


def test_a_broker_that_is_not_there_is_said_to_be_unreachable() -> None:
    with pytest.raises(BrokerUnreachable, match="Connection refused"):
        greet(parse_address(f"mqtt://127.0.0.1:{quarters.free_port()}"), 2)


def test_a_throwaway_answers_and_ends() -> None:
    with throwaway_broker() as broker:
        greet(parse_address(broker.url, broker.protocol), 5)
    assert broker.process.returncode is not None
