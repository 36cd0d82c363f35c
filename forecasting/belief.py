"""Belief: values of a file that no quantity takes, such as the code of a faulty sensor or a slip of the unit, are not measured.

A value is beyond belief where it lies further outside the range of those before it (their middle 99 %) than FAR times that range.
Only what came before it counts, so that no forecast looks ahead. A third such value in a row is believed: a flood is no slip.
Live, ingest flags what is implausible for its property (docs/decisions/0008); a file does not say what its numbers are.
"""

from __future__ import annotations

import numpy as np

from forecasting.panel import Floats, Mask

FAR = 50.0
LEAST_ROWS = 100
GROWS = 1.25
"""The range is looked at anew whenever there are so many times as many rows."""
TAIL = 0.005


def beyond_belief(values: Floats, largest: float) -> Mask:
    """Of the values of one series in the order of time (rows), NaN where nothing was measured. What is larger than `largest`
    is never believed."""
    far = np.zeros(len(values), bool)
    begins = LEAST_ROWS
    while begins < len(values):
        ends = min(int(begins * GROWS), len(values))
        known = values[:begins]
        known = known[np.abs(known) <= largest]
        if len(known) >= LEAST_ROWS:
            low, high = np.quantile(known, (TAIL, 1 - TAIL))
            room = FAR * (high - low)
            if room > 0:
                far[begins:ends] = (values[begins:ends] > high + room) | (values[begins:ends] < low - room)
        begins = ends
    before = np.concatenate([[False], far[:-1]])
    twice = before & np.concatenate([[False, False], far[:-2]])[: len(far)]
    return np.asarray((far & ~twice) | (np.abs(values) > largest))
