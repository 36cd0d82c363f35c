"""Rhythm: what a slot of a day of some kind usually brings, as known so many days before it.

Two exponentially weighted means, for each series: of the same slot on the days of the same kind (half-life of three such days),
and of the same slot on all worked days, or all days off (half-life of ten). The first is drawn towards the second by a weight of
one day, the second towards the same slot of all days by a third of one: a public holiday seen for the first time is like a day
off, and a weekend day that is worked like a working day. Everything is as it was known `days_ahead` days before the slot, so that
one table serves every origin and no origin sees what came after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.calendar import KINDS
from forecasting.panel import Floats, Panel

SAME_KIND_DAYS, ALIKE_DAYS = 3.0, 10.0
"""Half-lives, in days of the kind. Shorter ones follow seasons sooner and noise as well; docs/decisions/0010-forecasts.md."""
ALIKE_WEIGHT, ANY_WEIGHT = 1.0, 0.3
"""In days."""


@dataclass(frozen=True, slots=True)
class Usual:
    """(series × slots): the usual value, and by how much the mean of alike days lies above that of days of the same kind; NaN
    and 0 where no day has been measured. `days_known` counts the days alike behind it, weighted."""

    value: Floats
    alike_minus_kind: Floats
    days_known: Floats


def usual(values: Floats, panel: Panel, n_slots: int, days_ahead: range) -> dict[int, Usual]:
    """The usual value of the first `n_slots` slots by how many days ahead it was known. `values` (series × slots) are those of
    `panel`, perhaps transformed."""
    m = panel.slots_per_day
    n, slots = values.shape
    days, known_days = -(-n_slots // m), -(-slots // m)
    kinds = panel.kinds(days)
    worked = panel.calendar.are_worked(kinds).astype(np.intp)
    padded = np.full((n, known_days * m), np.nan)
    padded[:, :slots] = values
    per_day = padded.reshape(n, known_days, m)
    kind_sum, kind_n = np.zeros((KINDS, n, m)), np.zeros((KINDS, n, m))
    alike_sum, alike_n = np.zeros((2, n, m)), np.zeros((2, n, m))
    made = {k: [np.zeros((n, days, m)) for _ in range(3)] for k in days_ahead}
    keep_kind, keep_alike = 0.5 ** (1 / SAME_KIND_DAYS), 0.5 ** (1 / ALIKE_DAYS)

    def write(k: int, day: int) -> None:
        kind, alike = kinds[day], worked[day]
        anyhow_n = alike_n.sum(axis=0)
        anyhow = np.divide(alike_sum.sum(axis=0), anyhow_n, out=np.full((n, m), np.nan), where=anyhow_n > 0)
        of_alike = (alike_sum[alike] + ANY_WEIGHT * anyhow) / (alike_n[alike] + ANY_WEIGHT)
        of_kind = np.divide(kind_sum[kind], kind_n[kind], out=of_alike.copy(), where=kind_n[kind] > 0)
        value, difference, n_known = made[k]
        value[:, day] = (kind_sum[kind] + ALIKE_WEIGHT * of_alike) / (kind_n[kind] + ALIKE_WEIGHT)
        difference[:, day] = np.nan_to_num(of_alike - of_kind)
        n_known[:, day] = anyhow_n

    for day in range(days):
        if day < known_days:
            told = per_day[:, day]
            is_told = np.isfinite(told)
            said = np.where(is_told, told, 0.0)
            for total, count, keep, which in (
                (kind_sum, kind_n, keep_kind, kinds[day]), (alike_sum, alike_n, keep_alike, worked[day]),
            ):  # fmt: skip
                total[which] = np.where(is_told, keep * total[which] + said, total[which])
                count[which] = np.where(is_told, keep * count[which] + 1, count[which])
        for k in days_ahead:
            if day + k < days:
                write(k, day + k)
    for k in days_ahead:
        made[k][0][:, :k] = np.nan
    return {k: Usual(*(table.reshape(n, -1)[:, :n_slots] for table in made[k])) for k in days_ahead}
