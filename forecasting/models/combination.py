"""Average: what the profile, AutoReg and the projections say, in equal parts.

The combination that every series gets by itself weighs them by their trials (forecasting.outlook); this one is the yardstick for
whether weighing is worth it, as plain averages are hard to beat (Clemen 1989, section 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.models import autoreg, profile, projection
from forecasting.models.shape import Ask, Fitted
from forecasting.panel import Floats, Indices, Panel


@dataclass(frozen=True, slots=True)
class Average:
    """`takes_part` (series): whether each part may speak."""

    parts: tuple[Fitted, ...]
    takes_part: tuple[Floats, ...]

    def paths(self, panel: Panel, origins: Indices, horizon: int) -> Floats:
        total = np.zeros((panel.n, len(origins), horizon))
        count = np.zeros(total.shape)
        for part, share in zip(self.parts, self.takes_part, strict=True):
            said = part.paths(panel, origins, horizon)
            here = np.isfinite(said) * share[:, None, None]
            total, count = total + here * np.nan_to_num(said), count + here
        return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def fit(panel: Panel, ask: Ask) -> Fitted:
    every, counts = np.ones(panel.n), (~(panel.values < 0).any(axis=1)).astype(float)
    parts = tuple(each.fit(panel, ask) for each in (profile, autoreg, projection))
    return Average((*parts, projection.fit_root(panel, ask)), (every, every, every, counts))
