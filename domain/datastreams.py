"""Datastreams: the series a device reports, one per property and, in halls, per service."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Datastream:
    """One series: its number and what is needed to judge a value of it. Limits inclusive, in `unit`; None unknown."""

    datastream_id: int
    device_id: str
    property: str
    item: str
    unit: str | None
    low: float | None
    high: float | None
    interval_s: float
