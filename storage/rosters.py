"""Rosters: clerks of halls by pseudonym, when they are absent, rosters that were asked for, made, put in force and withdrawn.

Of a day the roster that was put in force last is the one that holds; one of which no day holds any more is superseded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb

from domain.staffing import AbsenceKind, RosterState
from storage.connection import Connection

SEEN, REGISTERED = "seen", "registered"
"""How a clerk became known: by the events of the hall, or by a person."""


@dataclass(frozen=True, slots=True)
class StoredClerk:
    """`wishes` are {"off_weekdays": […], "shifts": […]}."""

    hall_id: str
    clerk: str
    skills: tuple[str, ...]
    week_h: float
    wishes: Mapping[str, Any]
    origin: str
    since: datetime
    changed_at: datetime
    changed_by: str
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredAbsence:
    absence_id: str
    hall_id: str
    clerk: str
    first: date
    last: date
    kind: AbsenceKind
    actor: str
    noted_at: datetime
    cancelled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredRoster:
    """`wanted` is what was asked for (`quantile`, `relax`), `content` as `staffing.rosters.making` made it, or {"failed":
    {zh, en}}. Lists leave the content out."""

    roster_id: str
    hall_id: str
    first: date
    last: date
    state: RosterState
    asked_at: datetime
    asked_by: str
    wanted: Mapping[str, Any]
    solved_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    content: Mapping[str, Any] | None = None
    exercise_id: str | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """From when to when a clerk was at a window on a day."""

    clerk: str
    first: datetime
    last: datetime


def lock_staff(conn: Connection, hall_id: str) -> None:
    """Nobody else changes clerks, absences or rosters of a hall until the transaction ends."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('hall staff ' || %s, 0))", (hall_id,))


# Clerks


def list_clerks(conn: Connection, hall_id: str, *, with_retired: bool = False) -> list[StoredClerk]:
    """By pseudonym."""
    rows = conn.execute(f"{_CLERKS} WHERE hall_id = %s AND (%s OR retired_at IS NULL) ORDER BY clerk", (hall_id, with_retired))
    return [_clerk(*row) for row in rows]


def find_clerk(conn: Connection, hall_id: str, clerk: str) -> StoredClerk | None:
    """Retired ones too."""
    row = conn.execute(f"{_CLERKS} WHERE hall_id = %s AND clerk = %s", (hall_id, clerk)).fetchone()
    return _clerk(*row) if row is not None else None


def set_clerk(conn: Connection, c: StoredClerk) -> None:
    """Writes what a clerk is from now on; one who was retired is there again."""
    conn.execute(
        "INSERT INTO hall_clerk (hall_id, clerk, skills, week_h, wishes, origin, since, changed_at, changed_by) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (hall_id, clerk) DO UPDATE SET skills = excluded.skills, "
        "week_h = excluded.week_h, wishes = excluded.wishes, origin = excluded.origin, changed_at = excluded.changed_at, "
        "changed_by = excluded.changed_by, retired_at = NULL",
        (c.hall_id, c.clerk, list(c.skills), c.week_h, Jsonb(dict(c.wishes)), c.origin, c.since, c.changed_at, c.changed_by),
    )


def retire_clerk(conn: Connection, hall_id: str, clerk: str, *, actor: str, now: datetime) -> None:
    conn.execute(
        "UPDATE hall_clerk SET retired_at = %s, changed_at = %s, changed_by = %s WHERE hall_id = %s AND clerk = %s",
        (now, now, actor, hall_id, clerk),
    )


def note_seen(
    conn: Connection, hall_id: str, skills: Mapping[str, Collection[str]], *, week_h: float, actor: str, now: datetime
) -> int:
    """Takes clerks in who were seen at windows, with what they did there; of those known so, what is new. Whom people registered
    or retired stays as they said. Returns how many rows are new or changed."""
    n = 0
    for clerk, items in sorted(skills.items()):
        n += conn.execute(
            "INSERT INTO hall_clerk AS known (hall_id, clerk, skills, week_h, origin, since, changed_at, changed_by) "
            "VALUES (%(hall)s, %(clerk)s, %(items)s, %(week)s, %(seen)s, %(now)s, %(now)s, %(actor)s) "
            "ON CONFLICT (hall_id, clerk) DO UPDATE SET changed_at = excluded.changed_at, changed_by = excluded.changed_by, "
            "skills = ARRAY(SELECT DISTINCT unnest(known.skills || excluded.skills) ORDER BY 1) "
            "WHERE known.origin = %(seen)s AND known.retired_at IS NULL AND NOT known.skills @> excluded.skills",
            {"hall": hall_id, "clerk": clerk, "items": sorted(items), "week": week_h, "seen": SEEN, "now": now, "actor": actor},
        ).rowcount  # fmt: skip
    return n


