"""Breach: how far a value lies outside the interval that was forecast for it, in half widths of that interval."""

from __future__ import annotations

import numpy as np

from forecasting.detectors.shape import Moment, State, Verdict


def start(n: int) -> State:
    return {}


def update(state: State, m: Moment) -> Verdict:
    if np.isnan(m.low).all():
        return Verdict(np.zeros(len(m.low)), m.low, m.low)
    center, half = (m.low + m.high) / 2, (m.high - m.low) / 2 + m.grain
    strength = np.nan_to_num(np.abs(m.values - center) / half, nan=0.0)
    return Verdict(np.minimum(strength, 1e6), center, half)
