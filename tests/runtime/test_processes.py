"""The table of processes."""

from __future__ import annotations

import sys

from runtime.processes import PROCESSES, command, list_processes


def test_up_is_demo_without_the_simulator() -> None:
    extra = set(list_processes(demo=True)) - set(list_processes(demo=False))
    assert [process.name for process in extra] == ["simulator"]
    assert list_processes(demo=True) == PROCESSES


def test_each_process_is_a_command_of_its_own_name() -> None:
    assert command(PROCESSES[0]) == [sys.executable, "-m", "runtime.cli", "ingest"]


def test_the_table_imports_none_of_what_it_names() -> None:
    import subprocess

    code = "import runtime.processes, sys; print([m for m in sys.modules if m.endswith('.service')])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "[]\n"
