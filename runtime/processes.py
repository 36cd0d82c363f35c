"""The processes of the city: one row each. A container runs one row; `cityhelm demo` and `up` run them all."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Process:
    """One process: `cityhelm NAME`, whose package is imported only then (`runtime.workers`)."""

    name: str
    zh: str
    en: str
    health: Literal["heartbeat", "http"]  # asked of the database, or of the process itself at /api/health
    demo_only: bool = False


PROCESSES = (
    Process("ingest", "数据接入", "Ingest", "heartbeat"),
    Process("forecaster", "预测", "Forecasts", "heartbeat"),
    Process("alerts", "预警", "Warnings", "heartbeat"),
    Process("dispatcher", "调度", "Dispatch", "heartbeat"),
    Process("planner", "派单规划", "Planner", "heartbeat"),
    Process("notifier", "预警发布", "Publication", "heartbeat"),
    Process("halls", "大厅调度", "Halls", "heartbeat"),
    Process("dashboard", "界面", "Dashboard", "http"),
    Process("simulator", "仿真", "Simulator", "heartbeat", demo_only=True),
)


def list_processes(*, demo: bool) -> tuple[Process, ...]:
    """The rows that `cityhelm demo` (or, without the simulator, `cityhelm up`) runs."""
    return tuple(process for process in PROCESSES if demo or not process.demo_only)


def command(process: Process) -> list[str]:
    """What starts `process` in an operating system process of its own."""
    return [sys.executable, "-m", "runtime.cli", process.name]
