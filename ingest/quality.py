"""Quality: which readings are not to be relied on, and why (domain.quality). Pure: arrays in, codes of causes out, a whole batch
at a time. A doubtful value is flagged and kept.

The rules look at one reading (range) and at its neighbours in the order of measurement, two before and one after; for stuck
sensors at as many before as the property names. What was said of a reading before (its own device's doubt, a unit that cannot be
converted) is never overruled, and such readings, like those out of range, take no part in judging others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from domain.quality import FIRST_OF_NEIGHBOURS, Cause
from domain.series import Judged, Rows

SHORTEST_S = 60.0
"""A change is held against what is plausible within a minute, however short the time: noise is no change."""

Bools = npt.NDArray[np.bool_]


def judge(rows: Rows) -> Judged:
    """The cause of each row (0: none), and how many readings in a row have been equal up to it."""
    causes = rows.causes.copy()
    is_open = (causes == 0) | (causes >= FIRST_OF_NEIGHBOURS)
    causes[is_open] = 0
    causes[is_open & ((rows.values < rows.low) | (rows.values > rows.high))] = Cause.RANGE.code
    runs = np.zeros(len(causes), np.int32)
    among = np.flatnonzero(causes == 0)
    if len(among):
        causes[among], runs[among] = _among_neighbours(rows.chosen(among))
    return Judged(causes, runs)


def _among_neighbours(rows: Rows) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int32]]:
    n = len(rows.values)
    goes_on = _shift(rows.series[1:] == rows.series[:-1])
    waited_us = np.diff(rows.measured_us, prepend=rows.measured_us[:1])
    is_next = goes_on & (waited_us <= rows.together_us)
    change = np.diff(rows.values, prepend=rows.values[:1])
    jumps = is_next & (np.abs(change) > _allowed(rows, waited_us))

    # A spike jumps, and the next reading is back where the one before was.
    follows = np.append(is_next[1:], False)
    next_change = np.append(change[1:], 0.0)
    since_before_us = waited_us + np.append(waited_us[1:], 0)
    is_back = np.abs(change + next_change) <= _allowed(rows, since_before_us)
    is_spike = jumps & follows & np.append(jumps[1:], False) & (change * next_change < 0) & is_back

    runs = _runs(is_next & (change == 0), np.where(goes_on, 1, rows.run_before))
    causes = np.zeros(n, np.int16)
    causes[jumps & ~_shift(is_spike[:-1])] = Cause.RATE.code
    causes[(rows.still_for > 0) & (runs >= rows.still_for) & (rows.values != 0)] = Cause.STUCK.code
    causes[is_spike] = Cause.SPIKE.code
    return causes, runs


def _allowed(rows: Rows, span_us: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.asarray(rows.step_per_s * np.maximum(span_us / 1e6, SHORTEST_S))


def _shift(flags: Bools) -> Bools:
    """The flags of the rows before."""
    return np.concatenate([[False], flags])


def _runs(repeats: Bools, run_before: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """For each row the number of equal ones up to it, counted on from `run_before` where a run begins."""
    k = np.arange(len(repeats))
    start = np.maximum.accumulate(np.where(repeats, 0, k))
    runs: npt.NDArray[np.int32] = np.minimum(k - start + run_before[start], np.iinfo(np.int32).max).astype(np.int32)
    return runs
