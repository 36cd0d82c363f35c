"""Bodies: what the request of an act may say. Pure: anything at all comes in, plain texts or a sentence go out.

Every text has a longest length in characters, and none holds what no database text can hold: NUL, half a surrogate pair. A field
that nobody knows is refused too, because it was meant to say something.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import orjson

from layouts.words import CATALOGUE

LONGEST_ID = 200
"""As long as an id may be in a message (`iot.payloads`): what could be stored can be named."""
LONGEST_TEXT = 500
LONGEST_PAYLOAD = 2 * 65_536
"""Characters of a message, which has at most 64 KiB (`ingest.parse`) and may be written in hexadecimal."""
LONGEST_ECHO = 40
"""So much of a wrong value is said back; the whole could be a megabyte."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a request: a text of at most `longest` characters, which has to be there or may be left out."""

    name: str
    longest: int
    is_required: bool


def id_of(name: str) -> Field:
    """The field that names an object."""
    return Field(name, LONGEST_ID, True)


def text(name: str, *, is_required: bool = False) -> Field:
    """A field for words of one's own."""
    return Field(name, LONGEST_TEXT, is_required)


def payload(name: str) -> Field:
    """A field that holds a whole message."""
    return Field(name, LONGEST_PAYLOAD, False)


@dataclass(frozen=True, slots=True)
class Malformed:
    """Why a request cannot be understood, as a sentence in each language. `is_unreadable`: there is no object with fields."""

    code: str
    zh: str
    en: str
    is_unreadable: bool = False


def read_body(body: bytes) -> object:
    """The JSON of a body; nothing at all stands for an object without fields."""
    try:
        return orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as fault:
        return _malformed("body.not_json", is_unreadable=True, reason=str(fault)[:200])


def check(request: object, fields: Sequence[Field]) -> dict[str, str] | Malformed:
    """The texts of a request by field, or what is wrong with it: field, value, expectation."""
    if isinstance(request, Malformed):
        return request
    names = ", ".join(field.name for field in fields)
    if not isinstance(request, Mapping):
        return _malformed("body.not_object", is_unreadable=True, value=echo(request), names=names)
    known = {field.name for field in fields}
    if strange := [name for name in request if name not in known]:
        return _malformed("body.unknown_field", field=echo(strange[0]), names=names)
    faults = (_fault_of(field, request.get(field.name)) for field in fields)
    fault = next((fault for fault in faults if fault is not None), None)
    return fault or {field.name: request[field.name] for field in fields if request.get(field.name) is not None}


def about(field: str, object_id: str, said: object) -> object:
    """A body together with the object that the address names, which it may repeat but not contradict."""
    if not isinstance(said, Mapping):
        return said
    if said.get(field, object_id) != object_id:
        return _malformed("body.contradiction", field=field, value=echo(said[field]), address=echo(object_id))
    return {**said, field: object_id}


def _fault_of(field: Field, value: object) -> Malformed | None:
    wrong = partial(_malformed, field=field.name, longest=field.longest, value=echo(value))
    if value is None:
        return wrong("body.missing") if field.is_required else None
    if not isinstance(value, str):
        return wrong("body.not_text")
    if len(value) > field.longest:
        return wrong("body.too_long", length=len(value))
    if field.is_required and not value.strip():
        return wrong("body.blank")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        return wrong("body.unstorable")
    return None


def echo(value: object) -> str:
    """A value as it is said back: JSON, short, and without what would not be seen."""
    said = json.dumps(value[: LONGEST_ECHO + 1] if isinstance(value, str) else value, ensure_ascii=False, default=str)
    said = "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in said)
    return said if len(said) <= LONGEST_ECHO else f"{said[:LONGEST_ECHO]}…"


def _malformed(key: str, *, is_unreadable: bool = False, **fillings: object) -> Malformed:
    zh, en = (sentence.format(**fillings) for sentence in CATALOGUE[key])
    return Malformed(key.partition(".")[2], zh, en, is_unreadable)
