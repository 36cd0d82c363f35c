"""Requirements: what Erlang's formula says is late, the simulation finds late; windows follow the load and the backlog."""

from __future__ import annotations

import numpy as np
import pytest

from staffing.advice.requirements import Stream, groups_of, needed, streams
from staffing.erlang import erlang_a, late_share
from staffing.futures import Futures, Post, fates

WARM_S = 4 * 3_600.0
"""A hall that begins empty has settled by then: before, its waits are too short."""


def steady(rate_s: float, service_s: float, patience_s: float, seed: int, *, n: int = 30, hours: float = 14) -> Futures:
    """Poisson arrivals, exponential services and patience, from an empty hall on."""
    rng = np.random.default_rng(seed)
    most = int(rate_s * hours * 3_600 * 1.3 + 50)
    arrivals = np.cumsum(rng.exponential(1 / rate_s, (n, most)), axis=1)
    return Futures(
        arrivals, np.zeros((n, most), np.intp), rng.exponential(service_s, (n, most)), rng.exponential(patience_s, (n, most)),
        np.zeros((n, most), bool), (), np.zeros((n, 0)),
    )  # fmt: skip


def test_two_windows_one_customer_ahead_by_hand() -> None:
    """One window, patience like the service (1): who finds n present waits for n departures at the rates 1, 2, … n, so that
    P(T > t | n) = 1 − (1 − e^−t)^n; n is Poisson with mean 1, hence Σ = 1 − e^(−e^−t); times e^−t who have the patience."""
    t = 0.7
    assert late_share(1.0, 1.0, 1.0, 1, t) == pytest.approx((1 - np.exp(-np.exp(-t))) * np.exp(-t))


@pytest.mark.parametrize("windows", [11, 13, 15])
def test_erlang_a_is_within_three_percent_of_the_event_simulation(windows: int) -> None:
    """24 customers a quarter of an hour of 8 minutes each: mean wait, who gives up, and who waits longer than 4 minutes. Of the
    first hours nothing is counted."""
    rate, service, patience = 24 / 900, 480.0, 2_700.0
    futures = steady(rate, service, patience, windows, n=160)
    found = fates(futures, [Post(w, (0,), ((-1.0, np.inf),)) for w in range(windows)])
    counted = (futures.arrivals_s > WARM_S) & (futures.arrivals_s < 13.5 * 3_600)
    waits = found.waits_s[counted]
    said = erlang_a(rate, service, patience, windows)
    assert waits.mean() == pytest.approx(said.mean_wait_s, rel=0.03)
    assert found.has_given_up[counted].mean() == pytest.approx(said.abandon_share, rel=0.03)
    assert (waits > 240).mean() == pytest.approx(late_share(rate, service, patience, windows, 240), rel=0.03, abs=0.005)


def test_the_windows_needed_keep_the_target_and_one_fewer_does_not() -> None:
    rate, service, patience, target = 30 / 900, 420.0, 2_700.0, 300.0
    stream = Stream((0,), np.full(16, 30.0), 0.0, rate * service, service, 1.0, patience)
    windows = int(needed(stream, target, 900.0)[-1])
    futures = steady(rate, service, patience, 3, n=60)
    counted = (futures.arrivals_s > WARM_S) & (futures.arrivals_s < 13.5 * 3_600)
    late = [
        (fates(futures, [Post(w, (0,), ((-1.0, np.inf),)) for w in range(n)]).waits_s[counted] > target).mean()
        for n in (windows, windows - 1)
    ]
    assert late[0] <= 0.105 < late[1]


def test_who_waits_already_is_worked_off_within_the_target() -> None:
    """20 people of 9 minutes each in 15 minutes: 12 windows beside. Nobody else comes."""
    stream = Stream((0,), np.zeros(4), 20.0, 0.0, 540.0, 1.0, 1e9)
    assert needed(stream, 900.0, 900.0).tolist() == [12, 0, 0, 0]


def test_more_customers_never_need_fewer_windows() -> None:
    windows = [int(needed(Stream((0,), np.full(8, float(n)), 0, 0, 480, 0.8, 2_700), 900, 900)[-1]) for n in range(0, 60, 4)]
    assert windows == sorted(windows)
    assert windows[0] == 0


def test_items_that_the_same_windows_serve_are_one_group() -> None:
    assert groups_of([(0, 1), (0, 1, 2), (2,)], 4) == ((0, 1), (2,), (3,))


def test_streams_count_who_waits_and_who_comes() -> None:
    futures = Futures(
        np.array([[-60.0, 10.0, 1_000.0], [-60.0, 20.0, np.inf]]), np.array([[0, 0, 1], [0, 0, 0]]),
        np.full((2, 3), 100.0), np.full((2, 3), 500.0), np.zeros((2, 3), bool), (), np.zeros((2, 0)),
    )  # fmt: skip
    first, second = streams(futures, ((0,), (1,)), np.array([0.0, 900.0, 1_800.0]), np.array([1.0, 0.0]))
    assert (first.waiting, first.arrivals.tolist(), first.occupied_s) == (1.0, [1.0, 0.0], 100.0)
    assert (second.waiting, second.arrivals.tolist()) == (0.0, [0.0, 0.5])
