"""A Mosquitto of a test's own, on a port that it keeps: to be stopped, killed and started again."""

from __future__ import annotations

import contextlib
import getpass
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iot.mqtt import BrokerAddress, BrokerUnreachable, parse_address
from runtime.embedded_broker import _mosquitto, find_mosquitto, greet
from runtime.quarters import free_port

PASSWORD = "a-test's-own"
WITHOUT = "mosquitto is not installed, and the small embedded broker does not promise this: apt-get install mosquitto"


def mosquitto_binary() -> Path:
    """Mosquitto, or the test is skipped; in CI it fails."""
    binary = find_mosquitto()
    if binary is None:
        assert not os.environ.get("CI"), WITHOUT
        pytest.skip(WITHOUT)
    return binary


class Mosquitto:
    """A broker with a configuration of its own; `says` is its log."""

    def __init__(self, place: Path, port: int, greeting: BrokerAddress, argv: list[str]) -> None:
        self.place, self.port, self._greeting, self._argv = place, port, greeting, argv
        self._log = place / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def says(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._argv, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(BrokerUnreachable):
                return greet(self._greeting, timeout_s=2)
            assert self._process.poll() is None, self.says
            assert time.monotonic() < deadline, f"the broker did not start within 10 s:\n{self.says}"
            time.sleep(0.05)

    def reload(self) -> None:
        """Has it read accounts and access rules again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None


@contextmanager
def private_mosquitto(place: Path) -> Iterator[tuple[Mosquitto, str]]:
    """Mosquitto configured as the private broker is, and its URL."""
    binary, port = mosquitto_binary(), free_port()
    place.mkdir()
    argv = _mosquitto(binary, place, port, PASSWORD)
    url = f"mqtt://cityhelm:{PASSWORD}@127.0.0.1:{port}"
    with (place / "mosquitto.conf").open("a", encoding="utf-8") as config:
        config.write(f"user {getpass.getuser()}\n")
    yield from _running(Mosquitto(place, port, parse_address(url), argv), url)


@contextmanager
def configured_mosquitto(place: Path, port: int, config: str, greeting: BrokerAddress) -> Iterator[Mosquitto]:
    """Mosquitto with a configuration (Mosquitto 2.0), greeted by an account of it."""
    (place / "mosquitto.conf").write_text(f"{config}\nuser {getpass.getuser()}\n", encoding="utf-8")
    broker = Mosquitto(place, port, greeting, [str(mosquitto_binary()), "-c", str(place / "mosquitto.conf")])
    for one, _ in _running(broker, ""):
        yield one


def _running(broker: Mosquitto, url: str) -> Iterator[tuple[Mosquitto, str]]:
    broker.start()
    try:
        yield broker, url
    finally:
        broker.stop()
