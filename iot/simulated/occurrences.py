"""Occurrences: independent events of several streams in continuous time, the same however the time is cut into pieces.

Each stream is a Poisson process at the highest rate it ever reaches. Whoever asks keeps an occurrence with the probability that
the rate of its moment is of the highest ("thinning": Lewis and Shedler, Naval Research Logistics Quarterly 26, 1979). Everything
about an occurrence is drawn from the stream's key, the hour and its number in the hour.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from iot.plane import Floats
from iot.simulated.chance import uniform

HOUR_S = 3_600
_BITS_OF_NUMBER, _BITS_OF_WORD = 20, 4
_COUNT, _TIME = 0, 1
"""Words that are drawn here; those from `FIRST_WORD` on are for whoever asks."""

FIRST_WORD = 2


class Occurrences(NamedTuple):
    """Events in order of time: number of the stream, moment (to a tenth of a second), and what draws about it are made of."""

    stream: NDArray[np.int64]
    time_s: Floats
    keys: NDArray[np.uint64]
    counters: NDArray[np.int64]

    def draw(self, word: int) -> Floats:
        """A number in (0, 1) for each, independent for each of up to fourteen words from FIRST_WORD on."""
        return uniform(self.keys, self.counters + word)

    def picked(self, which: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Occurrences:
        return Occurrences(self.stream[which], self.time_s[which], self.keys[which], self.counters[which])


def occurrences(keys: NDArray[np.uint64], most_per_s: Floats, first_hour: int, n_hours: int) -> Occurrences:
    """What may happen in streams (keys and highest rates) in `n_hours` whole hours from hour `first_hour` since 1970 UTC on."""
    hours = first_hour + np.arange(n_hours)
    counts = poisson.ppf(uniform(keys[:, None], _counter(hours, 0) + _COUNT), HOUR_S * most_per_s[:, None]).astype(np.int64)
    stream, hour = (np.repeat(each.ravel(), counts.ravel()) for each in np.indices(counts.shape))
    first = np.cumsum(counts.ravel()) - counts.ravel()
    number = 1 + np.arange(counts.sum()) - np.repeat(first, counts.ravel())
    counters = _counter(hours[hour], number)
    time_s = hours[hour] * float(HOUR_S) + np.floor(uniform(keys[stream], counters + _TIME) * HOUR_S * 10) / 10
    order = np.lexsort((stream, time_s))
    return Occurrences(stream, time_s, keys[stream], counters).picked(order)


def _counter(hour: NDArray[np.int64], number: NDArray[np.int64] | int) -> NDArray[np.int64]:
    return np.asarray(((hour << _BITS_OF_NUMBER) + number) << _BITS_OF_WORD)
