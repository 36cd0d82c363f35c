"""What the broker has acknowledged is stored, once, whatever is killed, stopped or full in between; and the ledger says so.

Messages are counted by who publishes them. Every journey ends with the same account: as many rows as messages, and a ledger in
which what came is what was stored and what was known already.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from iot.mqtt import Publisher, parse_address
from runtime import quarters
from runtime.embedded_postgres import Server, run_postgres
from storage.connection import Connection, connect
from storage.migrate import migrate
from tests.support.brokers import Mosquitto, private_mosquitto
from tests.support.cities import CHECKOUT, wait_for

ROWS = "SELECT count(*) FROM observation"
TOPIC = "city/v1/990101/air/s1/a{}/telemetry"
DEVICES = 5

KILLED_WHILE_ACKNOWLEDGING = """
import os, signal, sys
import paho.mqtt.client as paho
acknowledge, left = paho.Client.ack, [50]
def ack(self, mid, qos):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return acknowledge(self, mid, qos)
paho.Client.ack = ack
from runtime.cli import main
sys.exit(main(["ingest"]))
"""
"""An ingester that dies when the first batch is committed and fifty of its messages are acknowledged."""


def count(conn: Connection, query: str) -> int:
    row = conn.execute(query).fetchone()
    assert row is not None
    return int(row[0] or 0)


class Device:
    """Publishes counted readings of five sensors in a thread, and goes on whatever happens to the broker."""

    def __init__(self, url: str, messages: int, *, per_s: float = 5_000, first: int = 0) -> None:
        self.messages, self._first, self._per_s = messages, first, per_s
        self._address = parse_address(url)
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._publish)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def finish(self, within_s: float = 120) -> None:
        self._thread.join(within_s)
        assert self.is_done, "the broker did not take everything"
        if self._fault:
            raise self._fault

    def _publish(self) -> None:
        try:
            publisher = Publisher(self._address, f"device-{self._first}").open()
            start, began = datetime.now(UTC) - timedelta(days=1), time.monotonic()
            for k in range(self._first, self._first + self.messages):
                said = {
                    "id": f"m{k}",
                    "ts": (start + timedelta(seconds=k)).isoformat(),
                    "seq": k // DEVICES,
                    "values": {"pm25": k % 50},
                }
                publisher.publish(TOPIC.format(k % DEVICES), json.dumps(said).encode(), timeout_s=120)
                if (ahead_s := (k - self._first) / self._per_s - (time.monotonic() - began)) > 0.02:
                    time.sleep(ahead_s)
            publisher.flush(120)
            publisher.close()
        except Exception as fault:
            self._fault = fault


class Ingest:
    """`cityhelm ingest` in a process of its own; `said` is its log."""

    def __init__(self, environ: dict[str, str], log: Path, *, script: str = "", name: str = "") -> None:
        self._argv = [sys.executable, "-c", script] if script else [sys.executable, "-m", "runtime.cli", "ingest"]
        self._environ = {**os.environ, **environ, "CITYHELM_LOG_LEVEL": "info", "CITYHELM_INGEST_SHARE": name}
        self.client_id = f"cityhelm-ingest-{name}" if name else "cityhelm-ingest"
        self._log = log / f"{self.client_id}.log"
        self.process = self._started()

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def await_subscription(self, conn: Connection) -> None:
        subscribed = (
            "SELECT count(*) FROM process_heartbeat WHERE process = 'ingest' AND (metrics ->> 'subscribed')::boolean "
            f"AND metrics ->> 'client_id' = '{self.client_id}'"
        )
        wait_for("a subscription", lambda: count(conn, subscribed), within_s=30)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def restart(self) -> None:
        self.process = self._started()

    def stop(self) -> float:
        """How many seconds it took to leave in order."""
        began = time.monotonic()
        self.process.terminate()
        assert self.process.wait(30) == 0, self.said
        return time.monotonic() - began

    def _started(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(self._argv, cwd=CHECKOUT, env=self._environ, stdout=log, stderr=log)


@contextmanager
def ingesting(environ: dict[str, str], log: Path, *, script: str = "", name: str = "") -> Iterator[Ingest]:
    ingest = Ingest(environ, log, script=script, name=name)
    try:
        yield ingest
    finally:
        if ingest.process.poll() is None:
            ingest.kill()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[tuple[Mosquitto, str]]:
    with private_mosquitto(tmp_path / "broker") as made:
        yield made


def environ_of(database_url: str, broker_url: str, home: Path) -> dict[str, str]:
    return {"DATABASE_URL": database_url, "MQTT_URL": broker_url, "CITYHELM_HOME": str(home)}


def await_rows(conn: Connection, at_least: int, within_s: float = 120) -> None:
    wait_for(f"{at_least} rows", lambda: count(conn, ROWS) >= at_least, within_s=within_s)


def settle(conn: Connection, published: int) -> int:
    """Waits until everything is stored and the account is closed; returns how many came more than once."""
    await_rows(conn, published)
    assert count(conn, ROWS) == published
    assert count(conn, "SELECT sum(stored) FROM ingest_ledger") == published
    received, duplicate = (count(conn, f"SELECT sum({what}) FROM ingest_ledger") for what in ("received", "duplicate"))
    assert received == published + duplicate
    assert count(conn, "SELECT count(*) FROM ingest_ledger WHERE received <> stored + corrected + duplicate + rejected") == 0
    assert count(conn, "SELECT count(*) FROM dead_letter") == 0
    assert count(conn, "SELECT count(DISTINCT (datastream_id, phenomenon_time)) FROM observation") == published
    print(
        f"published {published}, received {received} = stored {published} + duplicate {duplicate}, lost 0"
    )  # shown by pytest -rP
    return duplicate


@pytest.mark.long
def test_an_ingester_that_is_killed_five_times_loses_nothing(
    broker: tuple[Mosquitto, str], database_url: str, conn: Connection, home: Path, tmp_path: Path
) -> None:
    _, url = broker
    with ingesting(environ_of(database_url, url, home), tmp_path) as ingest:
        ingest.await_subscription(conn)
        device = Device(url, 20_000)
        for _ in range(5):
            before = count(conn, ROWS)
            wait_for(
                "some more rows", lambda before=before: count(conn, ROWS) > before or device.is_done, within_s=60
            )  # fmt: skip
            ingest.kill()
            ingest.restart()
        device.finish()
        settle(conn, 20_000)
        assert ingest.stop() < 10


def test_an_ingester_that_is_killed_between_commit_and_acknowledgement_stores_nothing_twice(
    broker: tuple[Mosquitto, str], database_url: str, conn: Connection, home: Path, tmp_path: Path
) -> None:
    _, url = broker
    environ = environ_of(database_url, url, home)
    with ingesting(environ, tmp_path, script=KILLED_WHILE_ACKNOWLEDGING) as doomed:
        doomed.await_subscription(conn)
        device = Device(url, 3_000)
        assert doomed.process.wait(30) == -signal.SIGKILL, doomed.said
        committed = count(conn, ROWS)
        assert committed > 50
    with ingesting(environ, tmp_path) as ingest:
        device.finish()
        duplicates = settle(conn, 3_000)
        assert 0 < duplicates <= committed, "what was committed and not acknowledged came again"
        assert ingest.stop() < 10


def test_a_broker_that_is_restarted_in_order_loses_nothing(
    broker: tuple[Mosquitto, str], database_url: str, conn: Connection, home: Path, tmp_path: Path
) -> None:
    mosquitto, url = broker
    with ingesting(environ_of(database_url, url, home), tmp_path) as ingest:
        ingest.await_subscription(conn)
        device = Device(url, 4_000, per_s=1_500)
        await_rows(conn, 500)
        mosquitto.stop()
        mosquitto.start()
        device.finish()
        settle(conn, 4_000)
        assert "the session of before goes on" in ingest.said
        assert "has forgotten our session" not in ingest.said
        assert ingest.stop() < 10
        # And what waits for an ingester that is away.
        Device(url, 2_000, first=10_000).finish()
        mosquitto.stop()
        mosquitto.start()
        ingest.restart()
        settle(conn, 6_000)
        assert ingest.stop() < 10


class Standing:
    """A PostgreSQL of the test's own that can be stopped and come back at the same address."""

    def __init__(self, place: Path) -> None:
        self._place, self._port, self._stack = place, quarters.free_port(), ExitStack()

    def start(self) -> Server:
        with patch("runtime.quarters.free_port", lambda: self._port):
            return self._stack.enter_context(run_postgres(self._place, fast=True))

    def stop(self) -> None:
        self._stack.close()


