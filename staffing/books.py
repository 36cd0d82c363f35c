"""Halls as they are now: the books of the local day, kept between frames, so that a frame reads only what is new.

What is read reaches a little behind the frame before, because events are stamped before they are committed; once a minute the
books are compared with what the memory holds, and a hall that lacks events is read whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.halls import HallEvent
from domain.moments import Moment
from staffing.day_tables import DayTable, day_table
from staffing.demand import Demand
from staffing.figures import HallNow, hall_now, next_opening
from staffing.floor import Book, Day, Floor, day_of, local_day
from staffing.profiles import Profile
from storage import halls
from storage.connection import Connection, one_view
from storage.halls import HallPlace, QueueValue

OVERLAP = timedelta(seconds=30)
"""How far a frame looks back behind the one before."""
CENSUS_EVERY = timedelta(minutes=1)
OPENINGS_DAYS = 28
"""So many days back tell when a hall usually opens."""


@dataclass(frozen=True, slots=True)
class Hall:
    """A hall as it is: `now` is None where no event of the day is known, `queues` are the snapshots of one that tells no events,
    `place` is None for one that never introduced itself. `opens` is when it usually opens next, `table` its
    day by item and window."""

    hall_id: str
    place: HallPlace | None
    now: HallNow | None
    queues: tuple[QueueValue, ...]
    opens: datetime | None
    table: DayTable | None = None


@dataclass(frozen=True, slots=True)
class HallsNow:
    """All halls at one moment of a local day."""

    moment: Moment
    day: Day
    halls: tuple[Hall, ...]

    def find(self, hall_id: str) -> Hall | None:
        return next((hall for hall in self.halls if hall.hall_id == hall_id), None)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the desks of the process of the halls look at: the halls as they are, the floors behind them, what is usual there
    and who is expected, by hall; `day_kind` is what kind of day (`staffing.profiles.DAY_KINDS`) it is. A hall may lack any of
    these."""

    now: HallsNow
    floors: Mapping[str, Floor]
    profiles: Mapping[str, Profile]
    demands: Mapping[str, Demand]
    day_kind: str

    @property
    def day(self) -> Day:
        return self.now.day


class Books:
    """The books of a local day. Asked again, it reads what is new; a day that ends is forgotten."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._day: Day | None = None
        self._books: dict[str, Book] = {}
        self._tables: dict[str, tuple[int, DayTable]] = {}
        self._openings: dict[str, dict[date, datetime]] = {}
        self._read_at: datetime | None = None
        self._counted_at: datetime | None = None

    @property
    def floors(self) -> dict[str, Floor]:
        """The floors of the day as they were read last, by hall."""
        return {hall_id: book.floor for hall_id, book in self._books.items()}

    def read(self, conn: Connection, moment: Moment) -> HallsNow:
        """The halls at `moment`, which is not before the one asked for last."""
        day = local_day(moment.at, self._zone)
        with one_view(conn):
            places = {place.hall_id: place for place in halls.list_halls(conn)}
            if day != self._day or self._read_at is None or moment.at < self._read_at:
                self._open(conn, day, moment, places)
            else:
                self._take(halls.list_hall_events(conn, day.start, day.end, moment, received_since=self._read_at - OVERLAP))
                if self._counted_at is None or moment.at - self._counted_at >= CENSUS_EVERY:
                    self._count(conn, day, moment)
            queues = halls.list_queue_values(conn, moment)
        self._read_at = moment.at
        return HallsNow(moment, day, tuple(self._halls(day, moment, places, queues)))

    def _open(self, conn: Connection, day: Day, moment: Moment, places: Iterable[str]) -> None:
        self._day, self._books, self._tables, self._counted_at = day, {}, {}, moment.at
        self._take(halls.list_hall_events(conn, day.start, day.end, moment))
        before = [day_of(day.date - timedelta(days=back), self._zone) for back in range(1, OPENINGS_DAYS + 1)]
        dates = {earlier.start: earlier.date for earlier in before}
        self._openings = {}
        for (hall_id, start), first in halls.list_openings(conn, list(places), [d[1:] for d in before], moment).items():
            self._openings.setdefault(hall_id, {})[dates[start]] = first

    def _take(self, events: Iterable[HallEvent]) -> None:
        by_hall: dict[str, list[HallEvent]] = {}
        for event in events:
            by_hall.setdefault(event.hall_id, []).append(event)
        for hall_id, of_hall in by_hall.items():
            self._books.setdefault(hall_id, Book()).take(of_hall)

    def _count(self, conn: Connection, day: Day, moment: Moment) -> None:
        counts = halls.count_hall_events(conn, day.start, day.end, moment)
        lacking = [hall_id for hall_id, n in counts.items() if hall_id not in self._books or len(self._books[hall_id]) != n]
        if lacking:
            self._take(halls.list_hall_events(conn, day.start, day.end, moment, hall_ids=lacking))
        self._counted_at = moment.at

    def _halls(self, day: Day, moment: Moment, places: Mapping[str, HallPlace], queues: Iterable[QueueValue]) -> Iterable[Hall]:
        by_hall: dict[str, list[QueueValue]] = {}
        for value in queues:
            by_hall.setdefault(value.hall_id, []).append(value)
        for hall_id in sorted(places.keys() | self._books.keys()):
            place, book = places.get(hall_id), self._books.get(hall_id)
            now = hall_now(hall_id, book.floor, day, moment.at, place.items if place else ()) if book else None
            opens = next_opening(self._openings.get(hall_id, {}), moment.at, self._zone)
            yield Hall(hall_id, place, now, tuple(by_hall.get(hall_id, ())), opens, self._table(hall_id, book) if book else None)

    def _table(self, hall_id: str, book: Book) -> DayTable:
        """Made anew when something has happened."""
        n, table = self._tables.get(hall_id, (-1, None))
        if table is None or n != len(book):
            table = day_table(book.floor)
            self._tables[hall_id] = len(book), table
        return table
