"""Databases for tests: a fresh one per test, cloned in milliseconds from a migrated template.

A server is either given (`--database-url=`) or a private one per worker process. Every database made here has a name
that starts with `cityhelm_test_` and is dropped after use.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from psycopg import sql

from runtime import quarters
from runtime.embedded_postgres import private_postgres
from storage.connection import Connection, connect
from storage.migrate import migrate

_MEMORY = Path("/dev/shm")
_ENOUGH_MEMORY = 1 << 30
_PREFIX = "cityhelm-tests-"


class Databases:
    """A server on which databases may be made and dropped."""

    def __init__(self, server_url: str) -> None:
        self.server_url = server_url
        self._prefix = f"cityhelm_test_{secrets.token_hex(4)}"
        self._numbers = count(1)
        self._template: str | None = None

    @contextmanager
    def fresh(self, *, migrated: bool = True) -> Iterator[str]:
        """The URL of a database of one's own, with today's schema or empty; dropped on leaving."""
        name = f"{self._prefix}_{next(self._numbers)}"
        self._create(name, self._migrated_template() if migrated else "template0")
        try:
            yield self._url_of(name)
        finally:
            self._drop(name)

    def close(self) -> None:
        if self._template is not None:
            self._drop(self._template)

    def _migrated_template(self) -> str:
        if self._template is None:
            self._template = f"{self._prefix}_template"
            self._create(self._template, "template0")
            with connect(self._url_of(self._template)) as conn:
                migrate(conn)
                _quieten(conn)
            # A template that somebody is connected to cannot be cloned.
            self._admin(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(self._template)))
        return self._template

    def _create(self, name: str, template: str) -> None:
        # Copying the files takes half the time of replaying them through the log.
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        self._admin(create.format(sql.Identifier(name), sql.Identifier(template)))

    def _drop(self, name: str) -> None:
        self._admin(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _admin(self, statement: sql.Composed) -> None:
        with connect(self.server_url, application="cityhelm-tests") as conn:
            conn.execute(statement)

    def _url_of(self, name: str) -> str:
        return urlsplit(self.server_url)._replace(path=f"/{name}").geturl()


def _quieten(conn: Connection) -> None:
    """TimescaleDB's own workers would hold on to the template, and touch chunks in the middle of a test."""
    if conn.execute("SELECT FROM pg_extension WHERE extname = 'timescaledb'").fetchone() is not None:
        conn.execute(
            "SELECT count(*) FROM timescaledb_information.jobs, alter_job(job_id, scheduled => false) WHERE jobs.job_id >= 1000"
        )
        conn.execute("SELECT _timescaledb_functions.stop_background_workers()")


@contextmanager
def private_databases() -> Iterator[Databases]:
    """A private server, in memory where there is enough of it: cloning 340 small files there takes 14 ms, on a busy
    disk 350 ms."""
    place = _MEMORY if _has_memory() else Path(tempfile.gettempdir())
    _clear_leftovers(place)
    home = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    home.chmod(0o711)  # root's PostgreSQL runs as somebody else, who must be able to enter
    data_dir = home / "postgres"
    try:
        with private_postgres(data_dir, fast=True) as url:
            yield Databases(url)
    finally:
        if data_dir.is_symlink():  # lodged elsewhere, because the temporary directory is private
            shutil.rmtree(data_dir.resolve(), ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


def _has_memory() -> bool:
    return os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ENOUGH_MEMORY


def _clear_leftovers(place: Path) -> None:
    """Removes what runs that were killed left behind. A server that runs is held; one that starts is young."""
    for home in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):  # its own run was quicker
            if quarters.holder(home / "postgres") is None and home.stat().st_mtime < time.time() - 600:
                shutil.rmtree(home, ignore_errors=True)
