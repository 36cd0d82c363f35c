"""Visitors for tests: a signed-in browser without the way in, and somebody who is whoever the test says."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.datastructures import Headers

from access.sessions import made_token
from dashboard.door import DoorPolicy
from dashboard.visitor import Visitor
from domain.accounts import Session
from domain.rights import Actor
from storage import accounts, sessions
from storage.connection import Connection, connect


class OpenDoor:
    """A door at which everybody is the one that the test says; None: nobody."""

    def __init__(self, actor: Actor | None) -> None:
        self.actor = actor
        self.policy = DoorPolicy(demonstration=(actor,) if actor else ())

    async def visitor(self, headers: Headers, address: str) -> Visitor | None:
        return Visitor(self.actor) if self.actor else None

    async def see(self, visitor: Visitor) -> None:
        """Nobody's session is kept."""

    async def is_still(self, visitor: Visitor) -> bool:
        return True

    def forget(self) -> None:
        """Nothing is believed."""


def settled(conn: Connection, actor: Actor, *, how: str = "password", at: datetime | None = None) -> tuple[str, int]:
    """(token, grant) of a session of `actor`, whose account and grant are made where they are missing."""
    now = at or datetime.now(UTC)
    accounts.create_account(
        conn, actor.name, department=None, password_hash=None, must_change=False, subject=None, created_by="test", now=now
    )
    accounts.create_grant(conn, actor.name, actor.role, actor.scope, granted_by="test", approval_id=None, now=now)
    grant = next(g for g in accounts.list_grants(conn, actor.name) if (g.role, g.scope) == (actor.role, actor.scope))
    token = made_token()
    passed = Session(sessions.digest(token), actor.name, grant.grant_id, how, now, now, now)
    sessions.create_session(conn, passed)
    return token, grant.grant_id


def session_cookie(database_url: str, actor: Actor, *, at: datetime | None = None) -> str:
    """The value of the cookie of somebody who has just signed in."""
    with connect(database_url) as conn:
        return settled(conn, actor, at=at)[0]
