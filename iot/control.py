"""Control: what is said between the simulator and whoever switches scenarios, and on which topics. Not for the city's systems.

    sim/v1/scenario/NAME   retained, to the simulator: `ScenarioCommand`; empty when nothing is wanted
    sim/v1/state           retained, from the simulator: `SimulatorState`; its Last Will says offline

The topics lie outside of `city/#`, so that what the simulator plans never reaches the systems that must find it out. A start
and its stop are one retained record under one id: a simulator that is started again takes up what it reads there, as if it had
run all the time. What it refuses or has brought to an end it clears.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct

from domain.sensors import DeviceState
from iot.payloads import Instant, Word, encode

CONTROL = "sim/v1"
STATE_TOPIC = f"{CONTROL}/state"
COMMANDS = f"{CONTROL}/scenario/+"


class ScenarioCommand(Struct, omit_defaults=True, kw_only=True):
    """What is wanted of a scenario: that it begins at `start` and, if not by itself, that its causes end at `stop`."""

    id: Word
    ts: Instant
    start: Instant
    stop: Instant | None = None
    settings: dict[Word, float | str] = {}


class Effect(Struct, kw_only=True):
    """What is expected to be seen, from when on: calculated with the model that the devices follow."""

    at: Instant
    zh: str
    en: str


class Running(Struct, omit_defaults=True, kw_only=True):
    """A scenario that has begun or will: when its causes end, when its last effect has died, all its settings."""

    name: Word
    zh: str
    en: str
    command: Word
    start: Instant
    ends: Instant
    settled: Instant
    stopped: Instant | None = None
    settings: dict[Word, float | str] = {}
    effects: list[Effect] = []


class Refusal(Struct, kw_only=True):
    """A command that was not taken, and why."""

    command: Word
    name: Word
    reason: str


class SimulatorState(Struct, omit_defaults=True, kw_only=True):
    """What the simulator is doing. `state` is online or, as its Last Will, offline; `since` is when it was started."""

    id: Word
    ts: Instant
    state: Word
    since: Instant | None = None
    running: list[Running] = []
    refused: list[Refusal] = []


def scenario_topic(name: str) -> str:
    """Where the command for a scenario is kept."""
    return f"{CONTROL}/scenario/{name}"


def scenario_of(topic: str) -> str | None:
    """The name of the scenario that a topic is about, or None."""
    name = topic.removeprefix(f"{CONTROL}/scenario/")
    return name if name != topic and name and "/" not in name else None


def decode_command(payload: bytes) -> ScenarioCommand:
    """Raises msgspec.DecodeError for what is no command."""
    return msgspec.json.decode(payload, type=ScenarioCommand)


def decode_state(payload: bytes) -> SimulatorState:
    """Raises msgspec.DecodeError for what is no state."""
    return msgspec.json.decode(payload, type=SimulatorState)


def encode_record(record: object) -> str:
    """A record of this module, or a structure of them, as JSON."""
    return msgspec.json.encode(record).decode()


def last_will(connected_at: datetime) -> tuple[str, bytes]:
    """Topic and payload that the broker publishes when the simulator is gone."""
    gone = SimulatorState(id=f"offline-{int(connected_at.timestamp())}", ts=connected_at, state=DeviceState.OFFLINE.value)
    return STATE_TOPIC, encode(gone)
