"""Records: what models said of series, as it is stored. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from domain.forecasts import Forecast, Rival
from forecasting.gaps import trailing_gap
from forecasting.models.registry import MODELS
from forecasting.panel import Floats
from forecasting.question import Question
from forecasting.selection import Outlook


def record(question: Question, k: int, values: Floats, issued_at: datetime, model: str, reason: str = "") -> Forecast:
    """The forecast of the k-th series of a question: `values` are quantiles (5 × slots). Its watermark is the start of the newest
    slot that had a value."""
    # Rounded to what is stored, because the database refuses what would become 0 there.
    q05, q10, q50, q90, q95 = (tuple(row.tolist()) for row in values.astype(np.float32))
    newest = question.end - timedelta(seconds=question.step_s * (1 + trailing_gap(question.histories[k])))
    return Forecast(
        datastream_id=question.series_ids[k], issued_at=issued_at, first_target=question.end, step_s=question.step_s, q10=q10,
        q50=q50, q90=q90, model=model, model_version=MODELS[model].version, watermark=newest, fallback_reason=reason, q05=q05,
        q95=q95,
    )  # fmt: skip


def record_outlook(question: Question, k: int, outlook: Outlook, issued_at: datetime) -> Forecast:
    """The forecast that the service itself gives of the k-th series of a question."""
    return record(question, k, outlook.values, issued_at, outlook.model.name, str(outlook.fallback or ""))


def spoken_of(question: Question, model: str, values: Floats, issued_at: datetime) -> list[Forecast]:
    """What one model says in its own name (`values`: 5 × series × slots), of the series that it has something to say of."""
    return [
        record(question, k, values[:, k], issued_at, model)
        for k in range(len(question.series_ids))
        if np.isfinite(values[:, k]).all()
    ]


def rivals_of(question: Question, model: str, paths: Floats, asked_at: datetime) -> list[Rival]:
    """What a contestant says (`paths`: series × slots), of the series that it has something to say of."""
    version = MODELS[model].version
    return [
        Rival(number, asked_at, model, version, question.end, question.step_s, tuple(path.astype(np.float32).tolist()))
        for number, path in zip(question.series_ids, paths, strict=False)
        if np.isfinite(path).all()
    ]
