"""Hall days: what is kept of a hall's local day once it is over, so that weeks can be compared without reading their events
again; and from them the best time to come.

By item and hour of the local day: how many came (without an appointment, with one), and how long those who came in that hour
waited until they were called, in whole seconds. Who left before a call is not among the waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from domain.halls import TicketChannel
from staffing.floor import Floor

HOUR_S = 3_600
ENOUGH_WAITS = 20
ENOUGH_DAYS = 2
"""Fewer waits, or days, do not make an hour usual."""
ALL = ""
"""Any item of a hall."""

ByHour = Mapping[str, Mapping[int, tuple[int, ...]]]
"""Item → hour of the local day → numbers."""


@dataclass(frozen=True, slots=True)
class HallDay:
    """`came` are (without, with an appointment), `waits_s` in no order. `n_events` is how many events it was made from."""

    hall_id: str
    day: date
    n_events: int
    came: ByHour
    waits_s: ByHour

    def walk_ins(self, hours: range) -> int:
        """How many came without an appointment in those hours."""
        return sum(numbers[0] for by_hour in self.came.values() for hour, numbers in by_hour.items() if hour in hours)

    def as_json(self) -> dict[str, Any]:
        return {name: {item: {str(hour): list(n) for hour, n in rows.items()} for item, rows in table.items()}
                for name, table in (("came", self.came), ("waits_s", self.waits_s))}  # fmt: skip

    @classmethod
    def from_json(cls, hall_id: str, day: date, n_events: int, content: Mapping[str, Any]) -> HallDay:
        came, waits = (
            {item: {int(hour): tuple(n) for hour, n in rows.items()} for item, rows in content[name].items()}
            for name in ("came", "waits_s")
        )
        return cls(hall_id, day, n_events, came, waits)


@dataclass(frozen=True, slots=True)
class UsualWait:
    """The median wait of `n` people who came to a hall for an item (`ALL`: for any) on a weekday (Monday 1) in an hour."""

    hall_id: str
    item: str
    weekday: int
    hour: int
    p50_s: float
    n: int
    n_days: int


def hall_day(hall_id: str, floor: Floor, day: date, zone: ZoneInfo, n_events: int) -> HallDay:
    """What is kept of a day of a hall."""
    came: dict[str, dict[int, list[int]]] = {}
    for ticket in floor.tickets.values():
        if ticket.arrived is not None:
            hour = ticket.arrived.astimezone(zone).hour
            is_booked = ticket.channel == TicketChannel.APPOINTMENT.value
            came.setdefault(ticket.item, {}).setdefault(hour, [0, 0])[is_booked] += 1
    waits: dict[str, dict[int, list[int]]] = {}
    for wait in floor.waits:
        waits.setdefault(wait.item, {}).setdefault(wait.since.astimezone(zone).hour, []).append(round(wait.seconds))
    told, waited = (
        {item: {hour: tuple(n) for hour, n in rows.items()} for item, rows in table.items()} for table in (came, waits)
    )
    return HallDay(hall_id, day, n_events, told, waited)


def usual_waits(days: Iterable[HallDay]) -> tuple[UsualWait, ...]:
    """For any item of a hall every hour of each weekday that is known well enough; for each item the hour of each weekday in
    which people waited least."""
    pools: dict[tuple[str, str, int, int], list[int]] = {}
    n_days: Counter[tuple[str, str, int, int]] = Counter()
    for day in days:
        seen = set()
        for item, by_hour in day.waits_s.items():
            for hour, waits in by_hour.items():
                for key in ((day.hall_id, item, day.day.isoweekday(), hour), (day.hall_id, ALL, day.day.isoweekday(), hour)):
                    pools.setdefault(key, []).extend(waits)
                    seen.add(key)
        n_days.update(seen)
    usual = [
        UsualWait(*key, float(np.median(waits)), len(waits), n_days[key])
        for key, waits in sorted(pools.items())
        if len(waits) >= ENOUGH_WAITS and n_days[key] >= ENOUGH_DAYS
    ]
    least: dict[tuple[str, str, int], UsualWait] = {}
    for each in usual:
        day_key = each.hall_id, each.item, each.weekday
        if each.item != ALL and (day_key not in least or each.p50_s < least[day_key].p50_s):
            least[day_key] = each
    return (*(each for each in usual if each.item == ALL), *least.values())
