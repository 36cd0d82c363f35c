"""Attention: who looks after warnings, who was reminded of them, and what people said of them afterwards.

From: warning_assignment, warning_reminder, warning_verdict, warning_history.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from domain.approvals import ApprovalState
from domain.moments import Moment
from domain.rights import Action
from domain.warnings import (
    OPEN_WARNING_STATES,
    AssigneeKind,
    Assignment,
    Reminder,
    WarningLevel,
    WarningMode,
    WarningState,
    WarningVerdict,
)
from storage.connection import Connection


def assign(
    conn: Connection, warning_id: str, kind: AssigneeKind, to: str, *, actor: str, comment: str | None, now: datetime
) -> None:
    """Records who looks after a warning from now on."""
    conn.execute(
        "INSERT INTO warning_assignment (warning_id, valid_from, recorded_at, kind, assignee, actor, comment) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (warning_id, valid_from, recorded_at) DO UPDATE SET "
        "kind = excluded.kind, assignee = excluded.assignee, actor = excluded.actor, comment = excluded.comment",
        (warning_id, now, now, kind.value, to, actor, comment),
    )


def list_assignments(conn: Connection, warning_id: str, moment: Moment) -> list[Assignment]:
    """Who looked after a warning, the first one first."""
    rows = conn.execute(
        "SELECT kind, assignee, actor, valid_from, comment FROM warning_assignment "
        "WHERE warning_id = %s AND valid_from <= %s AND recorded_at <= %s ORDER BY valid_from, recorded_at",
        (warning_id, moment.at, moment.known_at),
    )
    return [Assignment(AssigneeKind.of(row[0]), *row[1:]) for row in rows]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What somebody said of a warning."""

    verdict: WarningVerdict
    by: str
    at: datetime
    words: str | None


def judge(conn: Connection, warning_id: str, verdict: WarningVerdict, *, actor: str, words: str | None, now: datetime) -> None:
    """Records what somebody says of a warning."""
    conn.execute(
        "INSERT INTO warning_verdict (warning_id, valid_from, recorded_at, verdict, actor, words) "
        "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (warning_id, valid_from, recorded_at) DO UPDATE SET "
        "verdict = excluded.verdict, actor = excluded.actor, words = excluded.words",
        (warning_id, now, now, verdict.value, actor, words),
    )


def list_judgements(conn: Connection, warning_id: str, moment: Moment) -> list[Judgement]:
    """What was said of a warning, oldest first."""
    rows = conn.execute(
        "SELECT verdict, actor, valid_from, words FROM warning_verdict "
        "WHERE warning_id = %s AND valid_from <= %s AND recorded_at <= %s ORDER BY valid_from, recorded_at",
        (warning_id, moment.at, moment.known_at),
    )
    return [Judgement(WarningVerdict.of(row[0]), *row[1:]) for row in rows]


class Waiting(NamedTuple):
    """A warning that waits for somebody to acknowledge it: since it was raised, made graver or came back, and how often somebody
    was reminded of that."""

    warning_id: str
    level: WarningLevel
    since: datetime
    n_reminded: int


WAITING = (WarningState.CANDIDATE, WarningState.VERIFIED, WarningState.PUBLISHED)
"""States in which nobody has acknowledged a warning yet."""


def list_waiting(conn: Connection, now: datetime) -> list[Waiting]:
    """The warnings that wait now, of no exercise: not those shelved, or raised in a maintenance that is on."""
    parameters = {
        "now": now, "waiting": [state.value for state in WAITING], "levels": [level.value for level in WarningLevel],
    }  # fmt: skip
    return [
        Waiting(str(row[0]), WarningLevel.of(row[1]), row[2], row[3]) for row in conn.execute(_WAITING, parameters)
    ]  # fmt: skip


def remind(conn: Connection, waiting: Waiting, n: int, role: str, now: datetime) -> bool:
    """Records the nth reminder of a wait; False when it was given before."""
    row = conn.execute(
        "INSERT INTO warning_reminder (warning_id, waiting_since, n, role, reminded_at) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT DO NOTHING RETURNING 1",
        (waiting.warning_id, waiting.since, n, role, now),
    ).fetchone()
    return row is not None


def list_reminders(conn: Connection, warning_id: str, moment: Moment) -> list[Reminder]:
    """The reminders of a warning, oldest first."""
    rows = conn.execute(
        "SELECT n, role, reminded_at FROM warning_reminder WHERE warning_id = %s AND reminded_at <= %s ORDER BY reminded_at, n",
        (warning_id, moment.at),
    )
    return [Reminder(*row) for row in rows]


