"""The ingest service: stored before acknowledged, nothing stuck, and the ledger adds up."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from domain.batches import Report
from domain.moments import Moment
from domain.observations import Quality, Reading
from ingest.parse import parse
from ingest.service import Ingester, Message, store
from iot.mqtt import BrokerAddress, Publisher, parse_address
from runtime.embedded_broker import throwaway_broker
from storage.connection import Connection, connect
from storage.deadletters import list_dead_letters
from storage.ingestion import Ingestion
from storage.ledger import list_ledger
from storage.observations import list_values

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
AIR = "city/v1/990101/air/s1/a1"


def message(payload: object, *, kind: str = "telemetry", received: datetime = NOW) -> Message:
    return Message(f"{AIR}/{kind}", json.dumps(payload).encode(), received, mid=1, qos=1, epoch=1)


def reading(minutes_ago: int, value: float = 40.0, **more: object) -> Message:
    ts = (NOW - timedelta(minutes=minutes_ago)).isoformat()
    return message({"id": f"m{minutes_ago}", "ts": ts, "values": {"pm25": value}, **more})


def adds_up(conn: Connection) -> None:
    for row in list_ledger(conn, since=NOW - timedelta(days=2), until=NOW + timedelta(days=2)):
        assert row.received == row.stored + row.corrected + row.duplicate + row.rejected


def test_a_device_that_was_never_announced_is_registered_by_its_first_reading(conn: Connection) -> None:
    store(Ingestion(conn), [reading(0)], NOW)
    (value,) = list_values(conn, Moment.live(NOW))
    assert value.value == 40.0
    adds_up(conn)


def test_an_impossible_value_is_flagged_and_kept(conn: Connection) -> None:
    store(Ingestion(conn), [reading(0, value=-5.0)], NOW)
    (value,) = list_values(conn, Moment.live(NOW))
    assert (value.value, value.quality) == (-5.0, Quality.BAD)


def test_limits_of_the_birth_message_judge_readings_of_the_same_batch(conn: Connection) -> None:
    birth = message(
        {
            "id": "b",
            "ts": NOW.isoformat(),
            "type": "AirQualityObserved",
            "properties": {"pm25": {"unit": "ug/m3", "min": 0, "max": 30}},
        },
        kind="birth",
    )
    store(Ingestion(conn), [birth, reading(0, value=31.0)], NOW)
    (value,) = list_values(conn, Moment.live(NOW))
    assert value.quality is Quality.BAD


def test_one_message_the_database_cannot_hold_does_not_stop_the_others(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def overlooked(topic: str, payload: bytes, received_time: datetime) -> list[Report]:
        """Parsing that lets a number pass which no column holds."""
        reports = parse(topic, payload, received_time)
        return [r._replace(seq=2**70) if isinstance(r, Reading) and r.value == 1 else r for r in reports]

    monkeypatch.setattr("ingest.service.parse", overlooked)
    counts = store(Ingestion(conn), [reading(0), reading(1, value=1), reading(2), reading(3)], NOW)
    assert (counts.stored, counts.rejected) == (3, 1)
    (letter,) = list_dead_letters(conn)
    assert letter.code == "unstorable"
    adds_up(conn)


def test_the_same_messages_again_store_nothing_twice(conn: Connection) -> None:
    ingestion = Ingestion(conn)
    messages = [reading(k) for k in range(10)]
    assert store(ingestion, messages, NOW).stored == 10
    again = store(ingestion, messages, NOW)
    assert (again.stored, again.duplicate) == (0, 10)
    adds_up(conn)


@pytest.fixture
def broker() -> Iterator[BrokerAddress]:
    with throwaway_broker() as handle:
        yield parse_address(handle.url, handle.protocol)


@contextmanager
def ingesting(broker: BrokerAddress, database_url: str) -> Iterator[None]:
    """An ingester in a thread, told to stop on leaving."""
    stop = threading.Event()
    faults: list[BaseException] = []
    ingester = Ingester(broker, "ingest-under-test", stop)

    def work() -> None:
        try:
            ingester.run(database_url)
        except BaseException as fault:
            faults.append(fault)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ingester.is_subscribed.wait(10)
        yield
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()
        assert not faults


def published(broker: BrokerAddress, count: int, first: int = 0) -> None:
    publisher = Publisher(broker, f"device-{first}").open()
    for k in range(first, first + count):
        ts = (datetime.now(UTC) - timedelta(seconds=5000 - k)).isoformat()
        publisher.publish(f"{AIR}/telemetry", json.dumps({"id": f"m{k}", "ts": ts, "values": {"pm25": k % 50}}).encode())
    publisher.flush()
    publisher.close()


def stored_count(conn: Connection, at_least: int, within_s: float = 30.0) -> int:
    deadline = time.monotonic() + within_s
    count = 0
    while time.monotonic() < deadline:
        row = conn.execute("SELECT count(*) FROM observation").fetchone()
        assert row is not None
        count = row[0]
        if count >= at_least:
            break
        time.sleep(0.1)
    return count


def test_a_published_reading_is_stored(broker: BrokerAddress, database_url: str, conn: Connection) -> None:
    with ingesting(broker, database_url):
        published(broker, 20)
        assert stored_count(conn, 20) == 20


def test_what_is_published_while_the_ingester_is_away_is_stored_when_it_is_back(
    broker: BrokerAddress, database_url: str, conn: Connection
) -> None:
    if broker.protocol != 5:
        pytest.skip("the small embedded broker (amqtt) does not keep messages for a subscriber that is away; mosquitto is needed")
    with ingesting(broker, database_url):
        published(broker, 10)
        assert stored_count(conn, 10) == 10
    published(broker, 2_000, first=100)
    with ingesting(broker, database_url):
        assert stored_count(conn, 2_010) == 2_010


def test_a_database_that_goes_away_is_waited_for_and_nothing_is_lost(
    broker: BrokerAddress, database_url: str, conn: Connection
) -> None:
    with ingesting(broker, database_url):
        published(broker, 10)
        assert stored_count(conn, 10) == 10
        for k in range(5):
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND application_name = 'cityhelm-ingest'"
            )
            published(broker, 200, first=100 + 200 * k)
        assert stored_count(conn, 1_010) == 1_010


def test_the_ingester_beats_its_heart_with_figures(broker: BrokerAddress, database_url: str, conn: Connection) -> None:
    with ingesting(broker, database_url):
        published(broker, 5)
        stored_count(conn, 5)
        time.sleep(2.5)
    row = conn.execute("SELECT metrics FROM process_heartbeat WHERE process = 'ingest'").fetchone()
    assert row is not None
    assert row[0]["stored_total"] == 5


def test_a_stop_while_the_database_is_unreachable_is_prompt(broker: BrokerAddress) -> None:
    began = time.monotonic()
    with ingesting(broker, "postgresql://nobody@127.0.0.1:1/none"):
        time.sleep(0.5)
    assert time.monotonic() - began < 15


def test_connect_leaves_no_open_connection_behind(database_url: str) -> None:
    with connect(database_url) as opened:
        assert not opened.closed
    assert opened.closed
