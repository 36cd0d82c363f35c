"""The shape of a detector: what it holds of every series at once, and how strange it finds what has just been measured.

All arrays have one entry a series on their last axis. A detector sees one moment of all series (`Moment`, which the rhythm has
laid beside what is usual), learns from it in place, and says by how much each value departs from what it expects, in widths of
its own. Whether a departure is rare is not its business: `surprise` holds it against the series' own past.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.anomalies import Oddity

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
State = dict[str, npt.NDArray[Any]]
"""Name → array whose last axis is the series. Nothing else is kept, so that a state can be cut, saved and restored."""

TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Moment:
    """One value of each series beside what is usual there; entries where not `is_here` mean nothing; `where` is the same,
    or True when all are here.

    `raw` is what was measured; `values`, `usual` and `before` (the value before) are counted from the first value (`anchor`) in
    32 bits;
    differences below `grain` are rounding.
    `z` is the departure in widths of that time of day from what is usual within half an hour of it (an hour where readings are
    rarer); `follows` where that is known and used, otherwise `usual` is the recent mean; `rests` of
    series that are mostly zero; `surprise_step` the part of it that the departure before
    does not explain, `step_width` its usual size. `rows` counts the values seen, this one included; `changes` those of them that
    differed from the one before.
    """

    times_s: Floats
    raw: Floats
    values: Floats
    is_here: Bools
    where: Bools | bool
    anchor: Floats
    grain: Floats
    waited_s: Floats
    interval_s: Floats
    hour: npt.NDArray[np.intp]
    rows: Floats
    changes: Floats
    usual: Floats
    width: Floats
    z: Floats
    follows: Bools
    rests: Bools
    step: Floats
    step_width: Floats
    before: Floats
    before_s: Floats
    first_s: Floats
    missed: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class Verdict:
    """How strange each value is: `strength` ≥ 0 in widths; `center` ± `width` × (a usual strength) is the usual band; `since_s`
    when what is strange began, where the detector knows; `off` a figure of its own for the words (drift: mean
    departure in widths; unrest: times the usual)."""

    strength: Floats
    center: Floats
    width: Floats
    since_s: Floats | None = None
    off: Floats | None = None


@dataclass(frozen=True, slots=True)
class Detector:
    """A detector as the rest of the house sees it. `least_days` must have been seen before it speaks. Of
    detectors that look at the same thing only the strangest counts (`looks_at`). With `limit` its strength
    is held against that fixed number instead of against the past; `floor` is the least that strengths of one series differ by
    (natural logarithm), so that a very regular past does not make a trifle an event. What `needs_level` says
    nothing about series that are mostly zero, what `needs_rhythm` nothing about those without one."""

    name: str
    version: str
    cause: Oddity
    start: Callable[[int], State]
    update: Callable[[State, Moment], Verdict]
    least_days: float = 1.0
    looks_at: str = ""
    limit: float | None = None
    floor: float = 0.15
    needs_level: bool = False
    needs_rhythm: bool = False


def blank(n: int, *shape: int) -> Floats:
    """Zeros of that shape for `n` series. Widths and levels need no more than 32 bits; times do."""
    return np.zeros((*shape, n), np.float32)


def keep(state: State, name: str, new: npt.NDArray[Any], where: Bools | bool) -> None:
    """Writes `new` into the state of the series that have spoken."""
    np.copyto(state[name], new, where=where, casting="same_kind")


def bounded(numbers: Floats, bound: Floats | float) -> Floats:
    """Within ± the bound."""
    return np.minimum(np.maximum(numbers, -bound), bound)
