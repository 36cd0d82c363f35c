"""Seasonal naive: the same slot of the day before, or of the week before; where that is missing, of the newest earlier one.

The references every other model has to beat (Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., 5.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.models.shape import Ask, Fitted
from forecasting.panel import WEEK_D, Floats, Indices, Panel

BACK = {1: 7, WEEK_D: 4}
"""How many seasons back a missing slot is looked for."""


@dataclass(frozen=True, slots=True)
class SeasonalNaive:
    """Repeats the last `days`. It has nothing to learn."""

    days: int

    def paths(self, panel: Panel, origins: Indices, horizon: int) -> Floats:
        season = self.days * panel.slots_per_day
        ahead = np.arange(horizon)
        newest = np.asarray(origins)[:, None] + ahead - season * (ahead // season + 1)
        made = np.full((panel.n, *newest.shape), np.nan)
        for back in range(BACK[self.days]):
            index = newest - back * season
            earlier = np.where(index >= 0, panel.values[:, np.maximum(index, 0)], np.nan)
            made = np.where(np.isnan(made), earlier, made)
        return made


def fit_daily(panel: Panel, ask: Ask) -> Fitted:
    del panel, ask
    return SeasonalNaive(1)


def fit_weekly(panel: Panel, ask: Ask) -> Fitted:
    del panel, ask
    return SeasonalNaive(WEEK_D)
