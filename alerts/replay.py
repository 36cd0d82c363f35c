"""Replay: what a rule would have done over a stretch of readings, by the function that judges them live (`alerts.rules`).

Between two readings nothing changes unless a threshold is passed the other way, or what waits has waited long enough. Only
readings at which one of these can be so are looked at, so that three months of a quiet sensor cost no more than reading them;
that the outcome is that of looking at each one is a law of the tests.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import numpy as np
import numpy.typing as npt

from alerts.rules import Waiting, advance, gravity, is_beyond
from domain.warnings import ThresholdRule, WarningLevel

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: at which reading (`index`), to which level (None: lifted), since when readings asked for it (index)."""

    index: int
    level: WarningLevel | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Episode:
    """A warning that would have been: raised at `began`, lifted at `ended` (None: it would still stand), its gravest level."""

    began: datetime
    ended: datetime | None
    peak: WarningLevel


def steps(rule: ThresholdRule, times: Floats, values: Floats, standing: WarningLevel | None = None) -> Iterator[Step]:
    """The steps over readings at `times` (seconds since 1970, ascending) with `values` (NaN: nothing is judged by it)."""
    told = np.flatnonzero(~np.isnan(values))
    times, values = times[told], values[told]
    changes = _changes(rule, values)
    waiting: Waiting = {}
    k = 0
    while k < len(values):
        at = _moment(times[k])
        verdict = advance(rule, standing, waiting, partial(is_beyond, rule, float(values[k])), at)
        has_stepped = verdict.level is not standing
        if has_stepped:
            yield Step(int(told[k]), verdict.level, verdict.since)
        standing, waiting = verdict.level, verdict.waiting
        after = k + 1 if has_stepped else _next(changes, k, len(values))
        for level, wait in waiting.items():
            hold_s = rule.raise_hold_s if gravity(level) > gravity(standing) else rule.clear_hold_s
            due = int(np.searchsorted(times, wait.since.timestamp() + hold_s - _ROUNDING_S))
            if due > k:
                after = min(after, due)
        k = after


def episodes(rule: ThresholdRule, times: Floats, values: Floats) -> list[Episode]:
    """The warnings that would have been raised, oldest first."""
    found: list[Episode] = []
    began: datetime | None = None
    peak: WarningLevel | None = None
    for step in steps(rule, times, values):
        at = _moment(times[step.index])
        if step.level is None:
            assert began is not None, "only what stands is lifted"
            assert peak is not None
            found.append(Episode(began, at, peak))
            began = peak = None
        else:
            began = began or at
            peak = max((level for level in (peak, step.level) if level is not None), key=gravity)
    if began is not None and peak is not None:
        found.append(Episode(began, None, peak))
    return found


_ROUNDING_S = 1e-4
"""Times are kept to the microsecond, seconds since 1970 to a quarter of one: what is due is not passed over for that."""


def _moment(seconds: float) -> datetime:
    return _EPOCH + timedelta(microseconds=round(float(seconds) * 1e6))


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _changes(rule: ThresholdRule, values: Floats) -> list[int]:
    """The readings at which a threshold is passed that was not with the one before, or the other way round."""
    is_changed = np.zeros(len(values), bool)
    for threshold in rule.thresholds:
        for limit in (threshold.raise_at, threshold.clear_at):
            passed = values <= limit if rule.direction == "below" else values >= limit
            is_changed[1:] |= passed[1:] != passed[:-1]
    return [int(k) for k in np.flatnonzero(is_changed)]


def _next(changes: list[int], k: int, n: int) -> int:
    at = bisect_left(changes, k + 1)
    return changes[at] if at < len(changes) else n


def compared(before: Mapping[str, list[Episode]], after: Mapping[str, list[Episode]]) -> tuple[int, int, int]:
    """Of two versions of a rule, by object: warnings that both have (their times overlap), that only the first has, and that only
    the second has."""
    both = only_before = 0
    matched: dict[str, set[int]] = {}
    for name, episodes_before in before.items():
        others = after.get(name, [])
        for episode in episodes_before:
            hits = {n for n, other in enumerate(others) if _overlap(episode, other)}
            matched.setdefault(name, set()).update(hits)
            both += bool(hits)
            only_before += not hits
    only_after = sum(len(found) - len(matched.get(name, ())) for name, found in after.items())
    return both, only_before, only_after


def _overlap(one: Episode, other: Episode) -> bool:
    return (other.ended is None or one.began <= other.ended) and (one.ended is None or other.began <= one.ended)
