"""Connections to the memory: how they are opened, and the sentence when they cannot be.

Sessions run in UTC; every time read is aware. Callers own transactions: `with conn.transaction():`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import TupleRow

Connection = psycopg.Connection[TupleRow]

_SESSION_OPTIONS = "-c timezone=UTC -c lock_timeout=15s"


class DatabaseUnreachable(Exception):  # noqa: N818 - a state of the world, named after it
    """The database did not answer. The message names it without its password."""


def named(database_url: str) -> str:
    """`database_url` as it may be shown: without user and password."""
    parts = urlsplit(database_url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def require_address(database_url: str) -> str:
    """`database_url` itself. Raises ValueError, without a word of it, when libpq cannot take it apart."""
    try:
        psycopg.conninfo.conninfo_to_dict(database_url)
    except psycopg.ProgrammingError:  # not as its cause, which may quote a piece of the password
        raise ValueError("the address of the database cannot be taken apart") from None
    return database_url


def connect(database_url: str, *, application: str = "cityhelm", connect_timeout_s: int = 5) -> Connection:
    """A connection in autocommit mode (transactions are opened explicitly). Raises DatabaseUnreachable."""
    try:
        return psycopg.connect(
            database_url,
            autocommit=True,
            connect_timeout=connect_timeout_s,
            application_name=application,
            options=_SESSION_OPTIONS,
            # A server that vanishes without a word (a cut cable, an address that moved) is given up after a minute, not after the
            # quarter of an hour, or the two hours while waiting for an answer, that Linux takes by itself (tcp(7)).
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            tcp_user_timeout=60_000,
        )
    except psycopg.OperationalError as cause:
        if _is_disk_full(cause):
            raise DatabaseUnreachable(f"{why_lost(cause)} (at {named(database_url)})") from cause
        raise DatabaseUnreachable(
            f"the database at {named(database_url)} did not accept a connection ({_reason(cause)}): "
            "expected a running PostgreSQL 15 or newer; check DATABASE_URL, or unset it to use the private one"
        ) from cause


def _reason(cause: psycopg.OperationalError) -> str:
    """What libpq says of the last address it tried, without its advice in the line below."""
    told = [line for line in str(cause).splitlines() if line.strip() and not line.startswith("\t")]
    return told[-1].rpartition("failed: ")[2].strip()


@contextmanager
def one_view(conn: Connection) -> Iterator[None]:
    """All queries inside see the same committed state, and change nothing. Not inside another transaction."""
    conn.isolation_level, conn.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True  # said with BEGIN: one journey less
    try:
        with conn.transaction():
            yield
    finally:
        if not conn.closed:
            conn.isolation_level = conn.read_only = None


def in_one_line(fault: BaseException) -> str:
    """The first line of what a fault says, for a sentence around it; its name where it says nothing."""
    return (str(fault).strip() or type(fault).__name__).splitlines()[0]


def why_lost(fault: BaseException) -> str:
    """What a fault of which `is_connection_lost` is true means, with its cure where there is one."""
    if _is_disk_full(fault):
        return "the disk of the database is full: expected room for what comes in; free some, and the work goes on by itself"
    return f"the database went away ({in_one_line(fault)})"


def _is_disk_full(fault: BaseException) -> bool:
    return isinstance(fault, psycopg.errors.DiskFull) or "No space left on device" in str(fault)


def is_connection_lost(fault: BaseException) -> bool:
    """Whether `fault` says that the database went away or is busy, so that the same work is worth trying again."""
    return isinstance(fault, psycopg.OperationalError | psycopg.InterfaceError) and not is_unstorable(fault)


def is_unstorable(fault: BaseException) -> bool:
    """Whether `fault` says that the database can never hold what it was given: trying again would block what follows."""
    never = (
        psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded, struct.error, OverflowError, UnicodeError,
    )  # fmt: skip
    return isinstance(fault, never)
