"""Visitors: who comes to a hall on a day, when, for what, and how they will behave there.

Walk-ins are a Poisson stream whose rate follows the hour (two peaks), the weekday, the days around holidays, the end of the
month, rain at the hall and rushes (iot.scenarios); on top of that every day has a factor of its own for the city and for the
hall, and a slow drift, so that counts scatter more than Poisson's, as those of service systems do (A. Avramidis, A. Deslauriers,
P. L'Ecuyer, Modeling Daily Arrivals to a Telephone Call Center, Management Science 50, 2004). Appointments fill the slots of
half an hour that the hall gives out; some do not come. The tables are drawn by hand after the usual shape.

Everything is asked by minute. The number of a minute is the quantile of its own draw, so that a higher rate adds visitors and
moves none: what changes in the middle of a day changes nothing before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import repeat
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, pdtr, pdtrik

from domain.halls import TicketChannel
from iot.plane import Floats
from iot.scenarios import HallRush, PowerCut, Scene
from iot.simulated.calendar import is_working_day
from iot.simulated.chance import drift, key, normal, uniform
from iot.simulated.halls.errands import ERRAND, LONGEST_S, SENT_ON, SHORTEST_S, Errand
from iot.simulated.halls.floor import Ticket
from iot.simulated.halls.staff import MINUTE_MS, WORKDAY, Hall, Hours
from iot.simulated.weather import Weather

HALF_HOURS = (0, 60, 125, 145, 150, 130, 100, 62, 44, 48, 74, 110, 136, 136, 120, 98, 66, 30, 0)
"""Relative rate at 8:30, 9:00 ... 17:30, with straight lines between."""
SATURDAY_HALF_HOURS = (0, 70, 125, 140, 140, 120, 85, 40, 0)
SATURDAY_TICKETS = 0.27
"""Of an ordinary working day: fewer come, but in three hours and to fewer windows."""

WEEKDAYS = (1.10, 1.02, 0.98, 0.96, 0.94, 0.88, 0.88)
"""Monday first; the last two for make-up workdays."""
AFTER_HOLIDAY, BEFORE_HOLIDAY, HOLIDAY_DAYS = 1.22, 0.88, 3
"""For the first working day after, and the last before, at least so many days without work."""
MONTH_END, MONTH_END_DAYS = 1.08, 3

CITY_SPREAD, HALL_SPREAD, DRIFT_SPREAD, DRIFT_S = 0.05, 0.07, 0.10, 5_400.0
"""Standard deviations of the logarithm of the factors of a day, and of the drift within it."""

SLOT_MS = 30 * MINUTE_MS
KEPT = 0.87
"""Share of appointments that are kept in dry weather."""

PATIENCE_SCALE_S, PATIENCE_SHAPE = 5_400.0, 1.6
"""Weibull: 9 % have left after 20 minutes of waiting, 41 % after an hour; ever more likely the longer it takes."""
SILENT = 0.4
"""Share of those who leave that do not say so, and are only missed when they are called."""
ABSENT, COMES_LATE = 0.012, 0.05
"""Shares of those who never come when they are called, and of those who need a second call (a third: a fifth of them)."""
ASIDE, ASIDE_SHARE, ASIDE_S = 0.03, (0.2, 0.6), (240.0, 1_200.0)
RATES, RATES_AFTER_S = 0.4, (3.0, 40.0)
WALK_S = (6.0, 22.0)

_DRAWS, _MOST_A_MINUTE, _BEYOND = 16, 4_096, 1 << 32
"""Draws of a visitor, visitors of a minute, and where their counters begin: far from those of minutes and days."""
(
    _MOMENT, _ITEM, _SERVICE, _PATIENCE, _SILENT, _HEARS, _WALK, _ASIDE, _ASIDE_AT, _ASIDE_FOR, _SENT_ON, _THEN, _RATES, _MOOD,
    *_SPARE,
) = range(_DRAWS)  # fmt: skip


def rain_factor(rain_mm_h: ArrayLike) -> Floats:
    """Walk-ins in rain against those in dry weather: 0.9 in 1 mm/h, 0.8 in 4, 0.6 in 16, never below 0.35. An assumption of ours
    in the order of what drizzle, rain and downpours do to people on foot."""
    return np.asarray(np.maximum(0.35, 1 - 0.1 * np.sqrt(np.asarray(rain_mm_h, dtype=float))))


def is_dark(hall: Hall, time_s: ArrayLike, scenes: Sequence[Scene]) -> NDArray[np.bool_]:
    """Whether the power is out in a hall."""
    dark = np.zeros(np.shape(time_s), dtype=bool)
    for scene in scenes:
        if isinstance(scene, PowerCut):
            dark |= scene.is_dark(hall.lon, hall.lat, time_s)
    return dark


def calendar_factor(day: date, zone: ZoneInfo) -> float:
    """How busy a working day is for what it is, 1 in the mean of ordinary weeks."""
    factor = WEEKDAYS[day.weekday()]
    if _days_off(day, -1, zone) >= HOLIDAY_DAYS:
        factor *= AFTER_HOLIDAY
    if _days_off(day, 1, zone) >= HOLIDAY_DAYS:
        factor *= BEFORE_HOLIDAY
    if (day + timedelta(days=MONTH_END_DAYS)).month != day.month:
        factor *= MONTH_END
    return factor


def _days_off(day: date, step: int, zone: ZoneInfo) -> int:
    """Days without work in a row, counted up to `HOLIDAY_DAYS`, next to a day."""
    n = 0
    while n < HOLIDAY_DAYS and not is_working_day(day + timedelta(days=step * (n + 1)), zone):
        n += 1
    return n


class Visitors:
    """Who comes to a hall on one day that it is open. `origin_s` is its local midnight (seconds since 1970 UTC)."""

    def __init__(self, hall: Hall, day: date, hours: Hours, origin_s: float, weather: Weather, seed: int) -> None:
        self._hall, self._hours, self._origin_s, self._weather = hall, hours, origin_s, weather
        self._key = key(hall.key, "visitors", day.isoformat())
        self.first_minute, self.end_minute = hours.doors_ms // MINUTE_MS, hours.closes_ms // MINUTE_MS
        minutes = np.arange(self.first_minute, self.end_minute)
        self._expected = hall.tickets * _by_minute(hall, day, hours, minutes)
        luck = CITY_SPREAD * normal(key(seed, "hall day", day.isoformat()), 0) + HALL_SPREAD * normal(self._key, 0)
        swing = DRIFT_SPREAD * drift(self._key, origin_s + 60.0 * minutes, DRIFT_S)
        chance = np.exp(luck + swing - (CITY_SPREAD**2 + HALL_SPREAD**2 + DRIFT_SPREAD**2) / 2)  # 1 in the mean
        booked, shares = np.array([errand.booked for errand in hall.errands]), np.array(hall.shares)
        self._booked = float(booked @ shares)
        self._walk_in = self._expected * (1 - self._booked) * chance
        self._items = np.cumsum(shares * (1 - booked)), np.cumsum(shares * booked)
        self._appointments = self._book()

    def between(self, first_minute: int, end_minute: int, scenes: Sequence[Scene]) -> list[Ticket]:
        """Those who come in the minutes [first, end) of the day, in the order of their arrival."""
        minutes = np.arange(max(first_minute, self.first_minute), min(end_minute, self.end_minute))
        if not len(minutes):
            return []
        damp, rush = self._factors(minutes, scenes)
        rate = self._walk_in[minutes - self.first_minute] * damp * rush
        counts = poisson(uniform(self._key, minutes), rate)
        nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        minute = np.repeat(minutes, counts)
        draws = _draws(self._key, minute * _MOST_A_MINUTE + nth)
        arrives_ms = minute * MINUTE_MS + (draws[_MOMENT] * MINUTE_MS).astype(np.int64)
        coming = [*_tickets(self._hall.errands, self._items[0], TicketChannel.WALK_IN, arrives_ms, draws)]
        coming += self._kept(minutes, damp * (rush > 0))
        coming.sort(key=lambda ticket: ticket.arrives_ms)
        return coming

    def _factors(self, minutes: NDArray[np.int64], scenes: Sequence[Scene]) -> tuple[Floats, Floats]:
        """Rain, and rushes; nobody gets a ticket where the power is out."""
        hall, time_s = self._hall, self._origin_s + 60.0 * minutes + 30
        rush = np.where(is_dark(hall, time_s, scenes), 0.0, 1.0)
        for scene in scenes:
            if isinstance(scene, HallRush):
                rush = rush * scene.arrival_factor(hall.hall_id, time_s)
        return rain_factor(self._weather.rain_mm_h(hall.lon, hall.lat, time_s, scenes)), rush

    def _book(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """When those with an appointment arrive, in order, and their draws. Places are given out in proportion to what usually
        comes at that time; most people are early, by eight minutes in the mean."""
        slots = np.arange(self._hours.opens_ms, self._hours.closes_ms - SLOT_MS + 1, SLOT_MS)
        first = slots // MINUTE_MS - self.first_minute
        usual = np.concatenate([[0.0], np.cumsum(self._expected)])
        places = (usual[first + SLOT_MS // MINUTE_MS] - usual[first]) * self._booked / KEPT
        slot_key = key(self._key, "slots")
        counts = np.floor(places + uniform(slot_key, slots)).astype(np.int64)
        nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        begins = np.repeat(slots, counts)
        draws = _draws(slot_key, begins // SLOT_MS * _MOST_A_MINUTE + nth)
        early_ms = (480_000 + 420_000 * normal(slot_key, np.arange(len(begins)))).astype(np.int64)
        arrives = np.clip(begins - early_ms, self._hours.doors_ms, self._hours.closes_ms - 1)
        order = np.argsort(arrives, kind="stable")
        return arrives[order], draws[:, order]

    def _kept(self, minutes: NDArray[np.int64], factor: Floats) -> Iterator[Ticket]:
        """Appointments of these minutes that are kept; rain keeps away half as many as it does of the others."""
        arrives, draws = self._appointments
        first, end = np.searchsorted(arrives, (minutes[0] * MINUTE_MS, (minutes[-1] + 1) * MINUTE_MS))
        arrives, draws = arrives[first:end], draws[:, first:end]
        come = KEPT * ((1 + factor) / 2 * (factor > 0))[arrives // MINUTE_MS - minutes[0]]
        kept = draws[_MOMENT] < come
        yield from _tickets(self._hall.errands, self._items[1], TicketChannel.APPOINTMENT, arrives[kept], draws[:, kept])


def _by_minute(hall: Hall, day: date, hours: Hours, minutes: NDArray[np.int64]) -> Floats:
    """What the calendar lets expect in each minute, in days of an ordinary working day's tickets."""
    is_short = hours.closes_ms < WORKDAY.closes_ms
    table = SATURDAY_HALF_HOURS if is_short else HALF_HOURS
    shape = np.interp(minutes + 0.5, 510 + 30 * np.arange(len(table)), np.asarray(table, dtype=float))
    return np.asarray((SATURDAY_TICKETS if is_short else calendar_factor(day, hall.zone)) * shape / shape.sum())


