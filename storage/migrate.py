"""Migrations: the numbered SQL files beside this module, applied once each, in order, under a lock.

A migration is `NNNN_name.sql`, followed by `NNNN_name.timescale.sql` or `NNNN_name.plain.sql` according to what the
database is. `/*partition COLUMN*/` after a table becomes PARTITION BY RANGE on plain PostgreSQL and nothing on
TimescaleDB, whose own function makes the hypertable.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from psycopg import errors

from storage.connection import Connection

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 7_205_001
_PARTITION_MARK = re.compile(r"/\*partition (\w+)\*/")


class SchemaMismatch(Exception):  # noqa: N818 - a state of the world, named after it
    """The database's schema is not one this version can use."""


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    folder: Path

    def sql(self, flavour: str) -> str:
        common = (self.folder / f"{self.number:04d}_{self.name}.sql").read_text(encoding="utf-8")
        replacement = r"PARTITION BY RANGE (\1)" if flavour == "plain" else ""
        special = self.folder / f"{self.number:04d}_{self.name}.{flavour}.sql"
        return _PARTITION_MARK.sub(replacement, common) + "\n" + (special.read_text(encoding="utf-8") if special.exists() else "")

    def checksum(self, flavour: str) -> str:
        return hashlib.sha256(self.sql(flavour).encode()).hexdigest()[:16]


def list_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """All migrations in order. Raises SchemaMismatch when numbers are missing or doubled."""
    found = []
    for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql")):
        number, _, name = path.stem.partition("_")
        if "." not in name:
            found.append(Migration(int(number), name, folder))
    if [m.number for m in found] != list(range(1, len(found) + 1)):
        raise SchemaMismatch(f"{folder}: migrations are numbered {[m.number for m in found]}: expected 1, 2, 3 … without gaps")
    return found


def flavour_of(conn: Connection) -> str:
    """ "timescale" when the extension is at hand (installed or installable), otherwise "plain"."""
    row = conn.execute("SELECT FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone()
    return "timescale" if row is not None else "plain"


def applied_version(conn: Connection) -> int:
    """The number of the newest migration applied; 0 for an empty database."""
    try:
        row = conn.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()
    except errors.UndefinedTable:
        return 0
    return int(row[0]) if row else 0


def recorded_flavour(conn: Connection) -> str:
    """What the schema was made as. A database keeps the flavour it was created with."""
    row = conn.execute("SELECT flavour FROM schema_version ORDER BY version DESC LIMIT 1").fetchone()
    return str(row[0]) if row else flavour_of(conn)


def require_current_schema(conn: Connection) -> None:
    """Raises SchemaMismatch, with the cure, unless the schema is exactly the one this version expects."""
    have, want = applied_version(conn), len(list_migrations())
    if have > want:
        raise SchemaMismatch(
            f"the database's schema is version {have}, this program knows versions up to {want}: "
            "start the newer program again, or restore a backup made by this one"
        )
    if have < want:
        raise SchemaMismatch(f"the database's schema is version {have}, this program needs {want}: run `cityhelm migrate`")


def migrate(conn: Connection, folder: Path = MIGRATIONS) -> list[str]:
    """Applies what is missing, each migration in a transaction of its own; returns the names applied.

    Safe to call from several processes at once: one works, the others wait and then find nothing to do.
    Raises SchemaMismatch for a schema newer than this program or a migration file changed after it was applied.
    """
    migrations = list_migrations(folder)
    applied_now: list[str] = []
    conn.execute("SET lock_timeout = 0")  # another process's migration may take minutes
    conn.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    conn.execute("RESET lock_timeout")
    try:
        conn.execute(
            "CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY, name text NOT NULL, "
            "checksum text NOT NULL, flavour text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done = {row[0]: (row[1], row[2]) for row in conn.execute("SELECT version, checksum, flavour FROM schema_version")}
        if done and max(done) > len(migrations):
            raise SchemaMismatch(
                f"the database's schema is version {max(done)}, this program knows versions up to {len(migrations)}: "
                "start the newer program again, or restore a backup made by this one"
            )
        flavour = next(iter(done.values()))[1] if done else flavour_of(conn)
        if flavour == "timescale":
            conn.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        for migration in migrations:
            checksum = migration.checksum(flavour)
            if migration.number in done:
                if done[migration.number][0] != checksum:
                    raise SchemaMismatch(
                        f"migration {migration.number:04d}_{migration.name} was applied with other contents: "
                        "expected an applied migration never to change; put the change into a new one"
                    )
                continue
            with conn.transaction():
                conn.execute(migration.sql(flavour))
                conn.execute(
                    "INSERT INTO schema_version (version, name, checksum, flavour) VALUES (%s, %s, %s, %s)",
                    (migration.number, migration.name, checksum, flavour),
                )
            applied_now.append(migration.name)
    finally:
        conn.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
    return applied_now
