"""The supervisor: starts the processes, passes on what they say, starts again those that die, stops them all.

What it promises: no process is left behind, whether it ends by Ctrl-C, SIGTERM, a closed terminal or SIGKILL. Each
process is the leader of its own group, told by the kernel when the supervisor dies (`runtime.deathbound`), and
cleared up after by `runtime.guardian`. One thread, one loop: nothing a process says or fails to say blocks it.
"""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, TextIO

from runtime import deathbound, guardian
from runtime.processes import Process
from runtime.processes import command as cityhelm_command
from runtime.quarters import Announce

LAST_WORDS = 5
_LONGEST_LINE = 65536  # bytes; a longer one is passed on in pieces
_COLOURS = (36, 35, 34, 32, 96, 95)  # ANSI; red and yellow are left to what the lines themselves say
_ASKED_WRONGLY = 2  # the exit code of a process that was given bad input


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the supervisor waits, in seconds, and how many deaths of one process it puts up with."""

    grace_s: float = 10.0  # between SIGTERM and SIGKILL
    first_pause_s: float = 1.0  # before the first restart; doubled at each further death
    longest_pause_s: float = 30.0
    memory_s: float = 600.0  # a death longer ago than this is forgiven
    deaths: int = 5  # more than so many within
    within_s: float = 120.0  # so long: give up


def pause_before_restart_s(deaths: Sequence[float], patience: Patience = Patience()) -> float | None:
    """How long to wait before starting again what died at `deaths` (seconds, ascending, the last one now); None: give up.

    >>> pause_before_restart_s([0.0]), pause_before_restart_s([0.0, 3.0]), pause_before_restart_s([0, 1, 2, 3, 4, 5])
    (1.0, 2.0, None)
    """
    now = deaths[-1]
    if sum(now - death <= patience.within_s for death in deaths) > patience.deaths:
        return None
    recent = sum(now - death <= patience.memory_s for death in deaths)
    return float(min(patience.longest_pause_s, patience.first_pause_s * 2 ** (recent - 1)))


def manner_of_death(code: int) -> str:
    """How a process ended, in words: `ended by SIGKILL`, `exit code 3`."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"ended by {signal.Signals(-code).name}"
    return f"ended by signal {-code}"


def busy_port(host: str, port: int, variable: str = "CITYHELM_PORT") -> str | None:
    """One sentence when nobody can listen on `host`:`port` now, None when it is free."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as cause:
        return (
            f"nothing can listen on {host} port {port} ({cause.strerror}): expected a free port of this machine; stop what "
            f"uses it, or set {variable} to another, such as {port % 65535 + 1}"
        )
    return None


def answers(url: str) -> Callable[[], bool]:
    """A question for `supervise`: does `url` answer with 200 now? Never through a proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask() -> bool:
        try:
            with opener.open(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, ValueError):
            return False

    return ask


def supervise(
    processes: Sequence[Process],
    environ: Mapping[str, str],
    *,
    announce: Announce,
    on_ready: Callable[[], None] = lambda: None,
    is_ready: Callable[[], bool] = lambda: True,
    fault: Callable[[], str | None] = lambda: None,
    command: Callable[[Process], list[str]] = cityhelm_command,
    out: TextIO | None = None,
    patience: Patience = Patience(),
) -> int:
    """Runs `processes` with the environment `environ` until it is told to stop; returns the exit code.

    0: stopped by SIGINT, SIGTERM or SIGHUP. 1: a process died too often, or `fault` (asked at least twice a second) has
    something to say. 2: a process was given bad input (its own exit code 2), which no restart mends.
    `on_ready` is called once, when `is_ready` (asked in a thread of its own) says so. SIGINT while it stops skips the
    wait for processes that take their time. Must be called in the main thread.
    """
    return _Supervision(environ, announce, on_ready, fault, command, out or sys.stdout, patience).run(processes, is_ready)


