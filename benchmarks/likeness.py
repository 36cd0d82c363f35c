"""Likeness: how like a real city the demonstration is, in figures that public records of real cities allow.

Twelve weeks of the demonstration from Monday, 2 March 2026 on (its seed, its city, no scenes) and the real sets go through the
same functions (benchmarks._statistics, each with its formula). The sets are looked for in the folder that CITYHELM_DATA names,
else in ../shared/data beside the checkout, laid out as the end of docs/real-data.md says. A set that is not there is reported
as absent and what needs it left out. The figures are one JSON object, the tables of docs/city.md go to standard error.

The ceiling of a correlation is that of two halves of the real record.
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
from benchmarks._statistics import COMPARABLE_WEEKS
from domain.sensors import SensorKind
from gis_data.city import ensure_demo_city
from runtime.settings import SettingsError, load_settings
from runtime.workers import DEMONSTRATION_SEED

FIRST_DAY, WEEKS = date(2026, 3, 2), 12
BESIDE = Path(__file__).parents[2] / "shared" / "data"
FAR_OFF = 0.6
"""A correlation of working days below this says that the shape is another."""

Records = Mapping[str, Record]
SIDES = ("simulated", "real")


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
    """A pair of series and the slots of a day at which they are compared. `is_short` when the real one has few days, which the
    simulated one is then cut to."""

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
"""Whose residuals are compared."""

WITHOUT_ZERO = {"temperature"}
"""Has no natural zero: shares of its mean say nothing."""

GAPS = (
    Course(Pair("people", "people", "melbourne: all"), 24),
    Course(Pair("PM2.5", "pm25", "beijing: pm25"), 24),
    Course(Pair("NO₂", "no2", "beijing: no2"), 24),
    Course(Pair("O₃", "o3", "beijing: o3"), 24),
    Course(Pair("water flow", "water flow", "gecco: flow"), 288),
    Course(Pair("speed, all roads", "speed", "la_speed"), 288),
)
LONG_GAP_H = 6
FILLED_IN = {"la_speed"}
"""Sets whose gaps somebody has closed with straight lines before they were published: what counts as missing is those."""


class Watch(NamedTuple):
    """A pair of series that are searched for stuck sensors: slots of a day, at how many steps others must have moved meanwhile,
    and the decimals that the real ones have (None: those they have)."""

    pair: Pair
    kind: SensorKind
    slots: int
    k: int
    decimals: int | None = None


WATCHES = (
    Watch(Pair("speed, all roads", "speed", "la_speed"), SensorKind.TRAFFIC_FLOW, 288, 12),
    Watch(Pair("places taken in car parks", "car parks", "dresden_parking"), SensorKind.PARKING, 96, 24),
    Watch(Pair("people", "people", "melbourne: all"), SensorKind.CROWD_FLOW, 24, 3, 0),
    Watch(Pair("PM2.5", "pm25", "beijing: pm25"), SensorKind.AIR_QUALITY, 24, 6, 0),
    Watch(Pair("NO₂", "no2", "beijing: no2"), SensorKind.AIR_QUALITY, 24, 6, 0),
)


def measure() -> dict[str, Any]:
    """Runs for a minute or two on one core; returns pure numbers: shares, correlations, ratios."""
    began, began_cpu_s = time.monotonic(), time.process_time()
    real, absent = read_sets(_folder())
    city = SimulatedCity(ensure_demo_city(load_settings(os.environ).city), DEMONSTRATION_SEED, FIRST_DAY, 7 * WEEKS)
    broken = city.broken_shares()
    figures = {
        "name": "likeness",
        "seed": DEMONSTRATION_SEED,
        "first_day": FIRST_DAY.isoformat(),
        "weeks": WEEKS,
        "absent": absent,
        "without_a_real_set": city.not_compared,
        **compared(dict(city.records()), real, broken),
        "lost_share": {kind.type_name: _figure(city.lost_share(kind)) for kind in city.periodic},
        "broken_share": {name: {fault: _figure(share) for fault, share in shares.items()} for name, shares in broken.items()},
        "processor": platform.processor() or platform.machine(),
        "processor_s": round(time.process_time() - began_cpu_s, 1),
        "seconds": round(time.monotonic() - began, 1),
    }
    print(table(figures), file=sys.stderr)
    return figures


def compared(simulated: Records, real: Records, broken: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """All comparisons for which there is a real record. `broken` are shares by kind of device and of fault."""
    curves = [_curve(pair, simulated, real) for pair in CURVES if pair.real in real]
    scatters = [(pair, COMPARABLE_WEEKS, True) for pair in SCATTERS] + [(pair, 1, False) for pair in WITHIN_A_WEEK]
    return {
        "curves": curves,
        "scatter": [_scatter(pair, simulated, real, weeks, by) for pair, weeks, by in scatters if pair.real in real],
        "courses": [_course(course, simulated, real) for course in COURSES if course.pair.real in real],
        "missing": [_missing(course, simulated, real) for course in GAPS if course.pair.real in real],
        "stuck": [_stuck(watch, simulated, real, broken) for watch in WATCHES if watch.pair.real in real],
        "far_off": [f"{each['what']} ({each['set']})" for each in curves if each["workdays"] < FAR_OFF],
    }


def _curve(pair: Pair, simulated: Records, real: Records) -> dict[str, Any]:
    """Correlations of the day curves on working days and at weekends, the swing of both on working days, and the ceiling: how
    alike two halves of the real record are."""
    slots = 48 if pair.simulated in HALF_HOURS else 24
    ours, theirs = simulated[pair.simulated].in_slots(slots), real[pair.real].in_slots(slots)
    is_ratio = pair.simulated not in WITHOUT_ZERO
    curves = {kind: (statistics.day_curve(ours, kind), statistics.day_curve(theirs, kind)) for kind in (WORKDAY, WEEKEND)}
    return {
        **_names(pair),
        "workdays": _figure(statistics.correlation(*curves[WORKDAY])),
        "weekends": _figure(statistics.correlation(*curves[WEEKEND])),
        "ceiling": _figure(statistics.split_half(theirs, WORKDAY)),
        "swing_simulated": _figure(statistics.swing(curves[WORKDAY][0])) if is_ratio else None,
        "swing_real": _figure(statistics.swing(curves[WORKDAY][1])) if is_ratio else None,
    }


def _scatter(pair: Pair, simulated: Records, real: Records, weeks: int, by_weekday: bool) -> dict[str, Any]:
    """Variance-to-mean ratio of counts, and by how much their rate varies from slot to slot and day to day."""
    sides = {}
    for side, record in zip(SIDES, (simulated[pair.simulated], real[pair.real]), strict=True):
        groups = statistics.comparable(record, weeks=weeks, by_weekday=by_weekday)
        found = statistics.scatter(statistics.without_outages(record, groups), groups)
        sides[side] = {name: _figure(value) for name, value in found._asdict().items()}
    return {**_names(pair), **sides}


def _course(course: Course, simulated: Records, real: Records) -> dict[str, Any]:
    """Memory of the residuals after one slot and after an hour, their spread, and what hour and day explain."""
    ours, theirs = simulated[course.pair.simulated].in_slots(course.slots), real[course.pair.real]
    is_ratio = course.pair.simulated not in WITHOUT_ZERO
    if course.is_short:
        ours = statistics.as_long_as(ours, theirs)
    sides = {}
    for side, record in zip(SIDES, (ours, theirs), strict=True):
        left = statistics.residuals(record, statistics.comparable(record))
        sides[side] = {
            "lag_1": _figure(statistics.memory(left)),
            "lag_1_h": _figure(statistics.memory(left, course.slots // 24)),
            "spread": _figure(statistics.relative_spread(record, left)) if is_ratio else None,
            "explained": _figure(statistics.explained_share(record, left)),
        }
    return {**_names(course.pair), "slot_min": 1_440 // course.slots, **sides}


def _missing(course: Course, simulated: Records, real: Records) -> dict[str, Any]:
    """Share of slots without a value, and how much of it are gaps of hours."""
    sides: dict[str, Any] = {}
    least = LONG_GAP_H * course.slots // 24
    names = course.pair.simulated, course.pair.real
    for side, records, name in zip(SIDES, (simulated, real), names, strict=True):
        record = records[name].in_slots(course.slots)
        share = statistics.filled_share(record) if name in FILLED_IN else statistics.missing_share(record)
        sides |= {side: _figure(share, 5), f"{side}_in_long_gaps": _figure(statistics.long_gap_share(record, least))}
    return {**_names(course.pair), "slot_min": 1_440 // course.slots, **sides}


def _stuck(watch: Watch, simulated: Records, real: Records, broken: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Shares of readings that stand still while others move, and of devices that are known to be stuck."""
    shares = []
    for record in (simulated[watch.pair.simulated].in_slots(watch.slots), real[watch.pair.real]):
        read = record if watch.decimals is None else record.with_values(np.round(record.values, watch.decimals))
        shares.append(_figure(statistics.stuck_share(read, watch.k), 5))
    known = _figure(broken[watch.kind.type_name]["stuck"], 5)
    hours = watch.k * 24 / watch.slots
    return {**_names(watch.pair), "least_h": hours, "simulated": shares[0], "known": known, "real": shares[1]}


