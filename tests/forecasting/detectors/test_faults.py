"""Faults in made-up sensors of nine families: found or not, and how often a sensor without fault is accused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.forecasting.detectors.faults import FAMILIES, FAULTS, MONDAY_S, Fault, put
from tests.forecasting.detectors.panels import Floats, watched

SHANGHAI = ZoneInfo("Asia/Shanghai")
SEEDS = (11, 12)
EACH = 4
GRACE_S = 2 * 3_600
"""An alarm so soon after a fault still speaks of it: silence is told by the first reading after it."""
INVISIBLE = {("rain", "spike"): "a spike of rain is no larger than a shower"}
LEAST_PRECISION = {"air": 0.75}
"""Air wanders by factors within days: what is rare in ten weeks of hours is called odd (docs/anomalies.md)."""
SAMPLINGS = pytest.mark.parametrize(("step_s", "days"), [(300, 21), (900, 28), (3_600, 70)], ids=["5 min", "15 min", "1 h"])


@dataclass(slots=True)
class Tally:
    faults: int = 0
    found: int = 0
    false_alarms: int = 0
    clean_weeks: float = 0.0
    clean_alarms: int = 0
    by_fault: Counter[str] = field(default_factory=Counter)

    @property
    def recall(self) -> float:
        return self.found / self.faults

    @property
    def precision(self) -> float:
        return self.found / max(self.found + self.false_alarms, 1)


@pytest.mark.long
@SAMPLINGS
def test_faults_are_found_and_little_else(step_s: int, days: int, capsys: pytest.CaptureFixture[str]) -> None:
    rows = days * 86_400 // step_s
    series: list[Floats] = []
    meant: list[tuple[str, Fault | None]] = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        for family, make in FAMILIES.items():
            for kind in (*FAULTS, None):
                if (family, kind) in INVISIBLE:
                    continue
                values = make(rng, rows, step_s, EACH)
                faults: list[Fault | None] = [None] * EACH
                if kind is not None:
                    values, put_in = put(rng, values, step_s, kind)
                    faults = list(put_in)
                series.append(values)
                meant += [(family, fault) for fault in faults]
    times_s = MONDAY_S + step_s * np.arange(rows, dtype=float)
    tallies = {family: Tally() for family in FAMILIES}
    for said, (family, fault) in zip(watched(times_s, np.concatenate(series, axis=1), SHANGHAI), meant, strict=True):
        _count(tallies[family], [row for row, _ in said], fault, rows, step_s)
    with capsys.disabled():
        print(f"\nevery {step_s // 60} min, {days} days")
        for family, tally in tallies.items():
            print(
                f"{family:14s} recall {tally.recall:.2f} precision {tally.precision:.2f}, false alarms a clean sensor and week "
                f"{tally.clean_alarms / tally.clean_weeks:.2f}; missed {dict(tally.by_fault)}"
            )
    for family, tally in tallies.items():
        assert tally.recall >= 0.9, family
        assert tally.precision >= LEAST_PRECISION.get(family, 0.85), family
        assert tally.clean_alarms / tally.clean_weeks <= 0.2, family


def _count(tally: Tally, alarms: list[int], fault: Fault | None, rows: int, step_s: int) -> None:
    if fault is None:
        tally.clean_weeks += rows * step_s / (7 * 86_400)
        tally.clean_alarms += len(alarms)
        return
    grace = max(GRACE_S // step_s, 2)
    hits = [row for row in alarms if fault.start <= row <= fault.end + grace]
    tally.faults += 1
    tally.found += bool(hits)
    tally.false_alarms += len(alarms) - len(hits)
    if not hits:
        tally.by_fault[fault.kind] += 1
