"""Verification: quantiles by nearest rank, the worst of each future, gains on the same people, moves that pay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks._generated_halls import ground
from domain.halls import WindowState
from staffing.advice.commands import Command, commands_of
from staffing.advice.proposals import draw, judged
from staffing.advice.schedule import Move
from staffing.advice.verification import Gain, Range, figures, gain, is_worth_it, pruned, quantiles, slots_of, worst_of
from staffing.futures import Futures, Post, fates
from staffing.practice import HallPractice

ALL_DAY = ((-100.0, np.inf),)
EDGES = np.array([0.0, 900.0, 1_800.0])


def crowd(n_futures: int = 4, n: int = 12, seed: int = 1) -> Futures:
    """Twelve people of ten minutes each within half an hour, who do not leave."""
    rng = np.random.default_rng(seed)
    arrivals = np.sort(rng.uniform(0, 1_800, (n_futures, n)), axis=1)
    return Futures(
        arrivals, np.zeros((n_futures, n), np.intp), np.full((n_futures, n), 600.0), np.full((n_futures, n), 1e9),
        np.zeros((n_futures, n), bool), (), np.zeros((n_futures, 0)),
    )  # fmt: skip


def test_quantiles_are_by_nearest_rank() -> None:
    groups = np.array([[0] * 10 + [1, -1]])
    (p50, p90), counts = quantiles(groups, np.array([[*range(1, 11), 7.0, 99.0]]), 3, (0.5, 0.9))
    assert (p50[0], p90[0], p90[1], counts.tolist()) == (5, 9, 7, [10, 1, 0])
    assert np.isnan(p90[2])


def test_the_worst_is_of_the_quarters_with_enough_people() -> None:
    """Five waits up to 50 s in the first quarter of an hour, one of 900 s in the second."""
    slots = np.array([[0, 0, 0, 0, 0, 1]])
    waits = np.array([[10.0, 20, 30, 40, 50, 900]])
    assert worst_of(slots, waits, 2).tolist() == [50.0]
    assert np.isnan(worst_of(slots[:, 4:], waits[:, 4:], 2)[0])


def test_questions_and_nobody_are_in_no_quarter() -> None:
    futures = Futures(
        np.array([[-5.0, 10.0, 20.0, np.inf]]), np.zeros((1, 4), np.intp), np.ones((1, 4)), np.ones((1, 4)),
        np.array([[False, False, True, False]]), (), np.zeros((1, 0)),
    )  # fmt: skip
    assert slots_of(futures, EDGES).tolist() == [[-1, 0, -1, -1]]


def test_figures_by_hand() -> None:
    """One window, people at 0, 60 and 120 s who take 100 s each: waits 0, 40, 80."""
    futures = Futures(
        np.array([[0.0, 60.0, 120.0]]), np.zeros((1, 3), np.intp), np.full((1, 3), 100.0), np.full((1, 3), 1e9),
        np.zeros((1, 3), bool), (), np.zeros((1, 0)),
    )  # fmt: skip
    posts = [Post(1, (0,), ALL_DAY)]
    found = figures(futures, fates(futures, posts), posts, EDGES, closes_s=250.0)
    assert (found.p50_s[0], found.p90_s[0], found.mean_s[0], found.counts.tolist()) == (40, 80, 40, [3, 0])
    assert (found.left, found.overtime_s, found.windows.tolist(), float(found.waited[0])) == (0, 50, [1, 1], 120)
    assert np.isnan(found.p90_s[1])
    assert found.worst_range is None, "three people are too few for a worst"


def test_doing_nothing_gains_nothing() -> None:
    posts = [Post(1, (0,), ALL_DAY), Post(2, (0,), ALL_DAY)]
    futures = crowd()
    same = figures(futures, fates(futures, posts), posts, EDGES)
    found = gain(same, same, posts, posts, 0)
    assert (found.worst, found.mean_s, found.window_h) == (Range(0, 0, 0), 0, 0)
    assert not is_worth_it(same, same, found, target_s=900, gain_s=120)


def test_moves_that_do_not_pay_are_left_out() -> None:
    """Window 2 is needed; 3 would do an item for which nobody comes, 4 opens when all are gone."""
    useful, idle, late = Move(2, 0.0, 4_000.0, (0,)), Move(3, 0.0, 4_000.0, (1,)), Move(4, 90_000.0, 99_000.0, (0,))
    posts = [Post(1, (0,), ALL_DAY)]
    kept = pruned(crowd(), posts, [late, useful, idle], EDGES, move_cost_s=600, most=6)
    assert kept == [useful]


def test_no_more_moves_stay_than_people_can_do() -> None:
    posts = [Post(1, (0,), ALL_DAY)]
    moves = [Move(w, 0.0, 4_000.0, (0,)) for w in range(2, 8)]
    assert len(pruned(crowd(n=20), posts, moves, EDGES, move_cost_s=1.0, most=2)) == 2


@pytest.mark.parametrize(
    ("before", "after", "of", "pays"),
    [
        (1_500.0, 1_000.0, Range(60, 500, 900), True),
        (1_500.0, 1_000.0, Range(-200, 500, 900), False),  # in some futures much longer
        (950.0, 880.0, Range(-100, 70, 200), True),  # kept under the target
        (800.0, 730.0, Range(10, 70, 100), False),  # too little, and nobody is late
    ],
)
def test_what_pays(before: float, after: float, of: Range, pays: bool) -> None:
    posts = [Post(1, (0,), ALL_DAY)]
    base = figures(crowd(), fates(crowd(), posts), posts, EDGES)

    def with_worst(seconds: float) -> object:
        return replace(base, worst=np.full(4, seconds))

    found = Gain(of, 0.0, 0.0, 0.0, 1)
    assert is_worth_it(with_worst(before), with_worst(after), found, target_s=900, gain_s=120) is pays  # type: ignore[arg-type]


def test_a_busy_hall_of_twenty_windows_is_helped_by_a_short_plan() -> None:
    hall = ground(20, 60, seed=3)
    drawn = draw(hall, HallPractice())
    assert drawn.none is None
    assert 1 <= len(drawn.moves) <= 6
    assert drawn.gain is not None
    assert drawn.gain.worst.mid > 120
    assert drawn.before is not None
    again = judged(hall, drawn.before, drawn.moves)
    assert again.gain == drawn.gain, "the same futures give the same gain"


def test_a_window_is_told_everything_to_the_end_of_the_day() -> None:
    """Open from 0 to 2 h and, after a break of 45 minutes, to the evening: turned from 1 h to 4 h, it pauses for the break like
    before, turns back, and is not told to close when the tickets end."""
    posts = [Post(7, (0, 1), ((-100.0, 7_200.0), (9_900.0, 30_000.0)))]
    move = [Move(7, 3_600.0, 7_200.0, (0,)), Move(7, 9_900.0, 14_400.0, (0,))]
    assert commands_of(posts, move, closes_s=27_000.0) == [
        Command(7, 3_600.0, WindowState.OPEN, (0,)), Command(7, 7_200.0, WindowState.PAUSED, ()),
        Command(7, 9_900.0, WindowState.OPEN, (0,)), Command(7, 14_400.0, WindowState.OPEN, (0, 1)),
    ]  # fmt: skip


def test_a_window_that_is_opened_between_its_hours_closes_and_opens_again_as_usual() -> None:
    posts = [Post(3, (0,), ((-100.0, 0.0), (18_000.0, 30_000.0)))]
    told = commands_of(posts, [Move(3, 600.0, 4_200.0, (0,))], closes_s=27_000.0)
    assert [(c.at_s, c.state.value) for c in told] == [(600.0, "open"), (4_200.0, "closed"), (18_000.0, "open")]
