"""Hostile input: whatever bytes come under whatever topic, nothing raises, nothing slips through uncounted, what is stored can be
read again, and one device costs the others neither memory nor time without bound."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import orjson
import paho.mqtt.client as paho
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard import wire_data
from dashboard.api.data import read_data
from domain.batches import Batch, BatchCounts
from domain.moments import Moment
from domain.observations import Rejection
from domain.series import Judge
from ingest.parse import MAX_PAYLOAD_BYTES, MOST_PARTS, MOST_VALUES, parse
from ingest.service import Ingester, store
from ingest.waiting import Message
from iot.mqtt import parse_address
from storage import health, lifelines, rollups
from storage.connection import Connection, connect
from storage.deadletters import list_dead_letters
from storage.ingestion import Ingestion
from storage.ledger import account, list_ledger
from tests.support.databases import Databases

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
TS = b'"2026-03-02T09:00:00+08:00"'
AIR = "city/v1/990101/air/s1/a1"
KINDS = ("telemetry", "birth", "state", "event", "ack")


def message(payload: bytes, *, kind: str = "telemetry", device: str = AIR) -> Message:
    return Message(f"{device}/{kind}", payload, NOW, mid=1, qos=1, epoch=1)


def reading(value: float = 40.0, *, minutes_ago: float = 0, **more: object) -> bytes:
    return json.dumps(
        {"id": "m", "ts": (NOW - timedelta(minutes=minutes_ago)).isoformat(), "values": {"pm25": value}, **more}
    ).encode()


def birth(**more: object) -> bytes:
    said = {"id": "b", "ts": (NOW - timedelta(hours=3)).isoformat(), "type": "AirQualityObserved", "position": [113.3, 23.1]}
    return json.dumps({**said, "properties": {"pm25": {"unit": "ug/m3"}}, **more}).encode()


_key = st.sampled_from(
    ["id", "ts", "values", "unit", "seq", "q", "corr", "item", "type", "position", "crs", "interval_s", "properties", "mode", "state",
     "event", "ticket", "window", "class", "severity", "status", "source", "due", "ack", "result", "n", "v", "bn", "bt", "pm25", ""]
)  # fmt: skip
_scalar = st.sampled_from(
    [b"0", b"-0", b"1", b"-1", b"7", b"1e308", b"-1e308", b"1e999", b"1e-400", b"NaN", b"-Infinity", b"9" * 25, b"-" + b"9" * 400, b"0.1",
     b"true", b"null", b'""', b'"x"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\\\\u0000"', b'"\x00"', b'"\xff"', b'"\\u202e"',
     b'"\xf0\x9f\x92\xa3"', b'"' + b"x" * 300 + b'"', TS, b'"2026-03-02T01:00:00"', b'"0001-01-01T00:00:00+23:59"', b'"9999-12-31T23:59:59-23:59"',
     b'"2026-03-02T01:00:60Z"', b'"good"', b'"online"', b'"arrive"', b'"status"', b'"incident.reported"', b'"request.opened"',
     b'"GCJ-02"', b'"BD-09"', b'"periodic"', b'"ug/m3"', b'"kg/m3"', b"[180,-90]", b"[113.3,23.1]", b"[1e308,0]", b"[[]]", b"{}"]
)  # fmt: skip
_nested = st.builds(lambda depth, fill: b"[" * depth + fill + b"]" * depth, st.integers(0, 1_100), st.sampled_from([b"", b"1"]))


def _object(pairs: list[tuple[str, bytes]]) -> bytes:
    """JSON in which a key may stand twice."""
    return b"{" + b",".join(json.dumps(key).encode() + b":" + value for key, value in pairs) + b"}"


_json = st.recursive(
    _scalar | _nested,
    lambda inner: (
        st.lists(st.tuples(_key, inner), max_size=6).map(_object)
        | st.lists(inner, max_size=4).map(lambda members: b"[" + b",".join(members) + b"]")
    ),
    max_leaves=12,
)
_GOOD = {
    "telemetry": [("id", b'"a"'), ("ts", TS), ("values", b'{"pm25":1}')],
    "birth": [("id", b'"a"'), ("ts", TS), ("type", b'"AirQualityObserved"'), ("properties", b'{"pm25":{"unit":"ug/m3"}}')],
    "state": [("id", b'"a"'), ("ts", TS), ("state", b'"online"')],
    "event": [("id", b'"a"'), ("ts", TS), ("event", b'"arrive"'), ("ticket", b'"A017"')],
    "ack": [("id", b'"a"'), ("ts", TS), ("ack", b'"o-1"'), ("result", b'"accepted"')],
}  # fmt: skip


@st.composite
def _payload(draw: st.DrawFn, kind: str) -> bytes:
    """Anything, or a good message in which something is left out, replaced, said twice, repeated or cut off."""
    if draw(st.integers(0, 4)) == 0:
        return draw(_json | st.binary(max_size=80))
    pairs = [pair for pair in _GOOD[kind] if draw(st.integers(0, 9))]
    pairs += draw(st.lists(st.tuples(_key, _json), max_size=3))
    said = _object(draw(st.permutations(pairs)))
    if draw(st.booleans()):
        said = b"[" + b",".join([said] * draw(st.integers(0, 3))) + b"]"
    return said[: draw(st.integers(0, len(said)))] if draw(st.integers(0, 9)) == 0 else said


_message = st.sampled_from(KINDS).flatmap(lambda kind: _payload(kind).map(lambda payload: message(payload, kind=kind)))


@settings(max_examples=400)
@given(_message)
def test_whatever_comes_is_counted_at_least_once(one: Message) -> None:
    reports = parse(one.topic, one.payload, NOW)
    is_cleared = not one.payload and one.topic.endswith(("/birth", "/state"))
    assert reports or is_cleared
    for report in reports:
        if isinstance(report, Rejection):
            assert report.reason


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(_message, min_size=1, max_size=12))
def test_whatever_comes_is_stored_or_refused_and_can_be_read_again(databases: Databases, messages: list[Message]) -> None:
    with databases.fresh() as url, connect(url) as conn:
        counts = store(Ingestion(conn), messages, NOW)
        assert counts.received == sum(len([r for r in parse(m.topic, m.payload, NOW) if counted(r)]) for m in messages)
        assert store(Ingestion(conn), [message(reading(minutes_ago=7))], NOW).stored == 1, "the good one behind them"
        assert_readable(conn)


def counted(report: object) -> bool:
    """The fields that nobody knows are kept beside what is counted."""
    return type(report).__name__ != "RawFields"


def assert_readable(conn: Connection) -> None:
    """What is stored adds up, is rolled up, and is shown whole on the data page."""
    at = NOW + timedelta(minutes=1)
    rollups.refresh(conn, at, oldest_kept=NOW - timedelta(days=90))
    assert account(conn, since=datetime(1989, 1, 1, tzinfo=UTC), until=NOW + timedelta(days=1)).is_balanced
    orjson.dumps(read_data(conn, at))
    for (device_id,) in conn.execute("SELECT device_id FROM device").fetchall():
        line = lifelines.find_lifeline(conn, Moment.live(at), device_id)
        assert line is not None
        orjson.dumps(wire_data.source(health.device_health(conn, Moment.live(at), device_id), line))


@pytest.mark.parametrize("kind", KINDS)
def test_nesting_as_deep_as_can_just_be_read_is_answered_too(kind: str) -> None:
    limit = sys.getrecursionlimit()
    for depth in range(limit - 150, limit + 10):
        deep = b"[" * depth + b"]" * depth
        for payload in (_object([*_GOOD[kind], ("more", deep)]), b"[" + _object([*_GOOD[kind], ("more", deep)]) + b"]", deep):
            assert parse(f"{AIR}/{kind}", payload, NOW)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"[]", "array is empty: expected at least one entry"),
        (b'{"id":"a","ts":' + TS + b',"values":{}}', "values is empty: expected at least one entry"),
        (b'[{"bn":"urn:dev:a1:","bt":1772413200}]', "array is empty: expected at least one entry"),
        (b'[{"n":"level","bt":1772413200,"s":9}]', "level is null: expected a finite number"),
    ],
)
def test_a_message_that_says_nothing_is_refused_and_so_counted(conn: Connection, payload: bytes, said: str) -> None:
    assert store(Ingestion(conn), [message(payload)], NOW) == BatchCounts(received=1, rejected=1)
    (letter,) = list_dead_letters(conn)
    assert letter.reason == said


def test_a_payload_of_64_kib_is_taken_and_one_byte_more_is_named() -> None:
    head, tail = b'{"id":"a","ts":' + TS + b',"values":{"pm25":1}', b"}"
    full = head + b" " * (MAX_PAYLOAD_BYTES - len(head) - len(tail)) + tail
    (taken,) = parse(f"{AIR}/telemetry", full, NOW)
    assert not isinstance(taken, Rejection)
    (refused,) = parse(f"{AIR}/telemetry", full + b" ", NOW)
    assert isinstance(refused, Rejection)
    assert refused.code == "too_large"


@pytest.mark.parametrize("member", [b"0", b"{}", b"[]", b'{"vs":""}'])
def test_thousands_of_empty_parts_in_one_message_are_refused_as_one(member: bytes) -> None:
    payload = b"[" + b",".join([member] * (MAX_PAYLOAD_BYTES // (len(member) + 1) - 1)) + b"]"
    (refused,) = parse(f"{AIR}/telemetry", payload, NOW)
    assert isinstance(refused, Rejection)
    assert refused.reason.endswith(f"expected at most {MOST_PARTS}; send it in parts")


def test_more_values_than_any_device_has_are_refused_as_one() -> None:
    for n, n_reports in ((MOST_VALUES, MOST_VALUES), (MOST_VALUES + 1, 1)):
        values = b",".join(b'"%x":1' % k for k in range(n))
        assert len(parse(f"{AIR}/telemetry", b'{"id":"a","ts":' + TS + b',"values":{' + values + b"}}", NOW)) == n_reports


def test_as_many_objects_as_fit_into_a_payload_are_no_more_than_may_be() -> None:
    smallest = b'{"id":"","ts":"2026-03-02T01:00:00Z","values":{"":1}}'
    assert MAX_PAYLOAD_BYTES // (len(smallest) + 1) < MOST_PARTS
    senml = b"[" + b",".join([b'{"n":"a","v":1}'] + [b'{"v":1,"t":%d}' % -k for k in range(10, 3_600)]) + b"]"
    assert len(senml) <= MAX_PAYLOAD_BYTES
    assert not any(isinstance(report, Rejection) for report in parse(f"{AIR}/telemetry", senml, NOW))


def test_what_says_very_much_is_written_in_several_transactions(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.service.BATCH_REPORTS", 20)
    sizes: list[int] = []
    write = Ingestion.write

    def weighed(ingestion: Ingestion, batch: Batch, judge: Judge | None = None) -> BatchCounts:
        sizes.append(len(batch))
        return write(ingestion, batch, judge)

    monkeypatch.setattr(Ingestion, "write", weighed)
    messages = [message(b"[" + b",".join([reading(minutes_ago=k), b"0", b"null"]) + b"]") for k in range(50)]
    assert store(Ingestion(conn), messages, NOW) == BatchCounts(received=150, stored=50, late=48, rejected=100)
    assert max(sizes) <= 22
    assert sum(sizes) == 150


def test_members_that_repeat_are_stored_once_and_what_differs_is_a_contradiction(conn: Connection) -> None:
    same, other = reading(1), reading(2)
    counts = store(Ingestion(conn), [message(b"[" + b",".join([same, same, other, same]) + b"]")], NOW)
    assert counts == BatchCounts(received=4, stored=1, duplicate=3)
    (row,) = list_ledger(conn, since=NOW - timedelta(days=1), until=NOW + timedelta(days=1))
    assert (row.received, row.stored, row.duplicate) == (4, 1, 3)


def test_an_interval_that_nothing_can_keep_is_refused() -> None:
    for interval_s in (5e-324, 1e-300, 0.009, 0, -1):
        (refused,) = parse(f"{AIR}/birth", birth(interval_s=interval_s), NOW)
        assert isinstance(refused, Rejection)
        assert "expected 0.01 or more" in refused.reason


def test_numbers_of_messages_from_one_end_of_the_scale_to_the_other_can_be_read_again(conn: Connection) -> None:
    ends = [(130 - k, 2**63 - 4 + k) for k in range(4)] + [(60 - k, -(2**63) + k) for k in range(4)]
    messages = [message(birth(interval_s=60), kind="birth")]
    messages += [message(reading(minutes_ago=minutes, seq=seq)) for minutes, seq in ends]
    assert store(Ingestion(conn), messages, NOW).stored == 9
    assert_readable(conn)
    found = health.device_health(conn, Moment.live(NOW), "990101/air/s1/a1")
    assert found is not None
    assert (found.score.received, found.score.gaps) == (9, 0)


def raw(topic: bytes, payload: bytes = reading()) -> paho.MQTTMessage:
    made = paho.MQTTMessage(mid=1, topic=topic)
    made.payload, made.qos = payload, 1
    return made


@pytest.mark.parametrize("level", [b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"a\x00\xff"])
def test_a_topic_that_a_careless_broker_lets_through_is_stored_written_out(conn: Connection, level: bytes) -> None:
    ingester = Ingester(parse_address("mqtt://127.0.0.1:1"), "ingest-under-test", threading.Event())
    for topic in (b"city/v1/990101/air/s1/" + level + b"/telemetry", b"city/" + level):
        ingester._on_message(ingester._client, None, raw(topic))
    taken: Sequence[Message] = ingester._take()
    counts = store(Ingestion(conn), taken, NOW + timedelta(hours=1))
    assert (counts.received, counts.stored, counts.rejected) == (2, 1, 1)
    assert_readable(conn)


@pytest.mark.long
def test_a_batch_of_the_most_expensive_messages_is_stored_in_bounded_time(conn: Connection) -> None:
    values = b",".join(b'"%x":""' % k for k in range(900))
    worst = b"[" + b",".join([b'{"id":"a","ts":' + TS + b',"values":{' + values + b"}}"] * 7) + b"]"
    assert MAX_PAYLOAD_BYTES // 2 < len(worst) <= MAX_PAYLOAD_BYTES
    began = time.monotonic()
    assert store(Ingestion(conn), [message(worst)] * 10, NOW).rejected == 63_000
    assert time.monotonic() - began < 60
