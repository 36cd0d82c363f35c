"""Bodies of acts: whatever comes in, a sentence that names field, value and expectation goes out, and nothing breaks."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.acts import ACTS
from dashboard.app import create_app
from dashboard.bodies import (
    LONGEST_ID,
    LONGEST_PAYLOAD,
    LONGEST_TEXT,
    Field,
    Malformed,
    about,
    check,
    echo,
    id_of,
    read_body,
    text,
)
from tests.dashboard.conftest import House, call
from tests.support import loops

ORDER = (id_of("incident"), id_of("unit"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["incident", "unit", "x", "\0"]), inner, max_size=4)
    ),
    max_leaves=8,
)


def fault(body: bytes, fields: tuple[Field, ...] = ORDER) -> Malformed:
    said = check(read_body(body), fields)
    assert isinstance(said, Malformed), said
    return said


def test_a_good_body_is_its_texts() -> None:
    assert check(read_body(b'{"incident":"i-1","unit":"a-1"}'), ORDER) == {"incident": "i-1", "unit": "a-1"}
    assert check({"order": "o-1"}, (id_of("order"), text("reason"))) == {"order": "o-1"}
    assert check({"order": "o-1", "reason": None}, (id_of("order"), text("reason"))) == {"order": "o-1"}
    assert check({"order": "x" * LONGEST_ID, "reason": "一" * LONGEST_TEXT}, (id_of("order"), text("reason"))) != {}


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (b"{", "not_json", ["JSON"]),
        (b"\xff\xfe", "not_json", ["JSON"]),
        (b'"' + b"[" * 5_000, "not_json", ["JSON"]),
        (b"[" * 2_000 + b"]" * 2_000, "not_json", ["JSON"]),
        (b"[1,2]", "not_object", ["[1, 2]", "incident, unit"]),
        (b"7", "not_object", ["7"]),
        (b"null", "not_object", ["null"]),
        (b"", "missing", ["incident", "200"]),
        (b'{"unit":"a-1"}', "missing", ["incident", "200"]),
        (b'{"incident":null,"unit":"a-1"}', "missing", ["incident", "200"]),
        (b'{"incident":7,"unit":"a-1"}', "not_text", ["incident", "7", "200"]),
        (b'{"incident":["i-1"],"unit":"a-1"}', "not_text", ["incident", '["i-1"]']),
        (b'{"incident":{"a":{}},"unit":"a-1"}', "not_text", ["incident", '{"a": {}}']),
        (b'{"incident":true,"unit":"a-1"}', "not_text", ["incident", "true"]),
        (b'{"incident":"  \\t ","unit":"a-1"}', "blank", ["incident", '"  \\t "']),
        (b'{"incident":"i\\u0000","unit":"a-1"}', "unstorable", ["incident", '"i\\u0000"']),
        (b'{"incident":"' + b"x" * 201 + b'","unit":"a-1"}', "too_long", ["incident", "201", "200"]),
        (b'{"incident":"i-1","unit":"a-1","colour":"red"}', "unknown_field", ["colour", "incident, unit"]),
        (b'{"incident":"i-1","unit":"a-1","\\u0000":1}', "unknown_field", ["\\u0000"]),
    ],
)
def test_what_is_wrong_is_said_in_both_languages(body: bytes, code: str, said: list[str]) -> None:
    found = fault(body)
    assert found.code == code
    assert found.is_unreadable is (code in ("not_json", "not_object"))
    for sentence in (found.zh, found.en):
        assert [part for part in said if part not in sentence] == []
    assert re.search("应|请", found.zh)
    assert "expected" in found.en


def test_half_a_surrogate_pair_is_refused_though_json_cannot_carry_it() -> None:
    said = check({"incident": "\ud800", "unit": "a-1"}, ORDER)
    assert isinstance(said, Malformed)
    said.en.encode()


def test_a_value_is_said_back_short_and_visible() -> None:
    assert echo("a" * 1_000_000) == f'"{"a" * 39}…'
    assert echo("a\0b\x1b[2J\u202e") == '"a\\u0000b\\u001b[2J\\u202e"'
    assert len(echo({"k": ["x" * 1_000] * 1_000})) == 41


@given(JSON)
def test_anything_at_all_is_texts_or_a_sentence(said: Any) -> None:
    found = check(read_body(orjson.dumps(said)), ORDER)
    if isinstance(found, Malformed):
        assert "{" not in found.code
        assert len(found.en) < 400
        found.zh.encode()
    else:
        assert set(found) == {"incident", "unit"}
        assert all(0 < len(value) <= LONGEST_ID and "\0" not in value for value in found.values())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    assert isinstance(check(read_body(body), ORDER), Malformed | dict)


def test_the_address_names_the_object_and_the_body_may_not_contradict_it() -> None:
    assert about("order", "o-1", {}) == {"order": "o-1"}
    assert about("order", "o-1", {"order": "o-1", "reason": "x"}) == {"order": "o-1", "reason": "x"}
    said = about("order", "o-1", {"order": "o-2"})
    assert isinstance(said, Malformed)
    assert '"o-2"' in said.en
    assert '"o-1"' in said.en
    assert about("order", "o-1", [1]) == [1]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/orders", b"{", 400),
        ("/api/orders", b"[]", 400),
        ("/api/orders", b'{"incident":"i","unit":"' + b"x" * 900_000 + b'"}', 422),
        ("/api/orders", b'{"incident":"i","unit":"a\\u0000"}', 422),
        ("/api/orders", b'{"incident":"i","unit":"a","force":true}', 422),
        ("/api/orders/o-1/cancellation", b'{"reason":"' + b"x" * 501 + b'"}', 422),
        ("/api/orders/o-1/cancellation", b'{"order":"o-2"}', 422),
        ("/api/orders/o-1/cancellation", b"[]", 400),
        ("/api/orders/%00/cancellation", b"", 422),
        (f"/api/orders/{'o' * 201}/cancellation", b"", 422),
        ("/api/warnings/w-1/acknowledgement", b'{"comment":["x"]}', 422),
        ("/api/warnings/w-1/acknowledgement", b'{"comment":"\\u0000"}', 422),
        ("/api/warnings/%20/acknowledgement", b"{}", 422),
    ],
)
def test_a_body_that_is_not_understood_never_reaches_the_database(house: House, path: str, body: bytes, status: int) -> None:
    """The house's database cannot be reached: what got there would come back as 503."""
    scope = path.replace("%00", "\0").replace("%20", " ")  # as a server hands an address on
    reply = loops.run(call(create_app(house()), "POST", scope, headers={"content-type": "application/json"}, body=body))
    assert reply.status == status
    assert {"outcome", "code", "zh", "en"} <= set(reply.json)
    assert len(reply.body) < 2_000


def test_every_act_bounds_every_field() -> None:
    for fields, _ in ACTS.values():
        assert fields[0].is_required
        assert all(
            0
            < field.longest
            <= (
                LONGEST_PAYLOAD
                if field.name in ("payload", "shape", "geometry", "area", "cap", "devices", "warnings", "spec", "steps")
                else LONGEST_TEXT
            )
            for field in fields
        )
