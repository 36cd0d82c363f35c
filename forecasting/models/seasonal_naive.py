"""Seasonal naive: the same slot of the day before; where that is missing, of the newest earlier day that has it.

The reference every other model has to beat (Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., 5.2).
"""

from __future__ import annotations

import numpy as np

from forecasting.models.shape import DAY_S, Floats, Indices, Unfit

DAYS_BACK = 7
"""How many days back a missing slot is looked for: a week holds every kind of day once."""


def forecast_paths(history: Floats, origins: Indices, horizon: int, step_s: int, learnt_until: int) -> Floats:
    """Repeats whole days before each origin. Learns nothing. A slot that no day has is taken from its neighbours.

    Raises Unfit "no_day" when a path has no value at all.
    """
    del learnt_until
    season = DAY_S // step_s
    ahead = np.arange(horizon)
    newest = origins[:, None] + ahead - season * (ahead // season + 1)
    paths = np.full(newest.shape, np.nan)
    for day in range(DAYS_BACK):
        index = newest - day * season
        earlier = np.where(index >= 0, history[np.maximum(index, 0)], np.nan)
        paths = np.where(np.isnan(paths), earlier, paths)
    for path in paths:
        missing = np.isnan(path)
        if missing.all():
            raise Unfit("no_day")
        if missing.any():
            path[missing] = np.interp(ahead[missing], ahead[~missing], path[~missing])
    return paths
