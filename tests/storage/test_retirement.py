"""Retirement: small tables lose what nobody needs, a bounded number of rows at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from domain.observations import Rejection
from storage import retirement, sessions
from storage.connection import Connection
from storage.deadletters import list_dead_letters
from tests.support.scenes import COMMANDER, NOW, a_status, a_unit, an_incident, minutes, stored
from tests.support.visitors import settled

OLD = 400 * 24 * 60
"""Minutes of the retention."""


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


def test_of_a_unit_s_statuses_the_last_stays_however_old_it_is(conn: Connection) -> None:
    stored(conn, a_unit(minutes_ago=OLD + 10), a_unit("a-2", minutes_ago=OLD + 10))
    for unit_id, status, minutes_ago in (
        ("a-1", "available", OLD + 3), ("a-1", "enroute", OLD + 2), ("a-1", "available", 5), ("a-2", "available", OLD + 1)
    ):  # fmt: skip
        stored(conn, a_status(status, unit_id=unit_id, minutes_ago=minutes_ago))
    retirement.delete_before(conn, NOW - minutes(OLD), dead_letters_before=NOW)
    rows = conn.execute("SELECT unit_id, status, valid_from FROM unit_status ORDER BY unit_id").fetchall()
    assert rows == [("a-1", "available", NOW - minutes(5)), ("a-2", "available", NOW - minutes(OLD + 1))]


def test_what_was_said_of_an_incident_goes_and_the_incident_stays(conn: Connection) -> None:
    stored(
        conn, replace(an_incident("old", minutes_ago=OLD + 1), text="smoke from a roof"), replace(an_incident("new"), text="fire")
    )
    retirement.delete_before(conn, NOW - minutes(OLD), dead_letters_before=NOW)
    assert conn.execute("SELECT incident_id FROM incident_text").fetchall() == [("new",)]
    assert conn.execute("SELECT count(*) FROM incident").fetchone() == (2,)


def test_who_signed_in_and_from_where_is_kept_for_a_time_of_its_own(conn: Connection) -> None:
    settled(conn, COMMANDER, at=NOW - timedelta(days=91))
    settled(conn, COMMANDER, at=NOW - timedelta(days=89))
    for days in (91, 89):
        at = NOW - timedelta(days=days)
        sessions.begin_attempt(conn, "li", "10.0.0.1", at, since=at, familiar_since=at)
    old = NOW - timedelta(days=90)
    assert retirement.delete_before(conn, NOW - minutes(OLD), dead_letters_before=NOW, sign_ins_before=old) == 2
    assert conn.execute("SELECT count(*) FROM session").fetchone() == (1,)
    assert conn.execute("SELECT min(attempted_at) FROM sign_in_attempt").fetchone() == (NOW - timedelta(days=89),)
