"""docker-compose.yml is the table of processes, valid, without default passwords; each command is one the program knows."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from runtime.cli import _parser
from runtime.processes import PROCESSES, Process
from runtime.settings import VARIABLES
from tests.support.source import ROOT, document

BACKING = {"database", "broker", "proxy"}
SECRETS = {
    "POSTGRES_PASSWORD", "MQTT_INGEST_PASSWORD", "MQTT_DISPATCHER_PASSWORD", "MQTT_NOTIFIER_PASSWORD", "MQTT_SIMULATOR_PASSWORD",
}  # fmt: skip
OPTIONAL = {"CITYHELM_SMTP_PASSWORD"}
"""Of what a city may do without: empty where it does."""
ONCE = {"migrate", "city"}
"""Services that do one thing at the start and end."""


@cache
def _composition() -> dict[str, Any]:
    composition: dict[str, Any] = yaml.safe_load(document("docker-compose.yml"))
    return composition


def _service(name: str) -> dict[str, Any]:
    services = _composition()["services"]
    assert name in services, f"docker-compose.yml has no service {name}: expected one per row of runtime/processes.py"
    found: dict[str, Any] = services[name]
    return found


def test_the_file_is_valid_by_the_schema_of_the_compose_specification() -> None:
    package = find_spec("check_jsonschema")
    assert package is not None, (
        "check-jsonschema is not installed: expected it, it carries the schema of the compose specification"
    )
    assert package.origin is not None
    schema = json.loads((Path(package.origin).parent / "builtin_schemas/vendor/compose-spec.json").read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(_composition())] == []


def test_the_door_for_devices_adds_to_it_what_compose_knows() -> None:
    door = yaml.safe_load(document("deploy/devices.yml"))
    package = find_spec("check_jsonschema")
    assert package is not None
    assert package.origin is not None
    schema = json.loads((Path(package.origin).parent / "builtin_schemas/vendor/compose-spec.json").read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    assert [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(door)] == []
    assert set(door["services"]) == {"broker"}
    assert set(door["services"]["broker"]["networks"]) <= set(_composition()["networks"])
    assert [port.rsplit(":", 1)[1] for port in door["services"]["broker"]["ports"]] == ["8883"]
    assert "listener 8883" in document("deploy/mosquitto/listeners/devices.conf")


def test_who_speaks_to_the_broker_has_an_account_with_its_own_password() -> None:
    accounts = {
        name: re.fullmatch(r"mqtt://(?:(\w+):\$\{(\w+):[^}]*\}@)?broker:1883", service["environment"]["MQTT_URL"]).groups()  # type: ignore[union-attr]
        for name, service in _composition()["services"].items() if "MQTT_URL" in service.get("environment", {})
    }  # fmt: skip
    assert {name: found for name, found in accounts.items() if found[0]} == {
        name: (name, f"MQTT_{name.upper()}_PASSWORD") for name in ("ingest", "dispatcher", "notifier", "simulator")
    }
    assert set(_service("broker")["environment"]) == {password for _, password in accounts.values() if password}
    for name in ("ingest", "dispatcher", "notifier", "simulator"):
        assert f"user {name}\n" in document("deploy/mosquitto/acl")
        assert f'"$made/accounts.new" {name} "${{MQTT_{name.upper()}_PASSWORD:?' in document("deploy/mosquitto/accounts.sh")


def test_there_is_one_service_per_process_and_no_other() -> None:
    assert set(_composition()["services"]) == {process.name for process in PROCESSES} | BACKING | ONCE


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_a_service_runs_its_row_of_the_table(process: Process) -> None:
    service = _service(process.name)
    assert service["command"] == ["cityhelm", process.name]
    assert service.get("profiles", []) == (["demo"] if process.demo_only else [])
    assert service["restart"] == "unless-stopped"
    assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert service["depends_on"]["broker"] == {"condition": "service_healthy"}


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_a_service_is_asked_for_its_health_as_the_table_says(process: Process) -> None:
    test = _service(process.name)["healthcheck"]["test"]
    assert test[0] == "CMD"
    if process.health == "heartbeat":
        assert test[1:] == ["cityhelm", "status", "--process", process.name]
    else:
        assert test[1:3] == ["python", "-c"]
        assert "http://127.0.0.1:8050/api/health" in test[3]
        compile(test[3], "health check", "exec")


def test_every_command_and_health_check_of_ours_is_understood_by_the_program() -> None:
    for name, service in _composition()["services"].items():
        for line in (service.get("command", []), service.get("healthcheck", {}).get("test", [])[1:]):
            if line and line[0] == "cityhelm":
                _parser().parse_args(line[1:])
            elif line and line[:2] == ["python", "-c"]:
                compile(line[2], name, "exec")


def test_every_service_that_stays_has_a_health_check_and_starts_again() -> None:
    for name, service in _composition()["services"].items():
        if name in ONCE:
            assert service["restart"] == "no"
        else:
            assert service["restart"] == "unless-stopped"
            assert {"test", "interval", "timeout", "retries"} <= service["healthcheck"].keys()


def test_there_is_no_default_password() -> None:
    text = document("docker-compose.yml")
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|SECRET|TOKEN)\w*)([^}]*)\}", text)
    assert {name for name, _ in secrets} == SECRETS | OPTIONAL
    assert all(rest.startswith(":?") for name, rest in secrets if name in SECRETS), "an unset password must stop the start"
    assert all(rest == ":-" for name, rest in secrets if name in OPTIONAL), "nor is there a default for what may be left out"
    assert not re.search(r"PASSWORD: *[\"']?\w", text)
    assert "trust" not in text


def test_the_settings_that_are_given_exist() -> None:
    known = {variable.name for variable in VARIABLES}
    for process in PROCESSES:
        assert set(_service(process.name)["environment"]) <= known
        assert {"DATABASE_URL", "MQTT_URL"} <= set(_service(process.name)["environment"])


def test_the_passwords_are_told_of_in_the_example() -> None:
    for name in SECRETS:
        assert name in document(".env.example")
        assert name in document("docker-compose.yml").split("services:")[0]


def test_nothing_is_open_to_the_world_unless_asked() -> None:
    published = {name: service["ports"] for name, service in _composition()["services"].items() if "ports" in service}
    assert set(published) == {"proxy"}, "passwords travel by TLS alone"
    assert all(port.startswith("${CITYHELM_HOST:-127.0.0.1}:") for port in published["proxy"])
    assert _composition()["networks"]["inside"] == {"internal": True}


def test_the_proxy_speaks_tls_and_http_2_and_keeps_streams_open() -> None:
    said = document("deploy/proxy/nginx.conf")
    for line in (
        "listen 8443 ssl;",
        "http2 on;",
        "ssl_protocols TLSv1.2 TLSv1.3;",
        "proxy_pass http://dashboard:8050;",
        "proxy_buffering off;",
        "proxy_set_header Host $http_host;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
    ):
        assert line in said, line
    proxy = _service("proxy")
    assert [port.rsplit(":", 1)[1] for port in proxy["ports"]] == ["8443"]
    assert proxy["networks"] == ["front"], "it reaches the dashboard and nothing else of ours"


def test_the_dashboard_believes_the_proxy_s_network_and_nobody_else() -> None:
    given = _service("dashboard")["environment"]
    (front,) = _composition()["networks"]["front"]["ipam"]["config"]
    assert given["CITYHELM_PROXIES"] == front["subnet"]
    assert given["CITYHELM_URL"].startswith("${CITYHELM_URL:?"), "where cookies go is said by the city"


def test_processes_run_without_privileges() -> None:
    for name, service in _composition()["services"].items():
        assert service["user"].split(":")[0] not in ("0", "root"), name
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name


def test_images_are_named_with_their_version() -> None:
    for name, service in _composition()["services"].items():
        _, _, tag = service["image"].partition(":")
        assert tag, name
        assert tag != "latest", name
    for image in re.findall(r"^FROM (\S+)", document("Dockerfile"), re.MULTILINE):
        assert ":" in image
        assert not image.endswith(":latest")
    assert re.search(r"^USER (?!root|0)", document("Dockerfile"), re.MULTILINE)


def test_the_database_is_the_one_that_the_tests_know() -> None:
    assert re.fullmatch(r"timescale/timescaledb:2\.29\.\d+-pg18", _service("database")["image"])
    assert _service("database")["environment"]["TIMESCALEDB_TELEMETRY"] == "off", "nothing leaves the network"


def test_the_broker_keeps_what_an_absent_ingester_has_not_had() -> None:
    settings = dict(
        line.split(maxsplit=1)
        for line in document("deploy/mosquitto/mosquitto.conf").splitlines()
        if line and not line.startswith("#")
    )
    assert settings["allow_anonymous"] == "false"
    assert int(settings["max_queued_messages"]) >= 1_000_000
    assert "persist" in settings["plugin"] or settings.get("persistence") == "true"
    major, minor = (int(part) for part in _service("broker")["image"].partition(":")[2].split(".")[:2])
    assert (major, minor) >= (2, 1)


def test_what_is_mounted_from_the_checkout_is_there() -> None:
    for service in _composition()["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in _composition()["volumes"]
