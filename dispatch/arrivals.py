"""Arrivals: when a unit will be there, and how sure that is.

    seconds = turnout (the median of its kind) + travel

The interval (80 %) is what became of what was said before: the quantiles of taken ÷ said. With fewer than `ENOUGH` arrivals it is
the spread of the speeds that were measured, which is too wide for long ways, along which slow and fast roads make up for one
another. Where nothing was measured either there is none. A unit whose place is old may have driven on, towards us or away, for as
long as nobody heard of it: that widens the interval on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

import numpy as np

ENOUGH = 30
PAST, SPEEDS, NONE = "past", "speeds", "none"
"""What an interval is made of."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds until arrival; `turnout_s` is None where too few of the kind are known, or the unit is on the road. `n` is how many
    arrivals, or detectors, the interval is made of."""

    seconds: float
    travel_s: float
    turnout_s: float | None
    low_s: float | None
    high_s: float | None
    interval: str
    n: int


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What the past and the roads say: turnout by kind; (slow, fast) taken ÷ said by basis with how many; (slow, fast) speed ÷
    mean speed with how many detectors."""

    turnouts_s: Mapping[str, float] = field(default_factory=dict)
    taken: Mapping[str, tuple[float, float, int]] = field(default_factory=dict)
    spread: tuple[float, float] | None = None
    n_loops: int = 0

    @classmethod
    def of(
        cls, turnouts_s: Mapping[str, Sequence[float]], arrivals: Iterable[tuple[float, float, str]],
        spread: tuple[float, float] | None = None, n_loops: int = 0,
    ) -> Arrivals:  # fmt: skip
        """`arrivals` as (said s, taken s, basis)."""
        ratios: dict[str, list[float]] = {}
        for said_s, taken_s, basis in arrivals:
            ratios.setdefault(basis, []).append(taken_s / said_s)
        quantiles = {basis: np.quantile(each, [0.1, 0.9]).tolist() for basis, each in ratios.items() if len(each) >= ENOUGH}
        return cls(
            {kind: float(np.median(each)) for kind, each in turnouts_s.items() if len(each) >= ENOUGH},
            {basis: (low, high, len(ratios[basis])) for basis, (low, high) in quantiles.items()}, spread, n_loops,
        )  # fmt: skip

    def estimate(self, kind: str, travel_s: float, basis: str, *, is_rolling: bool = False, unheard_s: float = 0.0) -> Estimate:
        """For a unit of a kind that is `travel_s` away by `basis`; `unheard_s`: how old its place is, where that is too old."""
        turnout_s = None if is_rolling else self.turnouts_s.get(kind)
        seconds = travel_s + (turnout_s or 0.0)
        if basis in self.taken:
            low, high, n = self.taken[basis]
            interval, low_s, high_s = PAST, seconds * low, seconds * high
        elif basis == "roads" and self.spread is not None:
            slow, fast = self.spread
            interval, n = SPEEDS, self.n_loops
            low_s, high_s = travel_s / fast + (turnout_s or 0.0), travel_s / slow + (turnout_s or 0.0)
        else:
            return Estimate(seconds, travel_s, turnout_s, None, None, NONE, 0)
        if not isfinite(seconds):
            return Estimate(seconds, travel_s, turnout_s, None, None, interval, n)
        return Estimate(seconds, travel_s, turnout_s, max(low_s - unheard_s, 0.0), high_s + unheard_s, interval, n)
