"""The registry: every forecasting model, one line each."""

from __future__ import annotations

from forecasting.models import autoreg, flat, seasonal_naive
from forecasting.models.shape import Model

HOUR_S = 3_600

AUTOREG = Model("autoreg", "1", "自回归", "AutoReg", 48 * HOUR_S, 36 * HOUR_S, autoreg.forecast_paths)
SEASONAL_NAIVE = Model(
    "seasonal_naive", "1", "昨日同时段", "seasonal naive", 30 * HOUR_S, 24 * HOUR_S, seasonal_naive.forecast_paths
)
FLAT = Model("flat", "1", "最新值", "last value", HOUR_S, 0, flat.forecast_paths)

MODELS = {model.name: model for model in (AUTOREG, SEASONAL_NAIVE, FLAT)}
