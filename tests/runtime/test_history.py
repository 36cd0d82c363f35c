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
from runtime.history import READINGS, write_history
from runtime.past import saying
from runtime.policy import load_policy
from runtime.workers import DEMONSTRATION_SEED
from storage import backfills
from storage.connection import connect
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


def test_a_process_that_dies_before_it_has_said_all_is_told_of(paper_city: City) -> None:  # noqa: F811
    with saying(paper_city.path, END, range(400)) as parts:
        next(parts)
        for child in psutil.Process().children(recursive=True):
            if "runtime.past" in child.cmdline():
                child.kill()
        with pytest.raises(RuntimeError, match="ended before it had said all"):
            list(parts)


def test_whoever_stops_listening_ends_the_process(paper_city: City) -> None:  # noqa: F811
    with saying(paper_city.path, END, range(400)) as parts:
        next(parts)
    assert not [child for child in psutil.Process().children(recursive=True) if "runtime.past" in child.cmdline()]


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
