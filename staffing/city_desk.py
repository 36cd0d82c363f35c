"""The city's desk: keeps the days of all halls that are over, watches for surges, and reckons once an hour what the weeks say:
what rain, closed roads and the eve of days off do, and when it is best to come.

Days are read one hall at a time, the newest first; each is counted again from time to time and made anew when events of it have
come since, which is how a history that is sent later is found. Nothing of it is lost when the desk dies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from math import cos, hypot, radians
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import shapely

from domain.derived import Measure, parse_key
from domain.moments import Moment
from gis_data.crs import METRES_PER_DEGREE
from staffing import cross_effects, surges
from staffing.cross_effects import HALVES, NEAR_M, HalfDay
from staffing.demand import P90_SD, SPREAD_TO_TAILS
from staffing.floor import Book, Day, day_of, local_day
from staffing.hall_days import HallDay, hall_day, usual_waits
from staffing.practice import HallPractice
from staffing.profiles import ARRIVAL_SLOT_S, IsWorked, Profile, day_kind
from staffing.surges import BIN, Counts, Surge
from storage import hall_city, halls
from storage.connection import Connection
from storage.hall_city import ClosedSpan, Expected, StoredDay, StoredSurge

RAIN = "precipitation"
DAYS_BACK = 56
"""Eight weeks: eight of each weekday."""
COUNT_EVERY, SURGES_EVERY = timedelta(seconds=30), timedelta(minutes=1)
WEEKS_EVERY, FIRST_WEEKS_EVERY = timedelta(hours=1), timedelta(minutes=5)
"""How often the weeks are reckoned when there are new days; the latter while the days are read for the first time."""
BINS = 24
"""Two hours are looked back for the beginning of a surge."""
FORESEEN_BEFORE = timedelta(hours=4)
"""What was expected so long ago: a newer forecast has learned of the surge and calls it usual."""
LEAST_NOISE = 0.1
"""No expectation of a single item errs less."""


class Known(Protocol):
    """What the desk has to know of the halls beside what it reads itself."""

    @property
    def profiles(self) -> Mapping[str, Profile]: ...


class CityDesk:
    """One round of work, and what it remembers between rounds."""

    def __init__(self, practice: HallPractice, zone: ZoneInfo, is_worked: IsWorked) -> None:
        self._zone, self._is_worked = zone, is_worked
        self._to_count: deque[date] = deque()
        self._to_make: deque[tuple[str, Day, int]] = deque()
        self._today: date | None = None
        self._is_first_round = self._was_reading = True
        self._has_new_days = True
        self._done_at: dict[str, datetime] = {}
        self._standing: tuple[Surge, ...] | None = None
        self._conn: Connection | None = None

    def tick(self, conn: Connection, now: datetime, seen: Known) -> Mapping[str, Any]:
        """Does one thing at most that takes long; returns figures for the system page."""
        if conn is not self._conn:
            self._conn, self._standing = conn, None
        if self._is_due("surges", now, SURGES_EVERY):
            self._watch(conn, now, seen)
        is_reading = self._is_first_round or bool(self._to_make)
        if self._was_reading and not is_reading:
            self._done_at.pop("weeks", None)
        self._was_reading = is_reading
        if self._has_new_days and self._is_due("weeks", now, FIRST_WEEKS_EVERY if is_reading else WEEKS_EVERY):
            self._reckon(conn, now)
        elif self._to_make:
            self._make(conn, *self._to_make.popleft(), now)
        elif self._is_first_round or self._is_due("count", now, COUNT_EVERY):
            self._count(conn, now)
        return {"surges": len(self._standing or ()), "days_to_read": len(self._to_make)}

    def _is_due(self, what: str, now: datetime, every: timedelta) -> bool:
        if what in self._done_at and abs(now - self._done_at[what]) < every:
            return False
        self._done_at[what] = now
        return True

    def _count(self, conn: Connection, now: datetime) -> None:
        """Which halls have other events of a day than those that its figures were made from."""
        today = local_day(now, self._zone).date
        if today != self._today or not self._to_count:
            self._is_first_round = today != self._today
            self._today = today
            self._to_count = deque(today - timedelta(days=back) for back in range(1, DAYS_BACK + 1))
        day = day_of(self._to_count.popleft(), self._zone)
        made_from = hall_city.count_days(conn, day.date)
        counted = halls.count_hall_events(conn, day.start, day.end, Moment.live(now))
        self._to_make.extend((hall_id, day, n) for hall_id, n in sorted(counted.items()) if made_from.get(hall_id) != n)
        if not self._to_count:
            self._is_first_round = False

    def _make(self, conn: Connection, hall_id: str, day: Day, n_events: int, now: datetime) -> None:
        told = halls.list_hall_events(conn, day.start, day.end, Moment.live(now), hall_ids=[hall_id])
        made = hall_day(hall_id, Book(told).floor, day.date, self._zone, n_events)
        hall_city.write_day(conn, StoredDay(hall_id, day.date, n_events, made.as_json()), now)
        self._has_new_days = True

    def _watch(self, conn: Connection, now: datetime, seen: Known) -> None:
        if self._standing is None:
            self._standing = tuple(as_surge(row) for row in hall_city.list_surges(conn, ended_after=now))
        counts = self._counts(conn, now, seen)
        self._standing = surges.surges([*counts, *surges.together(counts)], self._standing, now)
        hall_city.write_surges(conn, [_stored(surge) for surge in self._standing], now)

    def _counts(self, conn: Connection, now: datetime, seen: Known) -> list[Counts]:
        """Who came of late for what, beside what was expected: hours ago, else usually. Where nothing was, nothing is said."""
        start = now - BINS * BIN
        came = hall_city.count_came(conn, start, now, BIN, Moment.live(now))
        foreseen = {
            (derived.hall_id, derived.item): each
            for each in hall_city.list_expected(conn, issued_by=now - FORESEEN_BEFORE)
            if (derived := parse_key(each.key)) is not None and derived.measure is Measure.ARRIVALS
        }
        usual = {(hall_id, item) for hall_id, profile in seen.profiles.items() for item in profile.items}
        counts = []
        for hall_id, item in sorted(came.keys() | foreseen.keys() | usual):
            expected = _foreseen(foreseen.get((hall_id, item)), start) or self._usual(seen.profiles.get(hall_id), item, start)
            if item and expected is not None:
                observed = came.get((hall_id, item), {})
                counts.append(Counts(hall_id, item, tuple(observed.get(k, 0) for k in range(BINS)), *expected))
        return counts

    def _usual(self, profile: Profile | None, item: str, start: datetime) -> tuple[tuple[float, ...], float] | None:
        """What is usual on such a day, and its noise."""
        day = local_day(start, self._zone)
        slots = profile.items[item].usual.get(day_kind(day.date, self._is_worked)) if profile and item in profile.items else None
        if profile is None or not slots:
            return None
        return tuple(surges.in_bins(day.start, ARRIVAL_SLOT_S, slots, start, BINS)), max(profile.day_noise, LEAST_NOISE)

    def _reckon(self, conn: Connection, now: datetime) -> None:
        self._has_new_days = False
        today = local_day(now, self._zone).date
        since = today - timedelta(days=DAYS_BACK)
        stored = hall_city.list_days(conn, since)
        days = [HallDay.from_json(d.hall_id, d.day, d.n_events, d.content) for d in stored if d.day < today]
        if not days:
            return
        found = cross_effects.effects(self._half_days(conn, days, now))
        content = {
            "days": len({day.day for day in days}), "cross": [asdict(effect) for effect in found],
            "best": [asdict(usual) for usual in usual_waits(days)],
        }  # fmt: skip
        hall_city.write_weeks(conn, content, now)

    def _half_days(self, conn: Connection, days: Sequence[HallDay], now: datetime) -> list[HalfDay]:
        first, last = (day_of(pick(day.day for day in days), self._zone) for pick in (min, max))
        rain = hall_city.list_rain(conn, RAIN, first.start, last.end)
        spans = hall_city.list_closed_spans(conn, first.start, last.end)
        places = {p.hall_id: (p.lon, p.lat) for p in halls.list_halls(conn) if p.lon is not None and p.lat is not None}
        near = {hall_id: [span for span in spans if _distance_m(place, span) <= NEAR_M] for hall_id, place in places.items()}
        rows = []
        for each in days:
            for number, hours in enumerate(HALVES):
                midnight = day_of(each.day, self._zone).start
                start, end = midnight + timedelta(hours=hours.start), midnight + timedelta(hours=hours.stop)
                fallen = [mm for hour, mm in rain.items() if start <= hour < end]
                rows.append(HalfDay(
                    each.hall_id, each.day, number, each.walk_ins(hours), sum(fallen) if fallen else None,
                    _closed_share(near.get(each.hall_id, ()), start, end, now), cross_effects.is_eve(each.day, self._is_worked),
                ))  # fmt: skip
        return rows


def _foreseen(told: Expected | None, start: datetime) -> tuple[tuple[float, ...], float] | None:
    """Expected arrivals by bin, and their noise: what of the interval's width a Poisson count does not explain."""
    end = start + BINS * BIN
    if told is None or told.first_target > start or told.first_target + timedelta(seconds=told.step_s * len(told.q50)) < end:
        return None
    mean = [
        max(0.0, SPREAD_TO_TAILS * (low + high) + (1 - 2 * SPREAD_TO_TAILS) * mid)
        for low, mid, high in zip(told.q10, told.q50, told.q90, strict=True)
    ]
    extra = [max(0.0, ((high - low) / P90_SD) ** 2 - m) ** 0.5 for low, high, m in zip(told.q10, told.q90, mean, strict=True)]
    expected, errs = (surges.in_bins(told.first_target, told.step_s, row, start, BINS) for row in (mean, extra))
    total = sum(expected)
    return tuple(expected), max(LEAST_NOISE, sum(errs) / total if total else 0.0)


