"""The ratings' desk: opens a follow-up for every bad rating, once, however late it reaches us.

Today's are on the floors; of the days before, one is looked at every few seconds, in turn, back to the oldest that is kept. When
follow-ups are opened for the first time, ratings older than `FIRST_BACK` are let be.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from domain.staffing import BAD_GRADE, FollowUpState
from staffing.books import Seen
from staffing.floor import Day, Floor, day_of
from staffing.practice import HallPractice
from staffing.profiles import IsWorked
from staffing.ratings import due_at
from storage import ratings
from storage.connection import Connection
from storage.ratings import BadRating, FollowUp

LOOKS_EVERY, LOOKS_BACK_EVERY = timedelta(seconds=5), timedelta(seconds=15)
COUNTS_EVERY = timedelta(seconds=60)
FIRST_BACK = timedelta(days=30)


class RatingDesk:
    """One round, and what it remembers between rounds: which of today's it has seen, and which day is next."""

    def __init__(self, practice: HallPractice, zone: ZoneInfo, is_worked: IsWorked) -> None:
        self._practice, self._zone, self._is_worked = practice, zone, is_worked
        self._today: date | None = None
        self._seen: dict[str, int] = {}
        self._back, self._n_days = 1, 1
        self._first_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._looked_back_at: datetime | None = None
        self._counted_at: datetime | None = None
        self._n_opened = 0
        self._counts = 0, 0

    def tick(self, conn: Connection, now: datetime, seen: Seen) -> Mapping[str, Any]:
        """Opens what has to be opened; figures for the system page."""
        if self._looked_at is None or abs(now - self._looked_at) >= LOOKS_EVERY:
            self._looked_at = now
            if seen.day.date != self._today:
                self._today, self._seen, self._back, self._first_at = seen.day.date, {}, 1, None
            self._look_at_floors(conn, now, seen.day, seen.floors)
            if self._looked_back_at is None or abs(now - self._looked_back_at) >= LOOKS_BACK_EVERY:
                self._looked_back_at = now
                self._look_back(conn, now, seen.day, [hall.hall_id for hall in seen.now.halls])
        if self._counted_at is None or abs(now - self._counted_at) >= COUNTS_EVERY:
            self._counted_at, self._counts = now, ratings.count_overdue(conn, now)
        return {
            "follow_ups_open": self._counts[0], "follow_ups_overdue": self._counts[1], "follow_ups_opened_total": self._n_opened,
        }  # fmt: skip

    def _look_at_floors(self, conn: Connection, now: datetime, day: Day, floors: Mapping[str, Floor]) -> None:
        """A hall whose floor holds as many bad ratings as before has no new ones."""
        for hall_id, floor in floors.items():
            n = sum(rating.grade >= BAD_GRADE for rating in floor.ratings.values())
            if n != self._seen.get(hall_id, 0):
                self._open(
                    conn, ratings.list_bad_ratings(conn, day.start, day.end, bad_grade=BAD_GRADE, hall_id=hall_id), day, now
                )
                self._seen[hall_id] = n

    def _look_back(self, conn: Connection, now: datetime, today: Day, hall_ids: Sequence[str]) -> None:
        """The next of the days before today, again and again."""
        if self._first_at is None:
            self._first_at = ratings.find_first_opened(conn) or now
        if self._back == 1:
            oldest = ratings.find_oldest_event(conn, hall_ids)
            if oldest is None:
                return
            self._n_days = (today.date - oldest.astimezone(self._zone).date()).days
        day = day_of(today.date - timedelta(days=self._back), self._zone)
        self._back = self._back + 1 if self._back < self._n_days else 1
        found = ratings.list_bad_ratings(
            conn, day.start, day.end, bad_grade=BAD_GRADE, rated_since=self._first_at - FIRST_BACK, received_since=self._first_at
        )
        self._open(conn, found, day, now)

    def _open(self, conn: Connection, found: Iterable[BadRating], day: Day, now: datetime) -> None:
        for bad in found:
            due = due_at(max(bad.received_at, bad.rated_at), self._practice.rating_days, self._is_worked, self._zone)
            opened = FollowUp(
                f"f-{now:%y%m%d%H%M%S}-{secrets.token_hex(5)}", bad.hall_id, bad.ticket, bad.rated_at, bad.received_at, bad.grade,
                bad.item, bad.window_no, bad.clerk, bad.wait_s, now, due, FollowUpState.OPEN, now, None,
            )  # fmt: skip
            self._n_opened += ratings.open_follow_up(conn, opened, day_start=day.start, day_end=day.end)
