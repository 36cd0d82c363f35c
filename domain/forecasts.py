"""Forecasts: quantiles of what comes next, with the model that made them and the reason when it was a fallback."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Forecast:
    """One forecast of one series: values at `first_target + k × step_s`, each at 10, 50 and 90 %, and at 5 and 95 % since those
    are issued (before: empty).

    A target time is the start of its interval. `watermark` is the newest measured time the model was given. `datastream_id` is
    that of a derived series where it is below zero.
    """

    datastream_id: int
    issued_at: datetime
    first_target: datetime
    step_s: int
    q10: tuple[float, ...]
    q50: tuple[float, ...]
    q90: tuple[float, ...]
    model: str
    model_version: str
    watermark: datetime | None
    fallback_reason: str = ""
    q05: tuple[float, ...] = ()
    q95: tuple[float, ...] = ()

    @property
    def target_times(self) -> tuple[datetime, ...]:
        return tuple(self.first_target + timedelta(seconds=self.step_s * k) for k in range(len(self.q50)))


class Rival(NamedTuple):
    """What a contestant says of a series, in a contest that is not shown as a forecast: medians from `first_target` on."""

    series_id: int
    issued_at: datetime
    model: str
    model_version: str
    first_target: datetime
    step_s: int
    q50: tuple[float, ...]
