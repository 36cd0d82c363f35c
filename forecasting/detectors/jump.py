"""Jump: how far a value lies from where the one before would have led, in usual steps. A spike and the edge of a shift look
alike until the next value; both are steps that the quantity does not make. A step back to the usual is none of them; one that
the hour explains (`rhythm`), or that is no larger than changes usually are, neither."""

from __future__ import annotations

import numpy as np

from forecasting.detectors.shape import TINY, Moment, State, Verdict, blank, keep

STRANGE = 4.0
ROWS = 1_000
BOUND = 5.0


def start(n: int) -> State:
    return {"z": blank(n), "change_width": blank(n)}


def update(state: State, m: Moment) -> Verdict:
    width, where = state["change_width"], m.where
    change = np.where(m.rows > 1, np.abs(m.values - m.before), 0.0)
    usual_change = np.maximum(width, 0.1 * m.step_width) + TINY
    goes_back = (np.abs(state["z"]) > STRANGE) & (np.abs(m.z) < 0.5 * np.abs(state["z"]))
    strength = np.where(goes_back, 0.0, np.minimum(np.abs(m.step) / m.step_width, change / usual_change))
    bounded = 1.25 * np.minimum(change, np.where(m.rows < 20, np.inf, BOUND * usual_change))
    keep(state, "change_width", width + (bounded - width) * np.maximum(1.0 / m.rows, 1.0 / ROWS), where)
    keep(state, "z", m.z, where)
    return Verdict(strength, m.values - m.step, m.step_width)
