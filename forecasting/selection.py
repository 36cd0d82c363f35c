"""Selection: who may speak for datastreams now, and why when it is not the first choice.

The slots of the database are counted in UTC; here they are laid onto the clock of the city's wall, so that a day is a day
(forecasting.panel), and `forecasting.outlook` decides. Nothing is said where even the last value would be invention: never a
value, fewer than four, none for a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import numpy as np

from forecasting.calendar import ALWAYS, EPOCH, Calendar
from forecasting.models.registry import MODELS
from forecasting.models.shape import Model
from forecasting.outlook import LARGEST, MIN_VALUES, look_ahead
from forecasting.panel import DAY_S, Floats, Panel
from forecasting.reasons import Reason
from forecasting.trial import Trials

SILENT_S = DAY_S
LEVELS = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True)
class Outlook:
    """A forecast: `values` (levels × slots ahead), who made it, and the reason when that was not the first choice."""

    levels: tuple[float, ...]
    values: Floats
    model: Model
    fallback: Reason | None


def foresee(
    histories: Floats,
    *,
    end: datetime,
    step_s: int,
    horizon: int,
    levels: tuple[float, ...] = LEVELS,
    low: Sequence[float | None] = (),
    high: Sequence[float | None] = (),
    zone: tzinfo = UTC,
    calendar: Calendar = ALWAYS,
) -> list[Outlook | Reason]:
    """Forecasts of the `horizon` slots from `end` on, of each row of `histories` (series × slots before `end`, NaN where nothing
    usable was measured), or why there is none. Values and quantiles stay within [low, high]. Of a day on which clocks change in
    between, the hours before the change are an hour off."""
    n, slots = histories.shape
    per_day = DAY_S // step_s
    local = end.astimezone(zone)
    into_day = (local.hour * 3600 + local.minute * 60 + local.second) // step_s
    lead = (into_day - slots) % per_day
    values = np.concatenate([np.full((n, lead), np.nan), np.where(np.abs(histories) <= LARGEST, histories, np.nan)], axis=1)
    first_day = (local.date() - EPOCH).days - (lead + slots) // per_day
    panel = Panel(values, per_day, first_day, calendar)
    seen = look_ahead(Trials(panel, horizon), panel, levels, low=_bounds(low), high=_bounds(high))
    return [
        _of_one(histories[k], step_s) or Outlook(levels, seen.quantiles[:, k], MODELS[seen.models[k]], seen.reasons[k])
        for k in range(n)
    ]


def _bounds(limits: Sequence[float | None]) -> Floats | None:
    return np.array([np.nan if limit is None else limit for limit in limits], dtype=float) if limits else None


def _of_one(history: Floats, step_s: int) -> Reason | None:
    """Why nothing is said."""
    told = np.flatnonzero(np.abs(history) <= LARGEST)
    if not told.size:
        return Reason.of("unstable" if np.isfinite(history).any() else "never", model="combination")
    silent_s = (len(history) - 1 - int(told[-1])) * step_s
    if silent_s >= SILENT_S:
        return Reason.of("silent", for_h=silent_s / 3600)
    if told.size < MIN_VALUES:
        return Reason.of("too_few", have=told.size, need=MIN_VALUES)
    return None
