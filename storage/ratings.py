"""Ratings: what people thought of their visits, and what is done about bad ratings.

What is written down about a bad rating is free text and may name people: `list_steps` is for whom may read it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.staffing import FollowUpState
from storage.connection import Connection


@dataclass(frozen=True, slots=True)
class BadRating:
    """A bad rating as the hall told it; what it left out is as its ticket was served."""

    hall_id: str
    ticket: str
    rated_at: datetime
    received_at: datetime
    grade: int
    item: str
    window_no: int | None
    clerk: str | None
    wait_s: float | None


@dataclass(frozen=True, slots=True)
class FollowUp:
    follow_up_id: str
    hall_id: str
    ticket: str
    rated_at: datetime
    received_at: datetime
    grade: int
    item: str
    window_no: int | None
    clerk: str | None
    wait_s: float | None
    opened_at: datetime
    due_at: datetime
    state: FollowUpState
    state_since: datetime
    actor: str | None
    exercise_id: str | None = None


@dataclass(frozen=True, slots=True)
class FollowUpStep:
    follow_up_id: str
    at: datetime
    state: FollowUpState
    actor: str
    words: str


@dataclass(frozen=True, slots=True)
class FollowUpCounts:
    """Of a hall: not closed, of those past their day; closed, of those in time."""

    open: int
    overdue: int
    closed: int
    closed_in_time: int


def list_bad_ratings(
    conn: Connection, start: datetime, end: datetime, *, bad_grade: int, hall_id: str | None = None,
    rated_since: datetime | None = None, received_since: datetime | None = None,
) -> list[BadRating]:  # fmt: skip
    """Bad first ratings of tickets in [start, end), a local day, that nobody follows up yet; of them those rated since or
    received since a time, where given."""
    rows = conn.execute(
        _BAD,
        {"start": start, "end": end, "bad": bad_grade, "hall": hall_id, "rated": rated_since, "received": received_since},
    )
    return [BadRating(*row) for row in rows]


def find_first_opened(conn: Connection) -> datetime | None:
    """When the first follow-up of all was opened."""
    row = conn.execute("SELECT min(opened_at) FROM rating_follow_up").fetchone()
    return row[0] if row is not None else None


def find_oldest_event(conn: Connection, hall_ids: Sequence[str]) -> datetime | None:
    """The time of the oldest event of these halls that is kept."""
    row = conn.execute(_OLDEST, (list(hall_ids),)).fetchone()
    return row[0] if row is not None else None


def open_follow_up(conn: Connection, f: FollowUp, *, day_start: datetime, day_end: datetime) -> bool:
    """Opens it; False where the ticket's rating of that day [start, end) is followed up already."""
    return conn.execute(
        _OPEN,
        {
            "id": f.follow_up_id, "exercise": f.exercise_id, "hall": f.hall_id, "ticket": f.ticket, "rated": f.rated_at,
            "received": f.received_at, "grade": f.grade, "item": f.item, "window": f.window_no, "clerk": f.clerk,
            "wait": f.wait_s,
            "opened": f.opened_at, "due": f.due_at, "state": f.state.value, "since": f.state_since, "actor": f.actor,
            "start": day_start, "end": day_end,
        },
    ).rowcount > 0  # fmt: skip


def list_follow_ups(
    conn: Connection, hall_id: str, *, closed_since: datetime, limit: int = 200, exercise_id: str | None = None
) -> list[FollowUp]:
    """Those that are not closed, the most urgent first, then those closed since a time, newest first."""
    rows = conn.execute(
        f"{_FOLLOW_UPS} WHERE hall_id = %(hall)s AND exercise_id IS NOT DISTINCT FROM %(exercise)s "
        "AND (state <> %(closed)s OR state_since >= %(since)s) "
        "ORDER BY state = %(closed)s, CASE WHEN state = %(closed)s THEN NULL ELSE due_at END, state_since DESC, follow_up_id "
        "LIMIT %(limit)s",
        {"hall": hall_id, "exercise": exercise_id, "closed": FollowUpState.CLOSED.value, "since": closed_since, "limit": limit},
    )
    return [_follow_up(row) for row in rows]


