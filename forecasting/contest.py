"""Contest: what every model says of a series from the same origin, and what one of them says with its intervals. Pure, and made
of plain values, so that it can be done by another process or machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

import numpy as np

from forecasting.calendar import Calendar
from forecasting.models.registry import MODELS
from forecasting.models.shape import Ask
from forecasting.outlook import LARGEST, look_ahead
from forecasting.panel import DAY_S, Floats, Panel
from forecasting.refresh import Learnt, learn
from forecasting.trial import Trials


@dataclass(frozen=True, slots=True)
class Question:
    """Series whose next slots are asked for. `histories` (series × slots) ends at `end`, a boundary of slots of `step_s` seconds,
    NaN where nothing usable was measured; `low` and `high` are limits of each, NaN for none."""

    series_ids: tuple[int, ...]
    histories: Floats
    end: datetime
    step_s: int
    horizon: int
    low: Floats
    high: Floats
    zone: tzinfo
    calendar: Calendar


def laid(question: Question) -> Panel:
    """The histories on the city's clock, from a local midnight on."""
    n, slots = question.histories.shape
    local = question.end.astimezone(question.zone)
    per_day = DAY_S // question.step_s
    lead = ((local.hour * 3600 + local.minute * 60) // question.step_s - slots) % per_day
    told = np.where(np.abs(question.histories) <= LARGEST, question.histories, np.nan)
    values = np.concatenate([np.full((n, lead), np.nan), told], axis=1)
    first_day = (local.date() - date(1970, 1, 1)).days - (lead + slots) // per_day
    return Panel(values, per_day, first_day, question.calendar)


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
        if not may.any():
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


def bounds(given: Floats, none: float) -> Floats:
    """Limits beside paths; `none` where there is none."""
    return np.where(np.isnan(given), none, given)[:, None]
