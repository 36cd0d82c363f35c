"""Progress: a bar on a terminal, one line a minute otherwise."""

from __future__ import annotations

import sys
import time
from typing import Self, TextIO

_WIDTH = 32


class Progress:
    """How far a long work has come, as a share from 0 to 1. Nothing is said before the work has told so for the first time: what
    cannot begin, since a file is missing, has come nowhere."""

    def __init__(self, what: str, out: TextIO | None = None) -> None:
        self._what = what
        self._out = out or sys.stderr
        self._began_s = time.monotonic()
        self._told_s: float | None = None
        self._share = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._told_s is not None:
            self._say(is_last=True)

    def reach(self, share: float) -> None:
        self._share = max(self._share, min(1.0, share))
        now_s = time.monotonic()
        if self._told_s is None or now_s - self._told_s >= (0.2 if self._out.isatty() else 60.0):
            self._told_s = now_s
            self._say(is_last=False)

    def _say(self, *, is_last: bool) -> None:
        spent_s = time.monotonic() - self._began_s
        if self._out.isatty():
            filled = round(self._share * _WIDTH)
            bar = "█" * filled + "░" * (_WIDTH - filled)
            self._out.write(f"\r{self._what} {bar} {self._share:4.0%} {spent_s:4.0f} s" + ("\n" if is_last else ""))
        elif is_last or spent_s > 1:
            self._out.write(f"{self._what}: {self._share:.0%} after {spent_s:.0f} s\n")
        self._out.flush()
