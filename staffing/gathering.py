"""Gathering: what is known of one hall, read for whoever asks outside the round of the desks: its floor, its past, its demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from domain.moments import Moment
from staffing.advice import words
from staffing.advice.words import Sentence
from staffing.demand import STALE, Demand, demand_of
from staffing.figures import HallNow, hall_now
from staffing.floor import Book, Day, Floor, local_day
from staffing.profiles import Profile
from storage import halls, profiles, waits
from storage.connection import Connection
from storage.halls import HallPlace


@dataclass(frozen=True)
class Material:
    """A hall at `now`. `none` says what is missing for a simulation."""

    hall_id: str
    now: datetime
    place: HallPlace | None
    floor: Floor
    profile: Profile | None
    demand: Demand | None
    day: Day
    day_kind: str

    @property
    def none(self) -> Sentence | None:
        if not self.floor.windows:
            tells = self.place is None or self.place.tells_events
            return words.NO_EVENTS if tells else words.SNAPSHOTS
        return words.NO_PROFILE if self.profile is None or self.demand is None else None

    @property
    def hall(self) -> HallNow:
        return hall_now(self.hall_id, self.floor, self.day, self.now, self.place.items if self.place else ())

    @property
    def offered(self) -> tuple[str, ...]:
        """The items that people may come for."""
        known = self.profile.items if self.profile is not None else ()
        return tuple(dict.fromkeys([*(self.place.items if self.place else ()), *known]))


def gather(
    conn: Connection, hall_id: str, now: datetime, *, zone: ZoneInfo, kind_of: Callable[[date], str], horizon_s: float
) -> Material:
    """Reads the events of the day, the newest profile and the newest forecasts of arrivals. `kind_of` says what kind of day a
    date is."""
    moment, day = Moment.live(now), local_day(now, zone)
    place = next((place for place in halls.list_halls(conn) if place.hall_id == hall_id), None)
    floor = Book(halls.list_hall_events(conn, day.start, day.end, moment, hall_ids=[hall_id])).floor
    stored = profiles.newest_profiles(conn, moment, hall_id=hall_id).get(hall_id)
    kind = kind_of(day.date)
    if stored is None:
        return Material(hall_id, now, place, floor, None, None, day, kind)
    profile = Profile.from_json(stored.content)
    arrivals = waits.list_arrival_forecasts(conn, moment, since=now - STALE)
    demand = demand_of(profile, arrivals.get(hall_id, {}), floor, day, kind, now, horizon_s)
    return Material(hall_id, now, place, floor, profile, demand, day, kind)
