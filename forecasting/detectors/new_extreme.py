"""New extreme: how far a value lies outside everything that was ever measured, in usual departures from the recent mean."""

from __future__ import annotations

import numpy as np

from forecasting.detectors.shape import Moment, State, Verdict, blank, keep

ROWS = 1_000
RESTING_RANGE = 0.25


def start(n: int) -> State:
    return {"least": np.full(n, np.inf, np.float32), "most": np.full(n, -np.inf, np.float32), "mean": blank(n), "width": blank(n)}


def update(state: State, m: Moment) -> Verdict:
    where = m.where
    width = state["width"] + m.grain
    is_first = m.rows <= 1
    least, most = (np.where(is_first, m.values, state[name]) for name in ("least", "most"))
    beyond = np.maximum(np.maximum(m.values - most, least - m.values), 0.0)
    # what mostly rests has no usual departure: a record by a fraction of all that was seen is in its nature
    measure = np.where(m.rests, np.maximum(width, RESTING_RANGE * (most - least)), width)
    verdict = Verdict(beyond / measure, (least + most) / 2, (most - least) / 2)
    off = m.values - state["mean"]
    gain = np.maximum(1.0 / m.rows, 1.0 / ROWS)
    keep(state, "mean", state["mean"] + off * gain, where)
    keep(state, "width", state["width"] + (1.25 * np.abs(off) - state["width"]) * gain, where)
    keep(state, "least", np.minimum(least, m.values), where)
    keep(state, "most", np.maximum(most, m.values), where)
    return verdict
