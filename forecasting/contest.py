"""Contest: what every model says of a series from the same origin, and what one of them says with its intervals. Pure, and made
of plain values, so that it can be done by another process or machine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting.models.registry import MODELS
from forecasting.models.shape import Ask
from forecasting.outlook import LARGEST, look_ahead
from forecasting.panel import Floats
from forecasting.question import Question, bounds, laid
from forecasting.refresh import Learnt, learn
from forecasting.trial import Trials


def medians(question: Question, models: Sequence[str]) -> dict[str, Floats]:
    """Model → its paths (series × slots ahead), NaN for series it must not speak for; within the limits, 0 where closed."""
    panel = laid(question)
    origin = panel.slots
    first = np.where(panel.measured.any(axis=1), panel.measured.argmax(axis=1), origin)
    is_count = ~(panel.values < 0).any(axis=1)
    closed = ~panel.are_open(origin + question.horizon)[origin:]
    found = {}
    for name in models:
        model = MODELS[name]
        may = (origin - first) * panel.step_s >= model.needs_s
        if model.is_for_counts:
            may &= is_count
        if not may.any() or (model.needs_covariates and panel.covariates is None):
            continue
        fitted = model.fit(panel.of(may), Ask(question.horizon, origin % panel.slots_per_day))
        paths = np.full((panel.n, question.horizon), np.nan)
        paths[may] = fitted.paths(panel.of(may), np.array([origin]), question.horizon)[:, 0]
        paths = np.clip(paths, bounds(question.low, -np.inf), bounds(question.high, np.inf))
        paths[:, closed] = np.where(np.isnan(paths[:, closed]), np.nan, 0.0)
        found[name] = np.where(np.abs(paths) <= LARGEST, paths, np.nan)
    return found


def spoken(question: Question, model: str, levels: Sequence[float]) -> Floats:
    """What one model says of the series, with its calibrated intervals (levels × series × slots ahead); NaN for series that it
    must not speak for."""
    panel = laid(question)
    seen = look_ahead(
        Trials(panel, question.horizon), panel, levels, model=MODELS[model], low=question.low, high=question.high
    )  # fmt: skip
    speaks = np.array([name == model for name in seen.models])
    return np.where(speaks[None, :, None], seen.quantiles, np.nan)


def teach(question: Question, levels: Sequence[float]) -> Learnt:
    """What the histories teach, for the refreshes of a day."""
    return learn(laid(question), question.horizon, levels)
