"""The processes of the city: one row each. A container runs one row; `cityhelm demo` and `up` run them all."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Process:
    """One process: `cityhelm NAME`, which imports `module` (only then) and calls its `run`."""

    name: str
    module: str
    zh: str
    en: str
    health: Literal["heartbeat", "http"]  # asked of the database, or of the process itself at /api/health
    demo_only: bool = False


PROCESSES = (
    Process("ingest", "ingest.service", "数据接入", "Ingest", "heartbeat"),
    Process("forecaster", "forecasting.service", "预测", "Forecasts", "heartbeat"),
    Process("alerts", "alerts.service", "预警", "Warnings", "heartbeat"),
    Process("dispatcher", "dispatch.service", "调度", "Dispatch", "heartbeat"),
    Process("dashboard", "dashboard.service", "界面", "Dashboard", "http"),
    Process("simulator", "iot.service", "仿真", "Simulator", "heartbeat", demo_only=True),
)


def list_processes(*, demo: bool) -> tuple[Process, ...]:
    """The rows that `cityhelm demo` (or, without the simulator, `cityhelm up`) runs."""
    return tuple(process for process in PROCESSES if demo or not process.demo_only)


def get_process(name: str) -> Process:
    """The row called `name`. Raises KeyError."""
    return {process.name: process for process in PROCESSES}[name]


def command(process: Process) -> list[str]:
    """What starts `process` in an operating system process of its own."""
    return [sys.executable, "-m", "runtime.cli", process.name]
