"""The floor: what the events of one hall's local day say is so, that is tickets with where they are, windows with who is there,
waits and services as they ended.

Events count in the order of their moments and, within one millisecond, of their ids, whatever the order in which they reach
us; one that comes twice changes nothing. Each is believed as far as it can be: what was lost before it is inferred (a ticket
that is called has arrived; whoever was at the window that starts the next is done with), and what cannot be (a second end) is
counted and changes nothing. A day has a book of its own: tickets and windows of the day before are not in it.

A wait lasts from the arrival, or a transfer, to the call (to the start where the call was lost), in seconds of the halls' own
clocks; time aside and the way to the window are not in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from operator import attrgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.halls import HallEvent, HallEventKind, WindowState


class Stage(Enum):
    """Where a ticket is."""

    WAITING = "waiting"
    CALLED = "called"
    SERVED = "served"
    ASIDE = "aside"
    GONE = "gone"


class Outcome(Enum):
    """How a ticket ended."""

    SERVED = "served"
    NO_SHOW = "no_show"
    ABANDONED = "abandoned"


class Day(NamedTuple):
    """A local day: its date, and [start, end) in UTC."""

    date: date
    start: datetime
    end: datetime


class Wait(NamedTuple):
    """A wait that ended with a call."""

    item: str
    since: datetime
    until: datetime

    @property
    def seconds(self) -> float:
        return (self.until - self.since).total_seconds()


class Service(NamedTuple):
    """A service whose start and end are both known; one that is parked or sent on is a service up to there."""

    item: str
    window_no: int | None
    since: datetime
    until: datetime

    @property
    def seconds(self) -> float:
        return (self.until - self.since).total_seconds()


class Rating(NamedTuple):
    """`grade` is 1 (very satisfied) to 5."""

    time: datetime
    grade: int
    item: str
    window_no: int | None
    clerk: str | None


@dataclass(slots=True, eq=False)
class Ticket:
    """A number drawn on this day. `since` is when its stage began, `waits_since` when its present wait did, `arrived` None where
    the arrival was lost; `is_presumed`: its end was not told but follows from what happened afterwards."""

    number: str
    item: str
    channel: str | None
    arrived: datetime | None
    stage: Stage
    since: datetime
    waits_since: datetime | None = None
    called: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    window_no: int | None = None
    clerk: str | None = None
    outcome: Outcome | None = None
    is_presumed: bool = False


@dataclass(slots=True, eq=False)
class Window:
    """A window that was heard of on this day. `is_presumed`: it works, though nobody said that it was opened. `open_spans` are
    the times when it was open and is no longer."""

    number: int
    state: WindowState
    since: datetime
    items: tuple[str, ...] = ()
    clerk: str | None = None
    is_presumed: bool = False
    called: Ticket | None = None
    serving: Ticket | None = None
    n_served: int = 0
    open_spans: list[tuple[datetime, datetime]] = field(default_factory=list)

    def open_s(self, start: datetime, end: datetime) -> float:
        """For how many seconds of [start, end) it was open."""
        spans = [*self.open_spans, (self.since, end)] if self.state is WindowState.OPEN else self.open_spans
        return sum(max(0.0, (min(until, end) - max(since, start)).total_seconds()) for since, until in spans)


UNKNOWN_ITEM = ""
"""What a ticket came for when no event of it said so."""

_STATE_AFTER = {
    HallEventKind.WINDOW_OPEN: WindowState.OPEN, HallEventKind.WINDOW_PAUSE: WindowState.PAUSED,
    HallEventKind.WINDOW_CLOSE: WindowState.CLOSED, HallEventKind.WINDOW_FAULT: WindowState.FAULT,
}  # fmt: skip
_OUTCOME_AFTER = {
    HallEventKind.END: Outcome.SERVED, HallEventKind.NO_SHOW: Outcome.NO_SHOW, HallEventKind.ABANDON: Outcome.ABANDONED,
}  # fmt: skip


class Floor:
    """A hall after some events of a day, which are heard in their order. `impossible` counts, by kind, those that changed
    nothing because they cannot be."""

    def __init__(self) -> None:
        self.tickets: dict[str, Ticket] = {}
        self.windows: dict[int, Window] = {}
        self.present: dict[str, Ticket] = {}
        """The tickets that are not gone."""
        self.arrivals: list[tuple[datetime, str | None]] = []
        """Of every ticket that was seen to arrive: when, and by which channel."""
        self.waits: list[Wait] = []
        self.services: list[Service] = []
        self.ratings: dict[str, Rating] = {}
        self.outcomes: Counter[Outcome] = Counter()
        self.impossible: Counter[HallEventKind] = Counter()
        self.n_transferred = 0
        self.newest: datetime | None = None

    def hear(self, event: HallEvent) -> None:
        """Takes the next event in."""
        self.newest = event.phenomenon_time
        state = _STATE_AFTER.get(event.event)
        if state is not None:
            self._window_is(event, state)
        elif event.ticket is not None and not _HEARD[event.event](self, event, event.ticket):
            self.impossible[event.event] += 1

    # Tickets: each returns whether the event can be

    def _arrive(self, event: HallEvent, number: str) -> bool:
        if number in self.tickets:
            return False
        at = event.phenomenon_time
        ticket = Ticket(number, event.item or UNKNOWN_ITEM, event.channel, at, Stage.WAITING, at, waits_since=at)
        self.tickets[number] = self.present[number] = ticket
        self.arrivals.append((at, event.channel))
        return True

    def _call(self, event: HallEvent, number: str) -> bool:
        ticket = self._callable(event, number)
        if ticket is None or (event.event is HallEventKind.RECALL and ticket.stage is Stage.SERVED):
            return False
        at = event.phenomenon_time
        window = self._working(event)
        if window is not None and window.called is not None and window.called is not ticket:
            self._presume(window.called, Outcome.NO_SHOW, at)
        self._wait_is_over(ticket, at)
        if ticket.stage is not Stage.CALLED or ticket.window_no != event.window_no:
            self._moves(ticket, Stage.CALLED, at)
            ticket.called = at
        self._comes_to(ticket, event, window)
        if window is not None:
            window.called = ticket
        return True

    def _start(self, event: HallEvent, number: str) -> bool:
        ticket = self._callable(event, number)
        if ticket is None:
            return False
        at = event.phenomenon_time
        window = self._working(event, default=ticket.window_no)
        if window is not None:
            for other, outcome in ((window.serving, Outcome.SERVED), (window.called, Outcome.NO_SHOW)):
                if other is not None and other is not ticket:
                    self._presume(other, outcome, at)
        self._wait_is_over(ticket, at)
        self._moves(ticket, Stage.SERVED, at)
        ticket.started = at
        self._comes_to(ticket, event, window)
        if window is not None:
            window.serving = ticket
        return True

    def _end(self, event: HallEvent, number: str) -> bool:
        """Served, called without coming, or gone before that."""
        ticket = self._open(event, number)
        if ticket is None:
            return False
        at, outcome = event.phenomenon_time, _OUTCOME_AFTER[event.event]
        self._service_is_over(ticket, at)
        self._moves(ticket, ticket.stage, at)
        if outcome is Outcome.SERVED:
            ticket.clerk, ticket.item = event.clerk or ticket.clerk, ticket.item or event.item or UNKNOWN_ITEM
            ticket.window_no = event.window_no if event.window_no is not None else ticket.window_no
        self._goes(ticket, outcome, at)
        return True

    def _transfer(self, event: HallEvent, number: str) -> bool:
        ticket = self._open(event, number)
        if ticket is None:
            return False
        at = event.phenomenon_time
        self._service_is_over(ticket, at)
        self._moves(ticket, Stage.WAITING, at)
        ticket.item, ticket.waits_since = event.to_item or ticket.item, at
        self.n_transferred += 1
        return True

    def _park(self, event: HallEvent, number: str) -> bool:
        ticket = self._open(event, number)
        if ticket is None or ticket.stage is Stage.ASIDE:
            return False
        self._service_is_over(ticket, event.phenomenon_time)
        ticket.waits_since = None
        self._moves(ticket, Stage.ASIDE, event.phenomenon_time)
        return True

    def _rate(self, event: HallEvent, number: str) -> bool:
        if event.grade is None or number in self.ratings:
            return False
        ticket = self.tickets.get(number)
        item = event.item or (ticket.item if ticket else UNKNOWN_ITEM)
        window_no = event.window_no if event.window_no is not None else ticket.window_no if ticket else None
        self.ratings[number] = Rating(event.phenomenon_time, event.grade, item, window_no, event.clerk)
        return True

    def _open(self, event: HallEvent, number: str) -> Ticket | None:
        """The ticket, if it can still be somewhere; made where what came before was lost."""
        ticket = self.tickets.get(number)
        if ticket is None:
            at = event.phenomenon_time
            ticket = Ticket(number, event.item or UNKNOWN_ITEM, event.channel, None, Stage.WAITING, at)
            self.tickets[number] = self.present[number] = ticket
        elif ticket.stage is Stage.GONE and not ticket.is_presumed:
            return None
        return ticket

    def _callable(self, event: HallEvent, number: str) -> Ticket | None:
        """The ticket, if it can be called or served: who missed his call, or was thought to have left, may still turn up; who is
        served at this window is there already."""
        ticket = self.tickets.get(number)
        if ticket is None or ticket.stage is not Stage.GONE:
            ticket = self._open(event, number)
            is_there = ticket is not None and ticket.stage is Stage.SERVED and event.window_no in (None, ticket.window_no)
            return None if is_there else ticket
        return ticket if ticket.is_presumed or ticket.outcome is not Outcome.SERVED else None

    def _moves(self, ticket: Ticket, stage: Stage, at: datetime) -> None:
        """Takes a ticket away from its window and back from where it was thought to be gone."""
        self._leaves(ticket)
        if ticket.stage is Stage.GONE:
            self._comes_back(ticket)
        ticket.stage, ticket.since = stage, at

    def _goes(self, ticket: Ticket, outcome: Outcome, at: datetime) -> None:
        self._leaves(ticket)
        del self.present[ticket.number]
        ticket.stage, ticket.since, ticket.ended, ticket.outcome, ticket.waits_since = Stage.GONE, at, at, outcome, None
        self._count(ticket, 1)

    def _comes_back(self, ticket: Ticket) -> None:
        self._count(ticket, -1)
        ticket.outcome, ticket.ended, ticket.is_presumed = None, None, False
        self.present[ticket.number] = ticket

    def _count(self, ticket: Ticket, by: int) -> None:
        if ticket.outcome is not None:
            self.outcomes[ticket.outcome] += by
        window = self._window_of(ticket)
        if window is not None and ticket.outcome is Outcome.SERVED:
            window.n_served += by

    def _presume(self, ticket: Ticket, outcome: Outcome, at: datetime) -> None:
        """Somebody whose end was lost is done with; for how long he was served is not known."""
        self._goes(ticket, outcome, at)
        ticket.ended, ticket.is_presumed = None, True

    def _leaves(self, ticket: Ticket) -> None:
        window = self._window_of(ticket)
        if window is not None:
            window.called = None if window.called is ticket else window.called
            window.serving = None if window.serving is ticket else window.serving

    def _comes_to(self, ticket: Ticket, event: HallEvent, window: Window | None) -> None:
        ticket.window_no = window.number if window is not None else None
        ticket.clerk = event.clerk or (window.clerk if window is not None else None)
        ticket.item = ticket.item or event.item or UNKNOWN_ITEM

    def _wait_is_over(self, ticket: Ticket, at: datetime) -> None:
        if ticket.waits_since is not None:
            self.waits.append(Wait(ticket.item, ticket.waits_since, at))
            ticket.waits_since = None

    def _service_is_over(self, ticket: Ticket, at: datetime) -> None:
        if ticket.stage is Stage.SERVED and ticket.started is not None:
            self.services.append(Service(ticket.item, ticket.window_no, ticket.started, at))

    # Windows

    def _window_is(self, event: HallEvent, state: WindowState) -> None:
        """A window said what it is. Whoever is still there when it stops was done with before, except at a fault."""
        if event.window_no is None:
            return
        at = event.phenomenon_time
        window = self.windows.get(event.window_no)
        if window is None:
            window = self.windows[event.window_no] = Window(event.window_no, state, at)
        elif window.state is not state:
            self._turn(window, state, at)
        window.is_presumed = False
        if state is WindowState.OPEN:
            window.items, window.clerk = event.items or window.items, event.clerk or window.clerk
            return
        if state is WindowState.CLOSED:
            window.clerk = None
        for ticket, outcome in ((window.serving, Outcome.SERVED), (window.called, Outcome.NO_SHOW)):
            if ticket is not None and state is WindowState.FAULT:
                self._service_is_over(ticket, at)
                self._moves(ticket, Stage.ASIDE, at)
            elif ticket is not None:
                self._presume(ticket, outcome, at)

    def _working(self, event: HallEvent, default: int | None = None) -> Window | None:
        """The window at which somebody is called or served: it is open, whatever was heard of it before."""
        number = event.window_no if event.window_no is not None else default
        if number is None:
            return None
        at = event.phenomenon_time
        window = self.windows.get(number)
        if window is None:
            window = self.windows[number] = Window(number, WindowState.OPEN, at, is_presumed=True)
        elif window.state is not WindowState.OPEN:
            self._turn(window, WindowState.OPEN, at)
            window.is_presumed = True
        window.clerk = event.clerk or window.clerk
        return window

    def _window_of(self, ticket: Ticket) -> Window | None:
        return self.windows.get(ticket.window_no) if ticket.window_no is not None else None

    @staticmethod
    def _turn(window: Window, state: WindowState, at: datetime) -> None:
        if window.state is WindowState.OPEN:
            window.open_spans.append((window.since, at))
        window.state, window.since = state, at


_HEARD: dict[HallEventKind, Callable[[Floor, HallEvent, str], bool]] = {
    HallEventKind.ARRIVE: Floor._arrive, HallEventKind.CALL: Floor._call, HallEventKind.RECALL: Floor._call,
    HallEventKind.START: Floor._start, HallEventKind.END: Floor._end, HallEventKind.NO_SHOW: Floor._end,
    HallEventKind.ABANDON: Floor._end, HallEventKind.TRANSFER: Floor._transfer, HallEventKind.PARK: Floor._park,
    HallEventKind.RATING: Floor._rate,
}  # fmt: skip

_IN_ORDER = attrgetter("phenomenon_time", "event_id")


class Book:
    """The events of one hall on one day, and the floor after them. A late one has the day folded anew."""

    def __init__(self, events: Iterable[HallEvent] = ()) -> None:
        self.floor = Floor()
        self._events: list[HallEvent] = []
        self._known: set[tuple[datetime, str]] = set()
        self.take(events)

    def __len__(self) -> int:
        """How many different events it holds."""
        return len(self._events)

    @property
    def events(self) -> Sequence[HallEvent]:
        """In their order."""
        return self._events

    def take(self, events: Iterable[HallEvent]) -> bool:
        """Takes events in, in whatever order and however often they come. Returns whether the day had to be folded anew."""
        new = []
        for event in events:
            key = (event.phenomenon_time, event.event_id)
            if key not in self._known:
                self._known.add(key)
                new.append(event)
        if not new:
            return False
        new.sort(key=_IN_ORDER)
        is_late = bool(self._events) and _IN_ORDER(new[0]) < _IN_ORDER(self._events[-1])
        self._events += new
        if is_late:
            self._events.sort(key=_IN_ORDER)
            self.floor = Floor()
        for event in self._events if is_late else new:
            self.floor.hear(event)
        return is_late


def local_day(now: datetime, zone: ZoneInfo) -> Day:
    """The local day that holds `now`."""
    return day_of(now.astimezone(zone).date(), zone)


def day_of(day: date, zone: ZoneInfo) -> Day:
    """A local date as [midnight, next midnight)."""
    start, end = (datetime(d.year, d.month, d.day, tzinfo=zone) for d in (day, day + timedelta(days=1)))
    return Day(day, start.astimezone(UTC), end.astimezone(UTC))
