"""Likenesses of the benchmark's other categories, made up: servers, tweets, advertisements, an office's temperature, taxis.

Their only use is that the one threshold is not chosen on the sixteen files at hand alone. Each maker gives (seconds, values,
windows): windows are tenths of the file, split among the events and centred on them, as the benchmark lays them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Windows = list[tuple[int, int]]
Made = tuple[Floats, Floats, Windows]
START_S = 1_396_310_400.0  # Tuesday 2014-04-01
WINDOW_SHARE = 0.1


def _windows(rows: int, events: list[int]) -> Windows:
    half = int(WINDOW_SHARE * rows / len(events) / 2)
    return [(max(event - half, 0), min(event + half, rows - 1)) for event in sorted(events)]


def _events(rng: np.random.Generator, rows: int, n: int) -> list[int]:
    """Rows after the first quarter, a fifth of the rest apart."""
    places = np.linspace(0.3, 0.9, n + 1)
    return [int(rows * rng.uniform(a, a + 0.6 * (b - a))) for a, b in itertools.pairwise(places)]


def _hour(rows: int, step_s: int) -> Floats:
    return (np.arange(rows) * step_s % 86_400) / 3_600


def _walk(rng: np.random.Generator, rows: int, memory: float) -> Floats:
    phi = np.exp(-1 / memory)
    out = rng.normal(0, np.sqrt(1 - phi * phi), rows)
    for k in range(1, rows):
        out[k] += phi * out[k - 1]
    return out


def server_load(rng: np.random.Generator) -> Made:
    rows = 4_032
    level = rng.uniform(5, 60)
    values = level + 0.05 * level * rng.normal(size=rows) + 0.03 * level * _walk(rng, rows, 50)
    values[rng.random(rows) < 0.004] += level * rng.uniform(0.3, 0.8)
    events = _events(rng, rows, int(rng.integers(1, 4)))
    for event in events:
        if rng.random() < 0.5:
            values[event:] += level * rng.choice([-0.4, 0.5])
        else:
            values[event : event + int(rng.integers(2, 30))] += level * rng.uniform(0.8, 2)
    return START_S + 300.0 * np.arange(rows), np.clip(values, 0, None), _windows(rows, events)


def server_bytes(rng: np.random.Generator) -> Made:
    """Bursts on nearly nothing, lognormal, a job every hour or so."""
    rows = 4_032
    values = np.exp(rng.normal(10, 0.4, rows))
    values[rng.integers(0, 12) :: int(rng.integers(10, 40))] *= np.exp(rng.normal(2, 0.4))
    events = _events(rng, rows, int(rng.integers(1, 3)))
    for event in events:
        lasts = int(rng.integers(3, 40))
        values[event : event + lasts] = np.exp(rng.normal(15, 0.5, lasts))
    return START_S + 300.0 * np.arange(rows), values, _windows(rows, events)


def tweets(rng: np.random.Generator) -> Made:
    rows = 15_840
    hour = _hour(rows, 300)
    rate = rng.uniform(3, 30) * (0.3 + np.clip(np.sin((hour - 9) / 24 * 2 * np.pi), 0, 1)) * np.exp(0.5 * _walk(rng, rows, 30))
    values = rng.poisson(rate).astype(float)
    for at in rng.integers(0, rows, 30):
        values[at : at + 3] += rng.pareto(2.0) * rate.mean()
    events = _events(rng, rows, int(rng.integers(2, 5)))
    for event in events:
        lasts = int(rng.integers(6, 60))
        values[event : event + lasts] += rate.mean() * rng.uniform(8, 20) * np.exp(-np.arange(lasts) / lasts * 2)
    return START_S + 300.0 * np.arange(rows), np.round(values), _windows(rows, events)


def advertisements(rng: np.random.Generator) -> Made:
    rows = 1_600
    hour = _hour(rows, 3_600)
    values = (
        0.1 * (1 + 0.2 * np.sin((hour - 6) / 24 * 2 * np.pi)) * np.exp(0.12 * rng.normal(size=rows) + 0.1 * _walk(rng, rows, 40))
    )
    events = _events(rng, rows, int(rng.integers(1, 4)))
    for event in events:
        values[event : event + int(rng.integers(1, 8))] *= rng.choice([0.3, 2.2, 3.5])
    return START_S + 3_600.0 * np.arange(rows), values, _windows(rows, events)


def office_temperature(rng: np.random.Generator) -> Made:
    rows = 7_267
    hour = _hour(rows, 3_600)
    values = 71 + 2 * np.sin((hour - 9) / 24 * 2 * np.pi) + 2.5 * _walk(rng, rows, 150) + 0.5 * rng.normal(size=rows)
    events = _events(rng, rows, 2)
    for event in events:
        values[event : event + int(rng.integers(8, 40))] -= rng.uniform(8, 14)
    return START_S + 3_600.0 * np.arange(rows), values, _windows(rows, events)


def taxis(rng: np.random.Generator) -> Made:
    rows = 10_320
    hour = _hour(rows, 1_800)
    weekend = ((np.arange(rows) * 1_800 // 86_400 + 1) % 7 >= 5).astype(float)
    curve = (
        9_000 + 7_000 * np.sin((hour - 11) / 24 * 2 * np.pi) + 4_000 * np.sin((hour - 4) / 12 * 2 * np.pi) * (1 - 0.6 * weekend)
    )
    values = curve * np.exp(0.05 * _walk(rng, rows, 10)) + 300 * rng.normal(size=rows)
    events = _events(rng, rows, 5)
    for event in events:
        day = slice(event, event + int(rng.integers(12, 40)))
        values[day] *= rng.choice([0.45, 0.6, 1.5])
    return START_S + 1_800.0 * np.arange(rows), np.round(np.clip(values, 0, None)), _windows(rows, events)


MAKERS: dict[str, Callable[[np.random.Generator], Made]] = {
    "server load": server_load, "server bytes": server_bytes, "tweets": tweets, "advertisements": advertisements,
    "office temperature": office_temperature, "taxis": taxis,
}  # fmt: skip
