"""Retirement: small tables lose what nobody needs, a bounded number of rows at a time."""

from __future__ import annotations

from datetime import timedelta

from domain.observations import Rejection
from storage import retirement
from storage.connection import Connection
from storage.deadletters import list_dead_letters
from tests.support.scenes import NOW, stored


def test_old_dead_letters_go_and_new_ones_stay(conn: Connection) -> None:
    for days in (40, 20):
        stored(conn, Rejection("city/v1/x", b"{", NOW - timedelta(days=days), "broken_json", "not JSON"))
    retirement.delete_before(conn, NOW - timedelta(days=400), dead_letters_before=NOW - timedelta(days=30))
    assert [letter.received_time for letter in list_dead_letters(conn)] == [NOW - timedelta(days=20)]


def test_the_ledger_is_kept_for_the_retention(conn: Connection) -> None:
    stored(conn, Rejection("city/v1/x", b"{", NOW - timedelta(days=401), "broken_json", "not JSON"))
    assert retirement.delete_before(conn, NOW - timedelta(days=402), dead_letters_before=NOW - timedelta(days=402)) == 0
    assert retirement.delete_before(conn, NOW - timedelta(days=400), dead_letters_before=NOW - timedelta(days=402)) == 2, (
        "its row and its minute"
    )
    assert conn.execute("SELECT FROM ingest_ledger").fetchall() == []
