"""Reminders: when somebody is told again that a warning waits to be acknowledged, and who.

A wait begins when a warning is raised, made graver or comes back from a shelf. The first role of the ladder has it from then
on; after every period of its level the next role is told as well, and after the last role it is told again. Periods that went by
while nobody watched are not made up for: only the reminder of the present one is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.rights import Role
from domain.warnings import WarningLevel


@dataclass(frozen=True, slots=True)
class Clocks:
    """The policy: the period of each level in seconds (0 or left out: nobody is reminded), whom reminders go to in turn, and how
    many there are at most."""

    period_s: Mapping[WarningLevel, float] = field(default_factory=dict)
    ladder: tuple[Role, ...] = (Role.DUTY_OFFICER, Role.COMMANDER, Role.LEADER)
    most: int = 10


def due(level: WarningLevel, since: datetime, n_reminded: int, clocks: Clocks, now: datetime) -> tuple[int, Role] | None:
    """The reminder to be given now of a wait that began at `since`: its number, from 1, and its role. None: not yet, or enough
    were given."""
    period_s = clocks.period_s.get(level, 0.0)
    if not period_s or not clocks.ladder:
        return None
    n = int((now - since).total_seconds() // period_s)
    if n <= n_reminded or n_reminded >= clocks.most:
        return None
    return n, clocks.ladder[min(n, len(clocks.ladder) - 1)]
