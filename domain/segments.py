"""Segments: the stretches of time between a report and a unit at work, each with its target where the trade has one.

Processing runs from the report to the first order, answering from an order to the unit's answer, turnout from the order to
wheels rolling, travel from there to the scene. Targets: NFPA 1710-2020, 4.1.2.1 (alarm handling 64 s; turnout 80 s for fire, 60 s
for emergency medical response; travel of the first unit 240 s), each to be met in nine cases of ten; other kinds have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.labels import Labelled
from domain.units import ATTENDING, UnitKind, UnitStatus


class SegmentKind(Labelled):
    PROCESSING = "processing", "处警", "processing"
    ANSWERING = "answering", "接令", "answer"
    TURNOUT = "turnout", "出动", "turnout"
    TRAVEL = "travel", "行程", "travel"
    AT_SCENE = "at_scene", "现场", "at scene"


STANDARD = "NFPA 1710-2020"
PROCESSING_TARGET_S = 64.0
TURNOUT_TARGET_S = {UnitKind.FIRE_ENGINE: 80.0, UnitKind.AMBULANCE: 60.0}
TRAVEL_TARGET_S = {UnitKind.FIRE_ENGINE: 240.0, UnitKind.AMBULANCE: 240.0}


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch; `ended_at` is None while it runs, `target_s` None where no standard gives one."""

    kind: SegmentKind
    began_at: datetime
    ended_at: datetime | None
    target_s: float | None = None


def processing(reported_at: datetime, issued: Iterable[datetime], over_at: datetime | None) -> Segment:
    """From the report to the first order; it ends with an incident that is over without one."""
    first = min(issued, default=over_at)
    return Segment(SegmentKind.PROCESSING, reported_at, _after(reported_at, first), PROCESSING_TARGET_S)


def of_order(
    kind: str,
    issued_at: datetime,
    answered_at: datetime | None,
    statuses: Sequence[tuple[datetime, str]],
    over_at: datetime | None,
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
        Segment(SegmentKind.ANSWERING, issued_at, _after(issued_at, answered)),
        Segment(SegmentKind.TURNOUT, issued_at, _after(issued_at, rolled_at or over_at), _target(TURNOUT_TARGET_S, kind)),
    ]
    if rolled_at is not None:
        ended_at = _after(rolled_at, arrived_at or over_at)
        segments.append(Segment(SegmentKind.TRAVEL, rolled_at, ended_at, _target(TRAVEL_TARGET_S, kind)))
    if arrived_at is not None:
        segments.append(Segment(SegmentKind.AT_SCENE, arrived_at, _after(arrived_at, left_at)))
    return tuple(segments)


def _target(targets_s: Mapping[UnitKind, float], kind: str) -> float | None:
    known = UnitKind.known(kind)
    return targets_s.get(known) if known is not None else None


def _first(statuses: Sequence[tuple[datetime, str]], wanted: set[UnitStatus]) -> datetime | None:
    return min((at for at, status in statuses if UnitStatus.known(status) in wanted), default=None)


def _after(began_at: datetime, at: datetime | None) -> datetime | None:
    """A unit's clock may be slow: nothing ends before it begins."""
    return None if at is None else max(began_at, at)
