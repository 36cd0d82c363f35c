"""Accounts, their grants, and machines' keys, as they are kept. Hashes only: no secret can be read back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from psycopg.errors import UniqueViolation

from domain.accounts import Account, Grant, Key
from domain.rights import Action, Role, Scope
from storage.connection import Connection

_ACCOUNT = "SELECT name, department, password_hash, must_change, totp_secret, subject, created_at, disabled_at FROM account"
_GRANT = "SELECT grant_id, name, role, districts, halls, department, granted_by, granted_at FROM account_grant"
_KEY = (
    "SELECT key_id, role, districts, halls, department, actions, made_by, made_at, expires_at, used_at, revoked_at FROM api_key"
)


def find_account(conn: Connection, name: str) -> Account | None:
    row = conn.execute(f"{_ACCOUNT} WHERE name = %s", (name,)).fetchone()
    return Account(*row) if row else None


def find_account_for_update(conn: Connection, name: str) -> Account | None:
    """The account, which nobody else can change until the transaction ends."""
    row = conn.execute(f"{_ACCOUNT} WHERE name = %s FOR UPDATE", (name,)).fetchone()
    return Account(*row) if row else None


def find_account_of_subject(conn: Connection, subject: str) -> Account | None:
    row = conn.execute(f"{_ACCOUNT} WHERE subject = %s", (subject,)).fetchone()
    return Account(*row) if row else None


def list_accounts(conn: Connection) -> list[Account]:
    return [Account(*row) for row in conn.execute(f"{_ACCOUNT} ORDER BY name")]


def create_account(
    conn: Connection, name: str, *, department: str | None, password_hash: str | None, must_change: bool, subject: str | None,
    created_by: str, now: datetime,
) -> bool:  # fmt: skip
    """False when there is one of that name, or of that subject."""
    try:
        with conn.transaction():
            conn.execute(
                "INSERT INTO account "
                "(name, department, password_hash, must_change, password_set_at, subject, created_at, created_by) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                (name, department, password_hash, must_change, now, subject, now, created_by),
            )
    except UniqueViolation:
        return False
    return True


def set_password(conn: Connection, name: str, password_hash: str, *, must_change: bool, now: datetime) -> None:
    conn.execute(
        "UPDATE account SET password_hash = %s, must_change = %s, password_set_at = %s WHERE name = %s",
        (password_hash, must_change, now, name),
    )


def set_factor(conn: Connection, name: str, secret: str | None, step: int | None = None) -> None:
    conn.execute("UPDATE account SET totp_secret = %s, totp_last_step = %s WHERE name = %s", (secret, step, name))


def enrol_factor(conn: Connection, name: str, secret: str, step: int) -> bool:
    """Keeps a second factor whose code of `step` has been shown. False when the account has one already."""
    done = conn.execute(
        "UPDATE account SET totp_secret = %s, totp_last_step = %s WHERE name = %s AND totp_secret IS NULL", (secret, step, name)
    )
    return done.rowcount == 1


def take_step(conn: Connection, name: str, step: int) -> bool:
    """Uses up the code of a step. False when it, or a later one, was used before, by whomever was quicker."""
    done = conn.execute(
        "UPDATE account SET totp_last_step = %s WHERE name = %s AND (totp_last_step IS NULL OR totp_last_step < %s)",
        (step, name, step),
    )
    return done.rowcount == 1


def set_disabled(conn: Connection, name: str, disabled_at: datetime | None) -> None:
    conn.execute("UPDATE account SET disabled_at = %s WHERE name = %s", (disabled_at, name))


def list_grants(conn: Connection, name: str | None = None) -> list[Grant]:
    """Grants that hold, of one account or of all."""
    rows = conn.execute(
        f"{_GRANT} WHERE revoked_at IS NULL AND (%(name)s::text IS NULL OR name = %(name)s) ORDER BY grant_id", {"name": name}
    )
    return [_grant(row) for row in rows]


def find_grant(conn: Connection, grant_id: int) -> Grant | None:
    """A grant that holds."""
    row = conn.execute(f"{_GRANT} WHERE grant_id = %s AND revoked_at IS NULL", (grant_id,)).fetchone()
    return _grant(row) if row else None


def create_grant(
    conn: Connection, name: str, role: Role, scope: Scope, *, granted_by: str, approval_id: str | None, now: datetime
) -> int | None:
    """The number of the new grant; None when the same one holds already."""
    row = conn.execute(
        "INSERT INTO account_grant (name, role, districts, halls, department, granted_at, granted_by, approval_id) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING grant_id",
        (name, role.value, *columns(scope), now, granted_by, approval_id),
    ).fetchone()
    return int(row[0]) if row else None


def revoke_grant(conn: Connection, grant_id: int, *, revoked_by: str, now: datetime) -> None:
    conn.execute(
        "UPDATE account_grant SET revoked_at = %s, revoked_by = %s WHERE grant_id = %s AND revoked_at IS NULL",
        (now, revoked_by, grant_id),
    )


def count_holders(conn: Connection, role: Role, *, besides: str | None = None) -> int:
    """Accounts that can act in a role, but those that `besides` has made."""
    row = conn.execute(
        "SELECT count(DISTINCT name) FROM account_grant JOIN account USING (name) "
        "WHERE role = %s AND revoked_at IS NULL AND disabled_at IS NULL AND created_by IS DISTINCT FROM %s",
        (role.value, besides),
    ).fetchone()
    return int(row[0]) if row else 0


def holds(conn: Connection, name: str, role: Role, scope: Scope) -> bool:
    """Whether an account that is not disabled still has exactly this grant."""
    return any(grant.role is role and grant.scope == scope for grant in list_grants(conn, name)) and not (
        (account := find_account(conn, name)) is None or account.is_disabled
    )


def find_key(conn: Connection, key_hash: bytes) -> Key | None:
    row = conn.execute(f"{_KEY} WHERE key_hash = %s", (key_hash,)).fetchone()
    return _key(row) if row else None


def list_keys(conn: Connection) -> list[Key]:
    return [_key(row) for row in conn.execute(f"{_KEY} ORDER BY made_at")]


def create_key(conn: Connection, key: Key, key_hash: bytes) -> bool:
    """False when there is one of that name."""
    done = conn.execute(
        "INSERT INTO api_key (key_id, key_hash, role, actions, districts, halls, department, made_by, made_at, expires_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            key.key_id, key_hash, key.role.value, sorted(action.value for action in key.actions), *columns(key.scope),
            key.made_by, key.made_at, key.expires_at,
        ),
    )  # fmt: skip
    return done.rowcount == 1


def revoke_key(conn: Connection, key_id: str, now: datetime) -> bool:
    """False when there is none of that name, or it was revoked before."""
    return (
        conn.execute("UPDATE api_key SET revoked_at = %s WHERE key_id = %s AND revoked_at IS NULL", (now, key_id)).rowcount == 1
    )


def note_key_used(conn: Connection, key_id: str, now: datetime) -> None:
    conn.execute("UPDATE api_key SET used_at = %s WHERE key_id = %s", (now, key_id))


def columns(scope: Scope) -> tuple[list[str] | None, list[str] | None, str | None]:
    """A scope as its three columns."""
    return _sorted(scope.districts), _sorted(scope.halls), scope.department


def scope_of(districts: Collection[str] | None, halls: Collection[str] | None, department: str | None) -> Scope:
    """Three columns as a scope."""
    return Scope(
        frozenset(districts) if districts is not None else None, frozenset(halls) if halls is not None else None, department
    )


def _sorted(names: Collection[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _grant(row: tuple[Any, ...]) -> Grant:
    return Grant(row[0], row[1], Role.of(row[2]), scope_of(*row[3:6]), row[6], row[7])


def _key(row: tuple[Any, ...]) -> Key:
    actions = frozenset(action for action in map(Action.known, row[5]) if action is not None)
    return Key(row[0], Role.of(row[1]), scope_of(*row[2:5]), actions, *row[6:])
