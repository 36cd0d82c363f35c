"""Unrest: steps that have become larger or smaller than usual, by the mean size of the last steps beside the usual size."""

from __future__ import annotations

import numpy as np

from forecasting.detectors.shape import Moment, State, Verdict, keep

ROWS = 24
LEAST = 0.05
BOUND = 8.0


def start(n: int) -> State:
    return {"size": np.full(n, 0.8, np.float32)}


def update(state: State, m: Moment) -> Verdict:
    size = state["size"] + (np.minimum(np.abs(m.step) / m.step_width, BOUND) - state["size"]) / ROWS
    keep(state, "size", size, m.where)
    ratio = np.maximum(size, LEAST) / 0.8
    strength = np.where(m.values == m.before, 0.0, np.maximum(ratio, 1.0 / ratio) - 1.0)
    return Verdict(strength, m.values, m.step_width, off=ratio)
