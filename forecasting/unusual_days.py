"""Unusual days: public holidays, weekend days worked in their place, and the days beside a holiday. Models err by more there, so
the bands are drawn wider, by the ratio that the trials' errors on such days have had to those on others.

Few such days fall into six weeks: all series of a panel are taken together, and the ratio is drawn towards PRIOR by the weight of
PRIOR_D days. Errors of such days are divided by it before they join the others, so that ordinary days do not pay for them
(weighted conformal scores: Lei, G'Sell, Rinaldo, Tibshirani and Wasserman 2018, section 5.2).
"""

from __future__ import annotations

import numpy as np

from forecasting.calendar import HOLIDAY, MADE_UP
from forecasting.panel import Floats, Indices, Mask, Panel

PRIOR, PRIOR_D = 1.4, 2.0
"""The ratio before any such day was seen, and how many days it counts for: docs/models.md has what two sets need."""
MOST = 3.0


def unusual_slots(panel: Panel, n_slots: int) -> Mask:
    """Which of the first `n_slots` slots, which may reach beyond the values, lie on such days."""
    m = panel.slots_per_day
    kinds = panel.kinds(-(-n_slots // m) + 1)
    is_holiday = kinds == HOLIDAY
    beside = np.pad(is_holiday, 1)
    days = is_holiday | (kinds == MADE_UP) | beside[2:] | beside[:-2]
    return np.asarray(np.repeat(days, m)[:n_slots])


def stretch_of(panel: Panel, off: Floats, origins: Indices) -> tuple[float, Mask]:
    """By how much errors on such days are larger, 1 at least, and which of the errors `off` (series × origins × slots ahead) of
    forecasts from `origins` were made there (origins × slots ahead)."""
    slots = np.asarray(origins)[:, None] + np.arange(off.shape[2])
    is_there = unusual_slots(panel, int(slots.max(initial=0)) + 1)[slots]
    told = np.isfinite(off)
    size = np.where(told, np.abs(off), 0.0)
    mean = size.sum(axis=(1, 2)) / np.maximum(told.sum(axis=(1, 2)), 1)
    share = np.divide(size, mean[:, None, None], out=np.zeros_like(size), where=told & (mean[:, None, None] > 0))
    told &= mean[:, None, None] > 0
    there, elsewhere = told & is_there, told & ~is_there
    n_days = len(np.unique(slots[there.any(axis=0)] // panel.slots_per_day))
    ratio = PRIOR
    if n_days and elsewhere.any() and share[elsewhere].any():
        ratio = float(share[there].mean() / share[elsewhere].mean())
    return float(np.clip((n_days * ratio + PRIOR_D * PRIOR) / (n_days + PRIOR_D), 1.0, MOST)), is_there
