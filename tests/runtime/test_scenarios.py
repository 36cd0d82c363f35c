"""`cityhelm scenario`: what it answers when there is no city, no broker, no simulator, or no such thing."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shapely

from gis_data.city import write_city
from gis_data.layers import Layer
from iot.control import Effect, Running
from runtime import cli, scenarios
from runtime.embedded_broker import BrokerHandle, throwaway_broker

Answer = tuple[int, str, str]


class Command:
    """`cityhelm` as it is typed, with an environment of its own: exit code, standard output, standard error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> None:
        for name in ("DATABASE_URL", "MQTT_URL", "MQTT_PROTOCOL", "CITYHELM_CITY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("CITYHELM_HOME", str(home))
        monkeypatch.setattr("runtime.logs.configure", lambda level: None)
        self.set, self._capsys = monkeypatch.setenv, capsys

    def __call__(self, *arguments: str) -> Answer:
        code = cli.main(["scenario", *arguments])
        said = self._capsys.readouterr()
        return code, said.out, said.err


@pytest.fixture
def cityhelm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    return Command(monkeypatch, capsys, tmp_path)


@pytest.fixture(scope="module")
def quiet_broker() -> Iterator[BrokerHandle]:
    """A broker to which no simulator has ever spoken."""
    with throwaway_broker() as running:
        yield running


@pytest.fixture
def at_broker(cityhelm: Command, quiet_broker: BrokerHandle, monkeypatch: pytest.MonkeyPatch) -> Command:
    cityhelm.set("MQTT_URL", quiet_broker.url)
    cityhelm.set("MQTT_PROTOCOL", "5" if quiet_broker.protocol == 5 else "3.1.1")
    monkeypatch.setattr(scenarios, "LISTEN_S", 0.3)
    monkeypatch.setattr(scenarios, "CONFIRM_S", 0.5)
    return cityhelm


def last_json(said: str) -> Any:
    return json.loads(said.splitlines()[-1])


def test_an_unknown_scenario_is_told_which_there_are(cityhelm: Command) -> None:
    for verb in ("start", "stop"):
        code, _, complaint = cityhelm(verb, "flood")
        assert code == 2
        assert complaint == (
            "cityhelm: there is no scenario 'flood': expected one of rainstorm, gas-leak, metro-breakdown, hall-surge, "
            "power-failure, network-failure\n"
        )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--set", "lasts_min"), "--set is 'lasts_min': expected NAME=VALUE, such as lasts_min=60"),
        (("--at", "soon"), "--at is 'soon': expected an ISO 8601 time"),
        (("--at", "2020-01-01T09:00"), "--at is '2020-01-01T09:00': expected a time to come"),
    ],
)
def test_what_is_said_wrongly_is_named(cityhelm: Command, arguments: tuple[str, ...], complaint: str) -> None:
    code, _, said = cityhelm("start", "rainstorm", *arguments)
    assert code == 2
    assert complaint in said


def test_where_no_city_is_running_there_is_nothing_to_switch_but_a_list_to_read(cityhelm: Command, tmp_path: Path) -> None:
    for verb in ("start", "stop"):
        code, _, complaint = cityhelm(verb, "rainstorm")
        assert code == 1
        assert complaint.startswith(f"cityhelm: no city is running on {tmp_path}")
    code, said, _ = cityhelm("list", "--json")
    assert code == 0
    assert "rainstorm        暴雨内涝 Rainstorm and urban flood, 150 min" in said
    assert "No simulator is running." in said
    listed = last_json(said)
    assert listed["simulator"] is None
    assert [each["name"] for each in listed["scenarios"]][:2] == ["rainstorm", "gas-leak"]


def test_an_entry_says_what_can_be_asked_of_it_where_there_is_a_city(at_broker: Command, tmp_path: Path) -> None:
    areas = np.array([shapely.box(123.40 + 0.1 * k, 30.2, 123.50 + 0.1 * k, 30.3) for k in range(2)], dtype=object)
    rows = [{"code": f"99010{k + 1}", "name_zh": f"{'西东'[k]}区", "name_en": f"District {k + 1}"} for k in range(2)]
    about = {"name_zh": "纸城", "name_en": "Paper City", "zone": "Asia/Shanghai", "generator": {"name": "paper"}, "sources": []}
    city = write_city(tmp_path / "city", about, {"districts": Layer("districts", areas, rows)}, max_zoom=8)
    at_broker.set("CITYHELM_CITY", str(city.path))
    code, said, _ = at_broker("list", "--json")
    assert code == 0
    assert "--set peak_mm_h=110             雨强峰值 rain at its heaviest, mm/h" in said
    assert "not in this city: Paper City has no place of kind factory with ammonia_t" in said
    storm = last_json(said)["scenarios"][0]
    assert storm["parameters"]["centre"]["choices"] == ["990101", "990102"]


def test_a_broker_that_does_not_answer_is_named_without_its_password(cityhelm: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        cityhelm.set("MQTT_URL", f"mqtt://someone:secret@127.0.0.1:{taken.getsockname()[1]}")
        for arguments in (("list",), ("start", "rainstorm"), ("stop", "rainstorm")):
            code, _, complaint = cityhelm(*arguments)
            assert code == 1
            assert "did not accept a connection" in complaint
            assert "secret" not in complaint


def test_without_a_simulator_the_command_is_kept_and_one_is_told(at_broker: Command) -> None:
    assert "No simulator is running." in at_broker("list")[1]
    code, _, complaint = at_broker("stop", "hall-surge")
    assert (code, complaint) == (
        1, "cityhelm: hall-surge is not switched on: expected one that is; `cityhelm scenario list` shows them\n",
    )  # fmt: skip
    code, _, complaint = at_broker("start", "rainstorm")
    assert code == 1
    assert complaint.startswith("cityhelm: the simulator has not answered within")
    assert "the broker keeps the command for rainstorm" in complaint


def test_each_verb_explains_itself_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("list", "start", "stop"):
        with pytest.raises(SystemExit) as left:
            cli.main(["scenario", verb, "--help"])
        assert left.value.code == 0
        assert f"Example: cityhelm scenario {verb}" in capsys.readouterr().out


def test_what_is_expected_is_told_in_both_languages() -> None:
    start = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
    zone = ZoneInfo("Asia/Shanghai")
    running = Running(
        name="power-failure", zh="停电", en="Power failure", command="c", start=start, ends=start + timedelta(hours=1),
        settled=start + timedelta(days=1), stopped=start,
    )  # fmt: skip
    assert scenarios.describe(running, zone) == [
        "power-failure 停电：09:00 至 10:00（已停止）；影响至迟 2026-03-03 09:00 消退",
        "power-failure Power failure: 09:00 to 10:00 (stopped); last effects gone by 2026-03-03 09:00",
    ]
    later = Effect(at=start + timedelta(minutes=6), zh="恢复供电", en="the power is back")
    assert scenarios.describe_effect(later, start.astimezone(zone)) == [
        "09:06  6 分钟后：恢复供电", "       in 6 min: the power is back",
    ]  # fmt: skip
    assert scenarios.describe_effect(later, later.at.astimezone(zone))[0] == "09:06  现在：恢复供电"
