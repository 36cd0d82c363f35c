"""Flat: tomorrow is like the last value measured. What remains when there is no day to repeat; its band widens with time."""

from __future__ import annotations

import numpy as np

from forecasting.models.shape import Floats, Indices


def forecast_paths(history: Floats, origins: Indices, horizon: int, step_s: int, learnt_until: int) -> Floats:
    """The value before each origin, repeated. Learns nothing."""
    del step_s, learnt_until
    return np.repeat(history[origins - 1][:, None], horizon, axis=1)
