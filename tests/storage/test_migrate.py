"""Migrations: applied once, in order, by one process at a time; a schema that does not fit is refused with its cure."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from time import sleep

import pytest

from domain.moments import Moment
from storage import observations
from storage.connection import Connection, connect
from storage.ledger import account
from storage.migrate import (
    MIGRATIONS,
    SchemaMismatch,
    applied_version,
    flavour_of,
    list_migrations,
    migrate,
    recorded_flavour,
    require_current_schema,
)
from tests.support.scenes import NOW, a_device, a_reading, minutes, stored

ALL = [migration.name for migration in list_migrations()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations that a test may change."""
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))


def _add(folder: Path, name: str, sql: str) -> None:
    (folder / f"{len(list_migrations(folder)) + 1:04d}_{name}.sql").write_text(sql, encoding="utf-8")


def _keep_first(folder: Path, count: int) -> None:
    for path in folder.glob("*.sql"):
        if int(path.name[:4]) > count:
            path.unlink()


def test_an_empty_database_gets_the_whole_schema(empty_database_url: str) -> None:
    with connect(empty_database_url) as conn:
        assert applied_version(conn) == 0
        assert migrate(conn) == ALL
        assert applied_version(conn) == len(ALL)
        require_current_schema(conn)


def test_a_second_run_finds_nothing_to_do(conn: Connection) -> None:
    assert migrate(conn) == []


def test_four_processes_at_once_apply_each_migration_once(empty_database_url: str) -> None:
    ready = Barrier(4)

    def start(_: int) -> list[str]:
        with connect(empty_database_url) as conn:
            ready.wait()
            return migrate(conn)

    with ThreadPoolExecutor(4) as processes:
        applied = list(processes.map(start, range(4)))
    assert sorted(applied) == [[], [], [], ALL]


def test_an_upgrade_from_the_first_version_keeps_what_was_stored(empty_database_url: str, folder: Path) -> None:
    _keep_first(folder, 1)
    with connect(empty_database_url) as conn:
        assert migrate(conn, folder) == ALL[:1]
        # As the first version knew it: a device, its series, one value.
        conn.execute(
            "INSERT INTO device (device_id, district_code, domain_name, site, first_seen) VALUES ('a/b/c/d', 'a', 'b', 'c', now())"
        )
        conn.execute("INSERT INTO datastream (device_id, property, district_code) VALUES ('a/b/c/d', 'pm25', 'a')")
        conn.execute(
            "CREATE TABLE observation_20260302 PARTITION OF observation FOR VALUES FROM ('2026-03-02') TO ('2026-03-03')"
            if recorded_flavour(conn) == "plain"
            else "SELECT"
        )
        for table in ("observation", "latest"):
            conn.execute(
                f"INSERT INTO {table} (datastream_id, phenomenon_time, received_time, value, quality) VALUES (1, %s, %s, 40, 0)",
                (NOW, NOW),
            )
        conn.execute("INSERT INTO ingest_ledger (device_id, hour, received, stored) VALUES ('a/b/c/d', %s, 1, 1)", (NOW,))
        assert migrate(conn) == ALL[1:]
        assert [value.value for value in observations.list_values(conn, Moment.live(NOW))] == [40]
        assert stored(conn, a_device(), a_reading(41)).stored == 2
        assert account(conn, since=NOW - minutes(60), until=NOW + minutes(60)).is_balanced, "hours of before are left out"


def test_a_migration_added_later_is_applied_to_a_database_in_use(conn: Connection, folder: Path) -> None:
    stored(conn, a_device(), a_reading(40))
    _add(folder, "notes", "CREATE TABLE note (body text NOT NULL); INSERT INTO note SELECT 'seen ' || device_id FROM device;")
    assert migrate(conn, folder) == ["notes"]
    assert conn.execute("SELECT body FROM note").fetchall() == [("seen 440106/environment/north/air-1",)]


