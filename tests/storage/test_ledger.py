"""The account of what was received, per device and hour; heartbeats; how far an import has come."""

from __future__ import annotations

from datetime import datetime

import pytest

from storage import backfills, heartbeats, ledger
from storage.connection import Connection
from storage.heartbeats import Heartbeat
from storage.ledger import LedgerRow
from tests.support.scenes import (
    NOW,
    STATION,
    a_device,
    a_reading,
    a_rejection,
    a_state,
    minutes,
    stored,
)

EIGHT = NOW - minutes(60)


def _rows(conn: Connection, *, hours: int = 3) -> list[LedgerRow]:
    return ledger.list_ledger(conn, since=NOW - minutes(60 * hours), until=NOW + minutes(60))


def test_readings_are_counted_in_the_hour_they_were_measured(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=20), a_reading(1, minutes_ago=70, delay_minutes=70), a_reading(2, minutes_ago=10))
    counted = {row.hour: (row.received, row.stored, row.late) for row in _rows(conn)}
    assert counted == {NOW - minutes(120): (1, 1, 1), EIGHT: (2, 2, 0)}


def test_counts_of_later_batches_are_added(conn: Connection) -> None:
    for k in range(3):
        stored(conn, a_reading(k, minutes_ago=10), a_reading(k, minutes_ago=20 + k))
    (row,) = _rows(conn)
    assert (row.received, row.stored, row.duplicate) == (6, 4, 2)


@pytest.mark.parametrize(
    ("interval_s", "delay_minutes", "late"), [(60, 1, 0), (60, 1.1, 1), (10, 0.5, 0), (10, 0.6, 1), (300, 5, 0)]
)
def test_a_reading_is_late_after_its_interval_or_half_a_minute(
    conn: Connection, interval_s: float, delay_minutes: float, late: int
) -> None:
    assert stored(conn, a_device(interval_s=interval_s), a_reading(1, minutes_ago=9, delay_minutes=delay_minutes)).late == late


def test_readings_of_one_batch_are_counted_in_the_minutes_in_which_they_came(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=9), a_reading(1, minutes_ago=9), a_reading(2, minutes_ago=8), a_reading(2, minutes_ago=8))
    counted = conn.execute("SELECT minute, received, stored, duplicate FROM ingest_minute ORDER BY minute").fetchall()
    assert counted == [(NOW - minutes(9), 1, 1, 0), (NOW - minutes(8), 3, 2, 1)]  # the birth counts with the newest


def test_a_rejection_is_counted(conn: Connection) -> None:
    counts = stored(conn, a_rejection(minutes_ago=10), a_rejection(minutes_ago=9, device_id=None))
    assert (counts.received, counts.rejected) == (2, 2)
    assert [(row.device_id, row.received, row.rejected) for row in _rows(conn)] == [("", 1, 1), (STATION, 1, 1)]


def test_a_rejection_alone_registers_no_device(conn: Connection) -> None:
    stored(conn, a_rejection())
    assert conn.execute("SELECT count(*) FROM device").fetchone() == (0,)


def test_the_ledger_is_asked_for_from_until(conn: Connection) -> None:
    stored(conn, *(a_reading(k, minutes_ago=60 * k) for k in range(4)))
    asked = ledger.list_ledger(conn, since=NOW - minutes(120), until=NOW)
    assert [row.hour for row in asked] == [NOW - minutes(120), EIGHT]


def test_a_second_value_that_differs_is_counted_as_a_contradiction_among_the_duplicates(conn: Connection) -> None:
    stored(conn, a_reading(1, minutes_ago=10), a_reading(2, minutes_ago=9))
    again = [a_reading(7, minutes_ago=10), a_reading(2, minutes_ago=9), a_reading(3, minutes_ago=8)]
    assert stored(conn, *again).duplicate == 2
    assert conn.execute("SELECT duplicate, contradicted, readings FROM ingest_ledger").fetchall() == [(2, 1, 3)]


