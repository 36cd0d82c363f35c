"""Trial: what models would have said at origins of the past, each from what was known then.

A model is fitted anew at the start of every week (more often while the history is shorter than four), counted from a fixed day,
so that the trials of neighbouring origins share their fits and none depends on which other origins are asked. It then speaks
from every origin of that stretch with the values up to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from forecasting.models.shape import Ask, Fitted, Model
from forecasting.panel import WEEK_D, Floats, Panel

TRIED_D = 42
"""Origins of the last six weeks: six of every weekday."""
PATIENCE = 4
"""A fit serves for a fourth of the history it was made from, a week at most."""
DENSE_D = 14
"""Shorter histories are tried several times a day."""
LEARNS_D = 2
"""What a history has to offer before anything is tried on the rest."""
ALIKE_H = 3
"""Origins whose times of day differ by less share a fit."""


def origins_before(origin: int, slots_per_day: int, first: int) -> list[int]:
    """Origins at which models are tried for a forecast from `origin`, newest first: the same time of day on the days before, more
    of them where the history, which begins at slot `first`, is short."""
    known_d = (origin - first) / slots_per_day
    times_a_day = 1 if known_d >= DENSE_D else 4 if known_d >= 2 * LEARNS_D else 24
    stride = max(slots_per_day // times_a_day, 1)
    learns = first + min(LEARNS_D * slots_per_day, (origin - first) // 2)
    return list(range(origin - stride, max(learns, origin - TRIED_D * slots_per_day, 1) - 1, -stride))


@dataclass(slots=True)
class Trials:
    """Remembers the fits and the paths of a panel, by model and origin."""

    panel: Panel
    horizon: int
    seed: int = 0
    _fits: dict[tuple[str, int, int], Fitted] = field(default_factory=dict)
    _paths: dict[tuple[str, int], Floats] = field(default_factory=dict)

    def now(self, model: Model, known: Panel) -> Floats:
        """Series × slots ahead, of the model fitted to all that is known at an origin."""
        origin = known.slots
        fitted = model.fit(known, Ask(self.horizon, origin % known.slots_per_day, self.seed))
        return fitted.paths(known, np.array([origin]), self.horizon)[:, 0]

    def then(self, model: Model, origins: Sequence[int]) -> Floats:
        """Series × origins × slots ahead."""
        lacking: dict[tuple[str, int, int], list[int]] = {}
        for origin in origins:
            if (model.name, origin) not in self._paths:
                lacking.setdefault((model.name, self._fitted_at(origin), self._time_of_day(origin)), []).append(origin)
        for (name, learnt, slot_of_day), some in lacking.items():
            key = (name, learnt, slot_of_day)
            if key not in self._fits:
                self._fits[key] = model.fit(self.panel.until(learnt), Ask(self.horizon, slot_of_day, self.seed))
            paths = self._fits[key].paths(self.panel.until(max(some)), np.array(some), self.horizon)
            for k, origin in enumerate(some):
                self._paths[name, origin] = paths[:, k]
        if not origins:
            return np.empty((self.panel.n, 0, self.horizon))
        return np.stack([self._paths[model.name, origin] for origin in origins], axis=1)

    def forget_before(self, origin: int) -> None:
        """Lets go of paths that later origins do not ask for."""
        self._paths = {key: path for key, path in self._paths.items() if key[1] >= origin}

    def _fitted_at(self, origin: int) -> int:
        m = self.panel.slots_per_day
        every = min(max(origin // (PATIENCE * m), 1), WEEK_D)
        day = self.panel.first_day + origin // m
        learnt = (day - day % every - self.panel.first_day) * m
        return learnt if learnt >= m else origin

    def _time_of_day(self, origin: int) -> int:
        m = self.panel.slots_per_day
        width = max(round(ALIKE_H * m / 24), 1)
        return (origin % m) // width * width + width // 2 if m > 1 else 0
