"""Dispatch: 300 units to 50 incidents with their travel times, one incident alone, roads closed and all planned again, on a
generated network of 54,000 nodes and on Manhattan's where ../shared/data has it; what exactness is worth when units are scarce.

The ceiling of the travel times is scipy's Dijkstra on a matrix that is there already, for the same targets in the same run; the
assignment has none but zero, and is printed by itself.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from dispatch.policies.assignment import Plan, assign, assign_first_come, times_between
from gis_data.travel_times import Floats, Ints, TravelNetwork

PROMISES = {"plan_s": 1.5, "one_incident_s": 0.2, "closure_and_plan_s": 1.5, "saved_under_scarcity": 0.4}
N_UNITS, N_INCIDENTS = 300, 50
SIDE = 233
"""Nodes along each side of the generated network: 54,289."""
BLOCK_S = (6.0, 24.0)
"""A block of 100 m at 60 and at 15 km/h."""
FLOODED = 5
FLOODED_SHARE = 0.03
"""Radius of a flooded disc over the width of the network."""
CAPABILITIES = 4
PENALTY_S = 7_200.0
WEIGHTS = np.array([8.0, 4.0, 2.0, 1.0])
TIMES = 5
SHARED = Path(__file__).parents[2] / "shared" / "data" / "manhattan_jemss"
DAY_S = 86_400.0
"""Manhattan's arcs are in days."""


def measure() -> dict[str, Any]:
    """Runs for about half a minute."""
    figures: dict[str, Any] = {"name": "dispatch", "units": N_UNITS, "incidents": N_INCIDENTS}
    figures["generated"] = _measured(*_generated(np.random.default_rng(1)))
    if SHARED.is_dir():
        figures["manhattan"] = _measured(*_manhattan())
    else:
        figures["manhattan"] = f"absent: {SHARED.name} is not in ../shared/data"
    networks = [each for each in (figures["generated"], figures["manhattan"]) if isinstance(each, dict)]
    worst = {name: max(each[name] for each in networks) for name in PROMISES}
    saved = min(each["saved_under_scarcity"] for each in networks)
    meets = {name: worst[name] <= PROMISES[name] for name in PROMISES}
    meets["saved_under_scarcity"] = saved >= PROMISES["saved_under_scarcity"]
    return {**figures, "promises": PROMISES, "meets": meets, "machine": platform.platform()}


def _measured(network: TravelNetwork, lon: Floats, lat: Floats) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    units = rng.integers(0, network.n_nodes, N_UNITS)
    skills = rng.integers(0, CAPABILITIES, N_UNITS)
    incidents = rng.choice(network.n_nodes, N_INCIDENTS, replace=False)
    severity = rng.choice(4, N_INCIDENTS, p=[0.1, 0.2, 0.3, 0.4])

    def planned(network: TravelNetwork, heads_per_incident: int) -> tuple[Plan, Plan, Plan]:
        """The plan; and what the usual ways make of the same times: in the order of calls, and the gravest first."""
        of = np.repeat(np.arange(N_INCIDENTS), heads_per_incident)
        asked = np.tile(np.arange(heads_per_incident) % CAPABILITIES, N_INCIDENTS)
        times = times_between(network.times_to(incidents), of, units, skills[:, None] == asked[None, :])
        weights = WEIGHTS[severity][of]
        calls = list(range(len(of)))
        return (
            assign(times, weights, PENALTY_S),
            assign_first_come(times, weights, PENALTY_S, calls),
            assign_first_come(times, weights, PENALTY_S, sorted(calls, key=lambda head: severity[of[head]])),
        )

    def plan_once(network: TravelNetwork, incidents: Ints) -> None:
        of = np.repeat(np.arange(len(incidents)), 3)
        asked = np.tile(np.arange(3), len(incidents))
        times = times_between(network.times_to(incidents), of, units, skills[:, None] == asked[None, :])
        assign(times, WEIGHTS[severity[: len(incidents)]][of], PENALTY_S)

    centres = rng.choice(network.n_nodes, FLOODED, replace=False)
    radius = FLOODED_SHARE * (lon.max() - lon.min())

    def close_and_plan() -> None:
        is_wet = np.zeros(network.n_nodes, bool)
        for centre in centres:
            is_wet |= np.hypot(lon - lon[centre], lat - lat[centre]) < radius
        plan_once(network.without(is_wet[network.tails] | is_wet[network.heads]), incidents)

    matrix = csr_array((network.travel_s, (network.heads, network.tails)), shape=(network.n_nodes,) * 2)
    ceiling = _median_s(lambda: dijkstra(matrix, indices=incidents))
    plan = _median_s(lambda: plan_once(network, incidents))
    exact, as_called, gravest_first = planned(network, 10)  # 500 heads for 300 units
    return {
        "nodes": network.n_nodes, "arcs": len(network.travel_s), "plan_s": round(plan, 3),
        "one_incident_s": round(_median_s(lambda: plan_once(network, incidents[:1])), 3),
        "closure_and_plan_s": round(_median_s(close_and_plan), 3), "ceiling_s": round(ceiling, 3),
        "ratio_to_ceiling": round(plan / ceiling, 2),
        "saved_under_scarcity": round(1 - exact.total_cost / as_called.total_cost, 3),
        "saved_against_gravest_first": round(1 - exact.total_cost / gravest_first.total_cost, 3),
        "cost_exact": round(exact.total_cost), "cost_as_called": round(as_called.total_cost),
        "cost_gravest_first": round(gravest_first.total_cost),
    }  # fmt: skip


def _median_s(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return float(np.median(spent))


def _generated(rng: np.random.Generator) -> tuple[TravelNetwork, Floats, Floats]:
    """A grid of streets in both directions, each block as fast as it happens to be."""
    node = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    pairs = np.concatenate([
        np.stack([node[:, :-1].ravel(), node[:, 1:].ravel()], axis=1), np.stack([node[:-1].ravel(), node[1:].ravel()], axis=1),
    ])  # fmt: skip
    tails, heads = np.concatenate([pairs, pairs[:, ::-1]]).T
    network = TravelNetwork(node.size, tails.astype(np.intp), heads.astype(np.intp), rng.uniform(*BLOCK_S, len(tails)))
    return network, (node % SIDE).ravel().astype(float), (node // SIDE).ravel().astype(float)


def _manhattan() -> tuple[TravelNetwork, Floats, Floats]:
    import pandas as pd

    nodes = pd.read_csv(SHARED / "nodes.csv", skiprows=1)
    arcs = pd.read_csv(SHARED / "arcs.csv", skiprows=5)
    arcs = arcs[np.isfinite(arcs["mode_2"])]  # the others are closed to it
    number = pd.Series(np.arange(len(nodes)), index=nodes["index"].to_numpy())
    network = TravelNetwork(
        len(nodes), number[arcs["fromNode"]].to_numpy(np.intp), number[arcs["toNode"]].to_numpy(np.intp),
        arcs["mode_2"].to_numpy(float) * DAY_S,
    )  # fmt: skip
    return network, nodes["x"].to_numpy(float), nodes["y"].to_numpy(float)
