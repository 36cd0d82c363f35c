"""The whole city on one machine: a database and a broker, the schema, a history, then every process until told to stop."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from domain.batches import Batch
from gis_data.city import City, ensure_demo_city, load_city
from ingest.parse import parse
from ingest.service import store_batch
from iot.simulated.history import messages as history_messages
from runtime import supervisor
from runtime.backing import backing, settings_on
from runtime.policy import Policy, load_policy
from runtime.processes import list_processes
from runtime.progress import Progress
from runtime.quarters import Announce, CannotStart
from runtime.settings import Settings
from runtime.workers import DEMONSTRATION_SEED
from storage import backfills
from storage.connection import Connection, connect
from storage.ingestion import Ingestion
from storage.migrate import migrate
from storage.rules import seed_rules

DEMO_VARIABLE = "CITYHELM_DEMONSTRATION"
"""Set by `cityhelm demo` for its own children: the dashboard then acts without sign-in, and only on loopback."""

HISTORY_NAME = "demonstration history"
HISTORY_DAYS = 7
HISTORY_BATCH = 20_000


def run_city(settings: Settings, *, demo: bool, out: TextIO = sys.stdout) -> int:
    """`cityhelm demo` and `cityhelm up`: returns the exit code when everything has stopped. Raises CannotStart."""
    policy = load_policy(settings.config)
    if demo and settings.host not in ("127.0.0.1", "localhost", "::1"):
        raise CannotStart(
            f"CITYHELM_HOST is {settings.host}: the demonstration has no sign-in, expected 127.0.0.1; "
            "run `cityhelm up` for other addresses"
        )
    if busy := supervisor.busy_port(settings.host, settings.port):
        raise CannotStart(busy)
    signal.signal(signal.SIGTERM, _leave)

    def announce(sentence: str) -> None:
        print(sentence, file=out, flush=True)

    if demo:
        if not (settings.city / "city.json").exists():
            announce(f"Building the demonstration city in {settings.city} …")
        ensure_demo_city(settings.city)
    with ExitStack() as stack:
        standing = stack.enter_context(backing(settings, announce=announce))
        whole = settings_on(settings, standing)
        with connect(standing.database_url) as conn:
            prepare(conn, policy, announce=announce)
        if demo:
            stack.enter_context(seeding(standing.database_url, settings.city, out))
        url = f"http://{'[' + settings.host + ']' if ':' in settings.host else settings.host}:{settings.port}"
        environ = {**os.environ, **whole.as_environ(), **({DEMO_VARIABLE: "1"} if demo else {})}
        return supervisor.supervise(
            list_processes(demo=demo),
            environ,
            announce=announce,
            on_ready=lambda: announce(f"\nCityHelm is ready: {url}  (Ctrl-C stops everything)\n"),
            is_ready=supervisor.answers(f"{url}/api/health"),
            fault=standing.fault,
            out=out,
        )


def prepare(conn: Connection, policy: Policy, *, announce: Announce) -> list[str]:
    """Brings the schema up to date and seeds the rules that were never stored; returns the migrations applied."""
    applied = migrate(conn)
    seeded = seed_rules(conn, policy.rules, now=datetime.now(UTC))
    if applied:
        announce(f"Schema: applied {', '.join(applied)}.")
    if seeded:
        announce(f"Rules: {len(seeded)} seeded from the policy.")
    return applied


@contextmanager
def seeding(database_url: str, city_dir: Path, out: TextIO) -> Iterator[None]:
    """A history written beside the live city, so that nobody waits for it; given up on leaving."""
    stop = threading.Event()

    def seed() -> None:
        try:
            seed_history(database_url, city_dir, out, stop)
        except Exception as fault:  # the live city goes on without; the next start finishes the history
            print(f"The history was not finished ({fault}); the next start goes on with it.", file=out, flush=True)

    thread = threading.Thread(target=seed, name="history")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def seed_history(database_url: str, city_dir: Path, out: TextIO, stop: threading.Event) -> int:
    """A week of the simulated city through the same parsing and storing as live messages; returns the readings stored.

    The newest days come first, because forecasts and charts want them first. One history a database: what an earlier start did
    not finish is finished, what is there is left alone.
    """
    with connect(database_url, application="cityhelm-history") as conn:
        end, done = backfills.begin(conn, HISTORY_NAME, datetime.now(UTC))
        if done >= HISTORY_DAYS:
            return 0
        return _seed_days(conn, load_city(city_dir), end, done, out, stop)


def _seed_days(conn: Connection, city: City, end: datetime, done: int, out: TextIO, stop: threading.Event) -> int:
    """Stores the days of the history from number `done` on, counted back from `end`."""
    stored = 0
    with Progress("History of the last week", out) as progress:
        ingestion = Ingestion(conn)
        for day in range(done, HISTORY_DAYS):
            until = end - timedelta(days=day)
            batch = Batch()
            for received_time, topic, payload in history_messages(city, DEMONSTRATION_SEED, until - timedelta(days=1), until):
                for report in parse(topic, payload, received_time):
                    batch.add(report)
                if len(batch) >= HISTORY_BATCH:
                    stored += store_batch(ingestion, batch, end).stored
                    batch = Batch()
                    if stop.is_set():
                        return stored
            stored += store_batch(ingestion, batch, end).stored
            backfills.note_rows(conn, HISTORY_NAME, day + 1)
            progress.reach((day + 1) / HISTORY_DAYS)
    return stored


def _leave(*_: object) -> None:
    raise KeyboardInterrupt
