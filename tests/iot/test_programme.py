"""The programme: commands and times in, scenes out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gis_data.city import City
from iot.control import Effect, ScenarioCommand, decode_command
from iot.payloads import encode
from iot.scenarios import Downpour, HallRush, NetworkOutage, Scene
from iot.simulated.programme import Programme
from iot.simulated.weather import Weather
from tests.iot.test_scenes import MONDAY_8_S, SEED

NOW = datetime.fromtimestamp(MONDAY_8_S, UTC)


def foreseen(scenes: Sequence[Scene]) -> list[Effect]:
    return [Effect(at=datetime.fromtimestamp(scene.end_s, UTC), zh="止", en="over") for scene in scenes]


@pytest.fixture
def programme(paper_city: City) -> Programme:
    return Programme(paper_city, Weather(SEED, ZoneInfo("Asia/Shanghai")), MONDAY_8_S, [], foreseen)


def wanted(name: str, minute: float = 0, stop: float | None = None, **settings: float | str) -> ScenarioCommand:
    """A command for a scenario that begins and stops so many minutes from 08:00 on."""
    return ScenarioCommand(
        id=f"{name}-{minute}", ts=NOW, start=NOW + timedelta(minutes=minute),
        stop=None if stop is None else NOW + timedelta(minutes=stop), settings=settings,
    )  # fmt: skip


def kinds(programme: Programme, minute: float) -> set[str]:
    return {type(scene).__name__ for scene in programme.scenes(MONDAY_8_S + 60 * minute)}


def test_scenarios_run_side_by_side_each_from_its_start_to_its_last_effect(programme: Programme) -> None:
    for name, minute in (("hall-surge", 0), ("network-failure", 30), ("rainstorm", 40)):
        command = wanted(name, minute)
        assert programme.hear(name, command, MONDAY_8_S) == command
    assert kinds(programme, 10) == {"HallRush"}
    assert kinds(programme, 35) == {"HallRush", "NetworkOutage"}
    assert kinds(programme, 44) == {"HallRush", "NetworkOutage", "Downpour"}
    assert kinds(programme, 91) == {"Downpour"}
    assert [(r.name, r.start, r.ends) for r in programme.running()][:1] == [("hall-surge", NOW, NOW + timedelta(minutes=90))]
    assert programme.settle(MONDAY_8_S + 60 * 91) == ["hall-surge", "network-failure"]
    # 40 min until it begins, 2½ h of rain, and a day until its water has run off.
    assert kinds(programme, 40 + 150 + 1_439) == {"Downpour"}
    assert programme.settle(MONDAY_8_S + 60 * (40 + 150 + 1_440)) == ["rainstorm"]
    assert programme.running() == []


def test_what_is_told_twice_is_done_once(programme: Programme) -> None:
    command = wanted("rainstorm")
    assert programme.hear("rainstorm", command, MONDAY_8_S) == command
    before = programme.scenes(MONDAY_8_S + 600)
    assert programme.hear("rainstorm", command, MONDAY_8_S + 600) == command
    assert programme.scenes(MONDAY_8_S + 600) == before


def test_a_stop_ends_the_rain_and_the_water_stays(programme: Programme) -> None:
    programme.hear("rainstorm", wanted("rainstorm"), MONDAY_8_S)
    stop = wanted("rainstorm", stop=50)
    assert programme.hear("rainstorm", stop, MONDAY_8_S + 3_000) == stop
    (running,) = programme.running()
    assert running.stopped == running.ends == NOW + timedelta(minutes=50)
    rains = [scene for scene in programme.scenes(MONDAY_8_S + 3_600) if isinstance(scene, Downpour)]
    assert len(rains) == 3, "those that had begun: at 08:00, 08:18:45 and 08:37:30"
    assert {rain.stops_s for rain in rains} == {MONDAY_8_S + 3_000}
    # stopped for good: the same command again, without or with a later stop, changes nothing
    assert programme.hear("rainstorm", wanted("rainstorm"), MONDAY_8_S + 3_100) == stop
    assert programme.hear("rainstorm", wanted("rainstorm", stop=70), MONDAY_8_S + 3_100) == stop


def test_a_scenario_that_was_stopped_can_be_started_again_on_top_of_what_is_left_of_it(programme: Programme) -> None:
    programme.hear("rainstorm", wanted("rainstorm", stop=15), MONDAY_8_S)
    again = wanted("rainstorm", 60)
    assert programme.hear("rainstorm", again, MONDAY_8_S + 3_600) == again
    starts = {round((scene.start_s - MONDAY_8_S) / 60) for scene in programme.scenes(MONDAY_8_S + 60 * 61)}
    assert starts == {0, 60}


def test_one_that_is_stopped_before_it_begins_never_was(programme: Programme) -> None:
    programme.hear("hall-surge", wanted("hall-surge", 60), MONDAY_8_S)
    assert programme.hear("hall-surge", wanted("hall-surge", 60, stop=1), MONDAY_8_S + 60) is None
    assert programme.running() == []
    assert kinds(programme, 61) == set()


def test_while_it_runs_another_command_is_refused_and_the_first_stands(programme: Programme) -> None:
    first = wanted("hall-surge")
    programme.hear("hall-surge", first, MONDAY_8_S)
    assert programme.hear("hall-surge", wanted("hall-surge", 5), MONDAY_8_S + 300) == first
    (refusal,) = programme.refusals()
    assert (refusal.command, refusal.reason) == ("hall-surge-5", "hall-surge has been running since 08:00: stop it first")


def test_what_cannot_be_planned_is_refused_with_the_reason(programme: Programme) -> None:
    assert programme.hear("hall-surge", wanted("hall-surge", factor=99), MONDAY_8_S) is None
    assert programme.hear("flood", wanted("flood"), MONDAY_8_S) is None
    reasons = [refusal.reason for refusal in programme.refusals()]
    assert "factor is '99': expected a number from 1 to 20" in reasons[0]
    assert "there is no scenario 'flood'" in reasons[1]


def test_a_simulator_started_again_goes_on_as_if_it_had_run_all_the_time(paper_city: City, programme: Programme) -> None:
    commands = {name: wanted(name, stop=stop) for name, stop in (("rainstorm", 50), ("metro-breakdown", None))}
    for name, command in commands.items():
        programme.hear(name, command, MONDAY_8_S)
    again = Programme(paper_city, Weather(SEED, ZoneInfo("Asia/Shanghai")), MONDAY_8_S + 3_000, [], foreseen)
    for name, command in commands.items():
        again.hear(name, decode_command(encode(command)), MONDAY_8_S + 3_000)
    assert again.scenes(MONDAY_8_S + 3_060) == programme.scenes(MONDAY_8_S + 3_060) != []
    assert again.running() == programme.running()


def test_what_was_over_while_the_simulator_was_off_is_not_taken_up(programme: Programme) -> None:
    assert programme.hear("network-failure", wanted("network-failure"), MONDAY_8_S + 901) is None
    assert programme.hear("hall-surge", wanted("hall-surge"), MONDAY_8_S + 901) is not None
    assert {type(scene) for scene in programme.scenes(MONDAY_8_S + 901)} == {HallRush}


def test_a_district_is_cut_off_while_its_outage_lasts(programme: Programme) -> None:
    programme.hear("network-failure", wanted("network-failure", districts="990102"), MONDAY_8_S)
    (outage,) = programme.scenes(MONDAY_8_S + 60)
    assert isinstance(outage, NetworkOutage)
    assert outage.district_codes == ("990102",)
