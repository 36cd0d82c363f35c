"""Batches: the readings of one property that came since the last look, so that a rule finds at once those that could raise it.

A reading at which nothing stands and nothing waits changes nothing unless it reaches the mildest of the rule's `raise_at`.
Readings lie in the order of their values, so that those are a piece at one end, found by halving: with 20,000 series and 2,000
rules only that piece is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.warnings import ThresholdRule

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """Readings of any number of series: values ascending, and the number of the series of each."""

    values: Floats
    numbers: Numbers

    def beyond(self, rule: ThresholdRule) -> Numbers:
        """The series (each once, ascending) of which some reading reaches the mildest `raise_at` of the rule."""
        raises = [threshold.raise_at for threshold in rule.thresholds]
        if rule.direction == "below":
            reached = self.numbers[: np.searchsorted(self.values, max(raises), side="right")]
        else:
            reached = self.numbers[np.searchsorted(self.values, min(raises), side="left") :]
        return np.unique(reached) if len(reached) else reached


def batch(values: Floats | Sequence[float], numbers: Numbers | Sequence[int]) -> Batch:
    """A batch of readings in any order. NaN, of which nothing can be told, is left out."""
    told, series = np.asarray(values, float), np.asarray(numbers, np.int64)
    known = ~np.isnan(told)
    told, series = told[known], series[known]
    order = np.argsort(told, kind="stable")
    return Batch(told[order], series[order])


def candidates(readings: Batch, rule: ThresholdRule, standing: Mapping[int, object], waiting: Mapping[int, object]) -> set[int]:
    """The series that have to be judged reading by reading: those that could be raised, and those where something stands or
    waits."""
    return {*readings.beyond(rule).tolist(), *standing, *(number for number, levels in waiting.items() if levels)}