def _distance_m(place: tuple[float, float], span: ClosedSpan) -> float:
    """From a hall to the nearest part of what is closed."""
    drawn = shapely.geometry.shape(span.geometry)
    line = shapely.shortest_line(shapely.Point(place), drawn)
    (lon, lat), (to_lon, to_lat) = line.coords[0], line.coords[-1]
    return METRES_PER_DEGREE * hypot((to_lon - lon) * cos(radians(lat)), to_lat - lat)


def _closed_share(spans: Sequence[ClosedSpan], start: datetime, end: datetime, now: datetime) -> float:
    """Of the time from `start` to `end`, with any of them closed."""
    closed, reached = 0.0, start
    for since, until in sorted((span.since, span.until or now) for span in spans):
        since, until = max(since, reached), min(until, end)
        if until > since:
            closed += (until - since).total_seconds()
            reached = until
    return closed / (end - start).total_seconds()


def as_surge(row: StoredSurge) -> Surge:
    """A surge as it was stored."""
    said = row.content
    return Surge(
        row.hall_id, row.item, row.since, row.raised_at, row.shown_at, said["minutes"], said["observed"], said["expected"],
        said["chance"],
    )  # fmt: skip


def _stored(surge: Surge) -> StoredSurge:
    content = {
        "minutes": surge.minutes, "observed": surge.observed, "expected": round(surge.expected, 2), "chance": surge.chance,
    }  # fmt: skip
    return StoredSurge(surge.hall_id, surge.item, surge.since, surge.raised_at, surge.shown_at, None, content)
