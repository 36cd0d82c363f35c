"""Questions: series whose next slots are asked for, as plain values that can be sent to another process or machine. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

import numpy as np

from forecasting.calendar import EPOCH, Calendar
from forecasting.outlook import LARGEST
from forecasting.panel import DAY_S, Floats, Panel

RIVER = "waterLevel"
"""The property that rain is a covariate of."""


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
    rain: Floats | None = None
    """By the slot, for water levels; NaN where no gauge spoke. What will fall is not known."""

    def of(self, rows: Sequence[int]) -> Question:
        """The same of some of the series."""
        ids, some = tuple(self.series_ids[k] for k in rows), list(rows)
        return replace(self, series_ids=ids, histories=self.histories[some], low=self.low[some], high=self.high[some])


def laid(question: Question) -> Panel:
    """The histories on the city's clock, from a local midnight on."""
    n, slots = question.histories.shape
    local = question.end.astimezone(question.zone)
    per_day = DAY_S // question.step_s
    lead = ((local.hour * 3600 + local.minute * 60) // question.step_s - slots) % per_day
    told = np.where(np.abs(question.histories) <= LARGEST, question.histories, np.nan)
    values = np.concatenate([np.full((n, lead), np.nan), told], axis=1)
    first_day = (local.date() - EPOCH).days - (lead + slots) // per_day
    rain = None
    if question.rain is not None:
        rain = np.tile(np.concatenate([np.zeros(lead), np.nan_to_num(question.rain)]), (1, n, 1))
    return Panel(values, per_day, first_day, question.calendar, rain, is_known_ahead=False)


def bounds(given: Floats, none: float) -> Floats:
    """Limits beside paths; `none` where there is none."""
    return np.where(np.isnan(given), none, given)[:, None]
