"""The ingest service: stored before acknowledged, nothing stuck, and the ledger adds up."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.batches import BatchCounts, Report
from domain.moments import Moment
from domain.observations import Quality, Reading
from ingest.parse import parse
from ingest.rates import RateLimit
from ingest.service import GENEROUS, Figures, Ingester, run, store
from ingest.waiting import Message, WaitingRoom
from iot.mqtt import BrokerAddress, Publisher, parse_address
from layouts.words import CATALOGUE
from runtime.embedded_broker import throwaway_broker
from storage.connection import Connection, connect
from storage.deadletters import list_dead_letters
from storage.ingestion import Ingestion
from storage.ledger import LedgerRow, list_ledger
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


def test_a_fault_of_the_parser_costs_the_message_that_shows_it_and_no_other(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbling(topic: str, payload: bytes, received_time: datetime) -> list[Report]:
        if b'"pm25": 1}' in payload:
            raise KeyError("nobody thought of it")
        return parse(topic, payload, received_time)

    monkeypatch.setattr("ingest.service.parse", stumbling)
    counts = store(Ingestion(conn), [reading(0), reading(1, value=1), reading(2)], NOW)
    assert (counts.stored, counts.rejected) == (2, 1)
    (letter,) = list_dead_letters(conn)
    assert "nobody thought of it" in letter.reason
    assert json.loads(letter.payload)["values"] == {"pm25": 1}
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
def ingesting(broker: BrokerAddress, database_url: str, *, limit: RateLimit = GENEROUS) -> Iterator[None]:
    """An ingester in a thread, told to stop on leaving."""
    stop = threading.Event()
    faults: list[BaseException] = []
    ingester = Ingester(broker, "ingest-under-test", stop, limit=limit)

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


def test_every_figure_of_the_ingester_has_words_on_the_system_page(broker: BrokerAddress) -> None:
    """Beside what stands there in words of its own: the sum of what came, and the protocol."""
    figures, began = Figures(), NOW
    figures.note_outage(NOW)
    figures.note(BatchCounts(received=1, stored=1), [reading(0)], began=began, committed_at=NOW + timedelta(seconds=7))
    metrics = figures.as_metrics(NOW + timedelta(seconds=8), room=WaitingRoom(messages=1, payload_bytes=1), broker=broker)
    assert metrics["database_away_s"] == 7.0
    numbers = {name for name, value in metrics.items() if isinstance(value, int | float)} - {"received_total", "protocol"}
    assert {"waiting_bytes", "database_away_s", "rate_limited_total", "lost_sessions_total"} <= numbers
    assert {f"metric.{name}" for name in numbers} <= set(CATALOGUE)


def test_a_stop_while_the_database_is_unreachable_is_prompt(broker: BrokerAddress) -> None:
    began = time.monotonic()
    with ingesting(broker, "postgresql://nobody@127.0.0.1:1/none"):
        time.sleep(0.5)
    assert time.monotonic() - began < 15


def test_connect_leaves_no_open_connection_behind(database_url: str) -> None:
    with connect(database_url) as opened:
        assert not opened.closed
    assert opened.closed


def test_a_device_that_sends_beyond_its_allowance_is_refused_and_counted_and_its_neighbour_is_not(
    broker: BrokerAddress, database_url: str, conn: Connection
) -> None:
    with ingesting(broker, database_url, limit=RateLimit(messages_per_s=1, burst=100)):
        published(broker, 300)
        publisher = Publisher(broker, "neighbour").open()
        ts = datetime.now(UTC).isoformat()
        publisher.publish(f"{AIR}2/telemetry", json.dumps({"id": "n", "ts": ts, "values": {"pm25": 1}}).encode())
        publisher.flush()
        publisher.close()
        deadline = time.monotonic() + 30
        while sum(row.received for row in ledger_now(conn)) < 301 and time.monotonic() < deadline:
            time.sleep(0.1)
    account = {what: Counter[str]() for what in ("received", "stored", "rejected")}
    for row in ledger_now(conn):  # a refused message counts in the hour in which it came, a stored one in that of its measurement
        for what, by_device in account.items():
            by_device[row.device_id] += getattr(row, what)
    mad, calm = "990101/air/s1/a1", "990101/air/s1/a12"
    received, stored, rejected = account.values()
    assert (received[mad], received[calm]) == (300, 1)
    assert stored[mad] + rejected[mad] == 300
    assert 100 <= stored[mad] <= 130, "a hundred at once, and one for each second that the test took"
    assert (stored[calm], rejected[calm]) == (1, 0)
    letters = list_dead_letters(conn, limit=1_000)
    assert sum(letter.n for letter in letters) == rejected[mad]
    assert {letter.code for letter in letters} == {"rate_limited"}
    assert letters[0].payload.startswith(b'{"id": "m'), "the payload is kept, so that it can be replayed"


def ledger_now(conn: Connection) -> list[LedgerRow]:
    now = datetime.now(UTC)
    return list_ledger(conn, since=now - timedelta(days=2), until=now + timedelta(days=1))


def test_what_waited_while_the_ingester_was_away_is_not_held_against_a_device(
    broker: BrokerAddress, database_url: str, conn: Connection
) -> None:
    if broker.protocol != 5:
        pytest.skip("the small embedded broker (amqtt) does not keep messages for a subscriber that is away; mosquitto is needed")
    limit = RateLimit(messages_per_s=10, burst=10)
    with ingesting(broker, database_url, limit=limit):
        published(broker, 5)
        assert stored_count(conn, 5) == 5
        time.sleep(2.5)  # until a heartbeat says that it was here
    conn.execute(
        "UPDATE process_heartbeat SET beat_at = beat_at - interval '1 minute', started_at = started_at - interval '1 minute'"
    )
    published(broker, 500, first=100)
    with ingesting(broker, database_url, limit=limit):
        assert stored_count(conn, 505) == 505
    assert list_dead_letters(conn) == []


HOSTILE = (
    b"", b"\x00", b"\xff" * 300, b"[" * 60_000, b'{"a":' * 10_000, b"9" * 60_000, b'{"id":"\\ud800","ts":"2026-03-02T09:00:00+08:00"}',
    b'{"id":"a","ts":"2026-03-02T09:00:00+08:00","values":{"pm25":1e999}}', b'{"id":"a","ts":"0001-01-01T00:00:00+23:59","values":{"x":1}}',
    b'{"id":"a","ts":"9999-12-31T23:59:59-23:59","values":{"x":1}}', b'{"id":"' + b"i" * 60_000 + b'","ts":"2026-03-02T09:00:00+08:00","values":{"x":1}}',
    b'{"id":"a","ts":"2026-03-02T09:00:00+08:00","seq":99999999999999999999,"values":{"x":1}}',
    b'{"id":"a","ts":"2026-03-02T09:00:00+08:00","values":{"' + b"p" * 3_000 + b'":1}}',
    b'{"id":"a","ts":"2026-03-02T09:00:00+08:00","values":{"x\\u0000":1}}', b'{"id":"a","ts":"2026-03-02T09:00:00+08:00","extra":{"n":"\\u0000"},"values":{"x":1}}',
    b'{"id":"a","ts":"2026-03-02T09:00:00+08:00","unit":{"x":"\xf0\x9f\x92\xa3"},"values":{"x":1}}', b'[{"n":"a","v":1e400}]', b'[{"bn":"' + b"n" * 9_000 + b'","v":1}]',
    b'{"id":"a","ts":"2026-03-02T09:00:00+08:00","type":"' + b"T" * 9_000 + b'","interval_s":-1,"position":[1e308,1e308]}',
    b'{"id":"a","ts":"2026-03-02T09:00:00+08:00","event":"arrive","ticket":"\\u202e","item":{}}', b'{"id":"a","ts":"2026-03-02T09:00:00+08:00","ack":null}',
    b'{"id":"\'; DROP TABLE observation; --","ts":"2026-03-02T09:00:00+08:00","values":{"\'x":1}}', bytes(70_000),
)  # fmt: skip


def test_no_hostile_payload_raises_or_stops_the_good_one_behind_it(conn: Connection) -> None:
    hostile = [
        Message(f"{device}/{kind}", payload, NOW, mid=1, qos=1, epoch=1)
        for kind in ("telemetry", "birth", "state", "event", "ack", "cmd", "\u202e")
        for device in (AIR, "city/v1/990101/air/s1/\U0001f4a3", f"city/v1/{'x' * 200}/air/s1/a1")
        for payload in HOSTILE
    ]
    ingestion = Ingestion(conn)
    counts = store(ingestion, [*hostile, reading(0)], NOW)
    assert counts.rejected > len(HOSTILE)
    assert store(ingestion, [reading(0), reading(1)], NOW).stored == 1, "the good one behind them was stored"
    for row in list_ledger(conn, since=NOW - timedelta(days=20_000), until=NOW + timedelta(days=1)):
        assert row.received == row.stored + row.corrected + row.duplicate + row.rejected


def test_a_refused_message_that_the_broker_brings_again_is_kept_and_counted_once(conn: Connection) -> None:
    broken = replace(reading(0), payload=b'[{"id": "a"}, {"id": "b"}]')
    ingestion = Ingestion(conn)
    first = store(ingestion, [broken], NOW)
    n = len(list_dead_letters(conn))
    assert first.rejected == n > 0
    later = NOW + timedelta(seconds=20)
    again = store(ingestion, [replace(broken, is_again=True, received_time=later), reading(1)], later)
    assert (again.rejected, again.duplicate, again.stored) == (0, n, 1)
    never_seen = replace(broken, payload=b"{", is_again=True, received_time=later)
    assert store(ingestion, [never_seen], later).rejected == 1, "brought before, but never dealt with"
    both = replace(broken, payload=b"[", received_time=later)
    assert store(ingestion, [both, replace(both, is_again=True)], later).duplicate == 1, "both in one batch"
    assert store(ingestion, [replace(broken, received_time=later)], later).rejected == n, (
        "sent again by the device: another letter"
    )
    assert len(list_dead_letters(conn)) == 2 * n + 2
    adds_up(conn)


def test_a_number_of_an_old_connection_is_never_acknowledged_on_a_new_one(broker: BrokerAddress) -> None:
    ingester = Ingester(broker, "ingest-under-test", threading.Event())
    acknowledged: list[int] = []
    ingester._client.ack = lambda mid, qos: acknowledged.append(mid)  # type: ignore[assignment]
    ingester._epoch = 7
    old, new = (replace(reading(k), mid=k, epoch=epoch) for k, epoch in ((1, 5), (2, 7)))
    ingester._acknowledge([old, new, replace(new, mid=3), replace(old, mid=4), replace(new, mid=5, qos=0)])
    assert acknowledged == [2, 3], "in the order of arrival"


def test_a_stop_while_the_database_hangs_in_a_batch_ends_in_time_and_acknowledges_nothing(
    broker: BrokerAddress, database_url: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.service.DRAIN_S", 1.0)
    hangs, stop = threading.Event(), threading.Event()

    def hanging(*_: object) -> BatchCounts:
        hangs.set()
        time.sleep(4)
        raise OSError("the test is over")

    monkeypatch.setattr("ingest.service.store", hanging)
    thread = threading.Thread(
        target=run, args=(database_url, broker), kwargs={"client_id": "ingest-under-test", "retention_days": 30, "stop": stop}
    )
    thread.start()
    while conn.execute("SELECT count(*) FROM process_heartbeat WHERE (metrics ->> 'subscribed')::boolean").fetchone() == (0,):
        time.sleep(0.1)
    published(broker, 10)
    assert hangs.wait(10)
    began = time.monotonic()
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert time.monotonic() - began < 3
    assert stored_count(conn, 1, within_s=0.1) == 0
    time.sleep(4)
