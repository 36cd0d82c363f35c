"""Rules: from a value to a level, and from levels to the steps of a warning.

A threshold is passed when the value reaches it. With direction "above" a level stands from `raise_at` upwards until the value
falls below `clear_at`; with "below" the other way round. Every level holds by itself: a value that goes straight to the gravest
raises it after one hold time, not after one for each level on the way. Time is the time of measurement: a condition has held
when readings that far apart said so, whenever they arrived, so that a replay decides as the day itself did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from domain.warnings import ThresholdRule, Wait, WarningLevel

Waiting = Mapping[WarningLevel, Wait]
"""The levels that wait to change: those that do not stand to be raised, those that do to be cleared."""


def gravity(level: WarningLevel | None) -> int:
    """0 for none, 1 for blue … 4 for red."""
    return 0 if level is None else len(WarningLevel) + 1 - level.rank


def is_beyond(rule: ThresholdRule, value: float, threshold: float) -> bool:
    """Whether `value` has reached `threshold` in the rule's direction."""
    return value <= threshold if rule.direction == "below" else value >= threshold


@dataclass(frozen=True, slots=True)
class Verdict:
    """What stands after a reading: the level, since when readings have asked for it if it is new, and what still waits."""

    level: WarningLevel | None
    since: datetime
    waiting: Waiting


def advance(
    rule: ThresholdRule, standing: WarningLevel | None, waiting: Waiting, passes: Callable[[float], bool], at: datetime
) -> Verdict:
    """What becomes of `standing` with a reading (or a forecast) of `at`; `passes` tells of one threshold whether it is passed.

    A level stands with every milder one. One that does not stand is asked for beyond its `raise_at`, one that stands as far as
    its `clear_at`; it changes when every reading for the hold time has asked for that. Readings are told in order of time.
    """
    stands = gravity(standing)
    asking: dict[WarningLevel, Wait] = {}
    for level in _asking(rule, standing, passes):
        to_raise = gravity(level) > stands
        before = waiting.get(level)
        # What waited to be cleared is no wait to be raised, should somebody have closed the warning meanwhile.
        asking[level] = before if before is not None and before.to_raise == to_raise else Wait(at, to_raise)

    def is_due(level: WarningLevel) -> bool:
        wait = asking.get(level)
        hold_s = rule.raise_hold_s if gravity(level) > stands else rule.clear_hold_s
        return wait is not None and (at - wait.since).total_seconds() >= hold_s

    raised = max((level for level in asking if gravity(level) > stands and is_due(level)), key=gravity, default=None)
    if raised is not None:
        return Verdict(
            raised, asking[raised].since, {level: asking[level] for level in asking if gravity(level) > gravity(raised)}
        )
    up_to = {threshold.level for threshold in rule.thresholds if gravity(threshold.level) <= stands}
    stairs = sorted(up_to | ({standing} if standing is not None else set()), key=gravity, reverse=True)
    cleared = list(takewhile(is_due, stairs))
    if not cleared:
        return Verdict(standing, at, asking)
    left = next((level for level in stairs if level not in cleared), None)
    since = max(asking[level].since for level in cleared)
    return Verdict(left, since, {level: asking[level] for level in asking if level not in cleared})


def _asking(rule: ThresholdRule, standing: WarningLevel | None, passes: Callable[[float], bool]) -> set[WarningLevel]:
    """The levels that should change: stand and do not, or do not and stand."""
    stands = gravity(standing)
    asking: set[WarningLevel] = set()
    for threshold in rule.thresholds:
        is_standing = gravity(threshold.level) <= stands
        if passes(threshold.clear_at if is_standing else threshold.raise_at) != is_standing:
            asking.add(threshold.level)
    if standing is not None and all(threshold.level is not standing for threshold in rule.thresholds):
        asking.add(standing)  # the rule was changed: nothing asks for this level any more
    return asking
