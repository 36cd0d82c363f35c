"""A process that does not outlive the one that started it, however that one ends.

`command` wraps an argument list so that this file runs first, in the new process: it becomes the unprivileged user
if one is named, asks the kernel for a signal at the parent's death, makes sure the parent is not dead already, and
only then becomes the program. The order matters: the kernel forgets the request when a process changes its user.
Linux only (prctl(2), PR_SET_PDEATHSIG). Nothing of ours is imported, so that it starts in a few milliseconds.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Sequence
from signal import Signals

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def command(argv: Sequence[str], *, at_parents_death: Signals, user: tuple[int, int] | None = None) -> list[str]:
    """`argv`, wrapped. `user` is (uid, gid) to become; only root may name one.

    The kernel means the *thread* that started the process when it speaks of the parent, so that only the main
    thread, which lives as long as the process, may start one: RuntimeError otherwise.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError(f"{argv[0]} must be started from the main thread, whose end is the end of the process")
    who = f"{user[0]}:{user[1]}" if user else "-"
    # -I and -S: no site-packages, no environment, and runtime/ not on the import path.
    python = [sys.executable, "-I", "-S", __file__]
    program = shutil.which(argv[0]) or argv[0]
    return [*python, str(os.getpid()), str(int(at_parents_death)), who, program, *argv[1:]]


def _become(parent: int, death_signal: int, who: str, argv: list[str]) -> None:
    import ctypes  # before the change of user: the interpreter may lie where that user cannot read

    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if who != "-":
        uid, gid = map(int, who.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it died before the kernel knew of the request
        sys.exit(1)
    try:
        os.execv(argv[0], argv)
    except OSError as cause:
        sys.exit(f"FATAL: {argv[0]} cannot be run: {cause.strerror}")


if __name__ == "__main__":
    _become(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
