"""What the simulator plans stays with it: no other part of the product can come by it, not even by way of a third."""

from __future__ import annotations

import grimp
import pytest

from iot.control import CONTROL
from iot.topics import PREFIX, SUBSCRIPTION, parse_topic
from tests.support.source import PACKAGES

OTHERS = tuple(package for package in PACKAGES if package not in ("iot", "runtime"))


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, cache_dir=None)


@pytest.mark.parametrize("package", OTHERS)
@pytest.mark.parametrize("planned", ["iot.scenarios", "iot.control", "iot.simulated"])
def test_nothing_but_the_simulator_comes_by_what_it_plans(graph: grimp.ImportGraph, package: str, planned: str) -> None:
    chains = graph.find_shortest_chains(package, planned, as_packages=True)
    assert not chains, " → ".join(next(iter(chains)))


def test_what_the_simulator_is_told_is_said_where_the_city_s_systems_do_not_listen() -> None:
    assert not CONTROL.startswith(PREFIX.split("/")[0])
    assert SUBSCRIPTION == "city/v1/#"
    assert parse_topic(f"{CONTROL}/scenario/rainstorm") is None
