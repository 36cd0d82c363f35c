"""A whole city run as its user runs it: `cityhelm …` in a process of its own, with a home and a port of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dashboard.door import DoorPolicy
from domain.rights import Actor, Role
from runtime.backing import Backing, find_running
from runtime.quarters import free_port
from runtime.settings import load_settings
from tests.support.visitors import session_cookie

CHECKOUT = Path(__file__).parents[2]

VISITOR = Actor("test-commander", Role.COMMANDER)
SEED, DETAIL, MAX_ZOOM = 8, 0.35, 12
"""Of the small demonstration city: fewer streets, fewer zooms."""


def run_cityhelm(
    arguments: Sequence[str], environ: dict[str, str], *, timeout_s: float = 120
) -> subprocess.CompletedProcess[str]:
    """One `cityhelm` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "runtime.cli", *arguments],
        cwd=CHECKOUT, env={**os.environ, **environ}, capture_output=True, text=True, timeout=timeout_s, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@dataclass(slots=True)
class RunningCity:
    """A `cityhelm demo` or `up` that is running."""

    process: subprocess.Popen[str]
    environ: dict[str, str]
    url: str
    lines: list[str] = field(default_factory=list)
    cookie: str | None = None

    def said(self) -> str:
        return "\n".join(self.lines)

    def get(self, path: str) -> Any:
        request = urllib.request.Request(f"{self.url}{path}", headers=self.signed_in())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def signed_in(self) -> dict[str, str]:
        """The cookie of a commander, in a city that was started without a way to say who one is as well."""
        if self.cookie is None:
            self.cookie = f"{DoorPolicy().cookie}={session_cookie(self.backing().database_url, VISITOR)}"
        return {"Cookie": self.cookie}

    def post(self, path: str, payload: dict[str, Any]) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"{self.url}{path}",
            json.dumps(payload).encode(),
            {"Content-Type": "application/json", "Origin": self.url, **self.signed_in()},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as fault:
            return fault.code, json.loads(fault.read())

    def backing(self) -> Backing:
        standing = find_running(load_settings(self.environ, CHECKOUT))
        assert standing is not None, self.said()
        return standing

    def processes(self) -> list[int]:
        """Every living process that was started with this city's home, except the supervisor itself."""
        mark = f"CITYHELM_HOME={self.environ['CITYHELM_HOME']}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) not in (os.getpid(), self.process.pid):
                try:
                    if mark in (entry / "environ").read_bytes() and not _is_dead(entry):
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found


def _is_dead(entry: Path) -> bool:
    return (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] in ("Z", "X")


def wait_for(what: str, condition: Callable[[], Any], *, within_s: float, city: RunningCity | None = None) -> Any:
    """The first true answer of `condition`. Fails with the city's own words when it does not come."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        if city is not None and city.process.poll() is not None:
            break
        time.sleep(0.25)
    raise AssertionError(
        f"{what} did not happen within {within_s:.0f} s" + (f"; the city said:\n{city.said()[-6000:]}" if city else "")
    )


@contextmanager
def city_home() -> Iterator[Path]:
    """A home that an unprivileged service user can reach, also when pytest's own directories are private."""
    with tempfile.TemporaryDirectory(prefix="cityhelm-test-", dir="/var/tmp") as place:
        Path(place).chmod(0o755)
        yield Path(place)


@contextmanager
def running_city(command: str, home: Path, city: Path, **more: str) -> Iterator[RunningCity]:
    """`cityhelm COMMAND` until it is ready; SIGTERM (and after a while SIGKILL) on leaving if it still runs."""
    port = free_port()
    environ = {"CITYHELM_HOME": str(home), "CITYHELM_CITY": str(city), "CITYHELM_PORT": str(port), **more}
    process = subprocess.Popen(
        [sys.executable, "-m", "runtime.cli", command],
        cwd=CHECKOUT, env={**os.environ, **environ}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    running = RunningCity(process, environ, f"http://127.0.0.1:{port}")
    assert process.stdout is not None
    reader = threading.Thread(
        target=lambda: running.lines.extend(line.rstrip("\n") for line in iter(process.stdout.readline, "")), daemon=True
    )  # type: ignore[union-attr]
    reader.start()
    try:
        wait_for("ready", lambda: re.search(r"CityHelm is ready", running.said()), within_s=180, city=running)
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        reader.join(5)
        process.stdout.close()
