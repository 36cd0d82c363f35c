"""The overview: reads the city in figures, and remembers what need not be read anew every five seconds.

What changes by the hour or rests on earlier days holds for ten minutes, because readings come late, and hourly figures until the
hour has ended; halls, responses and yesterday's figures hold for a minute. Of what no longer holds one part is read with each
frame, so that no frame has to wait for all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dashboard import wire_overview
from dashboard.figures.background import Background, background
from domain.indices import IndexPolicy
from domain.moments import Moment
from storage import snapshots
from storage.connection import Connection
from storage.overview import NOTHING, Known, Spans

HOLDS = {name: timedelta(minutes=10) for name in ("rollups", "courses", "incident_days", "request_days", "hall_days")} | {
    "minutely": timedelta(minutes=1)
}
"""Part of a snapshot → how long it holds."""
AGAIN = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class CityFigures:
    """Frames of the overview. `codes` are the districts of the city. Not to be shared between threads."""

    def __init__(self, zone: ZoneInfo, policy: IndexPolicy, codes: Sequence[str] = ()) -> None:
        self._zone, self._policy, self._codes = zone, policy, codes
        self._spans = Spans(policy.history_days, policy.free_flow_days)
        self._known = NOTHING
        self._behind: Background | None = None

    def read(self, conn: Connection, moment: Moment) -> wire_overview.Json:
        """The frame of a moment. A past one is read anew from beginning to end."""
        known = without_oldest(self._known, moment.at) if moment.is_live else NOTHING
        snapshot = snapshots.overview_snapshot(conn, moment, self._zone, self._spans, known)
        behind = self._behind
        if behind is None or not moment.is_live or not behind.is_of(snapshot):
            behind = background(snapshot, self._policy)
        if moment.is_live:
            self._known, self._behind = snapshot.known, behind
        return wire_overview.overview(snapshot, self._policy, self._zone, self._codes, behind)


def without_oldest(known: Known, at: datetime) -> Known:
    """What is known, without the part that is most overdue at a time; nothing, when a part is of a time to come or older than
    twice as long as it holds, since then nobody has been looking. A part with questions unanswered is asked again soon."""
    overdue = {}
    for part in fields(known):
        taken = getattr(known, part.name)
        if taken is None:
            return NOTHING
        share = (at - taken.taken_at) / (AGAIN if taken.unanswered else HOLDS[part.name])
        if not 0 <= share < 2:
            return NOTHING
        if part.name == "rollups" and at >= taken.until + HOUR:
            share = max(share, 1.0)
        overdue[part.name] = share
    name = max(overdue, key=lambda name: overdue[name])
    return replace(known, **{name: None}) if overdue[name] >= 1 else known
