"""What the city stands on: a database and a broker. Given in the settings: used. Not given: private ones, for as
long as this process lives. The only module that knows the private services; there is no mode flag.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from iot.mqtt import BrokerUnreachable, parse_address
from runtime import quarters
from runtime.embedded_broker import GUARANTEES, find_mosquitto, greet, private_broker
from runtime.embedded_postgres import MAJOR, find_installation, run_postgres
from runtime.quarters import Announce, CannotStart
from runtime.settings import MQTT_PROTOCOLS, Settings
from storage.connection import DatabaseUnreachable, connect, named

__all__ = ["Backing", "CannotStart", "backing", "describe", "find_running", "foresee", "settings_on"]

DatabaseKind = Literal["given", "private"]
BrokerKind = Literal["given", "mosquitto", "amqtt"]
_PATIENCE_S = 5
LEAST_FREE_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class Backing:
    """Where the database and the broker are, and whose."""

    database_url: str
    mqtt_url: str
    mqtt_protocol: int  # 5, or 4 for MQTT 3.1.1
    database_kind: DatabaseKind
    broker_kind: BrokerKind
    fault: Callable[[], str | None] = field(default=lambda: None, repr=False, compare=False)
    """One sentence when a private service has ended by itself, otherwise None."""


@contextlib.contextmanager
def backing(settings: Settings, *, announce: Announce) -> Iterator[Backing]:
    """A database and a broker to stand on; the private ones stop on leaving, and with this process however it ends.

    Holds `settings.home`: a second supervisor on it is refused. Must be entered in the main thread. Raises CannotStart.
    """
    home = settings.home
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise quarters.unusable(home, cause) from cause
    with contextlib.ExitStack() as stack:
        stack.enter_context(quarters.held(home))
        private: dict[str, subprocess.Popen[bytes]] = {}
        note = home / "running.json"
        note.unlink(missing_ok=True)  # of a supervisor that was killed
        if settings.mqtt_url:  # before the database: asking is quick, starting one is not
            _ask_broker(settings)
        database_kind: DatabaseKind = "given"
        if database_url := settings.database_url:
            _ask_database(database_url)
        else:
            if quarters.free_bytes(home) < LEAST_FREE_BYTES:
                raise quarters.disk_full(home)
            server = stack.enter_context(run_postgres(home / "postgres", announce=announce))
            private[f"the private database in {home / 'postgres'}"] = server.process
            database_url, database_kind = server.url, "private"
        mqtt_protocol: int = settings.mqtt_protocol
        broker_kind: BrokerKind = "given"
        if not (mqtt_url := settings.mqtt_url):
            mosquitto = find_mosquitto(settings.mosquitto)
            # Each kind has a directory of its own, since they may run as different users.
            place = home / ("mosquitto" if mosquitto else "amqtt")
            broker = stack.enter_context(private_broker(place, mosquitto=mosquitto, announce=announce))
            private[f"the private broker in {place}"] = broker.process
            mqtt_url, mqtt_protocol, broker_kind = broker.url, broker.protocol, broker.kind
            announce(f"The private broker is {broker.guarantees}")
        standing = Backing(database_url, mqtt_url, mqtt_protocol, database_kind, broker_kind, lambda: _ended(private, home))
        stack.callback(note.unlink, missing_ok=True)
        quarters.write_private(note, json.dumps(_noted(standing)))
        yield standing


def find_running(settings: Settings) -> Backing | None:
    """What the supervisor that holds `settings.home` stands on, so that other commands reach its private services;
    None when none is running or it is still starting.
    """
    if quarters.holder(settings.home) is None:
        return None
    try:
        return Backing(**json.loads((settings.home / "running.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def settings_on(settings: Settings, standing: Backing) -> Settings:
    """`settings` with every address that they do not name filled in from `standing`: what the processes are started with."""
    filled = replace(settings, database_url=settings.database_url or standing.database_url)
    return filled if settings.mqtt_url else replace(filled, mqtt_url=standing.mqtt_url, mqtt_protocol=standing.mqtt_protocol)


def describe(settings: Settings, standing: Backing) -> list[str]:
    """What the city that runs on `settings.home` stands on, and what its broker promises: one sentence each."""
    database = f"{named(standing.database_url)}, as DATABASE_URL says"
    if standing.database_kind == "private":
        database = f"a private PostgreSQL {MAJOR} in {settings.home / 'postgres'}"
    if standing.broker_kind == "given":
        return [f"Database: {database}.", f"Broker: {parse_address(standing.mqtt_url).named}, as MQTT_URL says."]
    return [f"Database: {database}.", f"Broker: a private one. {GUARANTEES[standing.broker_kind]}"]


def foresee(settings: Settings) -> tuple[list[str], list[str]]:
    """What `backing` would use, and what would keep it from starting: two lists of sentences. Starts nothing."""
    good: list[str] = []
    bad: list[str] = []

    def ask(question: Callable[[], str]) -> None:
        try:
            good.append(question())
        except CannotStart as fault:
            bad.append(str(fault))

    ask(lambda: _foresee_database(settings))
    ask(lambda: _foresee_broker(settings))
    return good, bad


def _foresee_database(settings: Settings) -> str:
    if settings.database_url:
        _ask_database(settings.database_url)
        return f"Database: {named(settings.database_url)} answers."
    find_installation()
    return f"Database: a private PostgreSQL {MAJOR} in {settings.home / 'postgres'}."


def _foresee_broker(settings: Settings) -> str:
    if settings.mqtt_url:
        _ask_broker(settings)
        return f"Broker: {parse_address(settings.mqtt_url).named} answers."
    mosquitto = find_mosquitto(settings.mosquitto)
    return f"Broker: a private one, {mosquitto or 'amqtt'}. {GUARANTEES['mosquitto' if mosquitto else 'amqtt']}"


def _ask_database(url: str) -> None:
    try:
        connect(url, application="cityhelm greeting", connect_timeout_s=_PATIENCE_S).close()
    except DatabaseUnreachable as fault:
        raise CannotStart(str(fault)) from fault


def _ask_broker(settings: Settings) -> None:
    assert settings.mqtt_url is not None
    address = parse_address(settings.mqtt_url, settings.mqtt_protocol, settings.mqtt_ca or None)
    version = next(name for name, number in MQTT_PROTOCOLS.items() if number == settings.mqtt_protocol)
    try:
        greet(address, _PATIENCE_S)
    except BrokerUnreachable as fault:
        raise CannotStart(
            f"the broker at {address.named} did not accept a connection ({fault}): expected one that speaks MQTT {version} "
            "and knows the user and password of MQTT_URL; check MQTT_URL and MQTT_PROTOCOL, or unset MQTT_URL to use a "
            "private broker"
        ) from fault


def _ended(private: Mapping[str, subprocess.Popen[bytes]], home: Path) -> str | None:
    for what, process in private.items():
        if (code := process.poll()) is not None:
            if quarters.free_bytes(home) < LEAST_FREE_BYTES:
                return f"{what} has ended: {quarters.disk_full(home)}"
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            return f"{what} has ended ({how}): expected it to run until it is told to stop; its log files are there"
    return None


def _noted(standing: Backing) -> dict[str, object]:
    return {name: value for name, value in asdict(standing).items() if name != "fault"}
