"""Scope: when a rule holds and what it goes by. Outside its hours a rule sees nothing that could raise a warning, and what stands
clears after its clear hold: a value there counts as infinitely far on the harmless side. Times are seconds since 1970."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from math import inf

import numpy as np
import numpy.typing as npt

from domain.indices import DELIVERED, IndexPolicy
from domain.observations import USABLE_QUALITY_CODES, Quality
from domain.rules import Acceptance, Days, Hours
from domain.warnings import ThresholdRule
from gis_data.city import City

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ACCEPTED: Mapping[Acceptance, tuple[int, ...]] = {
    Acceptance.GOOD: (Quality.GOOD.code,),
    Acceptance.USABLE: USABLE_QUALITY_CODES,
    Acceptance.UNCERTAIN: (*USABLE_QUALITY_CODES, Quality.UNCERTAIN.code),
}
"""Codes of the qualities that a rule goes by."""


def from_monday_to_friday(day: date) -> bool:
    return day.weekday() < 5


@dataclass(frozen=True, slots=True)
class Setting:
    """What judging has to know of the place: its zone, which days are worked, what its indices are measured by, its map."""

    zone: tzinfo = UTC
    is_worked: Callable[[date], bool] = from_monday_to_friday
    index: IndexPolicy = DELIVERED
    city: City | None = None


def are_within(hours: Hours | None, times_s: Floats, setting: Setting) -> Bools:
    """Which of the times lie within a rule's hours (times)."""
    if hours is None or not len(times_s):
        return np.ones(len(times_s), bool)
    hour, which = np.unique(times_s // 3600, return_inverse=True)  # an offset from UTC changes at a full hour, if at all
    offsets = [datetime.fromtimestamp(h * 3600, UTC).astimezone(setting.zone).utcoffset() or timedelta() for h in hour.tolist()]
    local_s = times_s + np.array([offset.total_seconds() for offset in offsets])[which]
    minute = local_s % 86_400 / 60
    day = (local_s // 86_400).astype(np.int64)
    if hours.begins < hours.ends:
        is_open = (minute >= hours.begins) & (minute < hours.ends)
    else:
        is_open = (minute >= hours.begins) | (minute < hours.ends)
        day = day - (minute < hours.ends)
    if hours.days is Days.ALL:
        return np.asarray(is_open)
    days, which = np.unique(day, return_inverse=True)
    worked = np.array([setting.is_worked(date(1970, 1, 1) + timedelta(days=int(d))) for d in days.tolist()])[which]
    return np.asarray(is_open & (worked if hours.days is Days.WORKDAYS else ~worked))


def judged(rule: ThresholdRule, times_s: Floats, values: Floats, setting: Setting) -> Floats:
    """The values as the rule sees them: outside its hours nothing that could raise it. NaN stays NaN."""
    if rule.hours is None:
        return values
    harmless = inf if rule.direction == "below" else -inf
    return np.where(are_within(rule.hours, times_s, setting) | np.isnan(values), values, harmless)
