"""Requests: where which class of them is hot, and what a day usually brings.

Hot is a class in a district of which the last 24 hours brought more than chance would: with u in the mean of the same span of
earlier days, n or more have the Poisson probability P(N ≥ n | u). Weekdays differ and calls come in bursts, so that real
tails are fatter than Poisson's: the limit is set low for that reason, and a week's rhythm may still show."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dashboard.figures.vitals import LEAST_DAYS
from storage.overview import RequestCount

SOURCE = "request, device · storage.overview.count_requests"
MOST_HOT = 12


@dataclass(frozen=True, slots=True)
class HotRequest:
    """A class in a district: how many in 24 hours, how many usually, how probable that many are by chance."""

    request_class: str
    district_code: str
    n: int
    usual: float
    tail: float


def usual_requests(before: Iterable[RequestCount], days: int) -> dict[tuple[str, str], float] | None:
    """Requests in 24 hours by class and district, the mean of so many earlier days; None with fewer than LEAST_DAYS."""
    if days < LEAST_DAYS:
        return None
    usual: dict[tuple[str, str], float] = defaultdict(float)
    for of in before:
        if of.days_back <= days:
            usual[of.request_class, of.district_code] += of.n / days
    return dict(usual)


def hot_requests(
    day: Iterable[RequestCount], usual: Mapping[tuple[str, str], float], days: int, *, least: int, tail: float
) -> list[HotRequest]:
    """The hot ones among the last 24 hours, least probable first, MOST_HOT at most. What was never seen before counts as having
    come once in one day more than the `days` that are known."""
    found = []
    for of in day:
        expected = usual.get((of.request_class, of.district_code), 0.0)
        chance = poisson_tail(of.n, expected or 1 / (days + 1))
        if of.n >= least and of.n > expected and chance < tail:
            found.append(HotRequest(of.request_class, of.district_code, of.n, expected, chance))
    return sorted(found, key=lambda hot: (hot.tail, -hot.n, hot.request_class, hot.district_code))[:MOST_HOT]


def poisson_tail(n: int, mean: float) -> float:
    """P(N ≥ n) of a Poisson distribution: e^−u · Σ uᵏ ÷ k! from k = n on, in which each term follows from the one before."""
    if n <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    if n <= mean:  # the terms still rise: the other side is the shorter sum
        return max(0.0, 1.0 - sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(n)))
    term, total, k = math.exp(n * math.log(mean) - mean - math.lgamma(n + 1)), 0.0, n
    while term > 1e-16 * total:
        total += term
        k += 1
        term *= mean / k
    return min(1.0, total)


def usual_count(counts: Sequence[int], days: int) -> float | None:
    """The mean over the earlier days that are known (newest first); None with too few."""
    known = counts[:days]
    return sum(known) / len(known) if len(known) >= LEAST_DAYS else None
