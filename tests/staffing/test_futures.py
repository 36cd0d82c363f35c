"""Futures of a hall: the simulation that takes people one after the other is the event simulation, person by person."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
import pytest

from staffing.futures import Floats, Futures, Post, fates

ALWAYS = ((-100.0, np.inf),)


def by_events(futures: Futures, row: int, posts: Sequence[Post]) -> tuple[list[float], list[bool]]:
    """One future as it happens, event by event: who comes, who leaves, windows that open or become free; the window keeps one
    customer at a time, whatever it serves. A post's customer is whoever came first among those whom it can serve."""
    came, items, patience = futures.arrivals_s[row], futures.items[row], futures.patience_s[row]
    free = {window: float(busy) for window, busy in zip(futures.windows, futures.busy_s[row], strict=True)}
    events: list[tuple[float, int, int]] = []
    for k in np.flatnonzero(np.isfinite(came)).tolist():
        heapq.heappush(events, (max(float(came[k]), 0.0), 0, k))
        heapq.heappush(events, (float(came[k] + patience[k]), 2, k))
    for moment in (*free.values(), *(max(since, 0.0) for post in posts for since, _ in post.spans)):
        heapq.heappush(events, (moment, 1, -1))
    waiting: list[int] = []
    begins, gone = [np.inf] * len(came), [False] * len(came)
    while events:
        now, what, who = heapq.heappop(events)
        if what == 0:
            waiting.append(who)
        elif what == 2 and who in waiting:
            waiting.remove(who)
            gone[who] = True
        while True:
            for k in sorted(waiting, key=lambda k: float(came[k])):
                idle = [
                    (len(post.items), p)
                    for p, post in enumerate(posts)
                    if items[k] in post.items and free.get(post.window, 0.0) <= now and any(a <= now < b for a, b in post.spans)
                ]
                if idle:
                    window = posts[min(idle)[1]].window
                    waiting.remove(k)
                    begins[k], free[window] = now, now + float(futures.occupied_s[row, k])
                    heapq.heappush(events, (free[window], 1, -1))
                    break
            else:
                break
    return begins, gone