def list_skills_seen(conn: Connection, hall_id: str, start: datetime, end: datetime) -> dict[str, set[str]]:
    """What each clerk did at windows in [start, end): the items of windows that he opened, and of people whom he served."""
    found: dict[str, set[str]] = {}
    for clerk, item in conn.execute(_SKILLS_SEEN, {"hall": hall_id, "start": start, "end": end}):
        found.setdefault(str(clerk), set()).add(str(item))
    return found


def list_present(conn: Connection, hall_id: str, start: datetime, end: datetime) -> list[Present]:
    """Who was at a window in [start, end)."""
    return [Present(*row) for row in conn.execute(_PRESENT, {"hall": hall_id, "start": start, "end": end})]


# Absences


def add_absence(conn: Connection, a: StoredAbsence) -> None:
    conn.execute(
        "INSERT INTO clerk_absence (absence_id, hall_id, clerk, first_date, last_date, kind, actor, noted_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (a.absence_id, a.hall_id, a.clerk, a.first, a.last, a.kind.value, a.actor, a.noted_at),
    )


def find_absence(conn: Connection, absence_id: str) -> StoredAbsence | None:
    row = conn.execute(f"{_ABSENCES} WHERE absence_id = %s", (absence_id,)).fetchone()
    return _absence(*row) if row is not None else None


def cancel_absence(conn: Connection, absence_id: str, *, actor: str, now: datetime) -> None:
    conn.execute(
        "UPDATE clerk_absence SET cancelled_at = %s, cancelled_by = %s WHERE absence_id = %s AND cancelled_at IS NULL",
        (now, actor, absence_id),
    )


def list_absences(conn: Connection, hall_id: str, first: date, last: date) -> list[StoredAbsence]:
    """Those that are not cancelled and hold on any of these days, by their first."""
    rows = conn.execute(
        f"{_ABSENCES} WHERE hall_id = %s AND cancelled_at IS NULL AND first_date <= %s AND last_date >= %s "
        "ORDER BY first_date, clerk, absence_id",
        (hall_id, last, first),
    )
    return [_absence(*row) for row in rows]


# Rosters


def create_roster(conn: Connection, r: StoredRoster) -> None:
    conn.execute(
        "INSERT INTO roster (roster_id, exercise_id, hall_id, first_date, last_date, state, asked_at, asked_by, wanted) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (r.roster_id, r.exercise_id, r.hall_id, r.first, r.last, r.state.value, r.asked_at, r.asked_by, Jsonb(dict(r.wanted))),
    )


def find_roster(conn: Connection, roster_id: str) -> StoredRoster | None:
    """With its content."""
    row = conn.execute(f"SELECT {_ROSTER}, content, exercise_id FROM roster WHERE roster_id = %s", (roster_id,)).fetchone()
    return _roster(*row) if row is not None else None


def list_rosters(conn: Connection, hall_id: str, *, limit: int = 20, exercise_id: str | None = None) -> list[StoredRoster]:
    """The newest of a hall, newest first, without their content."""
    rows = conn.execute(
        f"SELECT {_ROSTER}, NULL, exercise_id FROM roster WHERE hall_id = %s AND exercise_id IS NOT DISTINCT FROM %s "
        "ORDER BY asked_at DESC, roster_id DESC LIMIT %s",
        (hall_id, exercise_id, limit),
    )
    return [_roster(*row) for row in rows]


def list_in_force(
    conn: Connection, hall_id: str, first: date, last: date, *, exercise_id: str | None = None
) -> list[StoredRoster]:
    """Rosters in force that cover any of these days, with their content; whichever was put in force later comes later and holds
    where two cover a day."""
    rows = conn.execute(
        f"SELECT {_ROSTER}, content, exercise_id FROM roster WHERE hall_id = %s AND state = %s AND first_date <= %s "
        "AND last_date >= %s AND exercise_id IS NOT DISTINCT FROM %s ORDER BY decided_at, roster_id",
        (hall_id, RosterState.IN_FORCE.value, last, first, exercise_id),
    )
    return [_roster(*row) for row in rows]


