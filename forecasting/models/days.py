"""Days: totals of whole days, what distinguishes one from the next, and how much of a day has come by a slot.

For models of arrivals, which foresee the day first and its hours afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecasting.calendar import KINDS
from forecasting.models.rhythm import usual
from forecasting.panel import Floats, Indices, Mask, Panel

WHOLE = 0.8
"""A day counts where at least so much of what it usually brings fell into measured slots; the rest is added in proportion."""
LEVEL_DAYS = 5
"""The level of the present is the mean of so many days that counted."""
TRUST, TRUST_D = 0.8, 4.0
"""Of the ratio of observed to expected so far today, what is believed of the rest of the day before any day has been seen, and
how many days it takes to be half convinced otherwise."""
PAST_D = 21
"""Days from which it is learnt how far to believe it."""
IDLE_D = 56
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
    """By what to multiply the rest of the day of an origin (series). `expected` (series × slots): what was foreseen of the slots
    up to the origin, from the beginning of some day on. How far what a day had brought by then told of its rest, on the days
    before, is how far it is believed today."""
    m, into = panel.slots_per_day, origin % panel.slots_per_day
    n_days = (expected.shape[1] - into) // m
    came = panel.values[:, origin - expected.shape[1] : origin]
    told = np.isfinite(came)
    came, expected = np.where(told, came, 0.0), np.where(told, expected, 0.0)
    by_day = [part[:, : n_days * m].reshape(panel.n, n_days, m) for part in (came, expected)]
    size = np.maximum(expected.reshape(panel.n, -1).sum(axis=1) * m / max(expected.shape[1], 1), 1e-12)
    early = _ratio(by_day[0][:, :, :into].sum(axis=2), by_day[1][:, :, :into].sum(axis=2), size[:, None]) - 1
    late = _ratio(by_day[0][:, :, into:].sum(axis=2), by_day[1][:, :, into:].sum(axis=2), size[:, None]) - 1
    belief = TRUST_D * np.maximum(np.square(early).mean(axis=1), 1e-6) if n_days else np.ones(panel.n)
    trust = ((early * late).sum(axis=1) + TRUST * belief) / np.maximum(np.square(early).sum(axis=1) + belief, 1e-12)
    today = _ratio(came[:, n_days * m :].sum(axis=1), expected[:, n_days * m :].sum(axis=1), size)
    return np.asarray(1 + np.clip(trust, 0.0, 1.0) * (today - 1))


def day_by_day(panel: Panel, origins: Indices, horizon: int, of_days: Callable[[int, range], Floats]) -> Floats:
    """Paths (series × origins × slots ahead) out of what is foreseen of whole days; the rest of the day of an origin goes by what
    came of it so far. `of_days(begins, days)`: what is foreseen of days (series × their slots) from the beginning of `begins`."""
    m = panel.slots_per_day
    made = np.empty((panel.n, len(origins), horizon))
    for k, origin in enumerate(np.asarray(origins).tolist()):
        today, into = divmod(origin, m)
        path = of_days(today, range(today, (origin + horizon - 1) // m + 1))[:, into : into + horizon]
        past = [of_days(day, range(day, day + 1)) for day in range(max(today - PAST_D, 0), today + 1)]
        begun = np.concatenate([*past[:-1], past[-1][:, :into]], axis=1)
        rest = so_far(panel, origin, begun)[:, None]
        made[:, k] = np.where(np.arange(horizon) < m - into, path * rest, path)
    return made


def _ratio(came: Floats, expected: Floats, of_a_day: Floats) -> Floats:
    """Came over expected, doubted while little of a day was expected; 1 where nothing was."""
    doubt = DOUBT * np.maximum(expected, of_a_day)
    return np.asarray(np.where(expected > 0, np.clip((came + doubt) / np.maximum(expected + doubt, 1e-12), 0.2, 5.0), 1.0))


def idle(panel: Panel, n_slots: int) -> Mask:
    """Where nothing is to be expected of each series (series × slots, which may reach beyond the values): slots of a kind of day
    at which, and within an hour of which, there was nothing on any such day of the last IDLE_D, three at least."""
    m = panel.slots_per_day
    near, n_days, known = max(m // 24, 1), -(-n_slots // m), panel.slots // m
    kinds = panel.kinds(n_days)
    values = panel.values[:, : known * m].reshape(panel.n, known, m)
    found = np.zeros((panel.n, n_days, m), bool)
    for kind in np.unique(kinds):
        alike = [day for day in np.flatnonzero(kinds[:known] == kind) if day >= known - IDLE_D]
        if len(alike) >= 3:
            is_nothing: Mask = (values[:, alike] == 0).all(axis=1)
            around = np.pad(is_nothing, ((0, 0), (near, near)), mode="wrap")
            windows = np.lib.stride_tricks.sliding_window_view(around, 2 * near + 1, axis=1)
            found[:, kinds == kind] = np.asarray(windows.all(axis=2))[:, None, :]
    return np.asarray(found.reshape(panel.n, -1)[:, :n_slots])
