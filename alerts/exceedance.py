"""Exceedance: how probable it is that a forecast passes a threshold, and how soon.

A forecast gives three quantiles of each slot. Between and beyond them the distribution is taken as two halves of normal curves
that meet in the median and pass through the 10 % and the 90 % quantile (a two-piece normal): an approximation, exact at the three
quantiles. Slots of one forecast depend on each other in a way it does not tell, so the probability for a horizon is the largest
of its slots': the chance of passing at any time is at least that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from domain.forecasts import Forecast
from domain.warnings import ThresholdRule

Z90 = 1.2815515655446004
"""The 90 % quantile of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The part of a forecast that a rule looks at: its slots not yet over at `now` that begin within the rule's horizon."""

    target_times: tuple[datetime, ...]
    q10: npt.NDArray[np.float64]
    q50: npt.NDArray[np.float64]
    q90: npt.NDArray[np.float64]


def outlook(rule: ThresholdRule, forecast: Forecast, now: datetime) -> Outlook:
    """Without a horizon of its own a rule looks as far as the forecast does."""
    latest = now + timedelta(seconds=rule.horizon_s) if rule.horizon_s else datetime.max.replace(tzinfo=now.tzinfo)
    over = now - timedelta(seconds=forecast.step_s)
    slots = [k for k, time in enumerate(forecast.target_times) if over < time <= latest]
    return Outlook(
        tuple(forecast.target_times[k] for k in slots),
        *(np.array([quantiles[k] for k in slots]) for quantiles in (forecast.q10, forecast.q50, forecast.q90)),
    )


def exceedance(rule: ThresholdRule, ahead: Outlook, threshold: float) -> npt.NDArray[np.float64]:
    """Probability of each slot to pass `threshold` in the rule's direction."""
    distance = threshold - ahead.q50
    spread = np.where(distance >= 0, ahead.q90 - ahead.q50, ahead.q50 - ahead.q10) / Z90
    beyond_any_doubt = np.where(distance == 0, 0.0, np.copysign(np.inf, distance))
    below = ndtr(np.divide(distance, spread, out=beyond_any_doubt, where=spread > 0))
    is_met = (distance == 0) & (ahead.q10 == ahead.q90)  # a slot without any doubt passes what it meets exactly
    return np.where(is_met, 1.0, below if rule.direction == "below" else 1 - below)
