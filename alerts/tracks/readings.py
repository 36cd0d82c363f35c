"""Readings of devices, or what they come to over a window (`alerts.measures`), at the times at which they were measured."""

from __future__ import annotations

import numpy as np

from alerts.measures import COVERS_S, measured
from alerts.tracks.track import Floats
from domain.warnings import ThresholdRule


def told(rule: ThresholdRule, times_s: Floats, values: Floats, start_s: float, end_s: float) -> tuple[Floats, Floats]:
    """Times and measures in (start, end]. `times_s` ascending, of readings that the rule accepts, from a window before the start
    on."""
    amounts = measured(rule.measure, rule.window_s, times_s, values, covers_s=COVERS_S.get(rule.property, 0.0))
    first, last = np.searchsorted(times_s, [start_s, end_s], side="right")
    return times_s[first:last], amounts[first:last]