@contextmanager
def standing_database(place: Path) -> Iterator[tuple[Standing, Server]]:
    standing = Standing(place)
    try:
        server = standing.start()
        with connect(server.url) as conn:
            migrate(conn)
        yield standing, server
    finally:
        standing.stop()


@pytest.mark.parametrize("away_s", [3, pytest.param(60, marks=pytest.mark.long)])
def test_a_database_that_is_stopped_is_waited_for(broker: tuple[Mosquitto, str], home: Path, tmp_path: Path, away_s: int) -> None:
    _, url = broker
    messages = 2_000 + 300 * away_s
    with (
        standing_database(home / "postgres") as (database, server),
        ingesting(environ_of(server.url, url, home), tmp_path) as ingest,
    ):
        with connect(server.url) as conn:
            ingest.await_subscription(conn)
            device = Device(url, messages, per_s=400)
            await_rows(conn, 500)
        database.stop()
        time.sleep(away_s)
        assert "are held until then, the broker keeps the others" in ingest.said
        database.start()
        device.finish()
        with connect(server.url) as conn:
            settle(conn, messages)
            wait_for(
                "the outage in the figures",
                lambda: count(conn, f"SELECT count(*) FROM process_heartbeat WHERE (metrics ->> 'database_away_s')::float > {away_s / 2}"),
                within_s=10,
            )  # fmt: skip
        assert ingest.stop() < 10


