"""Accounts: who can sign in, with which grants, sessions and keys. Records alone; secrets appear as hashes only.

An account's name is a pseudonym such as `commander1`: no person's name, telephone or address is kept here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.rights import Action, Actor, Role, Scope


@dataclass(frozen=True, slots=True)
class Account:
    """`password_hash` is None for one that signs in elsewhere; `subject` is who it is at the city's identity provider."""

    name: str
    department: str | None
    password_hash: str | None
    must_change: bool
    totp_secret: str | None
    subject: str | None
    created_at: datetime
    disabled_at: datetime | None = None

    @property
    def is_disabled(self) -> bool:
        return self.disabled_at is not None


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that an account holds somewhere."""

    grant_id: int
    name: str
    role: Role
    scope: Scope
    granted_by: str
    granted_at: datetime

    def actor(self) -> Actor:
        return Actor(self.name, self.role, self.scope)


@dataclass(frozen=True, slots=True)
class Session:
    """A visit. `grant_id` is the one grant it acts under, None until one is chosen; `how` is password, provider or
    demonstration."""

    token_hash: bytes
    name: str
    grant_id: int | None
    how: str
    created_at: datetime
    seen_at: datetime
    second_factor_at: datetime | None


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a visit lasts: without anybody touching it, and in all. A wall is looked at, not touched."""

    idle: timedelta = timedelta(hours=1)
    absolute: timedelta = timedelta(hours=12)
    wall: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Key:
    """A machine's key: what it may, where, until when."""

    key_id: str
    role: Role
    scope: Scope
    actions: frozenset[Action]
    made_by: str
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def actor(self) -> Actor:
        return Actor(f"key:{self.key_id}", self.role, self.scope, self.actions)
