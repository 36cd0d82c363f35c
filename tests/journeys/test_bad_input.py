"""What is wrong is said in a sentence: what, where, the cure. Nothing starts half."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from storage.connection import Connection
from tests.support.cities import CHECKOUT, run_cityhelm

NOWHERE = "postgresql://someone:secret@127.0.0.1:1/nothing"


def complaint(arguments: list[str], *, exit_code: int, **environ: str) -> str:
    done = run_cityhelm(arguments, environ)
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_busy_port(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = complaint(["demo"], exit_code=1, CITYHELM_HOME=str(home), CITYHELM_PORT=port)
    assert port in said
    assert "CITYHELM_PORT" in said


def test_an_unreachable_database_is_named_without_its_password() -> None:
    said = complaint(["status"], exit_code=1, DATABASE_URL=NOWHERE, MQTT_URL="mqtt://127.0.0.1:1")
    assert "127.0.0.1:1/nothing" in said
    assert "DATABASE_URL" in said
    assert "secret" not in said


def test_an_unreachable_broker(home: Path, database_url: str) -> None:
    said = complaint(
        ["up"], exit_code=1, CITYHELM_HOME=str(home), DATABASE_URL=database_url, MQTT_URL="mqtt://u:secret@127.0.0.1:1"
    )
    assert "127.0.0.1:1" in said
    assert "MQTT_URL" in said
    assert "secret" not in said


def test_a_newer_schema(database_url: str, conn: Connection) -> None:
    conn.execute("INSERT INTO schema_version (version, name, checksum, flavour) VALUES (99, 'later', 'x', 'plain')")
    said = complaint(["migrate"], exit_code=1, DATABASE_URL=database_url, MQTT_URL="mqtt://127.0.0.1:1")
    assert "version 99" in said


def test_every_fault_of_the_policy_is_named_at_once(home: Path) -> None:
    policy = home / "city.toml"
    text = (CHECKOUT / "config" / "city.toml").read_text(encoding="utf-8")
    policy.write_text(text.replace("horizon_h = 24", "horizon_h = 0").replace("detour = 1.3", "detuor = 1.3"), encoding="utf-8")
    said = complaint(["up"], exit_code=2, CITYHELM_CONFIG=str(policy), CITYHELM_HOME=str(home))
    assert "forecast.horizon_h is 0: expected a whole number of hours from 1 to 168, such as 24" in said
    assert "dispatch.detour is missing" in said
    assert "dispatch.detuor is not a key" in said


def test_a_misspelt_setting() -> None:
    said = complaint(["doctor"], exit_code=2, CITYHELM_PROT="8051")
    assert "CITYHELM_PORT" in said


@pytest.mark.parametrize(
    "arguments", [["replay", "config/replays/none.toml", "x.csv"], ["city", "build", "--config", "none.toml", "--out", "x"]]
)
def test_a_file_that_is_not_there(arguments: list[str]) -> None:
    said = complaint(arguments, exit_code=2, DATABASE_URL=NOWHERE, MQTT_URL="mqtt://127.0.0.1:1")
    assert "none.toml" in said
    assert "expected" in said


def test_a_speed_that_is_none() -> None:
    said = complaint(
        ["replay", "a.toml", "b.csv", "--speed", "fast"], exit_code=2, DATABASE_URL=NOWHERE, MQTT_URL="mqtt://127.0.0.1:1"
    )
    assert "--speed is 'fast'" in said


def test_a_command_without_a_running_city_says_how_to_start_one(home: Path) -> None:
    said = complaint(["status"], exit_code=1, CITYHELM_HOME=str(home))
    assert "cityhelm demo" in said


def test_the_demonstration_is_refused_on_an_open_address(home: Path) -> None:
    said = complaint(["demo"], exit_code=1, CITYHELM_HOME=str(home), CITYHELM_HOST="0.0.0.0")
    assert "CITYHELM_HOST" in said


def test_an_unknown_benchmark() -> None:
    assert "latency" in complaint(["bench", "speed-of-light"], exit_code=2)
