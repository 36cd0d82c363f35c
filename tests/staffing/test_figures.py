"""Figures of halls: days made by hand with answers one can work out, and the usual opening."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.halls import HallEvent, HallEventKind, WindowState
from staffing.figures import (
    HallNow,
    hall_now,
    next_opening,
    quantile,
    same_weekdays,
    usual_arrivals,
)
from staffing.floor import Book, Stage, local_day
from tests.support.halls import a_visit, at, said
from tests.support.scenes import NOW

SHANGHAI = ZoneInfo("Asia/Shanghai")
K = HallEventKind


def now_of(*events: HallEvent, minute: float = 60, items: tuple[str, ...] = ()) -> HallNow:
    """The figures so many minutes after nine."""
    return hall_now("hall-1", Book(events).floor, local_day(NOW, SHANGHAI), at(minute), items)


def test_everybody_is_counted_once() -> None:
    now = now_of(
        *a_visit("A1", 0, 7, 8, 20), *a_visit("A2", 1, 21, 22, 50)[:-1], said(K.ARRIVE, 2, "A3"), said(K.ARRIVE, 3, "A4"),
        said(K.ABANDON, 9, "A4"), said(K.ARRIVE, 4, "A5"), said(K.CALL, 40, "A5", window=2), said(K.NO_SHOW, 42, "A5", window=2),
        said(K.CALL, 43, "A6", window=2),
    )  # fmt: skip
    assert (now.arrived, now.waiting, now.serving, now.aside, now.served, now.no_shows, now.left) == (6, 1, 2, 0, 1, 1, 1)
    assert now.arrived == now.waiting + now.serving + now.aside + now.served + now.no_shows + now.left
    assert now.unannounced == 1


def test_the_longest_wait_is_that_of_who_waits_now() -> None:
    now = now_of(*a_visit("A1", 0, 50, 51, 55), said(K.ARRIVE, 20, "A2"), said(K.ARRIVE, 45, "A3"))
    assert now.wait_s == 40 * 60
    assert now_of(*a_visit("A1", 0, 50, 51, 55)).wait_s == 0


def test_quantiles_are_those_of_the_last_hour() -> None:
    """Ten called within the hour after waits of 1 to 10 minutes: half waited at most 5, nine in ten at most 9. The wait of an
    hour that ended before does not count."""
    early = a_visit("B1", -65, -5, -4, -3, window=9)
    visits = [event for k in range(1, 11) for event in a_visit(f"A{k}", 20, 20 + k, 20 + k, 55, window=k)]
    now = now_of(*early, *visits)
    assert (now.p50_s, now.p90_s, now.n_waits) == (300, 540, 10)


def test_without_a_wait_there_is_no_quantile() -> None:
    now = now_of(said(K.ARRIVE, 0, "A1"))
    assert (now.p50_s, now.p90_s, now.n_waits, now.load) == (None, None, 0, None)


def test_a_wait_belongs_to_the_item_it_was_for() -> None:
    now = now_of(
        said(K.WINDOW_OPEN, 0, window=1, items=("tax", "enquiry")), said(K.WINDOW_OPEN, 0, window=2, items=("enquiry",)),
        said(K.WINDOW_OPEN, 0, window=3, items=("tax",)), said(K.WINDOW_CLOSE, 1, window=3),
        *a_visit("A1", 0, 30, 31, 40, item="tax"), said(K.ARRIVE, 50, "A2", item="enquiry"), items=("id_card",),
    )  # fmt: skip
    rows = {row.item: (row.waiting, row.wait_s, row.p90_s, row.windows) for row in now.items}
    assert rows == {"id_card": (0, 0, None, 0), "tax": (0, 0, 1800, 1), "enquiry": (1, 600, None, 2)}


def test_load_is_what_comes_over_what_can_be_done() -> None:
    """Six came in the hour, each is served 10 minutes, two windows were open for the hour: 60 of 120 minutes."""
    visits = [
        event for k in range(6) for event in a_visit(f"A{k}", 1 + 9 * k, 1 + 9 * k, 1 + 9 * k, 11 + 9 * k, window=1 + k % 2)
    ]
    opened = [said(K.WINDOW_OPEN, -1, window=n, items=("tax",)) for n in (1, 2)]
    assert now_of(*opened, *visits).load == pytest.approx(0.5)


def test_a_window_shows_who_is_there() -> None:
    now = now_of(said(K.WINDOW_OPEN, 0, window=3, items=("tax",), clerk="c41"), *a_visit("A1", 0, 7, 8, 20, window=3)[:-1])
    (window,) = now.windows
    assert (window.number, window.state, window.clerk, window.ticket, window.stage, window.ticket_since) == (
        3, WindowState.OPEN, "c01", "A1", Stage.SERVED, at(8),
    )  # fmt: skip


def test_a_hall_is_open_while_a_window_is_not_closed_or_somebody_is_there() -> None:
    closed = (said(K.WINDOW_OPEN, 0, window=1, items=("tax",)), said(K.WINDOW_CLOSE, 10, window=1))
    assert not now_of().is_open
    assert not now_of(*closed).is_open
    assert now_of(*closed, said(K.ARRIVE, 11, "A1")).is_open
    assert now_of(said(K.WINDOW_PAUSE, 0, window=1)).is_open


def test_ratings_are_counted_by_grade_and_the_first_three_are_good() -> None:
    now = now_of(*(said(K.RATING, 5, f"A{k}", grade=grade) for k, grade in enumerate((1, 1, 2, 3, 5))))
    assert (now.ratings, now.good_share) == ((2, 1, 1, 0, 1), 0.8)
    assert now_of().good_share is None


def test_arrivals_are_counted_by_half_hours_of_the_local_day() -> None:
    now = now_of(
        said(K.ARRIVE, 0, "A1", channel="walk_in"), said(K.ARRIVE, 29.9, "A2", channel="appointment"), said(K.ARRIVE, 30, "A3")
    )
    assert (len(now.arrivals), now.arrivals[18], now.arrivals[19], sum(now.arrivals)) == (48, 2, 1, 3)
    assert now.by_channel == {"walk_in": 1, "appointment": 1, "": 1}


def test_usual_arrivals_are_the_mean_of_earlier_days() -> None:
    assert usual_arrivals([(2, 0), (4, 2)]) == (3, 1)
    assert usual_arrivals([]) is None
    assert [day.date for day in same_weekdays(local_day(NOW, SHANGHAI), 2, SHANGHAI)] == [date(2026, 2, 23), date(2026, 2, 16)]


def _opened(*days: str, at_time: str = "08:45") -> dict[date, datetime]:
    return {
        date.fromisoformat(day): datetime.fromisoformat(f"{day}T{at_time}").replace(tzinfo=SHANGHAI).astimezone(UTC)
        for day in days
    }


def test_a_hall_opens_next_when_it_usually_does() -> None:
    """NOW is Monday 2 March, 9:00. It opened on the Mondays and Tuesdays of two weeks, so Tuesday is next; before 8:45 it is today."""
    past = _opened("2026-02-16", "2026-02-17", "2026-02-23", "2026-02-24")
    assert next_opening(past, NOW, SHANGHAI) == datetime(2026, 3, 3, 0, 45, tzinfo=UTC)
    assert next_opening(past, NOW - timedelta(hours=1), SHANGHAI) == datetime(2026, 3, 2, 0, 45, tzinfo=UTC)
    assert next_opening({}, NOW, SHANGHAI) is None


def test_a_day_on_which_it_opened_once_in_four_weeks_is_not_usual() -> None:
    """One Tuesday (3 February) of four is too few; every Wednesday is enough."""
    past = _opened("2026-02-02", "2026-02-03", "2026-02-04", "2026-02-11", "2026-02-18", "2026-02-25")
    assert next_opening(past, NOW, SHANGHAI) == datetime(2026, 3, 4, 0, 45, tzinfo=UTC)


def test_the_usual_time_is_the_median() -> None:
    past = (
        _opened("2026-02-10", at_time="08:40") | _opened("2026-02-17", at_time="08:45") | _opened("2026-02-24", at_time="10:30")
    )
    assert next_opening(past, NOW, SHANGHAI) == datetime(2026, 3, 3, 0, 45, tzinfo=UTC)


@given(st.lists(st.floats(0, 1e4), min_size=1), st.floats(0.01, 1))
def test_a_quantile_is_a_value_that_the_share_does_not_exceed(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
