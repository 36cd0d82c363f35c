"""The sources: how often a rule about each is judged, and how long one waits for late word before. Seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from domain.derived import HOUR_S, QUARTER_S
from domain.rules import CityIndex, Subject
from domain.warnings import ThresholdRule

MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Source:
    """`period_s` apart lie the moments that are judged, each `settle_s` after it has passed. `absent` is what an object counts
    as that is not told of: None where nothing is known of it, 0 where that means that nothing is there."""

    period_s: int
    settle_s: int
    absent: float | None = None


SOURCES: Mapping[Subject, Source] = {
    Subject.DERIVED: Source(QUARTER_S, 60),
    Subject.HALL: Source(MINUTE_S, 60),
    Subject.INDEX: Source(QUARTER_S, 120),
    Subject.QUALITY: Source(HOUR_S, HOUR_S + 300),  # what one hour lacks may be in the next (storage.health)
    Subject.SILENCE: Source(MINUTE_S, 0),
    Subject.EVENTS: Source(MINUTE_S, 60),
    Subject.ANOMALY: Source(MINUTE_S, 0, absent=0.0),
    Subject.COMBINATION: Source(MINUTE_S, 0, absent=0.0),
}
"""Readings and forecasts have no row: they are judged as they come."""


def source_of(rule: ThresholdRule) -> Source:
    """The source of a rule that is not about readings. Raises KeyError for one that is."""
    source = SOURCES[rule.subject]
    is_hourly = (rule.subject is Subject.INDEX and rule.property == CityIndex.AQI) or (
        rule.subject is Subject.DERIVED and not rule.property.startswith("hall/")
    )
    return Source(HOUR_S, source.settle_s, source.absent) if is_hourly else source
