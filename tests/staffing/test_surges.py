"""Surges: found soon after they begin, with their beginning; calm days raise none; they end quietly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from staffing.surges import ALL, BIN, CITY, Counts, Surge, chance_of, in_bins, surges, together

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
FLAT = (2.0,) * 24


def counts(
    observed: list[int], expected: tuple[float, ...] = FLAT, *, item: str = "tax", hall: str = "hall-1", noise: float = 0.1
) -> Counts:
    return Counts(hall, item, tuple(observed), expected, noise)


def test_the_chance_is_that_of_a_poisson_count_and_greater_where_the_expectation_is_doubtful() -> None:
    assert chance_of(1, 1.0, 0.0) == pytest.approx(1 - np.exp(-1))
    assert chance_of(0, 1.0, 0.3) == 1.0
    assert chance_of(30, 20.0, 0.3) > 3 * chance_of(30, 20.0, 0.0)
    luck = np.random.default_rng(1)
    drawn = luck.poisson(20 * luck.gamma(1 / 0.3**2, 0.3**2, 200_000))
    assert chance_of(30, 20.0, 0.3) == pytest.approx(float((drawn >= 30).mean()), abs=0.004)


def test_twice_as_many_for_forty_minutes_is_a_surge_since_then() -> None:
    (surge,) = surges([counts([2] * 16 + [6] * 8)], (), NOW)
    assert (surge.hall_id, surge.item, surge.since) == ("hall-1", "tax", NOW - timedelta(minutes=40))
    assert (surge.raised_at, surge.shown_at) == (NOW, NOW)
    assert (surge.minutes, surge.observed, surge.expected) in ((30, 36, 12.0), (60, 56, 24.0))
    assert surge.chance < 0.002


def test_few_people_are_no_surge_however_unlikely_and_many_halls_ask_for_more() -> None:
    few = counts([0] * 18 + [1] * 6, (0.01,) * 24)
    assert surges([few], (), NOW) == ()
    doubtful = counts([2] * 18 + [4, 4, 4, 4, 5, 5], noise=0.0)  # 26 for 12: once in 3,000 looks
    assert len(surges([doubtful], (), NOW)) == 1
    calm = [counts([2] * 24, hall=f"hall-{k}") for k in range(2, 30)]
    assert surges([doubtful, *calm], (), NOW) == ()


def test_a_surge_ends_a_quarter_of_an_hour_after_it_was_last_seen_and_keeps_its_beginning() -> None:
    (surge,) = standing = surges([counts([2] * 16 + [6] * 8)], (), NOW)
    over = counts([2] * 24)
    for later, is_there in ((5, True), (14, True), (15, False)):
        found = surges([over], standing, NOW + timedelta(minutes=later))
        assert bool(found) == is_there
        assert all((again.since, again.shown_at) == (surge.since, NOW) for again in found)
    slower = surges([counts([2] * 16 + [3, 3, 4, 3, 3, 3, 3, 3])], standing, NOW + timedelta(minutes=20))
    assert [(again.since, again.raised_at, again.shown_at) for again in slower] == [
        (surge.since, NOW, NOW + timedelta(minutes=20))
    ]
    assert surges([counts([2] * 16 + [3, 3, 4, 3, 3, 3, 3, 3])], (), NOW) == ()


def test_a_little_more_everywhere_is_a_surge_of_the_city_only() -> None:
    each = [counts([2] * 18 + [4, 3, 4, 3, 4, 3], hall=f"hall-{k}") for k in range(6)]
    found = surges([*each, *together(each)], (), NOW)
    assert [(surge.hall_id, surge.item, surge.observed, surge.expected) for surge in found] == [
        (CITY, ALL, 126, 72.0),
        (CITY, "tax", 126, 72.0),
    ]
    assert together(each[:1]) == []


def test_a_little_more_at_every_counter_of_a_hall_is_a_surge_of_the_hall() -> None:
    each = [counts([2] * 18 + [4, 3, 4, 3, 4, 3], item=f"i{k}") for k in range(6)]
    (surge,) = surges([*each, *together(each)[:1]], (), NOW)
    assert (surge.hall_id, surge.item, surge.observed) == ("hall-1", ALL, 126)


def test_calm_days_raise_next_to_nothing() -> None:
    """Twenty working days of eight halls with eight items, looked at every quarter of an hour, each item of each day busier or calmer by a tenth."""
    luck = np.random.default_rng(3)
    raised = 0
    for _ in range(20):
        level = 1.5 * np.exp(luck.normal(0, 0.1, (64, 1)))
        came = luck.poisson(np.repeat(level, 96, axis=1))
        standing: tuple[Surge, ...] = ()
        for end in range(24, 97, 3):
            looked = [Counts(f"h{k // 8}", f"i{k % 8}", tuple(came[k, end - 24 : end]), (1.5,) * 24, 0.1) for k in range(64)]
            found = surges([*looked, *together(looked)], standing, NOW + end * BIN)
            raised += len({s.key for s in found} - {s.key for s in standing})
            standing = found
    assert raised <= 2, "one in ten days at most"


def test_quarters_of_an_hour_are_spread_over_bins() -> None:
    start = NOW + timedelta(minutes=5)
    assert in_bins(NOW, 900, [3, 6, 0], start, 4) == pytest.approx([1, 1, 2, 2])
    assert in_bins(NOW, 900, [3], NOW - timedelta(minutes=10), 6) == pytest.approx([0, 0, 1, 1, 1, 0])
    amounts = [in_bins(NOW, 900, [3, 6, 9], NOW - timedelta(minutes=k), 24) for k in range(10)]
    assert all(sum(one) == pytest.approx(sum(other)) for one, other in pairwise(amounts))
