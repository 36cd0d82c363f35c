"""Slot profile: what the slot usually brings on such a day, and the present deviation from it, which fades.

    y[o + h] = u[o + h] + φ^(h + 1) · (y[o − 1] − u[o − 1])

u is the usual value (forecasting.models.rhythm), φ the first autocorrelation of the deviations, a first-order autoregression.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.models.rhythm import usual
from forecasting.models.shape import Ask, Fitted
from forecasting.panel import Floats, Indices, Panel


@dataclass(frozen=True, slots=True)
class Profile:
    """`persistence` (series): φ."""

    persistence: Floats

    def paths(self, panel: Panel, origins: Indices, horizon: int) -> Floats:
        m, at = panel.slots_per_day, np.asarray(origins)
        tables = usual(panel.values, panel, max(int(at.max()) + horizon, panel.slots), range(1, -(-horizon // m) + 1))
        known = tables[1].value[:, : panel.slots]
        deviation = panel.values - known
        slot = np.arange(panel.slots)
        newest = np.maximum.accumulate(np.where(np.isfinite(deviation), slot, -1), axis=1)[:, at - 1]
        last = np.where(newest >= 0, np.nan_to_num(np.take_along_axis(deviation, np.maximum(newest, 0), axis=1)), 0.0)
        made = np.empty((panel.n, len(at), horizon))
        for h in range(horizon):
            distance = at + h - newest
            made[:, :, h] = tables[h // m + 1].value[:, at + h] + last * self.persistence[:, None] ** distance
        return made


def fit(panel: Panel, ask: Ask) -> Fitted:
    del ask
    deviation = panel.values - usual(panel.values, panel, panel.slots, range(1, 2))[1].value
    before, now = deviation[:, :-1], deviation[:, 1:]
    both = np.isfinite(before) & np.isfinite(now)
    product = np.where(both, before * now, 0.0).sum(axis=1)
    square = np.where(both, before * before, 0.0).sum(axis=1)
    return Profile(np.clip(np.divide(product, square, out=np.zeros(panel.n), where=square > 0), 0.0, 0.99))
