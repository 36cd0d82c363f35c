"""Forecast exceedance as one number: the value that some slot of the horizon passes with the rule's probability.

A threshold is passed with probability p by the slot whose quantile 1 − p (below: p) lies beyond it, so that a rule's thresholds
can be held against the farthest of these quantiles, as against a reading. The distribution is that of `alerts.exceedance`: two
halves of normal curves through the three quantiles; asking there for the probability of each threshold decides the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from alerts.exceedance import Z90
from domain.forecasts import Forecast
from domain.warnings import ThresholdRule

Floats = npt.NDArray[np.float64]


class Issued(NamedTuple):
    """Forecasts as columns: when issued (issues) and the first target, in seconds since 1970, step in seconds, and quantiles
    (issues, slots; NaN where a forecast is shorter)."""

    issued_s: Floats
    first_s: Floats
    step_s: Floats
    q10: Floats
    q50: Floats
    q90: Floats


def issued(forecasts: Sequence[Forecast]) -> Issued:
    """Forecasts of one series or of many, in their order."""
    quantiles = np.full((3, len(forecasts), max((len(forecast.q50) for forecast in forecasts), default=0)), np.nan)
    for k, forecast in enumerate(forecasts):
        quantiles[:, k, : len(forecast.q50)] = forecast.q10, forecast.q50, forecast.q90
    at = np.array([(f.issued_at.timestamp(), f.first_target.timestamp(), f.step_s) for f in forecasts], float).reshape(-1, 3)
    return Issued(*at.T, *quantiles)


def told(
    rule: ThresholdRule, issued_s: Floats, first_s: Floats, step_s: Floats, q10: Floats, q50: Floats, q90: Floats
) -> Floats:  # fmt: skip
    """`foreseen` of each issue (`Issued`, column by column), over its slots that were not yet over when it was issued and begin
    within the rule's horizon. Live and replayed rules go by this alone."""
    ahead = (first_s - issued_s)[:, None] + step_s[:, None] * np.arange(q50.shape[1])
    is_asked = (ahead > -step_s[:, None]) & (ahead <= (rule.horizon_s or inf)) & ~np.isnan(q50)
    return foreseen(rule, q10, q50, q90, is_asked)


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
