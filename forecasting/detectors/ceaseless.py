"""Ceaseless: a quantity that mostly rests at zero, such as rain, and does not come back to it. A gauge whose zero has moved looks
like a drizzle without end.

Strength is the length of the run of readings other than zero beside three times the longest run so far; at least a day and 48
readings.
"""

from __future__ import annotations

import numpy as np

from forecasting.detectors.shape import Moment, State, Verdict, blank, keep

LEAST_ROWS, LEAST_S = 48.0, 86_400.0
LONGER = 3.0
FORGET = 1.0 / 10_000


def start(n: int) -> State:
    return {"run": blank(n), "longest": blank(n), "since_s": np.zeros(n)}


def update(state: State, m: Moment) -> Verdict:
    is_zero = m.raw == 0
    run = np.where(is_zero, 0.0, state["run"] + 1.0)
    since_s = np.where(run == 1, m.times_s, state["since_s"])
    is_long = m.rests & (run >= LEAST_ROWS) & (m.times_s - since_s >= LEAST_S)
    strength = np.where(is_long, run / np.maximum(LEAST_ROWS, LONGER * state["longest"]), 0.0)
    longest = np.maximum(state["longest"] * (1.0 - FORGET), np.where(is_zero, state["run"], 0.0))
    keep(state, "longest", longest, m.where)
    keep(state, "run", run, m.where)
    keep(state, "since_s", since_s, m.where)
    return Verdict(strength, m.values, np.zeros_like(m.values), since_s)
