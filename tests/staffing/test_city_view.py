"""The city's view: halls in the order of their burden, its parts visible, and where people had better go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf, nan

import pytest

from staffing.city_view import Burden, WaitAhead, choices, ranking

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


def ahead(hall_id: str, *p50_s: float, item: str = "tax") -> WaitAhead:
    """At leads of 0, 15, 30 … minutes, 60 s about it."""
    leads = tuple(900.0 * k for k in range(len(p50_s)))
    return WaitAhead(hall_id, item, NOW, leads, tuple(w - 60 for w in p50_s), p50_s, tuple(w + 60 for w in p50_s))


def test_the_hall_with_the_worst_parts_is_first() -> None:
    found = ranking([
        Burden("calm", 0.4, 60, 120, 0.0, 0.99), Burden("busy", 1.2, 1800, 2400, 0.1, 0.9), Burden("middle", 0.8, 600, 120, None, 0.95),
        Burden("new", wait_now_s=9000),
    ])  # fmt: skip
    assert [(place.hall_id, place.rank) for place in found] == [("calm", 3), ("busy", 1), ("middle", 2), ("new", None)]
    assert found[1].parts == {"load": 1, "wait_now": 2 / 3, "wait_ahead": 1, "left": 1, "bad_ratings": 1}
    assert found[0].parts == {"load": 0, "wait_now": 0, "wait_ahead": 0.25, "left": 0, "bad_ratings": 0}
    assert found[1].burden == pytest.approx((4 + 2 / 3) / 5)


def test_one_hall_alone_has_no_rank() -> None:
    assert [place.rank for place in ranking([Burden("only", 1, 1, 1, 1, 1)])] == [None]
    assert ranking([]) == ()


def test_the_wait_is_that_of_the_moment_of_arrival() -> None:
    found = ahead("a", 0.0, 900.0, 1800.0)
    assert found.at(NOW + timedelta(minutes=5)) == (240, 300, 360)
    assert found.at(NOW + timedelta(minutes=31)) is None
    assert found.at(NOW - timedelta(minutes=1)) is None
    assert ahead("a", 0.0, nan).at(NOW + timedelta(minutes=5)) is None
    assert found.worst(NOW + timedelta(minutes=20)) == (NOW + timedelta(minutes=30), 1800, 1860)
    assert ahead("a", 0.0).worst(NOW + timedelta(minutes=20)) is None


def test_the_farther_hall_is_better_when_its_queue_is_shorter_by_more_than_the_way() -> None:
    waits = {("near", "tax"): ahead("near", 3000.0, 3000.0), ("far", "tax"): ahead("far", 600.0, 600.0)}
    said = choices(
        "tax",
        {"near": 300, "far": 840, "cut_off": inf},
        ["near", "far", "cut_off", "unknown"],
        lambda h, i: waits.get((h, i)),
        NOW,
    )
    assert [(c.hall_id, c.travel_s, c.wait_s[1], c.total_s) for c in said] == [("far", 840, 600, 1440), ("near", 300, 3000, 3300)]
