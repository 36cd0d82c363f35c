"""Who may import whom: the contracts of .importlinter, and the rule for modules that decide."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grimp
import pytest

from tests.support.source import PACKAGES, ROOT, Module, all_modules, product_modules

DECIDING = ("access", "ingest", "forecasting", "alerts", "dispatch", "staffing")
ACTING = {
    "service", "acts", "orders", "closing", "incidents", "resources", "requests", "letters", "doors", "people", "keys", "approvals",
    "reader", "scorer", "jury", "watch", "rehearsal",
    "publishing", "receiving", "notifier", "sources", "rule_acts", "gathering", "books", "moves", "desk", "rating_acts",
}  # fmt: skip
"""Names of modules that act: loops (service) with their hands (reader …), and what changes the world on someone's behalf (acts, orders …,
doors, people). A desk is a part of a service with its own round."""

OUTSIDE = ("storage", "psycopg", "paho", "iot.mqtt", "socket", "subprocess", "requests", "urllib.request")
PUBLISHERS = {"iot", "ingest", "runtime"}


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)


DOORS = ("alerts.channels.",)
"""Folders of which every module acts: the ways out of the house."""


def _deciders() -> list[str]:
    return [
        m.name for m in product_modules()
        if m.package in DECIDING and m.name.rsplit(".", 1)[-1] not in ACTING and not m.name.endswith("_desk")
        and not m.name.startswith(DOORS)
    ]  # fmt: skip


def test_the_contracts_are_kept() -> None:
    """In a process of its own: the linter reconfigures logging for the whole of the one it runs in."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout.partition("Broken contracts")[2] + done.stderr


def test_the_contracts_know_every_package() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter")
    assert tuple(config["importlinter"]["root_packages"].split()) == PACKAGES
    storeys = config["importlinter:contract:layers"]["layers"].replace("|", " ").replace("(", " ").replace(")", " ").split()
    assert set(PACKAGES) <= set(storeys)
    for contract, free in (("sql", {"storage"}), ("screens", {"layouts", "dashboard"})):
        assert set(config[f"importlinter:contract:{contract}"]["source_modules"].split()) == set(PACKAGES) - free


def test_there_are_modules_that_decide() -> None:
    assert {name.split(".")[0] for name in _deciders()} >= {"ingest", "forecasting", "alerts"}


@pytest.mark.parametrize("decider", _deciders())
def test_a_decider_reaches_nothing_outside(decider: str) -> None:
    """Neither itself nor through what it imports: with values in and values out it can be tested, and shown the past."""
    graph = _graph()
    known = graph.modules
    for outside in OUTSIDE:
        if outside not in known and outside.split(".")[0] not in known:
            continue
        target = outside if outside in known else outside.split(".")[0]
        if target != outside and "." in outside:
            continue  # an external library is one node of the graph, whatever part of it is imported
        chain = graph.find_shortest_chain(decider, target)
        if chain is None and target in PACKAGES:
            inside = (graph.find_shortest_chain(decider, child) for child in graph.find_descendants(target))
            chain = next((found for found in inside if found), None)
        assert chain is None, f"{' → '.join(chain)}: expected values instead"


@pytest.mark.parametrize("decider", _deciders())
def test_a_decider_does_not_ask_what_time_it_is(decider: str) -> None:
    (module,) = (m for m in product_modules() if m.name == decider)
    clocks = {"time.time", "time.time_ns", "time.monotonic", "time.perf_counter", "time.sleep", "datetime.now", "date.today"}
    asked = [f"{module.path}:{call.lineno} {name}" for name, call in module.calls() if name in clocks]
    assert asked == [], "now is an argument"


def test_only_those_who_publish_know_the_mqtt_library() -> None:
    importers = {name.split(".")[0] for name in _graph().find_modules_that_directly_import("paho")}
    assert importers <= PUBLISHERS
    doors = {name for name in _graph().find_modules_that_directly_import("paho") if name.startswith("ingest.")}
    assert doors <= {"ingest.service"}


def _imported(module: Module) -> Iterator[str]:
    """Names of the modules that a module imports, wherever in it."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def test_nothing_of_the_product_imports_tests_and_only_the_command_line_benchmarks() -> None:
    importers = {
        (module.name, top)
        for module in product_modules()
        for name in _imported(module)
        if (top := name.split(".")[0]) in ("tests", "benchmarks")
    }
    assert importers <= {("runtime.cli", "benchmarks")}


def test_the_words_import_nothing_of_ours_and_nothing_of_others() -> None:
    imported = {name.split(".")[0] for module in product_modules() if module.package == "domain" for name in _imported(module)}
    assert imported - sys.stdlib_module_names == {"domain"}


def test_modules_are_imported_by_their_whole_name() -> None:
    assert [m.path for m in all_modules() if any(name.startswith(".") for name in _imported(m))] == []
