"""The supervisor: passes on, starts again, gives up, stops, and leaves nobody behind."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.processes import Process
from runtime.supervisor import Patience, answers, busy_port, manner_of_death, pause_before_restart_s, supervise
from tests.runtime.conftest import ROOT, is_alive, wait_until

QUICK = Patience(grace_s=0.5, first_pause_s=0.02, longest_pause_s=0.05)
# Says who it is, and stays until it is told to go.
STAY = "import os, time; print('here', os.getpid(), flush=True); time.sleep(100)"
# The same, but does not listen, and has started somebody else in the same group.
DEAF = """
import os, signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
helper = subprocess.Popen(["sleep", "100"])
print("here", os.getpid(), helper.pid, flush=True)
time.sleep(100)
"""


def _process(name: str) -> Process:
    return Process(name, name, name, "heartbeat")


def _supervise(
    codes: Mapping[str, str],
    told: list[str],
    out: TextIO,
    *,
    is_ready: Callable[[], bool] = lambda: True,
    on_ready: Callable[[], None] = lambda: None,
    fault: Callable[[], str | None] = lambda: None,
    patience: Patience = QUICK,
) -> int:
    """Supervises Python programs instead of ours, in this very process."""
    return supervise(
        [_process(name) for name in codes],
        os.environ,
        announce=told.append,
        on_ready=on_ready,
        is_ready=is_ready,
        fault=fault,
        command=lambda process: [sys.executable, "-I", "-S", "-c", codes[process.name]],
        out=out,
        patience=patience,
    )


class _Out(io.StringIO):
    def pids(self) -> list[int]:
        return [int(word) for line in self.getvalue().splitlines() if "here" in line for word in line.split("here")[1].split()]


def _once_heard(out: _Out, *signals: signal.Signals, times: int = 1) -> Callable[[], bool]:
    """An `is_ready` that sends us `signals` as soon as `here` has been said so many times."""

    def ask() -> bool:
        if out.getvalue().count("here") < times:
            return False
        for number in signals:
            os.kill(os.getpid(), number)
            time.sleep(0.05)
        return True

    return ask


def test_a_line_carries_the_name_of_who_said_it(told: list[str]) -> None:
    out = _Out()
    codes = {
        "ingest": f"print('one\\ntwo'); {STAY}",
        "forecaster": f"import sys; sys.stderr.write('trouble\\n'); {STAY}",
    }
    assert _supervise(codes, told, out, is_ready=_once_heard(out, signal.SIGTERM, times=2)) == 0
    lines = out.getvalue().splitlines()
    assert "ingest     │ one" in lines
    assert "ingest     │ two" in lines
    assert "forecaster │ trouble" in lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_told_to_stop_it_stops_all_and_returns_0(number: signal.Signals, told: list[str]) -> None:
    out = _Out()
    before = signal.getsignal(number)
    began = time.monotonic()
    assert _supervise({"a": STAY, "b": STAY}, told, out, is_ready=_once_heard(out, number, times=2), patience=Patience()) == 0
    assert time.monotonic() - began < 5, "nobody waits for those who listen"
    assert len(out.pids()) == 2
    assert not any(is_alive(pid) for pid in out.pids())
    assert told == [f"{number.name}: stopping; Ctrl-C makes it quicker."]
    assert signal.getsignal(number) == before


def test_those_who_do_not_listen_are_ended_by_force_with_all_they_started(told: list[str]) -> None:
    out = _Out()
    assert _supervise({"deaf": DEAF}, told, out, is_ready=_once_heard(out, signal.SIGTERM)) == 0
    assert len(out.pids()) == 2
    assert wait_until(lambda: not any(is_alive(pid) for pid in out.pids()))
    assert "deaf does not stop: it is ended by force." in told


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_while_stopping_hastens(first: signal.Signals, told: list[str]) -> None:
    out = _Out()
    began = time.monotonic()
    hurried = _once_heard(out, first, signal.SIGINT)
    assert _supervise({"deaf": DEAF}, told, out, is_ready=hurried, patience=Patience(grace_s=60)) == 0
    assert time.monotonic() - began < 10


def test_one_that_dies_is_started_again_and_its_last_words_are_told(told: list[str], tmp_path: Path) -> None:
    out = _Out()
    code = f"""
