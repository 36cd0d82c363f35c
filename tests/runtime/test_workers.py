"""Workers: a fault in any part of a process ends the process, so that the supervisor hears of it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from gis_data.city import City
from iot import service
from runtime import workers
from runtime.policy import load_policy
from runtime.settings import load_settings
from storage import ticking
from storage.migrate import SchemaMismatch
from tests.support.source import ROOT


def run_simulator(city: City, tmp_path: Path, stop: threading.Event) -> None:
    environ = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "MQTT_URL": "mqtt://127.0.0.1:1", "CITYHELM_CITY": str(city.path),
    }  # fmt: skip
    policy = load_policy(ROOT / "config/city.toml")
    workers._simulator(load_settings(environ, tmp_path), policy, stop, True)


def test_a_simulator_whose_heartbeat_fails_ends_with_the_fault(
    monkeypatch: pytest.MonkeyPatch, small_city: City, tmp_path: Path
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise SchemaMismatch("the schema is another program's")

    left_by: list[bool] = []
    monkeypatch.setattr(ticking, "run_ticks", fail)
    monkeypatch.setattr(service, "run", lambda *_, stop, **__: left_by.append(stop.wait(10)))
    with pytest.raises(SchemaMismatch, match="another program's"):
        run_simulator(small_city, tmp_path, threading.Event())
    assert left_by == [True], "the devices were told to stop, and could say good-bye"


def test_a_simulator_that_is_told_to_stop_ends_in_peace(
    monkeypatch: pytest.MonkeyPatch, small_city: City, tmp_path: Path
) -> None:
    stop = threading.Event()
    monkeypatch.setattr(ticking, "run_ticks", lambda *_, stop, **__: stop.wait(10))
    monkeypatch.setattr(service, "run", lambda *_, **__: stop.set())
    run_simulator(small_city, tmp_path, stop)
    assert stop.is_set()


def test_the_people_of_the_demonstration_manage_halls_that_are_there(small_city: City) -> None:
    managed = {hall for person in workers.DEMONSTRATION_PEOPLE for hall in person.scope.halls or ()}
    assert managed <= {place.id for place in small_city.places_of("service_hall")}
    assert managed
