"""Arrivals at a hall from nine to five on Shanghai's clock, in no order that a day repeats."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from domain.halls import HallEvent, HallEventKind
from tests.support.scenes import COUNTER, NOW, minutes

SHANGHAI = ZoneInfo("Asia/Shanghai")


def office_arrivals(n_days: int, every_min: int, least: int) -> list[HallEvent]:
    """In each span of `every_min` minutes of the last `n_days` before the scenes' now: `least` people, or one or two more."""
    began = NOW - timedelta(days=n_days)
    events = []
    for span in range(n_days * 1_440 // every_min):
        time = began + minutes(every_min * span)
        for k in range(least + span * 7919 % 97 % 3 if 9 <= time.astimezone(SHANGHAI).hour < 17 else 0):
            at = time + minutes(1 + k * every_min // 5)
            events.append(HallEvent("hall-1", COUNTER, f"e{span}-{k}", at, at, HallEventKind.ARRIVE, ticket="A", item="tax"))
    return events
