"""Faults put into made-up city sensors: eight families of clean series, five faults, and what detectors make of them.

The families are not the simulator's: short formulas of their own, so that no detector is tested on the noise it was written with.
Amplitudes are in the units of domain.sensors; a fault is sized by the family's usual departure from its daily curve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
DAY_S = 86_400
MONDAY_S = 1_772_380_800  # 2026-03-02T00:00+08:00 less eight hours: local time is counted from here
FAULTS = ("stuck", "drift", "spike", "shift", "silence")


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str
    start: int
    end: int
    """First row of the fault and the first after it."""


def _days(rows: int, step_s: int) -> tuple[Floats, Floats]:
    hour = (np.arange(rows) * step_s % DAY_S) / 3_600
    is_weekend = (np.arange(rows) * step_s // DAY_S) % 7 >= 5
    return hour, is_weekend.astype(float)


def _bump(hour: Floats, at: float, width: float) -> Floats:
    apart = (hour - at + 12) % 24 - 12
    return np.exp(-0.5 * (apart / width) ** 2)


def _wander(rng: np.random.Generator, rows: int, n: int, memory: float) -> Floats:
    """Normal noise of deviation 1 that forgets within `memory` rows: an autoregression of first order."""
    phi = np.exp(-1.0 / memory)
    shocks = rng.normal(0, np.sqrt(1 - phi * phi), (rows, n))
    shocks[0] = rng.normal(0, 1, n)
    for k in range(1, rows):
        shocks[k] += phi * shocks[k - 1]
    return shocks


def traffic_speed(rng: np.random.Generator, rows: int, step_s: int, n: int) -> Floats:
    hour, weekend = _days(rows, step_s)
    free = rng.uniform(40, 90, n)
    jam = (_bump(hour, 8, 1.0) + _bump(hour, 18, 1.3)) * (1 - 0.7 * weekend)
    dip = jam[:, None] * rng.uniform(0.2, 0.5, n) * (1 + 0.15 * _wander(rng, rows, n, DAY_S / step_s))
    return np.round(np.clip(free * (1 - dip) + free * 0.04 * _wander(rng, rows, n, 3), 2, None), 1)


def traffic_flow(rng: np.random.Generator, rows: int, step_s: int, n: int) -> Floats:
    hour, weekend = _days(rows, step_s)
    curve = 0.06 + 0.9 * _bump(hour, 8, 1.6) * (1 - 0.6 * weekend) + 0.8 * _bump(hour, 18, 2.2) + 0.6 * _bump(hour, 13, 3)
    a_step = rng.uniform(300, 1500, n) * step_s / 3_600
    return rng.poisson(curve[:, None] * a_step * np.exp(0.08 * _wander(rng, rows, n, 12))) * 3_600.0 / step_s


def air(rng: np.random.Generator, rows: int, step_s: int, n: int) -> Floats:
    hour, _ = _days(rows, step_s)
    episodes = 0.45 * _wander(rng, rows, n, 2 * DAY_S / step_s)
    curve = 0.15 * np.cos((hour - 8) / 12 * np.pi)
    level = rng.uniform(20, 70, n) * np.exp(episodes + curve[:, None])
    return np.round(np.clip(level * (1 + 0.05 * _wander(rng, rows, n, 2)), 1, None), 1)


def water_level(rng: np.random.Generator, rows: int, step_s: int, n: int) -> Floats:
    tide = 0.3 * np.sin(np.arange(rows) * step_s / 44_712 * 2 * np.pi)
    level = 2 + tide[:, None] * rng.uniform(0.3, 1, n) + 0.15 * _wander(rng, rows, n, 4 * DAY_S / step_s)
    return np.round(level + 0.01 * rng.normal(0, 1, (rows, n)), 3)


def rain(rng: np.random.Generator, rows: int, step_s: int, n: int) -> Floats:
    """Sums of an interval: a shower every day or two, dry between."""
    out = np.zeros((rows, n))
    for i in range(n):
        k = 0
        while True:
            k += int(rng.exponential(30 * 3_600 / step_s)) + 2
            lasts = int(rng.uniform(0.7, 6) * 3_600 / step_s) + 2
            if k + lasts >= rows:
                break
            out[k : k + lasts, i] = rng.gamma(1.2, rng.uniform(0.2, 1.5) * step_s / 300, lasts)
            k += lasts
    return np.round(out, 1)


def parking(rng: np.random.Generator, rows: int, step_s: int, n: int) -> Floats:
    hour, weekend = _days(rows, step_s)
    places = rng.integers(80, 900, n)
    taken = 0.1 + 0.7 * np.clip(_bump(hour, 13, 3.2), 0, 0.9) * (1 - 0.35 * weekend)
    share = taken[:, None] * (1 + 0.08 * _wander(rng, rows, n, DAY_S / step_s)) + 0.012 * _wander(rng, rows, n, 4)
    return np.round(np.clip(places * (1 - share), 0, places))


def power(rng: np.random.Generator, rows: int, step_s: int, n: int) -> Floats:
    hour, weekend = _days(rows, step_s)
    curve = 0.45 + 0.4 * np.clip(_bump(hour, 14, 5), 0, None) * (1 - 0.3 * weekend) + 0.15 * _bump(hour, 20, 2)
    load = rng.uniform(200, 4_000, n) * curve[:, None] * (1 + 0.04 * _wander(rng, rows, n, DAY_S / step_s))
    return np.round(load * (1 + 0.015 * rng.normal(0, 1, (rows, n))), 1)


def noise(rng: np.random.Generator, rows: int, step_s: int, n: int) -> Floats:
    hour, weekend = _days(rows, step_s)
    curve = 48 + 14 * np.clip(_bump(hour, 13, 5), 0, 1) - 2 * weekend
    return np.round(curve[:, None] + rng.uniform(-4, 6, n) + 1.5 * _wander(rng, rows, n, 4) + rng.gumbel(0, 0.8, (rows, n)), 1)


def temperature(rng: np.random.Generator, rows: int, step_s: int, n: int) -> Floats:
    hour, _ = _days(rows, step_s)
    day = 4 * np.cos((hour - 15) / 12 * np.pi)
    return np.round(
        15 + day[:, None] * rng.uniform(0.6, 1.3, n) + 2.5 * _wander(rng, rows, n, 2.5 * DAY_S / step_s)
        + 0.15 * rng.normal(0, 1, (rows, n)), 1
    )  # fmt: skip


FAMILIES: dict[str, Callable[[np.random.Generator, int, int, int], Floats]] = {
    "traffic speed": traffic_speed, "traffic flow": traffic_flow, "air": air, "water level": water_level, "rain": rain,
    "parking": parking, "power": power, "noise": noise, "temperature": temperature,
}  # fmt: skip


def usual_departure(values: Floats, step_s: int) -> Floats:
    """Per series the deviation from its mean daily curve."""
    a_day = DAY_S // step_s
    whole = values[: len(values) // a_day * a_day].reshape(-1, a_day, values.shape[1])
    return np.asarray(np.maximum((whole - np.median(whole, axis=0)).std(axis=(0, 1)), 1e-9))


def put(rng: np.random.Generator, values: Floats, step_s: int, kind: str, first: float = 0.5) -> tuple[Floats, list[Fault]]:
    """The series (rows × n) with one fault each in the part after `first`, NaN where a reading did not come."""
    out, faults = values.copy(), []
    rows, n = values.shape
    size = usual_departure(values, step_s)
    hour_rows = 3_600 / step_s
    for i in range(n):
        lasts = {
            "stuck": rng.uniform(8, 24) * hour_rows, "drift": rng.uniform(4, 6) * 24 * hour_rows, "spike": 1,
            "shift": rng.uniform(12, 36) * hour_rows, "silence": rng.uniform(3, 12) * hour_rows,
        }[kind]  # fmt: skip
        lasts = min(max(int(lasts), 1 if kind == "spike" else 6), int(rows * (0.9 - first)))
        start = int(rng.integers(int(rows * first), max(int(rows * 0.97) - lasts, int(rows * first) + 1)))
        if kind in ("stuck", "silence") and not values[start, i]:  # zero may always last
            filled = np.flatnonzero(values[start : rows - lasts, i])
            start += int(filled[0]) if len(filled) else 0
        end = start + lasts
        sign = rng.choice([-1.0, 1.0])
        part = out[start:end, i]
        if kind == "stuck":
            part[:] = values[start, i]
        elif kind == "drift":
            part += sign * size[i] * rng.uniform(5, 8) * np.linspace(0, 1, lasts)
        elif kind == "spike":
            part += size[i] * rng.uniform(8, 15)
        elif kind == "shift":
            part += sign * size[i] * rng.uniform(4, 7)
        else:
            part[:] = np.nan
        faults.append(Fault(kind, start, end))
    return out, faults