def table(figures: Mapping[str, Any]) -> str:
    """The figures as the tables of docs/city.md."""
    curves = _rows(
        "| curve of the day | real set | r, working days | r, weekends | ceiling | swing, simulated | real |",
        [
            (f["what"], f["set"], f["workdays"], f["weekends"], f["ceiling"],
             *map(_percent, (f["swing_simulated"], f["swing_real"])))
            for f in figures["curves"]
        ],
    )  # fmt: skip
    scatter = _rows(
        "| counts | real set | variance ÷ mean, simulated | real | sd of slots, simulated | real | of days, simulated | real |",
        [
            (f["what"], f["set"], f["simulated"]["ratio"], f["real"]["ratio"],
             *(_percent(f[side][k]) for k in ("slot_sd", "day_sd") for side in SIDES))
            for f in figures["scatter"]
        ],
    )  # fmt: skip
    courses = _rows(
        "| series | real set | slot, min | memory of a slot, simulated | real | of an hour, simulated | real | spread, simulated "
        "| real | explained, simulated | real |",
        [
            (f["what"], f["set"], f["slot_min"], *(f[side][k] for k in ("lag_1", "lag_1_h") for side in SIDES),
             *(_percent(f[side][k]) for k in ("spread", "explained") for side in SIDES))
            for f in figures["courses"]
        ],
    )  # fmt: skip
    missing = _rows(
        "| missing | real set | slot, min | simulated | real | of it in gaps ≥ 6 h, simulated | real |",
        [
            (f["what"], f["set"], f["slot_min"],
             *map(_percent, (f["simulated"], f["real"], f["simulated_in_long_gaps"], f["real_in_long_gaps"])))
            for f in figures["missing"]
        ],
    )  # fmt: skip
    stuck = _rows(
        "| stuck while others move | real set | at least, h | simulated | known to be stuck | real |",
        [
            (f["what"], f["set"], f"{f['least_h']:g}", *map(_percent, (f["simulated"], f["known"], f["real"])))
            for f in figures["stuck"]
        ],
    )
    absent = f"Absent: {', '.join(figures['absent']) or 'none'}."
    return "\n\n".join(part for part in (curves, scatter, courses, missing, stuck, absent) if part)


def _names(pair: Pair) -> dict[str, str]:
    return {"what": pair.what, "set": pair.real.split(":")[0]}


def _rows(head: str, rows: list[tuple[Any, ...]]) -> str:
    """A table in Markdown; nothing without rows."""
    ruled = "|" + "---|" * (head.count("|") - 1)
    cells = ("| " + " | ".join("–" if cell is None else str(cell) for cell in row) + " |" for row in rows)
    return "\n".join([head, ruled, *cells]) if rows else ""


def _figure(value: float, digits: int = 3) -> float | None:
    """None for what could not be computed: JSON knows no NaN."""
    return round(value, digits) if np.isfinite(value) else None


def _percent(share: float | None) -> str:
    """Two digits that count, three from 10 % on."""
    if share is None:
        return "–"
    return f"{100 * share:.{3 if share >= 0.1 else 2}g} %"


def _folder() -> Path:
    given = os.environ.get("CITYHELM_DATA", "")
    if given and not Path(given).is_dir():
        raise SettingsError([f'CITYHELM_DATA is "{given}": expected the folder of the public data sets, such as ../shared/data'])
    return Path(given) if given else BESIDE