def list_reminded(conn: Connection, since: datetime, now: datetime) -> dict[str, set[str]]:
    """Of which warnings that really happen each role was reminded after `since`."""
    rows = conn.execute(
        "SELECT role, warning_id FROM warning_reminder JOIN warning USING (warning_id) "
        "WHERE reminded_at > %s AND reminded_at <= %s AND exercise_id IS NULL AND mode = ANY(%s)",
        (since, now, [WarningMode.ACTUAL.value, WarningMode.SYSTEM.value]),
    )
    found: dict[str, set[str]] = {}
    for role, warning_id in rows:
        found.setdefault(role, set()).add(str(warning_id))
    return found


def list_asked_to_publish(conn: Connection, now: datetime, since: datetime) -> dict[str, str]:
    """The warnings of whose publication a second person is to decide, or has agreed to after `since` and which is about to be
    carried out; each with who asked."""
    rows = conn.execute(
        "SELECT payload ->> 'warning', initiator FROM approval WHERE action = %s AND exercise_id IS NULL AND NOT is_break_glass "
        "AND (state = %s AND expires_at > %s OR state = %s AND decided_at > %s) ORDER BY requested_at",
        (Action.PUBLISH_WARNING.value, ApprovalState.PENDING.value, now, ApprovalState.APPROVED.value, since),
    )
    return dict(rows.fetchall())


def find_state_before(conn: Connection, warning_id: str, state: WarningState) -> WarningState | None:
    """The state that a warning had before it came to this one; None where it never had another."""
    row = conn.execute(
        "SELECT state FROM warning_history WHERE warning_id = %s AND state <> %s "
        "ORDER BY valid_from DESC, recorded_at DESC LIMIT 1",
        (warning_id, state.value),
    ).fetchone()
    return WarningState.of(row[0]) if row else None


def list_assigned_for_update(conn: Connection, account: str, exercise_id: str | None) -> list[str]:
    """Open warnings that an account looks after, locked until the transaction ends."""
    rows = conn.execute(
        _ASSIGNED, {"account": account, "exercise": exercise_id, "open": [state.value for state in OPEN_WARNING_STATES]}
    )
    return [str(row[0]) for row in rows]


# A wait begins with the step that made it, and anew when a shelf or a maintenance under which it was kept back is over.
_WAITING = """
SELECT warning.warning_id, step.level,
       greatest(asked.since, kept.until, CASE WHEN least(maintenance.until, maintenance.ended_at) <= %(now)s
                                              THEN least(maintenance.until, maintenance.ended_at) END) AS waiting_since,
       (SELECT coalesce(max(n), 0) FROM warning_reminder said WHERE said.warning_id = warning.warning_id
        AND said.waiting_since = greatest(asked.since, kept.until, CASE
            WHEN least(maintenance.until, maintenance.ended_at) <= %(now)s
            THEN least(maintenance.until, maintenance.ended_at) END))
FROM warning
JOIN LATERAL (
    SELECT state, level FROM warning_history WHERE warning_history.warning_id = warning.warning_id AND valid_from <= %(now)s
    ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) step ON true
JOIN LATERAL (
    SELECT coalesce(max(valid_from) FILTER (WHERE transition IN ('raised', 'escalated')), min(valid_from)) AS since
    FROM warning_history WHERE warning_history.warning_id = warning.warning_id AND valid_from <= %(now)s
) asked ON true
LEFT JOIN maintenance USING (maintenance_id)
LEFT JOIN LATERAL (
    SELECT max(least(until, ended_at)) AS until, bool_or(least(until, ended_at) > %(now)s) AS is_on FROM shelf
    WHERE shelved_at <= %(now)s AND shelf.exercise_id IS NULL
      AND ((shelf.rule_id = warning.rule_id AND shelf.object_id = warning.object_id)
           OR shelf.situation_id::text = warning.situation_id)
      AND array_position(%(levels)s, shelf.level) <= array_position(%(levels)s, step.level)
) kept ON true
WHERE warning.is_open AND warning.exercise_id IS NULL AND step.state = ANY(%(waiting)s) AND kept.is_on IS NOT TRUE
  AND (maintenance.begins_at <= %(now)s AND least(maintenance.until, maintenance.ended_at) > %(now)s) IS NOT TRUE
ORDER BY waiting_since, warning.warning_id
"""

_ASSIGNED = """
SELECT warning.warning_id FROM warning
JOIN LATERAL (
    SELECT kind, assignee FROM warning_assignment said WHERE said.warning_id = warning.warning_id
    ORDER BY valid_from DESC, recorded_at DESC LIMIT 1
) assigned ON true
WHERE warning.is_open AND warning.exercise_id IS NOT DISTINCT FROM %(exercise)s
  AND assigned.kind = 'account' AND assigned.assignee = %(account)s
ORDER BY warning.warning_id FOR UPDATE OF warning
"""
