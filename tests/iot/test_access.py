"""The access rules of deploy/mosquitto: who may switch scenarios, asked of a broker that keeps them."""

from __future__ import annotations

import getpass
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from iot.control import STATE_TOPIC, scenario_topic
from iot.line import Heard
from iot.mqtt import BrokerAddress, BrokerUnreachable, Publisher, PublishRefused, connect, new_client
from runtime.embedded_broker import find_mosquitto, greet, mosquitto_hash
from runtime.quarters import free_port
from tests.support.source import ROOT

ACCOUNTS = ("simulator", "gw-990101")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a broker with the access rules of deploy/mosquitto and an account for us and for a gateway."""
    binary = find_mosquitto()
    if binary is None:
        pytest.skip("mosquitto is not installed, which alone knows access rules: apt-get install mosquitto")
    place, port = tmp_path_factory.mktemp("guarded"), free_port()
    (place / "accounts").write_text("".join(f"{name}:{mosquitto_hash(name, secrets.token_bytes(12))}\n" for name in ACCOUNTS))
    (place / "acl").write_text((ROOT / "deploy/mosquitto/acl").read_text(encoding="utf-8"), encoding="utf-8")
    for file in place.iterdir():
        file.chmod(0o600)
    (place / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {place}/accounts\nacl_file {place}/acl\n"
        f"user {getpass.getuser()}\n"
    )
    process = subprocess.Popen([binary, "-c", place / "mosquitto.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _await(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            return greet(account(port, "simulator"), timeout_s=2)
        except BrokerUnreachable:
            assert time.monotonic() < deadline, "the broker did not start within 10 s"
            time.sleep(0.05)


def account(port: int, name: str) -> BrokerAddress:
    return BrokerAddress("127.0.0.1", port, name, name, False, 5)


@pytest.mark.parametrize("topic", [scenario_topic("rainstorm"), STATE_TOPIC])
def test_our_own_account_switches_scenarios_and_a_device_s_may_not_even_listen(guarded: int, topic: str, tmp_path: Path) -> None:
    ears = []
    for name in ACCOUNTS:
        client, heard = new_client(account(guarded, name), f"ear-{name}"), list[Heard]()
        client.on_message = lambda _, heard, m: heard.append(Heard(m.topic, m.payload, m.retain))
        client.user_data_set(heard)
        connect(client, account(guarded, name), keeps_session=False)
        client.loop_start()
        client.subscribe("sim/#", qos=1)
        ears.append((client, heard))
    ours, theirs = (Publisher(account(guarded, name), f"mouth-{name}").open() for name in ACCOUNTS)
    try:
        ours.publish(topic, b"{}", retain=True)
        ours.flush(10)
        theirs.publish(topic, b"{}")
        with pytest.raises(PublishRefused, match="the account 'gw-990101' may publish to sim/v1/"):
            theirs.flush(10)
        deadline = time.monotonic() + 10
        while not ears[0][1]:
            assert time.monotonic() < deadline, "our own account did not hear within 10 s"
            time.sleep(0.02)
        assert [heard.topic for heard in ears[0][1]] == [topic]
        assert ears[1][1] == []
    finally:
        ours.publish(topic, b"", retain=True)
        for open_one in (ours, theirs):
            open_one.close()
        for client, _ in ears:
            client.disconnect()
            client.loop_stop()
