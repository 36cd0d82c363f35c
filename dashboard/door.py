"""The door: cookies and keys on one side, sessions in the database on the other.

A session that was looked up is believed for `KEPT`, so that a page of many parts asks once. While the database is away it is
believed longer, so that those who watch keep what they see; nothing can be done then anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response

from access import doors, keys
from access.doors import Opened, Visit
from access.sessions import DEMONSTRATION, is_good
from dashboard.database import Database
from dashboard.visitor import Visitor
from domain.accounts import Limits
from domain.rights import Actor
from storage import accounts, sessions
from storage.connection import Connection, DatabaseUnreachable

KEPT = timedelta(seconds=3)
KEPT_WHILE_AWAY = timedelta(minutes=15)
SEEN_EVERY = timedelta(minutes=1)
MOST_KEPT = 5_000
KEY_USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class DoorPolicy:
    """How this deployment lets people in. `url` is the address by which browsers reach it, None: as they ask; `demonstration` are
    the people that one may say to be, on loopback alone; `proxies` whose word on addresses is believed."""

    url: str | None = None
    demonstration: Sequence[Actor] = ()
    limits: Limits = field(default_factory=Limits)
    proxies: str = ""

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach it over TLS, so that cookies never travel otherwise."""
        return self.url is not None and urlsplit(self.url).scheme == "https"

    @property
    def cookie(self) -> str:
        """`__Host-` ties a cookie to this host and to TLS; browsers do not take it without."""
        return "__Host-cityhelm" if self.is_secure else "cityhelm_session"


@dataclass(slots=True)
class _Kept:
    visit: Visit | None
    read_at: datetime


