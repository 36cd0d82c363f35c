"""The halls' process: keeps the floors of the day, learns what is usual at each hall, and lets its desks work on that, one
after the other: waits ahead, windows to be moved, steps on their way, rosters, ratings, the city's view.

A fault of one desk is said once and counted, and stops no other. Of two processes at once one works.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from domain.moments import Moment
from staffing.advice.desk import AdviceDesk
from staffing.books import Books, HallsNow, Seen
from staffing.city_desk import CityDesk
from staffing.demand import STALE, Demand, demand_of
from staffing.practice import HallPractice
from staffing.profile_desk import ProfileDesk
from staffing.profiles import IsWorked, day_kind
from staffing.rating_desk import RatingDesk
from staffing.rosters.desk import RosterDesk
from staffing.snapshots_desk import SnapshotsDesk
from staffing.steps_desk import StepsDesk
from staffing.waits_desk import WaitsDesk
from storage import profiles, waits
from storage.connection import Connection, is_connection_lost
from storage.ticking import run_ticks

log = logging.getLogger(__name__)

PROCESS = "halls"
TICK_S = 1.0
LOOKS_EVERY = timedelta(seconds=2)
DEMANDS_EVERY = timedelta(seconds=60)


class Desk(Protocol):
    """One part of the work: a tick returns figures for the system page, and is bounded: some tenths of a second, one hall's heavy
    reckoning at most."""

    def tick(self, conn: Connection, now: datetime, seen: Seen) -> Mapping[str, Any]: ...


class DeskKind(Protocol):
    def __call__(self, practice: HallPractice, zone: ZoneInfo, is_worked: IsWorked) -> Desk: ...


DESKS: Sequence[DeskKind] = (
    WaitsDesk,
    SnapshotsDesk,
    StepsDesk,
    AdviceDesk,
    CityDesk,
    RosterDesk,
    RatingDesk,
)  # fmt: skip
"""In the order in which they work."""


def run(database_url: str, *, practice: HallPractice, zone: ZoneInfo, is_worked: IsWorked, stop: Event) -> None:
    """Works until `stop` is set."""
    halls = Halls(practice, zone, is_worked)
    run_ticks(database_url, PROCESS, halls.tick, period_s=TICK_S, stop=stop, clock=lambda: datetime.now(UTC))


class Halls:
    """One round of all desks, and what it remembers between rounds. Nothing of it is lost when it dies."""

    def __init__(
        self, practice: HallPractice, zone: ZoneInfo, is_worked: IsWorked, kinds: Sequence[DeskKind] | None = None
    ) -> None:
        self._practice, self._zone, self._is_worked = practice, zone, is_worked
        self._learner = ProfileDesk(zone, is_worked)
        kinds = DESKS if kinds is None else kinds
        self._desks = [(getattr(kind, "__name__", "desk"), kind(practice, zone, is_worked)) for kind in kinds]
        self._books = Books(zone)
        self._now: HallsNow | None = None
        self._demands: dict[str, Demand] = {}
        self._demands_at: datetime | None = None
        self._conn: Connection | None = None
        self._is_mine = False
        self._said: set[str] = set()
        self._n_faults = 0
        self._learning: Mapping[str, Any] = {}

    def tick(self, conn: Connection, now: datetime) -> Mapping[str, Any]:
        """Looks at the halls and lets every desk work; figures for the system page."""
        if conn is not self._conn:
            self._conn, self._is_mine, self._books, self._now, self._demands_at = conn, False, Books(self._zone), None, None
        if not self._is_mine:
            self._is_mine = profiles.hold_halls(conn)
        if not self._is_mine:
            return {"is_working": False}
        seen = self._look(conn, now)
        n_open = sum(hall.now is not None and hall.now.is_open for hall in seen.now.halls)
        figures: dict[str, Any] = {"is_working": True, "halls": len(seen.now.halls), "halls_open": n_open, **self._learning}
        for name, desk in self._desks:
            try:
                figures.update(desk.tick(conn, now, seen))
            except Exception as fault:
                if is_connection_lost(fault):
                    raise
                self._blame(name, fault)
        return {**figures, "desk_faults": self._n_faults}

    def _look(self, conn: Connection, now: datetime) -> Seen:
        if self._now is None or not timedelta(0) <= now - self._now.moment.at < LOOKS_EVERY:
            self._now = self._books.read(conn, Moment.live(now))
        try:
            tellers = [hall.hall_id for hall in self._now.halls if hall.place is None or hall.place.tells_events]
            self._learning = self._learner.tick(conn, now, tellers)
        except Exception as fault:
            if is_connection_lost(fault):
                raise
            self._blame("ProfileDesk", fault)
        kind = day_kind(self._now.day.date, self._is_worked)
        floors = self._books.floors
        if self._demands_at is None or abs(now - self._demands_at) >= DEMANDS_EVERY:
            self._demands_at = now
            arrivals = waits.list_arrival_forecasts(conn, Moment.live(now), since=now - STALE)
            self._demands = {
                hall_id: demand_of(
                    profile,
                    arrivals.get(hall_id, {}),
                    floors.get(hall_id),
                    self._now.day,
                    kind,
                    now,
                    self._practice.advice_horizon_s,
                )
                for hall_id, profile in self._learner.profiles.items()
            }
        return Seen(self._now, floors, self._learner.profiles, self._demands, kind)

    def _blame(self, name: str, fault: Exception) -> None:
        self._n_faults += 1
        said = f"{name}: {type(fault).__name__}: {fault}"
        if said not in self._said:
            self._said.add(said)
            log.exception("%s; the others go on", said)
