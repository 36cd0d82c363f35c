"""The door for devices as deploy/mosquitto has it: TLS, an account for each device, and nobody speaks for another.

Mosquitto runs with the files of the composition, except the persistence of version 2.1 and the places of files and ports.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from ingest.parse import MAX_PAYLOAD_BYTES
from ingest.service import Ingester
from iot.mqtt import BrokerAddress, BrokerUnreachable, Publisher, PublishRefused, connect, new_client, parse_address
from runtime.backing import foresee
from runtime.broker_accounts import read_list, write_accounts
from runtime.broker_check import examine_broker
from runtime.embedded_broker import LARGEST_PACKET_BYTES, greet
from runtime.quarters import free_port
from runtime.settings import load_settings
from storage.connection import Connection
from tests.support.brokers import Mosquitto, configured_mosquitto
from tests.support.source import ROOT

SERVICE = "a-service's"
DEVICES = """account,device
a1,990101/air/s1/a1
gw-2,990101/gateway/field/gw-2
gw-2,990102/air/+/+
"""
A1, A2, B1 = "city/v1/990101/air/s1/a1", "city/v1/990101/air/s1/a2", "city/v1/990102/air/s9/b1"


@dataclass
class Door:
    """A broker that runs; ports by what is shown there."""

    broker: Mosquitto
    place: Path
    ports: dict[str, int]
    authority: Path

    def account(self, name: str, *, door: str = "good", host: str = "127.0.0.1", password: str | None = None) -> BrokerAddress:
        password = password or self.password_of(name)
        is_tls = door != "inside"
        return BrokerAddress(host, self.ports[door], name, password, is_tls, 5, str(self.authority) if is_tls else None)

    def password_of(self, name: str) -> str:
        if name in ("ingest", "dispatcher", "simulator"):
            return SERVICE
        told = (self.place / "config/devices/new_passwords.csv").read_text().splitlines()
        return dict(line.split(",") for line in told).get(name, "none")

    def make_accounts(self) -> None:
        """What the container does at its start, by the script it does it with."""
        given = {f"MQTT_{name}_PASSWORD": SERVICE for name in ("INGEST", "DISPATCHER", "NOTIFIER", "SIMULATOR")}
        subprocess.run(
            ["sh", self.place / "config/accounts.sh"], check=True,
            env={**os.environ, **given, "BROKER_CONFIG": str(self.place / "config"), "BROKER_MADE": str(self.place / "made")},
        )  # fmt: skip


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    place = tmp_path_factory.mktemp("door")
    shutil.copytree(ROOT / "deploy/mosquitto", place / "config")
    (place / "made").mkdir()
    (place / "devices.csv").write_text(DEVICES)
    write_accounts(read_list(place / "devices.csv"), place / "config/devices")
    authority, today = trustme.CA(), datetime.now(UTC)
    authority.cert_pem.write_to_path(place / "authority.crt")
    shown = {
        "good": authority.issue_cert("localhost", "127.0.0.1"),
        "expired": authority.issue_cert("127.0.0.1", not_before=today - timedelta(9), not_after=today - timedelta(2)),
        "not_yet": authority.issue_cert("127.0.0.1", not_before=today + timedelta(2), not_after=today + timedelta(9)),
        "elsewhere": authority.issue_cert("broker.example"),
        "stranger": trustme.CA().issue_cert("127.0.0.1"),
    }
    ports = {name: free_port() for name in (*shown, "inside")}
    listener = (ROOT / "deploy/mosquitto/listeners/devices.conf").read_text()
    inside = (ROOT / "deploy/mosquitto/mosquitto.conf").read_text().replace("/tmp/", f"{place}/made/")
    told = [inside.replace("listener 1883", f"listener {ports['inside']} 127.0.0.1")]
    for name, certificate in shown.items():
        certificate.private_key_and_cert_chain_pem.write_to_path(place / f"config/listeners/{name}.pem")
        there = f"{place}/config/listeners/{name}.pem"
        told.append(
            re.sub(r"/mosquitto/config/listeners/broker\.\w+", there, listener.replace("8883", f"{ports[name]} 127.0.0.1"))
        )
    config = re.sub(r"^(plugin|plugin_opt_\w+) .*\n", "", "\n".join(told), flags=re.MULTILINE)
    greeting = BrokerAddress("127.0.0.1", ports["inside"], "ingest", SERVICE, False, 5)
    made = Door(None, place, ports, place / "authority.crt")  # type: ignore[arg-type]
    made.make_accounts()
    with configured_mosquitto(place, ports["inside"], config, greeting) as made.broker:
        yield made


@contextmanager
def hearing(address: BrokerAddress, filter_: str) -> Iterator[list[tuple[str, bytes]]]:
    """What an account hears that subscribes to `filter_`, while inside; a moment is waited for at the end."""
    heard: list[tuple[str, bytes]] = []
    subscribed = threading.Event()
    client = new_client(address, f"ear-{address.username}")
    client.on_message = lambda _c, _d, message: heard.append((message.topic, message.payload))
    client.on_subscribe = lambda *_: subscribed.set()
    connect(client, address, keeps_session=False)
    client.loop_start()
    client.subscribe(filter_, qos=1)
    assert subscribed.wait(10)
    try:
        yield heard
        time.sleep(0.3)
    finally:
        client.disconnect()
        client.loop_stop()


@contextmanager
def speaking(address: BrokerAddress) -> Iterator[Publisher]:
    publisher = Publisher(address, f"mouth-{address.username}").open()
    try:
        yield publisher
    finally:
        publisher.close()


def say(address: BrokerAddress, topic: str, payload: bytes = b"{}") -> None:
    with speaking(address) as publisher:
        publisher.publish(topic, payload, timeout_s=10)
        publisher.flush(10)


@pytest.mark.parametrize("kind", ["telemetry", "birth", "state", "event", "ack"])
def test_a_device_speaks_under_its_own_topics(door: Door, kind: str) -> None:
    with hearing(door.account("ingest"), "city/v1/#") as heard:
        say(door.account("a1"), f"{A1}/{kind}", b'{"id":"x"}')
    assert heard == [(f"{A1}/{kind}", b'{"id":"x"}')]


@pytest.mark.parametrize(
    "topic", [f"{A2}/telemetry", f"{B1}/state", f"{A1}/cmd", "city/v1/x", "sim/v1/x", "cityhelm/probe/x", f"{A1}/other"]
)
def test_a_device_speaks_under_no_other(door: Door, topic: str) -> None:
    with (
        hearing(door.account("simulator"), "#") as heard,
        pytest.raises(PublishRefused, match=r"Not authorized, code 135.*'a1' may publish"),
    ):
        say(door.account("a1"), topic)
    assert heard == []


def test_a_gateway_carries_its_devices_and_no_others(door: Door) -> None:
    with hearing(door.account("ingest"), "city/v1/#") as heard:
        for topic in (f"{B1}/telemetry", "city/v1/990102/air/s2/b2/birth", "city/v1/990101/gateway/field/gw-2/state"):
            say(door.account("gw-2"), topic)
        for topic in (f"{A1}/telemetry", "city/v1/990102/units/depot/e1/event"):
            with pytest.raises(PublishRefused, match="'gw-2' may publish"):
                say(door.account("gw-2"), topic)
    assert len(heard) == 3


def test_a_device_hears_its_own_commands_alone(door: Door) -> None:
    with hearing(door.account("a1"), "#") as heard:
        for device in (A1, A2, B1):
            say(door.account("dispatcher"), f"{device}/cmd", device.encode())
            say(door.account("simulator"), f"{device}/telemetry")
    assert heard == [(f"{A1}/cmd", A1.encode())]


def test_our_own_processes_have_the_rights_they_use_and_no_more(door: Door) -> None:
    for account, topic in (
        ("dispatcher", f"{A1}/telemetry"),
        ("ingest", f"{A1}/telemetry"),
        ("ingest", f"{A1}/cmd"),
        ("dispatcher", "sim/v1/x"),
    ):
        with pytest.raises(PublishRefused, match=f"'{account}' may publish"):
            say(door.account(account), topic)
    with hearing(door.account("dispatcher"), "#") as heard:
        say(door.account("simulator"), f"{A1}/telemetry")
    assert heard == []
    for finding in examine_broker(door.account("ingest"), n_messages=1_200):
        assert finding.is_good, finding.sentence


def refusal(address: BrokerAddress) -> str:
    with pytest.raises(BrokerUnreachable) as fault:
        greet(address, timeout_s=5)
    assert SERVICE not in str(fault.value)
    return str(fault.value)


def test_a_wrong_password_an_unknown_account_and_none_are_refused(door: Door) -> None:
    for address in (
        door.account("a1", password="wrong"), door.account("nobody"), replace(door.account("a1"), username=None, password=None),
    ):  # fmt: skip
        assert refusal(address) in ("Not authorized", "Bad user name or password")
        with pytest.raises(BrokerUnreachable, match=r"refused the connection .*: expected a user and password that it knows"):
            say(address, f"{A1}/telemetry")


UNTRUSTED = [
    ("expired", "its certificate has expired; renew it"),
    ("not_yet", "its certificate is not valid yet; set this machine's clock"),
    ("elsewhere", "its certificate is not for the name 127.0.0.1; write a name of the certificate into MQTT_URL"),
    (
        "stranger",
        "nobody whom this machine trusts has signed its certificate; name the file of the authority that did in MQTT_CA",
    ),
    ("inside", "it does not speak TLS there ("),
]


@pytest.mark.parametrize(("shown", "said"), UNTRUSTED)
def test_a_broker_that_cannot_be_trusted_is_told_from_one_that_is_away(door: Door, shown: str, said: str) -> None:
    address = replace(door.account("ingest", door=shown), is_tls=True, ca_file=str(door.authority))
    assert refusal(address).startswith(said)
    with pytest.raises(BrokerUnreachable, match=f"{re.escape(address.named)} cannot be trusted: {re.escape(said)}"):
        connect(new_client(address, "untrusting"), address, keeps_session=False)


def test_without_the_authority_nobody_is_trusted(door: Door) -> None:
    assert refusal(replace(door.account("ingest"), ca_file=None)).startswith("nobody whom this machine trusts")


def test_the_doctor_says_it_with_the_settings(door: Door, tmp_path: Path) -> None:
    def asked(**environ: str) -> tuple[list[str], list[str]]:
        return foresee(load_settings({"CITYHELM_HOME": str(tmp_path), **environ}, ROOT))

    url = f"mqtts://ingest:{SERVICE}@127.0.0.1"
    good, _ = asked(MQTT_URL=f"{url}:{door.ports['good']}", MQTT_CA=str(door.authority))
    assert f"Broker: mqtts://127.0.0.1:{door.ports['good']} answers." in good
    _, bad = asked(MQTT_URL=f"{url}:{door.ports['expired']}", MQTT_CA=str(door.authority))
    assert any("(its certificate has expired; renew it" in sentence for sentence in bad)


def test_what_a_device_says_over_tls_is_stored(door: Door, database_url: str, conn: Connection) -> None:
    stop = threading.Event()
    ingester = Ingester(door.account("ingest"), "ingest-over-tls", stop)
    thread = threading.Thread(target=ingester.run, args=(database_url,))
    thread.start()
    try:
        assert ingester.is_subscribed.wait(20)
        ts = datetime.now(UTC).isoformat()
        say(door.account("a1", host="localhost"), f"{A1}/telemetry", f'{{"id":"t","ts":"{ts}","values":{{"pm25":41}}}}'.encode())
        deadline = time.monotonic() + 20
        while (row := conn.execute("SELECT value FROM observation").fetchone()) is None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert row == (41.0,)
    finally:
        stop.set()
        thread.join(20)


def test_a_payload_that_is_too_large_comes_through_to_be_named_and_one_far_too_large_ends_the_connection(door: Door) -> None:
    with hearing(door.account("ingest"), "city/v1/#") as heard:
        say(door.account("a1"), f"{A1}/telemetry", b"x" * (MAX_PAYLOAD_BYTES + 1))
        with speaking(door.account("gw-2")) as mad:
            lost = threading.Event()
            mad.client.on_disconnect = lambda *_: lost.set()
            mad.publish(f"{B1}/telemetry", b"x" * LARGEST_PACKET_BYTES)
            assert lost.wait(10)
        say(door.account("a1"), f"{A1}/telemetry", b"after")
    assert [len(payload) for _, payload in heard] == [MAX_PAYLOAD_BYTES + 1, 5]


def test_accounts_that_are_added_are_taken_in_while_the_broker_runs(door: Door) -> None:
    with pytest.raises(BrokerUnreachable):
        greet(door.account("a3"), timeout_s=5)
    (door.place / "devices.csv").write_text(f"{DEVICES}a3,990101/air/s1/a3\n")
    old = door.password_of("a1")
    made = write_accounts(read_list(door.place / "devices.csv"), door.place / "config/devices")
    assert (made.new, made.kept) == (("a3",), ("a1", "gw-2"))
    door.make_accounts()
    door.broker.reload()
    deadline = time.monotonic() + 10
    while True:
        try:
            greet(door.account("a3"), timeout_s=5)
            break
        except BrokerUnreachable:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    say(door.account("a3"), "city/v1/990101/air/s1/a3/telemetry")
    greet(door.account("a1", password=old), timeout_s=5)


def test_an_address_says_where_its_authority_is() -> None:
    assert parse_address("mqtts://broker.example", ca_file="/etc/ca.crt").ca_file == "/etc/ca.crt"
    assert parse_address("mqtts://broker.example").port == 8883