class Door:
    """Who asks, by cookie or key; and the ways in and out."""

    def __init__(self, database: Database, policy: DoorPolicy, clock: Callable[[], datetime]) -> None:
        self.policy, self.clock = policy, clock
        self._database = database
        self._kept: dict[bytes, _Kept] = {}
        self._key_used: dict[str, datetime] = {}
        self._enrolling: dict[bytes, str] = {}
        self._hashing = asyncio.Semaphore(2)  # 64 MiB and a core each

    async def visitor(self, headers: Headers, address: str) -> Visitor | None:
        """None for nobody. Raises DatabaseUnreachable."""
        kind, _, secret = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return await self._machine(secret.strip(), address)
        token = self.token_in(headers)
        visit = await self._visit(token) if token else None
        return Visitor(visit.actor, visit, address) if visit is not None else None

    async def is_still(self, visitor: Visitor) -> bool:
        """Whether somebody who has been let in still would be: asked again and again by what stays open."""
        if visitor.visit is None:
            return await self._is_still_good(visitor.key_hash)
        now, key = self.clock(), visitor.visit.session.token_hash
        kept = self._kept.get(key)
        if kept is None or abs(now - kept.read_at) >= KEPT:
            try:
                found = self._admitted(await self._database.ask(lambda conn: _by_hash(conn, key, now, self.policy.limits)))
            except DatabaseUnreachable:
                return kept is None or kept.visit is not None
            self._keep(key, found, now)
            return found is not None and found.actor == visitor.actor
        return kept.visit is not None and kept.visit.actor == visitor.actor

    async def see(self, visitor: Visitor) -> None:
        """Notes that somebody is there, at most once a minute."""
        now, visit = self.clock(), visitor.visit
        if visit is None or now - visit.session.seen_at < SEEN_EVERY:
            return
        key = visit.session.token_hash
        try:
            await self._database.ask(lambda conn: sessions.touch(conn, key, now))
        except DatabaseUnreachable:
            return
        self._kept.pop(key, None)

    async def sign_in(self, name: str, password: str, address: str) -> Opened:
        """Raises Refused, DatabaseUnreachable or OutcomeUnknown."""
        now, limits = self.clock(), self.policy.limits
        attempt = await self._database.act(lambda conn: doors.knock(conn, name, address, now))
        async with self._hashing:
            is_right = await asyncio.to_thread(doors.verify, attempt, password)
        return await self._database.act(lambda conn: doors.enter(conn, attempt, now, limits, is_right=is_right))

    async def enter_as(self, name: str) -> Opened | None:
        """A session for one of the people of the demonstration; None for anybody else. Raises Refused."""
        if name not in {person.name for person in self.policy.demonstration}:
            return None
        now, limits = self.clock(), self.policy.limits

        def enter(conn: Connection) -> Opened | None:
            account = accounts.find_account(conn, name)
            return doors.enter_as(conn, account, DEMONSTRATION, now, limits) if account is not None else None

        return await self._database.act(enter)

    async def enter_by_provider(self, subject: str) -> Opened:
        """A session for the account of a subject that the identity provider vouches for. Raises Refused where there is none."""
        now, limits = self.clock(), self.policy.limits
        return await self._database.act(lambda conn: doors.enter_by_provider(conn, subject, now, limits))

    async def take_role(self, visit: Visit, grant_id: int | None) -> Opened:
        now, limits = self.clock(), self.policy.limits
        return self._other(visit, await self._database.act(lambda conn: doors.take_role(conn, visit, grant_id, now, limits)))

    async def change_password(self, visit: Visit, present: str, new: str, address: str) -> Opened:
        """Guesses at the present one count like those at the door."""
        now, limits, name = self.clock(), self.policy.limits, visit.account.name
        attempt = await self._database.act(lambda conn: doors.knock(conn, name, address, now))
        async with self._hashing:
            is_right = await asyncio.to_thread(doors.verify, attempt, present)
        if is_right:  # whatever becomes of the new one: that is no guess
            await self._database.act(lambda conn: sessions.note_success(conn, attempt.attempt_id))
        opened = await self._database.act(
            lambda conn: doors.change_password(conn, visit, is_right=is_right, new=new, now=now, limits=limits)
        )
        self._kept.clear()
        return opened

    def begin_factor(self, visit: Visit) -> str:
        """The secret for a new authenticator: the same until it is set. Raises Refused."""
        key = visit.session.token_hash
        if key not in self._enrolling:
            if len(self._enrolling) >= MOST_KEPT:
                self._enrolling.clear()
            self._enrolling[key] = doors.begin_factor(visit)
        return self._enrolling[key]

    async def pass_factor(self, visit: Visit, code: str, address: str) -> Opened:
        """The code of an authenticator, new or known."""
        now, limits = self.clock(), self.policy.limits
        secret = self._enrolling.get(visit.session.token_hash)
        if secret is not None and visit.account.totp_secret is None:
            opened = await self._database.act(lambda conn: doors.set_factor(conn, visit, secret, code, now, limits))
            self._enrolling.pop(visit.session.token_hash, None)
        else:
            opened = await self._database.act(lambda conn: doors.pass_factor(conn, visit, code, address, now, limits))
        return self._other(visit, opened)

    async def leave(self, visit: Visit, *, everywhere: bool) -> None:
        now = self.clock()
        await self._database.act(lambda conn: doors.leave(conn, visit, now, everywhere=everywhere))
        self._kept.clear()

    def forget(self) -> None:
        """What is believed of sessions is looked up anew: somebody has changed accounts here."""
        self._kept.clear()

    def token_in(self, headers: Headers) -> str | None:
        """The session's token in a request."""
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(headers.get("cookie", ""))
        except CookieError:
            return None
        return jar[self.policy.cookie].value if self.policy.cookie in jar else None

    def give(self, response: Response, token: str | None) -> None:
        """Puts the token into the browser's cookie; None takes it away."""
        at: dict[str, object] = {"path": "/", "httponly": True, "samesite": "lax", "secure": self.policy.is_secure}
        if token is None:
            response.delete_cookie(self.policy.cookie, **at)  # type: ignore[arg-type]
        else:
            response.set_cookie(self.policy.cookie, token, **at)  # type: ignore[arg-type]

    def _other(self, visit: Visit, opened: Opened) -> Opened:
        self._kept.pop(visit.session.token_hash, None)
        return opened

    async def _visit(self, token: str) -> Visit | None:
        key, now, limits = sessions.digest(token), self.clock(), self.policy.limits
        kept = self._kept.get(key)
        if kept is not None and abs(now - kept.read_at) < KEPT:
            return kept.visit
        try:
            found = self._admitted(await self._database.ask(lambda conn: doors.find_visit(conn, token, now, limits)))
        except DatabaseUnreachable:
            if kept is None or abs(now - kept.read_at) > KEPT_WHILE_AWAY or kept.visit is None:
                raise
            visit = kept.visit
            return visit if is_good(visit.session, visit.account, visit.grants, now, limits) else None
        self._keep(key, found, now)
        return found

    def _admitted(self, visit: Visit | None) -> Visit | None:
        """Who only said who they are is nobody where that is not enough, as when a demonstration's memory is put to use."""
        if visit is None or visit.session.how != DEMONSTRATION or self.policy.demonstration:
            return visit
        return None

    def _keep(self, key: bytes, found: Visit | None, now: datetime) -> None:
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[key] = _Kept(found, now)

    async def _machine(self, secret: str, address: str) -> Visitor | None:
        now, key_hash = self.clock(), sessions.digest(secret)
        found = await self._database.ask(lambda conn: accounts.find_key(conn, key_hash))
        if found is None or not keys.is_good(found, now):
            return None
        if now - self._key_used.get(found.key_id, datetime.min.replace(tzinfo=now.tzinfo)) >= KEY_USED_EVERY:
            self._key_used[found.key_id] = now
            await self._database.ask(lambda conn: accounts.note_key_used(conn, found.key_id, now))
        return Visitor(found.actor(), None, address, key_hash)

    async def _is_still_good(self, key_hash: bytes | None) -> bool:
        """Whether a machine's key still opens anything; while the database is away, what was open stays so."""
        if key_hash is None:
            return False
        try:
            found = await self._database.ask(lambda conn: accounts.find_key(conn, key_hash))
        except DatabaseUnreachable:
            return True
        return keys.is_good(found, self.clock())


def _by_hash(conn: Connection, token_hash: bytes, now: datetime, limits: Limits) -> Visit | None:
    session = sessions.find_session(conn, token_hash)
    return doors.visit_of(conn, session, now, limits) if session is not None else None
