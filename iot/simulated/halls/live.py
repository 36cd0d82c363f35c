"""Halls, live and in the past: what the queue systems and kiosks of a city's halls say, from one moment to the next.

A day of a hall is a function of seed, hall, local date and scenes. The live halls run the day on which they are switched on
silently up to that moment, so that they go on where the history ended; commands given before are forgotten, and `roll_call` says
what the windows are then. From Monday on they count the paper of the kiosks in the same way, without scenes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from math import ceil, floor
from operator import itemgetter

import msgspec
import numpy as np
from msgspec import Struct

from domain.halls import HallEventKind, WindowAnswer, WindowState
from domain.observations import Quality
from domain.sensors import PROPERTIES, DeviceState, SensorKind
from gis_data.city import City
from iot.payloads import Ack, Birth, BirthProperty, Event, State, Telemetry
from iot.scenarios import Scene
from iot.simulated.chance import key, uniform
from iot.simulated.halls.floor import Floor, Spoken
from iot.simulated.halls.kiosks import EVERY_S, Kiosks
from iot.simulated.halls.staff import HOUR_MS, MINUTE_MS, Hall, halls_of, rota
from iot.simulated.halls.visitors import Visitors, is_dark
from iot.simulated.weather import Weather

HEARTBEAT_S = 3_600
"""A queue speaks when something happens; in between it says once an hour that it is there."""

COMMANDS_REMEMBERED = 200

HISTORY_STEP_S = 900.0
"""So much of the past is told at a time, lest the garbage collector look through a whole day of events again and again."""

_SIMULATED, _ONLINE = Quality.SIMULATED.value, DeviceState.ONLINE.value

Said = tuple[str, str, Struct, bool]
"""Device id, kind of message, what it says, whether the broker keeps it."""


class WindowCommand(Struct, kw_only=True):
    """A command to a window as a hall hears it. Without `items` an open window keeps those it has."""

    id: str
    cmd: str
    window: int
    state: str
    items: list[str] = []


def decode_command(payload: bytes) -> WindowCommand:
    """Raises msgspec.DecodeError for what is no command."""
    return msgspec.json.decode(payload, type=WindowCommand)


def births(halls: Sequence[Hall], at: datetime) -> Iterator[tuple[str, Birth]]:
    """Device ids and births of queues and kiosks."""
    for hall in halls:
        yield hall.device_id, Birth(
            id="birth", ts=at, type=SensorKind.HALL.type_name, mode="on_change", interval_s=HEARTBEAT_S,
            position=(hall.lon, hall.lat), name_zh=hall.name_zh, name_en=hall.name_en, capabilities=list(hall.items),
        )  # fmt: skip
        properties = {
            name: BirthProperty(PROPERTIES[name].unit, PROPERTIES[name].low, PROPERTIES[name].high)
            for name in SensorKind.KIOSK.properties
        }
        for number, device_id in enumerate(hall.kiosk_ids, 1):
            yield device_id, Birth(
                id="birth", ts=at, type=SensorKind.KIOSK.type_name, interval_s=EVERY_S, position=(hall.lon, hall.lat),
                properties=properties, name_zh=f"{hall.name_zh}自助终端{number}", name_en=f"{hall.name_en} kiosk {number}",
            )  # fmt: skip


class LiveHalls:
    """The halls of a city, switched on at `started_s` (seconds since 1970 UTC)."""

    def __init__(self, city: City, weather: Weather, seed: int, started_s: float) -> None:
        self.halls = halls_of(city, seed)
        self._lines = [_HallLine(hall, weather, seed, started_s) for hall in self.halls]

    def advance(self, now_s: float, scenes: Sequence[Scene], commands: Mapping[str, Sequence[WindowCommand]]) -> list[Said]:
        """Everything said after the last call up to and including `now_s` (at first: from `started_s` on), in the order of its
        moments, answers last. `commands`, by device id, are obeyed at `now_s`."""
        spoken = _told(self._lines, now_s, scenes)
        said: list[Said] = [(device_id, kind, payload, kind == "state") for _, device_id, kind, payload in spoken]
        for line in self._lines:
            for command in commands.get(line.hall.device_id, ()):
                said += ((line.hall.device_id, kind, payload, False) for kind, payload in line.obey(command))
        return said

    def roll_call(self, district_code: str) -> list[Said]:
        """What every window of a district is after the last call, for whoever has missed something; closed while its hall is."""
        here = (line for line in self._lines if line.hall.district_code == district_code)
        return [(line.hall.device_id, "event", event, False) for line in here for event in line.states()]


Printed = dict[tuple[str, date], list[int]]
"""Tickets that each kiosk of a hall printed on a day."""


def history(
    city: City, weather: Weather, seed: int, start: datetime, end: datetime, printed: Printed | None = None
) -> Iterator[Spoken]:
    """What halls and kiosks said in [start, end), in the order of its moments: moment (s), device id, kind of message, what it
    says. Live halls that are switched on at `end` go on from there. `printed` is what an earlier call has found out of the same
    city: whoever asks for day after day hands it on, since a day begins with what was printed since Monday."""
    known = {} if printed is None else printed
    lines = [_HallLine(hall, weather, seed, start.timestamp(), printed=known) for hall in halls_of(city, seed)]
    until_s, end_s = start.timestamp(), end.timestamp()
    while until_s < end_s:
        until_s = min(until_s + HISTORY_STEP_S, end_s)
        yield from _told(lines, until_s - 0.001, ())


def _told(lines: Sequence[_HallLine], now_s: float, scenes: Sequence[Scene]) -> list[Spoken]:
    said: list[Spoken] = []
    for line in lines:
        line.advance(now_s, scenes, said)
    said.sort(key=itemgetter(0))
    return said


class _HallLine:
    """One hall through the days: its present day, how far it has been told, and the commands it knows. In the past no scenes
    can come, so that a day's visitors are drawn at once, which is faster; `printed` is given for the past alone."""

    def __init__(self, hall: Hall, weather: Weather, seed: int, started_s: float, *, printed: Printed | None = None) -> None:
        self.hall, self._weather, self._seed = hall, weather, seed
        self._is_past, self._printed = printed is not None, {} if printed is None else printed
        self._answers: dict[str, str] = {}
        self._beats = [
            (name, every_s, int(every_s * float(uniform(key("beat", name), 0))))
            for name, every_s in ((hall.device_id, HEARTBEAT_S), *((kiosk_id, EVERY_S) for kiosk_id in hall.kiosk_ids))
        ]
        # Everything happens at whole milliseconds, the last of them before the start counts as said.
        self._said_ms = ceil(round(started_s * 1000, 3)) - 1
        today = datetime.fromtimestamp(started_s, hall.zone).date()
        self._day = self._begun(today, self._used_since_monday(today))
        self._day.advance(self._said_ms, ())

    def advance(self, now_s: float, scenes: Sequence[Scene], said: list[Spoken]) -> None:
        """Adds to `said` what the hall says up to `now_s`: each day's events, then its beats."""
        now_ms = floor(round(now_s * 1000, 3))
        while self._said_ms < now_ms:
            day, until_ms = self._day, min(now_ms, self._day.end_ms - 1)
            said += day.advance(until_ms, scenes)
            said += self._beaten(self._said_ms // 1000 + 1, until_ms // 1000 + 1, scenes)
            self._said_ms = until_ms
            if until_ms == day.end_ms - 1:
                tomorrow = day.date + timedelta(days=1)
                self._day = self._begun(tomorrow, None if tomorrow.weekday() == 0 else day.kiosks.used)

    def obey(self, command: WindowCommand) -> Iterator[tuple[str, Struct]]:
        """The answer to a command, for one that is known that of then, and what follows from it at once."""
        answer = self._answers.get(command.id)
        is_known = answer is not None
        if answer is None:
            answer = self._day.obey(self._said_ms, command).value
            self._answers[command.id] = answer
            if len(self._answers) > COMMANDS_REMEMBERED:
                del self._answers[next(iter(self._answers))]
        yield "ack", Ack(id=f"ack-{command.id}-{self._said_ms}", ts=_time(self._said_ms), ack=command.id, result=answer)
        if not is_known:
            yield from ((kind, payload) for _, _, kind, payload in self._day.advance(self._said_ms, ()))

    def states(self) -> list[Event]:
        return self._day.states(self._said_ms)

    def _beaten(self, first_s: int, end_s: int, scenes: Sequence[Scene]) -> Iterator[Spoken]:
        """Heartbeats of the queue and readings of the kiosks at the whole seconds [first, end); none without power."""
        hall, kiosks, origin_ms = self.hall, self._day.kiosks, self._day.origin_ms
        for k, (name, every_s, phase_s) in enumerate(self._beats, -1):
            for second in range(first_s + (phase_s - first_s) % every_s, end_s, every_s):
                if scenes and is_dark(hall, second, scenes):
                    continue
                at, seq = datetime.fromtimestamp(second, UTC), second // every_s
                if k < 0:
                    yield second, name, "state", State(id=f"b{seq:x}", ts=at, state=_ONLINE)
                    continue
                paper, is_working = kiosks.read(k, 1000 * second - origin_ms)
                values = {"paperLevel": paper, "isWorking": is_working}
                yield second, name, "telemetry", Telemetry(id=f"{seq:x}", ts=at, seq=seq, values=values, q=_SIMULATED)

    def _used_since_monday(self, today: date) -> list[int]:
        days = [self._printed_on(today - timedelta(days=back)) for back in range(today.weekday(), 0, -1)]
        return [sum(each) for each in zip(*days, strict=True)] or [0] * len(self.hall.kiosk_ids)

    def _printed_on(self, date_: date) -> list[int]:
        known = self._printed.get((self.hall.hall_id, date_))
        if known is None:
            known = printed_on(self.hall, date_, self._weather, self._seed)
            self._printed[self.hall.hall_id, date_] = known
        return known

    def _begun(self, date_: date, used: Sequence[int] | None) -> _Day:
        day = _Day(self.hall, date_, used or [0] * len(self.hall.kiosk_ids), self._weather, self._seed)
        if self._is_past:
            day.admit_until(day.end_ms, ())
        return day


def printed_on(hall: Hall, day: date, weather: Weather, seed: int) -> list[int]:
    """Tickets that each kiosk printed on a day without scenes: of the visitors, without the floor on which they wait."""
    kiosks, hours = Kiosks(hall, day, [0] * len(hall.kiosk_ids)), hall.hours(day)
    if hours is not None:
        origin_ms, end_ms = (_midnight_ms(hall, day + timedelta(days=k)) for k in (0, 1))
        visitors = Visitors(hall, day, hours, origin_ms / 1000, weather, seed)
        kiosks.issue(visitors.between(0, (end_ms - origin_ms) // MINUTE_MS + 1, ()))
    return kiosks.used


class _Day:
    """One hall on one local date, closed or open. Moments in milliseconds since 1970 UTC; `end_ms` is the next midnight."""

    def __init__(self, hall: Hall, day: date, used: Sequence[int], weather: Weather, seed: int) -> None:
        self.date = day
        self.origin_ms, self.end_ms = (_midnight_ms(hall, day + timedelta(days=k)) for k in (0, 1))
        self.kiosks = Kiosks(hall, day, used)
        self._hall, self._hours = hall, hall.hours(day)
        self._admitted_min, self._was_dark = 0, False
        if self._hours is None:
            return
        self._visitors = Visitors(hall, day, self._hours, self.origin_ms / 1000, weather, seed)
        duties, reserve = rota(hall, day, self._hours)
        self._floor = Floor(
            hall.device_id, self.origin_ms, self._hours, hall.n_windows, hall.items, duties, reserve, day=day.strftime("%y%m%d")
        )

    def advance(self, until_ms: int, scenes: Sequence[Scene]) -> list[Spoken]:
        """Events up to and including a moment."""
        if self._hours is None:
            return []
        self.admit_until(until_ms, scenes)
        return self._floor.advance(until_ms - self.origin_ms)

    def admit_until(self, until_ms: int, scenes: Sequence[Scene]) -> None:
        """Lets in those who come in the minutes up to that of a moment. What scenes do in a minute is settled as it begins."""
        first, end = self._admitted_min, (until_ms - self.origin_ms) // MINUTE_MS + 1
        if self._hours is None or end <= first:
            return
        self._admitted_min = end
        tickets = self._visitors.between(first, end, scenes)
        self.kiosks.issue(tickets)
        self._floor.expect(tickets)
        if scenes or self._was_dark:
            minutes = range(first, end)
            dark = is_dark(self._hall, self.origin_ms / 1000 + 60.0 * np.array(minutes), scenes).tolist()
            for minute, before, now in zip(minutes, (self._was_dark, *dark), dark, strict=False):
                if now != before:
                    self._floor.darken(minute * MINUTE_MS, now)
            self._was_dark = dark[-1]

    def obey(self, at_ms: int, command: WindowCommand) -> WindowAnswer:
        wanted = WindowState.known(command.state)
        if command.cmd != "window":
            return WindowAnswer.NO_SUCH_COMMAND
        if wanted is None:
            return WindowAnswer.NO_SUCH_STATE
        if not 1 <= command.window <= self._hall.n_windows:
            return WindowAnswer.NO_SUCH_WINDOW
        if self._hours is None:
            return WindowAnswer.HALL_CLOSED
        return self._floor.obey(at_ms - self.origin_ms, command.window, wanted, command.items)

    def states(self, at_ms: int) -> list[Event]:
        if self._hours is None:
            at = _time(at_ms)
            return [
                Event(id=f"w{number}-{at_ms}", ts=at, event=HallEventKind.WINDOW_CLOSE.value, window=number)
                for number in range(1, self._hall.n_windows + 1)
            ]
        return self._floor.states(at_ms - self.origin_ms)


def _midnight_ms(hall: Hall, day: date) -> int:
    """Twelve hours before noon: midnight, except on the two days on which clocks are changed, when it keeps the hall's hours."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=hall.zone)
    return round(noon.timestamp() * 1000) - 12 * HOUR_MS


def _time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
