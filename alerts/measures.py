"""Measures: what of a series a rule judges: its readings, or what they come to over a window that ends with each of them.

A window is half open, (t - window, t]: a sum of three hours at 15:00 holds what was measured after 12:00. A reading of an amount
since the reading before is added up as it is. One that tells of a longer span than lies between readings (`COVERS_S`: rain of the
past hour, every two minutes) is added up once for each such span, the last one of each: 15:00, 14:00 and 13:00 are the rain of
three hours. A rate is the difference to the oldest reading of the window by the time
between them, so that two readings a minute apart do not make a flood of one millimetre. Times are seconds, ascending; values in
the series' unit.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from domain.warnings import SeriesMeasure

Floats = npt.NDArray[np.float64]
HOUR_S = 3_600.0
COVERS_S: Mapping[str, float] = {"precipitation": HOUR_S}
"""Properties of which a reading is the sum of so many seconds before it, however often it is told: rain gauges tell that of the
past hour (docs/city.md). A window of theirs counts in whole spans, begun ones as whole."""
LEAST_SPAN = 0.5
"""Of its window that readings must span for a rate to be told: less would be noise between neighbours."""


def measured(measure: SeriesMeasure, window_s: float, times_s: Floats, values: Floats, *, covers_s: float = 0.0) -> Floats:
    """The measure at each reading (readings), NaN where the window holds too little to tell. `times_s` ascending; values not NaN.

    A sum or a mean is told from the first reading on: what is missing before it is not made up. A rate is per hour. `covers_s`:
    of how long before it a reading tells, where that is more than since the reading before. Raises ValueError for a window that
    is no length of time, where the measure has one.
    """
    if measure is SeriesMeasure.VALUE or not len(values):
        return values
    if not window_s > 0:
        raise ValueError(
            f"the window is {window_s:g} s: expected more than 0, as the measure '{measure.value}' looks back over one"
        )
    first = np.searchsorted(times_s, times_s - window_s, side="right")
    if measure is SeriesMeasure.RATE:
        span = times_s - times_s[first]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(span >= LEAST_SPAN * window_s, (values - values[first]) / span * HOUR_S, np.nan)
    if measure is SeriesMeasure.SUM and covers_s > 0:
        return _of_spans(times_s, values, covers_s, int(np.ceil(window_s / covers_s)))
    total: Floats = np.concatenate([[0.0], np.cumsum(values)])
    upto = np.arange(1, len(values) + 1)
    sums: Floats = total[upto] - total[first]
    return sums if measure is SeriesMeasure.SUM else sums / (upto - first)


def _of_spans(times_s: Floats, values: Floats, covers_s: float, n: int) -> Floats:
    """The sum of the last readings of the n spans that end with each reading."""
    found = np.zeros(len(values))
    for k in range(n):
        last = np.searchsorted(times_s, times_s - k * covers_s, side="right") - 1
        is_there = (last >= 0) & (times_s[last] > times_s - (k + 1) * covers_s)
        found += np.where(is_there, values[last], 0.0)
    return found
