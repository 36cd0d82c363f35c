"""Ratings of a hall: counts and shares of good ones by window, item and clerk, how bad ones go with waiting, and what is done
about each bad one.

From: hall_event (ratings of the last `DAYS` local days), rating_follow_up, rating_follow_up_step. Clerks and follow-ups are for
who may see the staff; what was written down for who may read texts there or runs the hall.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from fastapi import FastAPI
from starlette.responses import Response

from dashboard import visitor
from dashboard.api import LONGEST_PATH, answer, failed, missing
from dashboard.deployment import Deployment
from dashboard.wire import Json, ms
from domain.rights import Action, Place
from domain.staffing import FollowUpState
from staffing.floor import day_of, local_day
from staffing.ratings import NEXT, Effect, Rated, Share, counts, days_left, effect, good
from storage import halls, ratings
from storage.connection import Connection, DatabaseUnreachable
from storage.ratings import FollowUp, FollowUpStep

DAYS = 28
RECENT = 20
CLOSED_BACK = timedelta(days=30)
KEPT = timedelta(seconds=60)
REMEMBERED = 50

Kept = tuple[datetime, list[Rated]]


class Ratings:
    """Answers about ratings. What is read of four weeks is kept for a minute."""

    def __init__(self, house: Deployment) -> None:
        self._house = house
        self._kept: dict[str, Kept] = {}

    def read(self, conn: Connection, hall_id: str, now: datetime) -> Json | None:
        """None for a hall that is not known, or not to who asks."""
        own = visitor.halls()
        place = next((p for p in halls.list_halls(conn) if p.hall_id == hall_id), None) if own is None or hall_id in own else None
        if place is None:
            return None
        where = Place(place.district_code, hall_id)
        sees_staff = visitor.current().may(Action.READ_STAFF, where)
        rows = self._rated(conn, hall_id, now)
        overall = good(rows)
        return {
            "hall": hall_id, "t": ms(now), "days": DAYS, "counts": list(counts(rows)),
            "good_share": overall.share if overall else None, "good": _share(overall) if overall else None,
            "by_window": [
                {"window": window, "clerk": _usual([r for r in rows if r.window_no == window]) if sees_staff else None, **said}
                for window, said in _by(rows, lambda row: row.window_no)
            ],
            "by_item": [{"item": item, **said} for item, said in _by(rows, lambda row: row.item or None)],
            "by_clerk": [{"clerk": clerk, **said} for clerk, said in _by(rows, lambda row: row.clerk)] if sees_staff else [],
            "recent": [
                {"at": ms(r.rated_at), "grade": r.grade, "item": r.item, "window": r.window_no, "wait_s": _round(r.wait_s)}
                for r in rows[: -RECENT - 1 : -1]
            ],
            "effect": _effect(effect(rows)), **(self._follow_ups(conn, hall_id, where, now) if sees_staff else NOTHING),
        }  # fmt: skip

    def _rated(self, conn: Connection, hall_id: str, now: datetime) -> list[Rated]:
        kept = self._kept.get(hall_id)
        if kept is None or abs(now - kept[0]) >= KEPT:
            today = local_day(now, self._house.zone)
            start = day_of(today.date - timedelta(days=DAYS - 1), self._house.zone).start
            rows = ratings.list_rated(conn, hall_id, start, today.end, zone=self._house.zone.key)
            if len(self._kept) >= REMEMBERED:
                self._kept.clear()
            kept = self._kept[hall_id] = now, [Rated(*row) for row in rows]
        return kept[1]

    def _follow_ups(self, conn: Connection, hall_id: str, where: Place, now: datetime) -> Json:
        found = ratings.list_follow_ups(conn, hall_id, closed_since=now - CLOSED_BACK)
        steps = ratings.list_steps(conn, [each.follow_up_id for each in found])
        reads = any(visitor.current().may(right, where) for right in (Action.READ_TEXT, Action.ANSWER_RATING))
        n = ratings.count_follow_ups(conn, hall_id, now)
        return {
            "follow_ups": [self._follow_up(each, steps.get(each.follow_up_id, ()), now, reads=reads) for each in found],
            "counts_follow_ups": {
                "open": n.open, "overdue": n.overdue, "closed": n.closed,
                "closed_in_time_share": n.closed_in_time / n.closed if n.closed else None,
            },
        }  # fmt: skip

    def _follow_up(self, each: FollowUp, steps: Sequence[FollowUpStep], now: datetime, *, reads: bool) -> Json:
        calendar = self._house.calendar
        left = days_left(
            each.due_at, now, lambda day: bool(calendar.are_worked(np.array([calendar.kind(day)]))[0]), self._house.zone
        )  # fmt: skip
        is_over = each.state is FollowUpState.CLOSED
        return {
            "id": each.follow_up_id, "ticket": each.ticket, "rated": ms(each.rated_at), "grade": each.grade, "item": each.item,
            "window": each.window_no, "clerk": each.clerk, "wait_s": _round(each.wait_s), "due": ms(each.due_at),
            "days_left": None if is_over else left, "is_overdue": not is_over and each.due_at <= now, "state": each.state,
            "since": ms(each.state_since), "by": each.actor, "next": list(NEXT[each.state]),
            "steps": [
                {"at": ms(s.at), "state": s.state, "by": s.actor, "words": s.words if reads else None} for s in steps
            ],
        }  # fmt: skip


NOTHING: Json = {"follow_ups": [], "counts_follow_ups": None}
"""For who may not see the staff."""


def _by(rows: Sequence[Rated], key: Callable[[Rated], Any]) -> list[tuple[Any, Json]]:
    """Groups with their share of good ratings, the worst first."""
    groups: dict[Any, list[Rated]] = {}
    for row in rows:
        if key(row) is not None:
            groups.setdefault(key(row), []).append(row)
    told = [(name, share) for name, own in groups.items() if (share := good(own)) is not None]
    return [(name, _share(share)) for name, share in sorted(told, key=lambda each: (each[1].share, str(each[0])))]


def _usual(rows: Sequence[Rated]) -> str | None:
    """The clerk of most of them."""
    names = [row.clerk for row in rows if row.clerk]
    return max(sorted(set(names)), key=names.count) if names else None


def _share(share: Share) -> Json:
    return {"n": share.n, "good_share": round(share.share, 4), "low": round(share.low, 4), "high": round(share.high, 4)}


def _effect(found: Effect | None) -> Json | None:
    if found is None:
        return None
    bins = [
        {
            "wait_s": [b.since_s, b.until_s], "n": b.bad.n, "bad_share": round(b.bad.share, 4), "low": round(b.bad.low, 4),
            "high": round(b.bad.high, 4),
        }
        for b in found.bins
    ]  # fmt: skip
    return {"bins": bins, "zh": found.zh, "en": found.en}


def _round(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def mount(server: FastAPI, house: Deployment) -> None:
    asked = Ratings(house)

    async def told(hall: str = "") -> Response:
        if "\0" in hall:
            return missing("/api/hall/ratings")
        now = house.clock()
        try:
            found = await house.database.ask(lambda conn: asked.read(conn, hall, now))
        except DatabaseUnreachable:
            return failed("api.database_away")
        return missing(f"/api/hall/ratings?hall={hall}"[:LONGEST_PATH]) if found is None else answer(found)

    server.add_api_route("/api/hall/ratings", told, methods=["GET"])
