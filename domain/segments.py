"""Segments: the stretches of time between a report and a unit at work, each with its target where the trade has one.

Processing runs from the report to the first order, answering from an order to the unit's answer, turnout from the order to
wheels rolling, travel from there to the scene. Targets are policy. Those delivered: NFPA 1710-2020, 4.1.2.1 (alarm handling 64 s;
turnout 80 s for fire, 60 s for emergency medical response; travel of the first unit 240 s), each to be met in nine cases of ten,
other kinds have none. A unit's answer has no standard of its own: delivered are the 15 s that NFPA 1225-2022 allows a centre for
answering nine calls of ten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from domain.labels import Labelled
from domain.units import ATTENDING, UnitKind, UnitStatus


class SegmentKind(Labelled):
    PROCESSING = "processing", "处警", "processing"
    ANSWERING = "answering", "接令", "answer"
    TURNOUT = "turnout", "出动", "turnout"
    TRAVEL = "travel", "行程", "travel"
    AT_SCENE = "at_scene", "现场", "at scene"


STANDARD = "NFPA 1710-2020"


@dataclass(frozen=True, slots=True)
class Targets:
    """What nine cases of ten should not exceed, in seconds; None, or a kind of unit that is not named: no target."""

    processing_s: float | None
    answering_s: float | None
    turnout_s: Mapping[str, float]
    travel_s: Mapping[str, float]

    def of(self, segment: SegmentKind, unit_kind: str) -> float | None:
        """The target of a segment for a kind of unit."""
        match segment:
            case SegmentKind.PROCESSING:
                return self.processing_s
            case SegmentKind.ANSWERING:
                return self.answering_s
            case SegmentKind.TURNOUT:
                return self.turnout_s.get(unit_kind)
            case SegmentKind.TRAVEL:
                return self.travel_s.get(unit_kind)
        return None


DELIVERED = Targets(
    64.0,
    15.0,
    MappingProxyType({UnitKind.FIRE_ENGINE.value: 80.0, UnitKind.AMBULANCE.value: 60.0}),
    MappingProxyType({UnitKind.FIRE_ENGINE.value: 240.0, UnitKind.AMBULANCE.value: 240.0}),
)


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch; `ended_at` is None while it runs, `target_s` None where no standard gives one."""

    kind: SegmentKind
    began_at: datetime
    ended_at: datetime | None
    target_s: float | None = None


@dataclass(frozen=True, slots=True)
class Performance:
    """How long a segment took in the trade's figure, the 90th percentile: of `n` cases of a kind of unit (None: all kinds), the
    share within the target. None where there is nothing to tell it from."""

    unit_kind: str | None
    segment: SegmentKind
    n: int
    p90_s: float | None
    target_s: float | None
    within: float | None


def performance(unit_kind: str | None, segment: SegmentKind, seconds: Sequence[float], target_s: float | None) -> Performance:
    """The figures of so many cases. The percentile lies between two of them as in `numpy.percentile`: at 0.9 (n - 1) in order.

    >>> performance(None, SegmentKind.PROCESSING, [10, 20, 70], 64).p90_s
    60.0
    """
    if not seconds:
        return Performance(unit_kind, segment, 0, None, target_s, None)
    ordered = sorted(seconds)
    below, rest = divmod(0.9 * (len(ordered) - 1), 1)
    low, high = ordered[int(below)], ordered[min(int(below) + 1, len(ordered) - 1)]
    within = None if target_s is None else sum(s <= target_s for s in ordered) / len(ordered)
    return Performance(unit_kind, segment, len(ordered), low + rest * (high - low), target_s, within)


def processing(
    reported_at: datetime, issued: Iterable[datetime], over_at: datetime | None, targets: Targets = DELIVERED
) -> Segment:
    """From the report to the first order; it ends with an incident that is over without one."""
    first = min(issued, default=over_at)
    return Segment(SegmentKind.PROCESSING, reported_at, _after(reported_at, first), targets.processing_s)


def of_order(
    kind: str,
    issued_at: datetime,
    answered_at: datetime | None,
    statuses: Sequence[tuple[datetime, str]],
    over_at: datetime | None,
    targets: Targets = DELIVERED,
) -> tuple[Segment, ...]:
    """What has begun of one order, in its sequence. `statuses` are (since when, what) the unit was for this order, oldest first;
    `over_at` is when the order ended. A step that the unit did not tell of ends with the next one that it did."""
    rolled_at = _first(statuses, {UnitStatus.ENROUTE, *ATTENDING})
    arrived_at = _first(statuses, set(ATTENDING))
    left_at = next(
        (at for at, status in statuses if arrived_at is not None and at > arrived_at and status not in ATTENDING), over_at
    )
    answered = min((at for at in (answered_at, rolled_at, over_at) if at is not None), default=None)
    segments = [
        Segment(SegmentKind.ANSWERING, issued_at, _after(issued_at, answered), targets.answering_s),
        Segment(SegmentKind.TURNOUT, issued_at, _after(issued_at, rolled_at or over_at), targets.turnout_s.get(kind)),
    ]
    if rolled_at is not None:
        ended_at = _after(rolled_at, arrived_at or over_at)
        segments.append(Segment(SegmentKind.TRAVEL, rolled_at, ended_at, targets.travel_s.get(kind)))
    if arrived_at is not None:
        segments.append(Segment(SegmentKind.AT_SCENE, arrived_at, _after(arrived_at, left_at)))
    return tuple(segments)


def _first(statuses: Sequence[tuple[datetime, str]], wanted: set[UnitStatus]) -> datetime | None:
    return min((at for at, status in statuses if UnitStatus.known(status) in wanted), default=None)


def _after(began_at: datetime, at: datetime | None) -> datetime | None:
    """A unit's clock may be slow: nothing ends before it begins."""
    return None if at is None else max(began_at, at)
