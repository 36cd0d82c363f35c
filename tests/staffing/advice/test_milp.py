"""The plan: it opens what is missing, turns who can be turned, leaves breaks alone and calls nobody who is not there."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks._generated_halls import generated
from staffing.advice.milp import Task, breaks_of, planned
from staffing.advice.requirements import Stream, groups_of, streams
from staffing.advice.schedule import Move, Reserve, Seat, applied, is_break, open_windows, window_hours
from staffing.futures import Post

ALL_DAY = ((-100.0, 20_000.0),)
TARGET, STEP = 900.0, 900.0


def a_task(
    posts: Sequence[Post], seats: Sequence[Seat], arrivals: Sequence[Sequence[float]], *, reserve: Sequence[Reserve] = (),
    waiting: float = 0.0, move_cost_s: float = 600.0, least_open_s: float = 1_800.0,
) -> Task:  # fmt: skip
    found = [
        Stream((item,), np.array(counts, float), waiting if item == 0 else 0.0, 1.0, 450.0, 0.7, 2_700.0)
        for item, counts in enumerate(arrivals)
    ]
    return Task(posts, seats, reserve, found, 0.0, STEP, TARGET, move_cost_s, least_open_s)


def test_nothing_is_moved_where_nothing_is_short() -> None:
    posts = [Post(w, (0,), ALL_DAY) for w in (1, 2, 3, 4)]
    assert planned(a_task(posts, [Seat(w, (0,)) for w in (1, 2, 3, 4, 5)], [[2] * 8])) == []


def test_a_window_is_opened_for_the_peak_and_no_longer() -> None:
    """Two windows do four people a quarter of an hour each… ten come from half past on, for an hour."""
    posts = [Post(1, (0,), ALL_DAY), Post(2, (0,), ALL_DAY)]
    seats = [Seat(w, (0,)) for w in (1, 2, 3, 4, 5, 6)]
    moves = planned(a_task(posts, seats, [[2, 2, 10, 10, 10, 10, 2, 2, 2, 2]]))
    assert {move.window for move in moves} <= {3, 4, 5, 6}
    assert len(moves) >= 3
    assert all(900 <= move.at_s <= 2_700 and move.until_s <= 7_200 for move in moves)


def test_an_all_round_window_is_turned_to_those_who_wait() -> None:
    """Item 1 has nobody; the all-round window and that of item 0 share the rest. Nobody else is there."""
    posts = [Post(1, (0,), ALL_DAY), Post(2, (1,), ALL_DAY), Post(3, (1,), ALL_DAY)]
    seats = [Seat(1, (0,)), Seat(2, (0, 1)), Seat(3, (0, 1))]
    moves = planned(a_task(posts, seats, [[6] * 8, [0.5] * 8]))
    assert moves
    assert all(move.window in (2, 3) and 0 in move.items for move in moves)


def test_no_more_are_called_from_the_reserve_than_there_are_and_only_for_what_they_can() -> None:
    seats = [Seat(1, (0,)), *(Seat(w, ()) for w in range(2, 9))]
    reserve = [Reserve("c7", (0,)), Reserve("c8", (1,))]
    moves = planned(a_task([Post(1, (0,), ALL_DAY)], seats, [[12] * 8, [0] * 8], reserve=reserve))
    assert [(move.items, move.clerk) for move in moves] == [((0,), "c7")]


def test_what_is_out_of_order_or_refused_is_not_asked_for() -> None:
    seats = [Seat(1, (0,)), Seat(2, (0,), is_able=False)]
    assert planned(a_task([Post(1, (0,), ALL_DAY)], seats, [[12] * 8])) == []


def test_breaks_stay_breaks() -> None:
    """The window pauses from 1,800 to 4,500: it is not opened then, and turned only before and after."""
    posts = [Post(1, (0,), ALL_DAY), Post(2, (1,), ((-100.0, 1_800.0), (4_500.0, 20_000.0)))]
    assert breaks_of(posts[1:]) == [(1_800.0, 4_500.0)]
    assert is_break(posts[1:], 2_000.0)
    moves = planned(a_task(posts, [Seat(1, (0,)), Seat(2, (0, 1))], [[14] * 12, [0.1] * 12]))
    assert moves
    assert all(move.until_s <= 1_800 or move.at_s >= 4_500 for move in moves)


@pytest.mark.parametrize("least_min", [15, 30, 60])
def test_what_is_opened_stays_open_for_a_while(least_min: int) -> None:
    posts = [Post(1, (0,), ALL_DAY)]
    seats = [Seat(w, (0,)) for w in (1, 2, 3, 4)]
    moves = planned(a_task(posts, seats, [[1, 1, 9, 1, 1, 1, 9, 1, 1, 1, 1, 1]], least_open_s=60.0 * least_min, move_cost_s=10))
    assert moves
    assert min(move.until_s - move.at_s for move in moves) >= 60 * least_min


def test_a_dearer_move_is_made_less_often() -> None:
    posts = [Post(1, (0,), ALL_DAY), Post(2, (0,), ALL_DAY)]
    seats = [Seat(w, (0,)) for w in range(1, 8)]
    busy = [[2, 7, 2, 7, 2, 7, 2, 7, 2, 7, 2, 7]]
    numbers = [len(planned(a_task(posts, seats, busy, move_cost_s=cost))) for cost in (1.0, 1e6)]
    assert numbers[0] > numbers[1] == 0


def test_moves_change_the_posts_and_nothing_else() -> None:
    posts = [Post(1, (0,), ((0.0, 100.0),)), Post(2, (1,), ((0.0, 100.0),))]
    changed = applied(posts, [Move(1, 20.0, 50.0, (1, 2)), Move(3, 10.0, 40.0, (0,)), Move(2, 50.0, 60.0, ())])
    assert sorted((p.window, p.items, p.spans) for p in changed) == [
        (1, (0,), ((0.0, 20.0),)), (1, (0,), ((50.0, 100.0),)), (1, (1, 2), ((20.0, 50.0),)),
        (2, (1,), ((0.0, 50.0),)), (2, (1,), ((60.0, 100.0),)), (3, (0,), ((10.0, 40.0),)),
    ]  # fmt: skip
    assert open_windows(changed, np.array([0.0, 50.0, 100.0])).tolist() == [2.6, 1.8]
    assert window_hours(changed, 3_600.0) == pytest.approx((100 + 90 + 30) / 3_600)


def test_sixty_windows_are_planned_within_the_limit_of_time() -> None:
    futures, posts, seats, reserve = generated(60, 20, seed=3)
    groups = groups_of([post.items for post in posts], 14)
    found = streams(futures, groups, 300 + 900 * np.arange(17.0), np.ones(len(groups)))
    began = time.process_time()
    moves = planned(Task(posts, seats, reserve, found, 300.0, STEP, TARGET, 600.0, 1_800.0), limit_s=0.8)
    assert time.process_time() - began < 3
    assert 1 <= len(moves) <= 12
