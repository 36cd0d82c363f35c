"""One batch into the memory: all of it or nothing, nothing twice, every report accounted for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.batches import Batch, BatchCounts, Report
from domain.observations import RawFields, Reading
from domain.units import UnitStatus
from storage import ledger
from storage.connection import Connection, connect
from storage.ingestion import Ingestion
from tests.support.scenes import (
    NOW,
    STATION,
    a_detection,
    a_device,
    a_hall_event,
    a_position,
    a_reading,
    a_rejection,
    a_request,
    a_state,
    a_status,
    a_unit,
    an_ack,
    an_incident,
    minutes,
    stored,
    stored_by,
)

ONE_OF_EACH: tuple[Report, ...] = (
    a_reading(40),
    a_state("online"),
    a_hall_event(),
    a_position(113.25),
    a_status(UnitStatus.ENROUTE),
    an_ack("o-1"),
    an_incident(),
    a_request(),
    a_detection(),
)
BIRTHS = (a_device(), a_unit())


def _rows(conn: Connection) -> dict[str, int]:
    tables = ("observation", "device_state", "hall_event", "unit_position", "unit_status", "command_ack", "incident",
              "incident_history", "request", "detection", "raw_field")  # fmt: skip
    return {table: _count(conn, table) for table in tables}


def _count(conn: Connection, table: str) -> int:
    row = conn.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


def test_a_batch_with_one_report_of_each_kind_is_stored(conn: Connection) -> None:
    unknown = RawFields(STATION, "m1", NOW, NOW, '{"battery": 3.7}')
    assert stored(conn, *BIRTHS, *ONE_OF_EACH, unknown) == BatchCounts(received=11, stored=11)
    assert set(_rows(conn).values()) == {1}


def test_the_same_batch_again_stores_nothing_new(conn: Connection) -> None:
    stored(conn, *BIRTHS, *ONE_OF_EACH)
    before = _rows(conn)
    assert stored(conn, *ONE_OF_EACH) == BatchCounts(received=9, duplicate=9)
    assert _rows(conn) == before


def test_messages_that_come_again_later_are_still_known(conn: Connection) -> None:
    """After a crash between commit and acknowledgement the broker sends again: only the time of receipt differs."""
    stored(conn, *BIRTHS, *ONE_OF_EACH)
    before = _rows(conn)
    again = [
        report._replace(received_time=later) if isinstance(report, Reading) else replace(report, received_time=later)
        for later in [NOW + minutes(3)]
        for report in ONE_OF_EACH
    ]
    assert stored(conn, *again) == BatchCounts(received=9, duplicate=9)
    assert _rows(conn) == before


def test_a_report_that_is_twice_in_one_batch_is_stored_once(conn: Connection) -> None:
    assert stored(conn, *BIRTHS, *ONE_OF_EACH, *ONE_OF_EACH) == BatchCounts(received=20, stored=11, duplicate=9)
    assert set(_rows(conn).values()) == {0, 1}


def test_the_ledger_adds_up_to_the_last_message(conn: Connection) -> None:
    counts = stored(
        conn,
        a_device(),
        a_reading(40, minutes_ago=3),
        a_reading(41, minutes_ago=2, delay_minutes=2),  # late: an interval is one minute
        a_reading(42, minutes_ago=3, delay_minutes=0.5),  # a second value for the same time
        a_reading(43, minutes_ago=3, delay_minutes=1, corrects=True),
        a_rejection(),
    )
    assert counts == BatchCounts(received=6, stored=3, late=1, duplicate=1, corrected=1, rejected=1)
    rows = ledger.list_ledger(conn, since=NOW - minutes(120), until=NOW + minutes(120))
    assert sum(row.received for row in rows) == 6
    for row in rows:
        assert row.received == row.stored + row.corrected + row.duplicate + row.rejected


def test_a_batch_that_fails_leaves_nothing_and_can_be_tried_again(conn: Connection) -> None:
    ingestion = Ingestion(conn)
    impossible = a_reading(40, minutes_ago=1, device_id=STATION.replace("air-1", "air-2"))
    impossible = impossible._replace(seq=2**70)  # no bigint
    with pytest.raises((psycopg.Error, OverflowError)):
        stored_by(ingestion, a_device(), a_reading(40), a_state("online"), impossible)
    assert set(_rows(conn).values()) == {0}
    assert _count(conn, "ingest_ledger") == 0
    assert stored_by(ingestion, a_device(), a_reading(40), a_state("online")).stored == 3


def test_a_registration_that_fails_is_forgotten(conn: Connection) -> None:
    """What the registry learnt in a transaction that was undone must not be believed by the next batch."""
    ingestion = Ingestion(conn)
    with pytest.raises((psycopg.Error, ValueError)):
        stored_by(ingestion, a_device(), a_device("440106/environment/north/bad\x00name"))
    assert stored_by(ingestion, a_device(), a_reading(40)).stored == 2


def test_a_device_that_speaks_before_its_birth_is_registered(conn: Connection) -> None:
    assert stored(conn, a_reading(40)).stored == 1
    assert conn.execute("SELECT device_id, district_code, site, type_name, birth_time FROM device").fetchall() == [
        (STATION, "440106", "north", "Unknown", None)
    ]


def test_a_reading_that_was_not_registered_is_a_fault_of_ours(conn: Connection) -> None:
    batch = Batch()
    batch.add(a_reading(40))
    with pytest.raises(LookupError, match=f"{STATION} pm25: expected its datastream to be registered first"):
        Ingestion(conn).write(batch)


def test_an_ingester_knows_what_another_has_registered(database_url: str) -> None:
    with connect(database_url) as one, connect(database_url) as other:
        first, second = Ingestion(one), Ingestion(other)
        stored_by(first, a_device(), a_reading(40, minutes_ago=1))
        assert stored_by(second, a_reading(41)) == BatchCounts(received=1, stored=1)
        assert _count(one, "datastream") == 1


def test_two_ingesters_with_the_same_messages_in_another_order_store_each_once(database_url: str) -> None:
    stations = [STATION.replace("air-1", f"air-{k}") for k in range(20)]
    readings = [a_reading(k, minutes_ago=m, device_id=s) for k, s in enumerate(stations) for m in range(5)]

    def ingest(order: list[Report]) -> list[BatchCounts]:
        with connect(database_url) as conn:
            ingestion = Ingestion(conn)
            return [stored_by(ingestion, *order[k : k + 25]) for k in range(0, 100, 25)]

    with ThreadPoolExecutor(2) as threads:
        both = threads.map(ingest, [[*readings], [*reversed(readings)]])
        counts = sum(chain.from_iterable(both), BatchCounts())
    assert counts == BatchCounts(received=200, stored=100, late=counts.late, duplicate=100)
    with connect(database_url) as conn:
        assert _count(conn, "observation") == 100
        newest = conn.execute("SELECT DISTINCT phenomenon_time FROM latest").fetchall()
        assert newest == [(NOW,)]


def test_a_batch_that_another_writer_crosses_gives_way_and_is_stored_all_the_same(database_url: str) -> None:
    """The other holds the second station and asks for the first; whoever waits a second is asked to end, and that is the batch."""
    first, second = STATION, STATION.replace("air-1", "air-2")
    with connect(database_url) as conn, connect(database_url) as other, ThreadPoolExecutor(1) as thread:
        ingestion = Ingestion(conn)
        stored_by(ingestion, a_device(first), a_device(second))
        touch = "UPDATE device SET name = 'x' WHERE device_id = %s"
        with other.transaction():
            other.execute("SET LOCAL deadlock_timeout = '1min'")
            other.execute(touch, (second,))
            written = thread.submit(stored_by, ingestion, a_state("online", device_id=second), a_state("online", device_id=first))
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid = %s"
            while other.execute(waits, (conn.info.backend_pid,)).fetchone() == (0,):
                assert not written.done()
            other.execute(touch, (first,))
        assert written.result(30) == BatchCounts(received=2, stored=2)
        assert _count(conn, "device_state") == 2


_arrivals = st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.booleans()), max_size=6), min_size=1, max_size=4)
_example = iter(range(10_000))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(batches=_arrivals)
def test_however_messages_arrive_the_first_value_stands_until_it_is_corrected(
    conn: Connection, batches: list[list[tuple[int, int, bool]]]
) -> None:
    """The law of the memory, against a dictionary: (measured minute, value, corrects) in any order, doubled, split."""
    device_id = STATION.replace("air-1", f"law-{next(_example)}")
    ingestion = Ingestion(conn)
    expected: dict[int, float] = {}
    counts = BatchCounts()
    for number, batch in enumerate(batches):
        # Within a batch plain values come before corrections: a correction is told from what it corrects.
        for minute, value, corrects in sorted(batch, key=lambda told: told[2]):
            if corrects or minute not in expected:
                expected[minute] = float(value)
        counts += stored_by(
            ingestion,
            *(
                a_reading(
                    value, minutes_ago=minute, delay_minutes=minute + number + k / 100, device_id=device_id, corrects=corrects
                )
                for k, (minute, value, corrects) in enumerate(batch)
            ),
        )
    held = conn.execute(
        "SELECT phenomenon_time, value FROM observation JOIN datastream USING (datastream_id) WHERE device_id = %s", (device_id,)
    )
    assert {(NOW - time) / minutes(1): value for time, value in held} == expected
    newest = conn.execute(
        "SELECT phenomenon_time, value FROM latest JOIN datastream USING (datastream_id) WHERE device_id = %s", (device_id,)
    ).fetchone()
    assert newest == ((NOW - minutes(min(expected)), expected[min(expected)]) if expected else None)
    assert counts.received == sum(map(len, batches)) == counts.stored + counts.corrected + counts.duplicate
    assert counts.stored == len(expected)
