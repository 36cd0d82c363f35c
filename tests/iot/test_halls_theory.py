"""The event simulation against theory: exact waits customer by customer, Erlang C, Erlang A, Pollaczek-Khinchine."""

from __future__ import annotations

import numpy as np
import pytest

from iot.payloads import Event
from iot.simulated.halls.floor import NEVER_MS, Floor, Manners, Ticket
from iot.simulated.halls.staff import Clerk, Duty, Hours

AT_ONCE = Manners(turnaround_ms=0, recall_after_ms=1_000, recalls=0, head_start_ms=0)
MEAN_MS = 480_000
"""Eight minutes at the window, and one of patience for each of service where somebody is impatient."""


def partings(
    arrives_ms: np.ndarray, service_ms: np.ndarray, n_windows: int, patience_ms: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """How long each waited until the call, or the leaving (ms, in the order of these), on a floor with one item and windows that
    are always open, where customers come at once when they are called."""
    patience_ms = np.full(len(arrives_ms), NEVER_MS) if patience_ms is None else patience_ms
    closes_ms = int(arrives_ms[-1]) + 1
    duties = [Duty(k + 1, Clerk(f"c{k + 1}", frozenset({"tax"})), ("tax",), ((0, closes_ms),)) for k in range(n_windows)]
    floor = Floor("hall", 0, Hours(0, 0, closes_ms), n_windows, ("tax",), duties, manners=AT_ONCE)
    came: dict[str | None, int] = {}
    waits: dict[str, list[int]] = {"call": [], "abandon": []}
    for first in range(0, len(arrives_ms), 2_000):
        some = slice(first, first + 2_000)
        floor.expect(
            Ticket(arrives, "tax", "walk_in", "B", service, patience)
            for arrives, service, patience in zip(
                arrives_ms[some].tolist(), service_ms[some].tolist(), patience_ms[some].tolist(), strict=True
            )
        )
        until_ms = int(arrives_ms[some][-1]) if first + 2_000 < len(arrives_ms) else closes_ms + 10**9
        for moment_s, _, _, event in floor.advance(until_ms):
            assert isinstance(event, Event)
            at_ms = round(moment_s * 1000)
            if event.event == "arrive":
                came[event.ticket] = at_ms
            elif event.event in waits:
                waits[event.event].append(at_ms - came.pop(event.ticket))
    assert not came
    return {kind: np.array(some) for kind, some in waits.items()}


def drawn(n: int, every_ms: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Poisson arrivals and exponential services."""
    rng = np.random.default_rng(seed)
    arrives_ms = np.cumsum(rng.exponential(every_ms, n)).astype(np.int64) + 1
    return arrives_ms, rng.exponential(MEAN_MS, n).astype(np.int64), rng


@pytest.mark.parametrize("is_patient", [True, False], ids=["patient", "impatient"])
def test_every_wait_is_that_of_the_recursion_of_kiefer_and_wolfowitz(is_patient: bool) -> None:
    """G/G/4 (+ G), first come first served, lognormal services, Weibull patience: the next window is free at the least of the
    workloads; who would have to wait for longer than his patience leaves when that ends, and costs no work."""
    arrives_ms, _, rng = drawn(5_000, MEAN_MS / 4 / (0.9 if is_patient else 1.1), 1)
    service_ms = (MEAN_MS * rng.lognormal(-0.32, 0.8, len(arrives_ms))).astype(np.int64)
    patience_ms = None if is_patient else (4 * MEAN_MS * rng.weibull(1.6, len(arrives_ms))).astype(np.int64)
    free_ms, called, left = [0] * 4, [], []
    for k, (arrives, service) in enumerate(zip(arrives_ms.tolist(), service_ms.tolist(), strict=True)):
        free_ms.sort()
        starts = max(arrives, free_ms[0])
        if patience_ms is not None and starts - arrives > patience_ms[k]:
            left.append(int(patience_ms[k]))
        else:
            free_ms[0] = starts + service
            called.append(starts - arrives)
    parted = partings(arrives_ms, service_ms, 4, patience_ms)
    assert parted["call"].tolist() == called
    assert sorted(parted["abandon"].tolist()) == sorted(left)
    assert max(called) > MEAN_MS
    assert is_patient or len(left) > 500


@pytest.mark.long
def test_three_windows_without_impatience_are_erlang_c() -> None:
    """Load a = 1.8 on c = 3. P(wait) = (aᶜ/c! · c/(c−a)) ÷ (Σ aᵏ/k! + the same) = 0.355, mean wait P ÷ (c μ − λ). Taken at the
    rates that were drawn, over 80,000 customers the mean of the waits scatters by 1.4 %."""
    arrives_ms, service_ms, _ = drawn(80_000, MEAN_MS / 1.8, 2)
    waits_ms = partings(arrives_ms, service_ms, 3)["call"]
    between_ms, mean_ms = arrives_ms[-1] / len(arrives_ms), float(np.mean(service_ms))
    a = mean_ms / between_ms
    busy = a**3 / 6 * 3 / (3 - a)
    p_wait = busy / (1 + a + a**2 / 2 + busy)
    assert p_wait == pytest.approx(0.355, abs=0.01)
    assert np.mean(waits_ms > 0) == pytest.approx(p_wait, rel=0.02)
    assert np.mean(waits_ms) == pytest.approx(p_wait * mean_ms / (3 - a), rel=0.04)


@pytest.mark.parametrize("load", [4.5, 6.0], ids=["90 percent", "120 percent"])
def test_five_windows_with_impatience_are_erlang_a(load: float) -> None:
    """Birth and death: up with λ, down with min(n, c) μ + (n − c)⁺ θ; here θ = μ ÷ 2. Those who leave are θ · E[queue] ÷ λ of all,
    and E[queue] ÷ λ is the mean of all waits, those of the impatient included (Little)."""
    arrives_ms, service_ms, rng = drawn(50_000, MEAN_MS / load, 3)
    patience_ms = rng.exponential(2 * MEAN_MS, len(arrives_ms)).astype(np.int64)
    parted = partings(arrives_ms, service_ms, 5, patience_ms)
    weights = [1.0]
    for n in range(1, 200):
        weights.append(weights[-1] * load / (min(n, 5) + max(n - 5, 0) / 2))
    p = np.array(weights) / sum(weights)
    queue = float(p @ np.maximum(np.arange(200) - 5, 0))
    waits_ms = np.concatenate([parted["call"], parted["abandon"]])
    assert np.mean(waits_ms == 0) == pytest.approx(p[:5].sum(), rel=0.03)
    assert len(parted["abandon"]) / len(waits_ms) == pytest.approx(queue / 2 / load, rel=0.03)
    assert np.mean(waits_ms) == pytest.approx(queue / load * MEAN_MS, rel=0.03)


@pytest.mark.long
def test_one_window_with_lognormal_services_is_pollaczek_khinchine() -> None:
    """W = ρ ÷ (1 − ρ) · (1 + cv²) ÷ 2 · mean: with ρ = 0.6 and cv = 0.7, 1.12 means of the service."""
    arrives_ms, _, rng = drawn(80_000, MEAN_MS / 0.6, 4)
    sigma = np.sqrt(np.log(1 + 0.7**2))
    service_ms = (MEAN_MS * rng.lognormal(-(sigma**2) / 2, sigma, len(arrives_ms))).astype(np.int64)
    waits_ms = partings(arrives_ms, service_ms, 1)["call"]
    assert np.mean(waits_ms) / MEAN_MS == pytest.approx(0.6 / 0.4 * 1.49 / 2, rel=0.04)
