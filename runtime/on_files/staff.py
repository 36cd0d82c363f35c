"""`staff`: how many windows to open in each interval of a day, from a file: the planner of the live halls."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from runtime.bad_input import BadInput
from runtime.on_files.networks import numbers_of
from runtime.on_files.tables import (
    Floats,
    Ints,
    Stamps,
    Table,
    iso_texts,
    read_table,
    require_writable,
    stamped,
    write_table,
    zone_of,
)
from runtime.progress import Progress

if TYPE_CHECKING:
    from runtime.settings import Settings
    from staffing.simulation import Outcome
    from staffing.transient import Customers

SECOND_US = 1_000_000
SEED = 20_260_302
"""The same file gives the same plan."""
REPORT_DAYS = 1_000
"""Days simulated for the figures that are written."""
LONGEST_DAY_S = 24 * 3600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--arrivals", type=Path, required=True, metavar="FILE", help="timestamp,arrivals: what is expected")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="timestamp,windows,expected_wait_s,p90_wait_s,abandon_share"
    )
    for name, example, words in (
        ("service-time-s", "480", "mean seconds of a service"), ("service-cv", "0.8", "its standard deviation over its mean"),
        ("patience-s", "2700", "mean seconds that somebody waits before giving up"), ("windows", "20", "how many there are"),
        ("target-wait-s", "900", "without --window-hours: what nine of ten should wait at most"),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", required=True, metavar=example, help=words)
    parser.add_argument("--window-hours", metavar="H", help="window-hours of a day; without it as few as the target allows")
    parser.add_argument("--noise", default="0.2", help="relative standard deviation of whole days (0.2)")
    parser.add_argument("--zone", help="of naive times; without it the zone of the deployment")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line of standard output")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    from staffing.transient import Customers

    require_writable(arguments.output)
    zone = zone_of(arguments.zone, settings)
    (service_s,) = numbers_of(arguments.service_time_s, "--service-time-s", "480", n=1, low=1.0)
    (service_cv,) = numbers_of(arguments.service_cv, "--service-cv", "0.8", n=1)
    (patience_s,) = numbers_of(arguments.patience_s, "--patience-s", "2700", n=1, low=1.0)
    (most,) = numbers_of(arguments.windows, "--windows", "20", n=1, low=1.0)
    (target_s,) = numbers_of(arguments.target_wait_s, "--target-wait-s", "900", n=1, low=1.0)
    (noise,) = numbers_of(arguments.noise, "--noise", "0.2", n=1)
    hours = numbers_of(arguments.window_hours, "--window-hours", "120", n=1)[0] if arguments.window_hours else None
    if most % 1 or most > 1_000:
        raise BadInput(f"--windows is '{arguments.windows}': expected a whole number from 1 to 1000, such as 20")
    days = read_days(read_table(arguments.arrivals, ["timestamp", "arrivals"]), zone)

    plans: list[Planned] = []
    with Progress("Planning") as progress:
        for k, day in enumerate(days):
            who = Customers(day.arrivals, day.interval_s, service_s, service_cv, patience_s, noise)

            def tell(share: float, k: int = k) -> None:
                progress.reach((k + share) / len(days))

            plans.append(planned(who, int(most), target_s, hours, tell))
        progress.reach(1.0)
    stamps = np.concatenate([day.stamps for day in days])
    write_table(
        arguments.output,
        {
            "timestamp": stamped(stamps, zone),
            "windows": np.concatenate([each.plan for each in plans]),
            "expected_wait_s": np.concatenate([each.outcome.mean_s for each in plans]).round(1),
            "p90_wait_s": np.concatenate([each.outcome.p90_s for each in plans]).round(1),
            "abandon_share": np.concatenate([each.outcome.abandon_share for each in plans]).round(4),
        },
    )
    for day, each in zip(days, plans, strict=True):
        late = np.flatnonzero(each.outcome.p90_s > target_s * 1.05)
        if hours is None and len(late):
            print(
                f"cityhelm: {arguments.arrivals}: {int(most)} windows are too few for the target of {target_s:g} s in "
                f"{len(late)} intervals from {iso_texts(day.stamps[late[:1]], zone)[0]} on; open more, or expect longer waits",
                file=sys.stderr,
            )
    said = [told(day, each, zone) for day, each in zip(days, plans, strict=True)]
    if arguments.json:
        totals = {name: sum(each[name] for each in said) for name in ("arrivals", "window_hours", "flat_window_hours")}
        worst = {name: max(each[name] for each in said) for name in ("worst_interval_wait_s", "flat_worst_interval_wait_s")}
        print(json.dumps({**totals, **worst, "noise": noise, "days": said}))
    else:
        for figures in said:
            worst_s, flat_s = figures["worst_interval_wait_s"], figures["flat_worst_interval_wait_s"]
            print(
                f"{figures['date']}: {figures['window_hours']:g} window-hours, the worst interval waits {worst_s:.0f} s; "
                f"with a flat roster of equal hours {flat_s:.0f} s"
            )
    return 0


@dataclass(frozen=True)
class DayAsked:
    """The intervals of one local day: their beginnings and what is expected in each."""

    stamps: Stamps
    arrivals: Floats
    interval_s: float


@dataclass(frozen=True)
class Planned:
    """A plan, the flat one of equal hours, and what both do to the same simulated days."""

    plan: Ints
    outcome: Outcome
    flat: Ints
    flat_outcome: Outcome


def planned(who: Customers, most: int, target_s: float, hours: float | None, tell: Any) -> Planned:
    from staffing.simulation import drawn_days, simulate, summed_up
    from staffing.windows import best_plan, fewest_windows, flat_plan

    n_bins = len(who.arrivals)
    if hours is None:
        plan = fewest_windows(who, most, target_s, seed=SEED, tell=tell)
        window_bins = int(plan.sum())
    else:
        window_bins = int(hours * 3600 / who.interval_s + 1e-9)
        plan = best_plan(who, most, window_bins, tell=tell)
    flat = flat_plan(n_bins, most, window_bins)
    days = drawn_days(who, REPORT_DAYS, SEED + 2)
    return Planned(plan, summed_up(days, simulate(days, plan), n_bins), flat, summed_up(days, simulate(days, flat), n_bins))


def told(day: DayAsked, each: Planned, zone: ZoneInfo) -> dict[str, Any]:
    """The figures of one day."""
    in_hours = day.interval_s / 3600
    return {
        "date": iso_texts(day.stamps[:1], zone)[0][:10], "arrivals": float(day.arrivals.sum()),
        "window_hours": float(each.plan.sum() * in_hours), "mean_wait_s": round(each.outcome.mean_of_all_s, 1),
        "worst_interval_wait_s": round(float(each.outcome.mean_s.max()), 1),
        "worst_p90_s": round(float(each.outcome.p90_s.max()), 1), "abandon_share": round(each.outcome.abandon_share_of_all, 4),
        "flat_window_hours": float(each.flat.sum() * in_hours),
        "flat_mean_wait_s": round(each.flat_outcome.mean_of_all_s, 1),
        "flat_worst_interval_wait_s": round(float(each.flat_outcome.mean_s.max()), 1),
        "flat_abandon_share": round(each.flat_outcome.abandon_share_of_all, 4),
    }  # fmt: skip


def read_days(table: Table, zone: ZoneInfo) -> list[DayAsked]:
    """The rows by local day. Raises BadInput for intervals of unequal length, out of order, or twice."""
    stamps = table.times("timestamp", zone)
    arrivals = table.numbers("arrivals", is_required=True, low=0.0)
    steps = np.diff(stamps)
    backwards = np.flatnonzero(steps <= 0)
    if len(backwards):
        raise table.fault("timestamp", int(backwards[0]) + 1, "a later time than in the row before")
    dates = [word[:10] for word in iso_texts(stamps, zone)]
    starts = [0, *(k for k in range(1, len(dates)) if dates[k] != dates[k - 1])]
    step_us = int(steps.min()) if len(steps) else 900 * SECOND_US
    if step_us > LONGEST_DAY_S * SECOND_US // 2:
        raise BadInput(f"{table.path} has intervals of {step_us / SECOND_US / 3600:g} h: expected shorter ones, such as 15 min")
    found = []
    for first, end in zip(starts, [*starts[1:], len(dates)], strict=True):
        uneven = np.flatnonzero(steps[first : end - 1] != step_us)
        if len(uneven):
            row = first + int(uneven[0]) + 1
            minutes = step_us / SECOND_US / 60
            raise table.fault("timestamp", row, f"{minutes:g} min after the row before, as elsewhere")
        found.append(DayAsked(stamps[first:end], arrivals[first:end], step_us / SECOND_US))
    return found
