"""Figures of halls, from their floors: how long people wait, what works, how the day has gone.

Seconds on the halls' own clocks; shares from 0 to 1. Waits of the last hour are those that ended with a call within it; a
quantile is the smallest wait that at least that share did not exceed (nearest rank). Load is offered load per window: people who
came in the last hour times the mean service of the day, over the time for which windows were open in that hour; above 1 the
queue grows. A figure that the events do not give is None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil
from statistics import fmean, median
from zoneinfo import ZoneInfo

from domain.halls import WindowState
from staffing.floor import Day, Floor, Outcome, Stage, Ticket, Window, day_of

HOUR = timedelta(hours=1)
SLOT = timedelta(minutes=30)
"""Of counted arrivals."""

ENOUGH_SERVICES = 5
"""Before so many services have ended, their mean says nothing of the load."""

GRADES = 5
GOOD_GRADES = 3
"""Of the five grades of 好差评 the first three (very satisfied, satisfied, basically satisfied) count as good."""

WEEK_DAYS = 7


@dataclass(frozen=True, slots=True)
class ItemNow:
    """One item of a hall: who waits for it, since when the first of them, what the last hour was like, windows open for it."""

    item: str
    waiting: int
    wait_s: float | None
    p90_s: float | None
    n_waits: int
    windows: int


@dataclass(frozen=True, slots=True)
class WindowNow:
    """One window: its state since when, its items, and the ticket that is there (`stage` called or served) since when."""

    number: int
    state: WindowState
    since: datetime
    items: tuple[str, ...]
    clerk: str | None
    is_presumed: bool
    ticket: str | None
    item: str | None
    stage: Stage | None
    ticket_since: datetime | None
    n_served: int


@dataclass(frozen=True, slots=True)
class HallNow:
    """A hall at one moment. `serving` counts those who are called as well; `arrived` = waiting + serving + aside + served +
    no_shows + left. `unannounced` of them were not seen to arrive. `wait_s` is the longest of those who wait now, `p50_s` and
    `p90_s` of the last hour's `n_waits`. `arrivals` counts by half hours from local midnight on; `ratings` by grade, best first.
    `newest` is the time of its newest event, `impossible` how many of them cannot be."""

    hall_id: str
    is_open: bool
    waiting: int
    serving: int
    aside: int
    arrived: int
    unannounced: int
    served: int
    no_shows: int
    left: int
    wait_s: float | None
    p50_s: float | None
    p90_s: float | None
    n_waits: int
    load: float | None
    windows_open: int
    items: tuple[ItemNow, ...]
    windows: tuple[WindowNow, ...]
    arrivals: tuple[int, ...]
    by_channel: Mapping[str, int]
    ratings: tuple[int, ...]
    newest: datetime | None
    impossible: int

    @property
    def good_share(self) -> float | None:
        n = sum(self.ratings)
        return sum(self.ratings[:GOOD_GRADES]) / n if n else None


def hall_now(hall_id: str, floor: Floor, day: Day, now: datetime, items: Iterable[str] = ()) -> HallNow:
    """The figures of a hall's floor at `now`, a moment of `day`. `items` are those it offers, also when nobody came for them."""
    stages = Counter(ticket.stage for ticket in floor.present.values())
    waiting = [ticket for ticket in floor.present.values() if ticket.stage is Stage.WAITING]
    windows = sorted(floor.windows.values(), key=lambda window: window.number)
    is_open = [window for window in windows if window.state is WindowState.OPEN]
    waits: dict[str, list[float]] = {}
    for wait in reversed(floor.waits):  # in the order of their ends
        if wait.until <= now - HOUR:
            break
        waits.setdefault(wait.item, []).append(wait.seconds)
    hour = [seconds for of_item in waits.values() for seconds in of_item]
    return HallNow(
        hall_id=hall_id,
        is_open=bool(floor.present) or any(window.state is not WindowState.CLOSED for window in windows),
        waiting=len(waiting), serving=stages[Stage.SERVED] + stages[Stage.CALLED], aside=stages[Stage.ASIDE],
        arrived=len(floor.tickets), unannounced=len(floor.tickets) - len(floor.arrivals),
        served=floor.outcomes[Outcome.SERVED], no_shows=floor.outcomes[Outcome.NO_SHOW],
        left=floor.outcomes[Outcome.ABANDONED],
        wait_s=_longest(waiting, now), p50_s=quantile(hour, 0.5), p90_s=quantile(hour, 0.9), n_waits=len(hour),
        load=_load(floor, day, now), windows_open=len(is_open),
        items=tuple(_items(waiting, waits, is_open, now, items)), windows=tuple(map(_window, windows)),
        arrivals=_by_slot(floor, day), by_channel=Counter(channel or "" for _, channel in floor.arrivals),
        ratings=tuple(Counter(rating.grade for rating in floor.ratings.values())[grade] for grade in range(1, GRADES + 1)),
        newest=floor.newest, impossible=floor.impossible.total(),
    )  # fmt: skip


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of them do not exceed; None without any."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)] if values else None


