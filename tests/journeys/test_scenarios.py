"""Scenarios, switched with the command in a running city: what they do reaches the database the way everything does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storage.connection import connect
from tests.support.cities import RunningCity, run_cityhelm, running_city, wait_for


def scenario(city: RunningCity, *arguments: str) -> Any:
    """What `cityhelm scenario …` answers as JSON."""
    done = run_cityhelm(["scenario", *arguments, "--json"], city.environ)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def number(city: RunningCity, query: str, *values: object) -> float:
    with connect(city.backing().database_url) as conn:
        row = conn.execute(query, values).fetchone()
        assert row is not None
        return float(row[0] or 0)


def highest(city: RunningCity, name: str, since: datetime) -> float:
    """The highest value of a property measured since then."""
    return number(
        city,
        "SELECT max(value) FROM observation JOIN datastream USING (datastream_id) WHERE property = %s AND phenomenon_time > %s",
        name, since,
    )  # fmt: skip


@pytest.mark.long
def test_scenarios_that_are_started_by_command_are_measured_and_stored(home: Path, city_dir: Path) -> None:
    """Ten minutes at the most; three or four as a rule, for which a gauge that speaks every two minutes is to blame."""
    with running_city("demo", home, city_dir) as city:
        simulator = wait_for("the simulator", lambda: scenario(city, "list")["simulator"], within_s=60, city=city)
        assert "running" not in simulator
        since = datetime.now(UTC)
        storm = scenario(city, "start", "rainstorm", "--set", "peak_mm_h=300", "--set", "lasts_min=40")
        expected = [effect["en"] for effect in storm["effects"]]
        rain, river, gathers, slow, shut = (
            next(k for k, words in enumerate(expected) if sign in words)
            for sign in ("mm of rain", "the water begins to rise", "water gathers", "traffic at half its speed", "impassable")
        )
        # So heavy a storm fills an underpass at about the time at which it reaches the first stream.
        assert rain < gathers < slow, expected
        assert rain < river < shut, expected
        assert gathers < shut, expected
        outage = scenario(city, "start", "network-failure", "--set", "lasts_min=1")
        scenario(city, "start", "gas-leak")
        named = [running["name"] for running in scenario(city, "list")["simulator"]["running"]]
        assert named == ["rainstorm", "network-failure", "gas-leak"]
        district = outage["settings"]["districts"].split(",")[0]
        told = "SELECT extract(epoch FROM max(received_time)) FROM device_state WHERE device_id = %s AND state = %s"
        gateway, heard_s = f"{district}/gateway/field/gw-{district}", since.timestamp()
        for state in ("offline", "online"):  # online after that: what it said when it was switched on may still be on its way
            wait_for(
                f"the gateway {state}", lambda: number(city, told, gateway, state) > heard_s,  # noqa: B023
                within_s=150, city=city,
            )  # fmt: skip
            heard_s = number(city, told, gateway, state)
        late = (
            "SELECT count(*) FROM observation JOIN datastream USING (datastream_id) WHERE device_id LIKE %s "
            "AND phenomenon_time > %s AND received_time > phenomenon_time + interval '20 seconds'"
        )
        wait_for("what was kept meanwhile", lambda: number(city, late, f"{district}/%", since), within_s=30, city=city)
        wait_for("ammonia", lambda: highest(city, "nh3", since) >= 1, within_s=240, city=city)
        wait_for("rain", lambda: highest(city, "precipitation", since) >= 1, within_s=300, city=city)
        left = scenario(city, "stop", "rainstorm")["left"]
        assert left["settled"] > left["stopped"]
        assert run_cityhelm(["scenario", "stop", "rainstorm"], city.environ).returncode == 1
