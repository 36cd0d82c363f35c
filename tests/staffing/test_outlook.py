"""The outlook of a hall: laws that hold in every future, and what its windows will do if nobody does anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from domain.forecasts import Forecast
from domain.halls import HallEvent, HallEventKind
from staffing.demand import FORECAST, NONE, USUAL, Demand, demand_of
from staffing.floor import Book, Floor, day_of
from staffing.futures import Post, fates
from staffing.outlook import (
    AFTER_CLOSING_S,
    BREAK_S,
    LATE_S,
    MENDED_S,
    PENDING_S,
    futures_of,
    item_order,
    usual_posts,
    waiting_in,
)
from staffing.profiles import ARRIVAL_SLOT_S, N_QUANTILES, OPEN_SLOT_S, WORKDAY, ItemProfile, Profile, WindowProfile
from tests.support.halls import a_visit, at, said
from tests.support.simulated_halls import ZONE

K = HallEventKind
DAY = day_of(date(2026, 3, 2), ZONE)
NINE = 9 * 3600


def an_item(item: str = "tax", mean_s: float = 600, share: float = 1.0, **more: object) -> ItemProfile:
    """Everybody keeps the window for as long."""
    return replace(ItemProfile(item, (mean_s,) * N_QUANTILES, 100, mean_s, 0.0, 1e6, share, {}, 0.0), **more)


def open_between(*spans: tuple[float, float]) -> tuple[float, ...]:
    """Shares by five minutes; spans in hours of the day."""
    middles = (np.arange(86_400 // OPEN_SLOT_S) + 0.5) * OPEN_SLOT_S / 3600
    return tuple(np.sum([(middles >= a) & (middles < b) for a, b in spans], axis=0).astype(float).tolist())


def a_profile(*items: ItemProfile, windows: dict[int, tuple[tuple[float, float], ...]] | None = None) -> Profile:
    """Windows 1 to 3 do tax and are open from nine to five; doors from a quarter to nine."""
    spans = windows if windows is not None else dict.fromkeys((1, 2, 3), ((9.0, 17.0),))
    posts = {n: WindowProfile(n, ("tax",), f"c{n:02}", {WORKDAY: open_between(*each)}) for n, each in spans.items()}
    known = {each.item: each for each in items or (an_item(),)}
    return Profile("hall-1", DAY.start, DAY.start, 20, 1, known, posts, {WORKDAY: (8.75 * 3600, 17.0 * 3600)}, 0.05)


def nobody(minute: float = 0, items: tuple[str, ...] = ("tax",)) -> Demand:
    return Demand(at(minute), ARRIVAL_SLOT_S, items, np.zeros((len(items), 16)), 0.05, FORECAST)


def floor_of(*events: HallEvent) -> Floor:
    return Book(events).floor


def opened(*windows: int, minute: float = 0, items: tuple[str, ...] = ("tax",)) -> list[HallEvent]:
    return [said(K.WINDOW_OPEN, minute, window=n, items=items, clerk=f"c{n:02}") for n in windows]


def waits_at(floor: Floor, profile: Profile, minute: float, *at_s: float, demand: Demand | None = None) -> np.ndarray:
    """Waits (futures × questions) of those who come for tax at these seconds from a minute on."""
    now = at(minute)
    posts = usual_posts(floor, profile, now, 14_400, WORKDAY, DAY)
    futures, _ = futures_of(
        floor,
        profile,
        demand or nobody(minute),
        now,
        horizon_s=14_400,
        n=50,
        seed=1,
        questions=[("tax", s) for s in at_s],
        posts=posts,
    )
    return fates(futures, posts).waits_s[futures.is_question].reshape(50, len(at_s))


def spans_of(minute: float, floor: Floor, profile: Profile, window: int = 1) -> tuple[tuple[float, float], ...]:
    """Minutes after nine in which a window calls people."""
    now = at(minute)
    found = {post.window: post for post in usual_posts(floor, profile, now, 14_400, WORKDAY, DAY)}
    if window not in found:
        return ()
    return tuple((minute + since / 60, minute + until / 60) for since, until in found[window].spans)


def test_where_nobody_is_and_nobody_comes_nobody_waits() -> None:
    assert waits_at(floor_of(*opened(1)), a_profile(), 5, 0, 900, 7_200).max() == 0


def test_who_waits_now_is_before_whoever_comes() -> None:
    """One window, three who wait, the first of them just called; each takes ten minutes: whoever comes now is called in 30."""
    events = [*opened(1), *a_visit("A1", 1, 5, 5, 99)[:3], said(K.ARRIVE, 2, "A2"), said(K.ARRIVE, 3, "A3")]
    floor = floor_of(*events)
    profile = a_profile(windows={1: ((9.0, 17.0),)})
    assert waits_at(floor, profile, 5, 0)[:, 0] == pytest.approx(1_800)


def test_who_is_at_a_window_keeps_it_for_what_is_left() -> None:
    """Services take ten or twenty minutes; after fifteen it is one of twenty, and five are left."""
    item = an_item(occupied_s=tuple([600.0] * 16 + [1_200.0] * 17))
    floor = floor_of(*opened(1), *a_visit("A1", 0, 0, 0.5, 99)[:3])
    profile = a_profile(item, windows={1: ((9.0, 17.0),)})
    assert waits_at(floor, profile, 15, 0)[:, 0] == pytest.approx(300)
    assert set(np.round(waits_at(floor, profile, 5, 0)[:, 0] / 60).tolist()) >= {5, 15}


def test_one_more_window_never_lengthens_a_wait_of_an_item() -> None:
    """On the same people, future by future and person by person."""
    rng = np.random.default_rng(0)
    item = an_item(occupied_s=tuple(np.linspace(60, 1_500, N_QUANTILES).tolist()))
    demand = replace(nobody(), expected=rng.uniform(2, 9, (1, 16)), noise=0.2)
    floor = floor_of(*opened(1, 2, 3))
    futures, _ = futures_of(floor, a_profile(item), demand, at(0), horizon_s=14_400, n=50, seed=2, questions=[("tax", 3_600.0)])
    posts = [Post(n, (0,), ((0.0, 30_000.0),)) for n in range(1, 5)]
    few, many = fates(futures, posts[:3]).waits_s, fates(futures, posts).waits_s
    assert (many[futures.is_question] <= few[futures.is_question] + 1e-9).all()
    assert few[futures.is_question].mean() > many[futures.is_question].mean() + 60


def test_arrivals_are_as_many_as_expected_and_scatter_as_a_day_does() -> None:
    demand = replace(nobody(), expected=np.full((1, 16), 20.0), noise=0.2)
    futures, _ = futures_of(floor_of(*opened(1)), a_profile(), demand, at(0), horizon_s=14_400, n=2_000, seed=3)
    counts = np.isfinite(futures.arrivals_s).sum(axis=1)
    assert counts.mean() == pytest.approx(320, rel=0.02)
    assert counts.std() == pytest.approx(np.hypot(0.2 * 320, 320**0.5), rel=0.06), "the day's factor, and chance"


def test_who_is_sent_on_comes_again_for_the_other_item() -> None:
    items = (an_item("business_licence", share=0.5, sent_on={"tax": 0.25}), an_item("tax", share=0.5))
    demand = replace(nobody(items=("business_licence",)), expected=np.full((1, 16), 25.0))
    floor = floor_of(*opened(1, items=("business_licence", "tax")))
    futures, order = futures_of(floor, a_profile(*items), demand, at(0), horizon_s=14_400, n=200, seed=4)
    n = [((futures.items == order.index(item)) & np.isfinite(futures.arrivals_s)).sum() for item in ("tax", "business_licence")]
    assert n[0] / n[1] == pytest.approx(0.25, rel=0.1)


def test_the_same_seed_gives_the_same_people() -> None:
    demand = replace(nobody(), expected=np.full((1, 16), 5.0))
    one, two = (futures_of(floor_of(*opened(1)), a_profile(), demand, at(0), horizon_s=14_400, n=20, seed=9)[0] for _ in range(2))
    assert np.array_equal(one.arrivals_s, two.arrivals_s)
    assert np.array_equal(one.occupied_s, two.occupied_s)


def test_an_appointment_goes_before_walk_ins_but_not_before_it_has_come() -> None:
    """One window and ten minutes each. Five wait, the last for a minute; who comes as a walk-in is called after all of them, and half
    of those who come are called as if they had come 20 minutes earlier: walk-ins wait longer than without that."""
    floor = floor_of(*opened(1), *[said(K.ARRIVE, k, f"A{k}", channel="walk_in") for k in range(1, 6)])
    demand = replace(nobody(5), expected=np.full((1, 16), 1.5))
    item = an_item(booked=0.5)
    equal = a_profile(item, windows={1: ((9.0, 17.0),)})
    favoured = replace(equal, head_start_s=1_200.0)
    assert waits_at(floor, favoured, 5, 1_800, demand=demand).mean() > waits_at(floor, equal, 5, 1_800, demand=demand).mean() + 60
    empty = floor_of(*opened(1))
    alone = a_profile(item, windows={1: ((9.0, 17.0),)})
    quiet = replace(nobody(5), expected=np.full((1, 16), 0.02))
    assert waits_at(empty, replace(alone, head_start_s=1_200.0), 5, 900, demand=quiet).mean() < 30, (
        "nobody keeps a window free for them"
    )


def test_who_was_overtaken_by_half_an_hour_has_left_without_a_word() -> None:
    floor = floor_of(*opened(1), said(K.ARRIVE, 0, "A1"), *a_visit("A2", 31, 35, 36, 40), said(K.ARRIVE, 20, "A3"))
    assert [ticket.number for ticket in waiting_in(floor)] == ["A3"]


def test_a_window_does_what_it_does_and_then_what_is_usual() -> None:
    """Open nine to five with lunch from twelve to one; the last stretch lasts until nobody waits, two hours at most."""
    profile = a_profile(windows={1: ((9.0, 12.0), (13.0, 17.0))})
    evening = 480 + AFTER_CLOSING_S / 60
    assert spans_of(60, floor_of(*opened(1)), profile) == ((60, 180), (240, evening))
    assert spans_of(-10, floor_of(), profile) == ((0, 180), (240, evening)), "before nine nobody has opened it yet"
    paused = floor_of(*opened(1), said(K.WINDOW_PAUSE, 60, window=1))
    assert spans_of(62, paused, profile) == ((60 + BREAK_S / 60, 180), (240, evening)), "a short break"
    broken = floor_of(*opened(1), said(K.WINDOW_FAULT, 60, window=1))
    assert spans_of(65, broken, profile) == ((65 + MENDED_S / 60, 180), (240, evening))
    closed = floor_of(*opened(1), said(K.WINDOW_CLOSE, 60, window=1))
    assert spans_of(65, closed, profile) == ((240, evening),), "who closed in the morning is back after lunch"
    at_lunch = floor_of(*opened(1), said(K.WINDOW_PAUSE, 178, window=1))
    assert spans_of(200, at_lunch, profile) == ((240, evening),)


def test_a_usual_turn_that_nobody_has_told_yet_is_still_to_come() -> None:
    profile = a_profile(windows={1: ((9.0, 12.0), (13.0, 17.0))})
    serving = floor_of(*opened(1))
    evening = 480 + AFTER_CLOSING_S / 60
    assert spans_of(184, serving, profile) == ((184, 184 + LATE_S / 60), (240, evening)), "it goes to lunch after this customer"
    by_hand = floor_of(*opened(1), said(K.WINDOW_CLOSE, 10, window=1), *opened(1, minute=182))
    assert spans_of(184, by_hand, profile)[0][1] > 240, "somebody opened it at lunch: it stays"
    late = 180 + PENDING_S / 60 + 1
    assert spans_of(late, serving, profile)[0][1] > 240, "nobody goes to lunch so late: it stays"


def test_a_window_that_nobody_knows_follows_what_it_says() -> None:
    floor = floor_of(*opened(9))
    assert spans_of(60, floor, a_profile(), 9)[0][0] == 60
    assert spans_of(60, floor_of(*opened(1)), a_profile(), 2) == (), (
        "usually open, but not heard of today: nobody came to work there"
    )


def test_every_item_that_anybody_names_has_a_number() -> None:
    floor = floor_of(*opened(1, items=("tax", "notary")), said(K.ARRIVE, 1, "A1", item="passport"))
    profile = a_profile()
    assert item_order(profile, floor) == ("notary", "passport", "tax")
    futures, _ = futures_of(floor, profile, nobody(), at(5), horizon_s=3_600, n=5, seed=1)
    assert (futures.occupied_s > 0).sum() == 5, "who came for something new takes as long as others do"


def a_forecast(values: tuple[float, float, float], issued: datetime, n: int = 20) -> Forecast:
    low, mid, high = ((value,) * n for value in values)
    return Forecast(-1, issued, at(0), 900, low, mid, high, "m", "1", issued)


def test_demand_is_the_forecast_by_item_scaled_to_that_of_the_hall() -> None:
    """Items of 0, 1 and 3 people at 10, 50 and 90 %: 1.3 in the mean, though the median is 1; the hall expects 20 to 28."""
    profile = a_profile(an_item("tax", share=0.5), an_item("vehicle", share=0.5))
    forecasts = {
        "": a_forecast((20, 24, 28), at(0)),
        "tax": a_forecast((0, 1, 3), at(0)),
        "vehicle": a_forecast((0, 1, 3), at(0)),
    }
    found = demand_of(profile, forecasts, None, DAY, WORKDAY, at(7), 14_400)
    assert (found.basis, found.start, found.items) == (FORECAST, at(0), ("tax", "vehicle"))
    assert found.expected.sum(axis=0) == pytest.approx(24)
    assert found.expected.shape == (2, 17)
    assert found.times(1.3).expected.sum(axis=0) == pytest.approx(31.2)


def test_without_a_fresh_forecast_demand_is_what_is_usual_as_far_as_today_is_like_it() -> None:
    """20 an hour are usual; 40 have come instead of 20, which on a day ± 5 % says little, on one ± 50 % nearly everything."""
    usual = {WORKDAY: tuple([0.0] * 36 + [5.0] * 32 + [0.0] * 28)}
    floor = floor_of(*[said(K.ARRIVE, k * 1.5, f"A{k}") for k in range(40)])
    old = {"tax": a_forecast((5, 5, 5), at(60) - timedelta(hours=3))}

    def expected(noise: float) -> float:
        profile = replace(a_profile(an_item(usual=usual)), day_noise=noise)
        found = demand_of(profile, old, floor, DAY, WORKDAY, at(60), 3_600)
        assert found.basis == USUAL
        return float(found.expected.sum())

    assert expected(0.05) == pytest.approx(20 * (400 + 40) / (400 + 20))
    assert expected(0.5) == pytest.approx(20 * (4 + 40) / (4 + 20))
    assert demand_of(a_profile(), {}, None, DAY, WORKDAY, at(0), 3_600).basis == NONE
