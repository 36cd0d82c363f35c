"""The demonstration, from one command to an order that a unit acknowledges, and to nothing left behind."""

from __future__ import annotations

import json
import re
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storage.connection import connect
from tests.support.cities import RunningCity, run_cityhelm, running_city, wait_for


def latest_times(city: RunningCity) -> dict[int, int]:
    """When each datastream was last measured, milliseconds since 1970."""
    streams = [stream for device in city.get("/api/map")["devices"] for stream in device["streams"]]
    return {stream["id"]: stream["measured"] for stream in streams if stream["measured"]}


def free_cars(snapshot: dict[str, Any]) -> list[str]:
    """Police cars that may be sent: they are on their way within seconds of the order."""
    return [u["id"] for u in snapshot["units"] if u["status"] == "available" and u["kind"] == "police"]


def call(city: RunningCity, number: str) -> None:
    """A call that comes at any hour: in the small ones of the demonstration's night nobody may call for minutes."""
    place = city.get("/api/map")["devices"][0]
    said = {
        "id": number, "ts": datetime.now(UTC).isoformat(), "event": "incident.reported", "class": "crowd", "severity": 3,
        "position": [place["lon"], place["lat"]], "channel": "110",
    }  # fmt: skip
    done = run_cityhelm(["publish", "city/v1/990101/incident/110/desk-of-the-test/event", json.dumps(said)], city.environ)
    assert done.returncode == 0, done.stderr


def count(city: RunningCity, query: str) -> int:
    with connect(city.backing().database_url) as conn:
        row = conn.execute(query).fetchone()
        assert row is not None
        return int(row[0])


@pytest.mark.long
def test_one_command_from_mqtt_to_the_map_and_back_to_a_unit(home: Path, city_dir: Path) -> None:
    with running_city("demo", home, city_dir) as city:
        assert "The private broker is " in city.said()
        first = wait_for("a first reading", lambda: latest_times(city), within_s=30, city=city)
        wait_for(
            "live readings",
            lambda: any(time != first.get(number) for number, time in latest_times(city).items()),
            within_s=30,
            city=city,
        )
        wait_for("a forecast", lambda: count(city, "SELECT count(*) FROM forecast") > 0, within_s=240, city=city)
        call(city, "of-the-test")
        snapshot = wait_for(
            "an incident and a free unit",
            lambda: "of-the-test" in str((s := city.get("/api/map"))["incidents"]) and free_cars(s) and s,
            within_s=120,
            city=city,
        )
        incident = next(i["id"] for i in snapshot["incidents"] if "of-the-test" in i["id"])
        unit = free_cars(snapshot)[0]
        status, answer = city.post("/api/orders", {"incident": incident, "unit": unit})
        assert status == 200, answer
        status, refusal = city.post("/api/orders", {"incident": incident, "unit": unit})
        assert status == 409
        assert refusal["zh"]
        order_id = answer["object_id"]  # the history has orders of its own
        wait_for(
            "the unit's acknowledgement",
            lambda: count(city, f"SELECT count(*) FROM order_history WHERE order_id = '{order_id}' AND state = 'accepted'"),
            within_s=15,
            city=city,
        )
        wait_for(
            "the unit on its way",
            lambda: count(city, f"SELECT count(*) FROM unit_status WHERE order_id = '{order_id}' AND status = 'enroute'"),
            within_s=60,
            city=city,
        )
        assert count(city, "SELECT count(*) FROM audit_entry WHERE action = 'order.issue' AND outcome = 'refused'") == 1
        assert count(city, "SELECT count(*) FROM audit_entry WHERE action = 'order.issue' AND outcome = 'done'") == 1
        open_links = "SELECT count(*) FROM audit_entry LEFT JOIN audit_chain USING (audit_id) WHERE seq IS NULL"
        wait_for("the audit sealed", lambda: count(city, open_links) == 0, within_s=10, city=city)
        unequal = "SELECT count(*) FROM ingest_ledger WHERE received <> stored + corrected + duplicate + rejected"
        assert count(city, unequal) == 0
        city.process.send_signal(signal.SIGTERM)
        assert city.process.wait(30) == 0
        assert wait_for("every process gone", lambda: city.processes() == [], within_s=10)
        words = "Stopped: everything that was acknowledged is stored, and the same command goes on from there."
        wait_for("its last words", lambda: city.lines[-1] == words, within_s=5)
        faults = [line for line in city.lines if re.search(r"\b(ERROR|CRITICAL|Traceback)\b", line)]
        assert faults == []


@pytest.mark.long
def test_a_killed_supervisor_leaves_no_process_and_the_next_start_continues(home: Path, city_dir: Path) -> None:
    with running_city("demo", home, city_dir) as city:
        wait_for("live readings", lambda: latest_times(city), within_s=30, city=city)
        time.sleep(5)
        before = count(city, "SELECT count(*) FROM observation")
        city.process.send_signal(signal.SIGKILL)
        city.process.wait(10)
        assert wait_for("every process gone", lambda: city.processes() == [], within_s=30)
    with running_city("demo", home, city_dir) as city:
        assert count(city, "SELECT count(*) FROM observation") >= before
        held = latest_times(city)
        wait_for("live again", lambda: any(time != held.get(n) for n, time in latest_times(city).items()), within_s=90, city=city)
        unequal = "SELECT count(*) FROM ingest_ledger WHERE received <> stored + corrected + duplicate + rejected"
        assert count(city, unequal) == 0
