"""The event simulation against another's: Ciw (Palmer, Knight, Harper and Hawa 2019), which simulates queueing networks event
by event. Means of waits lie within its confidence interval."""

from __future__ import annotations

import ciw
import numpy as np
import pytest

from staffing.futures import Futures, Post, fates

HOURS, WARM_S = 20.0, 2 * 3_600.0
RUNS = 24
T99 = 2.807
"""Student's t for 99 % of both sides, 23 degrees."""


def by_ciw(
    arrivals: dict[str, list[object]], services: dict[str, list[object]], servers: list[int], **more: object
) -> tuple[float, float]:
    """(mean wait of who came after the warming up, half the width of its 99 % interval): runs are independent."""
    network = ciw.create_network(
        arrival_distributions=arrivals, service_distributions=services, number_of_servers=servers, **more
    )
    means = []
    for run in range(RUNS):
        ciw.seed(run)
        simulation = ciw.Simulation(network)
        simulation.simulate_until_max_time(HOURS * 3_600)
        waits = [
            record.waiting_time
            for record in simulation.get_all_records(only=["service", "renege"])
            if WARM_S < record.arrival_date < HOURS * 3_600 - 7_200
        ]
        means.append(float(np.mean(waits)))
    return float(np.mean(means)), T99 * float(np.std(means, ddof=1)) / np.sqrt(RUNS)


def ours(
    rate_s: float, occupied_s: np.ndarray, patience_s: float | None, posts: list[Post], seed: int, shares: list[float]
) -> float:
    """Mean wait over as many hours of many futures that the error of ours is small beside theirs."""
    n, most = occupied_s.shape
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1 / rate_s, (n, most)), axis=1)
    patience = rng.exponential(patience_s, (n, most)) if patience_s else np.full((n, most), 1e9)
    items = rng.choice(len(shares), (n, most), p=shares)
    futures = Futures(arrivals, items, occupied_s, patience, np.zeros((n, most), bool), (), np.zeros((n, 0)))
    counted = (arrivals > WARM_S) & (arrivals < HOURS * 3_600 - 7_200)
    return float(fates(futures, posts).waits_s[counted].mean())


def some(rate_s: float) -> tuple[int, int]:
    return 80, int(rate_s * HOURS * 3_600 * 1.1 + 60)


def test_one_queue_with_impatience() -> None:
    """M/M/c+M: 60 an hour, 8 minutes, 8 windows, patience 30 minutes."""
    rate, service, patience, windows = 60 / 3_600, 480.0, 1_800.0, 8
    mean, half = by_ciw(
        [ciw.dists.Exponential(rate)], [ciw.dists.Exponential(1 / service)], [windows],  # type: ignore[arg-type]
        reneging_time_distributions=[ciw.dists.Exponential(1 / patience)],
    )  # fmt: skip
    shape = some(rate)
    found = ours(
        rate, np.random.default_rng(1).exponential(service, shape), patience,
        [Post(w, (0,), ((-1.0, np.inf),)) for w in range(windows)], 2, [1.0],
    )  # fmt: skip
    assert found == pytest.approx(mean, abs=half + 0.02 * mean)


def test_lognormal_services() -> None:
    """M/G/c: 50 an hour, 8 minutes with a coefficient of variation of 0.8, 8 windows."""
    rate, service, cv, windows = 50 / 3_600, 480.0, 0.8, 8
    sigma = float(np.sqrt(np.log1p(cv**2)))
    mu = float(np.log(service) - sigma**2 / 2)
    mean, half = by_ciw([ciw.dists.Exponential(rate)], [ciw.dists.Lognormal(mu, sigma)], [windows])  # type: ignore[arg-type]
    found = ours(
        rate, np.random.default_rng(3).lognormal(mu, sigma, some(rate)), None,
        [Post(w, (0,), ((-1.0, np.inf),)) for w in range(windows)], 4, [1.0],
    )  # fmt: skip
    assert found == pytest.approx(mean, abs=half + 0.02 * mean)


def test_two_skills_that_share_every_window_are_one_queue_of_two_classes() -> None:
    """36 an hour of 6 minutes and 14 an hour of 12, first come first served at 8 windows that do both."""
    rates, services, windows = (36 / 3_600, 14 / 3_600), (360.0, 720.0), 8
    mean, half = by_ciw(
        {str(k): [ciw.dists.Exponential(rate)] for k, rate in enumerate(rates)},
        {str(k): [ciw.dists.Exponential(1 / service)] for k, service in enumerate(services)}, [windows],
    )  # fmt: skip
    rate = sum(rates)
    rng = np.random.default_rng(5)
    n, most = some(rate)
    arrivals = np.cumsum(rng.exponential(1 / rate, (n, most)), axis=1)
    items = (rng.random((n, most)) < rates[1] / rate).astype(np.intp)
    occupied = rng.exponential(1.0, (n, most)) * np.where(items == 1, services[1], services[0])
    futures = Futures(arrivals, items, occupied, np.full((n, most), 1e9), np.zeros((n, most), bool), (), np.zeros((n, 0)))
    counted = (arrivals > WARM_S) & (arrivals < HOURS * 3_600 - 7_200)
    found = fates(futures, [Post(w, (0, 1), ((-1.0, np.inf),)) for w in range(windows)]).waits_s[counted].mean()
    assert found == pytest.approx(mean, abs=half + 0.02 * mean)
