"""`dispatch`: which unit goes to which head of which incident, from files: the assignment of the live dispatcher."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from runtime.on_files.networks import Places, listed, number_names, numbers_of, read_network
from runtime.on_files.tables import Ints, Table, read_table, require_writable, write_table

if TYPE_CHECKING:
    from gis_data.travel_times import TravelNetwork
    from runtime.settings import Settings

SEVERITIES = (1, 2, 3, 4)
"""1 is the worst."""
MOST_HEADS = 10_000
"""Of one need: a slip of the finger shall not fill the memory."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, columns in (
        ("nodes", "node,lat,lon"), ("arcs", "from,to,travel_s"), ("units", "unit,node,capabilities"),
        ("incidents", "incident,node,severity,needs"), ("output", "incident,unit,capability,travel_s"),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="FILE", help=columns)
    parser.add_argument("--closures", type=Path, metavar="FILE", help="from,to: directed arcs that cannot be driven")
    parser.add_argument("--weights", default="8,4,2,1", help="what a second weighs at severity 1, 2, 3, 4 (8,4,2,1)")
    parser.add_argument("--penalty-s", default="7200", help="seconds that a head not met counts as (7200)")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line of standard output")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    from dispatch.policies.assignment import NOBODY, assign, times_between

    require_writable(arguments.output)
    weights = numbers_of(arguments.weights, "--weights", "8,4,2,1", n=len(SEVERITIES))
    (penalty_s,) = numbers_of(arguments.penalty_s, "--penalty-s", "7200", n=1)
    places, network = read_network(arguments.nodes, arguments.arcs)
    units = read_table(arguments.units, ["unit", "node", "capabilities"], may_be_empty=True)
    asked = read_asked(read_table(arguments.incidents, ["incident", "node", "severity", "needs"], may_be_empty=True), places)
    unit_names = list(number_names(units, "unit"))
    unit_nodes = places.numbers(units, "node")
    skills = [frozenset(listed(cell)) for cell in units.texts("capabilities", may_be_empty=True)]
    if arguments.closures is not None:
        network = _closed(network, read_table(arguments.closures, ["from", "to"], may_be_empty=True), places)

    began = time.perf_counter()
    times_to = network.times_to(asked.nodes)
    travel_seconds = time.perf_counter() - began
    is_capable = np.array([[asked.capabilities[k] in has for k in asked.capability_of] for has in skills], bool)
    is_capable = is_capable.reshape(len(skills), len(asked.capability_of))
    began = time.perf_counter()
    travel_s = times_between(times_to, asked.incident_of, unit_nodes, is_capable)
    plan = assign(travel_s, np.array([weights[s - 1] for s in asked.severities])[asked.incident_of], penalty_s)
    assignment_seconds = time.perf_counter() - began

    write_table(
        arguments.output,
        {
            "incident": [asked.names[k] for k in asked.incident_of],
            "unit": [unit_names[k] if k != NOBODY else None for k in plan.units],
            "capability": [asked.capabilities[k] for k in asked.capability_of],
            "travel_s": np.where(plan.units == NOBODY, np.nan, plan.travel_s),
        },
    )
    n_unmet = int((plan.units == NOBODY).sum())
    if arguments.json:
        print(json.dumps({
            "total_cost": plan.total_cost, "gap": 0.0, "weights": {str(s): weights[s - 1] for s in SEVERITIES},
            "penalty_s": penalty_s, "travel_seconds": round(travel_seconds, 4),
            "assignment_seconds": round(assignment_seconds, 4), "unmet": n_unmet,
        }))  # fmt: skip
    else:
        print(
            f"{len(plan.units) - n_unmet} of {len(plan.units)} heads met by {len(unit_names)} units, cost {plan.total_cost:.0f}; "
            f"{arguments.output}"
        )
    return 0


@dataclass(frozen=True)
class Asked:
    """What the incidents (i) ask for, head by head (h)."""

    names: list[str]
    nodes: Ints
    severities: list[int]
    capabilities: list[str]
    incident_of: Ints
    """(h)"""
    capability_of: Ints
    """(h)"""


def read_asked(table: Table, places: Places) -> Asked:
    """Incidents `incident,node,severity,needs` with needs such as ambulance:2;engine:1. Raises BadInput."""
    names = list(number_names(table, "incident"))
    nodes = places.numbers(table, "node")
    severities = table.numbers("severity", is_required=True)
    capabilities: dict[str, int] = {}
    incident_of, capability_of = [], []
    for row, (severity, cell) in enumerate(zip(severities, table.texts("needs", may_be_empty=True), strict=True)):
        if severity not in SEVERITIES:
            raise table.fault("severity", row, "1 (worst), 2, 3 or 4")
        for need in listed(cell):
            capability, colon, n = (part.strip() for part in need.partition(":"))
            n = n if colon else "1"
            if not capability or not (n.isascii() and n.isdigit() and int(n) <= MOST_HEADS):
                raise table.fault("needs", row, "needs such as ambulance:2;engine:1")
            heads = [capabilities.setdefault(capability, len(capabilities))] * int(n)
            incident_of += [row] * len(heads)
            capability_of += heads
    return Asked(
        names, nodes, [int(s) for s in severities], list(capabilities), np.array(incident_of, np.intp),
        np.array(capability_of, np.intp),
    )  # fmt: skip


def _closed(network: TravelNetwork, closures: Table, places: Places) -> TravelNetwork:
    tails, heads = places.numbers(closures, "from"), places.numbers(closures, "to")
    is_closed = network.arcs_between(tails, heads)
    there = set(zip(network.tails.tolist(), network.heads.tolist(), strict=True))
    n_missing = sum(pair not in there for pair in zip(tails.tolist(), heads.tolist(), strict=True))
    if n_missing:
        print(
            f"cityhelm: {closures.path}: {n_missing} of {len(closures)} closures name no arc; they close nothing", file=sys.stderr
        )
    return network.without(is_closed)
