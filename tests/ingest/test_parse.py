"""Parsing: what each kind of message becomes, and that nothing a device sends can make it raise."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.halls import HallEvent, HallEventKind
from domain.incidents import Grade, IncidentClosing, IncidentReport, RequestReport
from domain.observations import DeviceBirth, DeviceStateReport, Quality, RawFields, Reading, Rejection, RejectionCode
from domain.units import CommandAck, UnitPosition, UnitStatusReport
from ingest.parse import MAX_PAYLOAD_BYTES, parse, parse_carefully

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
TS = "2026-03-02T09:00:00+08:00"  # the same moment
AIR = "city/v1/990101/air/s1/a1"


def said(kind: str, payload: object, device: str = AIR) -> list:
    return parse(f"{device}/{kind}", json.dumps(payload).encode(), NOW)


def only_rejection(reports: list) -> Rejection:
    (rejection,) = reports
    assert isinstance(rejection, Rejection)
    return rejection


def test_each_value_of_a_telemetry_object_becomes_a_reading() -> None:
    reports = said(
        "telemetry", {"id": "m1", "ts": TS, "seq": 17, "values": {"pm25": 41.0, "temperature": 8}, "unit": {"pm25": "ug/m3"}}
    )
    assert reports == [
        Reading("990101/air/s1/a1", "pm25", NOW, NOW, 41.0, seq=17, unit="ug/m3"),
        Reading("990101/air/s1/a1", "temperature", NOW, NOW, 8.0, seq=17),
    ]


def test_one_bad_value_does_not_cost_the_others() -> None:
    reports = said("telemetry", {"id": "m1", "ts": TS, "values": {"pm25": None, "pm10": True, "so2": "high", "no2": 20}})
    assert [type(r).__name__ for r in reports] == ["Rejection", "Rejection", "Rejection", "Reading"]
    assert reports[0].reason == "pm25 is null: expected a finite number"
    assert {r.code for r in reports[:3]} == {"not_a_number"}


def test_one_bad_object_of_an_array_does_not_cost_the_others() -> None:
    good = {"id": "m1", "ts": TS, "values": {"pm25": 1}}
    reports = said("telemetry", [good, {"id": "m2", "values": {"pm25": 2}}, 7, good])
    assert [type(r).__name__ for r in reports] == ["Reading", "Rejection", "Rejection", "Reading"]
    assert reports[1].payload == b'{"id":"m2","values":{"pm25":2}}'


def test_unknown_fields_are_kept_beside_the_reading() -> None:
    reports = said("telemetry", {"id": "m1", "ts": TS, "values": {"pm25": 1}, "firmware": "2.1"})
    assert reports[1] == RawFields("990101/air/s1/a1", "m1", NOW, NOW, '{"firmware":"2.1"}')


def test_a_correction_and_a_devices_own_doubt_are_carried() -> None:
    (reading,) = said("telemetry", {"id": "m1", "ts": TS, "values": {"pm25": 1}, "corr": True, "q": "uncertain"})
    assert reading.is_correction
    assert reading.quality is Quality.UNCERTAIN


def test_an_unknown_quality_word_is_a_doubt_not_a_loss() -> None:
    (reading,) = said("telemetry", {"id": "m1", "ts": TS, "values": {"pm25": 1}, "q": "splendid"})
    assert reading.quality is Quality.UNCERTAIN


def test_a_queue_snapshot_keeps_the_service_it_is_about() -> None:
    reports = said("telemetry", {"id": "m1", "ts": TS, "values": {"waiting": 12}, "item": "renewal"})
    assert reports[0].item == "renewal"


def test_a_birth_is_converted_to_wgs84_and_keeps_its_origin() -> None:
    (birth,) = said(
        "birth",
        {"id": "b1", "ts": TS, "type": "AirQualityObserved", "position": [113.27, 23.13], "crs": "GCJ-02", "interval_s": 60,
         "properties": {"pm25": {"unit": "ug/m3", "min": 0, "max": 1000}}},
    )  # fmt: skip
    assert isinstance(birth, DeviceBirth)
    assert birth.crs_origin == "GCJ-02"
    assert 0.002 < 113.27 - birth.lon < 0.008  # GCJ-02 lies 300–700 m off
    assert birth.properties[0].high == 1000


def test_a_unit_reports_where_it_is_what_it_does_and_that_it_heard() -> None:
    unit = "city/v1/990101/unit/station-1/E12"
    (position,) = said("telemetry", {"id": "p", "ts": TS, "position": [113.2, 23.1], "speed_kmh": 43, "heading": 210}, unit)
    (status,) = said("event", {"id": "s", "ts": TS, "event": "status", "status": "enroute", "order": "o-481"}, unit)
    (ack,) = said("ack", {"id": "k", "ts": TS, "ack": "o-481", "result": "accepted"}, unit)
    assert position == UnitPosition("E12", "990101/unit/station-1/E12", NOW, NOW, 113.2, 23.1, "EPSG:4326", 43, 210)
    assert status == UnitStatusReport("E12", "990101/unit/station-1/E12", NOW, NOW, "enroute", "o-481")
    assert ack == CommandAck("990101/unit/station-1/E12", NOW, NOW, "o-481", "accepted")


def test_a_hall_event_and_what_it_must_have() -> None:
    hall = "city/v1/990101/hall/hall-3/queue"
    (arrive,) = said(
        "event", {"id": "t8-1", "ts": TS, "event": "arrive", "ticket": "A017", "item": "tax", "channel": "walk_in"}, hall
    )
    assert isinstance(arrive, HallEvent)
    assert (arrive.hall_id, arrive.event, arrive.ticket) == ("hall-3", HallEventKind.ARRIVE, "A017")
    assert only_rejection(said("event", {"id": "t", "ts": TS, "event": "arrive"}, hall)).code == "malformed"
    assert only_rejection(said("event", {"id": "t", "ts": TS, "event": "window.open"}, hall)).code == "malformed"
    assert (
        only_rejection(said("event", {"id": "t", "ts": TS, "event": "rating", "ticket": "A1", "grade": 9}, hall)).code
        == "malformed"
    )


def test_an_incident_a_request_and_a_state() -> None:
    (incident,) = said(
        "event", {"id": "7", "ts": TS, "event": "incident.reported", "class": "fire", "severity": 2, "position": [113, 23]}
    )
    assert isinstance(incident, IncidentReport)
    assert (incident.incident_id, incident.grade) == ("990101-a1-7", Grade.II)
    (closing,) = said("event", {"id": "7-closed", "ts": TS, "event": "incident.closed", "incident": "7"})
    assert isinstance(closing, IncidentClosing)
    assert closing.incident_id == incident.incident_id
    assert only_rejection(said("event", {"id": "8", "ts": TS, "event": "incident.closed"})).code == "malformed"
    (request,) = said("event", {"id": "r1", "ts": TS, "event": "request.opened", "source": "12345", "class": "waterlogging"})
    assert isinstance(request, RequestReport)
    (state,) = said("state", {"id": "s1", "ts": TS, "state": "offline"})
    assert isinstance(state, DeviceStateReport)


@pytest.mark.parametrize(
    ("topic", "payload", "code"),
    [
        ("city/v2/a/b/c/d/telemetry", b"{}", "unknown_topic"),
        ("city/v1/a/b/c/telemetry", b"{}", "unknown_topic"),
        (f"{AIR}/gossip", b"{}", "unknown_kind"),
        (f"{AIR}/telemetry", b"{", "broken_json"),
        (f"{AIR}/telemetry", b"\xff\xfe", "broken_json"),
        (f"{AIR}/telemetry", b"[" * 60_000, "broken_json"),
        (f"{AIR}/telemetry", b" " * (MAX_PAYLOAD_BYTES + 1), "too_large"),
        (f"{AIR}/telemetry", b'{"id":"a\\u0000","ts":"2026-03-02T09:00:00+08:00","values":{"x":1}}', "nul_character"),
        (f"{AIR}/telemetry", b'{"id":"a","ts":"2026-03-02T09:00:00","values":{"x":1}}', "malformed"),
        (f"{AIR}/telemetry", b'{"id":"a","ts":"2026-03-02T09:05:01+08:00","values":{"x":1}}', "future"),
        (f"{AIR}/telemetry", b'{"id":"a","ts":"1970-01-01T00:00:00Z","values":{"x":1}}', "clock_not_set"),
        (f"{AIR}/telemetry", b'{"id":"a","ts":"2026-03-02T09:00:00+08:00","position":[200,23]}', "impossible_position"),
        (f"{AIR}/birth", b'{"id":"a","ts":"2026-03-02T09:00:00+08:00","type":"X","position":[113,23],"crs":"MOON"}', "unknown_crs"),
        (f"{AIR}/event", b'{"id":"a","ts":"2026-03-02T09:00:00+08:00","event":"dance"}', "unknown_event"),
        (f"city/v1/990101/air/s1/{'a' * 101}/telemetry", b"{}", "unknown_topic"),
        (f"{AIR}/telemetry", b'{"id":"' + b"a" * 9_000 + b'","ts":"2026-03-02T09:00:00+08:00","values":{"x":1}}', "malformed"),
        (f"{AIR}/telemetry", b'{"id":"a","ts":"2026-03-02T09:00:00+08:00","values":{"' + b"x" * 9_000 + b'":1}}', "malformed"),
        (f"{AIR}/telemetry", b'{"id":"a","ts":"2026-03-02T09:00:00+08:00","values":{"x":1' + b"0" * 400 + b"}}", "not_a_number"),
        (f"{AIR}/telemetry", b'{"id":"a","ts":"2026-03-02T09:00:00+08:00","values":{"x":1e200}}', "not_a_number"),
        (f"{AIR}/telemetry", b'{"id":"a","ts":"2026-03-02T09:00:00+08:00","seq":99999999999999999999,"values":{"x":1}}', "malformed"),
        (
            f"{AIR}/event",
            b'{"id":"r","ts":"2026-03-02T09:00:00+08:00","event":"request.opened","source":"a","class":"b","due":"9999-12-31T23:59:59-08:00"}',
            "malformed",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_reason(topic: str, payload: bytes, code: str) -> None:
    rejection = only_rejection(parse(topic, payload, NOW))
    assert rejection.code == code
    assert RejectionCode.known(code) is not None, "every code has words on the screen"
    assert "expected" in rejection.reason


def test_five_minutes_ahead_is_a_clock_that_runs_fast_one_second_more_is_refused() -> None:
    fast = (NOW + timedelta(minutes=5)).isoformat()
    (reading,) = said("telemetry", {"id": "a", "ts": fast, "values": {"x": 1}})
    assert reading.phenomenon_time == NOW + timedelta(minutes=5)


def test_our_own_commands_and_cleared_retained_messages_say_nothing() -> None:
    assert parse("city/v1/990101/unit/s/E12/cmd", b"{}", NOW) == []
    assert parse(f"{AIR}/birth", b"", NOW) == []


def test_a_senml_pack_is_telemetry() -> None:
    pack = [
        {"bn": "urn:dev:a1:", "bt": 1772413200, "n": "temperature", "u": "Cel", "v": 8.5},
        {"n": "humidity", "u": "%RH", "v": 61, "t": -60},
    ]
    reports = said("telemetry", pack)
    assert [(r.property, r.value, r.unit) for r in reports] == [("temperature", 8.5, "Cel"), ("humidity", 61.0, "%RH")]
    assert reports[0].phenomenon_time == NOW
    assert reports[1].phenomenon_time == NOW - timedelta(seconds=60)


def test_what_a_senml_record_says_in_another_way_than_by_a_number_is_refused_by_name() -> None:
    door, text, number = said("telemetry", [
        {"bn": "urn:dev:a1:", "bt": 1772413200, "n": "door", "vb": True}, {"n": "note", "vs": "wet"}, {"n": "level", "v": "7"}
    ])  # fmt: skip
    assert [r.reason for r in (door, text, number)] == [
        "door is true: expected a finite number", 'note is "wet": expected a finite number', 'level is "7": expected a finite number'
    ]  # fmt: skip


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "ts", "values", "event", "position", "status", "ticket", "n", "v", "bn", "bt", "q", "class"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(kind=st.sampled_from(["telemetry", "birth", "state", "event", "ack", "x"]), payload=json_values)
def test_whatever_json_arrives_is_answered_with_reports(kind: str, payload: object) -> None:
    reports = parse(f"{AIR}/{kind}", json.dumps(payload).encode(), NOW)
    assert all(type(report).__module__.startswith("domain.") for report in reports)


@given(payload=st.binary(max_size=200), kind=st.sampled_from(["telemetry", "birth", "event"]))
def test_whatever_bytes_arrive_are_answered_with_reports(payload: bytes, kind: str) -> None:
    for report in parse(f"{AIR}/{kind}", payload, NOW):
        assert type(report).__module__.startswith("domain.")


_telemetry = st.fixed_dictionaries(
    {
        "id": st.text(max_size=5),
        "ts": st.sampled_from(
            [TS, "2026-03-02T01:00:00Z", "2026-03-02T01:06:00Z", "1989-12-31T00:00:00Z", "2026-03-02T09:00:00", 7]
        ),
        "values": st.dictionaries(
            st.sampled_from(["pm25", "x" * 120, "x" * 121, ""]),
            st.sampled_from([1, -2.5, 2**63, 3.4e38, 3.5e38, True, None, "1", [1]]),
            max_size=3,
        ),
    },
    optional={
        "seq": st.sampled_from([0, -1, 2**63 - 1, 2**63, 1.0, 1.5, None, "1"]),
        "unit": st.sampled_from([{}, {"pm25": "ug/m3"}, {"pm25": 3}, None]),
        "q": st.sampled_from(["good", "bad", "simulated", "strange", None, 1]),
        "corr": st.sampled_from([True, False, 1, None]),
        "item": st.sampled_from(["tax", "", None, "i" * 201]),
        "firmware": st.just("2.1"),
    },
)


@given(st.one_of(_telemetry, st.lists(_telemetry, max_size=3)))
def test_the_fast_way_through_telemetry_says_what_the_careful_way_says(payload: object) -> None:
    message = f"{AIR}/telemetry", json.dumps(payload).encode(), NOW
    assert parse(*message) == parse_carefully(*message)


_event = st.fixed_dictionaries(
    {
        "id": st.text(max_size=5),
        "ts": st.sampled_from([TS, "2026-03-02T01:06:00Z", "2026-03-02T09:00:00"]),
        "event": st.sampled_from(
            ["arrive", "window.open", "rating", "status", "incident.reported", "request.opened", "detection", "dance"]
        ),
    },
    optional={
        "ticket": st.sampled_from(["A017", None]),
        "window": st.sampled_from([7, -1, "7"]),
        "grade": st.sampled_from([1, 6]),
        "items": st.sampled_from([["tax"], None]),
        "status": st.sampled_from(["enroute", "asleep"]),
        "class": st.just("fire"),
        "severity": st.sampled_from([2, 9, None]),
        "position": st.sampled_from([[113.2, 23.1], [500, 0], [1]]),
        "crs": st.sampled_from(["EPSG:4326", "GCJ-02", "flat"]),
        "source": st.just("12345"),
        "due": st.sampled_from([TS, "soon"]),
        "confidence": st.sampled_from([0.5, 2]),
        "mood": st.just("calm"),
    },
)


@given(st.one_of(_event, st.lists(_event, max_size=2)))
def test_the_fast_way_through_events_says_what_the_careful_way_says(payload: object) -> None:
    message = f"{AIR}/event", json.dumps(payload).encode(), NOW
    assert parse(*message) == parse_carefully(*message)


def test_desks_of_one_name_in_two_districts_report_two_incidents() -> None:
    said = b'{"id":"7","ts":"2026-03-02T09:00:00+08:00","event":"incident.reported","class":"fire","position":[113.2,23.1]}'
    reports = [parse(f"city/v1/{code}/incident/119/desk/event", said, NOW)[0] for code in ("440104", "440106")]
    assert [r.incident_id for r in reports if isinstance(r, IncidentReport)] == ["440104-desk-7", "440106-desk-7"]
    closing = b'{"id":"8","ts":"2026-03-02T09:00:00+08:00","event":"incident.closed","incident":"7"}'
    (end,) = parse("city/v1/440106/incident/119/desk/event", closing, NOW)
    assert isinstance(end, IncidentClosing)
    assert end.incident_id == "440106-desk-7"
