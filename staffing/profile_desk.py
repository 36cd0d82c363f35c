"""The profiles' desk: learns each hall anew from its last four weeks, a few hall days a tick, once a night or where nothing is
known yet."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from domain.moments import Moment
from staffing.floor import Book, Day, day_of
from staffing.profiles import DayPast, IsWorked, Profile, learn, past_of
from storage import halls, profiles
from storage.connection import Connection
from storage.profiles import StoredProfile

log = logging.getLogger(__name__)

DAYS = 28
BUDGET_S = 0.4
"""A tick reads days until so much time has gone."""
STALE, OVERDUE = timedelta(hours=18), timedelta(hours=36)
"""In the small hours a profile older than the first is learned anew, at any hour one older than the second."""
NIGHT_ENDS_H = 5
FIRST_AGAIN, LAST_AGAIN = timedelta(minutes=2), timedelta(hours=1)
"""A hall of which fewer open days are known than WHOLE is looked at again after the first, then after twice as long each time, up
to the last: its past may be being written."""
WHOLE = 15
KEPT = 7


@dataclass
class _Learning:
    hall_id: str
    days: list[Day]
    past: list[DayPast] = field(default_factory=list)


class ProfileDesk:
    """The profiles as they stand, by hall (`profiles`)."""

    def __init__(self, zone: ZoneInfo, is_worked: IsWorked) -> None:
        self._zone, self._is_worked = zone, is_worked
        self.profiles: dict[str, Profile] = {}
        self._conn: Connection | None = None
        self._asked_at: dict[str, datetime] = {}
        self._pauses: dict[str, timedelta] = {}
        self._learning: _Learning | None = None
        self._n_learned, self._took_s, self._spent_s = 0, 0.0, 0.0

    def tick(self, conn: Connection, now: datetime, hall_ids: Iterable[str]) -> Mapping[str, Any]:
        """Learns for a while. `hall_ids` are those that tell events."""
        if conn is not self._conn:
            self._conn, self._learning = conn, None
            self._load(conn, now)
        began = time.perf_counter()
        if self._learning is None:
            self._learning = self._next(now, hall_ids)
            self._spent_s = 0.0
        while self._learning is not None and time.perf_counter() - began < BUDGET_S:
            if not self._learning.days:
                self._spent_s += time.perf_counter() - began
                self._finish(conn, self._learning, now)
                self._learning = None
                break
            self._read(conn, self._learning, now)
        if self._learning is not None:
            self._spent_s += time.perf_counter() - began
        return {
            "profiles": len(self.profiles), "learned_total": self._n_learned, "learning": int(self._learning is not None),
            "learn_s": round(self._took_s, 2),
        }  # fmt: skip

    def _load(self, conn: Connection, now: datetime) -> None:
        for hall_id, stored in profiles.newest_profiles(conn, Moment.live(now)).items():
            try:
                self.profiles[hall_id] = Profile.from_json(stored.content)
            except (KeyError, TypeError, ValueError):
                log.warning("hall %s: its stored profile is of another version; it is learned anew", hall_id)

    def _next(self, now: datetime, hall_ids: Iterable[str]) -> _Learning | None:
        """The hall whose profile has waited longest."""
        local = now.astimezone(self._zone)
        due = []
        for hall_id in hall_ids:
            profile = self.profiles.get(hall_id)
            asked_at, pause = self._asked_at.get(hall_id), self._pauses.get(hall_id, FIRST_AGAIN)
            if asked_at is not None and abs(now - asked_at) < pause:
                continue
            age = now - profile.learned_at if profile is not None else OVERDUE
            limit = STALE if local.hour < NIGHT_ENDS_H else OVERDUE
            if profile is not None and profile.n_days < WHOLE:
                limit = pause
            if abs(age) >= limit:
                due.append((-age, hall_id))
        if not due:
            return None
        hall_id = min(due)[1]
        if hall_id in self._asked_at:
            self._pauses[hall_id] = min(2 * self._pauses.get(hall_id, FIRST_AGAIN), LAST_AGAIN)
        self._asked_at[hall_id] = now
        return _Learning(hall_id, [day_of(local.date() - timedelta(days=back), self._zone) for back in range(1, DAYS + 1)])

    def _read(self, conn: Connection, learning: _Learning, now: datetime) -> None:
        day = learning.days.pop()  # the oldest first
        book = Book(halls.list_hall_events(conn, day.start, day.end, Moment.live(now), hall_ids=[learning.hall_id]))
        past = past_of(day, book.events, book.floor)
        if past is not None:
            learning.past.append(past)

    def _finish(self, conn: Connection, learning: _Learning, now: datetime) -> None:
        since = day_of(now.astimezone(self._zone).date() - timedelta(days=DAYS), self._zone).start
        profile = learn(learning.hall_id, learning.past, now, since, self._is_worked)
        self._took_s = self._spent_s
        if profile is None:
            return
        self.profiles[learning.hall_id] = profile
        self._n_learned += 1
        stored = StoredProfile(profile.hall_id, profile.learned_at, profile.since, profile.n_events, profile.as_json())
        profiles.write_profile(conn, stored, kept=KEPT)
