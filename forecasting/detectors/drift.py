"""Drift: a level that creeps away over days, by the mean departure of about one day beside how much such means usually wander."""

from __future__ import annotations

import numpy as np

from forecasting.detectors.shape import Moment, State, Verdict, blank, bounded, keep

BOUND = 6.0
LEAST_ROWS = 24.0


def start(n: int) -> State:
    return {"mean": blank(n), "wander": blank(n)}


def update(state: State, m: Moment) -> Verdict:
    rows = np.maximum(LEAST_ROWS, 86_400.0 / np.maximum(m.interval_s, 1.0))
    gain = np.maximum(1.0 / m.rows, 1.0 / rows)
    mean = state["mean"] + (bounded(m.z, BOUND) - state["mean"]) * gain
    where = m.where
    keep(state, "mean", mean, where)
    return Verdict(np.abs(mean), m.usual, m.width, off=mean)
