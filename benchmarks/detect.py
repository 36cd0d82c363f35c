"""Detect: milliseconds in which all detectors see one reading of each of 20,000 sensors, and what their memory weighs.

A fortnight of made-up readings, every ten minutes, has been learnt before. Every reading is new and one in ten thousand is odd,
so that there are sentences to be made. The ceiling, measured in the same run between the ticks, is the least that any detector
must do: read each sensor's mean and width, compare, and write them back. Time is that of the processor, since others may use it.
"""

from __future__ import annotations

import platform
import time
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from forecasting.anomalies import Detectors

SENSORS, LEARNT, TICKS = 20_000, 288, 144
STEP_S = 600.0
START_S = 1_772_380_800.0
PROMISE_MS = 10.0
ODD = 1e-4


def measure() -> dict[str, Any]:
    """Runs for about ten seconds."""
    rng = np.random.default_rng(1)
    detectors = Detectors(SENSORS, ZoneInfo("Asia/Shanghai"))
    ticks, floors, said = [], [], 0
    mean, width, is_far = np.zeros(SENSORS), np.ones(SENSORS), np.zeros(SENSORS, bool)
    for row in range(LEARNT + TICKS):
        times_s = np.full(SENSORS, START_S + row * STEP_S)
        values = 50 + 10 * np.sin(2 * np.pi * row * STEP_S / 86_400) + rng.normal(size=SENSORS)
        values[rng.random(SENSORS) < ODD] += 40
        began = time.process_time()
        anomalies = detectors.tick(times_s, values)
        ticks.append(time.process_time() - began)
        said += len(anomalies)
        began = time.process_time()
        off = values - mean
        np.greater(np.abs(off), 5 * width, out=is_far)
        mean += 0.01 * off
        width += 0.01 * (np.abs(off) - width)
        floors.append(time.process_time() - began)
    began = time.perf_counter()
    saved = detectors.to_bytes()
    saved_s = time.perf_counter() - began
    began = time.perf_counter()
    Detectors.from_bytes(saved, ZoneInfo("Asia/Shanghai"))
    restored_s = time.perf_counter() - began
    tick_ms, floor_ms = (1e3 * float(np.median(spent[LEARNT:])) for spent in (ticks, floors))
    return {
        "name": "detect", "sensors": SENSORS, "ticks": TICKS, "ms_a_tick": round(tick_ms, 2),
        "p95_ms": round(1e3 * float(np.percentile(ticks[LEARNT:], 95)), 2), "ceiling_ms": round(floor_ms, 3),
        "ratio_to_ceiling": round(floor_ms / tick_ms, 3), "readings_per_s": round(SENSORS / tick_ms * 1e3), "alarms": said,
        "state_mb": round(len(saved) / 1e6, 1), "saved_s": round(saved_s, 2), "restored_s": round(restored_s, 2),
        "promise_ms": PROMISE_MS, "meets": tick_ms <= PROMISE_MS, "machine": platform.platform(),
    }  # fmt: skip
