"""Alerts: milliseconds in which 2,000 rules are judged against one reading of each of 20,000 series, and what that takes in
memory.

Every rule looks at all series, twenty times as much as a city has where a rule looks at those of one property. One series in a
thousand is out of the ordinary, for some ten readings, by an amount that reaches some rules and not others; what stands and
waits is kept between the ticks as the watch keeps it. Judging alone is measured, without the database: the readings in order,
the sieve, and rule by rule what has to be looked at closely. The ceiling, measured in the same run between the ticks, is the
least that comparing each reading with each rule can cost: one numpy comparison a rule. Time is that of the processor, since
others may use it; memory is that of one more tick, which is not timed.
"""

from __future__ import annotations

import platform
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np

from alerts.batches import Floats, Numbers, batch, candidates
from alerts.rules import Waiting, advance, is_beyond
from domain.warnings import LevelThreshold, ThresholdRule, WarningLevel

SERIES, RULES, TICKS = 20_000, 2_000, 40
ODD, LASTS, BY = 1e-3, 10, 40.0
"""Share of the series that are out of the ordinary, for how many readings, and by how much on average (exponential)."""
LOWEST, WIDTH = 110.0, 290.0
"""Where the mildest limit of a rule lies at least, and how far they are spread; usual values are 70 to 100."""
STEP = timedelta(seconds=60)
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
PROMISE_MS = 1_000.0
"""The watch looks once a second."""


class _Judge:
    """What is remembered between ticks, and what was looked at."""

    def __init__(self) -> None:
        self.rules = [_rule(k) for k in range(RULES)]
        self._standing: list[dict[int, WarningLevel]] = [{} for _ in self.rules]
        self._waiting: list[dict[int, Waiting]] = [{} for _ in self.rules]
        self.looked = self.steps = 0

    def tick(self, values: Floats, numbers: Numbers, at: datetime) -> None:
        readings, told = batch(values, numbers), values.tolist()
        for rule, stands, waits in zip(self.rules, self._standing, self._waiting, strict=True):
            for number in candidates(readings, rule, stands, waits):
                self.looked += 1
                before, waited = stands.get(number), waits.get(number, {})
                verdict = advance(rule, before, waited, partial(is_beyond, rule, told[number]), at)
                if verdict.waiting != waited:
                    waits[number] = verdict.waiting
                if verdict.level is before:
                    continue
                self.steps += 1
                if verdict.level is None:
                    del stands[number]
                else:
                    stands[number] = verdict.level


def measure() -> dict[str, Any]:
    """Runs for about half a minute."""
    rng = np.random.default_rng(1)
    judge, numbers = _Judge(), np.arange(SERIES)
    limits = [rule.thresholds[-1].raise_at for rule in judge.rules]
    passed, usual = np.zeros(SERIES, bool), 70.0 + 30.0 * rng.random(SERIES)
    off = np.zeros(SERIES)
    ticks, floors = [], []
    for tick in range(TICKS + 1):
        off[rng.random(SERIES) < 1 / LASTS] = 0.0
        struck = rng.random(SERIES) < ODD / LASTS
        off[struck] = LOWEST - 100.0 + rng.exponential(BY, int(struck.sum()))
        values = usual + off + rng.normal(size=SERIES)
        if tick == TICKS:
            tracemalloc.start()
            judge.tick(values, numbers, START + tick * STEP)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            break
        began = time.process_time()
        judge.tick(values, numbers, START + tick * STEP)
        ticks.append(time.process_time() - began)
        began = time.process_time()
        for limit in limits:
            np.greater_equal(values, limit, out=passed)
        floors.append(time.process_time() - began)
    settled = ticks[LASTS:]
    tick_ms, floor_ms = (1e3 * float(np.median(spent)) for spent in (settled, floors[LASTS:]))
    return {
        "name": "alerts", "series": SERIES, "rules": RULES, "ticks": len(settled), "ms_a_tick": round(tick_ms, 1),
        "worst_ms": round(1e3 * max(settled), 1), "ceiling_ms": round(floor_ms, 1),
        "ratio_to_ceiling": round(floor_ms / tick_ms, 3), "looked_at_closely_a_tick": round(judge.looked / (TICKS + 1)),
        "steps_a_tick": round(judge.steps / (TICKS + 1)), "pairs_per_s": round(SERIES * RULES / tick_ms * 1e3),
        "memory_mb": round(peak / 1e6, 1), "promise_ms": PROMISE_MS, "meets": tick_ms <= PROMISE_MS,
        "machine": platform.platform(),
    }  # fmt: skip


def _rule(k: int) -> ThresholdRule:
    """Rules of four levels, each 20 above the one before, the mildest of the rules spread evenly."""
    mildest = LOWEST + WIDTH * k / RULES
    levels = [
        LevelThreshold(level, mildest + 20.0 * n, mildest + 20.0 * n - 5.0)
        for n, level in enumerate(reversed(tuple(WarningLevel)))
    ]
    return ThresholdRule(
        rule_id=f"rule-{k}", version=1, property="pm25", direction="above", thresholds=tuple(reversed(levels)), raise_hold_s=60.0,
        clear_hold_s=60.0, hazard_class="other", zh="偏高", en="high",
    )  # fmt: skip
