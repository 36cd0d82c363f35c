"""Selection: who may speak for datastreams now, and why when it is not the first choice.

The slots of the database are counted in UTC; here they are laid onto the clock of the city's wall, so that a day is a day
(forecasting.question), and `forecasting.outlook` decides. Nothing is said where even the last value would be invention: never a
value, fewer than four, none for a day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.models.registry import MODELS
from forecasting.models.shape import Model
from forecasting.outlook import LARGEST, MIN_VALUES, look_ahead
from forecasting.panel import DAY_S, Floats
from forecasting.question import Question, laid
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


def foresee(question: Question, levels: tuple[float, ...] = LEVELS) -> list[Outlook | Reason]:
    """Forecasts of the series of a question, or why there is none. Values and quantiles stay within their limits. Of a day on
    which clocks change in between, the hours before the change are an hour off."""
    panel = laid(question)
    seen = look_ahead(Trials(panel, question.horizon), panel, levels, low=question.low, high=question.high)
    return [
        _of_one(question.histories[k], question.step_s)
        or Outlook(levels, seen.quantiles[:, k], MODELS[seen.models[k]], seen.reasons[k])
        for k in range(panel.n)
    ]


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
