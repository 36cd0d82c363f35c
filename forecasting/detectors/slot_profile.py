"""Slot profile: how far a value lies from what is usual at this time of this kind of day, in widths of that time (`rhythm`)."""

from __future__ import annotations

import numpy as np

from forecasting.detectors.shape import Moment, State, Verdict


def start(n: int) -> State:
    return {}


def update(state: State, m: Moment) -> Verdict:
    return Verdict(np.abs(m.z), m.usual, m.width)
