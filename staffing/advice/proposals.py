"""Proposals: the moves that pay for one hall, drawn up with what they do and why, or the sentence why there are none.

A plan by a mixed integer program, in two tempers (as it is, and with half the price of a move); each simulated beside doing
nothing on common random numbers and stripped of what does not pay; the better one is proposed if it pays
(`staffing.advice.verification`). Content is JSON: times in milliseconds since 1970, seconds, items by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from domain.halls import WindowState
from staffing.advice import words
from staffing.advice.commands import as_json, commands_of
from staffing.advice.ground import Ground
from staffing.advice.milp import Task, planned
from staffing.advice.schedule import Move, applied
from staffing.advice.verification import SLOT_S, Figures, Gain, Range, figures, gain, is_worth_it, pruned
from staffing.advice.words import Sentence
from staffing.futures import Floats, fates
from staffing.practice import HallPractice

PRUNING_FUTURES = 30
MOST_MOVES = 6
"""More is not done by people at counters within minutes."""
LEAST_PEOPLE = 5
LIMIT_S = 0.8
"""Of the search for a plan."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Drawn:
    """What was found: the moves, both schedules in figures, what is gained. `none` says why nothing is proposed."""

    moves: tuple[Move, ...]
    before: Figures | None
    after: Figures | None
    gain: Gain | None
    none: Sentence | None = None


def draw(ground: Ground, practice: HallPractice, *, limit_s: float = LIMIT_S) -> Drawn:
    """What to do with the windows of a hall in the next hours."""
    usual = ground.posts
    before = figures(ground.futures, fates(ground.futures, usual), usual, ground.edges, ground.closes_s)
    if ground.closes_s <= ground.start_s:
        return Drawn((), before, None, None, words.CLOSED)
    streams = ground.groups()
    worst = before.worst_range
    if not streams or before.counts.sum() < LEAST_PEOPLE or worst is None:
        return Drawn((), before, None, None, words.NOBODY)
    if not any(seat.is_able and (seat.skills or ground.reserve) for seat in ground.seats):
        return Drawn((), before, None, None, words.NO_HANDS)
    best: Drawn | None = None
    for turns in (False, True):
        task = Task(
            usual, ground.seats, ground.reserve, streams, ground.start_s, SLOT_S, practice.target_s, practice.move_cost_s,
            practice.least_open_s, turns=turns,
        )  # fmt: skip
        moves = tuple(_stripped(ground, planned(task, limit_s=limit_s), practice))
        if not moves or (best is not None and moves == best.moves):
            continue
        found = judged(ground, before, moves)
        if found.gain is not None and (best is None or best.gain is None or _value(found.gain) > _value(best.gain)):
            best = found
        will = best.after.worst_range if best is not None and best.after is not None and _pays(best, practice) else None
        if will is not None and will.mid <= practice.target_s:
            break  # it is on time again
    if best is not None and _pays(best, practice):
        return best
    gained = best.gain.worst if best is not None and best.gain is not None else Range(0.0, 0.0, 0.0)
    if worst.mid <= practice.target_s:
        none = words.enough_words(worst.mid, practice.target_s)
    elif gained.mid < practice.gain_s:
        none = words.little_words(worst.mid, gained.mid, practice.gain_s)
    else:
        none = words.unsure_words(worst.mid, gained.mid, gained.low)
    return Drawn((), before, None, None, none)


def _value(of: Gain) -> float:
    """By which of two plans the better is found: what it saves in the middle, and surely."""
    return of.worst.mid + of.worst.low


def judged(ground: Ground, before: Figures, moves: Sequence[Move]) -> Drawn:
    """Moves beside doing nothing."""
    posts = applied(ground.posts, moves)
    after = figures(ground.futures, fates(ground.futures, posts), posts, ground.edges, ground.closes_s)
    return Drawn(tuple(moves), before, after, gain(before, after, ground.posts, posts, len(moves)))


def _pays(drawn: Drawn, practice: HallPractice) -> bool:
    return (
        drawn.before is not None and drawn.after is not None and drawn.gain is not None
        and is_worth_it(drawn.before, drawn.after, drawn.gain, target_s=practice.target_s, gain_s=practice.gain_s)
    )  # fmt: skip


def _stripped(ground: Ground, moves: Sequence[Move], practice: HallPractice) -> Iterable[Move]:
    some = ground.futures.taken(np.arange(min(PRUNING_FUTURES, ground.futures.n)))
    kept = pruned(some, ground.posts, moves, ground.edges, move_cost_s=practice.move_cost_s, most=MOST_MOVES)
    return sorted(kept, key=lambda move: (move.at_s, move.window))


def content_of(drawn: Drawn, ground: Ground, practice: HallPractice, zone: ZoneInfo) -> Json:
    """What is stored of a proposal. Call with moves alone."""
    before, after, gained = drawn.before, drawn.after, drawn.gain
    was = before.worst_range if before is not None else None
    will = after.worst_range if after is not None else None
    if before is None or after is None or gained is None or was is None or will is None:
        raise ValueError("a proposal without figures: expected what `judged` returns")
    steps = [step_of(move, ground, before, zone) for move in drawn.moves]
    offered = len(ground.items)
    said = words.proposal_words([_said_of(step, offered, zone) for step in steps], was.mid, will.mid, will.low, will.high)
    return {
        "said": said.as_json(),
        "rests_on": {
            "profile_days": ground.profile_days, "demand_basis": ground.demand_basis, "futures": ground.futures.n,
            "n_waiting": ground.n_waiting,
        },
        "steps": steps, "commands": commands_json(drawn.moves, ground), "before": figures_json(before, ground), "after":
        figures_json(after, ground), "gain": gained.as_json(), "target_s": practice.target_s, "day_kind": ground.day_kind,
    }  # fmt: skip


