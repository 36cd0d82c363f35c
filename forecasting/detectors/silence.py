"""Silence: readings that were due and did not come, told by the first one after them.

Hours in which the series is usually silent do not count (`rhythm`), nor gaps of a size that it has every few days.
"""

from __future__ import annotations

import numpy as np

from forecasting.detectors.shape import Moment, State, Verdict, blank, keep

LEAST = 4.0
"""Readings missing in a row; one or two are lost on any radio."""
FORGET = 1.0 / 500
IRREGULAR = 16.0
"""What is usually missing between two readings, times this, may be missing more: some devices keep no beat."""
BOUND = 20.0
ROWS = 1_000.0


def start(n: int) -> State:
    return {"usual": blank(n), "mean": blank(n)}


def update(state: State, m: Moment) -> Verdict:
    usual = state["usual"]
    strength = m.missed / np.maximum(LEAST + IRREGULAR * state["mean"], 2.0 * usual + 2.0)
    moved = np.where(m.missed > usual, usual + 0.5 * (m.missed - usual), usual * (1.0 - FORGET))
    where = m.where
    keep(state, "usual", moved, where)
    mean = state["mean"] + (np.minimum(m.missed, BOUND) - state["mean"]) * np.maximum(1.0 / m.rows, 1.0 / ROWS)
    keep(state, "mean", mean, where)
    return Verdict(strength, m.values, np.zeros(len(usual)), m.before_s)
