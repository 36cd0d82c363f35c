"""Forecasts of series in a file: `cityhelm forecast`. The deciders are those of the live service (`forecasting.outlook`).

A row's time is the start of its interval. Rows are laid into slots of `--step`, from local midnight on, or, for an origin that
does not lie on them, from the origin on; a slot holds the mean (or sum) of its rows. A row given twice counts once, as it was
given last. A forecast from an origin uses rows up to it; covariates count for whatever time they are given.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from runtime.bad_input import BadInput
from runtime.on_files.tables import Floats, Stamps, Table, iso_texts, read_table, require_writable, write_table, zone_of
from runtime.progress import Progress
from runtime.settings import Settings

if TYPE_CHECKING:
    from forecasting.panel import Panel

EXAMPLE = "cityhelm forecast --input series.csv --output forecast.csv --horizon 24h --step 1h --calendar CN"
SECOND_US = 1_000_000
HOUR_S, DAY_S = 3_600, 86_400
HISTORY_W, BLOCK_W = 30, 8
"""Older weeks than this before a block of origins are not looked at."""
AT_ONCE = 2_500_000
"""Numbers of the series that are looked at together."""
ORIGINS_AT_ONCE = 16
SECONDS_A_DAY_OF_QUARTERS = 0.1
"""What one forecast of a day in quarter hours takes, about; longer work than WORTH_A_POOL_S is shared among the cores."""
WORTH_A_POOL_S = 20.0
UNITS_S = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
Index = np.ndarray[Any, np.dtype[np.int64]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", type=Path, required=True, metavar="FILE", help="series,timestamp,value and covariates, if any")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="what is foreseen, CSV or Parquet by its ending"
    )
    parser.add_argument("--horizon", default="24h", metavar="TIME", help="how far ahead (24h)")
    parser.add_argument("--step", default="1h", metavar="TIME", help="length of a slot (1h)")
    parser.add_argument("--origins", type=Path, metavar="FILE", help="origin, or series,origin; without it each series' last row")
    parser.add_argument("--quantiles", default="0.05,0.1,0.5,0.9,0.95", metavar="Q,…", help="0.05,0.1,0.5,0.9,0.95 if not said")
    parser.add_argument(
        "--zone", metavar="ZONE", help="time zone of times without offset, and of the days; the deployment's if not said"
    )
    parser.add_argument(
        "--calendar", metavar="CODE|FILE", help="public holidays: a country such as CN, or a TOML file as config/calendar.toml"
    )
    parser.add_argument("--opening", metavar="HH:MM-HH:MM", help="opening hours, several with commas; closed hours are 0")
    parser.add_argument(
        "--workdays", metavar="DAYS", help="days that are open, such as mon-fri; others and public holidays are 0"
    )
    parser.add_argument("--model", default="auto", metavar="NAME", help="one model for all instead of the best of several (auto)")
    parser.add_argument("--aggregate", choices=("mean", "sum"), default="mean", help="of the rows of a slot (mean)")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line of standard output")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    began = time.monotonic()
    task = _task(arguments, settings)
    require_writable(arguments.output)
    rows = _read_rows(arguments.input, task)
    origins = _read_origins(arguments.origins, rows, task)
    for year in task.calendar.undecreed(range(*_years(origins, task))):
        print(
            f"cityhelm: the days off and make-up working days of {year} are not decreed yet, as far as is known here: "
            "forecasts take the statutory ones; enter the decree in a calendar file and name it with --calendar",
            file=sys.stderr,
        )
    if rows.n_unbelievable:
        print(
            f"cityhelm: {rows.n_unbelievable} values are beyond belief beside those before them: taken as missing",
            file=sys.stderr,
        )
    if rows.n_repeated:
        print(f"cityhelm: {rows.n_repeated} rows repeat a time of their series: the last of each counts", file=sys.stderr)
    with Progress("forecast") as progress:
        made = _foresee(rows, origins, task, progress)
    _write(arguments.output, made, rows, task)
    fallbacks = Counter(reason.code for one in made for reason in [one.reason] if reason is not None)
    figures = {
        "series": len(rows.names), "forecasts": len(made), "rows": len(made) * task.horizon,
        "models": dict(Counter(one.model for one in made)), "fallbacks": dict(fallbacks), "repeated_rows": rows.n_repeated,
        "unbelievable_values": rows.n_unbelievable,
        "seconds": round(time.monotonic() - began, 2),
    }  # fmt: skip
    print(
        f"{len(made)} forecasts of {len(rows.names)} series, {sum(fallbacks.values())} by a fallback, are in {arguments.output}."
    )
    if arguments.json:
        print(json.dumps(figures))
    return 0


@dataclass(frozen=True)
class _Task:
    """What was asked. `levels` as numbers in ascending order, `written` as they were written, in the order of the columns."""

    step_s: int
    horizon: int
    levels: tuple[float, ...]
    written: tuple[str, ...]
    zone: ZoneInfo
    calendar: Any
    model: Any
    is_sum: bool


def _task(arguments: argparse.Namespace, settings: Settings) -> _Task:
    step_s, horizon_s = _seconds("--step", arguments.step), _seconds("--horizon", arguments.horizon)
    if DAY_S % step_s:
        raise BadInput(f"--step is '{arguments.step}': expected a length that divides the day, such as 5m, 15m or 1h")
    if horizon_s % step_s:
        raise BadInput(
            f"--horizon is '{arguments.horizon}': expected a multiple of --step ({arguments.step}), such as {24 * step_s}s"
        )
    written = tuple(word.strip() for word in arguments.quantiles.split(","))
    levels = [float(word) if re.fullmatch(r"\d*\.?\d+", word) else -1.0 for word in written]
    if not all(0 < level < 1 for level in levels) or len(set(levels)) < len(levels):
        raise BadInput(f"--quantiles is '{arguments.quantiles}': expected different numbers between 0 and 1 such as 0.1,0.5,0.9")
    return _Task(
        step_s, horizon_s // step_s, tuple(sorted(levels)), written, zone_of(arguments.zone, settings), _calendar(arguments),
        _model(arguments.model), arguments.aggregate == "sum",
    )  # fmt: skip


def _seconds(name: str, words: str) -> int:
    told = re.fullmatch(r"\s*(\d+)\s*(s|min|m|h|d|w)\s*", words.lower())
    if not told or int(told[1]) == 0:
        raise BadInput(f"{name} is '{words}': expected a time such as 15m, 1h or 7d")
    return int(told[1]) * UNITS_S[told[2]]


def _calendar(arguments: argparse.Namespace) -> Any:
    from forecasting.calendar import Calendar, CalendarError, parse_calendar, parse_opening, parse_weekdays, require_country

    try:
        told = arguments.calendar
        if told is None:
            calendar = Calendar()
        elif told.lower().endswith(".toml"):
            calendar = parse_calendar(_text(Path(told)), told)
        else:
            calendar = Calendar(require_country(told))
        if arguments.workdays is not None:
            calendar = replace(calendar, weekdays=parse_weekdays(arguments.workdays), closes=True)
        if arguments.opening is not None:
            calendar = replace(calendar, opening=parse_opening(arguments.opening))
    except CalendarError as fault:
        raise BadInput("\n".join(fault.faults)) from None
    return calendar


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise BadInput(
            f"--calendar is '{path}', which cannot be read ({fault}): expected a TOML file as config/calendar.toml"
        ) from None


def _model(name: str) -> Any:
    """None for auto."""
    from forecasting.models.registry import MODELS

    if name == "auto":
        return None
    if name not in MODELS:
        raise BadInput(f"--model is '{name}': expected auto or one of {', '.join(MODELS)}")
    return MODELS[name]


@dataclass(frozen=True)
class _Rows:
    """The file: names of the series in the order of their first rows; of each row its series, local second and value, in the
    order of series and time. `is_hour_again`: in the hour that comes a second time when clocks are set back."""

    names: list[str]
    of: Index
    at_us: Stamps
    local_s: Index
    values: Floats
    covariates: Floats
    is_hour_again: np.ndarray[Any, np.dtype[np.bool_]]
    n_repeated: int
    n_unbelievable: int

    @cached_property
    def last_us(self) -> Stamps:
        """Of each series, the time of its last row; where covariates are told ahead, of its last row with a value, if any."""
        last = np.full(len(self.names), np.iinfo(np.int64).min)
        np.maximum.at(last, self.of, self.at_us)
        if len(self.covariates):
            told = np.isfinite(self.values)
            of_told = np.full(len(last), np.iinfo(np.int64).min)
            np.maximum.at(of_told, self.of[told], self.at_us[told])
            last = np.where(of_told > np.iinfo(np.int64).min, of_told, last)
        return np.asarray(last)


def _read_rows(path: Path, task: _Task) -> _Rows:
    from forecasting.belief import beyond_belief
    from forecasting.outlook import LARGEST

    table = read_table(path, ("series", "timestamp", "value"))
    words = table.texts("series")
    at_us, values = table.times("timestamp", task.zone, apart=words), table.numbers("value")
    names = list(dict.fromkeys(words))
    number = {name: k for k, name in enumerate(names)}
    of = np.array([number[word] for word in words], dtype=np.int64)
    covariates = np.array(list(_covariates(table))).reshape(-1, len(of))
    order = np.lexsort((np.arange(len(of)), at_us, of))
    of, at_us, values, covariates = of[order], at_us[order], values[order], covariates[:, order]
    is_again = _local_s(at_us, task.zone) == _local_s(at_us - HOUR_S * SECOND_US, task.zone)
    is_last = np.append((of[1:] != of[:-1]) | (at_us[1:] != at_us[:-1]), True)
    of, at_us, values = of[is_last], at_us[is_last], values[is_last]
    starts = np.flatnonzero(np.diff(of, prepend=-1))
    doubted = np.concatenate([beyond_belief(one, LARGEST) for one in np.split(values, starts[1:])])
    return _Rows(
        names, of, at_us, _local_s(at_us, task.zone), np.where(doubted, np.nan, values), covariates[:, is_last],
        is_again[is_last], int((~is_last).sum()), int(doubted.sum()),
    )  # fmt: skip


def _covariates(table: Table) -> Iterator[Floats]:
    """Every other column that holds numbers."""
    for column in table.frame.columns:
        if column not in ("series", "timestamp", "value"):
            try:
                yield table.numbers(column)
            except BadInput:
                print(f"cityhelm: {table.path}: the column {column} holds words: passed over, expected numbers", file=sys.stderr)


def _local_s(at_us: Stamps, zone: ZoneInfo) -> Index:
    """Seconds that clocks on the wall would count since 1970."""
    import pandas as pd

    distinct, index = np.unique(at_us, return_inverse=True)
    utc = pd.DatetimeIndex(distinct.view("datetime64[us]")).tz_localize("UTC")
    local = utc.tz_convert(zone).tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64)
    return np.asarray(local[index])


@dataclass(frozen=True, slots=True)
class _Origin:
    """A time, the series that are foreseen from it, and the moment up to which rows are known."""

    at_us: int
    until_us: int
    series: tuple[int, ...]


def _read_origins(path: Path | None, rows: _Rows, task: _Task) -> list[_Origin]:
    found: dict[int, set[int]] = {}
    further_us = 0
    if path is None:
        further_us = task.step_s * SECOND_US - 1
        starts_us = _slot_starts_us(rows.last_us, task)
        for series, at_us in enumerate(starts_us.tolist()):
            found.setdefault(at_us, set()).add(series)
    else:
        table = read_table(path, ("origin",), ("series",))
        at = table.times("origin", task.zone)
        if "series" in table:
            number = {name: k for k, name in enumerate(rows.names)}
            for row, (name, at_us) in enumerate(zip(table.texts("series"), at.tolist(), strict=True)):
                if name not in number:
                    raise table.fault("series", row, "a series of the input")
                found.setdefault(at_us, set()).add(number[name])
        else:
            every = set(range(len(rows.names)))
            found = dict.fromkeys(at.tolist(), every)
    return [_Origin(at_us, at_us + further_us, tuple(sorted(found[at_us]))) for at_us in sorted(found)]


def _slot_starts_us(at_us: Stamps, task: _Task) -> Stamps:
    """The starts of the slots, counted from local midnight, that hold some times."""
    local = _local_s(at_us, task.zone)
    into_slot_us = (local % task.step_s) * SECOND_US + at_us % SECOND_US
    return np.asarray(at_us - into_slot_us)


def _years(origins: list[_Origin], task: _Task) -> tuple[int, int]:
    from datetime import UTC, datetime

    reach_s = task.step_s * (task.horizon + 1)
    first = datetime.fromtimestamp(origins[0].at_us / SECOND_US, UTC).astimezone(task.zone)
    last = datetime.fromtimestamp(origins[-1].at_us / SECOND_US + reach_s, UTC).astimezone(task.zone)
    return first.year, last.year + 1


@dataclass(frozen=True, slots=True)
class _Made:
    """One forecast of one series: (levels × slots ahead)."""

    series: int
    origin_us: int
    model: str
    reason: Any
    values: Floats


@dataclass(frozen=True, slots=True)
class _Part:
    """Series and origins that are looked at together: they share weeks, the phase of their slots, and their trials."""

    series: tuple[int, ...]
    times_us: tuple[int, ...]
    block: int
    phase_s: int


def _foresee(rows: _Rows, origins: list[_Origin], task: _Task, progress: Progress) -> list[_Made]:
    until_us = {origin.at_us: origin.until_us for origin in origins}
    parts = list(_parts(origins, task))
    work = [len(part.series) * len(part.times_us) for part in parts]
    seconds = sum(work) * SECONDS_A_DAY_OF_QUARTERS * DAY_S / task.step_s / 96
    made: list[_Made] = []
    workers = min(os.cpu_count() or 1, len(parts))
    if seconds < WORTH_A_POOL_S or workers < 2:
        for part in parts:
            for of_origin in _look(rows, part, until_us, task):
                made += of_origin
                progress.reach(len(made) / sum(work))
    else:
        context = multiprocessing.get_context("spawn")  # a fork would take along locks of the libraries' threads
        with ProcessPoolExecutor(workers, context, initializer=_work_with, initargs=(rows, until_us, task)) as pool:
            for of_part in pool.map(_look_whole, parts):
                made += of_part
                progress.reach(len(made) / sum(work))
    return sorted(made, key=lambda one: (one.series, one.origin_us))


def _parts(origins: list[_Origin], task: _Task) -> Iterator[_Part]:
    """Of sizes that do not depend on the machine, because what series learn from one another does not either."""
    groups: dict[tuple[tuple[int, ...], int, int], list[int]] = {}
    for origin in origins:
        local = int(_local_s(np.array([origin.at_us]), task.zone)[0])
        groups.setdefault((origin.series, local // (BLOCK_W * 7 * DAY_S), local % task.step_s), []).append(origin.at_us)
    series_at_once = max(AT_ONCE * task.step_s // ((HISTORY_W + BLOCK_W) * 7 * DAY_S), 1)
    for (series, block, phase_s), times in groups.items():
        for first in range(0, len(series), series_at_once):
            for at in range(0, len(times), ORIGINS_AT_ONCE):
                some, those = series[first : first + series_at_once], tuple(times[at : at + ORIGINS_AT_ONCE])
                yield _Part(some, those, block, phase_s)


_SHARED: dict[str, Any] = {}
"""What every part needs, in a process of the pool."""


def _work_with(rows: _Rows, until_us: Mapping[int, int], task: _Task) -> None:
    _SHARED.update(rows=rows, until_us=until_us, task=task)


def _look_whole(part: _Part) -> list[_Made]:
    return [one for of_origin in _look(_SHARED["rows"], part, _SHARED["until_us"], _SHARED["task"]) for one in of_origin]


def _look(rows: _Rows, part: _Part, until_us: Mapping[int, int], task: _Task) -> Iterator[list[_Made]]:
    """Forecasts of some series from each of some origins."""
    from forecasting.outlook import look_ahead
    from forecasting.panel import Panel
    from forecasting.trial import Trials

    step_s, series, times, phase_s = task.step_s, np.array(part.series), part.times_us, part.phase_s
    first_day = (part.block * BLOCK_W - HISTORY_W) * 7
    at = np.array(times)
    targets_us = at[:, None] + np.arange(1, task.horizon + 1) * step_s * SECOND_US
    origin_slot = (_local_s(at, task.zone) - phase_s - first_day * DAY_S) // step_s
    target_slot = ((_local_s(targets_us.ravel(), task.zone) - phase_s - first_day * DAY_S) // step_s).reshape(targets_us.shape)
    ahead = target_slot - origin_slot[:, None] - 1
    reach = int(ahead.max()) + 1
    grid = _Grid(rows, series, first_day * DAY_S + phase_s, int(origin_slot.max()) + 1 + reach, task)
    whole = Panel(grid.values[:, : int(origin_slot.max()) + 1], DAY_S // step_s, first_day, task.calendar, grid.covariates)
    leading = max(min(grid.first_told_day(), int(origin_slot.min()) * step_s // DAY_S - 1), 0)
    trials = Trials(whole.since_day(leading), reach)
    skipped = leading * whole.slots_per_day
    for k, at_us in enumerate(times):
        known = trials.panel.until(int(origin_slot[k]) + 1 - skipped)
        known = grid.as_known(known, int(origin_slot[k]), until_us[at_us])
        outlook = look_ahead(trials, known, task.levels, model=task.model)
        yield [
            _Made(
                int(number), at_us, outlook.models[row], outlook.reasons[row], outlook.quantiles[:, row, np.maximum(ahead[k], 0)]
            )
            for row, number in enumerate(series.tolist())
        ]


class _Grid:
    """Rows of some series laid into slots (series × slots) of `step_s` seconds from a local second on."""

    def __init__(self, rows: _Rows, series: Index, begins_s: int, n_slots: int, task: _Task) -> None:
        self._n_slots, self._task = n_slots, task
        place = np.full(len(rows.names), -1)
        place[series] = np.arange(len(series))
        slot = (rows.local_s - begins_s) // task.step_s
        here = (place[rows.of] >= 0) & (slot >= 0) & (slot < n_slots)
        if task.step_s <= HOUR_S:
            here &= ~rows.is_hour_again
        self._of, self._slot, self._at_us = place[rows.of[here]], slot[here], rows.at_us[here]
        self._rows = rows.values[here]
        self._n = len(series)
        self._is_plain = not ((rows.local_s[here] - begins_s) % task.step_s).any()
        self._count, self.values = self._laid(self._of, self._slot, self._rows, is_sum=task.is_sum)
        self.covariates = (
            np.stack([self._laid(self._of, self._slot, one[here], is_sum=False)[1] for one in rows.covariates])
            if len(rows.covariates) else None
        )  # fmt: skip

    def _laid(self, of: Index, slot: Index, values: Floats, *, is_sum: bool) -> tuple[Floats, Floats]:
        """How many values each slot holds, and their mean or sum; NaN where there is none."""
        told = np.isfinite(values)
        cell = (of * self._n_slots + slot)[told]
        shape = (self._n, self._n_slots)
        count = np.bincount(cell, minlength=self._n * self._n_slots).reshape(shape).astype(float)
        total = np.bincount(cell, values[told], minlength=self._n * self._n_slots).reshape(shape)
        return count, np.divide(total, 1.0 if is_sum else np.maximum(count, 1), out=np.full(shape, np.nan), where=count > 0)

    def first_told_day(self) -> int:
        """Days without any value before the first one."""
        told = self._count.any(axis=0)
        return int(told.argmax()) * self._task.step_s // DAY_S if told.any() else 0

    def as_known(self, panel: Panel, slot: int, until_us: int) -> Panel:
        """`panel` that ends with the slot of an origin, of which only rows up to a moment are known. A sum that is not complete
        says nothing."""
        mine = (self._slot == slot) & np.isfinite(self._rows)
        known = mine & (self._at_us <= until_us)
        if self._is_plain and known.sum() == mine.sum():
            return panel
        count = np.bincount(self._of[known], minlength=self._n)
        total = np.bincount(self._of[known], self._rows[known], minlength=self._n)
        if self._task.is_sum:
            recent = self._count[:, max(slot - 7 * DAY_S // self._task.step_s, 0) : slot]
            usual = np.array([np.median(row[row > 0]) if (row > 0).any() else 1.0 for row in recent])
            last = np.where(count >= usual, total, np.nan)
        else:
            last = np.divide(total, np.maximum(count, 1), out=np.full(self._n, np.nan), where=count > 0)
        return replace(panel, values=np.concatenate([panel.values[:, :-1], last[:, None]], axis=1))


def _write(path: Path, made: list[_Made], rows: _Rows, task: _Task) -> None:
    """Rows in the order of series, origin and time."""
    lengths = [one.values.shape[1] for one in made]
    step_us = task.step_s * SECOND_US
    origin_us = np.repeat(np.array([one.origin_us for one in made]), lengths)
    ahead = np.concatenate([np.arange(1, length + 1) for length in lengths])
    values = np.concatenate([one.values for one in made], axis=1)
    columns: dict[str, Any] = {
        "series": np.repeat(np.array([rows.names[one.series] for one in made], dtype=object), lengths),
        "origin": iso_texts(origin_us, task.zone), "timestamp": iso_texts(origin_us + ahead * step_us, task.zone),
        "model": np.repeat(np.array([one.model for one in made], dtype=object), lengths),
        "note": np.repeat(np.array([_note(one) for one in made], dtype=object), lengths),
    }  # fmt: skip
    for word in task.written:
        columns[f"q{word}"] = _rounded(values[task.levels.index(float(word))])
    write_table(path, columns)


def _note(one: _Made) -> str:
    from forecasting.reasons import sentence

    return sentence(str(one.reason), "en") if one.reason is not None else ""


def _rounded(values: Floats) -> Floats:
    """To six significant digits, which keeps the order."""
    size = np.floor(np.log10(np.maximum(np.abs(values), 1e-30)))
    factor = 10.0 ** (5 - np.clip(size, -20, 20))
    return np.asarray(np.round(values * factor) / factor)
