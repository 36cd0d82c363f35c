"""Selection: which model may speak for a series now, and why when it is not the first choice.

AutoReg where the history carries it; seasonal naive where it does not; the last value where there is no day to repeat; nothing
at all where even that would be invention.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.gaps import last_long_gap, trailing_gap
from forecasting.intervals import TRIAL_S, Quantiles, fit_predict
from forecasting.models.registry import AUTOREG, FLAT, SEASONAL_NAIVE
from forecasting.models.shape import DAY_S, Floats, Model, Unfit
from forecasting.reasons import Reason

MIN_VALUES = 4
MAX_MISSING_SHARE = 0.3
STALE_INTERVALS = 3
UNCHANGED_S = DAY_S
"""A value that stays the same this long is taken for one that stays, unless it rests at its lower limit, as rain does."""
SILENT_S = DAY_S


@dataclass(frozen=True, slots=True)
class Outlook:
    """A forecast: its quantiles, who made it, and the reason when that was not the first choice."""

    quantiles: Quantiles
    model: Model
    fallback: Reason | None


def foresee(
    history: Floats,
    *,
    step_s: int,
    interval_s: float,
    horizon: int,
    levels: tuple[float, ...] = (0.1, 0.5, 0.9),
    low: float | None = None,
    high: float | None = None,
) -> Outlook | Reason:
    """The forecast of the `horizon` slots after `history` (NaN where nothing usable was measured), or why there is none.

    `interval_s` is how often the device speaks; values and quantiles stay within [low, high].
    """
    measured = np.flatnonzero(~np.isnan(history))
    if not measured.size:
        return Reason.of("never")
    history = history[measured[0] :]
    waiting_s = trailing_gap(history) * step_s
    if waiting_s >= SILENT_S:
        return Reason.of("silent", for_h=waiting_s / 3600)
    if len(measured) < MIN_VALUES:
        return Reason.of("too_few", have=len(measured), need=MIN_VALUES)

    def predict(model: Model, since: int = 0) -> Quantiles:
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused as unstable
            return fit_predict(model, history[since:], step_s, horizon, levels, low=low, high=high)

    def last_value(why: Reason) -> Outlook | Reason:
        try:
            return Outlook(predict(FLAT), FLAT, why)
        except Unfit as unfit:
            return Reason.of(unfit.code)

    why_flat = _why_not_seasonal(history, step_s, low)
    if why_flat is not None:
        return last_value(why_flat)
    try:
        naive = predict(SEASONAL_NAIVE)
    except Unfit as unfit:
        return last_value(Reason.of(unfit.code))
    why_naive = _why_not_autoreg(history, step_s, interval_s)
    if why_naive is None:
        gap = last_long_gap(history, step_s)
        try:
            fitted = predict(AUTOREG, since=gap[1] if gap else 0)
        except Unfit as unfit:
            why_naive = Reason.of(unfit.code, model=AUTOREG.name)
        else:
            if fitted.trial_s < TRIAL_S or fitted.mean_error <= naive.mean_error:
                return Outlook(fitted, AUTOREG, None)
            why_naive = Reason.of(
                "outperformed", trial_d=TRIAL_S / DAY_S, model=AUTOREG.name, error=fitted.mean_error, naive_error=naive.mean_error
            )
    return Outlook(naive, SEASONAL_NAIVE, why_naive)


def _why_not_seasonal(history: Floats, step_s: int, low: float | None) -> Reason | None:
    """Why only the last value is worth repeating."""
    short = _too_short(len(history) * step_s, SEASONAL_NAIVE)
    if short is not None:
        return short
    measured = np.flatnonzero(~np.isnan(history))
    others = measured[history[measured] != history[measured[-1]]]
    unchanged_s = (len(history) - 1 - int(others[-1]) if others.size else len(history)) * step_s
    rests_at_limit = low is not None and history[measured[-1]] <= low
    if not others.size or (unchanged_s >= UNCHANGED_S and not rests_at_limit):
        return Reason.of("unchanged", for_h=unchanged_s / 3600)
    return None


def _why_not_autoreg(history: Floats, step_s: int, interval_s: float) -> Reason | None:
    """Why the history does not carry a fit."""
    short = _too_short(len(history) * step_s, AUTOREG)
    if short is not None:
        return short
    waiting_s = trailing_gap(history) * step_s
    if waiting_s > STALE_INTERVALS * interval_s:
        return Reason.of("stale", for_min=waiting_s / 60)
    missing = float(np.isnan(history).mean())
    if missing > MAX_MISSING_SHARE:
        return Reason.of("sparse", missing_percent=100 * missing, limit_percent=100 * MAX_MISSING_SHARE)
    gap = last_long_gap(history, step_s)
    if gap is not None and (len(history) - gap[1]) * step_s < AUTOREG.needs_s:
        return Reason.of(
            "interrupted", have_h=(len(history) - gap[1]) * step_s / 3600, gap_h=(gap[1] - gap[0]) * step_s / 3600,
            model=AUTOREG.name, need_h=AUTOREG.needs_s / 3600,
        )  # fmt: skip
    return None


def _too_short(have_s: float, model: Model) -> Reason | None:
    if have_s >= model.needs_s:
        return None
    return Reason.of("short_history", have_h=have_s / 3600, model=model.name, need_h=model.needs_s / 3600)