def find_follow_up(conn: Connection, follow_up_id: str, *, for_update: bool = False) -> FollowUp | None:
    lock = " FOR UPDATE" if for_update else ""
    row = conn.execute(f"{_FOLLOW_UPS} WHERE follow_up_id = %s{lock}", (follow_up_id,)).fetchone()
    return _follow_up(row) if row is not None else None


def count_follow_ups(conn: Connection, hall_id: str, now: datetime, *, exercise_id: str | None = None) -> FollowUpCounts:
    row = conn.execute(
        "SELECT count(*) FILTER (WHERE state <> %(closed)s), "
        "count(*) FILTER (WHERE state <> %(closed)s AND due_at <= %(now)s), count(*) FILTER (WHERE state = %(closed)s), "
        "count(*) FILTER (WHERE state = %(closed)s AND state_since < due_at) "
        "FROM rating_follow_up WHERE hall_id = %(hall)s AND exercise_id IS NOT DISTINCT FROM %(exercise)s",
        {"closed": FollowUpState.CLOSED.value, "now": now, "hall": hall_id, "exercise": exercise_id},
    ).fetchone()
    assert row is not None
    return FollowUpCounts(*map(int, row))


def count_overdue(conn: Connection, now: datetime) -> tuple[int, int]:
    """(open, overdue) of all halls, without exercises."""
    row = conn.execute(
        "SELECT count(*), count(*) FILTER (WHERE due_at <= %s) FROM rating_follow_up WHERE state <> %s AND exercise_id IS NULL",
        (now, FollowUpState.CLOSED.value),
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def add_step(conn: Connection, step: FollowUpStep) -> None:
    """Takes a follow-up one step further; it must be locked."""
    conn.execute(
        "INSERT INTO rating_follow_up_step (follow_up_id, at, state, actor, words) VALUES (%s, %s, %s, %s, %s)",
        (step.follow_up_id, step.at, step.state.value, step.actor, step.words),
    )
    conn.execute(
        "UPDATE rating_follow_up SET state = %s, state_since = %s, actor = %s WHERE follow_up_id = %s",
        (step.state.value, step.at, step.actor, step.follow_up_id),
    )


def list_steps(conn: Connection, follow_up_ids: Collection[str]) -> dict[str, list[FollowUpStep]]:
    """What was done, with what was written down, oldest first, by follow-up."""
    found: dict[str, list[FollowUpStep]] = {}
    rows = conn.execute(
        "SELECT follow_up_id, at, state, actor, words FROM rating_follow_up_step WHERE follow_up_id = ANY(%s) ORDER BY at",
        (sorted(follow_up_ids),),
    )
    for follow_up_id, at, state, actor, words in rows:
        found.setdefault(follow_up_id, []).append(FollowUpStep(follow_up_id, at, FollowUpState.of(state), actor, words))
    return found


def list_rated(
    conn: Connection, hall_id: str, start: datetime, end: datetime, *, zone: str
) -> list[tuple[datetime, int, str, int | None, str | None, float | None]]:
    """Every first rating of a ticket in [start, end): when, grade, item, window, clerk, and how long the ticket waited from its
    arrival to its first call on that local day (None where either was lost); oldest first."""
    return [
        (row[0], int(row[1]), row[2], row[3], row[4], row[5])
        for row in conn.execute(_RATED, {"hall": hall_id, "start": start, "end": end, "zone": zone})
    ]


def _follow_up(row: tuple[Any, ...]) -> FollowUp:
    return FollowUp(*(*row[:12], FollowUpState.of(row[12]), *row[13:]))


_FOLLOW_UPS = """
SELECT follow_up_id, hall_id, ticket, rated_at, received_at, grade, item, window_no, clerk, wait_s, opened_at, due_at, state,
       state_since, actor, exercise_id
FROM rating_follow_up
"""

# The whole day is asked for, because the first rating of a ticket is the one that counts.
_BAD = """
SELECT rating.hall_id, rating.ticket, rating.phenomenon_time, rating.received_time, rating.grade,
       coalesce(rating.item, visit.item, ''), coalesce(rating.window_no, visit.window_no), coalesce(rating.clerk, visit.clerk),
       extract(epoch FROM visit.called - visit.arrived)::float8
FROM (
    SELECT DISTINCT ON (hall_id, ticket) hall_id, ticket, phenomenon_time, received_time, grade, item, window_no, clerk
    FROM hall_event
    WHERE phenomenon_time >= %(start)s AND phenomenon_time < %(end)s AND event = 'rating' AND ticket IS NOT NULL
      AND grade IS NOT NULL AND (%(hall)s::text IS NULL OR hall_id = %(hall)s)
    ORDER BY hall_id, ticket, phenomenon_time, event_id
) rating
CROSS JOIN LATERAL (
    SELECT min(phenomenon_time) FILTER (WHERE event = 'arrive') AS arrived,
           min(phenomenon_time) FILTER (WHERE event IN ('call', 'start')) AS called,
           max(item) FILTER (WHERE event = 'end') AS item, max(window_no) FILTER (WHERE event = 'end') AS window_no,
           max(clerk) FILTER (WHERE event = 'end') AS clerk
    FROM hall_event
    WHERE hall_event.hall_id = rating.hall_id AND hall_event.phenomenon_time >= %(start)s AND hall_event.phenomenon_time < %(end)s
      AND hall_event.ticket = rating.ticket
) visit
WHERE rating.grade >= %(bad)s
  AND ((%(rated)s::timestamptz IS NULL AND %(received)s::timestamptz IS NULL)
       OR rating.phenomenon_time >= %(rated)s OR rating.received_time >= %(received)s)
  AND NOT EXISTS (
    SELECT FROM rating_follow_up known
    WHERE known.hall_id = rating.hall_id AND known.ticket = rating.ticket AND known.exercise_id IS NULL
      AND known.rated_at >= %(start)s AND known.rated_at < %(end)s
  )
ORDER BY rating.phenomenon_time, rating.hall_id, rating.ticket
"""

# The key of the table leads to the first event of each hall, so that no day is read whole.
_OLDEST = """
SELECT min(first.phenomenon_time) FROM unnest(%s::text[]) AS hall (hall_id)
CROSS JOIN LATERAL (
    SELECT phenomenon_time FROM hall_event WHERE hall_event.hall_id = hall.hall_id ORDER BY phenomenon_time LIMIT 1
) first
"""

_OPEN = """
INSERT INTO rating_follow_up (follow_up_id, exercise_id, hall_id, ticket, rated_at, received_at, grade, item, window_no, clerk,
                              wait_s, opened_at, due_at, state, state_since, actor)
SELECT %(id)s, %(exercise)s, %(hall)s, %(ticket)s, %(rated)s, %(received)s, %(grade)s, %(item)s, %(window)s, %(clerk)s,
       %(wait)s, %(opened)s, %(due)s, %(state)s, %(since)s, %(actor)s
WHERE NOT EXISTS (
    SELECT FROM rating_follow_up known
    WHERE known.hall_id = %(hall)s AND known.ticket = %(ticket)s AND known.exercise_id IS NOT DISTINCT FROM %(exercise)s
      AND known.rated_at >= %(start)s AND known.rated_at < %(end)s
)
ON CONFLICT DO NOTHING
"""

_RATED = """
SELECT min(phenomenon_time) FILTER (WHERE event = 'rating') AS rated_at,
       (array_agg(grade ORDER BY phenomenon_time, event_id) FILTER (WHERE event = 'rating' AND grade IS NOT NULL))[1],
       coalesce(max(item) FILTER (WHERE event = 'rating'), max(item) FILTER (WHERE event = 'end'), ''),
       coalesce(max(window_no) FILTER (WHERE event = 'rating'), max(window_no) FILTER (WHERE event = 'end')),
       coalesce(max(clerk) FILTER (WHERE event = 'rating'), max(clerk) FILTER (WHERE event = 'end')),
       extract(epoch FROM min(phenomenon_time) FILTER (WHERE event IN ('call', 'start'))
               - min(phenomenon_time) FILTER (WHERE event = 'arrive'))::float8
FROM hall_event
WHERE hall_id = %(hall)s AND phenomenon_time >= %(start)s AND phenomenon_time < %(end)s AND ticket IS NOT NULL
GROUP BY (phenomenon_time AT TIME ZONE %(zone)s)::date, ticket
HAVING bool_or(event = 'rating' AND grade IS NOT NULL)
ORDER BY rated_at
"""
