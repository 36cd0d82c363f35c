"""What the city stands on: given or private, one supervisor at a time, gone with it, continued at the next start."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from iot.mqtt import parse_address
from runtime import quarters
from runtime.backing import backing, find_running, foresee, settings_on
from runtime.embedded_broker import find_mosquitto, greet
from runtime.quarters import CannotStart
from runtime.settings import Settings, load_settings
from storage.connection import connect
from tests.runtime.conftest import ROOT, copied, family, is_alive, wait_until


@pytest.fixture
def settings(home: Path, made_once: Path) -> Settings:
    """A town that has been started before."""
    (home / "town").mkdir()
    copied(made_once, home / "town/postgres")
    return load_settings({"CITYHELM_HOME": str(home / "town")}, ROOT)


def test_without_urls_both_services_are_private_and_said_so(settings: Settings, told: list[str]) -> None:
    with backing(settings, announce=told.append) as standing:
        connect(standing.database_url).close()
        greet(parse_address(standing.mqtt_url, standing.mqtt_protocol), 5)
        assert standing.database_kind == "private"
        expected = ("mosquitto", 5) if find_mosquitto() else ("amqtt", 4)
        assert (standing.broker_kind, standing.mqtt_protocol) == expected
        assert standing.fault() is None
        assert any(standing.broker_kind in sentence.lower() for sentence in told)
        assert load_settings(settings_on(settings, standing).as_environ()).mqtt_url == standing.mqtt_url


def test_without_mosquitto_amqtt_stands_in_and_its_weakness_is_said(settings: Settings, told: list[str]) -> None:
    with backing(replace(settings, mosquitto="none"), announce=told.append) as standing:
        assert (standing.broker_kind, standing.mqtt_protocol) == ("amqtt", 4)
        greet(parse_address(standing.mqtt_url, 4), 5)
        assert "for demonstrations only" in told[-1]


def test_what_is_given_is_used_and_nothing_else_is_started(settings: Settings, home: Path, told: list[str]) -> None:
    with backing(settings, announce=told.append) as private:
        given = replace(settings_on(settings, private), home=home / "another town")
        with backing(given, announce=told.append) as standing:
            assert (standing.database_kind, standing.broker_kind) == ("given", "given")
            assert (standing.database_url, standing.mqtt_url) == (private.database_url, private.mqtt_url)
            assert standing.fault() is None
        assert sorted(path.name for path in given.home.iterdir()) == ["lock"]


def test_an_unreachable_database_is_named_without_its_password(settings: Settings, told: list[str]) -> None:
    url = f"postgresql://u:open-sesame@127.0.0.1:{quarters.free_port()}/city"
    with (
        pytest.raises(CannotStart, match=r"the database at postgresql://127\.0\.0\.1:\d+/city did not .*DATABASE_URL") as caught,
        backing(replace(settings, database_url=url), announce=told.append),
    ):
        pass
    assert "open-sesame" not in str(caught.value)


def test_an_unreachable_broker_is_named_without_its_password(settings: Settings, told: list[str]) -> None:
    url = f"mqtt://u:open-sesame@127.0.0.1:{quarters.free_port()}"
    with (
        pytest.raises(CannotStart, match=r"the broker at mqtt://127\.0\.0\.1:\d+ did not .*refused.*MQTT_URL") as caught,
        backing(replace(settings, mqtt_url=url), announce=told.append),
    ):
        pass
    assert "open-sesame" not in str(caught.value)
    assert told == [], "nothing was started in vain"


def test_a_second_supervisor_on_the_same_home_is_refused_by_name(settings: Settings, told: list[str]) -> None:
    with (
        backing(settings, announce=told.append),
        pytest.raises(CannotStart, match=f"town is in use by process {os.getpid()}.*set CITYHELM_HOME"),
        backing(settings, announce=told.append),
    ):
        pass


def test_other_commands_find_the_private_services_while_they_run(settings: Settings, told: list[str]) -> None:
    assert find_running(settings) is None
    with backing(settings, announce=told.append) as standing:
        assert find_running(settings) == standing
        assert (settings.home / "running.json").stat().st_mode & 0o077 == 0
    assert find_running(settings) is None


def test_a_private_service_that_ends_by_itself_is_a_fault(settings: Settings, told: list[str]) -> None:
    with backing(settings, announce=told.append) as standing:
        os.kill(int((settings.home / "postgres/cluster/postmaster.pid").read_text().split()[0]), 9)
        assert wait_until(standing.fault)
        assert "the private database in" in (standing.fault() or "")
        assert "signal 9" in (standing.fault() or "")


def test_a_killed_supervisor_leaves_no_process_and_the_next_start_continues(settings: Settings, told: list[str]) -> None:
    code = f"""
import time
from runtime.backing import backing
from runtime.settings import load_settings
from storage.connection import connect
with backing(load_settings({{"CITYHELM_HOME": {str(settings.home)!r}}}), announce=lambda sentence: None) as standing:
    connect(standing.database_url).execute("create table note as select 'kept' as body")
    print("standing", flush=True)
    time.sleep(100)
"""
    supervisor = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == b"standing\n"
    assert find_running(settings) is not None
    everybody = family(supervisor.pid)
    assert len(everybody) > 6, "PostgreSQL with its helpers, and the broker"
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    assert find_running(settings) is None, "a note of the dead is not believed"
    with backing(settings, announce=told.append) as standing, connect(standing.database_url) as conn:
        assert conn.execute("select body from note").fetchone() == ("kept",)
    assert not any(is_alive(pid) for pid in everybody)


def test_a_home_that_cannot_be_made_is_refused_with_the_cure(home: Path, settings: Settings, told: list[str]) -> None:
    (home / "letter").touch()
    with (
        pytest.raises(CannotStart, match=r"letter cannot be used .*set CITYHELM_HOME"),
        backing(replace(settings, home=home / "letter"), announce=told.append),
    ):
        pass


def test_what_will_be_used_can_be_asked_beforehand(settings: Settings, home: Path) -> None:
    settings = replace(settings, home=home / "nowhere yet")
    good, bad = foresee(settings)
    assert bad == []
    assert good[0].startswith("Database: a private PostgreSQL 18 in ")
    assert good[1].startswith("Broker: a private one, ")
    assert not settings.home.exists(), "asking starts nothing"
    good, bad = foresee(replace(settings, mqtt_url=f"mqtt://127.0.0.1:{quarters.free_port()}"))
    assert len(good) == len(bad) == 1
    assert bad[0].startswith("the broker at mqtt://127.0.0.1:")
