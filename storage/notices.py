"""Notices: what has to leave, to whom, by which channel; written in the transaction that decides it, sent afterwards.

An attempt is written down before it is made. One whose process died while it was under way is made again under the same key,
because nobody knows whether it arrived: better twice than never, and the key tells who gets it twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from domain.publications import Audience, Notice, NoticeState
from domain.warnings import WarningMode
from storage.connection import Connection

_REMINDING_LOCK = 7_205_021


def put(conn: Connection, notices: Iterable[Notice], *, urgency: int) -> None:
    """Writes what has to leave. What waited to say an older version to the same recipient need not be said any more. Call in the
    transaction of the act."""
    for notice in notices:
        if notice.warning_id is not None:
            conn.execute(_SUPERSEDE, {
                "warning": notice.warning_id, "channel": notice.channel, "to": notice.recipient,
                "audience": notice.audience.value, "waiting": NoticeState.WAITING.value,
                "superseded": NoticeState.SUPERSEDED.value, "zh": f"第 {notice.version} 版先行",
                "en": f"version {notice.version} came before it left",
            })  # fmt: skip
        conn.execute(
            "INSERT INTO notice (key, exercise_id, publication_id, warning_id, mass_id, channel, audience, lang, recipient, "
            "mode, urgency, subject, body, facts, created_at, due_at, state, said_zh, said_en) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING",
            (
                notice.key, notice.exercise_id, notice.publication_id, notice.warning_id, notice.mass_id, notice.channel,
                notice.audience.value, notice.lang, notice.recipient, notice.mode.value, urgency, notice.subject, notice.body,
                Jsonb(dict(notice.facts)), notice.created_at, notice.due_at, notice.state.value, notice.said_zh, notice.said_en,
            ),
        )  # fmt: skip


REMINDER = "reminder"
"""What the facts of a notice say of its `step` that reminds somebody of what waits; `role` says whom."""


def take_reminding(conn: Connection) -> bool:
    """Whether this transaction is the one that writes reminders: another one's has to end first."""
    return conn.execute("SELECT pg_try_advisory_xact_lock(%s)", (_REMINDING_LOCK,)).fetchone() == (True,)


def newest_reminders(conn: Connection, since: datetime) -> dict[str, tuple[datetime, tuple[str, ...]]]:
    """When each role was last written a reminder, after `since`, and of which warnings."""
    rows = conn.execute(
        "SELECT DISTINCT ON (facts ->> 'role') facts ->> 'role', created_at, facts -> 'warnings' FROM notice "
        "WHERE created_at > %s AND facts ->> 'step' = %s ORDER BY facts ->> 'role', created_at DESC",
        (since, REMINDER),
    )
    return {role: (at, tuple(named)) for role, at, named in rows}


def supersede_reminders(conn: Connection, role: str, *, zh: str, en: str) -> int:
    """Reminders of a role that have not left yet need not any more; returns how many."""
    return conn.execute(
        "UPDATE notice SET state = %s, said_zh = %s, said_en = %s WHERE state = %s AND facts ->> 'step' = %s "
        "AND facts ->> 'role' = %s",
        (NoticeState.SUPERSEDED.value, zh, en, NoticeState.WAITING.value, REMINDER, role),
    ).rowcount


@dataclass(frozen=True, slots=True)
class Quota:
    """How many notices a channel may send from `since` on, to each audience."""

    channel: str
    per_hour: int


