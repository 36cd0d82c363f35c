"""NAB: the scoring rules of the Numenta Anomaly Benchmark, for alarms of one fixed threshold.

Rules as its authors publish them: A. Lavin, S. Ahmad, Evaluating real-time anomaly detection algorithms: the Numenta Anomaly
Benchmark, IEEE ICMLA 2015 (scaled sigmoid, windows, probation), with the weights of its profiles.

    σ(y) = 2 / (1 + exp(5 y)) − 1;   y: place relative to a window, −1 at its first row, 0 right behind its last
In a window the earliest alarm alone counts, σ(y) / σ(−1); a window without one costs 1. An alarm outside costs the profile's
weight times σ of its distance to the window before, in window widths, and all of it from three widths on or before the first
window. Rows of the probation (15 %, at most 750) do not count. A score is 0 for silence and 100 for an alarm at the first row of
each window and none elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PROBATION_SHARE, PROBATION_OF_MOST = 0.15, 5_000
FALSE_ALARM = {"standard": 0.11, "low_fp": 0.22}
FARTHEST = 3.0


@dataclass(frozen=True, slots=True)
class Scored:
    """Of one file or several: the sum of what alarms were worth, windows there are and were hit, alarms outside."""

    worth: float = 0.0
    windows: int = 0
    hits: int = 0
    false_alarms: int = 0

    def __add__(self, other: Scored) -> Scored:
        return Scored(
            self.worth + other.worth, self.windows + other.windows, self.hits + other.hits,
            self.false_alarms + other.false_alarms,
        )  # fmt: skip

    @property
    def score(self) -> float:
        """0 to 100, or below for worse than silence."""
        return 100 * (self.worth + self.windows) / (2 * self.windows)


def scaled_sigmoid(y: float) -> float:
    return -1.0 if y > FARTHEST else 2 / (1 + math.exp(5 * y)) - 1


def probation(rows: int) -> int:
    return math.floor(min(PROBATION_SHARE * rows, PROBATION_SHARE * PROBATION_OF_MOST))


def score(rows: int, alarms: Iterable[int], windows: Sequence[tuple[int, int]], profile: str) -> Scored:
    """What the alarms (row numbers) of one file are worth; windows are (first row, last row), in order."""
    hit: set[int] = set()
    worth, n_false = 0.0, 0
    for row in sorted(alarms):
        if row < probation(rows):
            continue
        inside = next((k for k, (first, last) in enumerate(windows) if first <= row <= last), None)
        if inside is None:
            n_false += 1
            worth += FALSE_ALARM[profile] * _beside(row, windows)
        elif inside not in hit:
            hit.add(inside)
            first, last = windows[inside]
            worth += scaled_sigmoid(-(last - row + 1) / (last - first + 1)) / scaled_sigmoid(-1)
    return Scored(worth - (len(windows) - len(hit)), len(windows), len(hit), n_false)


def _beside(row: int, windows: Sequence[tuple[int, int]]) -> float:
    before = [window for window in windows if window[1] < row]
    if not before:
        return -1.0
    first, last = before[-1]
    return scaled_sigmoid((row - last) / (last - first))
