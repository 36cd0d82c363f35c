"""`redeploy`: where free units should stand by, from files: the coverage of the live dispatcher."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from domain.units import UnitStatus
from runtime.bad_input import BadInput
from runtime.on_files.networks import number_names, numbers_of, read_network
from runtime.on_files.tables import read_table, require_writable, write_table

if TYPE_CHECKING:
    from runtime.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, columns in (
        ("nodes", "node,lat,lon"), ("arcs", "from,to,travel_s"), ("bases", "base,node,capacity"), ("units", "unit,base,status"),
        ("demand", "node,weight"), ("output", "unit,from_base,to_base,travel_s,coverage_before,coverage_after"),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="FILE", help=columns)
    parser.add_argument("--target-s", default="720", help="seconds within which a unit covers a node (720)")
    parser.add_argument("--busy", default="0.3", help="share of its time in which a unit cannot be sent (0.3)")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line of standard output")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    from dispatch.redeployment import expected_coverage, plan_moves

    require_writable(arguments.output)
    (target_s,) = numbers_of(arguments.target_s, "--target-s", "720", n=1)
    (busy,) = numbers_of(arguments.busy, "--busy", "0.3", n=1)
    if busy >= 1:
        raise BadInput(f"--busy is {busy:g}: expected a share from 0 to below 1, such as 0.3")
    places, network = read_network(arguments.nodes, arguments.arcs)
    bases = read_table(arguments.bases, ["base", "node", "capacity"])
    number = number_names(bases, "base")
    base_nodes = places.numbers(bases, "node")
    capacities = bases.numbers("capacity", is_required=True, low=0.0)
    uneven = np.flatnonzero(capacities % 1)
    if len(uneven):
        raise bases.fault("capacity", int(uneven[0]), "a whole number of units")
    units = read_table(arguments.units, ["unit", "base", "status"], may_be_empty=True)
    names = list(number_names(units, "unit"))
    stands = units.texts("base")
    for row, base in enumerate(stands):
        if base not in number:
            raise units.fault("base", row, f"a base of {bases.path.name}")
    is_free = np.array([word.lower() == UnitStatus.AVAILABLE.value for word in units.texts("status")], bool)
    demand = read_table(arguments.demand, ["node", "weight"])
    demand_nodes, weights = places.numbers(demand, "node"), demand.numbers("weight", is_required=True, low=0.0)
    free = np.flatnonzero(is_free)
    if capacities.sum() < len(free):
        raise BadInput(
            f"{bases.path} has room for {capacities.sum():g} units and {len(free)} are available: expected room for all of them; "
            "raise capacities"
        )

    times = network.times_from(base_nodes)
    covers = times[:, demand_nodes] <= target_s
    unit_bases = np.array([number[stands[k]] for k in free], np.intp)
    room = capacities.astype(np.intp)
    moves = plan_moves(unit_bases, room, times[:, base_nodes], covers, weights, busy)
    base_names = list(number)
    write_table(
        arguments.output,
        {
            "unit": [names[free[m.unit]] for m in moves],
            "from_base": [base_names[m.from_base] for m in moves],
            "to_base": [base_names[m.to_base] for m in moves],
            "travel_s": [m.travel_s for m in moves],
            "coverage_before": [m.coverage_before for m in moves],
            "coverage_after": [m.coverage_after for m in moves],
        },
    )
    present = np.bincount(unit_bases, minlength=len(base_names)).astype(np.intp)
    before = moves[0].coverage_before if moves else expected_coverage(present, covers, weights, busy)
    after = moves[-1].coverage_after if moves else before
    if arguments.json:
        total = float(weights.sum())
        print(json.dumps({
            "coverage_before": before, "coverage_after": after, "demand": total, "moves": len(moves), "target_s": target_s,
            "busy": busy,
        }))  # fmt: skip
    else:
        print(f"{len(moves)} moves raise the expected coverage from {before:.1f} to {after:.1f}; {arguments.output}")
    return 0
