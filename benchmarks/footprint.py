"""Footprint: how long the demonstration takes to live, how long its history takes, and what it needs once that is written.

`cityhelm demo` runs in a home of its own with the whole history, without a viewer. Memory is the proportional set size of all its
processes, private services included (proc(5), smaps_rollup); processor time is what they used during the minutes after the
history, divided by those minutes. The ceiling of the history's rate is a plain binary COPY of as many rows into the same table,
measured on the same database when the city is quiet.
"""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gis_data.city import ensure_demo_city
from runtime import deathbound
from runtime.backing import find_running
from runtime.history import DAYS
from runtime.quarters import free_port
from runtime.settings import load_settings
from storage.connection import connect
from storage.observations import copy_plainly, prepare

QUIET_S = 180.0
PROMISES = {"history_s": 240.0, "memory_mb": 2_500.0, "cores": 1.0}
HISTORY_AT_MOST_S = 1_800.0
CEILING_ROWS = 500_000


def measure() -> dict[str, Any]:
    """Runs for the time of the history and some four minutes; returns seconds, readings per second, megabytes and cores."""
    with tempfile.TemporaryDirectory(prefix="cityhelm-bench-", dir="/var/tmp") as home:
        Path(home).chmod(0o755)  # the private services may run as another user
        environ = {**os.environ, "CITYHELM_HOME": home, "CITYHELM_PORT": str(free_port())}
        settings = load_settings(environ)
        began = time.monotonic()
        ensure_demo_city(settings.city)
        city_s = time.monotonic() - began
        lines = _Lines(environ)
        try:
            ready_s = lines.wait_for(r"CityHelm is ready", 120)
            written_s = lines.wait_for(r"Forecasts of those days: 100%", HISTORY_AT_MOST_S)
            contested_s = lines.wait_for(r"Contest of models on those days: 100%", HISTORY_AT_MOST_S)
            standing = find_running(settings)
            assert standing is not None
            with connect(standing.database_url) as conn:
                row = conn.execute("SELECT count(*) FROM observation").fetchone()
                stored = int(row[0]) if row else 0
                events = conn.execute("SELECT count(*) FROM hall_event").fetchone()
            time.sleep(30)  # rollups and first forecasts of the new history
            quiet = _quiet(lines.pid)
            with connect(standing.database_url) as conn:
                prepare(conn)
                began = time.monotonic()
                copy_plainly(conn, CEILING_ROWS, datetime.now(UTC))
                ceiling = CEILING_ROWS / (time.monotonic() - began)
        finally:
            lines.end()
    rate = stored / written_s
    return {
        "name": "footprint",
        "city_built_s": round(city_s, 1),
        "ready_s": round(ready_s, 1),
        "history_days": DAYS,
        "history_s": round(written_s, 1),
        "contest_s": round(contested_s - written_s, 1),
        "readings": stored,
        "hall_events": int(events[0]) if events else 0,
        "readings_per_s": round(rate),
        "copy_ceiling_rows_per_s": round(ceiling),
        "ratio_to_ceiling": round(rate / ceiling, 3),
        **quiet,
        "promises": PROMISES,
        "is_kept": written_s <= PROMISES["history_s"] and quiet["memory_mb"] <= PROMISES["memory_mb"]
        and quiet["cores"] <= PROMISES["cores"],
        "processor": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
    }  # fmt: skip


class _Lines:
    """A demonstration and what it says."""

    def __init__(self, environ: dict[str, str]) -> None:
        argv = [sys.executable, "-m", "runtime.cli", "demo"]
        self._process = subprocess.Popen(
            deathbound.command(argv, at_parents_death=signal.SIGTERM), env=environ, cwd=Path(__file__).parents[1],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self._began, self._said = time.monotonic(), list[tuple[float, str]]()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, pattern: str, within_s: float) -> float:
        """Seconds from the start to the first line that matches."""
        while time.monotonic() - self._began < within_s:
            for at, line in list(self._said):
                if re.search(pattern, line):
                    return at
            if self._process.poll() is not None:
                break
            time.sleep(0.2)
        said = "".join(line for _, line in self._said[-20:])
        raise TimeoutError(f"the demonstration did not say '{pattern}' within {within_s:.0f} s; its last words:\n{said}")

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(60)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.append((time.monotonic() - self._began, line))


def _quiet(pid: int) -> dict[str, Any]:
    """Memory and processor time of a process and all that it started, over QUIET_S."""
    before, began = cpu_s(pid), time.monotonic()
    peak: dict[str, float] = {}
    while time.monotonic() - began < QUIET_S:
        now = _memory_mb(pid)
        if sum(now.values()) > sum(peak.values()):
            peak = now
        time.sleep(10)
    spent_s = time.monotonic() - began
    after = cpu_s(pid)
    cores = {name: round((after[name] - before.get(name, 0.0)) / spent_s, 3) for name in after}
    return {
        "memory_mb": round(sum(peak.values())),
        "memory_mb_by_process": {name: round(mb) for name, mb in sorted(peak.items())},
        "cores": round(sum(cores.values()), 2),
        "cores_by_process": dict(sorted(cores.items())),
    }


def _family(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    family, at = [pid], 0
    while at < len(family):
        family += parents.get(family[at], [])
        at += 1
    return family


def _name(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
    if not words:
        return "?"
    if "runtime.cli" in words:
        return words[words.index("runtime.cli") + 1]
    return Path(words[0].rstrip(":")).name


def cpu_s(pid: int) -> dict[str, float]:
    """Processor seconds by name; what a process has inherited from children that ended counts with it."""
    spent: dict[str, float] = {}
    for member in _family(pid):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
            name = _name(member)
        except OSError:
            continue
        spent[name] = spent.get(name, 0.0) + sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
    return spent


def _memory_mb(pid: int) -> dict[str, float]:
    used: dict[str, float] = {}
    for member in _family(pid):
        try:
            rollup = Path(f"/proc/{member}/smaps_rollup").read_text()
            name = _name(member)
        except OSError:
            continue
        found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
        if found:
            used[name] = used.get(name, 0.0) + int(found[1]) / 1024
    return used
