"""Scenarios from the command line: finds out what the simulator is doing, tells it what is wanted, waits for its word.

Speaks on the control topics of iot.control and knows nothing of the city but what the simulator says there.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from domain.sensors import DeviceState
from gis_data.city import City
from iot.control import (
    COMMANDS,
    STATE_TOPIC,
    Effect,
    Running,
    ScenarioCommand,
    SimulatorState,
    decode_command,
    decode_state,
    scenario_of,
    scenario_topic,
)
from iot.line import Line
from iot.mqtt import BrokerAddress
from iot.payloads import encode
from iot.scenarios.catalogue import CATALOGUE, Parameter

LISTEN_S = 1.5
"""How long the broker may take to hand out what it retains; there is no telling that it retains nothing but waiting."""

CONFIRM_S = 45.0
"""How long the simulator may take: it listens once a second, and works out what is to be expected."""


class NotDone(Exception):  # noqa: N818 - an answer, not a fault
    """The simulator refused, did not answer, or there is nothing to do; the message is the sentence to show."""


class Entry(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A scenario as the catalogue has it, with what can be asked of it in a city, or why it cannot be there."""

    name: str
    zh: str
    en: str
    about_zh: str
    about_en: str
    lasts_min: float
    parameters: dict[str, Parameter] = {}
    fault: str | None = None


def list_entries(city: City | None, seed: int) -> list[Entry]:
    """The catalogue; without a city it has no parameters."""
    entries = []
    for name, of in CATALOGUE.items():
        entry = Entry(name=name, zh=of.zh, en=of.en, about_zh=of.about_zh, about_en=of.about_en, lasts_min=of.lasts_min)
        try:
            entry.parameters = of.asks(city, seed) if city is not None else {}
        except ValueError as fault:
            entry.fault = f"not in this city: {fault}"
        entries.append(entry)
    return entries


def describe_entry(entry: Entry) -> list[str]:
    """What it is and what can be asked of it, in lines."""
    lines = [entry.about_zh, entry.about_en, *([entry.fault] if entry.fault else [])]
    for name, of in entry.parameters.items():
        usual = of.default if isinstance(of.default, str) else f"{of.default:g}"
        lines.append(f"--set {name}={usual}".ljust(32) + f"{of.zh} {of.en}" + (f", {of.unit}" if of.unit else ""))
    return [f"{entry.name:16} {entry.zh} {entry.en}, {entry.lasts_min:g} min", *(f"{'':16} {line}" for line in lines)]


def describe(running: Running, zone: ZoneInfo) -> list[str]:
    """When it begins, ends and is over, in a line for each language."""
    start, ends, settled = (at.astimezone(zone) for at in (running.start, running.ends, running.settled))
    stopped_zh, stopped_en = ("（已停止）", " (stopped)") if running.stopped else ("", "")
    return [
        f"{running.name} {running.zh}：{start:%H:%M} 至 {ends:%H:%M}{stopped_zh}；影响至迟 {settled:%Y-%m-%d %H:%M} 消退",
        f"{running.name} {running.en}: {start:%H:%M} to {ends:%H:%M}{stopped_en}; last effects gone by {settled:%Y-%m-%d %H:%M}",
    ]


def describe_effect(effect: Effect, now: datetime) -> list[str]:
    """At what time, in how many minutes, what, in a line for each language: `now` is aware, in the zone to write in."""
    minutes = round((effect.at - now).total_seconds() / 60)
    when_zh, when_en = (f"{minutes} 分钟后", f"in {minutes} min") if minutes > 0 else ("现在", "now")
    return [f"{effect.at.astimezone(now.tzinfo):%H:%M}  {when_zh}：{effect.zh}", f"{'':5}  {when_en}: {effect.en}"]


def running_scenarios(broker: BrokerAddress) -> SimulatorState | None:
    """What the simulator says that it is doing; None when there is none. Raises BrokerUnreachable."""
    with _switchboard(broker) as board:
        return board.state if board.is_online else None


