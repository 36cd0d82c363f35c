"""Each command and health check of docker-compose.yml, run as a local process on a database and a broker that are given."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from runtime.embedded_broker import throwaway_broker
from runtime.processes import PROCESSES
from runtime.quarters import free_port
from runtime.supervisor import answers
from tests.support.cities import CHECKOUT, run_cityhelm, wait_for

COMPOSE = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


@contextmanager
def started(arguments: list[str], environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(arguments, cwd=CHECKOUT, env={**os.environ, **environ}, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(30) == 0


def as_local(command: list[str]) -> list[str]:
    """A compose command with the interpreter and the command line of this checkout."""
    program, *rest = command
    return [sys.executable, "-m", "runtime.cli", *rest] if program == "cityhelm" else [sys.executable, *rest]


@pytest.mark.long
def test_every_process_of_compose_runs_alone_and_passes_its_health_check(
    empty_database_url: str, city_dir: Path, home: Path
) -> None:
    port = free_port()
    with throwaway_broker() as broker, ExitStack() as stack:
        environ = {
            "DATABASE_URL": empty_database_url, "MQTT_URL": broker.url, "CITYHELM_CITY": str(city_dir),
            "CITYHELM_PORT": str(port), "CITYHELM_HOME": str(home), "MQTT_PROTOCOL": "5" if broker.protocol == 5 else "3.1.1",
        }  # fmt: skip
        migrated = run_cityhelm(COMPOSE["migrate"]["command"][1:], environ)
        assert migrated.returncode == 0, migrated.stderr
        for process in PROCESSES:
            stack.enter_context(started(as_local(COMPOSE[process.name]["command"]), environ))
        wait_for("the dashboard", answers(f"http://127.0.0.1:{port}/api/health"), within_s=60)
        for process in PROCESSES:
            kind, *check = COMPOSE[process.name]["healthcheck"]["test"]
            assert kind == "CMD"
            here = [word.replace("127.0.0.1:8050", f"127.0.0.1:{port}") for word in as_local(check)]

            def is_well(here: list[str] = here) -> bool:
                done = subprocess.run(here, cwd=CHECKOUT, env={**os.environ, **environ}, capture_output=True, check=False)
                return done.returncode == 0

            wait_for(f"{process.name} being well", is_well, within_s=60)


def test_the_health_check_of_a_process_that_does_not_run_fails(database_url: str) -> None:
    done = run_cityhelm(["status", "--process", "forecaster"], {"DATABASE_URL": database_url, "MQTT_URL": "mqtt://127.0.0.1:1"})
    assert done.returncode == 1
    assert "forecaster: not alive" in done.stdout


@pytest.mark.parametrize("name", [process.name for process in PROCESSES])
def test_every_process_stands_in_compose(name: str) -> None:
    assert COMPOSE[name]["command"] == ["cityhelm", name]