import pathlib, sys, time
mark = pathlib.Path({str(tmp_path / "mark")!r})
if not mark.exists():
    mark.touch()
    print(*range(1, 8), sep="\\n", flush=True)
    sys.exit("no more paper")
{STAY}
"""
    assert _supervise({"ingest": code}, told, out, is_ready=_once_heard(out, signal.SIGTERM)) == 0
    assert told[0] == textwrap.dedent("""\
        ingest died (exit code 1); starting it again in 0.02 s. Its last words:
            4
            5
            6
            7
            no more paper""")


def test_what_a_dead_process_had_started_is_cleared_up_before_the_next_one(told: list[str], tmp_path: Path) -> None:
    out = _Out()
    code = f"""
import pathlib, subprocess, time
mark = pathlib.Path({str(tmp_path / "mark")!r})
if not mark.exists():
    mark.write_text(str(subprocess.Popen(["sleep", "100"]).pid))
    raise SystemExit(1)
{STAY}
"""
    assert _supervise({"ingest": code}, told, out, is_ready=_once_heard(out, signal.SIGTERM)) == 0
    assert not is_alive(int((tmp_path / "mark").read_text()))


def test_one_that_dies_too_often_stops_all(told: list[str]) -> None:
    out = _Out()
    assert _supervise({"a": STAY, "b": "raise SystemExit('no database')"}, told, out) == 1
    assert len(told) == 6
    assert told[-1].startswith("b died (exit code 1), and so more than 5 times within 120 s: stopping everything.")
    assert "no database" in told[-1]
    assert not any(is_alive(pid) for pid in out.pids())


def test_one_that_was_given_bad_input_stops_all_at_once(told: list[str]) -> None:
    code = "import sys; print('city.toml: bad key'); sys.exit(2)"
    assert _supervise({"a": STAY, "b": code}, told, _Out()) == 2
    assert len(told) == 1
    assert "bad input" in told[0]
    assert "city.toml: bad key" in told[0]


def test_a_fault_of_the_backing_stops_all(told: list[str]) -> None:
    out = _Out()
    fault = iter([None, "the private database has ended"])
    assert _supervise({"a": STAY}, told, out, fault=lambda: next(fault)) == 1
    assert told == ["Stopping everything: the private database has ended."]


def test_it_is_ready_once_and_only_when_it_answers(told: list[str]) -> None:
    out = _Out()
    asked: list[float] = []
    ready: list[int] = []

    def is_ready() -> bool:
        asked.append(time.monotonic())
        return len(asked) == 3

    def on_ready() -> None:
        ready.append(len(asked))
        threading.Timer(0.6, os.kill, (os.getpid(), signal.SIGTERM)).start()

    assert _supervise({"a": STAY}, told, out, is_ready=is_ready, on_ready=on_ready) == 0
    assert ready == [3]


def test_half_a_line_holds_nobody_up_and_is_not_lost(told: list[str]) -> None:
    out = _Out()
    codes = {
        "half": "import sys, time; sys.stdout.write('half a line'); sys.stdout.flush(); time.sleep(100)",
        "whole": STAY,
    }
    assert _supervise(codes, told, out, is_ready=_once_heard(out, signal.SIGTERM)) == 0
    assert "half  │ half a line" in out.getvalue().splitlines()


def test_a_flood_is_passed_on_whole(told: list[str]) -> None:
    out = _Out()
    code = f"print(*range(20000), sep='\\n'); {STAY}"
    assert _supervise({"a": code}, told, out, is_ready=_once_heard(out, signal.SIGTERM)) == 0
    assert [line for line in out.getvalue().splitlines() if "here" not in line] == [f"a │ {n}" for n in range(20000)]


def test_a_terminal_that_takes_nothing_holds_nobody_up(told: list[str], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    done = tmp_path / "done"
    code = f"""
