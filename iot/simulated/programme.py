"""The programme: which scenes there are now, from the background and from the scenarios that somebody has started.

It is told commands and times and keeps what was wanted; what it is told twice it does once. Scenes of a scenario that was stopped
stay until their last effect has died.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gis_data.city import City
from iot.control import Effect, Refusal, Running, ScenarioCommand
from iot.scenarios import Scene, demonstration, stopped
from iot.scenarios.catalogue import Value, get_scenario
from iot.simulated.weather import Weather

PLANNED_AHEAD_S = 3_600.0
REFUSALS_KEPT = 10

Outlook = Callable[[Sequence[Scene]], list[Effect]]
"""What scenes are expected to do."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A command and what came of it: the scenes as planned, and as they are when a stop is counted in."""

    command: ScenarioCommand
    settings: Mapping[str, Value]
    planned: tuple[Scene, ...]
    scenes: tuple[Scene, ...]
    effects: list[Effect]

    @property
    def ends_s(self) -> float:
        """When its causes end."""
        last_s = self.command.start.timestamp() + 60 * float(self.settings["lasts_min"])
        return last_s if self.command.stop is None else min(last_s, self.command.stop.timestamp())

    @property
    def settled_s(self) -> float:
        """When its last effect has died."""
        return max((scene.end_s for scene in self.scenes), default=self.ends_s)


class Programme:
    """The scenes of a city switched on at `started_s`, with a background at its air stations (lon, lat)."""

    def __init__(
        self, city: City, weather: Weather, started_s: float, stations: Sequence[tuple[float, float]], outlook: Outlook
    ) -> None:
        self._city, self._weather, self._outlook = city, weather, outlook
        self._stations, self._started_s = stations, started_s
        self._background: list[Scene] = []
        self._planned_until_s = started_s
        self._runs: dict[str, _Run] = {}
        self._former: list[Scene] = []
        self._refusals: list[Refusal] = []

    def scenes(self, now_s: float) -> list[Scene]:
        """Everything that has begun and still has an effect."""
        if now_s >= self._planned_until_s:
            self._planned_until_s = now_s + PLANNED_AHEAD_S
            planned = demonstration(
                self._stations, self._weather, seed=self._weather.seed, started_s=self._started_s, until_s=self._planned_until_s
            )
            self._background = [scene for scene in planned if scene.end_s > now_s]
            self._former = [scene for scene in self._former if scene.end_s > now_s]
        scenes = [*self._background, *self._former, *(scene for run in self._runs.values() for scene in run.scenes)]
        return [scene for scene in scenes if scene.start_s <= now_s < scene.end_s]

    def hear(self, name: str, command: ScenarioCommand, now_s: float) -> ScenarioCommand | None:
        """Takes a command for a scenario; returns the one that stands now, which is another or None when this was refused or is
        over."""
        run = self._runs.get(name)
        try:
            if run is not None and run.command.id == command.id:
                self._runs[name] = self._stopped(run, command)
            elif run is not None and now_s < run.ends_s:
                self._refuse(name, command, f"{name} has been running since {self._local(run.command.start)}: stop it first")
            else:
                self._runs[name] = self._planned(name, command)
                self._former += run.scenes if run is not None else ()
        except ValueError as fault:
            self._refuse(name, command, str(fault))
        self.settle(now_s)
        return self._runs[name].command if name in self._runs else None

    def settle(self, now_s: float) -> list[str]:
        """Forgets the scenarios whose last effect has died; returns their names."""
        over = [name for name, run in self._runs.items() if now_s >= run.settled_s]
        for name in over:
            del self._runs[name]
        return over

    def running(self) -> list[Running]:
        """The scenarios that have begun or will, with what is expected of them."""
        return [
            Running(
                name=name, zh=get_scenario(name).zh, en=get_scenario(name).en, command=run.command.id, start=run.command.start,
                ends=_time(run.ends_s), settled=_time(run.settled_s), stopped=run.command.stop, settings=dict(run.settings),
                effects=run.effects,
            )
            for name, run in self._runs.items()
        ]  # fmt: skip

    def refusals(self) -> list[Refusal]:
        """The last commands that were refused."""
        return list(self._refusals)

    def _planned(self, name: str, command: ScenarioCommand) -> _Run:
        scenario, seed, start_s = get_scenario(name), self._weather.seed, command.start.timestamp()
        settings = scenario.settings(self._city, seed, command.settings)
        planned = scenario.plan(self._city, self._weather, seed, start_s, **settings)
        begun = ScenarioCommand(id=command.id, ts=command.ts, start=command.start, settings=command.settings)
        run = _Run(begun, settings, planned, planned, self._outlook(planned))
        return self._stopped(run, command)

    def _stopped(self, run: _Run, command: ScenarioCommand) -> _Run:
        """A run with the stop of a command; one that it has already stays, since what has ended cannot go on."""
        if command.stop is None or run.command.stop is not None:
            return run
        stop_s = command.stop.timestamp()
        scenes = tuple(left for scene in run.planned if (left := stopped(scene, stop_s)) is not None)
        return _Run(command, run.settings, run.planned, scenes, self._outlook(scenes))

    def _refuse(self, name: str, command: ScenarioCommand, reason: str) -> None:
        refusal = Refusal(command=command.id, name=name, reason=reason)
        self._refusals = [*(known for known in self._refusals if known.command != command.id), refusal][-REFUSALS_KEPT:]

    def _local(self, at: datetime) -> str:
        return at.astimezone(self._weather.zone).strftime("%H:%M")


def _time(now_s: float) -> datetime:
    return datetime.fromtimestamp(round(now_s, 3), UTC)
