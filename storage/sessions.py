"""Sessions and attempts to sign in, as they are kept. A token itself is nowhere: its SHA-256 is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from domain.accounts import Limits, Session
from domain.rights import Role
from storage.connection import Connection

_SESSION = "SELECT token_hash, name, grant_id, how, created_at, seen_at, second_factor_at FROM session"
_TURNSTILE_LOCK = 7_205_006


def digest(secret: str) -> bytes:
    """What is kept of a token, a key or a typed name."""
    return hashlib.sha256(secret.encode()).digest()


def find_session(conn: Connection, token_hash: bytes) -> Session | None:
    """A session that nobody has ended; whether it is still good is for `access.sessions` to say."""
    row = conn.execute(f"{_SESSION} WHERE token_hash = %s AND ended_at IS NULL", (token_hash,)).fetchone()
    return Session(*row) if row else None


def create_session(conn: Connection, session: Session) -> None:
    conn.execute(
        "INSERT INTO session (token_hash, name, grant_id, how, created_at, seen_at, second_factor_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            session.token_hash, session.name, session.grant_id, session.how, session.created_at, session.seen_at,
            session.second_factor_at,
        ),
    )  # fmt: skip


def touch(conn: Connection, token_hash: bytes, now: datetime) -> None:
    conn.execute("UPDATE session SET seen_at = %s WHERE token_hash = %s AND ended_at IS NULL", (now, token_hash))


def end_session(conn: Connection, token_hash: bytes, now: datetime) -> bool:
    """False when it has ended before."""
    return (
        conn.execute("UPDATE session SET ended_at = %s WHERE token_hash = %s AND ended_at IS NULL", (now, token_hash)).rowcount
        == 1
    )


def end_sessions(
    conn: Connection, name: str, now: datetime, *, grant_id: int | None = None, but: bytes | None = None
) -> int:  # fmt: skip
    """Ends all sessions of an account, or those under one grant, `but` the one of this token's hash; returns how many."""
    return conn.execute(
        "UPDATE session SET ended_at = %(now)s WHERE name = %(name)s AND ended_at IS NULL "
        "AND (%(grant)s::bigint IS NULL OR grant_id = %(grant)s) AND token_hash IS DISTINCT FROM %(but)s::bytea",
        {"now": now, "name": name, "grant": grant_id, "but": but},
    ).rowcount


def count_sessions(conn: Connection, now: datetime, limits: Limits) -> dict[str, int]:
    """Sessions that are good by the clock (`access.sessions.is_good`), by account."""
    rows = conn.execute(
        "SELECT session.name, count(*) FROM session LEFT JOIN account_grant USING (grant_id) WHERE ended_at IS NULL "
        "AND CASE WHEN role = %s THEN session.created_at > %s ELSE seen_at > %s AND session.created_at > %s END "
        "GROUP BY session.name",
        (Role.WALL.value, now - limits.wall, now - limits.idle, now - limits.absolute),
    )
    return dict(rows.fetchall())


@dataclass(frozen=True, slots=True)
class Tries:
    """Failures so far: of this name since its last success, oldest first; and how many from this address, whatever the name."""

    of_name: tuple[datetime, ...]
    from_address: int


def begin_attempt(
    conn: Connection, name: str, address: str, now: datetime, *, since: datetime, familiar_since: datetime
) -> tuple[int, Tries]:  # fmt: skip
    """Notes an attempt as failed, before anybody looks at the password, and returns its number with what was tried before it:
    of many at once, each sees those that came in front of it. Where this name has succeeded from this address after
    `familiar_since`, its own failures there alone are told. Call inside a transaction."""
    hashed = digest(name)
    conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", (_TURNSTILE_LOCK, int.from_bytes(hashed[:4], signed=True)))
    asked = {"name": hashed, "address": address, "since": since, "familiar": familiar_since}
    found = conn.execute(
        "SELECT EXISTS (SELECT FROM sign_in_attempt WHERE name_hash = %(name)s AND address = %(address)s AND succeeded "
        "AND attempted_at > %(familiar)s), "
        "(SELECT count(*) FROM sign_in_attempt WHERE address = %(address)s AND attempted_at > %(since)s AND NOT succeeded)",
        asked,
    ).fetchone()
    assert found is not None
    is_familiar, from_address = found
    rows = conn.execute(
        "SELECT attempted_at FROM sign_in_attempt WHERE name_hash = %(name)s AND attempted_at > %(since)s AND attempt_id > "
        "coalesce((SELECT max(attempt_id) FROM sign_in_attempt WHERE name_hash = %(name)s AND succeeded), 0) "
        "AND (NOT %(is_familiar)s OR address = %(address)s) ORDER BY attempt_id",
        {**asked, "is_familiar": is_familiar},
    ).fetchall()
    made = conn.execute(
        "INSERT INTO sign_in_attempt (attempted_at, name_hash, address) VALUES (%s, %s, %s) RETURNING attempt_id",
        (now, hashed, address),
    ).fetchone()
    assert made is not None
    return int(made[0]), Tries(tuple(row[0] for row in rows), 0 if is_familiar else int(from_address))


def drop_attempt(conn: Connection, attempt_id: int) -> None:
    """Forgets an attempt that was turned away unseen, so that waiting helps."""
    conn.execute("DELETE FROM sign_in_attempt WHERE attempt_id = %s", (attempt_id,))


def note_success(conn: Connection, attempt_id: int) -> None:
    conn.execute("UPDATE sign_in_attempt SET succeeded = true WHERE attempt_id = %s", (attempt_id,))
