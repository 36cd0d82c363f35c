"""Gaps: the time between two starts of the demonstration, in which the simulated city said nothing.

Noted before the simulator speaks again, kept until the history has made up for them (`runtime.history`). A gap of a
restart is not worth it, and of a long one only the end is.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from storage import backfills
from storage.connection import Connection
from storage.heartbeats import list_heartbeats

SHORTEST, LONGEST = timedelta(minutes=2), timedelta(days=7)
_NAME = "demonstration gap since "


def note_gap(conn: Connection, now: datetime) -> str | None:
    """Notes since when the simulator has been silent, at the most `LONGEST`; returns the sentence that says so, None where
    there is nothing to say."""
    last = next((beat.beat_at for beat in list_heartbeats(conn) if beat.process == "simulator"), None)
    if last is None or now - last < SHORTEST:
        return None
    since = max(last, now - LONGEST)
    backfills.begin(conn, _name(since), now)
    which = "of that time" if since == last else f"of the last {LONGEST.days} days"
    return (
        f"The city stood still for {_in_words(now - last)}: its readings, halls and requests {which} are made up for; "
        "nobody called meanwhile."
    )


def gaps_to_fill(conn: Connection) -> list[tuple[datetime, datetime]]:
    """Beginning and end of the gaps not made up for yet, the newest first."""
    noted = backfills.list_not_begun(conn, _NAME)
    return [(datetime.fromisoformat(name.removeprefix(_NAME)), until) for name, until in noted]


def note_filled(conn: Connection, since: datetime) -> None:
    """Notes that the gap with this beginning has been made up for."""
    backfills.note_rows(conn, _name(since), 1)


def _name(since: datetime) -> str:
    return f"{_NAME}{since.isoformat()}"


def _in_words(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    return f"{60 * hours:.0f} minutes" if hours < 2 else f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
