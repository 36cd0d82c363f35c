"""Queues read off the events of halls: who waits, who is called, who is served, what the windows are. A pure fold, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.halls import HallEventKind, WindowState
from iot.payloads import Event

_STATE_AFTER = {
    HallEventKind.WINDOW_OPEN: WindowState.OPEN, HallEventKind.WINDOW_PAUSE: WindowState.PAUSED,
    HallEventKind.WINDOW_CLOSE: WindowState.CLOSED, HallEventKind.WINDOW_FAULT: WindowState.FAULT,
}  # fmt: skip


@dataclass
class Queue:
    """A hall on one day after some events. Tickets by number, windows by theirs; raises AssertionError for an event that cannot
    follow what was before."""

    waiting: dict[str, str] = field(default_factory=dict)
    """Ticket and the item it waits for."""
    called: dict[str, int] = field(default_factory=dict)
    served: dict[str, int] = field(default_factory=dict)
    """Ticket and the window it is at."""
    aside: dict[str, str] = field(default_factory=dict)
    gone: dict[str, HallEventKind] = field(default_factory=dict)
    windows: dict[int, WindowState] = field(default_factory=dict)
    items: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def at_windows(self) -> set[int]:
        return {*self.called.values(), *self.served.values()}

    def hear(self, event: Event) -> None:
        """Takes one event in."""
        kind = HallEventKind.of(event.event)
        if kind in _STATE_AFTER:
            assert event.window is not None
            self.windows[event.window] = _STATE_AFTER[kind]
            self.items[event.window] = tuple(event.items)
            if kind is not HallEventKind.WINDOW_OPEN:
                assert event.window not in self.at_windows(), f"{event} while somebody is there"
            return
        ticket = event.ticket
        assert ticket is not None
        match kind:
            case HallEventKind.ARRIVE:
                assert ticket not in {*self.waiting, *self.called, *self.served, *self.aside, *self.gone}, f"{event}: known"
                self.waiting[ticket] = str(event.item)
            case HallEventKind.CALL:
                item = self.waiting.pop(ticket, None) or self.aside.pop(ticket)
                assert event.window is not None
                assert event.window not in self.at_windows(), f"{event}: the window is taken"
                assert self.windows.get(event.window) is WindowState.OPEN, f"{event}: the window is not open"
                assert item in self.items[event.window], f"{event}: the window does not do {item}"
                self.called[ticket] = event.window
            case HallEventKind.RECALL:
                assert self.called[ticket] == event.window
            case HallEventKind.START:
                self.served[ticket] = self.called.pop(ticket)
            case HallEventKind.END | HallEventKind.NO_SHOW | HallEventKind.ABANDON:
                before = {
                    HallEventKind.END: self.served, HallEventKind.NO_SHOW: self.called,
                    HallEventKind.ABANDON: self.waiting if ticket in self.waiting else self.aside,
                }[kind]  # fmt: skip
                del before[ticket]
                self.gone[ticket] = kind
            case HallEventKind.TRANSFER:
                del self.served[ticket]
                self.waiting[ticket] = str(event.to_item)
            case HallEventKind.PARK:
                if ticket in self.served:
                    del self.served[ticket]
                else:
                    del self.called[ticket]
                self.aside[ticket] = str(event.item)
            case HallEventKind.RATING:
                assert self.gone[ticket] is HallEventKind.END


def fold(events: Iterable[Event]) -> Queue:
    """The queue of one hall after the events of a day, in their order."""
    queue = Queue()
    for event in events:
        queue.hear(event)
    return queue
