"""Tracks: what of one object a rule judges, as numbers told at moments. Live and replayed, a rule sees nothing else.

Where nothing is measured of its own, moments lie on a grid: full periods since 1970, so that a replay looks when the day itself
did. Times are seconds since 1970, ascending; NaN where nothing is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Watched:
    """An object of a rule: its id as warnings have it, its names, its unit in both languages, and where it is, as far as one
    knows. `evidence` says what else there is to say of it."""

    object_id: str
    zh: str
    en: str
    unit: tuple[str, str] = ("", "")
    device_id: str | None = None
    district: str | None = None
    lon: float | None = None
    lat: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


class Track(NamedTuple):
    watched: Watched
    times_s: Floats
    values: Floats


def grid(start_s: float, end_s: float, period_s: float) -> Floats:
    """The full periods in (start, end].

    >>> grid(0, 180, 60).tolist()
    [60.0, 120.0, 180.0]
    """
    return np.arange(np.floor(start_s / period_s) + 1, np.floor(end_s / period_s) + 1) * period_s


def counted(begins_s: Floats, ends_s: Floats, at_s: Floats) -> Floats:
    """How many of some spans [begin, end) are under way at each of the times (times)."""
    begun = np.searchsorted(np.sort(begins_s), at_s, side="right")
    return (begun - np.searchsorted(np.sort(ends_s), at_s, side="right")).astype(np.float64)
