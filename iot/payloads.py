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


class Telemetry(Struct, omit_defaults=True, kw_only=True):
    """Measured values of one moment. `values` are checked one by one, so that one bad value does not cost the others."""

    id: str
    ts: Instant
    values: dict[str, Any]
    seq: int | None = None
    unit: dict[str, str] = {}
    q: str | None = None
    corr: bool = False
    item: str = ""


class UnitTelemetry(Struct, omit_defaults=True, kw_only=True):
    id: str
    ts: Instant
    position: Position
    crs: str = "EPSG:4326"
    speed_kmh: float | None = None
    heading: float | None = None
    seq: int | None = None


class BirthProperty(Struct, omit_defaults=True):
    unit: str | None = None
    min: float | None = None
    max: float | None = None


class Birth(Struct, omit_defaults=True, kw_only=True):
    id: str
    ts: Instant
    type: str
    position: Position | None = None
    crs: str = "EPSG:4326"
    interval_s: Annotated[float, Meta(gt=0)] | None = None
    properties: dict[str, BirthProperty] = {}
    mode: str = "periodic"
    name: str | None = None
    name_zh: str | None = None
    name_en: str | None = None
    kind: str | None = None
    capabilities: list[str] = []
    department: str | None = None


class State(Struct, kw_only=True):
    id: str
    ts: Instant
    state: str


class Event(Struct, omit_defaults=True, kw_only=True):
    """Any event; which of the optional fields are needed follows from `event`."""

    id: str
    ts: Instant
    event: str
    seq: int | None = None
    ticket: str | None = None
    item: str | None = None
    to_item: str | None = None
    channel: str | None = None
    window: int | None = None
    clerk: str | None = None
    grade: int | None = None
    items: list[str] = []
    status: str | None = None
    order: str | None = None
    class_: str | None = msgspec.field(default=None, name="class")
    severity: int | None = None
    position: Position | None = None
    crs: str = "EPSG:4326"
    text: str | None = None
    source: str | None = None
    due: Instant | None = None
    confidence: Annotated[float, Meta(ge=0, le=1)] | None = None
    snapshot: str | None = None


class Ack(Struct, kw_only=True):
    id: str
    ts: Instant
    ack: str
    result: str


class DispatchCommand(Struct, kw_only=True):
    """From us to a unit. `position` is the incident's, WGS-84."""

    id: str
    ts: Instant
    cmd: str = "dispatch"
    incident: str
    position: Position
    expires: Instant


class CancelCommand(Struct, kw_only=True):
    """From us to a unit: leave `order` and come home. Its own id is the order's with "-x", so that it is obeyed once."""

    id: str
    ts: Instant
    cmd: str = "cancel"
    order: str


def encode(payload: Struct | list[Any]) -> bytes:
    return msgspec.json.encode(payload)


def field_names(struct: type[Struct]) -> frozenset[str]:
    """The names a record has in JSON."""
    return frozenset(struct.__struct_encode_fields__)
