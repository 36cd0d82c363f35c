"""What the broker has acknowledged is stored, once, whatever is killed in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iot.mqtt import BrokerAddress, Publisher, parse_address
from runtime.embedded_broker import find_mosquitto, throwaway_broker
from storage.connection import Connection
from tests.support.cities import CHECKOUT, wait_for

MESSAGES = 8_000
KILLS = 5


def count(conn: Connection, query: str) -> int:
    row = conn.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def publish(broker: BrokerAddress, done: threading.Event) -> None:
    publisher = Publisher(broker, "one-device").open()
    start = datetime.now(UTC) - timedelta(seconds=MESSAGES)
    for k in range(MESSAGES):
        payload = {"id": f"m{k}", "ts": (start + timedelta(seconds=k)).isoformat(), "values": {"pm25": k % 50}}
        publisher.publish("city/v1/990101/air/s1/a1/telemetry", json.dumps(payload).encode())
    publisher.flush()
    publisher.close()
    done.set()


@pytest.mark.long
def test_an_ingester_that_is_killed_five_times_loses_nothing(database_url: str, conn: Connection, home: Path) -> None:
    if find_mosquitto() is None and not os.environ.get("CI"):
        pytest.skip("mosquitto is not installed, and the small embedded broker does not promise this")
    with throwaway_broker() as handle:
        assert handle.protocol == 5, "mosquitto is needed to prove that nothing is lost: apt-get install mosquitto"
        environ = {
            **os.environ, "DATABASE_URL": database_url, "MQTT_URL": handle.url, "CITYHELM_HOME": str(home),
            "CITYHELM_LOG_LEVEL": "warning",
        }  # fmt: skip

        def ingester() -> subprocess.Popen[bytes]:
            return subprocess.Popen([sys.executable, "-m", "runtime.cli", "ingest"], cwd=CHECKOUT, env=environ)

        process = ingester()
        subscribed = "SELECT count(*) FROM process_heartbeat WHERE process = 'ingest' AND (metrics ->> 'subscribed')::boolean"
        wait_for("a subscription", lambda: count(conn, subscribed), within_s=30)
        done = threading.Event()
        thread = threading.Thread(target=publish, args=(parse_address(handle.url), done))
        thread.start()
        for _ in range(KILLS):
            before = count(conn, "SELECT count(*) FROM observation")
            wait_for(
                "some more rows",
                lambda before=before: count(conn, "SELECT count(*) FROM observation") > before or done.is_set(),
                within_s=60,
            )
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            process = ingester()
        thread.join(120)
        assert done.is_set()
        stored = wait_for(
            "every reading stored", lambda: count(conn, "SELECT count(*) FROM observation") >= MESSAGES, within_s=120
        )
        assert stored
        process.terminate()
        assert process.wait(30) == 0
    assert count(conn, "SELECT count(*) FROM observation") == MESSAGES
    assert count(conn, "SELECT sum(stored) FROM ingest_ledger") == MESSAGES
    assert count(conn, "SELECT count(*) FROM ingest_ledger WHERE received <> stored + corrected + duplicate + rejected") == 0
    assert count(conn, "SELECT count(*) FROM dead_letter") == 0