def list_asked(conn: Connection) -> list[StoredRoster]:
    """Rosters that nobody has made yet, oldest first."""
    rows = conn.execute(
        f"SELECT {_ROSTER}, NULL, exercise_id FROM roster WHERE state = %s ORDER BY asked_at, roster_id",
        (RosterState.ASKED.value,),
    )
    return [_roster(*row) for row in rows]


def finish_roster(
    conn: Connection, roster_id: str, state: RosterState, content: Mapping[str, Any], *, took_s: float, now: datetime
) -> bool:
    """Writes what was made of a roster; False, and nothing changed, for one that nobody waits for any more."""
    said = {**content, "took_s": round(took_s, 1)}
    return conn.execute(
        "UPDATE roster SET state = %s, content = %s, solved_at = %s WHERE roster_id = %s AND state = %s",
        (state.value, Jsonb(said), now, roster_id, RosterState.ASKED.value),
    ).rowcount > 0  # fmt: skip


def set_roster_state(conn: Connection, roster_id: str, state: RosterState, *, actor: str, now: datetime) -> None:
    conn.execute(
        "UPDATE roster SET state = %s, decided_at = %s, decided_by = %s WHERE roster_id = %s",
        (state.value, now, actor, roster_id),
    )


def supersede(conn: Connection, hall_id: str, *, exercise_id: str | None = None) -> list[str]:
    """Ends the rosters in force of which every day is covered by later ones; returns their ids. Who decided on them stays."""
    rows = conn.execute(
        _SUPERSEDE,
        {"hall": hall_id, "exercise": exercise_id, "in_force": RosterState.IN_FORCE.value, "over": RosterState.SUPERSEDED.value},
    )
    return sorted(str(row[0]) for row in rows)


def _clerk(hall_id: str, clerk: str, skills: Sequence[str], *more: Any) -> StoredClerk:
    return StoredClerk(hall_id, clerk, tuple(skills), *more)


def _absence(absence_id: str, hall_id: str, clerk: str, first: date, last: date, kind: str, *more: Any) -> StoredAbsence:
    return StoredAbsence(absence_id, hall_id, clerk, first, last, AbsenceKind.of(kind), *more)


def _roster(roster_id: str, hall_id: str, first: date, last: date, state: str, *more: Any) -> StoredRoster:
    return StoredRoster(roster_id, hall_id, first, last, RosterState.of(state), *more)


_CLERKS = "SELECT hall_id, clerk, skills, week_h, wishes, origin, since, changed_at, changed_by, retired_at FROM hall_clerk"
_ABSENCES = "SELECT absence_id, hall_id, clerk, first_date, last_date, kind, actor, noted_at, cancelled_at FROM clerk_absence"
_ROSTER = "roster_id, hall_id, first_date, last_date, state, asked_at, asked_by, wanted, solved_at, decided_at, decided_by"

_SKILLS_SEEN = """
SELECT DISTINCT clerk, unnest(CASE WHEN event = 'window.open' THEN items ELSE ARRAY[item] END)
FROM hall_event
WHERE hall_id = %(hall)s AND phenomenon_time >= %(start)s AND phenomenon_time < %(end)s AND clerk IS NOT NULL
  AND (event = 'window.open' OR (event IN ('start', 'end') AND item IS NOT NULL))
"""

_PRESENT = """
SELECT clerk, min(phenomenon_time), max(phenomenon_time) FROM hall_event
WHERE hall_id = %(hall)s AND phenomenon_time >= %(start)s AND phenomenon_time < %(end)s AND clerk IS NOT NULL
  AND event <> 'rating'
GROUP BY clerk ORDER BY clerk
"""

_SUPERSEDE = """
UPDATE roster old SET state = %(over)s
WHERE hall_id = %(hall)s AND exercise_id IS NOT DISTINCT FROM %(exercise)s AND state = %(in_force)s AND NOT EXISTS (
    SELECT FROM generate_series(old.first_date, old.last_date, interval '1 day') AS day (at)
    WHERE NOT EXISTS (
        SELECT FROM roster later
        WHERE later.hall_id = old.hall_id AND later.exercise_id IS NOT DISTINCT FROM old.exercise_id
          AND later.state = %(in_force)s AND (later.decided_at, later.roster_id) > (old.decided_at, old.roster_id)
          AND day.at >= later.first_date AND day.at <= later.last_date
    )
)
RETURNING roster_id
"""
