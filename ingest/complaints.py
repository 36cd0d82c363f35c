"""Complaints: what the decoder (msgspec) finds wrong with a message, as a reason with the thing, its value and the expectation.

The decoder names a place and a type and never the value, which is looked up here. Values are said back as JSON, short, and
without what a screen would not show.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from domain.rejections import Reason

LONGEST_VALUE = 60
Complaint = tuple[Reason, dict[str, str]]
"""A reason and what fills its sentence."""

_AT_BYTE = re.compile(r"\(byte (\d+)\)$")
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")
_PLACE = re.compile(r" - at (?P<is_key>`key` in )?`\$(?P<path>[^`]*)`$")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_EXPECTED = re.compile(r"Expected `(?P<kind>\w+)[^`]*`(?P<rest>.*)", re.DOTALL)
_LIMIT = re.compile(r" (?P<bound>of length <=|<=|>=|>) (?P<limit>\S+)")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")

_BY_KIND: dict[str, tuple[Reason, type | tuple[type, ...]]] = {
    "str": (Reason.NO_TEXT, str),
    "float": (Reason.NO_NUMBER, (int, float)),
    "int": (Reason.NO_WHOLE_NUMBER, int),
    "bool": (Reason.NO_TRUTH, bool),
    "object": (Reason.NO_FIELD_OBJECT, dict),
    "array": (Reason.NO_ARRAY, list),
    "datetime": (Reason.NO_TIME, str),
}
_BY_BOUND = {
    "of length <=": Reason.TOO_LONG, "<=": Reason.TOO_GREAT, ">=": Reason.TOO_SMALL, ">": Reason.NOT_ABOVE,
}  # fmt: skip


def of_json(payload: bytes, fault: Exception) -> Complaint:
    """Why a payload is not JSON."""
    if isinstance(fault, RecursionError):
        return Reason.TOO_DEEP, {}
    try:
        payload.decode()
    except UnicodeDecodeError as wrong:  # counted from the beginning of the payload, not of the text in it
        return _from_byte(payload, wrong.start)
    if found := _AT_BYTE.search(str(fault)):
        return _from_byte(payload, int(found[1]) - ("trailing" in str(fault)))  # of what trails it has seen one byte more
    if "out of range" in str(fault):
        great = next((number for number in _NUMBER.findall(payload) if math.isinf(float(number))), b"")
        return Reason.NUMBER_TOO_GREAT, {"value": short(great.decode())}
    if half := _HALF_PAIR.search(payload):
        return _from_byte(payload, half.start())
    return Reason.CUT_SHORT, {"value": short(payload[-LONGEST_VALUE // 2 :].decode(errors="replace"))}


def _from_byte(payload: bytes, at: int) -> Complaint:
    return Reason.BROKEN_JSON, {"at": str(at), "value": short(payload[at : at + 20].decode(errors="backslashreplace"))}


def of_object(said: Mapping[str, Any], fault: Exception) -> Complaint:
    """Why an object is not the message it should be."""
    text = str(fault)
    place = _PLACE.search(text)
    steps = _STEP.findall(place["path"]) if place else []
    complaint = text[: place.start()] if place else text
    if missing := _MISSING.match(complaint):
        return Reason.MISSING, {"name": _name([*steps, (missing[1], "")])}
    expected = _EXPECTED.match(complaint)
    reason, fits = _BY_KIND.get(expected["kind"] if expected else "datetime", (Reason.UNUSABLE, ()))
    name, value = next(_found(said, steps, fits), (_name(steps), said))
    name = name or "object"
    if place and place["is_key"] and isinstance(value, dict):
        name, value = f"{name}.key", max(value, key=len)
    fillings = {"name": name, "value": short(value)}
    if expected is None and not text.startswith("Invalid RFC3339"):
        return Reason.UNUSABLE, {**fillings, "said": short(text)}
    if expected and (limit := _LIMIT.match(expected["rest"])):
        return _BY_BOUND[limit["bound"]], {**fillings, "expected": limit["limit"]}
    if expected and expected["rest"].startswith(" of length"):
        return Reason.NO_PAIR, fillings
    return reason, fillings


def _found(value: Any, steps: list[tuple[str, str]], fits: type | tuple[type, ...], name: str = "") -> Iterator[tuple[str, Any]]:
    """(name, value) of what lies at a place; where the decoder does not say which member it means, of those that do not fit."""
    if not steps:
        yield name, value
        return
    (field, index), *rest = steps
    if index == "...":
        members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, member in members:
            for found in _found(member, rest, fits, f"{name}[{short(key)}]"):
                if isinstance(found[1], bool) or not isinstance(found[1], fits):
                    yield found
    elif index and isinstance(value, list) and int(index) < len(value):
        yield from _found(value[int(index)], rest, fits, f"{name}[{index}]")
    elif field and isinstance(value, dict) and field in value:
        yield from _found(value[field], rest, fits, f"{name}.{field}".lstrip("."))


def _name(steps: list[tuple[str, str]]) -> str:
    return "".join(f".{field}" if field else f"[{index}]" for field, index in steps).lstrip(".")


def short(value: Any) -> str:
    """A value as it is said back: JSON, at most LONGEST_VALUE characters, control characters and the like written out."""
    try:
        text = json.dumps(value[: LONGEST_VALUE + 1] if isinstance(value, str) else value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):
        return "…"
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
