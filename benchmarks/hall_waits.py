"""Waits at halls foreseen: on snapshots of 24 government halls (folder `mva`, described in docs/real-data.md) beside "as long
as now".

Every five minutes of six working days, for each of their queues (an office and a service): how long the agency says one waits.
Each day is foreseen from the days before it alone, share and level of every lead chosen on those days (`staffing.snapshots`).
Figures are mean absolute errors in minutes between half past eight and half past four: of all queues, and of those where
anybody waits now or then. The set is looked for in the folder that CITYHELM_DATA names, else in ../shared/data beside the
checkout; without it the figures say so."""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from staffing.snapshots import ENOUGH_DAYS, fit

Floats = npt.NDArray[np.float64]

BESIDE = Path(__file__).parents[2] / "shared" / "data"
STEP_S = 300
LEADS = (3, 6, 12, 24, 36, 48)
"""A quarter of an hour to four hours, in slots."""
OPEN = (8 * 12 + 6, 16 * 12 + 6)
MOST_MISSING = 0.6


def measure() -> dict[str, Any]:
    """Figures by lead in minutes: n, error of the model and of "as long as now", and the share within the interval of 80 %."""
    file = Path(os.environ.get("CITYHELM_DATA") or BESIDE) / "mva" / "waits.parquet"
    if not file.exists():
        return {"absent": f"{file} does not exist: expected the snapshots of government halls (docs/real-data.md)"}
    began = time.perf_counter()
    days = read_days(file)
    figures: dict[str, Any] = {"days": len(days), "queues": days.shape[1], "machine": platform.processor() or platform.machine()}
    for lead in LEADS:
        figures[f"{lead * STEP_S // 60} min"] = evaluate(days, lead)
    figures["took_s"] = round(time.perf_counter() - began, 1)
    print(table(figures), file=sys.stderr)
    return figures


def read_days(file: Path) -> Floats:
    """Working days × queues × slots of five minutes: minutes to wait; days on which little was recorded are left out."""
    import pandas as pd

    rows = pd.read_parquet(file, columns=["office", "service", "ts", "wait_time"])
    queues, names = pd.factorize(rows.office + "/" + rows.service, sort=True)
    dates, index = np.unique(rows.ts.dt.date.to_numpy(), return_inverse=True)
    slots = ((rows.ts.dt.hour * 60 + rows.ts.dt.minute) * 60 // STEP_S).to_numpy()
    days = np.full((len(dates), len(names), 86_400 // STEP_S), np.nan)
    days[index, queues, slots] = rows.wait_time
    is_working = np.array([day.weekday() < 5 for day in dates])
    in_hours = np.isfinite(days[:, :, slice(*OPEN)])
    return days[is_working & (in_hours.any(axis=1).mean(axis=1) > 1 - MOST_MISSING)]


def evaluate(days: Floats, lead: int) -> dict[str, Any]:
    """One lead, each day foreseen from those before it."""
    rows = []
    for k in range(ENOUGH_DAYS, len(days)):
        model = fit(days[:k], STEP_S, (lead,))
        if model is None:
            continue
        for slot in range(OPEN[0], OPEN[1] - lead):
            now, then = days[k, :, slot], days[k, :, slot + lead]
            low, mid, high = model.foresee(now, slot, lead)
            is_known = np.isfinite(now) & np.isfinite(then) & np.isfinite(mid)
            rows.append(np.stack([now, then, low, mid, high])[:, is_known])
    now, then, low, mid, high = np.concatenate(rows, axis=1)
    is_busy = (now > 0) | (then > 0)
    return {
        "n": len(now), "model_min": _error(mid, then), "as_now_min": _error(now, then), "n_busy": int(is_busy.sum()),
        "busy_model_min": _error(mid[is_busy], then[is_busy]), "busy_as_now_min": _error(now[is_busy], then[is_busy]),
        "inside": round(float(((then >= low) & (then <= high)).mean()), 3),
    }  # fmt: skip


def _error(said: Floats, was: Floats) -> float:
    return round(float(np.abs(said - was).mean()), 2)


def table(figures: dict[str, Any]) -> str:
    """The figures as docs/halls.md has them."""
    lines = [
        "| lead | model | as long as now | where anybody waits: model | as long as now | within 80 % |",
        "|---|---|---|---|---|---|",
    ]
    for lead, row in figures.items():
        if isinstance(row, dict):
            cells = (row["model_min"], row["as_now_min"], row["busy_model_min"], row["busy_as_now_min"])
            lines.append(f"| {lead} | {' | '.join(f'{cell:.2f}' for cell in cells)} | {100 * row['inside']:.0f} % |")
    return "\n".join(lines)