@dataclass(slots=True)
class _Child:
    process: Process
    prefix: str
    popen: subprocess.Popen[bytes] | None = None
    deaths: list[float] = field(default_factory=list)
    start_at: float | None = 0.0  # monotonic; None while it runs
    unfinished: bytes = b""
    last_words: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_WORDS))


class _Supervision:
    def __init__(
        self,
        environ: Mapping[str, str],
        announce: Announce,
        on_ready: Callable[[], None],
        fault: Callable[[], str | None],
        command: Callable[[Process], list[str]],
        out: TextIO,
        patience: Patience,
    ) -> None:
        self.environ = {**environ, "PYTHONUNBUFFERED": "1"}
        self.announce, self.on_ready, self.fault, self.command = announce, on_ready, fault, command
        self.voice = _Voice(out)
        self.patience = patience
        self.selector = selectors.DefaultSelector()
        self.orders: list[signal.Signals] = []  # signals received
        self.ready = threading.Event()
        self.over = threading.Event()

    def run(self, processes: Sequence[Process], is_ready: Callable[[], bool]) -> int:
        width = max((len(process.name) for process in processes), default=0)
        children = [
            _Child(process, self.voice.prefix(process.name.ljust(width), number)) for number, process in enumerate(processes)
        ]
        with self._signals(), contextlib.ExitStack() as stack:
            self.guardian = guardian.Guardian(self.patience.grace_s)
            stack.callback(self.guardian.dismiss)
            stack.callback(self.selector.close)
            stack.callback(self._stop, children)
            asker = threading.Thread(target=self._ask, args=(is_ready,), name="is it ready", daemon=True)
            asker.start()
            stack.callback(self.over.set)
            return self._watch(children)

    def _watch(self, children: list[_Child]) -> int:
        told_ready = False
        while not self.orders:
            for child in children:
                if child.start_at is not None and time.monotonic() >= child.start_at:
                    self._start(child)
            for child in children:
                code = self._bury(child)
                if code is not None and (verdict := self._judge(child, code)):
                    return verdict
            if sentence := self.fault():
                self.announce(f"Stopping everything: {sentence}.")
                return 1
            if self.ready.is_set() and not told_ready:
                told_ready = True
                self.on_ready()
            starts = [child.start_at for child in children if child.start_at is not None]
            self._listen(min([0.5, *(max(0.0, start - time.monotonic()) for start in starts)]))
        self.announce(f"{self.orders[0].name}: stopping; Ctrl-C makes it quicker.")
        return 0

    def _start(self, child: _Child) -> None:
        argv = deathbound.command(self.command(child.process), at_parents_death=signal.SIGTERM)
        child.popen = subprocess.Popen(
            argv, env=self.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            process_group=0,
        )  # fmt: skip
        self.guardian.watch(child.popen.pid)
        child.start_at = None
        assert child.popen.stdout is not None
        os.set_blocking(child.popen.stdout.fileno(), False)
        self.selector.register(child.popen.stdout, selectors.EVENT_READ, child)

    def _bury(self, child: _Child) -> int | None:
        """The exit code of a child that has died since we last looked, once what it left is cleared up."""
        if child.popen is None or (code := child.popen.poll()) is None:
            return None
        guardian.end([child.popen.pid], signal.SIGKILL)  # those it started itself
        self.guardian.forget(child.popen.pid)
        assert child.popen.stdout is not None
        while self._hear(child, child.popen.stdout):
            pass
        if child.unfinished:
            self._pass_on(child, child.unfinished)
            child.unfinished = b""
        with contextlib.suppress(KeyError):
            self.selector.unregister(child.popen.stdout)
        child.popen.stdout.close()
        child.popen = None
        return code

    def _judge(self, child: _Child, code: int) -> int:
        """What follows from a death: 0 when it will be started again, else the exit code of the supervisor."""
        now = time.monotonic()
        child.deaths.append(now)
        died = f"{child.process.name} died ({manner_of_death(code)})"
        words = "".join(f"\n    {line}" for line in child.last_words) or " nothing"
        pause_s = pause_before_restart_s(child.deaths, self.patience)
        if code == _ASKED_WRONGLY:
            self.announce(f"{died}: it was given bad input, and starting it again would not help. Its last words:{words}")
            return 2
        if pause_s is None:
            self.announce(
                f"{died}, and so more than {self.patience.deaths} times within {self.patience.within_s:g} s: stopping "
                f"everything. Its last words:{words}"
            )
            return 1
        self.announce(f"{died}; starting it again in {pause_s:g} s. Its last words:{words}")
        child.start_at = now + pause_s
        child.last_words.clear()
        return 0

    def _stop(self, children: list[_Child]) -> None:
        running = [child for child in children if child.popen is not None]
        for child in running:
            assert child.popen is not None
            child.popen.terminate()  # it alone: how its own helpers end is its business
        deadline = time.monotonic() + self.patience.grace_s
        while running and time.monotonic() < deadline and signal.SIGINT not in self.orders[1:]:
            self._listen(0.1)
            running = [child for child in running if self._bury(child) is None]
        for child in running:
            assert child.popen is not None
            self.announce(f"{child.process.name} does not stop: it is ended by force.")
            guardian.end([child.popen.pid], signal.SIGKILL)
            child.popen.wait()
            self._bury(child)

    def _listen(self, timeout_s: float) -> None:
        for key, _ in self.selector.select(timeout_s):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    self.wakeup.recv(4096)
            else:
                self._hear(key.data, key.fileobj)  # type: ignore[arg-type]

    def _hear(self, child: _Child, pipe: IO[bytes]) -> bool:
        """Reads one piece of what is there and passes on the whole lines; whether there may be more. One piece, so
        that who never stops talking does not keep the others from being heard.
        """
        try:
            piece = os.read(pipe.fileno(), 65536)
        except BlockingIOError:
            return False
        if not piece:  # the end; whether the process lives is another question
            with contextlib.suppress(KeyError):
                self.selector.unregister(pipe)
            return False
        *lines, child.unfinished = (child.unfinished + piece).split(b"\n")
        if len(child.unfinished) > _LONGEST_LINE:
            lines.append(child.unfinished)
            child.unfinished = b""
        for line in lines:
            self._pass_on(child, line)
        return True

    def _pass_on(self, child: _Child, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        child.last_words.append(text)
        self.voice.say(child.prefix + text)

    def _ask(self, is_ready: Callable[[], bool]) -> None:
        while not self.over.is_set():
            if is_ready():
                self.ready.set()
                return
            self.over.wait(0.25)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        self.wakeup, waker = socket.socketpair()
        self.wakeup.setblocking(False)
        waker.setblocking(False)
        self.selector.register(self.wakeup, selectors.EVENT_READ, None)
        orders = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.getsignal(number) for number in (*orders, signal.SIGCHLD)}
        for number in orders:
            signal.signal(number, lambda received, _: self.orders.append(signal.Signals(received)))
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler, so that a death wakes the loop
        wakeup_before = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup_before)
            for number, handler in before.items():
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)
            self.wakeup.close()
            waker.close()


class _Voice:
    """Where the processes' lines go. A terminal that does not take them makes them drop, never the processes wait."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.dropped = 0
        self.coloured = out.isatty() and not os.environ.get("NO_COLOR")
        try:
            self.poll: select.poll | None = select.poll()
            self.poll.register(out.fileno(), select.POLLOUT)
        except (OSError, ValueError):  # not a file of the operating system
            self.poll = None

    def prefix(self, name: str, number: int) -> str:
        return f"\x1b[{_COLOURS[number % len(_COLOURS)]}m{name} │\x1b[0m " if self.coloured else f"{name} │ "

    def say(self, line: str) -> None:
        if self.poll is not None and not any(event & select.POLLOUT for _, event in self.poll.poll(0)):
            self.dropped += 1
            return
        if self.dropped:
            line = f"… {self.dropped} lines were dropped: nobody took them.\n{line}"
            self.dropped = 0
        with contextlib.suppress(OSError):  # nobody reads any more; the city goes on
            self.out.write(line + "\n")
            self.out.flush()
