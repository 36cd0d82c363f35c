"""Limits: a value outside the physical limits that were given for its series, and how certain that is.

The certainty is the chance that the quantity itself, not only its noisy reading, lies outside: of a reading at the limit one
half, of one that is `e` beyond it Φ(e / w), w the usual size of a step. Whether it was a slip of the sensor is said by others.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from forecasting.detectors.shape import Moment, State, Verdict, keep


def start(n: int) -> State:
    return {"low": np.full(n, -np.inf), "high": np.full(n, np.inf), "since_s": np.zeros(n)}


def update(state: State, m: Moment) -> Verdict:
    low, high, since_s = state["low"], state["high"], state["since_s"]
    is_out = m.is_here & ((m.raw < low) | (m.raw > high))
    if is_out.any() or since_s.any():
        since_s = np.where(is_out & (since_s > 0), since_s, m.times_s)
        keep(state, "since_s", np.where(is_out, since_s, 0.0), m.where)
    strength = np.zeros(len(low), np.float32)
    out = np.flatnonzero(is_out)
    beyond = np.maximum(m.raw[out] - high[out], low[out] - m.raw[out])
    strength[out] = 2.0 * ndtr(beyond / m.step_width[out])
    return Verdict(strength, m.values, m.width, since_s)
