"""Days: totals of whole days, what distinguishes one from the next, and how much of a day has come by a slot.

For models of arrivals, which foresee the day first and its hours afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.calendar import KINDS
from forecasting.models.rhythm import usual
from forecasting.panel import Floats, Mask, Panel

WHOLE = 0.8
"""A day counts where at least so much of what it usually brings fell into measured slots; the rest is added in proportion."""
LEVEL_DAYS = 5
"""The level of the present is the mean of so many days that counted."""
TRUST = 0.8
"""Of the ratio of observed to expected so far today, what is believed of the rest of the day."""
DOUBT = 0.1
"""Of a day's total: so much of it has to be expected before the ratio says half of what it says."""


@dataclass(frozen=True, slots=True)
class Days:
    """Logarithms of totals (series × days), NaN where a day is closed or not told, and shares of the day by slot (series ×
    slots, as known one day before; by days ahead), of a panel that is looked at `n_slots` far."""

    log_totals: Floats
    shares: dict[int, Floats]
    kinds: np.ndarray[tuple[int], np.dtype[np.int64]]
    is_open: Mask


def see_days(panel: Panel, n_slots: int, days_ahead: int) -> Days:
    """Totals of the whole days and the shares of their slots."""
    m = panel.slots_per_day
    n_days = -(-max(n_slots, panel.slots) // m)
    is_open = panel.are_open(n_days * m)
    kinds = panel.kinds(n_days)
    whole_days = panel.slots // m
    values = panel.values[:, : whole_days * m].reshape(panel.n, whole_days, m)
    opens = is_open[: whole_days * m].reshape(whole_days, m)
    told = np.isfinite(values) & opens
    amounts = np.where(told, values, 0.0)
    weights = amounts.sum(axis=1) / np.maximum(told.sum(axis=1), 1)
    covered = (told * weights[:, None, :]).sum(axis=2)
    possible = (opens * weights[:, None, :]).sum(axis=2)
    share_told = np.divide(covered, possible, out=np.zeros_like(covered), where=possible > 0)
    totals = np.divide(amounts.sum(axis=2), share_told, out=np.zeros_like(covered), where=share_told >= WHOLE)
    log_totals = np.full((panel.n, n_days), np.nan)
    log_totals[:, :whole_days] = np.where(totals > 0, np.log(np.maximum(totals, 1e-12)), np.nan)
    parts = np.divide(values, totals[:, :, None], out=np.full(values.shape, np.nan), where=totals[:, :, None] > 0)
    parts = np.where(opens, parts, np.nan).reshape(panel.n, -1)
    tables = usual(parts, panel, n_days * m, range(1, days_ahead + 1))
    shares = {k: np.where(is_open, np.nan_to_num(table.value), 0.0) for k, table in tables.items()}
    return Days(log_totals, shares, kinds, is_open)


def regressors(panel: Panel, kinds: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
    """What a day is (days × columns): its kind, whether the day before or after is off, whether more than a weekend was."""
    worked = panel.calendar.are_worked(kinds)
    off = np.pad(~worked, 3, mode="edge")
    before, after = off[2:-4], off[4:-2]
    long_before = before & off[1:-5] & off[0:-6]
    one_hot = np.eye(KINDS)[kinds]
    extra = np.stack([worked & before, worked & after, worked & long_before], axis=1).astype(float)
    return np.hstack([one_hot, extra])


def level_before(log_totals: Floats, day: int) -> Floats:
    """Mean of the last LEVEL_DAYS days told before `day` (series), NaN where there is none."""
    made = np.full(len(log_totals), np.nan)
    for series, row in enumerate(log_totals[:, :day]):
        told = row[np.isfinite(row)]
        if len(told):
            made[series] = told[-LEVEL_DAYS:].mean()
    return made


def so_far(panel: Panel, origin: int, expected: Floats) -> Floats:
    """By what to multiply the rest of the day of an origin (series). `expected` (series × slots of that day before the origin):
    what had been foreseen of it."""
    m = panel.slots_per_day
    begins = origin // m * m
    came = panel.values[:, begins:origin]
    told = np.isfinite(came)
    observed = np.where(told, came, 0.0).sum(axis=1)
    foreseen = np.where(told, expected, 0.0).sum(axis=1)
    doubt = DOUBT * np.maximum(foreseen, expected.max(axis=1, initial=0.0) * m / 3)
    ratio = (observed + doubt) / np.maximum(foreseen + doubt, 1e-12)
    return np.asarray(np.where(foreseen > 0, 1 + TRUST * (np.clip(ratio, 0.2, 5.0) - 1), 1.0))
