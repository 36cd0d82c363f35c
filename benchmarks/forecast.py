"""Forecasts: ten thousand series of four weeks of quarter hours refreshed, as the service does it every quarter of an hour.

From a panel in memory, without a database: what was learnt at night (`forecasting.refresh.learn`) and the newest values give five
quantiles of a day ahead for every series. Series are looked at in blocks, by two processes. The ceiling is
the same panel read once from memory, as a plain sum. What a night's learning takes is measured on one block and shown a series.
"""

from __future__ import annotations

import os
import platform
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from forecasting.panel import Floats, Panel
from forecasting.refresh import Learnt, learn, refresh

SERIES, BLOCK, DAYS, PER_DAY = 10_000, 250, 28, 96
LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)
MONDAY = 20_017
PROMISES = {"seconds": 15.0, "memory_gb": 1.0}
PROCESSES = 2


def measure() -> dict[str, Any]:
    """Runs for about a minute and a half."""
    began = time.perf_counter()
    learnt = learn(_block(0), PER_DAY, LEVELS, times_of_day=1)
    learn_s = time.perf_counter() - began
    blocks = SERIES // BLOCK
    with ProcessPoolExecutor(PROCESSES, initializer=_prepare, initargs=(learnt, blocks // PROCESSES)) as pool:
        list(pool.map(_warm, range(PROCESSES)))
        began = time.perf_counter()
        cpu = list(pool.map(_refresh_share, range(PROCESSES)))
        seconds = time.perf_counter() - began
        memory_gb = sum(pool.map(_memory_gb, range(PROCESSES)))
    panel = _block(1)
    began = time.perf_counter()
    for _ in range(blocks):
        panel.values.sum()
    ceiling = time.perf_counter() - began
    return {
        "name": "forecast", "series": SERIES, "slots": DAYS * PER_DAY, "horizon": PER_DAY, "quantiles": len(LEVELS),
        "processes": PROCESSES, "seconds": round(seconds, 2), "cpu_seconds": round(sum(cpu), 2),
        "series_per_s": round(SERIES / seconds), "memory_gb": round(memory_gb, 3),
        "learn_ms_per_series": round(1000 * learn_s / BLOCK, 1), "read_once_s": round(ceiling, 3),
        "ratio_to_ceiling": round(seconds / ceiling, 1),
        "promises": PROMISES,
        "meets": {"seconds": seconds <= PROMISES["seconds"], "memory_gb": memory_gb <= PROMISES["memory_gb"]},
        "machine": platform.platform(), "processor": platform.processor() or platform.machine(),
    }  # fmt: skip


def _block(seed: int) -> Panel:
    """A block of series with a day, weekends, slow unrest and noise; one value in a hundred is missing."""
    rng = np.random.default_rng(seed)
    t = np.arange(DAYS * PER_DAY)
    phase = rng.uniform(0, 2 * np.pi, (BLOCK, 1))
    wave = 1 + 0.5 * np.sin(2 * np.pi * t / PER_DAY + phase) + np.where((t // PER_DAY) % 7 >= 5, -0.3, 0.0)
    unrest = np.cumsum(rng.normal(size=(BLOCK, len(t))), axis=1) * 0.01
    values: Floats = np.maximum(100 * (wave + 0.1 * np.sin(unrest) + 0.05 * rng.normal(size=(BLOCK, len(t)))), 0.0)
    values[rng.random(values.shape) < 0.01] = np.nan
    return Panel(values, PER_DAY, MONDAY)


_STATE: dict[str, Any] = {}


def _prepare(learnt: Learnt, blocks: int) -> None:
    """The panel of this process, in single precision as a service would keep it."""
    os.environ["OMP_NUM_THREADS"] = "1"
    _STATE["learnt"] = learnt
    _STATE["blocks"] = [_block(seed).values.astype(np.float32) for seed in range(blocks)]


def _warm(_: int) -> None:
    refresh(_STATE["learnt"], _block(0), PER_DAY)


def _refresh_share(_: int) -> float:
    """CPU seconds of this process's part."""
    began = time.process_time()
    for values in _STATE["blocks"]:
        made = refresh(_STATE["learnt"], Panel(values.astype(float), PER_DAY, MONDAY), PER_DAY)
        assert np.isfinite(made).all()
    return time.process_time() - began


def _memory_gb(_: int) -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
