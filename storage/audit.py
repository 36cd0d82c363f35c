"""The audit: what was done or refused, by whom; appended in the act's own transaction, chained afterwards by one sealer.

hash = SHA-256 of prev_hash and the entry's canonical JSON (keys sorted, no spaces, times in UTC with microseconds), so that
a changed byte breaks every later link. The first prev_hash is 64 zeros.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from json.encoder import encode_basestring
from typing import Any

from psycopg.types.json import Jsonb

from domain.moments import Moment
from domain.rights import Action, Actor
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
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Appends an unsealed entry in the caller's transaction. `before` and `after` are the object as it was and is, of which the
    hashes are kept."""
    conn.execute(
        "WITH entry AS (INSERT INTO audit_entry "
        "(acted_at, actor, role, action, object, outcome, detail, before_hash, after_hash, exercise_id) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING audit_id) "
        "INSERT INTO audit_unsealed (audit_id) SELECT audit_id FROM entry",
        (
            now, actor.name, actor.role.value, action, object_id, outcome, Jsonb(detail or {}), state_hash(before),
            state_hash(after), exercise_id,
        ),
    )  # fmt: skip


def state_hash(state: Mapping[str, Any] | None) -> str | None:
    """What is kept of the state of an object: SHA-256 of its canonical JSON, times in UTC; None where there is none.

    >>> state_hash({"b": 1, "a": 2}) == state_hash({"a": 2, "b": 1})
    True
    """
    if state is None:
        return None
    canonical = json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: object) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else str(value)


def entry_hash(entry: AuditEntry, prev_hash: str) -> str:
    return hashlib.sha256(f"{prev_hash}{canonical(entry)}".encode()).hexdigest()


def canonical(entry: AuditEntry) -> str:
    """An entry as the text that is hashed: JSON with sorted keys, without blanks. Written out because 100,000 entries are
    verified in seconds: `json.dumps` of the whole takes three times as long, and a test compares the two."""
    e, text = entry, encode_basestring
    before, after, exercise = ("null" if said is None else text(said) for said in (e.before_hash, e.after_hash, e.exercise_id))
    detail = json.dumps(e.detail, sort_keys=True, separators=(",", ":"), ensure_ascii=False) if e.detail else "{}"
    acted_at = e.acted_at.astimezone(UTC).isoformat(timespec="microseconds")
    return (
        f'{{"acted_at":"{acted_at}","action":{text(e.action)},"actor":{text(e.actor)},"after_hash":{after},"audit_id":{e.audit_id},'
        f'"before_hash":{before},"detail":{detail},"exercise_id":{exercise},"object":{text(e.object)},"outcome":{text(e.outcome)},'
        f'"role":{text(e.role)}}}'
    )


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
        if not unsealed:
            return 0
        into_chain = "COPY audit_chain (seq, audit_id, prev_hash, hash, sealed_at) FROM STDIN"
        with conn.cursor() as cursor, cursor.copy(into_chain) as rows:
            for entry in unsealed:
                seq += 1
                digest = entry_hash(entry, prev_hash)
                rows.write_row((seq, entry.audit_id, prev_hash, digest, now))
                prev_hash = digest
        conn.execute("DELETE FROM audit_unsealed WHERE audit_id = ANY(%s)", ([entry.audit_id for entry in unsealed],))
        return len(unsealed)


def last_done(conn: Connection, actor: str, actions: Sequence[Action], object_id: str) -> datetime | None:
    """When somebody last did one of these to an object; None: never."""
    row = conn.execute(
        "SELECT max(acted_at) FROM audit_entry WHERE object = %s AND actor = %s AND action = ANY(%s) AND outcome = 'done'",
        (object_id, actor, [action.value for action in actions]),
    ).fetchone()
    return row[0] if row else None


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


def find_head(conn: Connection) -> Seal | None:
    """The newest seal, None while nothing is sealed."""
    row = conn.execute("SELECT seq, prev_hash, hash, sealed_at FROM audit_chain ORDER BY seq DESC LIMIT 1").fetchone()
    return Seal(*row) if row else None


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


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are looked for: None for what does not matter. `object_id` finds an object's whole life: entries about it,
    about what was sent to it, and requests for a second person that are about it."""

    actor: str | None = None
    action: str | None = None
    object_id: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before_id: int | None = None


def search(conn: Connection, wanted: AuditFilter, *, limit: int) -> list[LogEntry]:
    """Entries of a filter with their seals, newest first."""
    parameters = {
        "actor": wanted.actor, "action": wanted.action, "object": wanted.object_id, "outcome": wanted.outcome,
        "since": wanted.since, "until": wanted.until, "before": wanted.before_id, "limit": limit,
    }  # fmt: skip
    return [LogEntry(AuditEntry(*row[:11]), row[11], row[12]) for row in conn.execute(_SEARCH, parameters)]


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
WHERE entry.acted_at <= %(at)s AND entry.exercise_id IS NOT DISTINCT FROM %(exercise)s
    AND split_part(entry.action, '.', 1) NOT IN ('session', 'account', 'access', 'key', 'policy') {condition}
ORDER BY entry.audit_id DESC LIMIT %(limit)s
"""
"""The log of operations leaves out who signed in and who was given what: that is the auditor's."""

_LOG = _LOG_OF.format(condition="")

_LOG_ABOUT = _LOG_OF.format(
    condition=f"""AND entry.audit_id IN (
    SELECT audit_id FROM audit_entry WHERE object = ANY(%(objects)s)
    UNION
    SELECT audit_id FROM audit_entry
    WHERE split_part(object, '{_SENT}', 2) = %(sent_to)s AND split_part(object, '{_SENT}', 2) <> ''
)"""
)

_SEARCH = f"""
SELECT entry.audit_id, entry.acted_at, entry.actor, entry.role, entry.action, entry.object, entry.outcome, entry.detail,
       entry.before_hash, entry.after_hash, entry.exercise_id, seal.hash, seal.sealed_at
FROM audit_entry entry LEFT JOIN audit_chain seal USING (audit_id)
WHERE (%(actor)s::text IS NULL OR entry.actor = %(actor)s)
    AND (%(action)s::text IS NULL OR entry.action = %(action)s)
    AND (%(outcome)s::text IS NULL OR entry.outcome = %(outcome)s)
    AND (%(since)s::timestamptz IS NULL OR entry.acted_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR entry.acted_at < %(until)s)
    AND (%(before)s::bigint IS NULL OR entry.audit_id < %(before)s)
    AND (%(object)s::text IS NULL OR entry.audit_id IN (
        SELECT audit_id FROM audit_entry WHERE object = %(object)s
        UNION
        SELECT audit_id FROM audit_entry
        WHERE split_part(object, '{_SENT}', 2) = %(object)s AND split_part(object, '{_SENT}', 2) <> ''
        UNION
        SELECT audit_id FROM audit_entry JOIN approval ON approval.approval_id = audit_entry.object
        WHERE %(object)s IN (SELECT value FROM jsonb_each_text(approval.payload))
    ))
ORDER BY entry.audit_id DESC LIMIT %(limit)s
"""
