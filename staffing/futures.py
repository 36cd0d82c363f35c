"""Futures of a hall: who will come for what, how long each will keep a window, how long each would wait, and what becomes of
them window by window, in many equally likely futures at once.

First come, first served by skill: a window that becomes free takes whoever came first among those it serves. People are taken in
the order in which they came, each to the window at which he can begin first, which comes to the same, because nobody who comes
later can be before him anywhere. Among idle windows he goes to the one that serves the fewest items, so that the others stay
free for the rest. Who is not called in time leaves and keeps nobody from anything.

Times are seconds from a moment on, `now` = 0; whoever waits already came before it (negative). Two schedules are compared on the
same people (common random numbers). A window's time with one customer is counted from the call to the next call it could make:
walking up, service and clearing the desk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

PREFERENCE_S = 1e-3
"""What a further item of a window counts when several are idle: less than anything that is measured."""


@dataclass(frozen=True, slots=True)
class Post:
    """A window while it serves the same items: `items` by number, the spans [since, until) in which it calls people, and since
    when it is free (0: now). A window that turns to other items is a post of its own before and after: the later ones begin when
    the customer of the earlier ones is done with. (Who is called to such a window beforehand, in the order of arrival, does not
    wait for one who comes later and is called to it earlier: of each turn one wait may be told too short, by less than a
    service.)"""

    window: int
    items: tuple[int, ...]
    spans: tuple[tuple[float, float], ...]
    free_s: float = 0.0


@dataclass(frozen=True)
class Futures:
    """People of many futures (futures × people), in the order in which they come: when (infinite: nobody), for which item, how
    long they keep a window, how long they would wait from when they came, and who is only a question: what would somebody wait
    who came then; he takes nobody's place. `busy_s` (futures × windows) is until when each window is kept by who is there now,
    by its number in `windows`."""

    arrivals_s: Floats
    items: Ints
    occupied_s: Floats
    patience_s: Floats
    is_question: Bools
    windows: tuple[int, ...]
    busy_s: Floats

    @property
    def n(self) -> int:
        return len(self.arrivals_s)

    def taken(self, rows: Ints) -> Futures:
        """Some of the futures, each as often as it is named."""
        return Futures(
            self.arrivals_s[rows], self.items[rows], self.occupied_s[rows], self.patience_s[rows], self.is_question[rows],
            self.windows, self.busy_s[rows],
        )  # fmt: skip


@dataclass(frozen=True)
class Fates:
    """What becomes of the people of `Futures` under a schedule (futures × people): seconds from coming to the call or to giving
    up (NaN: nobody there), who gave up, who was at a window when. Who is never called waits until his patience ends; a question
    without an answer is infinite. `overtime_s` (futures) is the time that windows work beyond their spans."""

    waits_s: Floats
    has_given_up: Bools
    begins_s: Floats
    overtime_s: Floats


def fates(futures: Futures, posts: Sequence[Post], shut: Bools | None = None) -> Fates:
    """What becomes of everybody when windows are opened as `posts` say. `shut` (futures × posts) are posts that are not there in
    some of the futures, so that several schedules can be tried side by side."""
    n, most = futures.arrivals_s.shape
    waits, begins = np.full((n, most), np.nan), np.full((n, most), np.inf)
    has_given_up, overtime = np.zeros((n, most), bool), np.zeros(n)
    n_items = 1 + max((int(futures.items.max(initial=0)), *(max(post.items, default=0) for post in posts)))
    if posts:
        breaks, opens, ends = _by_stretch(posts)
        dislike = _dislikes(posts, n_items)
        free = _free_at_first(futures, posts, breaks, opens)
        heirs = _heirs(posts)
        if shut is not None:
            free[shut] = np.inf
    rows = np.arange(n)
    stretch_of = np.searchsorted(breaks, np.maximum(futures.arrivals_s, 0.0), side="right") if posts else None
    for k in range(most):
        came = futures.arrivals_s[:, k]
        is_here = np.isfinite(came)
        if not is_here.any():
            continue
        leaves = came + futures.patience_s[:, k]
        if posts and stretch_of is not None:
            moments = np.maximum(opens[stretch_of[:, k]], free)
            np.maximum(moments, np.maximum(came, 0.0)[:, None], out=moments)
            post = (moments + dislike[futures.items[:, k]]).argmin(axis=1)
            begin = np.where(np.isfinite(dislike[futures.items[:, k], post]), moments[rows, post], np.inf)
        else:
            post, begin = np.zeros(n, np.intp), np.full(n, np.inf)
        is_asked = futures.is_question[:, k]
        is_served = is_here & (begin <= leaves) & ~is_asked & np.isfinite(begin)
        has_given_up[:, k] = is_here & ~is_served & ~is_asked
        begins[is_served, k] = begin[is_served]
        waits[is_here, k] = np.where(is_asked, begin, np.minimum(begin, leaves))[is_here] - came[is_here]
        if is_served.any():
            who = rows[is_served]
            at, until = post[who], begin[who] + futures.occupied_s[who, k]
            end = ends[np.searchsorted(breaks, begin[who], side="right"), at]
            overtime[who] += np.clip(until - np.maximum(end, begin[who]), 0, None)
            stretch = np.searchsorted(breaks, until, side="right")
            free[who, at] = np.maximum(until, opens[stretch, at])
            for of in heirs.T:
                heir = of[at]
                is_one = heir >= 0
                if is_one.any():
                    seat = who[is_one], heir[is_one]
                    later = np.maximum(until[is_one], opens[stretch[is_one], heir[is_one]])
                    free[seat] = np.maximum(free[seat], later)
    return Fates(waits, has_given_up, begins, overtime)


def _by_stretch(posts: Sequence[Post]) -> tuple[Floats, Floats, Floats]:
    """Moments at which any post begins or ends to call; for each stretch between them (stretches × posts) the first moment from
    which a post calls (−inf: it does, inf: never again), and until when it does (inf where it does not)."""
    breaks = np.unique([moment for post in posts for span in post.spans for moment in span if np.isfinite(moment)])
    begins = np.concatenate([[-np.inf], breaks])
    opens, ends = np.full((len(begins), len(posts)), np.inf), np.full((len(begins), len(posts)), np.inf)
    for p, post in enumerate(posts):
        for since, until in sorted(post.spans, reverse=True):
            opens[begins < until, p] = np.where((begins >= since)[begins < until], -np.inf, since)
            ends[(begins >= since) & (begins < until), p] = until
    return breaks, opens, ends


def _heirs(posts: Sequence[Post]) -> Ints:
    """Posts × most: the posts of the same window that begin when one is over; −1 fills up."""
    after = [
        [q for q, later in enumerate(posts) if q != p and later.window == post.window and _first(later) >= _last(post)]
        for p, post in enumerate(posts)
    ]
    found = np.full((len(posts), max(map(len, after))), -1, np.intp)
    for p, row in enumerate(after):
        found[p, : len(row)] = row
    return found


def _first(post: Post) -> float:
    return min((since for since, _ in post.spans), default=-np.inf)


def _last(post: Post) -> float:
    return max((until for _, until in post.spans), default=np.inf)


def _dislikes(posts: Sequence[Post], n_items: int) -> Floats:
    """Items × posts: infinite where an item is not served, else next to nothing for each item that the post serves."""
    dislike = np.full((n_items, len(posts)), np.inf)
    for p, post in enumerate(posts):
        dislike[list(post.items), p] = PREFERENCE_S * len(post.items)
    return dislike


def _free_at_first(futures: Futures, posts: Sequence[Post], breaks: Floats, opens: Floats) -> Floats:
    """Futures × posts: from when on each can call, given who is at its window now."""
    free = np.empty((futures.n, len(posts)))
    column = {window: k for k, window in enumerate(futures.windows)}
    for p, post in enumerate(posts):
        k = column.get(post.window)
        busy = np.maximum(futures.busy_s[:, k], post.free_s) if k is not None else np.full(futures.n, post.free_s)
        free[:, p] = np.maximum(busy, opens[np.searchsorted(breaks, busy, side="right"), p])
    return free
