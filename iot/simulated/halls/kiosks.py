"""Kiosks: the ticket machines of a hall, how much paper they have left and whether they work.

Walk-ins and appointments alike draw their ticket at one of the kiosks that work, by turns. A kiosk has a roll of some 700
tickets (80 m at 11 cm), changed on Monday mornings and whenever it is empty. Moments of a day are milliseconds since the
hall's local midnight.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import date

from scipy.special import ndtri

from domain.sensors import SensorKind
from iot.simulated.chance import key, uniform
from iot.simulated.halls.floor import Ticket
from iot.simulated.halls.staff import HOUR_MS, MINUTE_MS, Hall

ROLL_TICKETS = 700
EVERY_S = SensorKind.KIOSK.interval_s
OUT_OF_ORDER_EVERY_DAYS = 40


class Kiosks:
    """The kiosks of a hall on one day. `used` is how many tickets each had printed since Monday morning when the day began."""

    def __init__(self, hall: Hall, day: date, used: Sequence[int]) -> None:
        self._used = used
        self._printed: list[list[int]] = [[] for _ in used]
        self._out = [_out_of_order(hall.key, day, k) for k in range(len(used))]
        self._n_issued = 0

    @property
    def used(self) -> list[int]:
        """Tickets printed by each up to now."""
        return [used + len(printed) for used, printed in zip(self._used, self._printed, strict=True)]

    def issue(self, tickets: Iterable[Ticket]) -> None:
        """Prints tickets, in the order of their moments. With every kiosk out of order they are written by hand."""
        n = len(self._printed)
        for ticket in tickets:
            self._n_issued += 1
            for step in range(n):
                k = (self._n_issued + step) % n
                since_ms, until_ms = self._out[k]
                if not since_ms <= ticket.arrives_ms < until_ms:
                    self._printed[k].append(ticket.arrives_ms)
                    break

    def read(self, k: int, at_ms: int) -> tuple[float, float]:
        """What is left of the roll (0-1), and 1 if the kiosk works, at a moment up to which tickets have been issued."""
        used = self._used[k] + bisect_right(self._printed[k], at_ms)
        since_ms, until_ms = self._out[k]
        return 1 - used % ROLL_TICKETS / ROLL_TICKETS, float(not since_ms <= at_ms < until_ms)


def _out_of_order(own: int, day: date, k: int) -> tuple[int, int]:
    """From when to when a kiosk is out of order; an empty span on most days. Half are mended within forty minutes."""
    draws = uniform(key(own, "kiosk", day.isoformat(), k), range(3)).tolist()
    since_ms = int(8 * HOUR_MS + 10 * HOUR_MS * draws[1])
    lasts_ms = int(min(40 * MINUTE_MS * math.exp(0.8 * float(ndtri(draws[2]))), 5 * HOUR_MS))
    return (since_ms, since_ms + lasts_ms) if draws[0] * OUT_OF_ORDER_EVERY_DAYS < 1 else (0, 0)
