"""Questions to the memory from the event loop: each runs in a thread and has a connection to itself while it runs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from storage.connection import Connection, DatabaseUnreachable, connect, is_connection_lost, named

Answer = TypeVar("Answer")

AT_ONCE = 4
"""Questions under way at once; more wait their turn, so that many screens never become many connections."""


class OutcomeUnknown(Exception):  # noqa: N818 - a state of the world, named after it
    """The database went away during an act: it may have been done."""


class Database:
    """Asks and acts. Connections are kept between questions; one that has died is noticed and replaced."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._idle: deque[Connection] = deque()
        self._places = asyncio.Semaphore(AT_ONCE)

    @property
    def url(self) -> str:
        """Where it is, for a process of one's own that asks for long."""
        return self._database_url

    async def ask(self, question: Callable[[Connection], Answer]) -> Answer:
        """The answer to a question that changes nothing. Raises DatabaseUnreachable."""
        async with self._places:
            return await asyncio.to_thread(self._ask, question)

    async def act(self, deed: Callable[[Connection], Answer]) -> Answer:
        """Does something once, never twice. Raises Refused, DatabaseUnreachable (nothing was done) or OutcomeUnknown."""
        async with self._places:
            return await asyncio.to_thread(self._act, deed)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _ask(self, question: Callable[[Connection], Answer]) -> Answer:
        try:
            conn = self._idle.pop()
        except IndexError:
            return self._ask_anew(question)
        try:
            answer = question(conn)
        except Exception as fault:
            conn.close()
            if not is_connection_lost(fault):
                raise
            self.close()  # what died was idle: the others have very likely died with it
            return self._ask_anew(question)
        self._idle.append(conn)
        return answer

    def _ask_anew(self, question: Callable[[Connection], Answer]) -> Answer:
        conn = self._connect()
        try:
            answer = question(conn)
        except Exception as fault:
            conn.close()
            if is_connection_lost(fault):
                raise DatabaseUnreachable(f"the database at {named(self._database_url)} went away: {fault}") from fault
            raise
        self._idle.append(conn)
        return answer

    def _act(self, deed: Callable[[Connection], Answer]) -> Answer:
        with self._connect() as conn:
            try:
                return deed(conn)
            except Exception as fault:
                if is_connection_lost(fault):
                    raise OutcomeUnknown(f"the database at {named(self._database_url)} went away during an act") from fault
                raise

    def _connect(self) -> Connection:
        return connect(self._database_url, application="cityhelm-dashboard", connect_timeout_s=3)
