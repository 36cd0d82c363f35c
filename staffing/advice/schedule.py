"""The schedule of windows and how it may be changed: moves of windows, who could do them, posts before and after.

Times are seconds from now on, items by their numbers, as in `staffing.futures`. A schedule changes by windows that are opened,
turned to other items, paused or closed for a time; what is usual goes on before and after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from staffing.futures import Floats, Post

BREAK_S = 5_400.0
"""A gap of a window that is not longer is a break of whoever sits there, and stays one."""


@dataclass(frozen=True, slots=True)
class Move:
    """A window that serves `items` from `at_s` until `until_s`; none: it is closed meanwhile (`is_paused`: paused). `clerk` is
    who is meant to sit there where that is somebody else than now, `serves` the items for whose sake it is done."""

    window: int
    at_s: float
    until_s: float
    items: tuple[int, ...]
    clerk: str | None = None
    serves: tuple[int, ...] = ()
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class Seat:
    """A window and what can be asked of it: the items that whoever belongs to it can do (none: nobody does), by pseudonym where
    known. `is_able` is False where nothing can be asked of it now: it is out of order, or the hall refused."""

    window: int
    skills: tuple[int, ...]
    clerk: str | None = None
    is_able: bool = True


@dataclass(frozen=True, slots=True)
class Reserve:
    """Somebody present without a window."""

    clerk: str
    skills: tuple[int, ...]


def applied(posts: Sequence[Post], moves: Iterable[Move]) -> list[Post]:
    """The posts as they are after the moves. Of two moves of a window at the same time the later one in order holds."""
    by_window = {window: list(of) for window, of in groupby(sorted(moves, key=lambda m: m.window), key=lambda m: m.window)}
    changed = [post for post in posts if post.window not in by_window]
    for window, of in by_window.items():
        pieces = [
            Post(window, post.items, (span,), post.free_s) for post in posts if post.window == window for span in post.spans
        ]
        for move in of:
            pieces = [piece for post in pieces for piece in _without(post, move.at_s, move.until_s)]
            if move.items:
                pieces.append(Post(window, move.items, ((move.at_s, move.until_s),)))
        changed += pieces
    return changed


def _without(post: Post, since: float, until: float) -> Iterable[Post]:
    """A post of one span less what lies in [since, until)."""
    ((first, last),) = post.spans
    for begin, end in ((first, min(last, since)), (max(first, until), last)):
        if begin < end:
            yield Post(post.window, post.items, ((begin, end),), post.free_s)


def open_windows(posts: Sequence[Post], edges: Floats) -> Floats:
    """How many windows are open in each of the intervals between `edges`, in the mean of its time."""
    return np.array([open_shares([post], edges) for post in posts]).sum(axis=0) if posts else np.zeros(len(edges) - 1)


def open_shares(posts: Sequence[Post], edges: Floats) -> Floats:
    """Of each interval between `edges`, the share for which posts of one window call people."""
    found = np.zeros(len(edges) - 1)
    for since, until in (span for post in posts for span in post.spans):
        found += np.clip(np.minimum(until, edges[1:]) - np.maximum(since, edges[:-1]), 0, None)
    return np.minimum(found / np.diff(edges), 1.0)


def is_break(posts: Sequence[Post], at_s: float) -> bool:
    """Whether a window that is closed at a moment is so for a break: it was open, or called just now, and opens again soon."""
    spans = sorted(span for post in posts for span in post.spans)
    if any(since <= at_s < until for since, until in spans):
        return False
    before = max((until for _, until in spans if until <= at_s), default=0.0)
    after = min((since for since, _ in spans if since > at_s), default=np.inf)
    return bool(after - before <= BREAK_S)


def window_hours(posts: Sequence[Post], horizon_s: float) -> float:
    """Hours for which windows are open from now until the horizon."""
    edges = np.array([0.0, horizon_s])
    windows = {post.window for post in posts}
    return float(sum(open_shares([p for p in posts if p.window == w], edges)[0] for w in windows)) * horizon_s / 3_600
