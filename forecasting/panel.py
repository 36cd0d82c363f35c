"""Panel: many series side by side on one wall clock, as models see them.

Every local day has the same number of slots, also the two of the year on which clocks change: the hour that is skipped has no
values, of the hour that comes twice the mean counts. So yesterday's slot is always `slots_per_day` slots back and last week's
seven times that. An origin is the index of the first slot foreseen: whoever stands there knows `values[:, :origin]`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from forecasting.calendar import ALWAYS, Calendar

DAY_S = 86_400
WEEK_D = 7

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Panel:
    """`values` (series × slots), NaN where nothing usable was measured; slot 0 begins at local midnight of `first_day`, so many
    days after 1 January 1970. `covariates` (kinds × series × slots) may reach further than the values: what is known ahead.
    `is_known_ahead`: whether what they say of a time was known before it, as a calendar is; rain that has fallen was not."""

    values: Floats
    slots_per_day: int
    first_day: int = 4
    calendar: Calendar = ALWAYS
    covariates: Floats | None = field(default=None, repr=False)
    is_known_ahead: bool = True

    @property
    def n(self) -> int:
        """Series."""
        return int(self.values.shape[0])

    @property
    def slots(self) -> int:
        return int(self.values.shape[1])

    @property
    def step_s(self) -> int:
        return DAY_S // self.slots_per_day

    @cached_property
    def measured(self) -> Mask:
        return np.asarray(np.isfinite(self.values))

    def kinds(self, n_days: int) -> npt.NDArray[np.int64]:
        """Kinds of the first `n_days` days, which may reach beyond the values (`forecasting.calendar.Calendar.kind`)."""
        return self.calendar.kinds(self.first_day, n_days)

    def are_open(self, n_slots: int) -> Mask:
        """Which of the first `n_slots` slots, which may reach beyond the values, are open."""
        days = -(-n_slots // self.slots_per_day)
        return self.calendar.are_open(self.kinds(days), self.slots_per_day)[:n_slots]

    def until(self, slot: int) -> Panel:
        """What is known at an origin; covariates that are known ahead keep what they say of the time after it."""
        covariates = self.covariates
        if covariates is not None and not self.is_known_ahead:
            covariates = covariates[:, :, :slot]
        return replace(self, values=self.values[:, :slot], covariates=covariates)

    def of(self, series: slice | list[int] | Indices | Mask) -> Panel:
        """Some of the series."""
        covariates = None if self.covariates is None else self.covariates[:, series]
        return replace(self, values=self.values[series], covariates=covariates)

    def since_day(self, day: int) -> Panel:
        """Without the first `day` days."""
        start = day * self.slots_per_day
        covariates = None if self.covariates is None else self.covariates[:, :, start:]
        return replace(self, values=self.values[:, start:], first_day=self.first_day + day, covariates=covariates)


def after(values: Floats, origins: Indices, horizon: int) -> Floats:
    """What came (series × origins × horizon), NaN where it was not measured or lies beyond the values."""
    n, slots = values.shape
    index = np.asarray(origins)[:, None] + np.arange(horizon)
    padded = np.concatenate([values, np.full((n, 1), np.nan)], axis=1)
    return np.asarray(padded[:, np.minimum(index, slots)])
