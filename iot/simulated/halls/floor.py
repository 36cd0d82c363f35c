"""The floor: one hall on one day as an event simulation, from the ticket to the end of the service.

A heap of timers and a row of arrivals, taken in the order of their moments (milliseconds since the hall's local midnight).
Nothing is drawn here: what a visitor does is written on his ticket beforehand, what a window does in its duty, so that the same
tickets and duties give the same day whether it is run at once or second by second.

A free window takes whoever came first among those who wait for its items, with a head start for appointments; a visitor who
finds several free windows goes to the one that does the fewest items, so that the others stay free for the rest, and among
those to the one that has been free for longest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from heapq import heappop, heappush
from typing import Any

from msgspec import Struct

from domain.halls import HallEventKind, TicketChannel, WindowAnswer, WindowState
from iot.payloads import Event
from iot.simulated.halls.staff import MINUTE_MS, Clerk, Duty, Hours

Spoken = tuple[float, str, str, Struct]
"""Moment (seconds since 1970 UTC), device id, kind of message, what it says."""

NEVER_MS = 1 << 60
FIRST_EVENT = 10_000
"""Numbers of events have five digits, so that they sort as text."""

SENT_HOME_AFTER_MS = 120 * MINUTE_MS
"""Whoever still waits so long after the last ticket has nobody to wait for, and is sent home."""

GRADES = (0.86, 0.97, 0.988, 0.995)
"""Shares of those who rate and were served at once who give grade 1, at most 2, 3, 4."""

PATIENT_FOR_MS = 20 * MINUTE_MS
"""After waiting for so long twice as many are less than content, after twice as long three times as many."""


class Stage(Enum):
    """Where a visitor is; `COMING` until he takes his ticket."""

    COMING = "coming"
    WAITING = "waiting"
    CALLED = "called"
    SERVED = "served"
    ASIDE = "aside"
    GONE = "gone"


_WAITING, _CALLED, _SERVED, _ASIDE, _GONE = Stage.WAITING, Stage.CALLED, Stage.SERVED, Stage.ASIDE, Stage.GONE
_OPEN, _PAUSED, _CLOSED, _FAULT = WindowState.OPEN, WindowState.PAUSED, WindowState.CLOSED, WindowState.FAULT
_ARRIVE, _CALL, _RECALL, _START, _END, _NO_SHOW, _TRANSFER, _PARK, _ABANDON, _RATING = (
    kind.value for kind in (
        HallEventKind.ARRIVE, HallEventKind.CALL, HallEventKind.RECALL, HallEventKind.START, HallEventKind.END,
        HallEventKind.NO_SHOW, HallEventKind.TRANSFER, HallEventKind.PARK, HallEventKind.ABANDON, HallEventKind.RATING,
    )
)  # fmt: skip
_SAID_OF = {
    _OPEN: HallEventKind.WINDOW_OPEN.value, _PAUSED: HallEventKind.WINDOW_PAUSE.value,
    _CLOSED: HallEventKind.WINDOW_CLOSE.value, _FAULT: HallEventKind.WINDOW_FAULT.value,
}  # fmt: skip


@dataclass(slots=True, eq=False)
class Ticket:
    """A visitor: what he came for and what he will do.

    He leaves when he has waited for `patience_ms`, and says so unless he `leaves_silently`; comes after `unheard` calls that he
    misses, `walk_ms` after the one he hears; is parked for `aside_ms` once `aside_share` of the service is done (0: never); is
    sent on to `to_item`, which takes `then_ms`; and rates `rates_after_ms` after the end (0: not), the less kindly the larger
    `mood` (0-1) is.
    """

    arrives_ms: int
    item: str
    channel: str
    letter: str
    service_ms: int
    patience_ms: int = NEVER_MS
    leaves_silently: bool = False
    unheard: int = 0
    walk_ms: int = 0
    aside_share: float = 0.0
    aside_ms: int = 0
    to_item: str | None = None
    then_ms: int = 0
    rates_after_ms: int = 0
    mood: float = 0.0
    number: str = ""
    stage: Stage = Stage.COMING
    waited_ms: int = -1
    """Until the first call; negative before it."""


@dataclass(slots=True, eq=False)
class Window:
    """A window: what it is (`state`) and what it shall be when its present customer is done with (`wanted`).

    `visit` numbers its customers, so that a timer for one who was interrupted means nothing any more. From a command on
    (`is_commanded`) its roster no longer counts.
    """

    number: int
    clerk: Clerk | None = None
    items: tuple[str, ...] = ()
    offers: frozenset[str] = frozenset()
    state: WindowState = _CLOSED
    wanted: WindowState = _CLOSED
    is_broken: bool = False
    is_busy: bool = False
    ticket: Ticket | None = None
    visit: int = 0
    ends_ms: int = 0
    break_ms: int = 0
    is_commanded: bool = False


@dataclass(frozen=True, slots=True)
class Manners:
    """How customers are called: after a service the desk is cleared for `turnaround_ms`; who does not come is called again every
    `recall_after_ms`, `recalls` times, and is then passed over; an appointment counts as if made `head_start_ms` earlier."""

    turnaround_ms: int = 12_000
    recall_after_ms: int = 40_000
    recalls: int = 2
    head_start_ms: int = 20 * MINUTE_MS


@dataclass(slots=True, eq=False)
class Floor:
    """One hall on one day that it is open. `speaker` is the device that tells of it, `origin_ms` the local midnight (since 1970
    UTC) that its moments count from; `n_windows` are all windows, in the roster or not, `offered` the hall's items, `reserve` the
    clerks who can be called to a window; `day` begins the ids of events, so that they differ from those of other days."""

    speaker: str
    origin_ms: int
    hours: Hours
    n_windows: int
    offered: Sequence[str]
    duties: Sequence[Duty]
    reserve: list[Clerk] = field(default_factory=list)
    manners: Manners = Manners()
    day: str = ""
    windows: list[Window] = field(init=False)
    is_dark: bool = field(default=False, init=False)
    is_closing: bool = field(default=False, init=False)
    _timers: list[tuple[int, int, Callable[..., None], Any, Any]] = field(default_factory=list, init=False)
    _order: int = field(default=0, init=False)
    _coming: deque[Ticket] = field(default_factory=deque, init=False)
    _waiting: dict[str, list[tuple[int, int, Ticket]]] = field(init=False)
    _aside: dict[str, int] = field(init=False)
    _free: list[Window] = field(default_factory=list, init=False)
    _issued: dict[str, int] = field(default_factory=dict, init=False)
    _said: list[Spoken] = field(default_factory=list, init=False)
    _n_said: int = field(default=FIRST_EVENT, init=False)

    def __post_init__(self) -> None:
        self.windows = [Window(number) for number in range(1, self.n_windows + 1)]
        self._waiting = {item: [] for item in self.offered}
        self._aside = dict.fromkeys(self.offered, 0)
        for duty in self.duties:
            window = self.windows[duty.window - 1]
            window.clerk, window.items, window.offers = duty.clerk, duty.items, frozenset(duty.items)
            for since_ms, until_ms in duty.spans:
                self._at(since_ms, self._on_duty, window)
                if until_ms < self.hours.closes_ms:
                    self._at(until_ms, self._off_duty, window)
            for at_ms, lasts_ms in duty.breaks:
                self._at(at_ms, self._break, window, lasts_ms)
            for at_ms, lasts_ms in duty.faults:
                self._at(at_ms, self._fail, window, lasts_ms)
        self._at(self.hours.closes_ms, self._last_ticket)
        self._at(self.hours.closes_ms + SENT_HOME_AFTER_MS, self._send_home)

    def expect(self, tickets: Iterable[Ticket]) -> None:
        """Visitors who will come, in the order of their arrival and after those expected before."""
        self._coming += tickets

    def darken(self, at_ms: int, is_dark: bool) -> None:
        """The power goes, or comes back, at a moment not yet passed."""
        self._at(at_ms, self._power, is_dark)

    def advance(self, until_ms: int) -> list[Spoken]:
        """Runs up to and including a moment; what was said since the last call, in order."""
        timers, coming = self._timers, self._coming
        while True:
            due_ms = timers[0][0] if timers else NEVER_MS
            if coming and coming[0].arrives_ms <= due_ms:
                if coming[0].arrives_ms > until_ms:
                    break
                ticket = coming.popleft()
                self._arrive(ticket.arrives_ms, ticket)
            elif due_ms <= until_ms:
                at_ms, _, action, of, more = heappop(timers)
                action(at_ms, of, more)
            else:
                break
        said, self._said = self._said, []
        return said

    def obey(self, at_ms: int, number: int, wanted: WindowState, items: Sequence[str]) -> WindowAnswer:
        """Does at `at_ms`, up to which the day has been run, what a command asks of a window, or says why not. Without items an
        open window keeps its own, and another does what its clerk can."""
        if not 1 <= number <= len(self.windows):
            return WindowAnswer.NO_SUCH_WINDOW
        if not set(items) <= self._waiting.keys():
            return WindowAnswer.NOT_OFFERED
        if not self.hours.doors_ms <= at_ms or self.is_closing:
            return WindowAnswer.HALL_CLOSED
        window = self.windows[number - 1]
        if wanted is _OPEN:
            answer = self._staff(at_ms, window, tuple(items))
        elif wanted is _PAUSED and window.state is _CLOSED:
            answer = WindowAnswer.WINDOW_CLOSED
        else:
            answer = WindowAnswer.ACCEPTED if wanted in (_PAUSED, _CLOSED) else WindowAnswer.NO_SUCH_STATE
        if answer is WindowAnswer.ACCEPTED:
            window.is_commanded, window.wanted, window.break_ms = True, wanted, 0
            self._settle(at_ms, window)
        return answer

    def states(self, at_ms: int) -> list[Event]:
        """What each window is at a moment, said once more. These events are beside the numbered ones of the day."""
        return [self._told(at_ms, f"{self.day}-w{window.number}-{at_ms}", window) for window in self.windows]

    # Visitors

    def _arrive(self, at_ms: int, ticket: Ticket) -> None:
        n = self._issued.get(ticket.letter, 0) + 1
        self._issued[ticket.letter] = n
        ticket.number = f"{ticket.letter}{n:03d}"
        self._say(at_ms, _ARRIVE, ticket, channel=ticket.channel)
        self._seek(at_ms, ticket)
        if ticket.stage is _WAITING and ticket.patience_ms < NEVER_MS:
            self._at(at_ms + ticket.patience_ms, self._lose_patience, ticket)

    def _seek(self, at_ms: int, ticket: Ticket) -> None:
        """Goes to a free window or joins those who wait."""
        best = None
        for window in self._free:
            if ticket.item in window.offers and (best is None or len(window.items) < len(best.items)):
                best = window
        if best is not None:
            self._free.remove(best)
            self._call(at_ms, best, ticket)
            return
        ticket.stage = _WAITING
        head_start_ms = self.manners.head_start_ms if ticket.channel == TicketChannel.APPOINTMENT else 0
        self._order += 1
        heappush(self._waiting[ticket.item], (ticket.arrives_ms - head_start_ms, self._order, ticket))

    def _lose_patience(self, at_ms: int, ticket: Ticket, _: None) -> None:
        if ticket.stage is not _WAITING or ticket.waited_ms >= 0:  # who was called once waits for the rest however long it takes
            return
        if ticket.leaves_silently:
            ticket.unheard = NEVER_MS
        else:
            self._abandon(at_ms, ticket)

    def _abandon(self, at_ms: int, ticket: Ticket) -> None:
        ticket.stage = _GONE
        self._say(at_ms, _ABANDON, ticket)

    def _rejoin(self, at_ms: int, ticket: Ticket, _: None) -> None:
        """Back with what was missing: he waits as if he had never left."""
        if ticket.stage is _ASIDE:
            self._aside[ticket.item] -= 1
            self._seek(at_ms, ticket)

    # Services

    def _call(self, at_ms: int, window: Window, ticket: Ticket) -> None:
        ticket.stage, window.ticket, window.is_busy = _CALLED, ticket, True
        window.visit += 1
        if ticket.waited_ms < 0:
            ticket.waited_ms = at_ms - ticket.arrives_ms
        self._say(at_ms, _CALL, ticket, window, window.clerk)
        if ticket.unheard:
            self._at(at_ms + self.manners.recall_after_ms, self._call_again, window, (window.visit, 1))
        else:
            self._at(at_ms + ticket.walk_ms, self._start, window, window.visit)

    def _call_again(self, at_ms: int, window: Window, call: tuple[int, int]) -> None:
        visit, nth = call
        ticket = window.ticket
        if window.visit != visit or ticket is None:
            return
        if nth > self.manners.recalls:
            ticket.stage = _GONE
            self._say(at_ms, _NO_SHOW, ticket, window, window.clerk)
            self._clear(at_ms, window, visit)
            return
        self._say(at_ms, _RECALL, ticket, window, window.clerk)
        if nth >= ticket.unheard:
            self._at(at_ms + ticket.walk_ms, self._start, window, visit)
        else:
            self._at(at_ms + self.manners.recall_after_ms, self._call_again, window, (visit, nth + 1))

    def _start(self, at_ms: int, window: Window, visit: int) -> None:
        ticket, clerk = window.ticket, window.clerk
        if window.visit != visit or ticket is None or clerk is None:
            return
        ticket.stage, ticket.unheard = _SERVED, 0
        self._say(at_ms, _START, ticket, window, window.clerk)
        lasts_ms = int(ticket.service_ms * clerk.pace)
        window.ends_ms = at_ms + lasts_ms
        if ticket.aside_share:
            # Nobody is sent away for something that he could not be back with before the last ticket.
            aside_ms = at_ms + int(lasts_ms * ticket.aside_share)
            if aside_ms + ticket.aside_ms < self.hours.closes_ms:
                self._at(aside_ms, self._put_aside, window, visit)
                return
        self._at(window.ends_ms, self._end, window, visit)

    def _end(self, at_ms: int, window: Window, visit: int) -> None:
        ticket = window.ticket
        if window.visit != visit or ticket is None:
            return
        if ticket.to_item is not None and any(w.state is _OPEN and ticket.to_item in w.offers for w in self.windows):
            self._say(at_ms, _TRANSFER, ticket, window, window.clerk, to_item=ticket.to_item)
            ticket.item, ticket.service_ms, ticket.aside_share, ticket.to_item = ticket.to_item, ticket.then_ms, 0.0, None
            self._clear(at_ms, window, visit)
            self._seek(at_ms, ticket)
            return
        ticket.stage = _GONE
        self._say(at_ms, _END, ticket, window, window.clerk)
        if ticket.rates_after_ms:
            self._at(at_ms + ticket.rates_after_ms, self._rate, ticket, (window, window.clerk))
        self._clear(at_ms, window, visit)

    def _rate(self, at_ms: int, ticket: Ticket, served_by: tuple[Window, Clerk]) -> None:
        self._say(at_ms, _RATING, ticket, *served_by, given=grade(ticket.mood, ticket.waited_ms))

    def _put_aside(self, at_ms: int, window: Window, visit: int) -> None:
        if window.visit == visit and window.ticket is not None:
            self._park(at_ms, window, window.ticket, window.ticket.aside_ms)
            self._clear(at_ms, window, visit)

    def _park(self, at_ms: int, window: Window, ticket: Ticket, aside_ms: int) -> None:
        if ticket.stage is _SERVED and window.clerk is not None:
            ticket.service_ms, ticket.aside_share = int((window.ends_ms - at_ms) / window.clerk.pace), 0.0
        ticket.stage = _ASIDE
        self._aside[ticket.item] += 1
        self._say(at_ms, _PARK, ticket, window, window.clerk)
        self._at(at_ms + aside_ms, self._rejoin, ticket)

    def _clear(self, at_ms: int, window: Window, visit: int) -> None:
        """The customer is done with; the desk is cleared for the next."""
        window.ticket = None
        if self.manners.turnaround_ms:
            self._at(at_ms + self.manners.turnaround_ms, self._ready, window, visit)
        else:
            self._ready(at_ms, window, visit)

    def _ready(self, at_ms: int, window: Window, visit: int) -> None:
        if window.visit == visit:
            window.is_busy = False
            self._settle(at_ms, window)
            if self.is_closing:
                for other in tuple(self._free):
                    self._settle(at_ms, other)

    # Windows

    def _settle(self, at_ms: int, window: Window) -> None:
        """Brings a window without a customer to what it shall be; an open one takes the next."""
        if window.is_busy:
            return
        state = window.wanted
        if self.is_closing and not (state is _OPEN and self._is_needed(window)):
            state = _CLOSED
        elif self.is_dark and state is not _CLOSED:
            state = _FAULT if window.state is _OPEN else window.state
        elif state is _OPEN and window.is_broken:
            state = _FAULT
        if state is not window.state:
            window.state = state
            self._tell(at_ms, window)
            if state is _PAUSED and window.break_ms:
                self._at(at_ms + window.break_ms, self._back, window)
        if state is _CLOSED and window.is_commanded and window.clerk is not None:
            self.reserve.append(window.clerk)
            window.clerk = None
        if state is not _OPEN:
            if window in self._free:
                self._free.remove(window)
            return
        ticket = self._next_for(window)
        if ticket is None:
            if window not in self._free:
                self._free.append(window)
            return
        if window in self._free:
            self._free.remove(window)
        self._call(at_ms, window, ticket)

    def _is_needed(self, window: Window) -> bool:
        return any(self._aside[item] for item in window.items) or self._next_for(window, takes=False) is not None

    def _next_for(self, window: Window, *, takes: bool = True) -> Ticket | None:
        """The first of those who wait for what a window offers."""
        best: list[tuple[int, int, Ticket]] | None = None
        for item in window.items:
            queue = self._waiting[item]
            while queue and queue[0][2].stage is not _WAITING:
                heappop(queue)
            if queue and (best is None or queue[0] < best[0]):
                best = queue
        if best is None:
            return None
        return heappop(best)[2] if takes else best[0][2]

    def _staff(self, at_ms: int, window: Window, items: tuple[str, ...]) -> WindowAnswer:
        """Finds a clerk for a window that shall open, and gives it its items."""
        if window.is_broken or self.is_dark:
            return WindowAnswer.WINDOW_FAULT
        own = [window.clerk] if window.clerk else []
        there = own if window.is_busy and own else [*own, *self.reserve]
        if not there:
            return WindowAnswer.NO_CLERK
        clerk = next((clerk for clerk in there if clerk.skills.issuperset(items)), None)
        if clerk is None:
            return WindowAnswer.NO_SKILL
        if clerk is not window.clerk:
            self.reserve.remove(clerk)
            self.reserve += own
        usual = window.items if window.state is _OPEN else tuple(item for item in self.offered if item in clerk.skills)
        served = items or usual
        is_news = window.state is _OPEN and (served != window.items or clerk is not window.clerk)
        window.clerk, window.items, window.offers = clerk, served, frozenset(served)
        if is_news:
            self._tell(at_ms, window)
        return WindowAnswer.ACCEPTED

    def _on_duty(self, at_ms: int, window: Window, _: None) -> None:
        if not window.is_commanded:
            window.wanted = _OPEN
            self._settle(at_ms, window)

    def _off_duty(self, at_ms: int, window: Window, _: None) -> None:
        if not window.is_commanded:
            window.wanted = _CLOSED
            self._settle(at_ms, window)

    def _break(self, at_ms: int, window: Window, lasts_ms: int) -> None:
        is_pending = window.break_ms > 0 and window.state is not _PAUSED  # an earlier one, for which there was no time yet
        if not window.is_commanded and (window.wanted is _OPEN or is_pending):
            window.wanted, window.break_ms = _PAUSED, lasts_ms
            self._settle(at_ms, window)

    def _back(self, at_ms: int, window: Window, _: None) -> None:
        if window.break_ms and window.wanted is _PAUSED:
            window.wanted, window.break_ms = _OPEN, 0
            self._settle(at_ms, window)

    def _fail(self, at_ms: int, window: Window, lasts_ms: int) -> None:
        if window.state is _OPEN:
            window.is_broken = True
            self._interrupt(at_ms, window)
            self._at(at_ms + lasts_ms, self._mend, window)

    def _mend(self, at_ms: int, window: Window, _: None) -> None:
        window.is_broken = False
        self._settle(at_ms, window)

    def _power(self, at_ms: int, is_dark: bool, _: None) -> None:
        self.is_dark = is_dark
        for window in self.windows:
            if is_dark and window.state is _OPEN:
                self._interrupt(at_ms, window)
            else:
                self._settle(at_ms, window)

    def _interrupt(self, at_ms: int, window: Window) -> None:
        """The window stops at once; its customer goes to the head of the queue."""
        window.visit += 1
        ticket, window.ticket, window.is_busy = window.ticket, None, False
        if ticket is not None:
            self._park(at_ms, window, ticket, 0)
        self._settle(at_ms, window)

    def _last_ticket(self, at_ms: int, *_nothing: None) -> None:
        """From now on a window closes when nobody needs it any more."""
        self.is_closing = True
        for window in self.windows:
            self._settle(at_ms, window)

    def _send_home(self, at_ms: int, *_nothing: None) -> None:
        for queue in self._waiting.values():
            for *_, ticket in sorted(queue):
                if ticket.stage is _WAITING:
                    self._abandon(at_ms, ticket)
        for window in self.windows:
            window.wanted = _CLOSED
            self._settle(at_ms, window)

    # Saying

    def _at(self, at_ms: int, action: Callable[..., None], of: Any = None, more: Any = None) -> None:
        self._order += 1
        heappush(self._timers, (at_ms, self._order, action, of, more))

    def _say(
        self, at_ms: int, event: str, ticket: Ticket, window: Window | None = None, clerk: Clerk | None = None,
        channel: str | None = None, to_item: str | None = None, given: int | None = None,
    ) -> None:  # fmt: skip
        self._n_said += 1
        moment_s = (self.origin_ms + at_ms) / 1000
        said = Event(
            id=f"{self.day}-{self._n_said}", ts=datetime.fromtimestamp(moment_s, UTC), event=event, ticket=ticket.number,
            item=ticket.item, window=None if window is None else window.number, clerk=None if clerk is None else clerk.pseudonym,
            channel=channel, to_item=to_item, grade=given,
        )  # fmt: skip
        self._said.append((moment_s, self.speaker, "event", said))

    def _tell(self, at_ms: int, window: Window) -> None:
        """Says what a window is now."""
        self._n_said += 1
        said = self._told(at_ms, f"{self.day}-{self._n_said}", window)
        self._said.append(((self.origin_ms + at_ms) / 1000, self.speaker, "event", said))

    def _told(self, at_ms: int, event_id: str, window: Window) -> Event:
        is_open = window.state is _OPEN
        return Event(
            id=event_id, ts=datetime.fromtimestamp((self.origin_ms + at_ms) / 1000, UTC), event=_SAID_OF[window.state],
            window=window.number, clerk=window.clerk.pseudonym if is_open and window.clerk is not None else None,
            items=list(window.items) if is_open else [],
        )  # fmt: skip


def grade(mood: float, waited_ms: int) -> int:
    """1 (very satisfied) to 5. The share of each grade below the best grows in proportion to 1 + wait ÷ `PATIENT_FOR_MS`."""
    content = 1 - (1 - mood) / (1 + waited_ms / PATIENT_FOR_MS)
    return 1 + sum(content > share for share in GRADES)
