"""Champions, and what a process remembers beyond its end."""

from __future__ import annotations

from dataclasses import replace

from domain.scores import Champion
from storage.champions import crown, find_champion, find_state, keep_state, list_champions
from storage.connection import Connection
from tests.support.scenes import NOW, minutes

FIRST = Champion(7, "autoreg", NOW, "least_error error=0.8", NOW, {"autoreg": 0.8, "seasonal_naive": 1.0})


def test_a_champion_comes_back_with_the_contest(conn: Connection) -> None:
    crown(conn, [FIRST])
    assert find_champion(conn, 7) == FIRST
    assert list_champions(conn) == {7: FIRST}
    assert find_champion(conn, 8) is None


def test_who_stays_has_been_there_since_the_first_time(conn: Connection) -> None:
    later = replace(FIRST, since=NOW + minutes(60), decided_at=NOW + minutes(60), contest={"autoreg": 0.7})
    crown(conn, [FIRST])
    crown(conn, [later])
    assert find_champion(conn, 7) == replace(later, since=NOW)
    other = replace(later, model="prophet")
    crown(conn, [other])
    assert find_champion(conn, 7) == other


def test_the_newest_state_is_kept(conn: Connection) -> None:
    assert find_state(conn, "detectors") is None
    keep_state(conn, "detectors", b"\x00one", NOW)
    keep_state(conn, "detectors", b"\x00two", NOW + minutes(5))
    assert find_state(conn, "detectors") == (NOW + minutes(5), b"\x00two")
