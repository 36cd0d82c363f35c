"""Robust z: how far a value lies from the recent mean of its series, in usual departures from it; no rhythm is assumed.

z[t] = |y[t] − m[t−1]| / w[t−1];  m, w: exponential means over some 200 values of y and of |y − m|, updates bounded
"""

from __future__ import annotations

import numpy as np

from forecasting.detectors.shape import Moment, State, Verdict, blank, bounded, keep

ROWS = 200
PLAIN_ROWS = 1_000
BOUND = 5.0


def start(n: int) -> State:
    return {"mean": blank(n), "width": blank(n), "plain": blank(n)}


def update(state: State, m: Moment) -> Verdict:
    mean, width = state["mean"].copy(), state["width"] + 0.1 * state["plain"] + m.grain
    off = m.values - mean
    verdict = Verdict(np.abs(off) / width, mean, width)
    where = m.where
    gain = np.maximum(1.0 / m.rows, 1.0 / ROWS)
    bound = np.where(m.rows < 20, np.inf, BOUND * width)
    pulled = bounded(off, bound)
    keep(state, "mean", mean + pulled * gain, where)
    keep(state, "width", state["width"] + (1.25 * np.abs(pulled) - state["width"]) * gain, where)
    slow = np.maximum(1.0 / m.rows, 1.0 / PLAIN_ROWS)
    keep(state, "plain", state["plain"] + (1.25 * np.abs(off) - state["plain"]) * slow, where)
    return verdict
