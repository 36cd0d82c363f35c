"""The registry: every forecasting model, one line each."""

from __future__ import annotations

from forecasting.models import (
    arx,
    autoreg,
    combination,
    flat,
    mstl_ets,
    poisson_glm,
    profile,
    projection,
    prophet_holidays,
    seasonal_naive,
    two_stage,
)
from forecasting.models.shape import HOUR_S, Model

DAY_S = 24 * HOUR_S

FLAT = Model("flat", "1", "最新值", "last value", HOUR_S, "A", flat.fit)
SEASONAL_NAIVE = Model("seasonal_naive", "2", "昨日同时段", "seasonal naive", 30 * HOUR_S, "A", seasonal_naive.fit_daily)
WEEKLY_NAIVE = Model("weekly_naive", "1", "上周同时段", "weekly naive", 8 * DAY_S, "A", seasonal_naive.fit_weekly)
PROFILE = Model("profile", "1", "时段曲线", "slot profile", 36 * HOUR_S, "A", profile.fit)
AUTOREG = Model("autoreg", "2", "自回归", "AutoReg", 72 * HOUR_S, "A", autoreg.fit)
PROJECTION = Model("projection", "1", "逐时距回归", "projection", 48 * HOUR_S, "A", projection.fit)
ROOT_PROJECTION = Model(
    "root_projection", "1", "平方根逐时距回归", "root projection", 48 * HOUR_S, "A", projection.fit_root, is_for_counts=True
)
TWO_STAGE = Model("two_stage", "2", "两阶段", "two-stage", 21 * DAY_S, "C", two_stage.fit, is_for_counts=True)
POISSON_GLM = Model("poisson_glm", "2", "泊松回归", "Poisson GLM", 21 * DAY_S, "C", poisson_glm.fit, is_for_counts=True)
ARX = Model("arx", "1", "降雨径流回归", "ARX with rain", 7 * DAY_S, "C", arx.fit, needs_covariates=True)
MSTL_ETS = Model("mstl_ets", "1", "MSTL+指数平滑", "MSTL + ETS", 8 * DAY_S, "B", mstl_ets.fit)
PROPHET = Model("prophet", "2", "Prophet", "Prophet", 14 * DAY_S, "C", prophet_holidays.fit)
COMBINATION = Model("combination", "1", "组合", "combination", 36 * HOUR_S, "A", combination.fit)

_ALL = (
    FLAT, SEASONAL_NAIVE, WEEKLY_NAIVE, PROFILE, AUTOREG, PROJECTION, ROOT_PROJECTION, COMBINATION,
    MSTL_ETS, PROPHET, POISSON_GLM, TWO_STAGE, ARX,
)  # fmt: skip
MODELS = {model.name: model for model in _ALL}
