"""Alerts: milliseconds in which 2,000 rules are judged against one reading of each of 20,000 series, and what that takes in
memory; and what a second of the watch costs with as many series in a database, of which each speaks once a minute.

Every rule looks at all series, twenty times as much as a city has where a rule looks at those of one property. One series in a
thousand is out of the ordinary, for some ten readings, by an amount that reaches some rules and not others; what stands and
waits is kept between the ticks as the watch keeps it. Judging alone is measured, without the database: the readings in order,
the sieve, and rule by rule what has to be looked at closely. The ceiling, measured in the same run between the ticks, is the
least that comparing each reading with each rule can cost: one numpy comparison a rule. Time is that of the processor, since
others may use it; memory is that of one more tick, which is not timed.

Through the database: the watch's own tick on a private PostgreSQL with half an hour of readings. Every second a sixtieth of the
series says something, through the ingester's writing, which is not timed; a series that is out of the ordinary passes some ten
rules. The share of a processor is that of the watch and that of its database process, by a tick a second.
"""

from __future__ import annotations

import os
import platform
import tempfile
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from alerts.batches import Floats, Numbers, batch, candidates
from alerts.rules import Waiting, advance, is_beyond
from alerts.service import Watch
from domain.batches import Batch
from domain.observations import DeviceBirth, PropertySpec, Reading
from domain.warnings import LevelThreshold, ThresholdRule, WarningLevel
from runtime.embedded_postgres import private_postgres
from storage.connection import Connection, connect
from storage.ingestion import Ingestion
from storage.migrate import migrate
from storage.rules import seed_rules

SERIES, RULES, TICKS = 20_000, 2_000, 40
ODD, LASTS, BY = 1e-3, 10, 40.0
"""Share of the series that are out of the ordinary, for how many readings, and by how much on average (exponential)."""
LOWEST, WIDTH = 110.0, 290.0
"""Where the mildest limit of a rule lies at least, and how far they are spread; usual values are 70 to 100."""
STEP = timedelta(seconds=60)
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
PROMISE_MS = 1_000.0
"""The watch looks once a second."""
PAST_MIN, SECONDS = 30, 120
"""Minutes of readings that are there before, and how many ticks are timed after one that judges what there is."""
STORED_BY = 1.5
"""Of the exponential, in the database: a warning is written for every rule and series."""


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
    """Runs for about two minutes."""
    return {**_judged(), "through_the_database": _watched()}


def _judged() -> dict[str, Any]:
    """Judging alone."""
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


def _watched(series: int = SERIES, n_rules: int = RULES, seconds: int = SECONDS) -> dict[str, Any]:
    """The watch's tick through the database."""
    with tempfile.TemporaryDirectory(prefix="cityhelm-bench-", dir="/var/tmp") as home:
        Path(home).chmod(0o755)  # the private service may run as another user
        with private_postgres(Path(home) / "postgres") as url, connect(url) as conn:
            migrate(conn)
            seed_rules(conn, [_rule(k) for k in range(n_rules)], now=START)
            city = _City(conn, series)
            for minute in range(PAST_MIN):
                city.speak(range(series), START + minute * STEP)
            conn.execute("VACUUM ANALYZE")
            at = START + PAST_MIN * STEP
            watch = Watch("99010000100100")
            watch.tick(conn, at)
            spent, own, beside = [], [], []
            for second in range(seconds):
                at += timedelta(seconds=1)
                city.speak(range(second % 60, series, 60), at)
                began, began_cpu, began_beside = time.perf_counter(), time.process_time(), _cpu_s(conn)
                figures = watch.tick(conn, at)
                spent.append(time.perf_counter() - began)
                own.append(time.process_time() - began_cpu)
                beside.append(_cpu_s(conn) - began_beside)
    return {
        "series": series, "rules": n_rules, "ticks": seconds, "ms_a_tick": round(1e3 * float(np.median(spent)), 1),
        "p95_ms": round(1e3 * float(np.quantile(spent, 0.95)), 1), "worst_ms": round(1e3 * max(spent), 1),
        "cpu_share_watch": round(sum(own) / seconds, 3), "cpu_share_database": round(sum(beside) / seconds, 3),
        "open_warnings": figures["open_warnings"], "meets": 1e3 * float(np.quantile(spent, 0.95)) <= PROMISE_MS,
    }  # fmt: skip


def _cpu_s(conn: Connection) -> float:
    """Processor seconds that the database has spent on this connection (user and system: fields 14 and 15 of proc(5))."""
    fields = Path(f"/proc/{conn.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _City:
    """Series of one property, a device each, and what they say: as in judging alone, but out of the ordinary by less."""

    def __init__(self, conn: Connection, series: int) -> None:
        self._rng = np.random.default_rng(1)
        self._usual = 70.0 + 30.0 * self._rng.random(series)
        self._off = np.zeros(series)
        self._ingestion = Ingestion(conn)
        born = Batch()
        for k in range(series):
            born.add(DeviceBirth(
                device_id=_device(k), received_time=START, phenomenon_time=START, type_name="AirQualityObserved", lon=113.25,
                lat=23.125, crs_origin="EPSG:4326", interval_s=60.0, mode="periodic",
                properties=(PropertySpec("pm25", "ug/m3", 0, 1000),), name=None, attributes=(),
            ))  # fmt: skip
        self._ingestion.register(born, START)
        self._ingestion.write(born)

    def speak(self, series: range, at: datetime) -> None:
        told = np.array(series)
        self._off[told[self._rng.random(len(told)) < 1 / LASTS]] = 0.0
        struck = told[self._rng.random(len(told)) < ODD / LASTS]
        self._off[struck] = LOWEST - 100.0 + self._rng.exponential(STORED_BY, len(struck))
        values = self._usual[told] + self._off[told] + self._rng.normal(size=len(told))
        said = Batch()
        for k, value in zip(told.tolist(), values.tolist(), strict=True):
            said.add(Reading(_device(k), "pm25", at, at, value))
        self._ingestion.write(said)


def _device(k: int) -> str:
    return f"440106/environment/site-{k // 10}/air-{k}"


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