def take(
    conn: Connection, quotas: Sequence[Quota], *, now: datetime, hour_ago: datetime, taken_by: str, busy: Mapping[str, int],
    most: int,
) -> list[Notice]:  # fmt: skip
    """Takes notices that are due, the most urgent first, at most `most` under way for each channel (`busy`: how many are), none
    beyond its hour's number; writes down that an attempt begins. Two who take at once never take the same."""
    taken: list[Notice] = []
    per_hour = {quota.channel: quota.per_hour for quota in quotas}
    due = conn.execute(
        "SELECT DISTINCT channel, audience FROM notice WHERE state = %s AND due_at <= %s AND channel = ANY(%s) ORDER BY 1, 2",
        (NoticeState.WAITING.value, now, list(per_hour)),
    )
    for channel, audience in due.fetchall():
        room = most - busy.get(channel, 0) - sum(notice.channel == channel for notice in taken)
        allowed = min(room, per_hour[channel] - _count_left(conn, channel, audience, hour_ago)) if room > 0 else 0
        if allowed <= 0:
            continue
        with conn.transaction():
            rows = conn.execute(_TAKE, {
                "channel": channel, "audience": audience, "now": now, "by": taken_by, "most": allowed,
                "waiting": NoticeState.WAITING.value, "sending": NoticeState.SENDING.value, "actual": WarningMode.ACTUAL.value,
            }).fetchall()  # fmt: skip
            found = sorted((_notice(row) for row in rows), key=lambda notice: notice.notice_id)
            for notice in found:
                conn.execute(
                    "INSERT INTO notice_attempt (notice_id, attempt, began_at) VALUES (%s, %s, %s)",
                    (notice.notice_id, notice.attempts, now),
                )
        taken += found
    return taken


def settle(
    conn: Connection, notice: Notice, state: NoticeState, *, outcome: str, zh: str, en: str, now: datetime,
    due_at: datetime | None = None,
) -> None:  # fmt: skip
    """What became of the attempt under way: sent, dead, or to be made again at `due_at` unless a newer version took its place."""
    with conn.transaction():
        conn.execute(
            "UPDATE notice_attempt SET ended_at = %s, outcome = %s, said_zh = %s, said_en = %s "
            "WHERE notice_id = %s AND attempt = %s",
            (now, outcome, zh, en, notice.notice_id, notice.attempts),
        )
        conn.execute(_SETTLE, {
            "id": notice.notice_id, "attempt": notice.attempts, "state": state.value,
            "sent": now if state is NoticeState.SENT else None, "due": due_at, "zh": zh, "en": en,
            "sending": NoticeState.SENDING.value, "waiting": NoticeState.WAITING.value,
            "superseded": NoticeState.SUPERSEDED.value,
        })  # fmt: skip


def release_abandoned(conn: Connection, taken_before: datetime, now: datetime, *, but: Sequence[int] = ()) -> int:
    """Gives back what somebody took so long ago that they must have died, but not what the caller itself is still at; returns how
    many."""
    return conn.execute(
        "UPDATE notice SET state = %s, due_at = %s, taken_at = NULL, taken_by = NULL, said_zh = %s, said_en = %s "
        "WHERE state = %s AND taken_at < %s AND notice_id <> ALL(%s)",
        (
            NoticeState.WAITING.value, now, "发送进程中断，结果不明，将以同一标识重发",
            "the process that sent it ended meanwhile; nobody knows whether it arrived; it is sent again under the same key",
            NoticeState.SENDING.value, taken_before, list(but),
        ),
    ).rowcount  # fmt: skip


def find_for_update(conn: Connection, notice_id: int) -> Notice | None:
    row = conn.execute(f"{_SELECT} WHERE notice_id = %s FOR UPDATE OF notice", (notice_id,)).fetchone()
    return _notice(row) if row is not None else None


def revive(conn: Connection, notice_id: int, *, now: datetime, zh: str, en: str) -> None:
    """A dead one waits again, at once, with all its attempts before it."""
    conn.execute(
        "UPDATE notice SET state = %s, due_at = %s, tries = 0, said_zh = %s, said_en = %s WHERE notice_id = %s AND state = %s",
        (NoticeState.WAITING.value, now, zh, en, notice_id, NoticeState.DEAD.value),
    )


def list_notices(conn: Connection, *, limit: int, warning_id: str | None = None, exercise_id: str | None = None) -> list[Notice]:
    """The newest notices, of one warning or of all."""
    where, parameters = "exercise_id IS NOT DISTINCT FROM %(exercise)s", {"exercise": exercise_id, "limit": limit}
    if warning_id is not None:
        try:
            parameters["warning"] = UUID(warning_id)  # type: ignore[assignment]
        except ValueError:
            return []
        where = "notice.warning_id = %(warning)s"
    rows = conn.execute(f"{_SELECT} WHERE {where} ORDER BY notice_id DESC LIMIT %(limit)s", parameters)
    return [_notice(row) for row in rows]


