"""Connections: in UTC, with a sentence when the database is not there, and without its password in it."""

from __future__ import annotations

import socket
from datetime import timedelta

import psycopg
import pytest

from storage.connection import Connection, DatabaseUnreachable, connect, is_connection_lost, is_unstorable, named
from tests.support.scenes import NOW


def _nobody() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"postgresql://cityhelm:tr0ub4dor@127.0.0.1:{probe.getsockname()[1]}/cityhelm"


def test_an_unreachable_database_is_named_with_the_cure_and_without_its_password() -> None:
    url = _nobody()
    with pytest.raises(DatabaseUnreachable) as fault:
        connect(url, connect_timeout_s=2)
    sentence = str(fault.value)
    assert sentence.startswith(f"the database at postgresql://127.0.0.1:{url.rpartition(':')[2]} did not accept")
    assert "did not accept a connection (Connection refused): expected a running PostgreSQL 15 or newer" in sentence
    assert "check DATABASE_URL, or unset it to use the private one" in sentence
    assert "tr0ub4dor" not in sentence
    assert "\n" not in sentence


def test_a_database_that_does_not_exist_is_named(database_url: str) -> None:
    with pytest.raises(DatabaseUnreachable, match='database "nowhere" does not exist'):
        connect(f"{database_url.rpartition('/')[0]}/nowhere")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://cityhelm:secret@db.example:5433/city", "postgresql://db.example:5433/city"),
        ("postgresql://db.example/city?password=secret", "postgresql://db.example/city"),
        ("postgres://u:p%40ss@[::1]:5432/city?sslmode=require", "postgres://[::1]:5432/city"),
        ("postgresql://u:secret@one.example:5432,two.example/city", "postgresql://one.example:5432,two.example/city"),
    ],
)
def test_a_database_is_named_without_user_and_password(url: str, shown: str) -> None:
    assert named(url) == shown


def test_sessions_run_in_utc_whatever_the_database_prefers(database_url: str) -> None:
    with connect(database_url) as conn:
        conn.execute(f"ALTER DATABASE {conn.info.dbname} SET timezone TO 'Asia/Shanghai'")
    with connect(database_url, application="a-test") as conn:
        assert conn.execute("SHOW timezone").fetchone() == ("UTC",)
        assert conn.execute("SHOW application_name").fetchone() == ("a-test",)
        row = conn.execute("SELECT %s::timestamptz", (NOW,)).fetchone()
        assert row is not None
        assert (row[0], row[0].utcoffset()) == (NOW, timedelta(0))


def test_a_lost_connection_is_told_from_a_fault_of_ours(database_url: str) -> None:
    with connect(database_url) as conn, connect(database_url) as killer:
        killer.execute("SELECT pg_terminate_backend(%s)", (conn.info.backend_pid,))
        with pytest.raises(psycopg.Error) as lost:
            conn.execute("SELECT 1")
        assert is_connection_lost(lost.value)
        assert not is_unstorable(lost.value)
        with pytest.raises(psycopg.Error) as fault:
            killer.execute("SELECT 1 / 0")
        assert not is_connection_lost(fault.value)


@pytest.mark.parametrize("value", ["'nul \\u0000'::jsonb", "'x'::integer", "1e400::float8", "99999::smallint"])
def test_a_value_that_no_database_can_hold_is_known_as_such(database_url: str, value: str) -> None:
    with connect(database_url) as conn:
        with pytest.raises(psycopg.Error) as fault:
            conn.execute(f"SELECT {value}")
        assert is_unstorable(fault.value)
        assert not is_connection_lost(fault.value)


def test_a_value_too_large_for_an_index_is_never_tried_again(conn: Connection) -> None:
    """PostgreSQL calls it an operational error, yet it will refuse it for ever."""
    conn.execute("CREATE TABLE word (word text PRIMARY KEY)")
    noise = "".join(chr(0x4E00 + k * 7919 % 20000) for k in range(9000))
    with pytest.raises(psycopg.Error) as refused:
        conn.execute("INSERT INTO word VALUES (%s)", (noise,))
    assert is_unstorable(refused.value)
    assert not is_connection_lost(refused.value)