def next_opening(openings: Mapping[date, datetime], now: datetime, zone: ZoneInfo) -> datetime | None:
    """When a hall usually opens next: the first of the coming seven days on whose day of the week it opened at least as often as
    not, at the median of its first arrivals then. `openings` are first arrivals by local date; weeks count from the earliest."""
    today = now.astimezone(zone).date()
    if not openings:
        return None
    first = min(openings)
    for ahead in range(WEEK_DAYS + 1):
        day = today + timedelta(days=ahead)
        same = [day - timedelta(days=WEEK_DAYS * back) for back in range(1, 1 + (day - first).days // WEEK_DAYS)]
        times = [openings[d].astimezone(zone) for d in same if d in openings]
        if not times or 2 * len(times) < len(same):
            continue
        seconds = median(3600 * time.hour + 60 * time.minute + time.second for time in times)
        at = (datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(seconds=seconds)).astimezone(now.tzinfo)
        if at > now:
            return at
    return None


def usual_arrivals(counts: Sequence[Sequence[int]]) -> tuple[float, ...] | None:
    """The mean by slot over earlier days; None without any. Days of a change of clocks may be an hour shorter or longer."""
    if not counts:
        return None
    return tuple(fmean(row[k] if k < len(row) else 0 for row in counts) for k in range(max(map(len, counts))))


def same_weekdays(day: Day, n: int, zone: ZoneInfo) -> list[Day]:
    """The same day of the week in the `n` weeks before, newest first."""
    return [day_of(day.date - timedelta(days=WEEK_DAYS * back), zone) for back in range(1, n + 1)]


def _items(
    waiting: Sequence[Ticket], waits: Mapping[str, Sequence[float]], is_open: Sequence[Window], now: datetime,
    offered: Iterable[str],
) -> Iterable[ItemNow]:  # fmt: skip
    served = {item for window in is_open for item in window.items}
    queues: dict[str, list[Ticket]] = {}
    for ticket in waiting:
        queues.setdefault(ticket.item, []).append(ticket)
    for item in dict.fromkeys([*offered, *sorted(queues.keys() | waits.keys() | served)]):
        queue, of_item = queues.get(item, []), waits.get(item, ())
        n_windows = sum(item in window.items for window in is_open)
        yield ItemNow(item, len(queue), _longest(queue, now), quantile(of_item, 0.9), len(of_item), n_windows)


def _window(window: Window) -> WindowNow:
    there = window.serving or window.called
    return WindowNow(
        window.number, window.state, window.since, window.items, window.clerk, window.is_presumed,
        there.number if there else None, there.item if there else None, there.stage if there else None,
        there.since if there else None, window.n_served,
    )  # fmt: skip


def _longest(waiting: Sequence[Ticket], now: datetime) -> float | None:
    """0 when nobody waits is no wait, but a figure: nobody does."""
    since = [ticket.waits_since for ticket in waiting if ticket.waits_since is not None]
    return max(0.0, (now - min(since)).total_seconds()) if since else 0.0


def _load(floor: Floor, day: Day, now: datetime) -> float | None:
    since = max(now - HOUR, day.start)
    open_s = sum(window.open_s(since, now) for window in floor.windows.values())
    if len(floor.services) < ENOUGH_SERVICES or not open_s:
        return None
    came = 0
    for at, _ in reversed(floor.arrivals):
        if at <= since:
            break
        came += 1
    return came * fmean(service.seconds for service in floor.services) / open_s


def _by_slot(floor: Floor, day: Day) -> tuple[int, ...]:
    counts = [0] * ceil((day.end - day.start) / SLOT)
    for at, _ in floor.arrivals:
        counts[(at - day.start) // SLOT] += 1
    return tuple(counts)
