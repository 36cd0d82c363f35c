"""Snapshots: how long people will wait at halls that tell no events, only now and then how long the wait is; by each queue's
own past.

Seconds; a queue's days are rows of equal slots of the local day, NaN where nothing is known. What is foreseen for `lead` slots
ahead is what is usual then, plus a share of how far the present is from what is usual now, all times a level:

    ŷ(t + lead) = level · (usual(t + lead) + share · (w(t) − usual(t)))

`usual` is the mean of the days, smoothed over half an hour to either side. Share and level of each lead are those whose
absolute error was smallest when each day was foreseen from the others (leave one day out), over all queues of a hall's kind
together; "as long as now" is among them by itself (`None`), so that nothing is put in its place that is not better on the past.
Bounds are quantiles of the errors made there, by how long the wait was foreseen to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SMOOTH_S = 1_800.0
SHARES, LEVELS = np.linspace(0, 1, 11), np.linspace(0.5, 1.1, 7)
TARGETS = (0.1, 0.5, 0.9)
CLASSES = 5
"""Of waits foreseen, each with as many cases, for which errors are told apart."""
ENOUGH_DAYS = 3
ENOUGH_CASES = 200
"""Below this nothing is claimed."""


@dataclass(frozen=True)
class Blend:
    """How a lead is foreseen: `share` and `level` (None: as long as now), and for waits foreseen up to `upto_s` the 10, 50 and
    90 % quantiles of what was measured less what was foreseen (classes × 3)."""

    share: float | None
    level: float
    upto_s: Floats
    errors_s: Floats
    mae_s: float
    persist_mae_s: float
    n: int


@dataclass(frozen=True)
class SnapshotModel:
    """Queues × slots of what is usual, and a blend by lead in slots."""

    usual: Floats
    blends: dict[int, Blend]

    def foresee(self, wait_s: Floats, slot: int, lead: int) -> tuple[Floats, Floats, Floats]:
        """10, 50 and 90 % of the wait of each queue (NaN: not known) `lead` slots after `slot`."""
        blend = self.blends[lead]
        foreseen = blended(
            wait_s, self.usual[:, slot], self.usual[:, min(slot + lead, self.usual.shape[1] - 1)], blend.share, blend.level
        )
        low, _, high = blend.errors_s[np.searchsorted(blend.upto_s, foreseen).clip(0, len(blend.upto_s) - 1)].T
        median = np.maximum(foreseen, 0.0)
        return np.minimum(np.maximum(foreseen + low, 0), median), median, np.maximum(foreseen + high, median)


def blended(wait_s: Floats, usual_now: Floats, usual_then: Floats, share: float | None, level: float) -> Floats:
    return wait_s if share is None else np.asarray(np.maximum(level * (usual_then + share * (wait_s - usual_now)), 0.0))


def usual_of(days: Floats, step_s: float) -> Floats:
    """The smoothed mean (queues × slots) of days × queues × slots; NaN where no day tells anything within half an hour."""
    reach = max(1, round(SMOOTH_S / step_s))
    kernel = 1 - np.abs(np.arange(-reach, reach + 1)) / (reach + 1)
    known = np.isfinite(days).sum(axis=0).astype(float)
    total = np.nansum(days, axis=0)
    over, under = (np.apply_along_axis(np.convolve, 1, each, kernel, mode="same") for each in (total, known))
    return np.asarray(np.divide(over, under, out=np.full_like(over, np.nan), where=under > 0))


def fit(days: Floats, step_s: float, leads: Sequence[int]) -> SnapshotModel | None:
    """The model of some queues (days × queues × slots), for leads in slots; None of too little."""
    told = np.isfinite(days).any(axis=(1, 2))
    days = days[told]
    if len(days) < ENOUGH_DAYS:
        return None
    left_out = [usual_of(np.delete(days, k, axis=0), step_s) for k in range(len(days))]
    blends = {}
    for lead in leads:
        if lead and lead >= days.shape[2]:
            continue
        found = _blend(days, left_out, lead)
        if found is not None:
            blends[lead] = found
    return SnapshotModel(usual_of(days, step_s), blends) if blends else None


def _blend(days: Floats, left_out: Sequence[Floats], lead: int) -> Blend | None:
    upto = days.shape[2] - lead
    columns = [
        (days[k, :, :upto], usual[:, :upto], usual[:, lead:], days[k, :, lead:]) for k, usual in enumerate(left_out)
    ]  # fmt: skip
    now, usual_now, usual_then, then = (
        np.concatenate([part.ravel() for part in column]) for column in zip(*columns, strict=True)
    )
    is_known = np.isfinite(now) & np.isfinite(usual_now) & np.isfinite(usual_then) & np.isfinite(then)
    now, usual_now, usual_then, then = now[is_known], usual_now[is_known], usual_then[is_known], then[is_known]
    if len(now) < ENOUGH_CASES:
        return None
    as_now = float(np.abs(then - now).mean())
    best: tuple[float, float | None, float] = as_now, None, 1.0
    for share in SHARES.tolist():
        raw = usual_then + share * (now - usual_now)
        for level in LEVELS.tolist():
            error = float(np.abs(then - np.maximum(level * raw, 0.0)).mean())
            if error < best[0]:
                best = error, share, level
    error, chosen, level = best
    foreseen = blended(now, usual_now, usual_then, chosen, level)
    edges = np.unique(np.quantile(foreseen, np.arange(1, CLASSES + 1) / CLASSES))
    which = np.searchsorted(edges, foreseen).clip(0, len(edges) - 1)
    errors = np.array([np.quantile((then - foreseen)[which == k], TARGETS) for k in range(len(edges))])
    return Blend(chosen, level, edges, errors, error, as_now, len(now))
