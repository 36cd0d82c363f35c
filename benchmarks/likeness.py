"""Likeness: how like a real city the demonstration is, told by numbers that public records of real cities allow.

Twelve weeks from Monday, 2 March 2026 of the demonstration (its seed, its city, no scenes) and the real sets that are there go
through the same functions (benchmarks._statistics, each with its formula). Nothing of the simulator is fitted to any of these
files. The sets are looked for in the folder that CITYHELM_DATA names, else in ../shared/data beside the checkout, laid out as the
end of docs/real-data.md says; a set that is not there is reported as absent, and what needs it is left out. The figures go to
standard output as JSON, the table of docs/city.md to standard error.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks import _statistics as statistics
from benchmarks._real_sets import read_sets
from benchmarks._records import WEEKEND, WORKDAY, Record
from benchmarks._simulated_city import SimulatedCity
from gis_data.city import ensure_demo_city
from runtime.settings import load_settings
from runtime.workers import DEMONSTRATION_SEED

FIRST_DAY, WEEKS = date(2026, 3, 2), 12
BESIDE = Path(__file__).parents[2] / "shared" / "data"
FAR_OFF = 0.6
"""A correlation below this says that the shape is another."""

Records = Mapping[str, Record]


class Pair(NamedTuple):
    """What is compared, in words; the simulated record and the real one, by name."""

    what: str
    simulated: str
    real: str


CURVES = (
    Pair("speed, expressways", "speed: expressways", "la_speed"),
    Pair("speed, all roads", "speed", "la_speed"),
    Pair("places taken in car parks", "car parks", "dresden_parking"),
    Pair("people, stations", "people: station", "melbourne: station"),
    Pair("people, shopping", "people: shopping", "melbourne: shopping"),
    Pair("people, squares", "people: square", "melbourne: open space"),
    Pair("medical calls", "medical calls", "montgomery: medical"),
    Pair("medical calls", "medical calls", "nyc: medical"),
    Pair("medical calls", "medical calls", "sf: medical"),
    Pair("traffic accidents", "accidents", "montgomery: accidents"),
    Pair("fires", "fires", "montgomery: fires"),
    Pair("requests to 12345", "hotline", "houston"),
    Pair("arrivals at halls", "hall arrivals", "bank_calls"),
    Pair("people in line at halls", "hall queues", "mva"),
    Pair("PM2.5", "pm25", "beijing: pm25"),
    Pair("NO₂", "no2", "beijing: no2"),
    Pair("O₃", "o3", "beijing: o3"),
    Pair("air temperature", "temperature", "beijing: temperature"),
    Pair("water flow", "water flow", "gecco: flow"),
)
HALF_HOURS = {"hall arrivals", "hall queues"}
"""Compared by half hours, being open for eight hours only; the others by hours."""

SCATTERS = (
    Pair("arrivals at each hall, half hours", "hall arrivals", "bank_calls"),
    Pair("walk-ins at each hall, half hours", "walk-ins", "bank_calls"),
    Pair("arrivals at all halls, half hours", "hall arrivals: together", "bank_calls"),
    Pair("all incidents, hours", "calls", "montgomery: all"),
    Pair("medical calls, hours", "medical calls", "montgomery: medical"),
    Pair("medical calls, hours", "medical calls", "nyc: medical"),
    Pair("traffic accidents, hours", "accidents", "montgomery: accidents"),
)
WITHIN_A_WEEK = (Pair("all incidents, hours, days of one week", "calls", "sf: all"),)
"""Sets that are too short to hold four of a weekday: days of a kind within a week stand for those."""


class Course(NamedTuple):
    """A pair of series whose residuals are compared: the slots of a day, and the lag of an hour in them. `is_short` when the
    real one has few days, which the simulated one is then cut to."""

    pair: Pair
    slots: int
    is_short: bool = False


COURSES = (
    Course(Pair("speed, expressways", "speed: expressways", "la_speed"), 288, is_short=True),
    Course(Pair("speed, all roads", "speed", "la_speed"), 288, is_short=True),
    Course(Pair("places taken in car parks", "car parks", "dresden_parking"), 96),
    Course(Pair("people", "people", "melbourne: all"), 24),
    Course(Pair("people in line at halls", "hall queues", "mva"), 288, is_short=True),
    Course(Pair("PM2.5", "pm25", "beijing: pm25"), 24),
    Course(Pair("NO₂", "no2", "beijing: no2"), 24),
    Course(Pair("O₃", "o3", "beijing: o3"), 24),
    Course(Pair("air temperature", "temperature", "beijing: temperature"), 24),
)


class Watch(NamedTuple):
    """A pair of series that are searched for stuck sensors: slots of a day, how many steps others must have moved meanwhile, and
    to what the readings are rounded, which is what the real ones resolve (None: left as they are)."""

    pair: Pair
    slots: int
    k: int
    decimals: int | None = None


WATCHES = (
    Watch(Pair("speed, all roads: an hour", "speed", "la_speed"), 288, 12),
    Watch(Pair("car parks: six hours", "car parks", "dresden_parking"), 96, 24),
    Watch(Pair("people: three hours", "people", "melbourne: all"), 24, 3, 0),
    Watch(Pair("PM2.5: six hours", "pm25", "beijing: pm25"), 24, 6, 0),
    Watch(Pair("NO₂: six hours", "no2", "beijing: no2"), 24, 6, 0),
)
MISSING = ("melbourne: all", "beijing: pm25", "beijing: no2", "beijing: o3", "gecco: flow")
FILLED = ("la_speed",)
"""Sets whose gaps can be counted, and one whose gaps have been filled in."""


def measure() -> dict[str, Any]:
    """Runs for a minute or two on one core; returns pure numbers: shares, correlations, ratios."""
    began, began_cpu_s = time.monotonic(), time.process_time()
    real, absent = read_sets(_folder())
    city = SimulatedCity(ensure_demo_city(load_settings(os.environ).city), DEMONSTRATION_SEED, FIRST_DAY, 7 * WEEKS)
    figures = {
        "name": "likeness",
        "seed": DEMONSTRATION_SEED,
        "first_day": FIRST_DAY.isoformat(),
        "weeks": WEEKS,
        "absent": absent,
        "without_a_real_set": city.not_compared,
        **compared(dict(city.records()), real),
        "silent_share": {kind.type_name: _figure(city.silent_share(kind)) for kind in city.periodic},
        "broken_share": city.broken_shares(),
        "processor": platform.processor() or platform.machine(),
        "processor_s": round(time.process_time() - began_cpu_s, 1),
        "seconds": round(time.monotonic() - began, 1),
    }
    print(table(figures), file=sys.stderr)
    return figures


def compared(simulated: Records, real: Records) -> dict[str, Any]:
    """All comparisons for which there is a real record."""
    curves = [_curve(pair, simulated, real) for pair in CURVES if pair.real in real]
    scatters = [(pair, 4, True) for pair in SCATTERS] + [(pair, 1, False) for pair in WITHIN_A_WEEK]
    return {
        "curves": curves,
        "scatter": [_scatter(pair, simulated, real, weeks, by) for pair, weeks, by in scatters if pair.real in real],
        "courses": [_course(course, simulated, real) for course in COURSES if course.pair.real in real],
        "missing": {name: _figure(statistics.missing_share(real[name])) for name in MISSING if name in real},
        "filled": {name: _figure(statistics.filled_share(real[name])) for name in FILLED if name in real},
        "stuck": [_stuck(watch, simulated, real) for watch in WATCHES if watch.pair.real in real],
        "far_off": [f"{each['what']} ({each['set']})" for each in curves if each["workdays"] < FAR_OFF],
    }


def _curve(pair: Pair, simulated: Records, real: Records) -> dict[str, Any]:
    """Correlations of the day curves on working days and at weekends, the swing of both on working days, and the ceiling: how
    alike two halves of the real record are."""
    slots = 48 if pair.simulated in HALF_HOURS else 24
    ours, theirs = simulated[pair.simulated].in_slots(slots), real[pair.real].in_slots(slots)
    curves = {kind: (statistics.day_curve(ours, kind), statistics.day_curve(theirs, kind)) for kind in (WORKDAY, WEEKEND)}
    return {
        **_names(pair),
        "workdays": _figure(statistics.correlation(*curves[WORKDAY])),
        "weekends": _figure(statistics.correlation(*curves[WEEKEND])),
        "ceiling": _figure(statistics.split_half(theirs, WORKDAY)),
        "swing_simulated": _figure(statistics.swing(curves[WORKDAY][0])),
        "swing_real": _figure(statistics.swing(curves[WORKDAY][1])),
    }


def _scatter(pair: Pair, simulated: Records, real: Records, weeks: int, by_weekday: bool) -> dict[str, Any]:
    """Variance-to-mean ratio of counts, and by how much their rate varies from slot to slot and day to day."""
    sides = {}
    for side, record in (("simulated", simulated[pair.simulated]), ("real", real[pair.real])):
        groups = statistics.comparable(record, weeks=weeks, by_weekday=by_weekday)
        found = statistics.scatter(statistics.without_outages(record, groups), groups)
        sides[side] = {name: _figure(value) for name, value in found._asdict().items()}
    return {**_names(pair), **sides}


def _course(course: Course, simulated: Records, real: Records) -> dict[str, Any]:
    """Memory of the residuals after one slot and after an hour, their spread, and what hour and day explain."""
    ours, theirs = simulated[course.pair.simulated].in_slots(course.slots), real[course.pair.real]
    if course.is_short:
        ours = statistics.as_long_as(ours, theirs)
    sides = {}
    for side, record in (("simulated", ours), ("real", theirs)):
        left = statistics.residuals(record, statistics.comparable(record))
        sides[side] = {
            "lag_1": _figure(statistics.memory(left)),
            "lag_1_h": _figure(statistics.memory(left, course.slots // 24)),
            "spread": _figure(statistics.relative_spread(record, left)),
            "explained": _figure(statistics.explained_share(record, left)),
        }
    return {**_names(course.pair), "slot_min": 1_440 // course.slots, **sides}


def _stuck(watch: Watch, simulated: Records, real: Records) -> dict[str, Any]:
    shares = []
    for record in (simulated[watch.pair.simulated].in_slots(watch.slots), real[watch.pair.real]):
        read = record if watch.decimals is None else record.with_values(np.round(record.values, watch.decimals))
        shares.append(_figure(statistics.stuck_share(read, watch.k)))
    return {**_names(watch.pair), "k": watch.k, "slot_min": 1_440 // watch.slots, "simulated": shares[0], "real": shares[1]}


def table(figures: Mapping[str, Any]) -> str:
    """The figures as the tables of docs/city.md."""
    shape = _rows(
        "| curve of the day | real set | r, working days | r, weekends | ceiling | swing simulated | swing real |",
        [
            (f["what"], f["set"], *(f[k] for k in ("workdays", "weekends", "ceiling", "swing_simulated", "swing_real")))
            for f in figures["curves"]
        ],
    )
    scatter = _rows(
        "| counts | real set | ratio simulated | ratio real | slots simulated | slots real | days simulated | days real |",
        [
            (f["what"], f["set"], *(f[side][k] for k in ("ratio", "slot_sd", "day_sd") for side in ("simulated", "real")))
            for f in figures["scatter"]
        ],
    )
    memory = _rows(
        "| series | real set | slot, min | lag 1 simulated | real | an hour simulated | real | spread simulated | real "
        "| explained simulated | real |",
        [
            (f["what"], f["set"], f["slot_min"],
             *(f[side][k] for k in ("lag_1", "lag_1_h", "spread", "explained") for side in ("simulated", "real")))
            for f in figures["courses"]
        ],
    )  # fmt: skip
    stuck = _rows(
        "| stuck while others move | real set | simulated | real |",
        [(f["what"], f["set"], _percent(f["simulated"]), _percent(f["real"])) for f in figures["stuck"]],
    )
    gaps = _rows(
        "| missing | share |",
        [
            *((f"{name}, simulated", _percent(share)) for name, share in figures["silent_share"].items()),
            *((name, _percent(share)) for name, share in figures["missing"].items()),
            *((f"{name}, filled in", _percent(share)) for name, share in figures["filled"].items()),
        ],
    )
    absent = f"Absent: {', '.join(figures['absent']) or 'none'}."
    return "\n\n".join(part for part in (shape, scatter, memory, stuck, gaps, absent) if part)


def _names(pair: Pair) -> dict[str, str]:
    return {"what": pair.what, "set": pair.real.split(":")[0]}


def _rows(head: str, rows: list[tuple[Any, ...]]) -> str:
    """A table in Markdown; nothing without rows."""
    ruled = "|" + "---|" * (head.count("|") - 1)
    cells = ("| " + " | ".join("–" if cell is None else str(cell) for cell in row) + " |" for row in rows)
    return "\n".join([head, ruled, *cells]) if rows else ""


def _figure(value: float) -> float | None:
    """Three digits behind the point; None for what could not be computed, for JSON knows no NaN."""
    return round(value, 3) if np.isfinite(value) else None


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2g} %"


def _folder() -> Path:
    given = os.environ.get("CITYHELM_DATA", "")
    return Path(given) if given else BESIDE
