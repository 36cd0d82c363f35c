"""Accuracy: every forecasting model on the public sets of ../shared/data, beside the naive forecasts at the same origins.

A set that is not there is reported as absent, and nothing takes its place. Origins lie 29 hours apart, so that all times of day
come; the bank's are its closing hours. What is learnt and how wide a band is comes from values before each origin alone. The
slower models are tried at fewer origins, and not on sets of many series. docs/models.md explains the figures.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._real_sets import read_sets
from benchmarks._records import Record
from forecasting.backtest import Score, backtest, origins_every
from forecasting.calendar import DAY_MIN, EPOCH, Calendar
from forecasting.models.registry import MODELS
from forecasting.panel import Floats, Panel

BESIDE = Path(__file__).parents[2] / "shared" / "data"
HISTORY_D = 140
APART_H, ORIGINS, FEW_ORIGINS = 29, 24, 4
SLOW = ("mstl_ets", "prophet", "poisson_glm", "two_stage")
"""Tried at FEW_ORIGINS, on sets of at most FEW_SERIES."""
FEW_SERIES = 4
HALL_LEARNS_D = 28
LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class _Set:
    """A set as it is foreseen: slots of a day, calendar, origins of which only closing hours count, days looked at."""

    name: str
    parts: tuple[str, ...]
    slots: int
    country: str = ""
    opening: tuple[int, int] | None = None
    n_origins: int = ORIGINS


SETS = (
    _Set("ambulances, hourly", ("nyc: medical",), 24, "US"),
    _Set("911 calls, hourly", ("montgomery: all", "montgomery: medical", "montgomery: accidents", "montgomery: fires"), 24, "US"),
    _Set("pedestrians, hourly", ("melbourne: all",), 24, "AU-VIC"),
    _Set("air and temperature, hourly", ("beijing: pm25", "beijing: no2", "beijing: o3", "beijing: temperature"), 24, "CN"),
    _Set("car parks, hourly", ("dresden_parking",), 24, "DE-SN"),
    _Set("car parks, 15 min", ("dresden_parking",), 96, "DE-SN", n_origins=12),
    _Set("road speed, 15 min, five days", ("la_speed",), 96, n_origins=2),
    _Set("bank calls, half-hourly", ("bank_calls",), 48, opening=(420, 1260), n_origins=60),
)


def measure() -> dict[str, Any]:
    """Runs for some ten minutes on one core."""
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        records, absent = read_sets(Path(os.environ.get("CITYHELM_DATA", BESIDE)))
        figures = {one.name: _figures(one, records) for one in SETS if all(part in records for part in one.parts)}
    return {
        "name": "accuracy", "history_d": HISTORY_D, "horizon_h": 24, "absent": absent, "sets": figures,
        "cpu_s": round(time.process_time() - began),
    }  # fmt: skip


def _figures(one: _Set, records: dict[str, Record]) -> dict[str, Any]:
    panel = _panel(one, [records[part] for part in one.parts])
    told: dict[str, Any] = {"series": panel.n}
    for name, model in (("auto", None), *MODELS.items()):
        if name == "arx":
            continue  # there is no river among the sets
        if name in SLOW and panel.n > FEW_SERIES:
            continue
        origins = _origins(one, panel, FEW_ORIGINS if name in SLOW and one.opening is None else one.n_origins)
        told[name] = _of(backtest(panel, origins, panel.slots_per_day, LEVELS, model=model))
    return told


def _panel(one: _Set, records: Sequence[Record]) -> Panel:
    """The last days of all parts, which lie on the same days."""
    blocks = [_in_slots(record.values[:, -HISTORY_D:], one.slots) for record in records]
    first: date = records[0].first_day
    day = (first - EPOCH).days + max(records[0].n_days - HISTORY_D, 0)
    calendar = Calendar(one.country)
    if one.opening is not None:
        calendar = replace(calendar, opening=(one.opening,), closes=True)
    values = np.concatenate([block.reshape(len(block), -1) for block in blocks])
    return Panel(values[:, : values.shape[1] - _tail(values)], one.slots, day, calendar)


def _in_slots(values: Floats, slots: int) -> Floats:
    parts = values.reshape(*values.shape[:2], slots, -1)
    told = np.isfinite(parts)
    return np.asarray(
        np.divide(np.where(told, parts, 0.0).sum(3), told.sum(3), out=np.full(parts.shape[:3], np.nan), where=told.any(3))
    )


def _tail(values: Floats) -> int:
    """Slots at the end in which nothing is told."""
    return int(np.isfinite(values).any(axis=0)[::-1].argmax())


def _origins(one: _Set, panel: Panel, n: int) -> list[int]:
    m = panel.slots_per_day
    if one.opening is not None:
        days = panel.slots // m
        opens = panel.are_open(days * m).reshape(days, m).any(axis=1)
        closing = [day * m + one.opening[1] * m // DAY_MIN for day in range(HALL_LEARNS_D, days - 1) if opens[day + 1]]
        return [origin for origin in closing if origin + m <= panel.slots][-n:]
    most = (panel.slots - 3 * m) * 24 // (m * APART_H) // 2
    return origins_every(panel, APART_H * m // 24, max(min(n, most), 1), m)


def _of(score: Score) -> dict[str, float]:
    weekly = np.isfinite(score.scale_week).any()
    scale = score.scale_week if weekly else score.scale_day
    told = {
        "mase": np.nanmean(score.error / scale), "naive_day": np.nanmean(score.naive_day / scale),
        "naive_week": np.nanmean(score.naive_week / scale) if weekly else float("nan"),
        "worse_than_naive": score.worse_than_naive(), "wape": score.wape,
        **{f"inside_{100 * nominal:.0f}": float(np.nanmean(share)) for nominal, share in score.inside.items()},
    }  # fmt: skip
    return {name: round(float(value), 3) for name, value in told.items()}
