"""Prophet: trend, day, week and holidays as parts that can be shown apart (Taylor and Letham 2018). For halls and key figures.

The package `prophet` with its compiled model, which needs no network. Public holidays and worked weekend days come from the
calendar, covariates are regressors, closed hours are left out of the fit. It is slow (some tenths of a second a series, in a
process of its own) and does not look at the last hours: what its trend missed on the last day is added and halves every day.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecasting.calendar import EPOCH, HOLIDAY, MADE_UP
from forecasting.models.days import idle
from forecasting.models.shape import Ask, Fitted
from forecasting.panel import DAY_S, Floats, Indices, Panel

LEARNS_D = 182
MIN_D = 7
TREND_D = 56
"""A shorter history has no trend: what looks like one is the unrest of its last days, carried on."""
DAY_ORDER = 11
"""Harmonics of the day: as many as hours can tell apart."""
WORKED = ("worked", "free")
"""The curve of the day is another on days off (seasonalities that depend on a condition)."""
DAY_OFF = {HOLIDAY: "off", MADE_UP: "made_up"}


@dataclass(frozen=True, slots=True)
class Prophets:
    """A fitted model of the package for each series, None where there was too little to fit."""

    models: tuple[Any, ...]

    def paths(self, panel: Panel, origins: Indices, horizon: int) -> Floats:
        m, at = panel.slots_per_day, np.asarray(origins)
        first = max(int(at.min()) - m, 0)
        slots = np.arange(first, int(at.max()) + horizon)
        made = np.full((panel.n, len(at), horizon), np.nan)
        rests = idle(panel, int(at.max()) + horizon)
        ahead = np.arange(horizon)
        for series, model in enumerate(self.models):
            if model is None:
                continue
            frame = _frame(panel, series, slots, with_values=False)
            said = np.where(rests[series, slots], 0.0, np.asarray(model.predict(frame)["yhat"], dtype=float))
            for k, origin in enumerate(at.tolist()):
                day = np.arange(max(origin - m, first), origin)
                missed = (panel.values[series, day] - said[day - first])[~rests[series, day]]
                offset = float(np.nanmean(missed)) if np.isfinite(missed).any() else 0.0
                made[series, k] = said[origin - first + ahead]
                made[series, k] += np.where(rests[series, origin + ahead], 0.0, offset * 0.5 ** ((ahead + 1) / m))
        return made


def fit(panel: Panel, ask: Ask) -> Fitted:
    return Prophets(tuple(_fit_one(panel, series, ask.seed) for series in range(panel.n)))


def _fit_one(panel: Panel, series: int, seed: int) -> Any:
    start = max(panel.slots - LEARNS_D * panel.slots_per_day, 0)
    told = panel.measured[series] & panel.are_open(panel.slots) & ~idle(panel.of([series]), panel.slots)[0]
    slots = np.flatnonzero(told)
    slots = slots[slots >= start]
    if len(slots) < MIN_D * panel.slots_per_day // 2 or np.ptp(panel.values[series, slots]) == 0:
        return None
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from prophet import Prophet  # two seconds and a compiled model, which only a few series need

    for name in ("prophet", "prophet.plot", "cmdstanpy"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # once they are there: they set their own as they come

    frame = _frame(panel, series, slots, with_values=True)
    model = Prophet(
        daily_seasonality=False, weekly_seasonality=True, yearly_seasonality=False, holidays=_holidays(panel),
        uncertainty_samples=0, growth="linear" if slots[-1] - slots[0] >= TREND_D * panel.slots_per_day else "flat",
    )  # fmt: skip
    for name in WORKED if panel.slots_per_day >= 2 * DAY_ORDER else ():
        model.add_seasonality(f"day_{name}", period=1, fourier_order=DAY_ORDER, condition_name=name)
    for name in frame.columns:
        if name.startswith("x"):
            model.add_regressor(name)
    try:
        model.fit(frame, seed=seed)
    except RuntimeError:
        return None
    return model


def _frame(panel: Panel, series: int, slots: Indices, *, with_values: bool) -> Any:
    import pandas as pd

    seconds = panel.first_day * DAY_S + slots * panel.step_s
    columns: dict[str, Any] = {"ds": pd.to_datetime(seconds, unit="s")}
    kinds = panel.kinds(int(slots.max()) // panel.slots_per_day + 1)
    is_worked = panel.calendar.are_worked(kinds)[slots // panel.slots_per_day]
    columns |= {name: is_worked == (name == "worked") for name in WORKED}
    if with_values:
        columns["y"] = panel.values[series, slots]
    for k, given in enumerate(() if panel.covariates is None else panel.covariates):
        told = given[series, np.minimum(slots, given.shape[1] - 1)]
        columns[f"x{k}"] = np.nan_to_num(told)
    return pd.DataFrame(columns)


def _holidays(panel: Panel) -> Any:
    import pandas as pd

    kinds = panel.kinds(panel.slots // panel.slots_per_day + 30)
    days = [(DAY_OFF[int(kind)], day) for day, kind in enumerate(kinds) if int(kind) in DAY_OFF]
    if not days:
        return None
    dates = [np.datetime64(EPOCH) + panel.first_day + day for _, day in days]
    return pd.DataFrame({"holiday": [name for name, _ in days], "ds": pd.to_datetime(np.array(dates))})
