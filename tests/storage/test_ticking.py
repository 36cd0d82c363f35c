"""Ticking: the loop of every service that works from the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest

from storage import heartbeats, ticking
from storage.connection import Connection, connect
from storage.migrate import SchemaMismatch
from tests.support.scenes import NOW


class Clock:
    """A second passes whenever somebody looks."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def _run(url: str, tick: Callable[[Connection, datetime], dict[str, Any] | None], stop: Event) -> None:
    ticking.run_ticks(url, "alerts", tick, period_s=0.0, stop=stop, clock=Clock())


def test_it_ticks_until_it_is_told_to_stop_and_says_that_it_lives(database_url: str) -> None:
    stop, seen = Event(), list[datetime]()

    def tick(conn: Connection, now: datetime) -> dict[str, Any]:
        seen.append(now)
        if len(seen) == 5:
            stop.set()
        return {"ticks": len(seen)}

    _run(database_url, tick, stop)
    assert len(seen) == 5
    assert seen == sorted(seen)
    with connect(database_url) as conn:
        (beat,) = heartbeats.list_heartbeats(conn)
    assert (beat.process, beat.instance, beat.started_at) == ("alerts", ticking.instance_name(), NOW + timedelta(seconds=1))
    assert beat.metrics["ticks"] >= 4
    assert beat.beat_at >= seen[-2]


def test_told_to_stop_before_it_starts_it_does_nothing(database_url: str) -> None:
    stop = Event()
    stop.set()
    _run(database_url, lambda conn, now: pytest.fail("it ticked"), stop)


def test_a_database_that_went_away_is_waited_for_and_the_work_done_again(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    stop, backends = Event(), list[int]()

    def tick(conn: Connection, now: datetime) -> None:
        backends.append(conn.info.backend_pid)
        if len(backends) == 1:
            with connect(database_url) as killer:
                killer.execute("SELECT pg_terminate_backend(%s)", (conn.info.backend_pid,))
            conn.execute("SELECT 1")
        stop.set()

    _run(database_url, tick, stop)
    assert len(set(backends)) == 2
    assert "the database went away" in caplog.text
    assert "the work is done again" in caplog.text


def test_a_fault_of_ours_rises_so_that_the_process_is_restarted(database_url: str) -> None:
    def tick(conn: Connection, now: datetime) -> None:
        conn.execute("SELECT 1 / 0")

    with pytest.raises(Exception, match="division by zero"):
        _run(database_url, tick, Event())


def test_an_unreachable_database_is_waited_for_until_told_to_stop(
    database_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop = Event()
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 4:
            stop.set()
        return stop.is_set()

    waiting = Event()
    monkeypatch.setattr(waiting, "wait", wait)
    monkeypatch.setattr(waiting, "is_set", stop.is_set)
    nowhere = f"{database_url.rpartition('/')[0]}/nowhere"
    assert ticking.connect_patiently(nowhere, application="a-test", stop=waiting) is None
    assert len(waits) == 4
    assert waits[0] < waits[-1] <= 30 * 1.3, "it asks ever less often"
    assert 'database "nowhere" does not exist' in caplog.text


def test_a_schema_that_does_not_fit_is_raised_not_waited_for(empty_database_url: str) -> None:
    with pytest.raises(SchemaMismatch, match="run `cityhelm migrate`"):
        ticking.connect_patiently(empty_database_url, application="a-test", stop=Event())


def test_a_fault_closes_the_connection(database_url: str) -> None:
    """The supervisor restarts the process; a test or a tool that calls `run` must not be left with an open session."""
    held: list[Connection] = []

    def tick(conn: Connection, now: datetime) -> None:
        held.append(conn)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _run(database_url, tick, Event())
    assert held[0].closed


class Waits(Event):
    """Told how long to wait, it notes it and does not; after `n` waits it is set."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n, self.seconds = n, list[float]()

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        if len(self.seconds) == self.n:
            self.set()
        return self.is_set()


def test_a_clock_set_back_costs_one_period_at_most_and_the_heart_goes_on(database_url: str) -> None:
    stop = Waits(3)
    times = iter([NOW, NOW, *[NOW - timedelta(minutes=10) + timedelta(seconds=k) for k in range(9)]])
    ticking.run_ticks(database_url, "alerts", lambda conn, now: None, period_s=1.0, stop=stop, clock=lambda: next(times))
    assert len(stop.seconds) == 3
    assert max(stop.seconds) <= 1.0
    with connect(database_url) as conn:
        (beat,) = heartbeats.list_heartbeats(conn)
    assert beat.beat_at < NOW - timedelta(minutes=9)


def test_a_fault_that_repeats_is_met_ever_less_often_until_a_round_succeeds(database_url: str) -> None:
    stop, rounds = Waits(7), list[int]()

    def tick(conn: Connection, now: datetime) -> None:
        rounds.append(1)
        if len(rounds) != 5:
            conn.execute("SET statement_timeout = 1")
            conn.execute("SELECT pg_sleep(1)")

    ticking.run_ticks(database_url, "alerts", tick, period_s=0.25, stop=stop, clock=lambda: NOW)
    assert stop.seconds == [0.5, 1, 2, 4, 0.25, 0.5, 1]
