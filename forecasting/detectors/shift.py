"""Shift: a level that stays away from the usual, by a mean of the last departures; each is bounded, so that no single value
makes a shift.

    g[t] = g[t−1] + (clip(z[t], ±6) − g[t−1]) / 12
An exponentially weighted moving average control chart: S. W. Roberts (1959), Technometrics 1(3).
"""

from __future__ import annotations

import numpy as np

from forecasting.detectors.shape import Moment, State, Verdict, blank, bounded, keep

ROWS = 12
BOUND = 6.0


def start(n: int) -> State:
    return {"mean": blank(n)}


def update(state: State, m: Moment) -> Verdict:
    mean = state["mean"] + (bounded(m.z, BOUND) - state["mean"]) / ROWS
    keep(state, "mean", mean, m.where)
    still_off = np.where(m.z * mean > 0, np.abs(m.z), 0.0)
    return Verdict(np.minimum(np.abs(mean), still_off), m.usual, m.width)
