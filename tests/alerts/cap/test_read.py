"""CAP 1.2 in: what is good is taken, what is odd is taken with a remark, what is hostile or broken is refused with a sentence."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.cap.document import Fault, Named
from alerts.cap.markup import ORDINARY, as_text
from alerts.cap.read import Read, read, read_text

FOREIGN = Path(__file__).with_name("foreign.xml").read_bytes()


def refused(raw: bytes) -> str:
    found = read(raw)
    assert isinstance(found, Fault), found
    assert found.zh
    return found.en


def taken(raw: bytes) -> Read:
    found = read(raw)
    assert isinstance(found, Read), found
    return found


def test_a_message_of_another_office_is_read_with_its_prefixes() -> None:
    found = taken(FOREIGN)
    assert found.remarks == ()
    (info,) = found.alert.infos
    assert (found.alert.sender, info.event, info.severity) == ("weather@province.example", "暴雨橙色预警", "Severe")
    (area,) = info.areas
    assert area.geocodes == (Named("GB/T 2260", "440106"),)
    assert area.polygons[0][1] == (23.1, 113.3)


LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (k, b"&l%d;" % (k - 1) * 10) for k in range(1, 10))
HOSTILE = {
    "a billion laughs": b'<?xml version="1.0"?><!DOCTYPE alert [<!ENTITY l0 "ha">' + LAUGHS + b"]><alert>&l9;</alert>",
    "a file of ours": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
    "a foreign grammar": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a/>',
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_document_types_are_refused_whole(raw: bytes) -> None:
    assert (
        refused(raw)
        == "the message has a document type: expected none, because entities can swell it or reach out; send it without"
    )


def test_an_entity_that_nobody_declared_is_named_by_its_place() -> None:
    assert refused(FOREIGN.replace("北区".encode(), b"&north;")).startswith(
        "the message is no XML that can be read (line 22, column 20: undefined entity"
    )


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"<a>" + b"x" * ORDINARY.n_bytes, f"the message has {ORDINARY.n_bytes + 3} bytes: expected at most {ORDINARY.n_bytes}"),
        (
            b"<a>" + b"<b/>" * 30_000 + b"</a>",
            f"the message has {ORDINARY.elements + 1} elements: expected at most {ORDINARY.elements}",
        ),
        (b"<a>" * 60_000, f"the message has {ORDINARY.depth + 1} levels: expected at most {ORDINARY.depth}"),
        (b"<a>" + b"x" * 500_000 + b"</a>", f"characters: expected at most {ORDINARY.characters}"),
    ],
    ids=["bytes", "elements", "levels", "characters"],
)
def test_what_is_too_much_is_refused_early(raw: bytes, said: str) -> None:
    tracemalloc.start()
    began = perf_counter()
    try:
        assert said in refused(raw)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert perf_counter() - began < 5


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "the message is empty: expected an XML document"),
        (b"{}", "the message is no XML that can be read (line 1, column 0: not well-formed (invalid token))"),
        (FOREIGN[:300], "the message is no XML that can be read"),
        (FOREIGN.replace("北区".encode(), "北区".encode("gbk")), "invalid token"),
        (FOREIGN.replace(b"UTF-8", b"EBCDIC-INT"), "the encoding EBCDIC-INT is not read here"),
        (FOREIGN.replace(b"UTF-8", b"GBK"), "the message is no XML that can be read (byte "),
        (b"<html/>", "the document is a {}html: expected an alert of CAP 1.2"),
        (FOREIGN.replace(b"cap:1.2", b"cap:1.1"), "the document is a {urn:oasis:names:tc:emergency:cap:1.1}alert: expected an alert of CAP 1.2"),
        (re.sub(rb"<cap:sender>.*</cap:sender>", b"", FOREIGN), "the CAP message has no sender: expected one in every message"),
        (re.sub(rb"(<cap:sent>).*(</cap:sent>)", rb"\1yesterday\2", FOREIGN), "sent of the CAP message is 'yesterday': expected a time with its offset"),
        (FOREIGN.replace(b"08:55:00+08:00</cap:sent>", b"08:55:00</cap:sent>"), "sent of the CAP message is '2026-03-02T08:55:00': expected a time with its offset"),
        (FOREIGN.replace(b"44010041600000", b"9" * 500), "identifier of the CAP message is 517 characters: expected at most 300"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(raw: bytes, said: str) -> None:
    assert said in refused(raw)


@pytest.mark.parametrize("encoding", ["gb18030", "GBK", "utf-16"])
def test_other_encodings_are_read_when_they_are_declared(encoding: str) -> None:
    raw = FOREIGN.decode().replace("UTF-8", encoding).encode(encoding)
    assert taken(raw).alert == taken(FOREIGN).alert
    text = as_text(raw)
    assert isinstance(text, str)
    assert read_text(text) == taken(FOREIGN)


@pytest.mark.parametrize(
    ("before", "after", "remark"),
    [
        (b">Severe<", b">Grave<", "severity of the CAP message is 'Grave': expected one of Extreme, Severe, Moderate, Minor, Unknown"),
        (b">Actual<", b">Echt<", "status of the CAP message is 'Echt': expected one of Actual"),
        (b"<cap:urgency>Expected</cap:urgency>", b"", "urgency of the CAP message is '': expected one of Immediate"),
        (b"23.1,113.2 23.1", b"north 23.1", "polygon of the CAP message is 'north': expected latitude,longitude"),
        (b"23.1,113.2 23.1", b"nan,113.2 23.1", "polygon of the CAP message is 'nan': expected a number"),
        (b"23.1,113.2 23.1", b"123.1,113.2 23.1", "polygon of the CAP message is '5"),
        (b">2026-03-02T14:55:00+08:00<", b">tonight<", "expires of the CAP message is 'tonight': expected a time with its offset"),
    ],
)  # fmt: skip
def test_what_is_odd_is_kept_and_remarked_on(before: bytes, after: bytes, remark: str) -> None:
    assert before in FOREIGN
    found = taken(FOREIGN.replace(before, after, 1))
    assert found.remarks[0].en.startswith(remark)
    assert found.alert.identifier == "44010041600000_20260302085500_1"
    if after == b">Grave<":
        assert found.alert.infos[0].severity == "Grave"


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(FOREIGN)), st.binary(max_size=8), st.integers(0, 60))
def test_whatever_is_broken_is_a_message_or_a_sentence(at: int, junk: bytes, gone: int) -> None:
    found = read(FOREIGN[:at] + junk + FOREIGN[at + gone :])
    assert isinstance(found, Read) or (found.zh and found.en)
