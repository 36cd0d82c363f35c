"""The history: what the other process said is stored, once, also when it is interrupted; a process that dies is told of."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import psutil
import pytest

from gis_data.city import City
from iot.simulated.history import History
from runtime.gaps import gaps_to_fill, note_gap
from runtime.history import FORECASTS, OPERATIONS, READINGS, write_history
from runtime.past import saying
from runtime.policy import load_policy
from runtime.workers import DEMONSTRATION_SEED
from storage import backfills, heartbeats
from storage.connection import Connection, connect
from tests.iot.conftest import paper_city  # noqa: F401 - a fixture
from tests.runtime.conftest import ROOT

END = datetime(2026, 3, 2, 5, 0, 5, tzinfo=UTC)


def test_the_process_says_what_the_history_of_the_city_is(paper_city: City) -> None:  # noqa: F811
    with saying(paper_city.path, END, range(1, 3)) as parts:
        said = list(parts)
    past = History(paper_city, DEMONSTRATION_SEED)
    for day in (1, 2):
        until = END - timedelta(days=day)
        began = until - timedelta(days=1)
        expected = [*past.births(began), *past.messages(began, until)]
        assert [arrival for part in said if part.day == day for arrival in part.messages] == expected
    assert [part.day for part in said if part.share == 1.0] == [1, 2]
    assert all(0 < part.share <= 1 for part in said)


def _telling() -> list[psutil.Process]:
    """The processes of ours that tell of the past; what other tests have left to be buried is none."""
    alive = [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in alive if "runtime.past" in child.cmdline()]


def test_a_process_that_dies_before_it_has_said_all_is_told_of(paper_city: City) -> None:  # noqa: F811
    with saying(paper_city.path, END, range(400)) as parts:
        next(parts)
        for child in _telling():
            child.kill()
        with pytest.raises(RuntimeError, match="ended before it had said all"):
            list(parts)


def test_whoever_stops_listening_ends_the_process(paper_city: City) -> None:  # noqa: F811
    with saying(paper_city.path, END, range(400)) as parts:
        next(parts)
    assert not _telling()


def test_a_process_that_is_suspended_as_it_writes_leaves_nothing_out() -> None:
    said = bytes(range(251)) * 12_000
    writes = "import sys; from runtime.past import write_whole; write_whole(1, bytes(range(251)) * 12_000)"
    with subprocess.Popen([sys.executable, "-c", writes], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        heard = process.stdout.read(100_000)
        while len(heard) < len(said):  # each time the writer stands in the middle of what is left
            process.send_signal(SIGSTOP)
            time.sleep(0.002)
            process.send_signal(SIGCONT)
            if not (more := process.stdout.read(200_000)):
                break
            heard += more
    assert heard == said


def test_what_the_city_would_have_said_between_two_starts_is_made_up_for_once(
    paper_city: City, database_url: str  # noqa: F811
) -> None:  # fmt: skip
    """It stood still for forty minutes; nothing older is said again, and a restart of a minute is no gap."""
    policy, back = load_policy(Path(ROOT / "config" / "city.toml")), datetime.now(UTC)
    last = back - timedelta(minutes=40)
    with connect(database_url) as conn:
        backfills.begin(conn, READINGS, back - timedelta(days=30))
        assert note_gap(conn, back) is None, "it has never run"
        heartbeats.beat(conn, "simulator", "here:1", started_at=last, now=last, metrics={})
        assert note_gap(conn, last + timedelta(minutes=1)) is None
        told = note_gap(conn, back)
        assert told == (
            "The city stood still for 40 minutes: its readings, halls and requests of that time are made up for; nobody called meanwhile."
        )
        assert gaps_to_fill(conn) == [(last, back)]

        def write() -> int:
            for name in (READINGS, OPERATIONS, FORECASTS):  # as if they had been written long ago
                backfills.begin(conn, name, back - timedelta(days=30))
                backfills.note_rows(conn, name, 99)
            return write_history(database_url, paper_city.path, policy, days=1, out=io.StringIO(), stop=threading.Event())

        assert write() > 0
        span = conn.execute("SELECT min(phenomenon_time), max(phenomenon_time) FROM observation").fetchone()
        assert span is not None
        assert last <= span[0] <= span[1] <= back + timedelta(seconds=30)
        assert gaps_to_fill(conn) == []
        assert write() == 0


def test_of_a_long_gap_the_last_week_is_made_up_for(conn: Connection) -> None:
    heartbeats.beat(conn, "simulator", "here:1", started_at=END, now=END, metrics={})
    told = note_gap(conn, END + timedelta(days=20))
    assert told is not None
    assert "stood still for 20 days: its readings, halls and requests of the last 7 days are made up for" in told
    assert gaps_to_fill(conn) == [(END + timedelta(days=13), END + timedelta(days=20))]


def test_an_interrupted_history_is_finished_by_the_next_start_and_never_written_twice(
    paper_city: City, database_url: str  # noqa: F811
) -> None:  # fmt: skip
    policy = load_policy(Path(ROOT / "config" / "city.toml"))

    def write(stop: threading.Event, out: io.StringIO) -> int:
        return write_history(database_url, paper_city.path, policy, days=2, out=out, stop=stop)

    def counted() -> tuple[int, ...]:
        with connect(database_url) as conn:
            tables = ("observation", "hall_event", "request", "incident", "dispatch_order")
            rows = [conn.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]
            return tuple(row[0] for row in rows if row)

    stop = threading.Event()
    stop.set()
    write(stop, io.StringIO())  # ends after its first part
    with connect(database_url) as conn:
        assert backfills.begin(conn, READINGS, END)[1] < 2
    some = counted()
    write(threading.Event(), io.StringIO())
    whole = counted()
    assert some[0] < whole[0]
    assert all(whole)
    assert write(threading.Event(), io.StringIO()) == 0
    assert counted() == whole
