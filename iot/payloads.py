"""Payloads: the JSON that devices and we exchange, as typed records for encoding and decoding.

Times are RFC 3339 with an offset. Fields that are not listed here are kept beside the row, never lost.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

Instant = Annotated[datetime, Meta(tz=True)]
Position = tuple[float, float]
Word = Annotated[str, Meta(max_length=200)]
"""A name or an id: longer ones fit no index."""
Number64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Number32 = Annotated[int, Meta(ge=0, le=2**31 - 1)]


LARGEST_VALUE = 3.4e38
"""The range of a 4-byte float: its square, which averages need, still fits 8 bytes. No sensor measures more."""
SHORTEST_PROMISE_S = 0.01
"""A hundred readings a second, our choice: a device that promises more owes so many that nothing it says makes up for them."""
LONGEST_PROPERTY = 120
PropertyName = Annotated[str, Meta(max_length=LONGEST_PROPERTY)]
Measure = Annotated[float, Meta(ge=-LARGEST_VALUE, le=LARGEST_VALUE)]


class Telemetry(Struct, omit_defaults=True, kw_only=True):
    """Measured values of one moment. `values` are checked one by one, so that one bad value does not cost the others."""

    id: Word
    ts: Instant
    values: dict[str, Any]
    seq: Number64 | None = None
    unit: dict[str, Word] = {}
    q: Word | None = None
    corr: bool = False
    item: Word = ""


class PlainTelemetry(Struct, kw_only=True, forbid_unknown_fields=True):
    """Telemetry that is all as it should be, which nearly every message is: what does not fit here is looked at as
    `Telemetry`, part by part."""

    id: Word
    ts: Instant
    values: dict[PropertyName, Measure]
    seq: Number64 | None = None
    unit: dict[str, Word] = {}
    q: Word | None = None
    corr: bool = False
    item: Word = ""


class UnitTelemetry(Struct, omit_defaults=True, kw_only=True):
    id: Word
    ts: Instant
    position: Position
    crs: Word = "EPSG:4326"
    speed_kmh: float | None = None
    heading: float | None = None
    seq: Number64 | None = None


class BirthProperty(Struct, omit_defaults=True):
    unit: Word | None = None
    min: float | None = None
    max: float | None = None


class Birth(Struct, omit_defaults=True, kw_only=True):
    id: Word
    ts: Instant
    type: Word
    position: Position | None = None
    crs: Word = "EPSG:4326"
    interval_s: Annotated[float, Meta(ge=SHORTEST_PROMISE_S, le=366 * 86_400)] | None = None
    properties: dict[Word, BirthProperty] = {}
    mode: Word = "periodic"
    name: Word | None = None
    name_zh: Word | None = None
    name_en: Word | None = None
    kind: Word | None = None
    capabilities: list[Word] = []
    department: Word | None = None


class State(Struct, kw_only=True):
    id: Word
    ts: Instant
    state: Word


class Event(Struct, omit_defaults=True, kw_only=True):
    """Any event; which of the optional fields are needed follows from `event`."""

    id: Word
    ts: Instant
    event: Word
    seq: Number64 | None = None
    ticket: Word | None = None
    item: Word | None = None
    to_item: Word | None = None
    channel: Word | None = None
    window: Number32 | None = None
    clerk: Word | None = None
    grade: int | None = None
    items: list[Word] = []
    status: Word | None = None
    order: Word | None = None
    class_: Word | None = msgspec.field(default=None, name="class")
    severity: int | None = None
    position: Position | None = None
    crs: Word = "EPSG:4326"
    text: Annotated[str, Meta(max_length=10_000)] | None = None
    source: Word | None = None
    due: Instant | None = None
    confidence: Annotated[float, Meta(ge=0, le=1)] | None = None
    snapshot: Annotated[str, Meta(max_length=2_000)] | None = None
    incident: Word | None = None
    """Of `incident.closed`: the id under which this device reported it."""


class PlainEvent(Event, kw_only=True, forbid_unknown_fields=True):
    """An event without fields that are not listed here, which nearly every one is."""


class Ack(Struct, kw_only=True):
    id: Word
    ts: Instant
    ack: Word
    result: Word


class DispatchCommand(Struct, kw_only=True):
    """From us to a unit. `position` is the incident's, WGS-84."""

    id: Word
    ts: Instant
    cmd: str = "dispatch"
    incident: str
    position: Position
    expires: Instant


class CancelCommand(Struct, kw_only=True):
    """From us to a unit: leave `order` and come home. Its own id is the order's with "-x", so that it is obeyed once."""

    id: Word
    ts: Instant
    cmd: str = "cancel"
    order: str


class StandByCommand(Struct, kw_only=True):
    """From us to a free unit: wait at `position` (WGS-84), which is `place`, and stay free."""

    id: Word
    ts: Instant
    cmd: str = "stand_by"
    place: str
    position: Position
    expires: Instant


class WindowCommand(Struct, omit_defaults=True, kw_only=True):
    """From us to a hall's queue: what a window shall be. Without `items` an open window keeps those it has."""

    id: Word
    ts: Instant
    cmd: str
    window: int
    state: str
    items: list[str] = []


def encode(payload: Struct | list[Any]) -> bytes:
    return msgspec.json.encode(payload)


def field_names(struct: type[Struct]) -> frozenset[str]:
    """The names a record has in JSON."""
    return frozenset(struct.__struct_encode_fields__)
