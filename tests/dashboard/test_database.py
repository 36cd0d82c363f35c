"""Questions and acts: a connection that died is replaced, an act is never done twice."""

from __future__ import annotations

import pytest

from dashboard.database import Database, OutcomeUnknown
from storage.connection import Connection, DatabaseUnreachable
from tests.support import loops


def one(conn: Connection) -> int:
    row = conn.execute("SELECT 1").fetchone()
    assert row is not None
    return int(row[0])


def killed(conn: Connection) -> None:
    conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_a_connection_is_kept_between_questions_and_closed_at_the_end(database_url: str) -> None:
    async def scene() -> None:
        database = Database(database_url)
        pids = {await database.ask(lambda conn: conn.info.backend_pid) for _ in range(5)}
        assert len(pids) == 1
        database.close()

    loops.run(scene())


def test_a_connection_that_died_while_idle_is_replaced(database_url: str, conn: Connection) -> None:
    async def scene() -> int:
        database = Database(database_url)
        await database.ask(one)
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'cityhelm-dashboard' AND datname = current_database()"
        )
        answer = await database.ask(one)
        database.close()
        return answer

    assert loops.run(scene()) == 1


def test_a_question_whose_connection_dies_twice_is_unreachable(database_url: str) -> None:
    with pytest.raises(DatabaseUnreachable):
        loops.run(Database(database_url).ask(killed))


def test_an_act_cut_off_is_not_repeated(database_url: str) -> None:
    done = []

    def deed(conn: Connection) -> None:
        done.append(1)
        killed(conn)

    with pytest.raises(OutcomeUnknown):
        loops.run(Database(database_url).act(deed))
    assert done == [1]


def test_an_act_without_a_database_was_not_done() -> None:
    with pytest.raises(DatabaseUnreachable):
        loops.run(Database("postgresql://127.0.0.1:1/nowhere").act(one))


def test_a_fault_of_ours_is_not_taken_for_the_database_s(database_url: str) -> None:
    def broken(conn: Connection) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        loops.run(Database(database_url).ask(broken))
