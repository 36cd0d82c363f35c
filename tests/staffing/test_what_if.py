"""What if: the same people in both cases; a question that cannot be is answered with what is expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from domain.halls import WindowState
from domain.refusals import Refused
from staffing.advice.ground import Ground, ground_of
from staffing.demand import demand_of
from staffing.floor import Book, local_day
from staffing.profiles import WORKDAY
from staffing.what_if import Asked, drawn_factor, read_asked, thinned, tried
from tests.staffing.test_moves import ZONE
from tests.support.halls import at, said
from tests.support.scenes import NOW
from tests.support.window_scenes import K, a_profile, ms

OFFERED = ("tax", "enquiry")


def a_ground(factor: float = 1.0, *, a_quarter: float = 8.0, n: int = 60) -> Ground:
    """Hall 1 at five past nine: window 1 does both items, 2 tax, 3 and 4 are closed, ten wait for tax."""
    profile = a_profile(a_quarter=a_quarter)
    events = [
        said(K.WINDOW_OPEN, -2, window=1, items=OFFERED, clerk="c01"), said(K.WINDOW_OPEN, -2, window=2, items=("tax",), clerk="c02"),
        said(K.WINDOW_CLOSE, -2, window=3), *(said(K.ARRIVE, 0.2 * k, f"A{k}") for k in range(10)),
    ]  # fmt: skip
    floor, day, now = Book(events).floor, local_day(NOW, ZONE), at(5)
    demand = demand_of(profile, {}, floor, day, WORKDAY, now, 14_400).times(factor)
    return ground_of("hall-1", floor, profile, demand, now, day=day, day_kind=WORKDAY, horizon_s=14_400, n=n, seed=1)


def asked(**said_: Any) -> Asked:
    return read_asked(said_, ms(at(5)), OFFERED)


def worst(question: Asked) -> tuple[float, float]:
    found = tried(a_ground(drawn_factor(question)), question, seed=1)
    ranges = found.before.worst_range, found.after.worst_range
    assert ranges[0] is not None
    assert ranges[1] is not None
    return ranges[0].mid, ranges[1].mid


def test_nothing_asked_changes_nothing() -> None:
    found = tried(a_ground(), asked(), seed=1)
    np.testing.assert_array_equal(found.before.p90_s, found.after.p90_s)
    assert "→" in found.said.zh


def test_a_window_for_three_quarters_of_an_hour_shortens_the_wait_meanwhile() -> None:
    found = tried(a_ground(), asked(windows=[{"window": 3, "state": "open", "items": ["tax"], "for_min": 45}]), seed=1)
    fewer = found.before.p90_s - found.after.p90_s
    assert fewer[1] > 60
    assert found.after.windows[1] - found.before.windows[1] == pytest.approx(1)
    assert found.after.windows[5] == found.before.windows[5]
    assert "+0.8" in found.said.en or "+0.7" in found.said.en


@pytest.mark.parametrize(("factor", "is_longer"), [(1.3, True), (0.6, False)])
def test_more_people_wait_longer_and_fewer_shorter(factor: float, is_longer: bool) -> None:
    before, after = worst(asked(arrivals=factor))
    assert (after > before) is is_longer


def test_a_clerk_who_turns_to_another_item_is_missing_at_his_own() -> None:
    before, after = worst(asked(move=[{"from": "tax", "to": "enquiry", "n": 1}]))
    assert after > before


def test_the_fewer_are_some_of_the_more() -> None:
    futures = a_ground(n=5).futures
    half = thinned(futures, 0.5, 3)
    kept = np.isfinite(half.arrivals_s)
    assert (half.arrivals_s[kept] == futures.arrivals_s[kept]).all()
    here = futures.arrivals_s < 0
    assert kept[here].all(), "who is there already stays"
    share = kept[np.isfinite(futures.arrivals_s) & ~here].mean()
    assert 0.35 < share < 0.65


@pytest.mark.parametrize(
    ("said_", "words"),
    [
        ({"arrivals": 99}, "factor from 0.2 to 10"),
        ({"arrivals": "many"}, "factor from 0.2 to 10"),
        ({"arrivals": float("nan")}, "factor from 0.2 to 10"),
        ({"windows": [{"window": 3, "state": "broken"}]}, "expected open, paused or closed"),
        ({"windows": [{"window": "3"}]}, "there is no window 3"),
        ({"windows": [{"window": 99, "state": "open"}]}, "there is no window 99"),
        ({"windows": [{"window": 3, "items": ["vehicle"]}]}, "does not offer all"),
        ({"windows": [{"window": 3, "for_min": -1}]}, "at most 600 minutes"),
        ({"windows": "7"}, "expected a list"),
        ({"move": [{"from": "tax", "to": "vehicle"}]}, "does not offer vehicle"),
        ({"move": [{"from": "tax", "to": "enquiry", "n": 3}]}, "only 2 windows are open for tax"),
    ],
)
def test_what_cannot_be_is_answered_with_what_is_expected(said_: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        tried(a_ground(n=3), asked(**said_), seed=1)
    assert refused.value.zh


def test_a_window_closed_by_a_wish_is_closed() -> None:
    found = tried(a_ground(), asked(windows=[{"window": 2, "state": WindowState.CLOSED.value}]), seed=1)
    assert found.after.windows[3] == found.before.windows[3] - 1
