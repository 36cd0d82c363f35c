"""Batches: everything a stretch of messages said, sorted by noun, ready to be stored in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from operator import attrgetter

from domain.halls import HallEvent
from domain.incidents import DetectionReport, IncidentClosing, IncidentReport, RequestReport
from domain.observations import DeviceBirth, DeviceStateReport, RawFields, Reading, Rejection
from domain.units import CommandAck, UnitPosition, UnitStatusReport

Report = (
    Reading
    | DeviceBirth
    | DeviceStateReport
    | RawFields
    | HallEvent
    | UnitPosition
    | UnitStatusReport
    | CommandAck
    | IncidentReport
    | IncidentClosing
    | RequestReport
    | DetectionReport
    | Rejection
)
"""What one message, or one part of it, can turn out to be."""


@dataclass(slots=True)
class Batch:
    """Reports of one stretch of messages. `add` sorts; the order within a noun is the order of arrival."""

    births: list[DeviceBirth] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    states: list[DeviceStateReport] = field(default_factory=list)
    raw_fields: list[RawFields] = field(default_factory=list)
    hall_events: list[HallEvent] = field(default_factory=list)
    positions: list[UnitPosition] = field(default_factory=list)
    statuses: list[UnitStatusReport] = field(default_factory=list)
    acks: list[CommandAck] = field(default_factory=list)
    incidents: list[IncidentReport] = field(default_factory=list)
    closings: list[IncidentClosing] = field(default_factory=list)
    requests: list[RequestReport] = field(default_factory=list)
    detections: list[DetectionReport] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)

    def add(self, report: Report) -> None:
        getattr(self, _LIST_OF[type(report)]).append(report)

    def extend(self, reports: Sequence[Report]) -> None:
        """Adds what one message said."""
        for report in reports:
            if type(report) is Reading:  # nearly always
                self.readings.append(report)
            else:
                self.add(report)

    def newest_received_time(self) -> datetime | None:
        """When the newest of the reports came; None for an empty batch."""
        reports = chain.from_iterable(getattr(self, name) for name in _LIST_OF.values())
        return max(map(attrgetter("received_time"), reports), default=None)

    def __len__(self) -> int:
        return sum(len(getattr(self, name)) for name in _LIST_OF.values())


_LIST_OF: dict[type, str] = {
    DeviceBirth: "births",
    Reading: "readings",
    DeviceStateReport: "states",
    RawFields: "raw_fields",
    HallEvent: "hall_events",
    UnitPosition: "positions",
    UnitStatusReport: "statuses",
    CommandAck: "acks",
    IncidentReport: "incidents",
    IncidentClosing: "closings",
    RequestReport: "requests",
    DetectionReport: "detections",
    Rejection: "rejections",
}


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """What became of a batch, in reports: received = stored + corrected + duplicate + rejected; late is part of stored."""

    received: int = 0
    stored: int = 0
    late: int = 0
    duplicate: int = 0
    corrected: int = 0
    rejected: int = 0

    def __add__(self, other: BatchCounts) -> BatchCounts:
        return BatchCounts(
            self.received + other.received,
            self.stored + other.stored,
            self.late + other.late,
            self.duplicate + other.duplicate,
            self.corrected + other.corrected,
            self.rejected + other.rejected,
        )
