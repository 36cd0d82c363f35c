"""Rules: from a value to a level, and from levels to the steps of a warning.

A threshold is passed when the value reaches it. With direction "above" a level stands from `raise_at` upwards until the value
falls below `clear_at`; with "below" the other way round. Time is the time of measurement: a condition has held when readings
that far apart said so, whenever they arrived, so that a replay decides as the day itself did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from domain.warnings import ThresholdRule, WarningLevel


@dataclass(frozen=True, slots=True)
class Condition:
    """Since when a condition asks for `level` (None: for no warning)."""

    level: WarningLevel | None
    since: datetime


def gravity(level: WarningLevel | None) -> int:
    """0 for none, 1 for blue … 4 for red."""
    return 0 if level is None else len(WarningLevel) + 1 - level.rank


def is_beyond(rule: ThresholdRule, value: float, threshold: float) -> bool:
    """Whether `value` has reached `threshold` in the rule's direction."""
    return value <= threshold if rule.direction == "below" else value >= threshold


def level_asked(rule: ThresholdRule, passes: Callable[[float], bool], standing: WarningLevel | None) -> WarningLevel | None:
    """The level that what is measured (or foreseen) asks for while `standing` stands; `passes` tells of one threshold.

    A level is asked for beyond its `raise_at`; one that stands already, or stands below a graver one, as far as its `clear_at`.
    """
    asked = [
        threshold.level
        for threshold in rule.thresholds
        if passes(threshold.clear_at if gravity(threshold.level) <= gravity(standing) else threshold.raise_at)
    ]
    return max(asked, key=gravity, default=None)


def level_of_value(rule: ThresholdRule, value: float, standing: WarningLevel | None) -> WarningLevel | None:
    """The level a measured value asks for."""
    return level_asked(rule, lambda threshold: is_beyond(rule, value, threshold), standing)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What stands after a reading: the level, the condition to remember, and since when readings have asked for it."""

    level: WarningLevel | None
    condition: Condition
    since: datetime


def advance(
    rule: ThresholdRule,
    standing: WarningLevel | None,
    condition: Condition | None,
    asked: WarningLevel | None,
    at: datetime,
) -> Verdict:
    """What becomes of `standing` when a reading measured at `at` asks for `asked`.

    A change waits until every reading for the hold time has asked for it. When they asked for different levels on the same side
    of what stands, the one nearest to it is taken: only that far did all of them go. A reading older than the condition
    remembered changes nothing.
    """
    if condition is not None and at < condition.since:
        return Verdict(standing, condition, condition.since)
    stands, wanted = gravity(standing), gravity(asked)
    if wanted == stands:
        if condition is None or condition.level != standing:
            condition = Condition(standing, at)
        return Verdict(standing, condition, condition.since)
    if condition is not None and (gravity(condition.level) - stands) * (wanted - stands) > 0:
        pending = min(condition.level, asked, key=lambda level: abs(gravity(level) - stands))
        waiting = Condition(pending, condition.since)
    else:
        waiting = Condition(asked, at)
    hold_s = rule.raise_hold_s if wanted > stands else rule.clear_hold_s
    if (at - waiting.since).total_seconds() < hold_s:
        return Verdict(standing, waiting, waiting.since)
    return Verdict(waiting.level, Condition(asked, at), waiting.since)