def commands_json(moves: Iterable[Move], ground: Ground) -> list[Mapping[str, Any]]:
    """What the windows have to be told for it through the rest of the day."""
    return as_json(commands_of(ground.day_posts, moves, ground.closes_s), ground.items, ms(ground.now))


def step_of(move: Move, ground: Ground, before: Figures, zone: ZoneInfo) -> Json:
    """A move as it is stored and shown: what the window is before, shall be, and goes back to."""
    now_state, now_items = state_at(ground, move.window, move.at_s)
    is_for_good = move.until_s >= min(ground.closes_s, ground.horizon_s + SLOT_S)
    then_state, then_items = state_at(ground, move.window, move.until_s)
    wanted = WindowState.OPEN if move.items else WindowState.PAUSED if move.is_paused else WindowState.CLOSED
    serves = move.serves or move.items
    step: Json = {
        "at": ms(ground.at(move.at_s)), "window": move.window, "from_state": now_state.value, "from_items": list(now_items),
        "to_state": wanted.value, "to_items": [ground.items[i] for i in move.items],
        "until": None if is_for_good else ms(ground.at(move.until_s)), "clerk": move.clerk,
        "then_state": then_state.value, "then_items": list(then_items),
    }  # fmt: skip
    late = [(wait, item) for item, wait in before.item_worst_s.items() if item in serves]
    wait_s, item = max(late, default=(None, None))
    clock = _clock(ground.at(float(before.edges[before.worst_slot or 0])), zone)
    named = (ground.items[item],) if item is not None else tuple(step["to_items"])
    return {**step, "why": words.why_words(named, len(ground.items), wait_s, clock).as_json()}


def state_at(ground: Ground, window: int, at_s: float) -> tuple[WindowState, tuple[str, ...]]:
    """What a window is at a moment if nobody does anything."""
    mine = [post for post in ground.posts if post.window == window]
    here = [post for post in mine if any(since <= at_s < until for since, until in post.spans)]
    if here:
        return WindowState.OPEN, tuple(ground.items[i] for i in here[0].items)
    now = ground.windows.get(window)
    if now is not None and now.state is WindowState.PAUSED and at_s <= SLOT_S:
        return WindowState.PAUSED, now.items
    return WindowState.CLOSED, ()


def moves_of(steps: Iterable[Mapping[str, Any]], ground: Ground) -> list[Move]:
    """Steps, as they are stored, as moves from the ground's moment on; those that are over are left out."""
    found = []
    for step in steps:
        at_s = max((step["at"] - ms(ground.now)) / 1000, 0.0)
        until_s = (step["until"] - ms(ground.now)) / 1000 if step["until"] is not None else np.inf
        if until_s > at_s:
            items = ground.numbers(step["to_items"]) if step["to_state"] == WindowState.OPEN else ()
            is_paused = step["to_state"] == WindowState.PAUSED
            found.append(Move(step["window"], at_s, until_s, items, step.get("clerk"), is_paused=is_paused))
    return found


def said_of_steps(steps: Sequence[Json], offered: int, drawn: Drawn, zone: ZoneInfo) -> Sentence | None:
    """The one line of a plan that was changed by hand."""
    was = drawn.before.worst_range if drawn.before else None
    will = drawn.after.worst_range if drawn.after else None
    if not steps or was is None or will is None:
        return None
    return words.proposal_words([_said_of(step, offered, zone) for step in steps], was.mid, will.mid, will.low, will.high)


def _said_of(step: Json, offered: int, zone: ZoneInfo) -> Sentence:
    until = _clock(_time(step["until"]), zone) if step["until"] is not None else None
    return words.move_words(step, _clock(_time(step["at"]), zone), until, offered)


def figures_json(f: Figures, ground: Ground) -> Json:
    """F of the interface: by quarters of an hour of the clock; null where nobody comes."""
    worst = f.worst_range or Range(np.nan, np.nan, np.nan)
    worst_at = None if f.worst_slot is None else ms(ground.at(float(f.edges[f.worst_slot])))
    return {
        "slots": [ms(ground.at(float(edge))) for edge in f.edges[:-1]],
        **{name: _whole(getattr(f, name)) for name in ("p50_s", "p90_s", "p90_low_s", "p90_high_s", "mean_s")},
        "windows": [round(float(n), 1) for n in f.windows], "left": round(f.left, 1),
        "overtime_s": round(f.overtime_s) if ground.closes_s < ground.horizon_s else None,
        "worst": {
            "at": worst_at, "item": ground.items[f.worst_item] if f.worst_item is not None else None,
            "p90_s": _int(worst.mid), "low_s": _int(worst.low), "high_s": _int(worst.high),
        },
        "items": [
            {"item": ground.items[item], "worst_p90_s": _int(wait)}
            for item, wait in sorted(f.item_worst_s.items(), key=lambda pair: -pair[1])
        ],
    }  # fmt: skip


def _whole(values: Floats) -> list[int | None]:
    return [_int(value) for value in values]


def _int(value: float) -> int | None:
    return round(float(value)) if np.isfinite(value) else None


def ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _clock(time: datetime, zone: ZoneInfo) -> str:
    return time.astimezone(zone).strftime("%H:%M")
