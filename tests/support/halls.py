"""Events of one hall in minutes after nine in Shanghai on the scenes' Monday, the way they stand in the memory."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count

from domain.halls import HallEvent, HallEventKind
from tests.support.scenes import COUNTER, NOW

_NUMBERS = count(1)


def at(minute: float) -> datetime:
    """A moment so many minutes after nine."""
    return NOW + timedelta(minutes=minute)


def said(
    kind: HallEventKind, minute: float, ticket: str | None = None, *, window: int | None = None, item: str | None = "tax",
    clerk: str | None = None, channel: str | None = None, to_item: str | None = None, grade: int | None = None,
    items: tuple[str, ...] = (), event_id: str | None = None, hall_id: str = "hall-1", delay_minutes: float = 0,
) -> HallEvent:  # fmt: skip
    """One event; without an id of its own it comes after those that were made before it."""
    is_window = kind.value.startswith("window.")
    return HallEvent(
        hall_id, COUNTER.replace("hall-1", hall_id), event_id or f"e{next(_NUMBERS):06}", at(minute), at(minute + delay_minutes),
        kind, None if is_window else ticket, None if is_window else item, window, clerk, channel, grade, to_item, items,
    )  # fmt: skip


def a_visit(
    ticket: str, arrives: float, called: float, started: float, ends: float, *, window: int = 1, item: str = "tax",
    hall_id: str = "hall-1",
) -> list[HallEvent]:  # fmt: skip
    """A visitor from the ticket to the end of the service."""
    return [
        said(HallEventKind.ARRIVE, arrives, ticket, item=item, channel="walk_in", hall_id=hall_id),
        said(HallEventKind.CALL, called, ticket, item=item, window=window, clerk="c01", hall_id=hall_id),
        said(HallEventKind.START, started, ticket, item=item, window=window, clerk="c01", hall_id=hall_id),
        said(HallEventKind.END, ends, ticket, item=item, window=window, clerk="c01", hall_id=hall_id),
    ]
