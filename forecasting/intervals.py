"""Intervals: how far a model was off in the recent past, and from that how far it may be off now.

Split conformal prediction (Lei, G'Sell, Rinaldo, Tibshirani and Wasserman 2018, section 2.2) with signed errors: the older part
of a history teaches the model, the newer part tries it from many origins, and the empirical quantiles of those errors at each
horizon are laid around the forecast, which is then made by the model taught with everything. Errors of neighbouring origins are
alike, so the promise of the theory holds only nearly; the coverage measured is in docs/decisions/0005-first-decisions.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from forecasting.gaps import trailing_gap
from forecasting.models.shape import DAY_S, Floats, Model, Unfit

TRIAL_S = 14 * DAY_S
"""The model is tried on the last two weeks, or the newer half of a shorter history: two of every weekday."""
ALIKE_S = 6 * 3600
"""Origins at most this far from the present time of day count, so that quiet hours do not narrow the band of busy ones."""
INDEPENDENT_S = 6 * 3600
"""Origins closer than this say nearly the same: a trial counts as so many independent errors as it has stretches of it."""
MAX_ORIGINS = 168
"""More origins than this cost time and tell nothing new."""
MIN_ERRORS = 20
"""With fewer errors than this a 10 % quantile is not worth the name."""
NEIGHBOURS = 2
"""Errors of this many horizons either side are pooled."""

LARGEST = 1e30
"""No quantity of a city is larger; single precision, in which forecasts are stored, still holds it."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """`values[i, k]` is the `levels[i]` quantile of slot k. `mean_error` is the model's mean absolute error in its trial,
    which covered `trial_s` seconds."""

    levels: tuple[float, ...]
    values: Floats
    mean_error: float
    trial_s: int


def fit_predict(
    model: Model,
    history: Floats,
    step_s: int,
    horizon: int,
    levels: tuple[float, ...] = (0.1, 0.5, 0.9),
    *,
    low: float | None = None,
    high: float | None = None,
) -> Quantiles:
    """Quantiles (`levels` ascending) of the `horizon` slots after `history`, ordered, within [low, high].

    The first slot of the history must be measured. Slots missing at its end are foreseen too and dropped: the forecast starts
    from the last measured slot. Raises Unfit: "untried" when nothing is left
    to try the model on, "unstable" when it leaves all bounds.
    """
    waiting = trailing_gap(history)
    known = history[: len(history) - waiting]
    learnt_until = max(len(known) - TRIAL_S // step_s, len(known) // 2, model.learns_s // step_s, 1)
    trial_s = (len(known) - learnt_until) * step_s
    errors = _trial(model, known, step_s, waiting + horizon, learnt_until)
    path = model.paths(known, np.array([len(known)]), waiting + horizon, step_s, len(known))[0]
    offsets = _offsets(errors, levels, max(trial_s / INDEPENDENT_S, 1.0))
    values = np.clip((path + offsets)[:, waiting:], low, high)
    if not (np.abs(values) <= LARGEST).all():
        raise Unfit("unstable")
    return Quantiles(levels, values, float(np.nanmean(np.abs(errors))), trial_s)


def _trial(model: Model, known: Floats, step_s: int, reach: int, learnt_until: int) -> Floats:
    """Errors (measured minus foreseen), one row an origin, one column a horizon, NaN where nothing was measured."""
    n, season = len(known), DAY_S // step_s
    origins = np.arange(learnt_until, n)
    origins = origins[~np.isnan(known[origins - 1])]
    hours_off = np.abs((origins - n + season // 2) % season - season // 2) * step_s
    alike = origins[hours_off <= ALIKE_S]
    origins = alike if len(alike) >= MIN_ERRORS else origins
    if not len(origins):
        raise Unfit("untried")
    origins = origins[:: math.ceil(len(origins) / MAX_ORIGINS)]
    paths = model.paths(known, origins, reach, step_s, learnt_until)
    came = np.concatenate([known, np.full(reach, np.nan)])[origins[:, None] + np.arange(reach)]
    errors: Floats = came - paths
    if np.isnan(errors).all():
        raise Unfit("untried")
    return errors


def _offsets(errors: Floats, levels: tuple[float, ...], n_independent: float) -> Floats:
    """Quantiles of the errors at every horizon, shape (levels, horizons); the median is left to the model.

    Horizons with too few errors of their own take the offsets of the furthest one that has enough, grown as a random walk
    grows, with the square root of the distance. Where none has enough, all errors stand for the first horizon.
    """
    reach = errors.shape[1]
    pools = [errors[:, max(k - NEIGHBOURS, 0) : k + NEIGHBOURS + 1] for k in range(reach)]
    pools = [np.sort(pool[~np.isnan(pool)]) for pool in pools]
    tried = max((k + 1 for k, pool in enumerate(pools) if len(pool) >= MIN_ERRORS), default=0)
    if not tried:
        tried, pools = 1, [np.sort(errors[~np.isnan(errors)])]
    offsets = np.empty((len(levels), reach))
    for k in range(tried):
        offsets[:, k] = _quantiles(pools[k], levels, n_independent) if len(pools[k]) else offsets[:, k - 1]
    further = np.arange(tried, reach)
    offsets[:, tried:] = offsets[:, [tried - 1]] * np.sqrt((further + 1) / tried)
    return offsets


def _quantiles(ascending: Floats, levels: tuple[float, ...], n_independent: float) -> list[float]:
    """Quantiles with the finite-sample correction of conformal prediction, level × (n + 1) / n, rounded outwards.

    The median is 0, and the others lie on their side of it, also where every error had the same sign.
    """
    n = len(ascending)
    correction = 1 + 1 / min(n_independent, n)
    quantiles = []
    for level in levels:
        rank = math.ceil(n * min(max(level, 1 - level) * correction, 1.0)) - 1
        if level < 0.5:
            quantiles.append(min(float(ascending[n - 1 - rank]), 0.0))
        else:
            quantiles.append(max(float(ascending[rank]), 0.0) if level > 0.5 else 0.0)
    return quantiles
