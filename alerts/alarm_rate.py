"""Alarm rate: how many alarms an operator is asked to look at, and which of them waste attention.

Figures and limits of alarm management (ANSI/ISA-18.2-2016, clause 16; EEMUA 191, 3rd edition): at most one in ten minutes over
the long run, ten in the first ten minutes of an upset, few that stand for a day, none that chatter; priorities about 5 : 15 : 80.
What was gathered into one situation is one alarm: `Alarm.shown_as` is what the operator saw it as when it was raised. What stood
alone at first and became part of a situation later was an alarm of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

SLOT = timedelta(minutes=10)
LONG_RUN = 1.0
"""Alarms in ten minutes on average that one operator can manage."""
PEAK = 10
"""Alarms in ten minutes that one operator can manage in an upset."""
STALE_AFTER = timedelta(hours=24)
CHATTERS = 3
CHATTER_WINDOW = timedelta(hours=1)
"""A rule and object raised so often within such a window chatters."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A warning as an alarm: `source` is its rule and object, `shown_as` its situation, or itself; `stands_as` the same as of
    now, where that is another. One that was shelved, or raised in a maintenance, is not shown."""

    source: str
    shown_as: str
    priority: str
    raised_at: datetime
    ended_at: datetime | None
    stands_as: str | None = None
    is_shown: bool = True


@dataclass(frozen=True, slots=True)
class Load:
    """What an operator had to look at between `since` and `until`. Means and shares are None where there is nothing to tell of.

    `raised` counts all warnings, `shown` what they were gathered into. `peak` of ten minutes began at `peak_at`. `chattering` are
    sources with how often they were raised.
    """

    since: datetime
    until: datetime
    raised: int
    shown: int
    mean_per_slot: float | None
    per_day: float | None
    peak: int
    peak_at: datetime | None
    busy_share: float | None
    standing: int
    stale: int
    priorities: dict[str, int]
    chattering: tuple[tuple[str, int], ...]

    @property
    def is_manageable(self) -> bool:
        return (self.mean_per_slot or 0.0) <= LONG_RUN and self.peak <= PEAK


def load(alarms: Sequence[Alarm], since: datetime, until: datetime) -> Load:
    """The figures of [since, until). Slots of ten minutes begin at `since`; those with more than `PEAK` are busy."""
    inside = [alarm for alarm in alarms if since <= alarm.raised_at < until]
    first: dict[str, Alarm] = {}
    for alarm in sorted(inside, key=lambda alarm: alarm.raised_at):
        if alarm.is_shown:
            first.setdefault(alarm.shown_as, alarm)
    n_slots = (until - since) / SLOT
    slots = Counter(int((alarm.raised_at - since) / SLOT) for alarm in first.values())
    peak_slot = min(slots, key=lambda slot: (-slots[slot], slot), default=None)
    standing = {
        alarm.stands_as or alarm.shown_as: alarm
        for alarm in sorted(alarms, key=lambda alarm: alarm.raised_at, reverse=True)
        if alarm.is_shown and alarm.raised_at < until and (alarm.ended_at is None or alarm.ended_at >= until)
    }
    days = (until - since) / timedelta(days=1)
    return Load(
        since=since,
        until=until,
        raised=len(inside),
        shown=len(first),
        mean_per_slot=len(first) / n_slots if n_slots > 0 else None,
        per_day=len(first) / days if days > 0 else None,
        peak=slots[peak_slot] if peak_slot is not None else 0,
        peak_at=since + peak_slot * SLOT if peak_slot is not None else None,
        busy_share=sum(n > PEAK for n in slots.values()) / n_slots if n_slots > 0 else None,
        standing=len(standing),
        stale=sum(until - alarm.raised_at >= STALE_AFTER for alarm in standing.values()),
        priorities=dict(Counter(alarm.priority for alarm in first.values())),
        chattering=_chattering(inside),
    )


def _chattering(alarms: Sequence[Alarm]) -> tuple[tuple[str, int], ...]:
    """Sources that were raised `CHATTERS` times within `CHATTER_WINDOW`, with how often in all; the most often first."""
    times: dict[str, list[float]] = {}
    for alarm in alarms:
        times.setdefault(alarm.source, []).append(alarm.raised_at.timestamp())
    found = []
    for source, raised in times.items():
        at = np.sort(raised)
        if len(at) >= CHATTERS and bool(
            (at[CHATTERS - 1 :] - at[: len(at) - CHATTERS + 1] <= CHATTER_WINDOW.total_seconds()).any()
        ):
            found.append((source, len(at)))
    return tuple(sorted(found, key=lambda row: (-row[1], row[0])))


def shown_per_slot(alarms: Sequence[Alarm], since: datetime, until: datetime) -> tuple[list[int], list[int]]:
    """(raised, shown) in each slot of [since, until), the last one cut where the span is."""
    n = max(1, -int(-((until - since) / SLOT) // 1))
    raised, shown, seen = [0] * n, [0] * n, set[str]()
    for alarm in sorted(alarms, key=lambda alarm: alarm.raised_at):
        if since <= alarm.raised_at < until:
            slot = int((alarm.raised_at - since) / SLOT)
            raised[slot] += 1
            if alarm.is_shown and alarm.shown_as not in seen:
                seen.add(alarm.shown_as)
                shown[slot] += 1
    return raised, shown
