"""Datastreams: the series a device reports, one per property and, in halls, per service."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Datastream:
    """One series: its number and what is needed to judge a value of it. Limits inclusive, in `unit`; None unknown.

    `sent_unit` is the UCUM code in which the device announced its values where this is not `unit`: they are converted. A device
    that speaks on change (`is_periodic` false) owes no regular readings, and repeats itself as it likes.
    """

    datastream_id: int
    device_id: str
    property: str
    item: str
    unit: str | None
    low: float | None
    high: float | None
    interval_s: float
    is_periodic: bool = True
    sent_unit: str | None = None
