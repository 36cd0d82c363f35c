"""The whole city on one machine: a database and a broker, the schema, a history, then every process until told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TextIO

from dispatch.holdings import holdings
from gis_data.city import ensure_demo_city, load_city
from runtime import deathbound, supervisor
from runtime.backing import backing, settings_on
from runtime.gaps import note_gap
from runtime.policy import Policy, load_calendar, load_policy
from runtime.processes import list_processes
from runtime.quarters import Announce, CannotStart
from runtime.settings import Settings
from storage.connection import Connection, connect
from storage.migrate import migrate
from storage.resources import seed_resources
from storage.rules import seed_rules

DEMO_VARIABLE = "CITYHELM_DEMONSTRATION"
"""Set by `cityhelm demo` for its own children: people then say who they are, and only on loopback."""


def run_city(settings: Settings, *, demo: bool, history_days: int = 0, out: TextIO = sys.stdout) -> int:
    """`cityhelm demo` and `cityhelm up`: returns the exit code when everything has stopped. Raises CannotStart."""
    policy = load_policy(settings.config)
    load_calendar(settings.config)  # its faults are said before anything is started
    if demo and settings.host not in ("127.0.0.1", "localhost", "::1"):
        raise CannotStart(
            f"CITYHELM_HOST is {settings.host}: in the demonstration everybody says who they are, expected 127.0.0.1; "
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
            take_over_holdings(conn, settings, announce=announce)
            if demo and history_days and (told := note_gap(conn, datetime.now(UTC))):
                announce(told)
        url = f"http://{'[' + settings.host + ']' if ':' in settings.host else settings.host}:{settings.port}"
        environ = {**os.environ, **whole.as_environ(), **({DEMO_VARIABLE: "1"} if demo else {})}
        if demo and history_days:
            stack.enter_context(_history(environ, history_days))
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


def take_over_holdings(conn: Connection, settings: Settings, *, announce: Announce) -> None:
    """Stores what the city's layers tell of lots, shelters and hospitals and the database has never heard of; without layers, or
    with some that this version cannot read, nothing."""
    if not (settings.city / "city.json").exists():
        return
    now = datetime.now(UTC)
    try:
        found = holdings(load_city(settings.city), now.astimezone(settings.zone).date())
    except ValueError as fault:
        announce(f"{fault}; no resources are taken over from it until then")
        return
    if new := seed_resources(conn, found, now):
        announce(f"Resources: {new} taken over from the layers of the city.")


@contextmanager
def _history(environ: Mapping[str, str], days: int) -> Iterator[None]:
    """The past, written by a process of its own beside the live city, so that nobody waits for it; told to stop on leaving,
    and finished by the next start."""
    argv = [sys.executable, "-m", "runtime.cli", "history", "--days", str(days)]
    writer = subprocess.Popen(
        deathbound.command(argv, at_parents_death=signal.SIGTERM), env=environ, stdin=subprocess.DEVNULL, process_group=0
    )
    try:
        yield
    finally:
        writer.terminate()
        writer.wait()


def _leave(*_: object) -> None:
    raise KeyboardInterrupt
