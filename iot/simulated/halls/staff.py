"""Staff: the halls of a city with their windows, clerks and skills, and who sits where when.

Clerks have pseudonyms (c01 ...) that mean something only within their hall. Most do the items of one counter, some do all; a
part of the windows is spare, with fewer clerks in reserve than there are such windows. Moments of a day are milliseconds since
the hall's local midnight.

How many people a hall expects follows from its windows, not the other way round: as many as keep the windows of its roster
busy for a share of their time that differs by hall, 86-94 % (`LOAD`). With two peaks a day more comes in the busiest hour than
can be done in it, some 110 %, and a queue grows that noon and evening dissolve: waits of minutes as a rule, up to half an hour
in the peaks. These are our choices, within what service halls report of themselves; no single record was followed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from scipy.special import ndtri

from gis_data.city import City, Place
from iot.simulated.calendar import DayType, day_type
from iot.simulated.chance import key, normal, uniform
from iot.simulated.halls.errands import ERRAND, ERRANDS, SENT_ON, Errand

DOMAIN = "hall"
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

ASSUMED_WINDOWS = 12
"""For a hall whose place does not say how many windows it has."""

WINDOWS_PER_KIOSK = 8

ROSTERED, FULL_DAY, ALL_ROUND = 0.76, 0.62, 0.4
"""Shares: of windows that are in the roster; of those, that stay open all day and not only in the peaks; that do every item."""

IN_RESERVE = 0.75
"""Clerks in reserve for each spare window."""

LOAD = (0.86, 0.94)
"""Least and most of the manned time that is worked; drawn by hall."""

HANDLING_S = 30.0
"""What a customer costs a window beyond the service: walking up, clearing the desk, waiting for those who do not come."""

PEAKS_MS = ((9 * HOUR_MS + 30 * MINUTE_MS, 11 * HOUR_MS + 30 * MINUTE_MS), (14 * HOUR_MS, 16 * HOUR_MS))
LUNCHES_MS, LUNCH_MS = tuple(11 * HOUR_MS + (20 + 50 * sitting) * MINUTE_MS for sitting in range(3)), 45 * MINUTE_MS
BREATHERS_MS = ((9 * HOUR_MS + 50 * MINUTE_MS, 11 * HOUR_MS), (14 * HOUR_MS + 15 * MINUTE_MS, 16 * HOUR_MS))
"""Every other clerk takes ten minutes within each of these."""

FAULT_EVERY_DAYS = 60
ON_SATURDAY = 0.6


class Hours(NamedTuple):
    """When the doors and ticket machines open, the windows open, and the last ticket is given."""

    doors_ms: int
    opens_ms: int
    closes_ms: int


WORKDAY = Hours(8 * HOUR_MS + 45 * MINUTE_MS, 9 * HOUR_MS, 17 * HOUR_MS)
SATURDAY = Hours(8 * HOUR_MS + 45 * MINUTE_MS, 9 * HOUR_MS, 12 * HOUR_MS)


@dataclass(frozen=True, slots=True)
class Clerk:
    """`pace` multiplies the time that a service takes."""

    pseudonym: str
    skills: frozenset[str]
    pace: float = 1.0


class Post(NamedTuple):
    """A window of the roster: its number, the counter it belongs to ("" for one that does every item)."""

    window: int
    counter: str
    is_full_day: bool


class Duty(NamedTuple):
    """A window on one day: who sits there, for which items, from when to when (`spans`), with which breaks and faults (when they
    begin, how long they last)."""

    window: int
    clerk: Clerk
    items: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    breaks: tuple[tuple[int, int], ...] = ()
    faults: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Hall:
    """A hall as it is. `shares` are those of its errands in its tickets, `tickets` how many it expects on an ordinary working
    day; `posts` are its roster, the windows beyond them are spare. `key` draws its chances."""

    hall_id: str
    district_code: str
    name_zh: str
    name_en: str
    lon: float
    lat: float
    is_main: bool
    n_windows: int
    windows_are_assumed: bool
    errands: tuple[Errand, ...]
    shares: tuple[float, ...]
    posts: tuple[Post, ...] = field(repr=False)
    clerks: tuple[Clerk, ...] = field(repr=False)
    tickets: float
    zone: ZoneInfo
    key: int

    @property
    def device_id(self) -> str:
        """The queue: who speaks for the hall, and hears its commands."""
        return f"{self.district_code}/{DOMAIN}/{self.hall_id}/queue-{self.hall_id}"

    @property
    def kiosk_ids(self) -> tuple[str, ...]:
        n = 1 + self.n_windows // WINDOWS_PER_KIOSK
        return tuple(f"{self.district_code}/{DOMAIN}/{self.hall_id}/kiosk-{self.hall_id}-{k + 1}" for k in range(n))

    @property
    def items(self) -> tuple[str, ...]:
        return tuple(errand.item.value for errand in self.errands)

    def hours(self, day: date) -> Hours | None:
        """When the hall is open on a local date; None if it is not. Working days (make-up workdays included), and the morning of
        an ordinary Saturday in main halls."""
        kind = day_type(day, self.zone)
        if kind is DayType.WORKDAY:
            return WORKDAY
        return SATURDAY if self.is_main and kind is DayType.WEEKEND and day.weekday() == 5 else None


def halls_of(city: City, seed: int) -> tuple[Hall, ...]:
    """The service halls of a city that lie in a district."""
    return tuple(_hall(place, ZoneInfo(city.zone), seed) for place in city.places_of("service_hall") if place.district_code)


def _hall(place: Place, zone: ZoneInfo, seed: int) -> Hall:
    own = key(seed, "hall", place.id)
    told = place.attributes.get("windows")
    n_windows = max(1, int(told or ASSUMED_WINDOWS))
    is_main = bool(place.attributes.get("is_main", n_windows >= 20))
    errands = tuple(errand for errand in ERRANDS if is_main or errand.in_branches)
    liking = normal(own, range(len(errands))).tolist()
    weights = [errand.share * math.exp(0.3 * z) for errand, z in zip(errands, liking, strict=True)]
    shares = tuple(weight / sum(weights) for weight in weights)
    posts = tuple(_posts(n_windows, errands, shares))
    load = LOAD[0] + (LOAD[1] - LOAD[0]) * float(uniform(own, 100))
    return Hall(
        place.id, str(place.district_code), place.name_zh, place.name_en, place.lon, place.lat, is_main, n_windows, told is None,
        errands, shares, posts, tuple(_clerks(own, n_windows, errands, posts)),
        load * sum(map(_staffed_s, posts)) / _handling_s(errands, shares), zone, own,
    )  # fmt: skip


def _posts(n_windows: int, errands: Sequence[Errand], shares: Sequence[float]) -> Iterator[Post]:
    """Counters get windows by their share of the work (largest remainders), most of each for the whole day."""
    rostered = math.ceil(ROSTERED * n_windows)
    all_round = min(rostered, max(2, round(ALL_ROUND * rostered)))
    work: dict[str, float] = {}
    for errand, share in zip(errands, shares, strict=True):
        work[errand.counter] = work.get(errand.counter, 0.0) + share * errand.mean_s
    exact = {counter: (rostered - all_round) * part / sum(work.values()) for counter, part in work.items()}
    n_of = {counter: int(n) for counter, n in exact.items()}
    for counter in sorted(exact, key=lambda counter: n_of[counter] - exact[counter])[: rostered - all_round - sum(n_of.values())]:
        n_of[counter] += 1
    window = 0
    for counter, n in (*n_of.items(), ("", all_round)):
        for k in range(n):
            window += 1
            yield Post(window, counter, k < math.ceil(FULL_DAY * n))


def _clerks(own: int, n_windows: int, errands: Sequence[Errand], posts: Sequence[Post]) -> Iterator[Clerk]:
    """One for each post and the reserve, of whom every third belongs to a counter."""
    counters = [post.counter for post in posts]
    for k in range(math.ceil(IN_RESERVE * (n_windows - len(posts)))):
        counters.append(posts[k % len(posts)].counter if k % 3 == 2 else "")
    for k, (counter, z) in enumerate(zip(counters, normal(own, range(200, 200 + len(counters))).tolist(), strict=True), 1):
        yield Clerk(f"c{k:02d}", frozenset(items_at(counter, errands)), math.exp(0.12 * z - 0.0072))


def items_at(counter: str, errands: Sequence[Errand]) -> tuple[str, ...]:
    """The items that a counter does; all for ""."""
    return tuple(errand.item.value for errand in errands if counter in ("", errand.counter))


def _staffed_s(post: Post) -> float:
    """For how long a post is manned on a working day."""
    if not post.is_full_day:
        return sum(until - since for since, until in PEAKS_MS) / 1000
    return (WORKDAY.closes_ms - WORKDAY.opens_ms - LUNCH_MS) / 1000 - 0.5 * len(BREATHERS_MS) * 600


def _handling_s(errands: Sequence[Errand], shares: Sequence[float]) -> float:
    """How long a ticket keeps windows busy in the mean, those who are sent on counted with both errands."""
    offered = {errand.item for errand in errands}
    return HANDLING_S + sum(
        share * (errand.mean_s + (SENT_ON * ERRAND[errand.leads_to].mean_s if errand.leads_to in offered else 0))
        for errand, share in zip(errands, shares, strict=True)
    )


def rota(hall: Hall, day: date, hours: Hours) -> tuple[list[Duty], list[Clerk]]:
    """Who sits where on a day that the hall is open, and who is in reserve. Clerks move on by one window of their counter from
    day to day."""
    skilled: dict[frozenset[str], list[Clerk]] = {}
    for clerk in hall.clerks:
        skilled.setdefault(clerk.skills, []).append(clerk)
    for clerks in skilled.values():
        turn = day.toordinal() % len(clerks)
        clerks[:] = clerks[turn:] + clerks[:turn]
    draws = uniform(key(hall.key, "rota", day.isoformat()), range(16 * (len(hall.posts) + 1))).tolist()
    is_short = hours.closes_ms < WORKDAY.closes_ms
    duties = []
    for post in hall.posts:
        draw = draws[16 * post.window :]
        if is_short and (not post.is_full_day or (post.counter and draw[0] > ON_SATURDAY)):
            continue
        items = items_at(post.counter, hall.errands)
        late_ms = int(3 * MINUTE_MS * draw[1] ** 3)
        hours_on = (hours[1:],) if post.is_full_day else PEAKS_MS
        spans = tuple((since + late_ms, until) for since, until in hours_on)
        breaks = tuple(_breaks(post.window, draw)) if post.is_full_day and not is_short else ()
        fault = _within(hours.opens_ms, hours.closes_ms, draw[9]), _fault_ms(draw[10])
        faults = (fault,) if draw[8] * FAULT_EVERY_DAYS < 1 else ()
        duties.append(Duty(post.window, skilled[frozenset(items)].pop(0), items, spans, breaks, faults))
    return duties, [clerk for clerks in skilled.values() for clerk in clerks]


def _breaks(window: int, draw: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Lunch in three sittings, by turns of the windows, and short breaks."""
    yield LUNCHES_MS[window % 3] + int(5 * MINUTE_MS * draw[2]), LUNCH_MS
    for nth, (since, until) in enumerate(BREATHERS_MS):
        if draw[3 + 2 * nth] < 0.5:
            yield _within(since, until, draw[4 + 2 * nth]), 10 * MINUTE_MS


def _within(since_ms: int, until_ms: int, draw: float) -> int:
    return since_ms + int((until_ms - since_ms) * draw)


def _fault_ms(draw: float) -> int:
    """Half are mended within 25 minutes, one in ten takes more than an hour."""
    return int(min(25 * MINUTE_MS * math.exp(0.7 * float(ndtri(draw))), 3 * HOUR_MS))