def start_scenario(broker: BrokerAddress, name: str, at: datetime, settings: Mapping[str, float | str]) -> Running:
    """Starts a scenario at a time (aware) and returns it as the simulator took it. Raises NotDone, BrokerUnreachable."""
    with _switchboard(broker) as board:
        now = datetime.now(UTC)
        if (known := board.running(name)) and known.ends > now:
            start, ends = (each.astimezone(at.tzinfo) for each in (known.start, known.ends))
            raise NotDone(
                f"{name} is switched on from {start:%H:%M} to {ends:%H:%M}: expected it to be off; "
                f"stop it with `cityhelm scenario stop {name}`"
            )
        command = ScenarioCommand(
            id=f"{name}-{secrets.token_hex(4)}", ts=now, start=at.replace(microsecond=0), settings=dict(settings)
        )
        board.tell(name, command)
        board.wait(name, lambda: (taken := board.running(name)) and taken.command == command.id, command)
        taken = board.running(name)
        assert taken is not None
        return taken


def stop_scenario(broker: BrokerAddress, name: str) -> Running | None:
    """Ends the causes of a scenario now and returns what is left of it: None when nothing is. Raises NotDone,
    BrokerUnreachable."""
    with _switchboard(broker) as board:
        now = datetime.now(UTC)
        standing, known = board.commands.get(name), board.running(name)
        if standing is None or standing.stop is not None or (known is not None and known.ends <= now):
            raise NotDone(f"{name} is not switched on: expected one that is; `cityhelm scenario list` shows them")
        command = msgspec.structs.replace(standing, ts=now, stop=now)
        board.tell(name, command)
        board.wait(name, lambda: (left := board.running(name)) is None or left.stopped is not None, command)
        return board.running(name)


class _Switchboard:
    """What is retained on the control topics, as it changes."""

    def __init__(self, line: Line) -> None:
        self.state: SimulatorState | None = None
        self.commands: dict[str, ScenarioCommand] = {}
        self._line = line

    def listen(self, until: Callable[[], object], within_s: float) -> bool:
        """Takes in what comes until the condition holds. False when it does not in time."""
        deadline = time.monotonic() + within_s
        while True:
            while not self._line.heard.empty():
                heard = self._line.heard.get()
                name = scenario_of(heard.topic)
                if heard.topic == STATE_TOPIC and heard.payload:
                    self.state = decode_state(heard.payload)
                elif name and heard.payload:
                    self.commands[name] = decode_command(heard.payload)
                elif name:
                    self.commands.pop(name, None)
            if until():
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)

    def running(self, name: str) -> Running | None:
        of_name = (running for running in (self.state.running if self.state else ()) if running.name == name)
        return next(of_name, None)

    def tell(self, name: str, command: ScenarioCommand) -> None:
        self._line.publish(scenario_topic(name), encode(command), is_retained=True)
        self._line.flush(CONFIRM_S)

    def wait(self, name: str, until: Callable[[], object], command: ScenarioCommand) -> None:
        """Until the simulator has taken a command. Raises NotDone with its reason, or when it does not answer."""

        def refusal() -> str | None:
            refused = self.state.refused if self.state else ()
            return next((each.reason for each in refused if each.command == command.id), None)

        if not self.listen(lambda: self.is_online and (until() or refusal()), CONFIRM_S):
            raise NotDone(
                f"the simulator has not answered within {CONFIRM_S:.0f} s: expected a running `cityhelm demo`, or the process "
                f"`cityhelm simulator`; the broker keeps the command for {name}, and the simulator takes it up when it starts"
            )
        if (reason := refusal()) is not None:
            raise NotDone(reason)

    @property
    def is_online(self) -> bool:
        return self.state is not None and self.state.state == DeviceState.ONLINE.value


@contextmanager
def _switchboard(broker: BrokerAddress) -> Iterator[_Switchboard]:
    """Connected, with what is retained. Raises BrokerUnreachable."""
    line = Line(broker, f"cityhelm-scenario-{secrets.token_hex(4)}", [COMMANDS, STATE_TOPIC], lambda: datetime.now(UTC))
    line.open()
    try:
        board = _Switchboard(line)
        board.listen(lambda: board.state, LISTEN_S)
        board.listen(lambda: False, LISTEN_S / 5)  # the commands, which may come after the state
        yield board
    finally:
        line.close()
