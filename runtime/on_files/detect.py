"""Anomalies of series in a file: `cityhelm detect`. The detectors are those of the live service (`forecasting.anomalies`).

Within each series rows are taken in the order of their times, whatever their order in the file; a row is judged by itself and by
what was measured before it. Of several rows of one series and time the first one counts. Rows without a value, and those that do
not count, have the score 0.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from runtime.on_files.tables import Floats, read_table, require_writable, write_table, zone_of
from runtime.progress import Progress
from runtime.settings import Settings

if TYPE_CHECKING:
    from domain.anomalies import Anomaly

AT_ONCE = 4_096
"""Series that are looked at together: some 30 MB."""
SHRINKS_AT = 0.75
QUARTER_US = 900_000_000
TOLD_EVERY = 500

Ints = npt.NDArray[np.intp]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", type=Path, required=True, metavar="FILE", help="timestamp,value or series,timestamp,value")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="the same rows with score, alarm, lane and reason"
    )
    parser.add_argument(
        "--zone", metavar="ZONE", help="time zone of times without offset, and of the days; the deployment's if not said"
    )
    parser.add_argument(
        "--limits", type=Path, metavar="FILE", help="series,low,high: physical limits; what lies outside is a warning"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line of standard output")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    began = time.monotonic()
    zone = zone_of(arguments.zone, settings)
    require_writable(arguments.output)
    table = read_table(arguments.input, ["timestamp", "value"], ["series"], may_be_empty=True)
    names = table.texts("series", may_be_empty=True) if "series" in table else [""] * len(table)
    stamps_us = table.times("timestamp", zone, apart=names) if len(table) else np.zeros(0, np.int64)
    values = table.numbers("value") if len(table) else np.zeros(0)
    known = {name: k for k, name in enumerate(dict.fromkeys(names))}
    series = np.array([known[name] for name in names], np.intp)
    limits = _limits(arguments.limits, known, is_named="series" in table) if arguments.limits else {}

    score, found = np.zeros(len(table)), dict[int, "Anomaly"]()
    with Progress("detecting") as progress:
        for row, anomaly in _judged(series, stamps_us, values, zone, limits, score, progress):
            found[row] = anomaly
    alarm = np.zeros(len(table), np.int64)
    lane, reason = np.full(len(table), "", object), np.full(len(table), "", object)
    for row, anomaly in found.items():
        alarm[row], lane[row], reason[row] = 1, str(anomaly.lane), anomaly.sentence("en", zone)
    columns = [name for name in ("series", "timestamp", "value") if name in table]
    write_table(
        arguments.output,
        {name: table.frame[name] for name in columns}
        | {"score": np.round(score, 4), "alarm": alarm, "lane": lane, "reason": reason},
    )
    spent_s = time.monotonic() - began
    lanes = Counter(str(anomaly.lane) for anomaly in found.values())
    causes = Counter(str(anomaly.cause) for anomaly in found.values())
    if arguments.json:
        told = {
            "rows": len(table), "series": len(known), "alarms": len(found), "lanes": dict(lanes), "causes": dict(causes),
            "seconds": round(spent_s, 3), "rows_per_s": round(len(table) / spent_s),
        }  # fmt: skip
        print(json.dumps(told))
    else:
        print(f"{len(table)} rows of {len(known)} series: {len(found)} alarms{_listed(causes)}; {arguments.output}")
    return 0


def _listed(causes: Counter[str]) -> str:
    return f" ({', '.join(f'{n} {cause}' for cause, n in causes.most_common())})" if causes else ""


def _limits(path: Path, known: dict[str, int], *, is_named: bool) -> dict[int, tuple[float, float]]:
    """Number of the series → (low, high), infinite where the cell is empty. Raises BadInput."""
    table = read_table(path, ["series", "low", "high"] if is_named else ["low", "high"], ["series"], may_be_empty=True)
    if not len(table):
        return {}
    low, high = table.numbers("low"), table.numbers("high")
    crossed = np.flatnonzero(low > high)
    if len(crossed):
        raise table.fault("high", int(crossed[0]), f"a number of at least the low limit, {low[crossed[0]]:g}")
    low, high = np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
    if not is_named:
        return {0: (float(low[-1]), float(high[-1]))} if known else {}
    names = table.texts("series")
    return {known[name]: (float(low[k]), float(high[k])) for k, name in enumerate(names) if name in known}


def _judged(
    series: Ints, stamps_us: npt.NDArray[np.int64], values: Floats, zone: ZoneInfo, limits: dict[int, tuple[float, float]],
    score: Floats, progress: Progress,
) -> Iterator[tuple[int, Anomaly]]:  # fmt: skip
    """(row, what was odd about it), and the scores of all rows in `score`. Series of similar length go together, one reading of
    each at a time."""
    from forecasting.anomalies import Detectors

    rows = np.flatnonzero(np.isfinite(values))
    rows = rows[np.lexsort((stamps_us[rows], series[rows]))]  # stable: of equal times the first in the file comes first
    times_s = stamps_us / 1e6
    offsets_s = _offsets_s(stamps_us, zone)
    counts = np.bincount(series, minlength=1) if not len(rows) else np.bincount(series[rows], minlength=int(series.max()) + 1)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    by_length = np.argsort(-counts, kind="stable")
    by_length = by_length[counts[by_length] > 0]
    done, told = 0, 0
    for first in range(0, len(by_length), AT_ONCE):
        batch = by_length[first : first + AT_ONCE]
        of_batch = {i: limits[int(k)] for i, k in enumerate(batch) if int(k) in limits}
        detectors = Detectors(len(batch), zone, limits=of_batch)
        n_left = counts[batch]
        for k in range(int(n_left[0])):
            active = int(np.searchsorted(-n_left, -k, side="left"))  # of those with more than k readings
            if active < SHRINKS_AT * len(detectors):
                detectors.head(active)
            n = len(detectors)
            at = rows[starts[batch[:active]] + k]
            judged = detectors.judge(_filled(times_s[at], n), _filled(offsets_s[at], n, 0.0), _filled(values[at], n))
            score[at] = np.nan_to_num(judged.score[:active])
            for i in np.flatnonzero(judged.is_alarm):
                yield int(at[i]), detectors.anomaly(judged, int(i))
            done += active
            if done - told >= TOLD_EVERY:
                progress.reach(done / len(rows))
                told = done


def _filled(some: Floats, n: int, rest: float = np.nan) -> Floats:
    """The numbers followed by as many others as are missing to n: series that have ended."""
    return some if len(some) == n else np.concatenate([some, np.full(n - len(some), rest)])


def _offsets_s(stamps_us: npt.NDArray[np.int64], zone: ZoneInfo) -> Floats:
    """Local time less UTC at each moment."""
    quarters, index = np.unique(stamps_us // QUARTER_US, return_inverse=True)
    offsets = [datetime.fromtimestamp(int(quarter) * QUARTER_US / 1e6, UTC).astimezone(zone).utcoffset() for quarter in quarters]
    return np.array([offset.total_seconds() if offset else 0.0 for offset in offsets], float)[index]
