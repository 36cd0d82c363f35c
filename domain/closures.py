"""Closures: roads that cannot be driven, drawn by a person, told by a sensor, or following from an incident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.labels import Labelled


class ClosureSource(Labelled):
    """What closed the road."""

    DRAWN = "drawn", "人工标绘", "drawn"
    SENSOR = "sensor", "传感器", "sensor"
    INCIDENT = "incident", "事件", "incident"


@dataclass(frozen=True, slots=True)
class Closure:
    """A closed road. `geometry` is GeoJSON in WGS-84 degrees: a point, a line or a polygon; `object_id` the underpass or the
    incident that closed it. `valid_until` is when it is planned to end, None for one that somebody has to open."""

    closure_id: str
    source: ClosureSource
    object_id: str | None
    geometry: Mapping[str, Any]
    reason: str
    depth_m: float | None
    actor: str
    valid_from: datetime
    valid_until: datetime | None = None
    opened_at: datetime | None = None
    exercise_id: str | None = None
