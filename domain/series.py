"""Series: readings of datastreams as columns, laid out for judging: series after series, each in the order of measurement.

A column is an array of numpy. This package imports nothing, so that the arrays' own types are only said in words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Column = Any
"""Numbers, one a row."""


class Rows(NamedTuple):
    """Readings (n). Times in microseconds; limits inclusive, infinite where there are none."""

    series: Column
    """Which rows belong together."""
    measured_us: Column
    values: Column
    causes: Column
    """What is already known to be wrong with a reading: code of a `domain.quality.Cause`, 0 for nothing."""
    low: Column
    high: Column
    step_per_s: Column
    """Largest plausible change a second; infinite where the property may jump."""
    still_for: Column
    """Equal readings in a row from which a sensor is stuck; 0 where it may stand still."""
    together_us: Column
    """How far apart readings may lie and still be neighbours."""
    run_before: Column
    """Of the first row of a series: how many readings in a row were equal up to it."""

    def chosen(self, which: Column) -> Rows:
        return Rows._make(column[which] for column in self)


class Judged(NamedTuple):
    """What is found of rows (n): the code of the cause (0: none), and how many readings in a row have been equal up to each."""

    causes: Column
    runs: Column


Judge = Callable[[Rows], Judged]
