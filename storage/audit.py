"""The audit: what was done or refused, by whom; appended in the act's own transaction, chained afterwards by one sealer.

hash = SHA-256 of prev_hash and the entry's canonical JSON (keys sorted, no spaces, times in UTC with microseconds), so that
a changed byte breaks every later link. The first prev_hash is 64 zeros.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb

from domain.moments import Moment
from domain.rights import Actor
from storage.connection import Connection

GENESIS = "0" * 64
_SEALER_LOCK = 7_205_003


@dataclass(frozen=True, slots=True)
class AuditEntry:
    audit_id: int
    acted_at: datetime
    actor: str
    role: str
    action: str
    object: str
    outcome: str
    detail: dict[str, Any]
    before_hash: str | None
    after_hash: str | None
    exercise_id: str | None


def append(
    conn: Connection,
    actor: Actor,
    action: str,
    object_id: str,
    *,
    outcome: str,
    now: datetime,
    detail: dict[str, Any] | None = None,
    exercise_id: str | None = None,
) -> None:
    """Appends an unsealed entry in the caller's transaction."""
    conn.execute(
        "WITH entry AS (INSERT INTO audit_entry (acted_at, actor, role, action, object, outcome, detail, exercise_id) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING audit_id) "
        "INSERT INTO audit_unsealed (audit_id) SELECT audit_id FROM entry",
        (now, actor.name, actor.role.value, action, object_id, outcome, Jsonb(detail or {}), exercise_id),
    )


def entry_hash(entry: AuditEntry, prev_hash: str) -> str:
    fields = {
        "audit_id": entry.audit_id, "acted_at": entry.acted_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": entry.actor, "role": entry.role, "action": entry.action, "object": entry.object, "outcome": entry.outcome,
        "detail": entry.detail, "before_hash": entry.before_hash, "after_hash": entry.after_hash,
        "exercise_id": entry.exercise_id,
    }  # fmt: skip
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{prev_hash}{canonical}".encode()).hexdigest()


def seal(conn: Connection, now: datetime) -> int:
    """Chains the entries committed since the last call; returns how many. Acts never wait for it.

    Only one sealer works at a time; another caller returns 0 at once.
    """
    with conn.transaction():
        if conn.execute("SELECT pg_try_advisory_xact_lock(%s)", (_SEALER_LOCK,)).fetchone() != (True,):
            return 0
        head = conn.execute("SELECT seq, hash FROM audit_chain ORDER BY seq DESC LIMIT 1").fetchone()
        seq, prev_hash = (int(head[0]), str(head[1])) if head else (0, GENESIS)
        unsealed = [AuditEntry(*row) for row in conn.execute(_UNSEALED)]
        for entry in unsealed:
            seq += 1
            digest = entry_hash(entry, prev_hash)
            conn.execute(
                "INSERT INTO audit_chain (seq, audit_id, prev_hash, hash, sealed_at) VALUES (%s, %s, %s, %s, %s)",
                (seq, entry.audit_id, prev_hash, digest, now),
            )
            prev_hash = digest
        conn.execute("DELETE FROM audit_unsealed WHERE audit_id = ANY(%s)", ([entry.audit_id for entry in unsealed],))
        return len(unsealed)


def list_entries(conn: Connection, *, limit: int = 100) -> list[AuditEntry]:
    """The newest entries, newest first."""
    return [AuditEntry(*row) for row in conn.execute(f"{_SELECT} ORDER BY audit_id DESC LIMIT %s", (limit,))]


@dataclass(frozen=True, slots=True)
class Seal:
    """The place of an entry in the chain: its number from 1, the hash before it, its own, and when it was sealed."""

    seq: int
    prev_hash: str
    hash: str
    sealed_at: datetime


def iter_chain(conn: Connection) -> Iterator[tuple[AuditEntry, Seal | None]]:
    """The whole log: what is sealed in the order of the chain, then what is not sealed yet. Call inside `one_view`."""
    with conn.cursor(name="audit_chain") as rows:
        rows.execute(_CHAIN)
        for row in rows:
            yield AuditEntry(*row[:11]), Seal(*row[11:]) if row[11] is not None else None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry with its place in the chain; `hash` and `sealed_at` are None while the sealer has not come to it."""

    entry: AuditEntry
    hash: str | None
    sealed_at: datetime | None


_SENT = " → "
"""Between unit and incident in the object of an order's entry (`dispatch.orders.issue`)."""


def list_log(
    conn: Connection,
    moment: Moment,
    *,
    limit: int,
    objects: Sequence[str] | None = None,
    incident_id: str | None = None,
    exercise_id: str | None = None,
) -> list[LogEntry]:
    """What was done or refused by the moment, newest first, with the seals known then.

    `objects` and `incident_id` narrow it to entries about these objects, and about units sent to this incident.
    """
    parameters = {
        "at": moment.at, "known_at": moment.known_at, "limit": limit, "exercise": exercise_id, "objects": list(objects or ()),
        "sent_to": incident_id,
    }  # fmt: skip
    is_narrowed = objects is not None or incident_id is not None
    rows = conn.execute(_LOG_ABOUT if is_narrowed else _LOG, parameters)
    return [LogEntry(AuditEntry(*row[:11]), row[11], row[12]) for row in rows]


_SELECT = (
    "SELECT audit_entry.audit_id, acted_at, actor, role, action, object, outcome, detail, before_hash, after_hash, exercise_id "
    "FROM audit_entry"
)
_UNSEALED = f"{_SELECT} JOIN audit_unsealed USING (audit_id) ORDER BY audit_entry.audit_id"

_CHAIN = """
SELECT audit_entry.audit_id, acted_at, actor, role, action, object, outcome, detail, before_hash, after_hash, exercise_id,
       seq, prev_hash, hash, sealed_at
FROM audit_entry LEFT JOIN audit_chain USING (audit_id) ORDER BY seq NULLS LAST, audit_entry.audit_id
"""

_LOG_OF = """
SELECT entry.audit_id, entry.acted_at, entry.actor, entry.role, entry.action, entry.object, entry.outcome, entry.detail,
       entry.before_hash, entry.after_hash, entry.exercise_id, seal.hash, seal.sealed_at
FROM audit_entry entry LEFT JOIN audit_chain seal ON seal.audit_id = entry.audit_id AND seal.sealed_at <= %(known_at)s
WHERE entry.acted_at <= %(at)s AND entry.exercise_id IS NOT DISTINCT FROM %(exercise)s {condition}
ORDER BY entry.audit_id DESC LIMIT %(limit)s
"""

_LOG = _LOG_OF.format(condition="")

_LOG_ABOUT = _LOG_OF.format(
    condition=f"""AND entry.audit_id IN (
    SELECT audit_id FROM audit_entry WHERE object = ANY(%(objects)s)
    UNION
    SELECT audit_id FROM audit_entry
    WHERE split_part(object, '{_SENT}', 2) = %(sent_to)s AND split_part(object, '{_SENT}', 2) <> ''
)"""
)
