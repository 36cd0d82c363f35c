"""Forecast exceedance as one number: the value that some slot of the horizon passes with the rule's probability.

A threshold is passed with probability p by the slot whose quantile 1 − p (below: p) lies beyond it, so that a rule's thresholds
can be held against the farthest of these quantiles, as against a reading. The distribution is that of `alerts.exceedance`: two
halves of normal curves through the three quantiles; asking there for the probability of each threshold decides the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from alerts.exceedance import Z90
from domain.warnings import ThresholdRule

Floats = npt.NDArray[np.float64]


def foreseen(rule: ThresholdRule, q10: Floats, q50: Floats, q90: Floats, is_asked: npt.NDArray[np.bool_]) -> Floats:
    """That value of each issue (issues), NaN for one without a slot to look at. Quantiles are (issues, slots); `is_asked` tells
    of each slot whether it lies within the rule's horizon."""
    below = rule.direction == "below"
    z = float(ndtri(rule.min_probability if below else 1 - rule.min_probability))
    spread = (q90 - q50 if z >= 0 else q50 - q10) / Z90
    harmless = np.inf if below else -np.inf
    values = q50 + z * spread
    # On a side without doubt the median is the value, which is passed with probability ½ alone.
    is_half = (spread == 0) & (q90 > q10) & (rule.min_probability > 0.5)
    values = np.where(is_half, np.nextafter(q50, harmless), values)
    values = np.where(is_asked, values, harmless)
    farthest: Floats = values.min(axis=1) if below else values.max(axis=1)
    return np.where(is_asked.any(axis=1), farthest, np.nan)
