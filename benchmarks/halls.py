"""Halls: how long it takes to advise a hall of 60 windows with its verification, a city of 50 halls one after the other as the
process does, and a what-if of 200 futures; on generated halls (`benchmarks/_generated_halls.py`), without a database.

The ceiling of the first and the last is the event simulation alone, of both cases, on the same futures in the same run: what has
to be done at least to say what a plan does. Processor time is told beside the time that passed, which says little on a busy
machine.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks._generated_halls import ground
from domain.halls import WindowState
from staffing.advice.desk import FUTURES
from staffing.advice.proposals import content_of, draw
from staffing.futures import fates
from staffing.practice import HallPractice
from staffing.what_if import FUTURES as WHAT_IF_FUTURES
from staffing.what_if import Asked, Shift, Wish, tried

PROMISES = {"advice_s": 3.0, "city_s": 90.0, "what_if_s": 1.0}
WINDOWS, HALLS = 60, 50
FEWEST = 10
TIMES = 3
ZONE = ZoneInfo("Asia/Shanghai")


def measure() -> dict[str, Any]:
    """Runs for about a minute and a half."""
    practice = HallPractice()
    whole = ground(WINDOWS, FUTURES, seed=3)
    drawn = draw(whole, practice)
    advice_s, advice_cpu_s = _median_s(lambda: draw(whole, practice))
    advice_ceiling_s, _ = _median_s(lambda: [fates(whole.futures, whole.posts) for _ in range(2)])

    more = ground(WINDOWS, WHAT_IF_FUTURES, seed=4)
    spare = next(window for window, now in more.windows.items() if now.state is WindowState.CLOSED)
    question = Asked(1.0, (Shift("tax", "social_security", 2),), (Wish(spare, WindowState.OPEN, (), 600.0, 2_700.0),))
    what_if_s, what_if_cpu_s = _median_s(lambda: tried(more, question, seed=1))
    what_if_ceiling_s, _ = _median_s(lambda: [fates(more.futures, more.posts) for _ in range(2)])

    began, spent, proposed, gains = time.perf_counter(), time.process_time(), 0, []
    slowest = 0.0
    for k in range(HALLS):
        started = time.perf_counter()
        windows = FEWEST + (WINDOWS - FEWEST) * k // (HALLS - 1)
        hall = ground(windows, FUTURES, seed=100 + k, surge=1.0 + 0.8 * (k % 3) / 2)
        found = draw(hall, practice)
        if found.gain is not None and found.none is None:
            content_of(found, hall, practice, ZONE)
            proposed += 1
            gains.append(found.gain.worst.mid)
        slowest = max(slowest, time.perf_counter() - started)
    city_s, city_cpu_s = time.perf_counter() - began, time.process_time() - spent
    figures = {"advice_s": advice_s, "city_s": city_s, "what_if_s": what_if_s}
    return {
        "name": "halls", "windows": WINDOWS, "halls": HALLS, "futures": FUTURES, "people": int(whole.futures.arrivals_s.shape[1]),
        **{name: round(value, 3) for name, value in figures.items()},
        "advice_ceiling_s": round(advice_ceiling_s, 3), "what_if_ceiling_s": round(what_if_ceiling_s, 3),
        "advice_processor_s": round(advice_cpu_s, 3), "what_if_processor_s": round(what_if_cpu_s, 3),
        "advice_moves": len(drawn.moves), "advice_gain_s": round(drawn.gain.worst.mid) if drawn.gain is not None else None,
        "city_processor_s": round(city_cpu_s, 1), "city_slowest_hall_s": round(slowest, 2), "city_proposed": proposed,
        "city_gain_s": round(float(np.median(gains))) if gains else None,
        "promises": PROMISES, "meets": {name: figures[name] <= limit for name, limit in PROMISES.items()},
        "machine": platform.platform(),
    }  # fmt: skip


def _median_s(work: Callable[[], object]) -> tuple[float, float]:
    """(time that passed, processor time), the middle of some tries."""
    spent = []
    for _ in range(TIMES):
        began, worked = time.perf_counter(), time.process_time()
        work()
        spent.append((time.perf_counter() - began, time.process_time() - worked))
    passed, worked = np.median(np.array(spent), axis=0)
    return float(passed), float(worked)