import pathlib, time
for _ in range(1000):
    print("x" * 1000)
pathlib.Path({str(done)!r}).touch()
time.sleep(100)
"""

    def is_ready() -> bool:
        if done.exists():
            os.kill(os.getpid(), signal.SIGTERM)
        return done.exists()

    with os.fdopen(reading), os.fdopen(writing, "w") as out:
        assert _supervise({"a": code}, told, out, is_ready=is_ready) == 0


def test_a_killed_supervisor_leaves_nobody_behind_not_even_the_deaf(home: Path) -> None:
    script = home / "supervisor.py"
    script.write_text(f"""
import os, sys
from runtime.processes import Process
from runtime.supervisor import Patience, supervise
codes = {{"deaf": {DEAF!r}, "good": {STAY!r}}}
supervise(
    [Process(name, name, name, "heartbeat") for name in codes], os.environ, announce=print,
    command=lambda process: [sys.executable, "-I", "-S", "-c", codes[process.name]], patience=Patience(grace_s=0.5),
)
""")
    supervisor = subprocess.Popen(
        [sys.executable, script], cwd=home, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout is not None
    lines = [supervisor.stdout.readline(), supervisor.stdout.readline()]
    pids = [int(word) for line in lines for word in line.split("here")[1].split()]
    assert len(pids) == 3
    assert all(is_alive(pid) for pid in pids)
    supervisor.kill()
    supervisor.wait()
    assert wait_until(lambda: not any(is_alive(pid) for pid in pids))
    assert supervisor.stdout.read() == "", "and nobody holds the pipe"
    supervisor.stdout.close()


def test_a_process_has_the_environment_it_was_given(told: list[str]) -> None:
    out = _Out()
    os.environ["CITYHELM_TEST_WORD"] = "harbour"
    try:
        code = f"import os; print(os.environ['CITYHELM_TEST_WORD']); {STAY}"
        assert _supervise({"a": code}, told, out, is_ready=_once_heard(out, signal.SIGTERM)) == 0
    finally:
        del os.environ["CITYHELM_TEST_WORD"]
    assert "a │ harbour" in out.getvalue()


def test_the_pause_doubles_up_to_its_longest_and_old_deaths_are_forgiven() -> None:
    # One death every 100 s: never more than 5 within 120 s, so it goes on, ever more slowly.
    slow = [100.0 * number for number in range(20)]
    pauses = [pause_before_restart_s(slow[: number + 1]) for number in range(20)]
    assert pauses[:6] == [1, 2, 4, 8, 16, 30]
    assert set(pauses[6:]) == {30}, "at most 7 of them lie within the 10 minutes it remembers"
    assert pause_before_restart_s([0.0, 5000.0]) == 1


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=40).map(sorted))
def test_it_gives_up_exactly_at_more_than_five_deaths_in_two_minutes(deaths: list[float]) -> None:
    pause_s = pause_before_restart_s(deaths)
    assert (pause_s is None) == (len([death for death in deaths if death >= deaths[-1] - 120]) > 5)
    assert pause_s is None or 1 <= pause_s <= 30


def test_a_manner_of_death_is_put_in_words() -> None:
    assert manner_of_death(3) == "exit code 3"
    assert manner_of_death(-9) == "ended by SIGKILL"
    assert manner_of_death(-200) == "ended by signal 200"


def test_a_busy_port_is_named_with_the_cure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"127.0.0.1 port {port} (Address already in use)" in (busy_port("127.0.0.1", port) or "")
        assert "set CITYHELM_PORT" in (busy_port("127.0.0.1", port) or "")
    assert busy_port("127.0.0.1", port) is None
    assert "203.0.113.1 port 8050" in (busy_port("203.0.113.1", 8050) or ""), "an address of somebody else's"


@contextmanager
def _server(status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api/health"
        server.shutdown()
        thread.join()


def test_only_200_is_an_answer() -> None:
    with _server(200) as url:
        assert answers(url)()
    assert not answers(url)(), "nobody listens any more"
    with _server(503) as url:
        assert not answers(url)()