def test_a_migration_that_fails_leaves_the_version_before_it(conn: Connection, folder: Path) -> None:
    _add(folder, "half", "CREATE TABLE half (n integer); SELECT 1 / 0;")
    with pytest.raises(Exception, match="division by zero"):
        migrate(conn, folder)
    assert applied_version(conn) == len(ALL)
    assert conn.execute("SELECT to_regclass('half')").fetchone() == (None,)
    assert migrate(conn) == [], "and lets go of the lock"


def test_a_newer_schema_is_refused_with_the_cure(conn: Connection) -> None:
    conn.execute(
        "INSERT INTO schema_version (version, name, checksum, flavour) SELECT 99, 'future', '', flavour FROM schema_version LIMIT 1"
    )
    for ask in (lambda: migrate(conn), lambda: require_current_schema(conn)):
        with pytest.raises(
            SchemaMismatch, match=rf"is version 99, this program knows versions up to {len(ALL)}: start the newer program"
        ):
            ask()


def test_an_older_schema_is_refused_with_the_cure(empty_database_url: str, folder: Path) -> None:
    _keep_first(folder, 1)
    with connect(empty_database_url) as conn:
        migrate(conn, folder)
        with pytest.raises(SchemaMismatch, match=rf"is version 1, this program needs {len(ALL)}: run `cityhelm migrate`"):
            require_current_schema(conn)


def test_a_migration_changed_after_it_was_applied_is_refused(conn: Connection, folder: Path) -> None:
    path = folder / f"0001_{ALL[0]}.sql"
    path.write_text(path.read_text(encoding="utf-8") + "-- an afterthought\n", encoding="utf-8")
    with pytest.raises(SchemaMismatch, match=f"migration 0001_{ALL[0]} was applied with other contents: expected"):
        migrate(conn, folder)


def test_a_migration_under_way_is_waited_for_longer_than_any_other_lock(empty_database_url: str) -> None:
    with connect(empty_database_url) as first, connect(empty_database_url) as second, ThreadPoolExecutor(1) as beside:
        second.execute("SET lock_timeout = '50ms'")
        first.execute("SELECT pg_advisory_lock(7205001)")
        migrating = beside.submit(migrate, second)
        sleep(0.3)
        assert not migrating.done()
        first.execute("SELECT pg_advisory_unlock(7205001)")
        assert migrating.result() == ALL
        assert second.execute("SHOW lock_timeout").fetchone() == ("15s",), "as of every connection of ours"


@pytest.mark.parametrize("missing", [1, 2])
def test_a_gap_in_the_numbering_is_refused(folder: Path, missing: int) -> None:
    for path in folder.glob(f"{missing:04d}_*.sql"):
        path.unlink()
    with pytest.raises(SchemaMismatch, match=r"migrations are numbered \[.*\]: expected 1, 2, 3 … without gaps"):
        list_migrations(folder)


def test_a_number_given_twice_is_refused(folder: Path) -> None:
    (folder / "0002_another.sql").write_text("SELECT 1;", encoding="utf-8")
    with pytest.raises(SchemaMismatch, match="without gaps"):
        list_migrations(folder)


def test_the_schema_is_made_as_what_the_database_is(conn: Connection) -> None:
    flavour = recorded_flavour(conn)
    assert flavour == flavour_of(conn)
    hypertables = conn.execute("SELECT to_regclass('timescaledb_information.hypertables')").fetchone()
    assert (hypertables != (None,)) == (flavour == "timescale")


def test_both_flavours_name_the_same_files(folder: Path) -> None:
    for migration in list_migrations(folder):
        specials = {path.name for path in folder.glob(f"{migration.number:04d}_*.*.sql")}
        stem = f"{migration.number:04d}_{migration.name}"
        assert specials <= {f"{stem}.plain.sql", f"{stem}.timescale.sql"}
        assert "/*partition" not in migration.sql("plain") + migration.sql("timescale")
        assert migration.sql("timescale").count("PARTITION BY RANGE") == 0


def test_every_partitioned_table_is_a_hypertable_on_timescaledb() -> None:
    for migration in list_migrations():
        partitioned = migration.sql("plain").count("PARTITION BY RANGE")
        assert migration.sql("timescale").count("create_hypertable(") == partitioned