def test_what_a_correction_replaced_contradicts_nothing_when_it_comes_again(conn: Connection) -> None:
    stored(conn, a_reading(1, minutes_ago=10))
    stored(conn, a_reading(5, minutes_ago=10, delay_minutes=1, corrects=True))
    stored(conn, a_reading(1, minutes_ago=10))
    assert conn.execute("SELECT duplicate, contradicted FROM ingest_ledger").fetchall() == [(1, 0)]


def test_the_account_holds_to_the_last_message(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=50), *(a_reading(k, minutes_ago=k) for k in range(40)), a_rejection(minutes_ago=3))
    stored(conn, a_reading(9, minutes_ago=4), a_reading(8, minutes_ago=5, delay_minutes=3, corrects=True), a_state("online"))
    asked = ledger.account(conn, since=NOW - minutes(60), until=NOW + minutes(60))
    assert asked == ledger.Account(45, 42, 0, 1, 1, 1, 0, 40, 40)
    assert asked.is_balanced
    assert asked.sentence("en") == (
        "received 45 = stored 42 + corrected 1 + duplicate 1 + rejected 1; 40 readings, as many as rows"
    )


def test_an_account_that_does_not_hold_says_so(conn: Connection) -> None:
    stored(conn, *(a_reading(k, minutes_ago=k) for k in range(4)))
    conn.execute("DELETE FROM observation WHERE value = 3")
    asked = ledger.account(conn, since=NOW - minutes(60), until=NOW + minutes(60))
    assert not asked.is_balanced
    assert "4 of them readings, but there are 3 rows" in asked.sentence("en")
    conn.execute("UPDATE ingest_ledger SET stored = stored + 1 WHERE hour = %s", (NOW,))
    asked = ledger.account(conn, since=NOW - minutes(60), until=NOW + minutes(60))
    assert asked.unequal_rows == 1
    assert "1 行" in asked.sentence("zh")
    assert not asked.is_balanced


def _beat(conn: Connection, process: str, instance: str, at: datetime, **metrics: int) -> None:
    heartbeats.beat(conn, process, instance, started_at=NOW - minutes(90), now=at, metrics=metrics)


def test_the_newest_heartbeat_of_each_process_counts(conn: Connection) -> None:
    _beat(conn, "ingest", "host:1", NOW - minutes(2), stored=5)
    _beat(conn, "ingest", "host:2", NOW - minutes(1), stored=6)
    _beat(conn, "ingest", "host:1", NOW - minutes(1.5), stored=7)
    _beat(conn, "alerts", "host:3", NOW)
    assert heartbeats.list_heartbeats(conn) == [
        Heartbeat("alerts", "host:3", NOW - minutes(90), NOW, {}),
        Heartbeat("ingest", "host:2", NOW - minutes(90), NOW - minutes(1), {"stored": 6}),
    ]


def test_an_instance_that_was_silent_for_an_hour_is_forgotten(conn: Connection) -> None:
    _beat(conn, "ingest", "host:1", NOW - minutes(61))
    _beat(conn, "alerts", "host:2", NOW - minutes(61))
    _beat(conn, "ingest", "host:3", NOW)
    instances = conn.execute("SELECT instance FROM process_heartbeat ORDER BY 1").fetchall()
    assert instances == [("host:2",), ("host:3",)], "a process that died altogether is still shown"


def test_an_import_goes_on_where_it_was(conn: Connection) -> None:
    assert backfills.begin(conn, "parking.csv", NOW) == (NOW, 0)
    backfills.note_rows(conn, "parking.csv", 5000)
    backfills.note_rows(conn, "parking.csv", 7000)
    assert backfills.begin(conn, "parking.csv", NOW + minutes(9)) == (NOW, 7000)
    assert backfills.begin(conn, "loops.csv", NOW) == (NOW, 0)
