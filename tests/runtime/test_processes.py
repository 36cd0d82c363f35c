"""The table of processes."""

from __future__ import annotations

import sys

import pytest

from runtime.processes import PROCESSES, command, get_process, list_processes


def test_up_is_demo_without_the_simulator() -> None:
    assert set(list_processes(demo=True)) - set(list_processes(demo=False)) == {get_process("simulator")}
    assert list_processes(demo=True) == PROCESSES


def test_each_process_is_a_command_of_its_own_name() -> None:
    assert command(get_process("ingest")) == [sys.executable, "-m", "runtime.cli", "ingest"]
    with pytest.raises(KeyError):
        get_process("planner")


def test_the_table_imports_none_of_what_it_names() -> None:
    import subprocess

    code = "import runtime.processes, sys; print([m for m in sys.modules if m.endswith('.service')])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "[]\n"
