"""Progress: a bar on a terminal, one line a minute otherwise."""

from __future__ import annotations

import sys
import time
from typing import Self, TextIO

_WIDTH = 32


class Progress:
    """How far a long work has come, out of `total` (any unit)."""

    def __init__(self, what: str, total: float, out: TextIO = sys.stderr) -> None:
        self._what = what
        self._total = max(total, 1e-9)
        self._out = out
        self._began_s = time.monotonic()
        self._told_s = self._began_s
        self._done = 0.0

    def __enter__(self) -> Self:
        self._say(is_last=False)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._done = self._total
        self._say(is_last=True)

    def reach(self, done: float) -> None:
        self._done = done
        now_s = time.monotonic()
        if now_s - self._told_s >= (0.2 if self._out.isatty() else 60.0):
            self._told_s = now_s
            self._say(is_last=False)

    def _say(self, *, is_last: bool) -> None:
        share = min(1.0, self._done / self._total)
        spent_s = time.monotonic() - self._began_s
        if self._out.isatty():
            filled = round(share * _WIDTH)
            bar = "█" * filled + "░" * (_WIDTH - filled)
            self._out.write(f"\r{self._what} {bar} {share:4.0%} {spent_s:4.0f} s" + ("\n" if is_last else ""))
        elif is_last or spent_s > 1:
            self._out.write(f"{self._what}: {share:.0%} after {spent_s:.0f} s\n")
        self._out.flush()