def poisson(draw: Floats, mean: Floats) -> NDArray[np.int64]:
    """The quantiles of Poisson distributions at `draw` (0-1): grows with the mean."""
    safe = np.maximum(mean, 1e-9)
    above = np.ceil(pdtrik(draw, safe))
    below = np.maximum(above - 1, 0)
    n = np.where(pdtr(below, safe) >= draw, below, above)
    return np.where(mean > 0, np.minimum(n, _MOST_A_MINUTE - 1), 0).astype(np.int64)


def _draws(of: int, numbers: NDArray[np.int64]) -> Floats:
    """A column for each visitor, a row for each thing that he draws."""
    return uniform(of, numbers * _DRAWS + np.arange(_DRAWS)[:, None] + _BEYOND)


def _tickets(
    errands: Sequence[Errand], shares: Floats, channel: TicketChannel, arrives_ms: NDArray[np.int64], draws: Floats
) -> Iterator[Ticket]:
    which = np.searchsorted(shares, draws[_ITEM] * shares[-1], side="right").clip(0, len(errands) - 1)
    service_ms = _lognormal_ms(errands, which, draws[_SERVICE])
    offered = {errand.item for errand in errands}
    to = [errand.leads_to if errand.leads_to in offered else None for errand in errands]
    then = [errands.index(ERRAND[item.value]) if item else k for k, item in enumerate(to)]
    then_ms = _lognormal_ms(errands, np.array(then)[which], draws[_THEN])
    patience_ms = (1000 * PATIENCE_SCALE_S * (-np.log(draws[_PATIENCE])) ** (1 / PATIENCE_SHAPE)).astype(np.int64)
    hears = draws[_HEARS]
    unheard = np.select([hears < ABSENT, hears < ABSENT + COMES_LATE / 5, hears < ABSENT + COMES_LATE], [99, 2, 1], 0)
    walk_ms, aside_ms, rates_ms = (
        (1000 * _between(limits, draw)).astype(np.int64)
        for limits, draw in ((WALK_S, draws[_WALK]), (ASIDE_S, draws[_ASIDE_FOR]), (RATES_AFTER_S, draws[_RATES] / RATES))
    )
    aside_share = np.where(draws[_ASIDE] < ASIDE, _between(ASIDE_SHARE, draws[_ASIDE_AT]), 0.0)
    items, letters = [errand.item.value for errand in errands], [errand.counter for errand in errands]
    leads_to = [item.value if item else None for item in to]
    chosen, is_sent_on = which.tolist(), (draws[_SENT_ON] < SENT_ON).tolist()
    return map(
        Ticket, arrives_ms.tolist(), [items[k] for k in chosen], repeat(channel.value), [letters[k] for k in chosen],
        service_ms.tolist(), patience_ms.tolist(), (draws[_SILENT] < SILENT).tolist(), unheard.tolist(), walk_ms.tolist(),
        aside_share.tolist(), aside_ms.tolist(), [leads_to[k] if on else None for k, on in zip(chosen, is_sent_on, strict=True)],
        then_ms.tolist(), np.where(draws[_RATES] < RATES, rates_ms, 0).tolist(), draws[_MOOD].tolist(),
    )  # fmt: skip


def _between(limits: tuple[float, float], draw: Floats) -> Floats:
    return limits[0] + (limits[1] - limits[0]) * draw


def _lognormal_ms(errands: Sequence[Errand], which: NDArray[np.int64], draw: Floats) -> NDArray[np.int64]:
    median, sigma = (np.array(column)[which] for column in ([e.median_s for e in errands], [e.sigma for e in errands]))
    seconds = np.clip(median * np.exp(sigma * ndtri(draw)), SHORTEST_S, LONGEST_S)
    return np.asarray(1000 * seconds, dtype=np.int64)
