"""Scenes for the runtime: a home that everyone can reach, lodgings of the test's own, an ordinary user's Python."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from runtime import quarters
from runtime.embedded_postgres import private_postgres
from runtime.quarters import ServiceUser

ROOT = Path(__file__).resolve().parents[2]
IS_ROOT = os.geteuid() == 0


@pytest.fixture(autouse=True)
def lodgings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Root's lodgings for services whose home is private, deleted afterwards."""
    with quarters.throwaway(in_memory=False) as directory:
        monkeypatch.setattr(quarters, "LODGINGS", directory)
        yield directory


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that an unprivileged user can reach; pytest's own are private."""
    with quarters.throwaway() as directory:
        yield directory


@pytest.fixture(scope="session")
def made_once() -> Iterator[Path]:
    """The data directory of a stopped private database, to be copied."""
    with quarters.throwaway() as directory:
        with private_postgres(directory / "postgres", fast=True):
            pass
        yield directory / "postgres"


@pytest.fixture
def place(home: Path, made_once: Path) -> Path:
    """The data directory of a private database that has been started before: a first start takes a second."""
    return copied(made_once, home / "postgres")


def copied(made: Path, place: Path) -> Path:
    subprocess.run(["cp", "-a", made, place], check=True)
    return place


@pytest.fixture
def told() -> list[str]:
    """What was announced: pass `told.append`."""
    return []


@pytest.fixture
def python_of_an_ordinary_user(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Python code, with our packages, as somebody who is not root; `home` is given to them."""
    if not IS_ROOT:
        return lambda code: _run([sys.executable, "-c", code])
    nobody = pwd.getpwnam("nobody")
    somebody = ServiceUser("nobody", nobody.pw_uid, nobody.pw_gid)
    python = next(
        (path for path in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3") if _serves(path, somebody)), None
    )
    if python is None or not quarters.is_reachable(ROOT / "runtime", somebody):
        pytest.skip("no Python 3.11 and checkout that an unprivileged user can reach on this machine")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    packages = str(Path(psycopg.__file__).parents[1])
    return lambda code: _run(
        [python, "-c", code],
        {"PYTHONPATH": packages, "PATH": os.defpath, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[],
    )  # fmt: skip


def _serves(python: str, user: ServiceUser) -> bool:
    path = Path(python)
    if not path.exists() or not quarters.is_reachable(path.resolve(), user):
        return False
    asked = "import sys; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([python, "-c", asked], check=False).returncode == 0


def _run(argv: list[str], environ: dict[str, str] | None = None, **whose: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        argv, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60, **whose
    )


def wait_until(is_so: Callable[[], object], within_s: float = 15) -> bool:
    deadline = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def family(pid: int) -> list[int]:
    """A process and everything that it has started, directly or not."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