@pytest.mark.long
def test_two_ingesters_divide_the_work_and_one_that_is_killed_loses_nothing(
    broker: tuple[Mosquitto, str], database_url: str, conn: Connection, home: Path, tmp_path: Path
) -> None:
    _, url = broker
    environ = environ_of(database_url, url, home)
    with ingesting(environ, tmp_path, name="a") as one, ingesting(environ, tmp_path, name="b") as other:
        one.await_subscription(conn)
        other.await_subscription(conn)
        device = Device(url, 20_000, per_s=4_000)
        await_rows(conn, 4_000)
        other.kill()
        time.sleep(2)
        other.restart()
        device.finish()
        settle(conn, 20_000)
        time.sleep(3)
        shares = dict(
            conn.execute(
                "SELECT metrics ->> 'client_id', sum((metrics ->> 'received_total')::int) FROM process_heartbeat "
                "WHERE process = 'ingest' GROUP BY 1"
            ).fetchall()
        )
        assert min(shares["cityhelm-ingest-a"], shares["cityhelm-ingest-b"]) > 2_000
        assert one.stop() < 10
        assert other.stop() < 10


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """A file system of `size` in memory, which only root may mount."""
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", place], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"a disk that can be filled needs root and the right to mount ({mounted.stderr.strip()})")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.long
def test_a_disk_that_is_full_and_freed_loses_nothing(broker: tuple[Mosquitto, str], home: Path, tmp_path: Path) -> None:
    _, url = broker
    with (
        small_disk(home / "disk", "300m") as disk,
        standing_database(disk / "postgres") as (database, server),
        ingesting(environ_of(server.url, url, home), tmp_path) as ingest,
    ):
        with connect(server.url) as conn:
            ingest.await_subscription(conn)
            Device(url, 2_000).finish()
            await_rows(conn, 2_000)
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(65_536))
        device = Device(url, 20_000, first=10_000)
        wait_for("a full disk", lambda: "the disk of the database is full" in ingest.said, within_s=60)
        device.finish()
        filler.unlink()
        if server.process.poll() is not None:  # PostgreSQL ends when it cannot write its log; whoever runs it starts it again
            database.stop()
            database.start()
        with connect(server.url) as conn:
            settle(conn, 22_000)
        assert ingest.stop() < 10


MALFORMED = (
    (b"", "broken_json"),
    (b"{", "broken_json"),
    (b"\xff\xfe\x00", "broken_json"),
    (b"[" * 5_000, "broken_json"),
    (b"null", "malformed"),
    (b'{"ts":"2026-03-02T09:00:00+08:00","values":{"pm25":1}}', "malformed"),
    (b'{"id":"x","ts":"yesterday","values":{"pm25":1}}', "malformed"),
    (b'{"id":"x","ts":"1970-01-01T00:00:00Z","values":{"pm25":1}}', "clock_not_set"),
    (b'{"id":"x","ts":"2999-01-01T00:00:00Z","values":{"pm25":1}}', "future"),
    (b'{"id":"x","ts":"2026-03-02T09:00:00+08:00","values":{"pm25":"many"}}', "not_a_number"),
    (b'{"id":"\\u0000","ts":"2026-03-02T09:00:00+08:00","values":{"pm25":1}}', "nul_character"),
    (b'{"id":"x","ts":"2026-03-02T09:00:00+08:00","position":[400,95]}', "impossible_position"),
)


@pytest.mark.long
def test_a_hundred_thousand_malformed_payloads_are_counted_and_the_good_ones_between_them_stored(
    broker: tuple[Mosquitto, str], database_url: str, conn: Connection, home: Path, tmp_path: Path
) -> None:
    _, url = broker
    bad, good, devices = 100_000, 10_000, 100
    expected: Counter[str] = Counter()
    with ingesting(environ_of(database_url, url, home), tmp_path) as ingest:
        ingest.await_subscription(conn)
        publisher = Publisher(parse_address(url), "mad-devices").open()
        start = datetime.now(UTC) - timedelta(days=1)
        for k in range(bad):
            payload, code = MALFORMED[k % len(MALFORMED)]
            publisher.publish(TOPIC.format(k % devices), payload)
            expected[code] += 1
            if k % (bad // good) == 0:
                said = {"id": f"g{k}", "ts": (start + timedelta(milliseconds=100 * k)).isoformat(), "values": {"pm25": 40}}
                publisher.publish(TOPIC.format(k % devices), json.dumps(said).encode())
        publisher.flush()
        publisher.close()
        letters = "SELECT sum(n) FROM dead_letter"
        wait_for("every letter", lambda: count(conn, letters) >= bad and count(conn, ROWS) >= good, within_s=180)
        assert count(conn, letters) == bad
        assert dict(conn.execute("SELECT code, sum(n)::int FROM dead_letter GROUP BY code").fetchall()) == dict(expected)
        assert count(conn, ROWS) == good
        assert count(conn, "SELECT sum(rejected) FROM ingest_ledger") == bad
        assert count(conn, "SELECT sum(received) FROM ingest_ledger") == bad + good
        assert ingest.stop() < 10
