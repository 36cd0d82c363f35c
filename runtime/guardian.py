"""The guardian: one small process that clears up after a supervisor that was killed.

It reads lines `+GROUP` and `-GROUP` (process group ids) from its standard input, which only the supervisor holds
open. End of file means that the supervisor is gone: whatever groups are left get SIGTERM and, after the grace time,
SIGKILL. `runtime.deathbound` already tells each service itself; the guardian is for those that do not listen and
for the processes that services start on their own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable


class Guardian:
    """The supervisor's end of it."""

    def __init__(self, grace_s: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(grace_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C at the terminal is not meant for it
            cwd="/",
        )

    def watch(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        self._tell(f"-{group}\n")

    def dismiss(self) -> None:
        """Ends it; groups still watched are cleared up first."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # somebody killed it; the services are deathbound all the same
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


def is_alive(group: int) -> bool:
    """Whether any process of the group is left (a zombie not yet collected counts)."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def end(groups: Iterable[int], number: signal.Signals) -> None:
    """Sends the signal to every process of the groups; those already gone are no fault."""
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def _watch(lines: Iterable[str], grace_s: float) -> None:
    groups: set[int] = set()
    for line in lines:
        (groups.add if line.startswith("+") else groups.discard)(int(line[1:]))
    end(groups, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while (groups := {group for group in groups if is_alive(group)}) and time.monotonic() < deadline:
        time.sleep(0.1)
    end(groups, signal.SIGKILL)


if __name__ == "__main__":
    _watch(sys.stdin, float(sys.argv[1]))