def count_by_state(conn: Connection, sent_since: datetime) -> dict[str, int]:
    """How many wait (or are under way), how many are dead, how many left since then."""
    row = conn.execute(
        "SELECT count(*) FILTER (WHERE state = ANY(%(open)s)), count(*) FILTER (WHERE state = %(dead)s), "
        "count(*) FILTER (WHERE sent_at >= %(since)s) FROM notice",
        {
            "open": [NoticeState.WAITING.value, NoticeState.SENDING.value], "dead": NoticeState.DEAD.value, "since": sent_since,
        },
    ).fetchone()  # fmt: skip
    assert row is not None
    return {"waiting": row[0], "dead": row[1], "sent_24h": row[2]}


def _count_left(conn: Connection, channel: str, audience: str, since: datetime) -> int:
    """How many left by a channel for an audience since then, with those under way."""
    row = conn.execute(
        "SELECT count(*) FROM notice WHERE channel = %s AND audience = %s AND (sent_at > %s OR state = %s)",
        (channel, audience, since, NoticeState.SENDING.value),
    ).fetchone()
    return int(row[0]) if row else 0


def _notice(row: TupleRow) -> Notice:
    facts: Mapping[str, Any] = row[20]
    return Notice(
        notice_id=row[0], key=row[1], channel=row[2], audience=Audience.of(row[3]), lang=row[4], recipient=row[5],
        mode=WarningMode.of(row[6]), subject=row[7], body=row[8], created_at=row[9], due_at=row[10],
        state=NoticeState.of(row[11]),
        attempts=row[12], sent_at=row[13], said_zh=row[14], said_en=row[15], warning_id=str(row[16]) if row[16] else None,
        publication_id=row[17], version=row[18], mass_id=row[19], facts=facts, exercise_id=row[21], tries=row[22],
    )  # fmt: skip


_COLUMNS = """notice_id, key, channel, audience, lang, recipient, notice.mode, subject, body, created_at, due_at, state, attempts,
       notice.sent_at, said_zh, said_en, notice.warning_id, notice.publication_id,
       (SELECT version FROM publication WHERE publication.publication_id = notice.publication_id), mass_id, facts,
       notice.exercise_id, tries"""
_SELECT = f"SELECT {_COLUMNS} FROM notice"

_SUPERSEDE = """
UPDATE notice SET state = %(superseded)s, said_zh = %(zh)s, said_en = %(en)s
WHERE warning_id = %(warning)s AND channel = %(channel)s AND recipient = %(to)s AND audience = %(audience)s
  AND publication_id IS NOT NULL AND state = %(waiting)s
"""

_TAKE = f"""
UPDATE notice SET state = %(sending)s, attempts = attempts + 1, tries = tries + 1, taken_at = %(now)s, taken_by = %(by)s
WHERE notice_id IN (
    SELECT notice_id FROM notice
    WHERE state = %(waiting)s AND due_at <= %(now)s AND channel = %(channel)s AND audience = %(audience)s
      AND mode = %(actual)s AND exercise_id IS NULL
    ORDER BY urgency, notice_id LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
RETURNING {_COLUMNS}
"""

# An attempt that failed is not made again when a newer version has meanwhile been written for the same recipient.
_SETTLE = """
UPDATE notice SET
    state = CASE WHEN %(state)s = %(waiting)s AND EXISTS (
        SELECT FROM notice later WHERE later.warning_id = notice.warning_id AND later.channel = notice.channel
        AND later.recipient = notice.recipient AND later.audience = notice.audience AND later.notice_id > notice.notice_id
        AND later.publication_id IS NOT NULL
    ) THEN %(superseded)s ELSE %(state)s END,
    sent_at = coalesce(%(sent)s, sent_at), due_at = coalesce(%(due)s, due_at), taken_at = NULL, taken_by = NULL,
    said_zh = %(zh)s, said_en = %(en)s
WHERE notice_id = %(id)s AND attempts = %(attempt)s AND state = %(sending)s
"""
