"""Erlang's formulas with impatience: the stationary M/M/c+M queue (Palm 1957, "Erlang A").

Rates per second, times in seconds. Waits are of everybody, of those who give up too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betainc

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Steady:
    """What a queue settles to: mean wait, share of those who give up, share of those who wait at all."""

    mean_wait_s: float
    abandon_share: float
    delayed_share: float


def erlang_a(arrivals_per_s: float, service_s: float, patience_s: float, servers: int) -> Steady:
    """The steady state of Poisson arrivals, exponential services at `servers` ≥ 0 windows and exponential patience.

    By Little's law the mean wait is the mean queue over the arrival rate, and who gives up is the mean queue over the patience.
    """
    if arrivals_per_s <= 0:
        return Steady(0.0, 0.0, 0.0)
    p = _present(arrivals_per_s, service_s, patience_s, servers)
    queue = float(p @ np.maximum(np.arange(len(p)) - servers, 0))
    return Steady(queue / arrivals_per_s, queue / patience_s / arrivals_per_s, float(p[servers:].sum()))


def late_share(arrivals_per_s: float, service_s: float, patience_s: float, servers: int, limit_s: float) -> float:
    """The share of arrivals who still wait after `limit_s`: neither called nor given up.

    Who finds k others waiting is called after k + 1 departures, the last but j of which comes at the rate servers ÷ S +
    j ÷ patience. In units of the patience such a time T is a sum of exponentials with rates a, a + 1, …, a + k, where
    a = servers · patience ÷ S; e^−T is then a product of independent Beta(a + j, 1), which is Beta(a, k + 1), so that
    P(T > t) = I_{e^−t}(a, k + 1); and e^−t of them have the patience.
    """
    if arrivals_per_s <= 0:
        return 0.0
    still = float(np.exp(-limit_s / patience_s))
    if servers <= 0:
        return still
    p = _present(arrivals_per_s, service_s, patience_s, servers)
    ahead = np.arange(len(p) - servers)
    return float(p[servers:] @ betainc(servers * patience_s / service_s, ahead + 1.0, still)) * still


def _present(arrivals_per_s: float, service_s: float, patience_s: float, servers: int) -> Floats:
    """How likely it is that 0, 1, 2 … people are there."""
    load = arrivals_per_s * service_s
    n = np.arange(1, int(load + servers + 40 + 12 * np.sqrt(max(load, 1)) + 12 * arrivals_per_s * patience_s) + 1)
    deaths = np.minimum(n, servers) / service_s + np.maximum(n - servers, 0) / patience_s
    log_p = np.concatenate([[0.0], np.cumsum(np.log(arrivals_per_s) - np.log(deaths))])
    p = np.exp(log_p - log_p.max())
    return np.asarray(p / p.sum())


def offered_load(arrivals: Floats, interval_s: float, service_s: float, first: float = 0.0) -> Floats:
    """Windows that would be busy at the end of each interval if there were always enough: modified offered load.

    dm/dt = λ(t) − m / S, solved exactly over intervals of constant λ (Jennings, Mandelbaum, Massey and Whitt 1996); the mean of
    each interval. `arrivals` (intervals), expected in each; `first`, how many windows are busy as they begin.
    """
    rates = np.asarray(arrivals, float) / interval_s
    decay = np.exp(-interval_s / service_s)
    load, means = first, np.empty(len(rates))
    for k, rate in enumerate(rates):
        settled = rate * service_s
        means[k] = settled + (load - settled) * service_s / interval_s * (1 - decay)
        load = settled + (load - settled) * decay
    return means
