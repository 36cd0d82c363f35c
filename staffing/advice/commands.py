"""Commands: what each moved window has to be told through the rest of the day, so that it does what the plan says and then again
what is usual: a window that was commanded once waits for commands.

A gap that is short is a break, in which the window is paused; nobody is told to close when the tickets end, which windows do by
themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from domain.halls import WindowState
from staffing.advice.schedule import BREAK_S, Move, applied
from staffing.futures import Post


@dataclass(frozen=True, slots=True)
class Command:
    """What a window shall be from a moment on."""

    window: int
    at_s: float
    state: WindowState
    items: tuple[int, ...]


def commands_of(posts: Sequence[Post], moves: Iterable[Move], closes_s: float) -> list[Command]:
    """For each moved window what changes from its first move on, in order. `posts` say what is usual for the rest of the day."""
    by_window: dict[int, list[Move]] = {}
    for move in moves:
        by_window.setdefault(move.window, []).append(move)
    changed = applied(posts, [move for of in by_window.values() for move in of])
    found: list[Command] = []
    for window, of in by_window.items():
        mine = [post for post in changed if post.window == window]
        found += _of_window(window, mine, of, closes_s)
    return sorted(found, key=lambda command: (command.at_s, command.window))


def _of_window(window: int, posts: Sequence[Post], moves: Sequence[Move], closes_s: float) -> Iterable[Command]:
    first_s = min(move.at_s for move in moves)
    spans = sorted((since, until, post.items) for post in posts for since, until in post.spans)
    moments = sorted({first_s, *(moment for since, until, _ in spans for moment in (since, until) if moment > first_s)})
    pauses = [(move.at_s, move.until_s) for move in moves if move.is_paused]
    before: tuple[WindowState, tuple[int, ...]] | None = None
    for at_s in moments:
        if at_s >= closes_s and at_s > first_s:
            break
        here = next((items for since, until, items in spans if since <= at_s < until), None)
        if here is not None:
            state = WindowState.OPEN
        else:
            after_s = min((since for since, _, _ in spans if since > at_s), default=float("inf"))
            is_break = any(since <= at_s < until for since, until in pauses) or (
                before is not None and before[0] is WindowState.OPEN and after_s - at_s <= BREAK_S
            )
            state = WindowState.PAUSED if is_break else WindowState.CLOSED
        wanted = state, here or ()
        if wanted != before:
            yield Command(window, at_s, *wanted)
        before = wanted


def as_json(commands: Iterable[Command], items: Sequence[str], now_ms: int) -> list[Mapping[str, object]]:
    return [
        {
            "window": command.window, "at": now_ms + round(1000 * command.at_s), "state": command.state.value,
            "items": [items[i] for i in command.items],
        }
        for command in commands
    ]  # fmt: skip
