"""Standings: for which slot a series was last looked at, who spoke and with which fallback, and when it is due again. Pure.

A series whose history lacks something is looked at before its turn, with growing pauses, because back-fill may be on its way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from forecasting.reasons import Reason
from forecasting.selection import Outlook
from forecasting.series import boundary

SETTLE = timedelta(seconds=5)
"""Readings of a slot that has just ended are still on their way."""
FIRST_RETRY, RETRY_GROWS = timedelta(seconds=30), 4
"""One that lacks history is looked at again after 30 s, then after two minutes: by then weeks that are written at once are
there."""
LACKING = ("never", "too_few", "untried", "short_history", "sparse", "interrupted", "no_day")
"""Reasons that back-fill may take away at any time."""


@dataclass(slots=True)
class Standing:
    """When a series is due, and for which slot, by whom and with which fallback it was last forecast."""

    due: datetime
    slot: datetime | None = None
    model: str = ""
    reason: str = ""
    pause: timedelta = FIRST_RETRY

    def repeats(self, before: Standing) -> bool:
        """Whether nothing new was found since `before`."""
        return (self.slot, self.model, self.reason) == (before.slot, before.model, before.reason)


def stand(before: Standing | None, outlook: Outlook | Reason, now: datetime, slot_s: int, due: datetime) -> Standing:
    """Where a series stands after it was looked at. One that lacks history is looked at again before it is `due`."""
    pause = before.pause if before is not None else FIRST_RETRY
    reason = outlook.fallback if isinstance(outlook, Outlook) else outlook
    if reason is not None and reason.code in LACKING:
        due, pause = min(due, now + pause), min(RETRY_GROWS * pause, timedelta(seconds=slot_s))
    model = outlook.model.name if isinstance(outlook, Outlook) else ""
    return Standing(due, boundary(now, slot_s), model, reason.code if reason else "", pause)


def next_turn(time: datetime, slot_s: int, every: int, turn: int) -> datetime:
    """When a series looked at at `time` is due: its readings are in, and it is its turn, which comes every so many slots."""
    under_way = int(boundary(time, slot_s).timestamp()) // slot_s
    turns = (turn - under_way - 1) % every
    return datetime.fromtimestamp((under_way + 1 + turns) * slot_s, UTC) + SETTLE


def count(standings: Mapping[int, Standing]) -> dict[str, int]:
    """How many series are foreseen, with a fallback, and by each model."""
    current = [standing for standing in standings.values() if standing.model]
    figures = {"forecasts": len(current), "fallbacks": sum(1 for standing in current if standing.reason)}
    for standing in current:
        figures[standing.model] = figures.get(standing.model, 0) + 1
    return figures
