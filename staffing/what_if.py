"""What if: what a change of windows or of arrivals would do to a hall in the next hours, on the same people.

Asked is any of: arrivals times a factor; clerks from one item to another; single windows opened, closed or turned for some
minutes; the steps of a proposal. Arrivals are drawn for the busier of the two cases and thinned at random for the other, so
that both see the same people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from domain.halls import WindowState
from domain.refusals import Refused
from staffing.advice.ground import Ground
from staffing.advice.proposals import figures_json
from staffing.advice.schedule import Move, applied
from staffing.advice.verification import Figures, figures, gain
from staffing.advice.words import Sentence, item_words
from staffing.futures import Futures, fates

LEAST_FACTOR, MOST_FACTOR = 0.2, 10.0
MOST_MINUTES = 600.0
MOST_WINDOWS, MOST_CLERKS = 40, 40
FUTURES = 200


class Shift(NamedTuple):
    """Clerks from the windows of one item to another."""

    from_item: str
    to_item: str
    n: int


class Wish(NamedTuple):
    """A window: what it shall be, for which items (none: its own), from when (seconds from now) and for how long (None: on)."""

    window: int
    state: WindowState
    items: tuple[str, ...]
    at_s: float
    for_s: float | None


@dataclass(frozen=True)
class Asked:
    """What is asked: all of it at once. `moves` are those of a proposal."""

    factor: float = 1.0
    shifts: tuple[Shift, ...] = ()
    wishes: tuple[Wish, ...] = ()
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True)
class Tried:
    before: Figures
    after: Figures
    said: Sentence


def read_asked(said: Mapping[str, Any], now_ms: int, offered: Sequence[str]) -> Asked:
    """The question as it came in. Raises Refused for what cannot be read."""
    factor = said.get("arrivals", 1.0)
    if not _is_number(factor) or not LEAST_FACTOR <= factor <= MOST_FACTOR:
        raise Refused(
            "what_if",
            f"到厅人数倍数应为 {LEAST_FACTOR:g} 至 {MOST_FACTOR:g}",
            f"arrivals: expected a factor from {LEAST_FACTOR:g} to {MOST_FACTOR:g}",
        )
    shifts = tuple(_shift(each, offered) for each in _rows(said.get("move"), "move"))
    wishes = tuple(_wish(each, now_ms, offered) for each in _rows(said.get("windows"), "windows"))
    return Asked(float(factor), shifts, wishes)


def _rows(said: object, name: str) -> list[Mapping[str, Any]]:
    if said is None:
        return []
    if not isinstance(said, list) or len(said) > MOST_WINDOWS or not all(isinstance(row, dict) for row in said):
        raise Refused(
            "what_if",
            f"{name} 无法读取：应为至多 {MOST_WINDOWS} 项的列表",
            f"{name}: expected a list of at most {MOST_WINDOWS} objects",
        )
    return said


def _shift(said: Mapping[str, Any], offered: Sequence[str]) -> Shift:
    items, n = [said.get("from"), said.get("to")], said.get("n", 1)
    for item in items:
        if item not in offered:
            raise Refused("what_if", f"本厅不办理 {str(item)[:40]}", f"the hall does not offer {str(item)[:40]}")
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MOST_CLERKS:
        raise Refused("what_if", f"调动人数应为 1 至 {MOST_CLERKS}", f"clerks moved: expected 1 to {MOST_CLERKS}")
    return Shift(str(items[0]), str(items[1]), n)


def _wish(said: Mapping[str, Any], now_ms: int, offered: Sequence[str]) -> Wish:
    window, state = said.get("window"), WindowState.known(str(said.get("state", "open")))
    items, at, minutes = said.get("items") or [], said.get("at", now_ms), said.get("for_min")
    if not isinstance(window, int) or isinstance(window, bool):
        raise Refused("what_if", f"没有 {str(window)[:20]} 号窗口", f"there is no window {str(window)[:20]}")
    if state not in (WindowState.OPEN, WindowState.CLOSED, WindowState.PAUSED):
        raise Refused(
            "what_if", f"{window} 号窗口的状态应为开放、暂停或关闭", f"window {window}: expected open, paused or closed"
        )
    if not isinstance(items, list) or any(item not in offered for item in items):
        raise Refused(
            "what_if", f"{window} 号窗口：有本厅不办理的事项", f"window {window}: the hall does not offer all of its items"
        )
    if not _is_number(at) or (minutes is not None and (not _is_number(minutes) or not 0 < minutes <= MOST_MINUTES)):
        raise Refused(
            "what_if", f"{window} 号窗口的时间无效", f"window {window}: expected a time and at most {MOST_MINUTES:g} minutes"
        )
    return Wish(window, state, tuple(items), max(0.0, (at - now_ms) / 1000), None if minutes is None else 60.0 * minutes)


def _is_number(said: object) -> bool:
    return isinstance(said, int | float) and not isinstance(said, bool) and bool(np.isfinite(said))


def tried(ground: Ground, asked: Asked, *, seed: int) -> Tried:
    """Both cases in figures. `ground` has futures with arrivals for the busier of the two: times `drawn_factor` of the question.
    Raises Refused."""
    moves = [*asked.moves, *_moves_of(ground, asked)]
    drawn = drawn_factor(asked)
    usual, busier = (thinned(ground.futures, share / drawn, seed) for share in (1.0, asked.factor))
    posts = applied(ground.posts, moves)
    before = figures(usual, fates(usual, ground.posts), ground.posts, ground.edges, ground.closes_s)
    after = figures(busier, fates(busier, posts), posts, ground.edges, ground.closes_s)
    return Tried(before, after, _said(before, after, gain(before, after, ground.posts, posts, len(moves)).window_h))


def drawn_factor(asked: Asked) -> float:
    """What arrivals are to be drawn for."""
    return max(1.0, asked.factor)


def thinned(futures: Futures, share: float, seed: int) -> Futures:
    """The futures with a share of those who are still to come; who is there already stays. With the same seed fewer are some of
    the more."""
    if share >= 1:
        return futures
    chance = np.random.default_rng(seed).random(futures.arrivals_s.shape)
    stays = (futures.arrivals_s < 0) | futures.is_question | (chance < share)
    return replace(futures, arrivals_s=np.where(stays, futures.arrivals_s, np.inf))


def _moves_of(ground: Ground, asked: Asked) -> list[Move]:
    moves = [_wished(ground, wish) for wish in asked.wishes]
    taken = {move.window for move in moves}
    for shift in asked.shifts:
        for window, items in _windows_for(ground, shift, taken):
            taken.add(window)
            moves.append(Move(window, 0.0, np.inf, items, serves=items))
    return moves


def _wished(ground: Ground, wish: Wish) -> Move:
    if wish.window not in ground.windows:
        raise Refused("what_if", f"没有 {wish.window} 号窗口", f"there is no window {wish.window}")
    until_s = np.inf if wish.for_s is None else wish.at_s + wish.for_s
    if wish.state is not WindowState.OPEN:
        return Move(wish.window, wish.at_s, until_s, (), is_paused=wish.state is WindowState.PAUSED)
    seat = next((seat for seat in ground.seats if seat.window == wish.window), None)
    own = seat.skills if seat is not None and seat.skills else tuple(range(len(ground.items)))
    return Move(wish.window, wish.at_s, until_s, ground.numbers(wish.items) or own)


def _windows_for(ground: Ground, shift: Shift, taken: set[int]) -> list[tuple[int, tuple[int, ...]]]:
    """Open windows of the one item that do not serve the other yet, those with the fewest items first, then windows that do
    everything; what they turn to are the items that a window for the other serves today."""
    source, goal = ground.numbers([shift.from_item])[0], ground.numbers([shift.to_item])[0]
    serves = {p.window: p.items for p in ground.posts if any(since <= 0 < until for since, until in p.spans)}
    sets = sorted((items for items in {*serves.values()} if goal in items and source not in items), key=lambda s: (len(s), s))
    new = sets[0] if sets else (goal,)
    free = sorted(
        (goal in items, len(items), window) for window, items in serves.items() if source in items and window not in taken
    )
    if len(free) < shift.n:
        named = item_words([shift.from_item], 99)
        raise Refused(
            "what_if",
            f"办理{named.zh}的开放窗口只有 {len(free)} 个，少于 {shift.n}",
            f"only {len(free)} windows are open for {named.en}, not {shift.n}",
        )
    return [(window, new) for _, _, window in free[: shift.n]]


def _said(before: Figures, after: Figures, window_h: float) -> Sentence:
    was, will = before.worst_range, after.worst_range
    if was is None or will is None:
        return Sentence("预计到厅人数过少，无法比较", "too few people are expected to compare")
    numbers = [f"{seconds / 60:.0f}" for seconds in (was.mid, will.mid, will.low, will.high)]
    left = f"{after.left - before.left:+.0f}"
    return Sentence(
        f"预计最长等候 {numbers[0]} → {numbers[1]} 分钟（80% 区间 {numbers[2]}–{numbers[3]}），离开 {left} 人，"
        f"窗口时数 {window_h:+.1f}",
        f"longest wait {numbers[0]} → {numbers[1]} min (80 % interval {numbers[2]}–{numbers[3]}), {left} people leave, "
        f"window-hours {window_h:+.1f}",
    )


def answer_json(tried: Tried, ground: Ground, took_ms: int) -> dict[str, Any]:
    return {
        "before": figures_json(tried.before, ground), "after": figures_json(tried.after, ground), "n": ground.futures.n,
        "took_ms": took_ms, "said": tried.said.as_json(), "refused": None,
    }  # fmt: skip
