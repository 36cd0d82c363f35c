"""What is said of messages that cannot be read: the thing, its value and the expectation, in both languages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.observations import Rejection
from domain.rejections import Reason, explain
from ingest.complaints import LONGEST_VALUE, short
from ingest.parse import parse
from tests.support.scenes import NOW

TOPIC = "city/v1/440106/air/north/a-1"
KINDS = ("telemetry", "birth", "state", "event", "ack")
GOOD: dict[str, dict[str, Any]] = {
    "telemetry": {"values": {"pm25": 41.0}},
    "birth": {"type": "AirQualityObserved"},
    "state": {"state": "online"},
    "event": {"event": "incident.reported", "class": "fire", "position": [113.25, 23.125]},
    "ack": {"ack": "o-1", "result": "accepted"},
}


def refused(kind: str, payload: bytes) -> Rejection:
    (rejection,) = parse(f"{TOPIC}/{kind}", payload, NOW)
    assert isinstance(rejection, Rejection)
    return rejection


def said(kind: str, **fields: object) -> str:
    """What is said of a good message with these fields put in (`...`: left out)."""
    message = {"id": "m1", "ts": "2026-03-02T09:00:00+08:00", **GOOD[kind], **fields}
    return refused(kind, json.dumps({name: value for name, value in message.items() if value is not ...}).encode()).reason


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        ("telemetry", {"id": ...}, "id is missing: expected it in a message of this kind"),
        ("telemetry", {"id": 5}, "id is 5: expected text"),
        ("telemetry", {"id": "x" * 300}, f'id is "{"x" * 58}…: expected at most 200 characters'),
        ("telemetry", {"ts": 5}, "ts is 5: expected a time with its offset, such as 2026-03-02T09:00:00+08:00"),
        ("telemetry", {"ts": "yesterday"}, 'ts is "yesterday": expected a time with its offset, such as 2026-03-02T09:00:00+08:00'),
        ("telemetry", {"ts": "2026-03-02T09:00:00"}, 'ts is "2026-03-02T09:00:00": expected a time with its offset, such as 2026-03-02T09:00:00+08:00'),
        ("telemetry", {"ts": "2026-03-02T10:00:00+08:00"}, "ts 2026-03-02T10:00:00+08:00 is 3600 s ahead of our clock: expected at most 300 s; set the device's clock"),
        ("telemetry", {"ts": "1970-01-01T00:00:07Z"}, "ts 1970-01-01T00:00:07+00:00 is before 1990: expected the time of measurement; set the device's clock"),
        ("telemetry", {"values": [1]}, "values is [1]: expected an object here"),
        ("telemetry", {"values": {"pm25": "wet"}}, 'pm25 is "wet": expected a finite number'),
        ("telemetry", {"seq": 1.5}, "seq is 1.5: expected a whole number"),
        ("telemetry", {"seq": 2**70}, "seq is 1180591620717411303424: expected 9223372036854775807 or less"),
        ("telemetry", {"corr": "yes"}, 'corr is "yes": expected true or false'),
        ("telemetry", {"unit": {"pm25": "ug/m3", "so2": 5}}, 'unit["so2"] is 5: expected text'),
        ("birth", {"position": "here"}, 'position is "here": expected an array'),
        ("birth", {"position": [1]}, "position is [1]: expected an array of two numbers"),
        ("birth", {"position": [113.25, "23"]}, 'position[1] is "23": expected a number'),
        ("birth", {"position": [113.25, 123]}, "position is [113.25, 123.0]: expected [longitude, latitude] in degrees"),
        ("birth", {"position": [113.25, 23.125], "crs": "MOON"}, 'crs is "MOON": expected one of EPSG:4326, EPSG:4490, GCJ-02, BD-09'),
        ("birth", {"interval_s": 0}, "interval_s is 0: expected 0.01 or more"),
        ("birth", {"mode": "often"}, 'mode is "often": expected one of periodic, on_change'),
        ("birth", {"properties": {"pm25": {"min": 5, "max": 1}}}, "pm25 has min 5.0 above max 1.0: expected min to be max or less"),
        ("birth", {"properties": {"pm25": {}, "so2": {"max": "x"}}}, 'properties["so2"].max is "x": expected a number'),
        ("birth", {"properties": {"x" * 150: {}}}, f'properties.key is "{"x" * 58}…: expected at most 120 characters'),
        ("birth", {"properties": {"x" * 250: {}}}, f'properties.key is "{"x" * 58}…: expected at most 200 characters'),
        ("birth", {"capabilities": ["ladder", 5]}, "capabilities[1] is 5: expected text"),
        ("state", {"state": "asleep"}, 'state is "asleep": expected one of online, offline'),
        ("event", {"event": None}, "event is null: expected text"),
        ("event", {"event": "party"}, 'event is "party": expected a hall event, status, incident.reported, incident.closed, request.opened or detection'),
        ("event", {"severity": 9}, "severity is 9: expected one of 1, 2, 3, 4"),
        ("event", {"position": ...}, "position is missing: expected it in a message of this kind"),
        ("event", {"event": "window.open", "window": -1}, "window is -1: expected 0 or more"),
        ("event", {"confidence": 2}, "confidence is 2: expected 1.0 or less"),
        ("event", {"text": "x" * 20_000}, f'text is "{"x" * 58}…: expected at most 10000 characters'),
        ("ack", {"result": ["accepted"]}, 'result is ["accepted"]: expected text'),
    ],
)  # fmt: skip
def test_a_field_that_is_wrong_is_named_with_its_value_and_what_was_expected(
    kind: str, fields: dict[str, Any], reason: str
) -> None:
    assert said(kind, **fields) == reason


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"a":}', 'the payload is not JSON from byte 5 on, where it says "}": expected one object or an array of objects'),
        (b'{"a":1} trailing', 'the payload is not JSON from byte 8 on, where it says "trailing": expected one object or an array of objects'),
        (b'{"a":NaN}', 'the payload is not JSON from byte 5 on, where it says "NaN}": expected one object or an array of objects'),
        (b'{"a":"\xff"}', 'the payload is not JSON from byte 6 on, where it says "\\\\xff\\"}": expected one object or an array of objects'),
        (b'{"a":"\x1b[2J"}', 'the payload is not JSON from byte 6 on, where it says "\\u001b[2J\\"}": expected one object or an array of objects'),
        (b'{"a":"\\ud800"}', 'the payload is not JSON from byte 6 on, where it says "\\\\ud800\\"}": expected one object or an array of objects'),
        (b'{"id":"m1","va', 'the payload ends in the middle of its JSON with "{\\"id\\":\\"m1\\",\\"va": expected one whole object or an array of objects'),
        (b"", 'the payload ends in the middle of its JSON with "": expected one whole object or an array of objects'),
        (b"[" * 60_000, "the payload is nested too deeply: expected one object or an array of objects"),
        (b'{"values":{"x":1e999}}', 'the payload has the number "1e999": expected one that a double can hold'),
        (b"7", "it is 7: expected an object"),
    ],
)  # fmt: skip
def test_what_is_no_json_is_shown_where_it_ceases_to_be(payload: bytes, reason: str) -> None:
    assert refused("telemetry", payload).reason == reason


def test_a_value_is_said_back_short_and_without_what_drives_a_terminal() -> None:
    assert short("\x1b[2J\u202e") == '"\\u001b[2J\\u202e"'
    assert len(short("x" * 70_000)) == len(short(list(range(9_999)))) == LONGEST_VALUE


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = [
    "id",
    "ts",
    "values",
    "unit",
    "position",
    "properties",
    "state",
    "event",
    "severity",
    "ack",
    "result",
    "window",
    "crs",
    "interval_s",
    "capabilities",
    "mode",
    "type",
    "grade",
    "ticket",
    "class",
    "confidence",
    "due",
    "seq",
]
fields = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, anything))


@given(st.sampled_from(KINDS), fields, st.booleans())
def test_whatever_is_wrong_is_told_whole_in_both_languages(kind: str, spoilt: dict[str, Any], is_otherwise_good: bool) -> None:
    message = {"id": "m1", "ts": "2026-03-02T09:00:00+08:00", **GOOD[kind], **spoilt} if is_otherwise_good else spoilt
    for report in parse(f"{TOPIC}/{kind}", json.dumps(message).encode(), NOW):
        if isinstance(report, Rejection):
            detail = dict(report.detail)
            reason = Reason.of(detail["reason"])
            assert (report.code, report.reason) == (reason.code, reason.sentence("en", detail))
            for sentence in (report.reason, explain(report.reason, detail, "zh")):
                assert sentence.isprintable()
                assert "{" not in sentence.replace(detail.get("value", ""), "").replace(detail.get("name", ""), "")
                assert len(sentence) < 600
            assert set(detail) - {"reason"} >= {gap for gap in ("name", "value", "expected") if f"{{{gap}}}" in reason.en}


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_told_too(payload: bytes) -> None:
    for report in parse(f"{TOPIC}/telemetry", payload, NOW):
        if isinstance(report, Rejection):
            assert report.reason.isprintable()
            assert dict(report.detail)["reason"]