def people(rng: np.random.Generator, n: int, most: int, n_items: int, windows: Sequence[int]) -> Futures:
    arrivals = np.sort(rng.uniform(-600, 7_200, (n, most)), axis=1)
    patience = rng.exponential(900, (n, most)) + np.maximum(0, -arrivals)
    return Futures(
        arrivals, rng.integers(0, n_items, (n, most)), rng.lognormal(5.8, 0.7, (n, most)), patience,
        np.zeros((n, most), bool), tuple(windows), rng.uniform(0, 600, (n, len(windows))),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_everybody_has_the_fate_that_the_events_give_him(seed: int) -> None:
    """Five windows with two spans each and skills at random: 5 futures of 60 people, equal to the second."""
    rng = np.random.default_rng(seed)
    posts = []
    for window in range(5):
        times = np.sort(rng.uniform(-100, 8_000, 4)).tolist()
        items = tuple(sorted(rng.choice(4, rng.integers(1, 5), replace=False).tolist()))
        posts.append(Post(window, items, ((times[0], times[1]), (times[2], times[3]))))
    futures = people(rng, 5, 60, 4, range(5))
    found = fates(futures, posts)
    for row in range(5):
        begins, gone = by_events(futures, row, posts)
        np.testing.assert_allclose(found.begins_s[row], begins)
        assert found.has_given_up[row].tolist() == gone


def test_a_window_that_turns_to_other_items_first_ends_the_service_under_way() -> None:
    """One window does item 0 until 100, then item 1. Who came at 90 keeps it until 150; the other, who has waited, is called then."""
    posts = [Post(1, (0,), ((-10.0, 100.0),)), Post(1, (1,), ((100.0, np.inf),))]
    futures = Futures(
        np.array([[90.0, 95.0]]), np.array([[0, 1]]), np.array([[60.0, 10.0]]), np.full((1, 2), 999.0), np.zeros((1, 2), bool),
        (1,), np.zeros((1, 1)),
    )  # fmt: skip
    assert fates(futures, posts).waits_s.tolist() == [[0.0, 55.0]]


def test_turned_windows_are_told_right_to_a_few_seconds() -> None:
    """Two of six windows turn to other items for an hour and back: what is approximate there (see `Post`) is far below what matters:
    of the mean wait, and of the 90 % quantile."""
    rng = np.random.default_rng(1)
    posts = [Post(w, (0, 1) if w < 3 else (2, 3), ALWAYS) for w in range(4)]
    for window in (4, 5):
        usual = (0, 1, 2, 3) if window == 4 else (2, 3)
        posts += [
            Post(window, usual, ((-100.0, 1_800.0),)), Post(window, (0,), ((1_800.0, 5_400.0),)),
            Post(window, usual, ((5_400.0, np.inf),)),
        ]  # fmt: skip
    futures = people(rng, 60, 110, 4, range(6))
    found = fates(futures, posts).waits_s
    truth = np.array(
        [np.minimum(by_events(futures, row, posts)[0], futures.arrivals_s[row] + futures.patience_s[row]) for row in range(60)]
    ) - futures.arrivals_s  # fmt: skip
    assert found.mean() == pytest.approx(truth.mean(), abs=10)
    assert np.quantile(found, 0.9) == pytest.approx(np.quantile(truth, 0.9), abs=20)
    assert (np.abs(found - truth) < 1).mean() > 0.75


def test_a_question_takes_nobody_s_place_and_hears_what_he_would_have_waited() -> None:
    posts = [Post(1, (0,), ALWAYS)]
    asked = np.array([[False, True, False]])
    futures = Futures(
        np.array([[0.0, 10.0, 20.0]]), np.zeros((1, 3), np.intp), np.full((1, 3), 100.0), np.full((1, 3), 999.0), asked, (1,),
        np.zeros((1, 1)),
    )  # fmt: skip
    assert fates(futures, posts).waits_s.tolist() == [[0.0, 90.0, 80.0]]


def test_who_is_nobody_waits_for_nothing_and_no_window_is_no_service() -> None:
    futures = Futures(
        np.array([[0.0, np.inf]]), np.zeros((1, 2), np.intp), np.full((1, 2), 100.0), np.full((1, 2), 50.0),
        np.zeros((1, 2), bool), (), np.zeros((1, 0)),
    )  # fmt: skip
    found = fates(futures, [])
    np.testing.assert_array_equal(found.waits_s, [[50.0, np.nan]])
    assert found.has_given_up.tolist() == [[True, False]]


@pytest.mark.parametrize("seed", range(4))
def test_schedules_side_by_side_are_the_same_as_one_by_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    some = [Post(w, tuple(range(1 + w % 4)), ((0.0, 3_000.0 + 500 * w),)) for w in range(4)]
    more = Post(9, (0, 1, 2, 3), ((1_000.0, 6_000.0),))
    futures = people(rng, 3, 50, 4, range(4))
    alone: list[Floats] = [fates(futures, some).waits_s, fates(futures, [*some, more]).waits_s]
    shut = np.zeros((6, 5), bool)
    shut[:3, 4] = True
    together = fates(futures.taken(np.tile(np.arange(3), 2)), [*some, more], shut).waits_s
    np.testing.assert_allclose(together, np.concatenate(alone))


def test_one_window_more_never_makes_the_people_of_one_item_wait_longer() -> None:
    rng = np.random.default_rng(5)
    futures = people(rng, 20, 80, 1, range(3))
    few = [Post(w, (0,), ALWAYS) for w in range(3)]
    waits = [np.nansum(fates(futures, [*few, *extra]).waits_s, axis=1) for extra in ([], [Post(7, (0,), ((500.0, 5_000.0),))])]
    assert (waits[1] <= waits[0] + 1e-6).all()
