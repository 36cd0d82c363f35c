"""Queues of halls: people waiting, the longest wait of these, and the wait that nine in ten of those called within the hour did
not exceed (nearest rank), in minutes.

A customer waits from taking a number, or being passed on, until the next that happens to it: a call, being set aside, leaving. At
the end of the local day nobody waits any more. What came an hour ago without a call since says nothing of the wait, unless
nobody waits: then there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta, tzinfo

import numpy as np

from alerts.tracks.track import Floats, counted
from domain.halls import HallEvent, HallEventKind
from domain.rules import HallFigure

HOUR_S = 3_600.0
MOST_AHEAD_MIN = 240.0
STANDS_S = 900.0
"""A forecast of waits that was issued longer ago no longer stands; it is issued every five minutes."""
_BEGINS = frozenset({HallEventKind.ARRIVE, HallEventKind.TRANSFER})
_CALLS = frozenset({HallEventKind.CALL, HallEventKind.START})
_SILENT = frozenset({HallEventKind.RATING, HallEventKind.RECALL})
Waits = tuple[Floats, Floats, Floats]
"""Beginnings and ends of waits (waits), seconds since 1970, and whether a call ended them (1, 0)."""


def waits(events: Sequence[HallEvent], zone: tzinfo) -> Waits:
    """The waits of one hall, from its events in any order."""
    by_ticket: dict[tuple[date, str], list[HallEvent]] = {}
    for event in events:
        if event.ticket is not None and event.event not in _SILENT:
            day = event.phenomenon_time.astimezone(zone).date()
            by_ticket.setdefault((day, event.ticket), []).append(event)
    rows = []
    for (day, _), of_ticket in by_ticket.items():
        of_ticket.sort(key=lambda event: (event.phenomenon_time, event.event_id))
        closes = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(days=1)
        for k, event in enumerate(of_ticket):
            if event.event in _BEGINS:
                after = of_ticket[k + 1] if k + 1 < len(of_ticket) else None
                until = after.phenomenon_time if after is not None else closes
                is_called = after is not None and after.event in _CALLS
                rows.append((event.phenomenon_time.timestamp(), until.timestamp(), float(is_called)))
    found = np.array(rows, float).reshape(-1, 3)
    return found[:, 0], found[:, 1], found[:, 2]


def people_waiting(of_hall: Waits, at_s: Floats) -> Floats:
    return counted(of_hall[0], of_hall[1], at_s)


def longest_wait_min(of_hall: Waits, at_s: Floats) -> Floats:
    """Since when the first of those who wait has waited; 0 when nobody does."""
    begins, ends, _ = of_hall
    order = np.argsort(begins)
    begins, ends = begins[order], ends[order]
    found = np.zeros(len(at_s))
    for k, at in enumerate(at_s.tolist()):
        upto = int(np.searchsorted(begins, at, side="right"))
        still = np.flatnonzero(ends[:upto] > at)
        found[k] = (at - begins[still[0]]) / 60 if still.size else 0.0
    return found


def wait_p90_min(of_hall: Waits, at_s: Floats) -> Floats:
    begins, ends, is_called = of_hall
    called = is_called > 0
    order = np.argsort(ends[called])
    ended, lengths = ends[called][order], (ends - begins)[called][order] / 60
    first = np.searchsorted(ended, at_s - HOUR_S, side="right")
    last = np.searchsorted(ended, at_s, side="right")
    waiting = people_waiting(of_hall, at_s)
    found = np.where(waiting == 0, 0.0, np.nan)
    for k in np.flatnonzero(last > first).tolist():
        hour = lengths[first[k] : last[k]]
        rank = int(np.ceil(0.9 * len(hour))) - 1
        found[k] = np.partition(hour, rank)[rank]
    return found


def worst_ahead(forecasts: Sequence[Sequence[float]]) -> tuple[Floats, Floats]:
    """The longest wait, in minutes, that a forecast foresees for nine in ten of those who come at one of its moments, and how
    many of its moments earlier ones there are; one row of 90 % bounds (seconds) a forecast. Nobody is said to wait longer than
    `MOST_AHEAD_MIN`, where no window will call him; NaN for a forecast that says nothing."""
    values, places = np.full(len(forecasts), np.nan), np.zeros(len(forecasts))
    for k, row in enumerate(forecasts):
        minutes = np.minimum(np.array(row, float) / 60, MOST_AHEAD_MIN)
        if np.isfinite(minutes).any():
            places[k] = int(np.nanargmax(minutes))
            values[k] = minutes[int(places[k])]
    return values, places


def in_force(issued_s: Floats, values: Floats, at_s: Floats) -> Floats:
    """The newest of values that were issued no longer than `STANDS_S` before; NaN without one."""
    k = np.searchsorted(issued_s, at_s, side="right") - 1
    is_known = (k >= 0) & (at_s - issued_s[np.maximum(k, 0)] <= STANDS_S) if len(issued_s) else np.zeros(len(at_s), bool)
    return np.where(is_known, values[np.maximum(k, 0)], np.nan) if len(issued_s) else np.full(len(at_s), np.nan)


FIGURES: dict[HallFigure, Callable[[Waits, Floats], Floats]] = {
    HallFigure.WAITING: people_waiting,
    HallFigure.LONGEST: longest_wait_min,
    HallFigure.WAIT_P90: wait_p90_min,
}
"""What follows from the events; waits ahead follow from their forecasts."""
