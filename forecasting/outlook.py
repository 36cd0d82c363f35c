"""Outlook: the quantiles of what comes after an origin, for every series of a panel, with who said so and why not another.

By itself (`model=None`) a series is spoken for by the combination: the candidates' paths, weighted by the power -SHARPNESS of
their mean absolute errors in the trial of the last six weeks. Who errs by more than OUTCLASSED times the best has no say. A
combination that erred by more than one of the naive models steps down for it. Where history does not carry that, the ladder
goes on: usual values of a short history, yesterday, the last value, nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.calendar import HOLIDAY, MADE_UP
from forecasting.conformal import Errors, link, unlink
from forecasting.models.registry import (
    ARX,
    AUTOREG,
    COMBINATION,
    FLAT,
    PROFILE,
    PROJECTION,
    ROOT_PROJECTION,
    SEASONAL_NAIVE,
    TWO_STAGE,
    WEEKLY_NAIVE,
)
from forecasting.models.shape import DAY_S, HOUR_S, Model
from forecasting.panel import WEEK_D, Floats, Mask, Panel, after
from forecasting.reasons import Reason
from forecasting.trial import Trials, origins_before
from forecasting.unusual_days import stretch_of, unusual_slots

CANDIDATES = (FLAT, PROFILE, AUTOREG, PROJECTION, ROOT_PROJECTION)
"""The last value is among them for what has no rhythm, such as a river; it is outclassed wherever there is one. It says nothing
while the trial is too short to tell."""
OF_HALLS = (*CANDIDATES, TWO_STAGE)
"""Candidates where there are closed hours."""
OF_RIVERS = (*CANDIDATES, ARX)
"""Candidates where there are covariates."""
NAIVE = (SEASONAL_NAIVE, WEEKLY_NAIVE)
SHARPNESS = 6.0
OUTCLASSED = 1.25
MIN_VALUES = 4
MIN_TRIED_D = 14
"""A shorter trial is not believed: following it made the average worse (docs/decisions/0005-first-decisions.md)."""
LOSES_BY = 1.05
"""Times the error of the better naive forecast: what loses by less is as good, and does not repeat an extraordinary day."""
STALE_S = 6 * HOUR_S
UNCHANGED_S = DAY_S
MAX_MISSING_SHARE = 0.5
SPARSE_D = 28
LARGEST = 1e30
"""No quantity of a city is larger; single precision, in which forecasts are stored, still holds it."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """`quantiles` (levels × series × slots ahead), ordered; who spoke for each series, and the reason when that was a fallback.
    `error` and `naive_error` (series): mean absolute errors in the trial, of who spoke and of the better naive one; NaN where
    there was none."""

    origin: int
    levels: tuple[float, ...]
    quantiles: Floats
    models: tuple[str, ...]
    reasons: tuple[Reason | None, ...]
    error: Floats
    naive_error: Floats


def look_ahead(
    trials: Trials,
    known: Panel,
    levels: Sequence[float],
    *,
    model: Model | None = None,
    low: Floats | None = None,
    high: Floats | None = None,
) -> Outlook:
    """What `known` (of `trials.panel` what is known at an origin, its end) allows to say; `levels` ascending. `low`, `high`
    (series): limits that values keep, NaN for none; without `low` what has never been negative is not foreseen so."""
    origin, horizon, m = known.slots, trials.horizon, known.slots_per_day
    floor = np.where((known.values < 0).any(axis=1), np.nan, 0.0) if low is None else low
    first = np.where(known.measured.any(axis=1), known.measured.argmax(axis=1), origin)
    anchors = origins_before(origin, m, int(first.min()))
    came = after(known.values, np.array(anchors, dtype=np.intp), horizon)
    said = _Said(trials, known, anchors, came, first, floor >= 0)
    named = _candidates(known) if model is None or model is COMBINATION else (model,)
    for each in (*named, *NAIVE, PROFILE, FLAT):
        said.ask(each)
    standing = _alone(said, model) if model is not None and named == (model,) else _combined(said, named)
    _step_down(standing, said, is_free=model is None or model is COMBINATION)
    path = np.nan_to_num(_completed(standing.path, said.now[FLAT.name]))
    past = _completed(standing.past, said.then[FLAT.name])  # NaN before the first value: nothing was said, and nothing missed
    is_root = floor >= 0
    least = np.nan_to_num(floor, nan=-np.inf)
    off = link(came, is_root) - link(np.maximum(past, least[:, None, None]), is_root)
    stretch, was_unusual = stretch_of(known, off, np.array(anchors, dtype=np.intp))
    offsets = Errors(off / np.where(was_unusual, stretch, 1.0), (origin - np.array(anchors)) / m).offsets(levels, m)
    offsets[:, :, unusual_slots(known, origin + horizon)[origin:]] *= stretch
    offsets[[k for k, level in enumerate(levels) if level == 0.5]] = 0.0
    linked = link(np.maximum(path, least[:, None]), is_root)
    quantiles = np.stack([unlink(linked + offset, is_root) for offset in offsets])
    quantiles = np.fmax(np.sort(np.nan_to_num(quantiles), axis=0), floor[None, :, None])
    if high is not None:
        quantiles = np.fmin(quantiles, high[None, :, None])
    quantiles[:, :, ~known.are_open(origin + horizon)[origin:]] = 0.0
    return Outlook(
        origin, tuple(levels), np.clip(quantiles, -LARGEST, LARGEST), tuple(standing.models), tuple(standing.reasons),
        _mean_error(came, past), said.naive_error(),
    )  # fmt: skip


def _candidates(known: Panel) -> tuple[Model, ...]:
    if known.covariates is not None:
        return OF_RIVERS
    return OF_HALLS if known.calendar.closes or known.calendar.opening else CANDIDATES


class _Said:
    """What models say now (series × slots ahead) and said then (series × origins × slots ahead), with their mean errors."""

    def __init__(self, trials: Trials, known: Panel, anchors: list[int], came: Floats, first: Floats, is_count: Mask) -> None:
        self.trials, self.known, self.anchors, self.came = trials, known, anchors, came
        self.history_s = (known.slots - first) * known.step_s
        self.is_count = is_count
        self.now: dict[str, Floats] = {}
        self.then: dict[str, Floats] = {}
        self.error: dict[str, Floats] = {}

    def ask(self, model: Model) -> None:
        if model.name in self.now:
            return
        may = self.history_s >= (model.needs_s if model is not FLAT else 0)
        if model.is_for_counts:
            may = may & self.is_count
        if may.any():
            now, then = self.trials.now(model, self.known), self.trials.then(model, self.anchors)
        else:
            now = np.full((self.known.n, self.trials.horizon), np.nan)
            then = np.full(self.came.shape, np.nan)
        self.now[model.name] = np.where(may[:, None], now, np.nan)
        self.then[model.name] = np.where(may[:, None, None], then, np.nan)
        self.error[model.name] = _mean_error(self.came, self.then[model.name])

    def naive_error(self) -> Floats:
        """Of the better naive model."""
        return np.asarray(np.fmin(*(self.error[naive.name] for naive in NAIVE)))


@dataclass(slots=True)
class _Standing:
    """Who speaks for each series, with what, and why not another."""

    path: Floats
    past: Floats
    models: list[str]
    reasons: list[Reason | None]

    def give(self, series: int, model: Model, said: _Said, why: Reason | None) -> None:
        self.path[series], self.past[series] = said.now[model.name][series], said.then[model.name][series]
        self.models[series], self.reasons[series] = model.name, why


def _alone(said: _Said, model: Model) -> _Standing:
    n = said.known.n
    return _Standing(said.now[model.name].copy(), said.then[model.name].copy(), [model.name] * n, [None] * n)


def weigh(came: Floats, then: Sequence[Floats]) -> tuple[Floats, Floats]:
    """The share of each of several models (models × series) by what their trials were worth, and what they would have said
    together (series × origins × slots ahead)."""
    error = np.array([_mean_error(came, each) for each in then])
    best = np.fmin.reduce(error, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(error <= OUTCLASSED * best, (error / best) ** -SHARPNESS, 0.0)
    share = np.where(np.isfinite(best) & (best > 0), np.nan_to_num(share), 1.0)
    return share, _blend(then, share)


def _combined(said: _Said, named: Sequence[Model]) -> _Standing:
    """The paths of several models, each weighted by what its trial was worth."""
    is_long = said.history_s >= MIN_TRIED_D * DAY_S
    then = [np.where(is_long[:, None, None] | (model is not FLAT), said.then[model.name], np.nan) for model in named]
    now = [np.where(is_long[:, None] | (model is not FLAT), said.now[model.name], np.nan) for model in named]
    share, past = weigh(said.came, then)
    path = _blend(now, share)
    if TWO_STAGE in named:
        by_day = said.now[TWO_STAGE.name]
        beside = _beside_holidays(said.known, path.shape[1])
        path = np.where(beside & np.isfinite(by_day), by_day, path)
    return _Standing(path, past, [COMBINATION.name] * said.known.n, [None] * said.known.n)


def _beside_holidays(known: Panel, horizon: int) -> Mask:
    """Slots ahead on worked days with a public holiday in the days off just before or after, and on weekend days worked instead:
    there the day's total is what differs, and its regression knows (docs/models.md)."""
    m = known.slots_per_day
    kinds = known.kinds((known.slots + horizon) // m + 8)
    worked = known.calendar.are_worked(kinds)
    beside = kinds == MADE_UP
    for day in range(known.slots // m, len(kinds) - 7):
        for way in (-1, 1):
            at = day + way
            while worked[day] and 0 <= at < len(kinds) and not worked[at]:
                beside[day] |= kinds[at] == HOLIDAY
                at += way
    return np.asarray(np.repeat(beside, m)[known.slots : known.slots + horizon])


def _blend(parts: Sequence[Floats], share: Floats) -> Floats:
    total, weight = np.zeros(parts[0].shape), np.zeros(parts[0].shape)
    for part, each in zip(parts, share, strict=True):
        here = np.where(np.isfinite(part), each.reshape(-1, *[1] * (part.ndim - 1)), 0.0)
        total, weight = total + here * np.nan_to_num(part), weight + here
    return np.asarray(np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0))


def _step_down(standing: _Standing, said: _Said, *, is_free: bool) -> None:
    """Gives the series that the first choice must not speak for to who may, with the reason. A model that was asked for by name
    (not `is_free`) gives way only where it has nothing to say."""
    known, step_h = said.known, said.known.step_s / HOUR_S
    error, naive_error = _mean_error(said.came, standing.past), said.naive_error()
    span_d = (known.slots - np.array(said.anchors)) / known.slots_per_day
    tried_d = np.where(np.isfinite(said.came - standing.past).any(axis=2), span_d, 0.0).max(axis=1, initial=0.0)
    share = _told_cells(known)
    for series in range(known.n):
        told = np.flatnonzero(known.measured[series])
        have_h = float(said.history_s[series]) / HOUR_S
        if not len(told):
            standing.give(series, FLAT, said, Reason.of("never"))
        elif len(told) < MIN_VALUES:
            standing.give(series, FLAT, said, Reason.of("too_few", have=len(told), need=MIN_VALUES))
        elif is_free and (why := _unchanged(known.values[series, told], known.step_s)) is not None:
            standing.give(series, FLAT, said, why)
        elif not np.isfinite(standing.path[series]).any():
            has_day = have_h * HOUR_S >= SEASONAL_NAIVE.needs_s and np.isfinite(said.now[SEASONAL_NAIVE.name][series]).any()
            speaker, wanted = (SEASONAL_NAIVE, PROFILE) if has_day else (FLAT, SEASONAL_NAIVE)
            why = Reason.of("short_history", have_h=have_h, model=wanted.name, need_h=wanted.needs_s / HOUR_S)
            is_short = have_h < wanted.needs_s / HOUR_S
            standing.give(series, speaker, said, why if is_short else Reason.of("speechless", model=standing.models[series]))
        elif not is_free:
            continue
        elif (silent_h := step_h * float((share[series, told[-1] + 1 :] >= 0.5).sum())) * HOUR_S >= STALE_S:
            standing.give(series, PROFILE, said, Reason.of("silent", for_h=silent_h))
        elif (missing := _missing_share(known, share, series)) > MAX_MISSING_SHARE:
            limit = 100 * MAX_MISSING_SHARE
            standing.give(series, PROFILE, said, Reason.of("sparse", missing_percent=100 * missing, limit_percent=limit))
        elif tried_d[series] >= MIN_TRIED_D and error[series] > LOSES_BY * naive_error[series]:
            better = min(NAIVE, key=lambda model: float(np.nan_to_num(said.error[model.name][series], nan=np.inf)))
            why = Reason.of(
                "outperformed", trial_d=(known.slots - said.anchors[-1]) / known.slots_per_day, model=standing.models[series],
                error=error[series], naive=better.name, naive_error=naive_error[series],
            )  # fmt: skip
            standing.give(series, better, said, why)


def _told_cells(known: Panel) -> Floats:
    """Share of the last four weeks in which each slot (series × slots) held a value on that weekday; 0 where it is closed."""
    m = known.slots_per_day
    start = max(known.slots - SPARSE_D * m, 0)
    cell = np.arange(start, known.slots) % (WEEK_D * m)
    weeks = np.maximum(np.bincount(cell, minlength=WEEK_D * m), 1)
    told = np.array([np.bincount(cell, weights=row[start:], minlength=WEEK_D * m) for row in known.measured])
    return np.asarray((told / weeks)[:, np.arange(known.slots) % (WEEK_D * m)] * known.are_open(known.slots))


def _missing_share(known: Panel, share: Floats, series: int) -> float:
    """Of the slots of the last four weeks that hold a value in any of them."""
    start = max(known.slots - SPARSE_D * known.slots_per_day, int(known.measured[series].argmax()))
    could = share[series, start:] > 0
    return 1.0 - float(known.measured[series, start:][could].mean()) if could.any() else 0.0


def _unchanged(values: Floats, step_s: int) -> Reason | None:
    """Why the last value is all there is to say: the values measured have been the same for a day or more, and not because they
    rest at their least, as rain does."""
    others = np.flatnonzero(values != values[-1])
    unchanged_s = (len(values) - 1 - int(others[-1]) if len(others) else len(values)) * step_s
    rests = len(others) > 0 and values[-1] <= values.min()
    if len(others) and (unchanged_s < max(UNCHANGED_S, MIN_VALUES * step_s) or rests):
        return None
    return Reason.of("unchanged", for_h=unchanged_s / HOUR_S)


def _mean_error(came: Floats, said: Floats) -> Floats:
    off = np.abs(came - said)
    told = np.isfinite(off)
    total, count = np.where(told, off, 0.0).sum(axis=(1, 2)), told.sum(axis=(1, 2))
    return np.asarray(np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0))


def _completed(path: Floats, flat: Floats) -> Floats:
    """`path`, and where it has nothing to say the last value; NaN where there never was one."""
    return np.where(np.isfinite(path), path, flat)
