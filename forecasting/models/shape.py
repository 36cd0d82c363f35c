"""The shape of a model: fitted to a panel, asked for paths from origins in it.

`fit` learns from the whole panel it is given, whose last slot is the newest that may be learnt from. What it returns answers
`paths` for any panel that goes on from there: that is how a model is kept up to date between fits, and how one that learnt from
the older part of a history is tried on the newer. A path starts at its origin and knows what lies before it, nothing else; it is
the middle of what may come, and `forecasting.conformal` lays the quantiles around it. NaN where a model has nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from forecasting.panel import Floats, Indices, Panel

HOUR_S, DAY_S = 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Ask:
    """What a model will be asked: so many slots ahead, from origins near this slot of the day. `seed` makes chance repeatable."""

    horizon: int
    slot_of_day: int = 0
    seed: int = 0


class Fitted(Protocol):
    def paths(self, panel: Panel, origins: Indices, horizon: int) -> Floats:
        """Series × origins × slots ahead."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model as the rest of the house sees it. `needs_s` is the shortest history it is used on; `tier` who gets it: A every
    series, B important ones, C halls and key figures. `is_for_counts`: values cannot be negative; `needs_covariates`: without
    any it is silent."""

    name: str
    version: str
    zh: str
    en: str
    needs_s: int
    tier: str
    fit: Callable[[Panel, Ask], Fitted]
    is_for_counts: bool = False
    needs_covariates: bool = False

    def label(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en


def no_paths(panel: Panel, origins: Indices, horizon: int) -> Floats:
    """Nothing to say."""
    return np.full((panel.n, len(origins), horizon), np.nan)
