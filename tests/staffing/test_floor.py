"""The floor: days made by hand, what is lost, late, twice or impossible, and the laws of conservation."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.halls import HallEvent, HallEventKind, WindowState
from staffing.floor import Book, Floor, Outcome, Stage, day_of, local_day
from tests.support.halls import a_visit, at, said

K = HallEventKind


def stages(floor: Floor) -> dict[str, str]:
    return {number: ticket.stage.value for number, ticket in floor.tickets.items()}


def after(*events: HallEvent) -> Floor:
    return Book(events).floor


def test_a_visit_is_a_wait_and_a_service() -> None:
    floor = after(*a_visit("A1", 0, 7, 8, 20))
    assert [(w.item, w.seconds) for w in floor.waits] == [("tax", 7 * 60)]
    assert [(s.window_no, s.seconds) for s in floor.services] == [(1, 12 * 60)]
    assert stages(floor) == {"A1": "gone"}
    assert (floor.outcomes[Outcome.SERVED], floor.windows[1].n_served, floor.present) == (1, 1, {})


def test_each_is_where_the_last_event_left_him() -> None:
    floor = after(
        said(K.ARRIVE, 0, "A1"), said(K.ARRIVE, 1, "A2"), said(K.ARRIVE, 2, "A3"), said(K.ARRIVE, 3, "A4"), said(K.ARRIVE, 4, "A5"),
        said(K.CALL, 5, "A2", window=1), said(K.CALL, 5, "A3", window=2), said(K.START, 6, "A3", window=2),
        said(K.CALL, 5, "A4", window=3), said(K.START, 6, "A4", window=3), said(K.PARK, 7, "A4", window=3),
        said(K.ABANDON, 8, "A5"),
    )  # fmt: skip
    assert stages(floor) == {"A1": "waiting", "A2": "called", "A3": "served", "A4": "aside", "A5": "gone"}
    assert floor.windows[1].called is floor.tickets["A2"]
    assert floor.windows[2].serving is floor.tickets["A3"]
    assert (floor.windows[3].called, floor.windows[3].serving) == (None, None)


def test_a_transfer_waits_again_for_the_other_item() -> None:
    visit = a_visit("A1", 0, 5, 5, 10)[:-1]
    floor = after(*visit, said(K.TRANSFER, 10, "A1", window=1, to_item="social_security"), said(K.CALL, 25, "A1", window=2))
    assert [(w.item, w.seconds) for w in floor.waits] == [("tax", 300), ("social_security", 900)]
    assert [s.seconds for s in floor.services] == [300]
    assert (floor.tickets["A1"].item, floor.n_transferred) == ("social_security", 1)


def test_time_aside_is_no_wait() -> None:
    visit = a_visit("A1", 0, 5, 5, 60)
    floor = after(
        *visit[:-1],
        said(K.PARK, 10, "A1", window=1),
        said(K.CALL, 50, "A1", window=1),
        said(K.START, 51, "A1", window=1),
        visit[-1],
    )
    assert [w.seconds for w in floor.waits] == [300]
    assert [s.seconds for s in floor.services] == [300, 540]


def test_who_missed_his_call_may_be_called_again() -> None:
    floor = after(
        said(K.ARRIVE, 0, "A1"),
        said(K.CALL, 5, "A1", window=1),
        said(K.RECALL, 6, "A1", window=1),
        said(K.NO_SHOW, 7, "A1", window=1),
    )
    assert floor.outcomes == {Outcome.NO_SHOW: 1}
    floor.hear(said(K.CALL, 20, "A1", window=1))
    assert stages(floor) == {"A1": "called"}
    assert floor.outcomes.total() == 0
    assert [w.seconds for w in floor.waits] == [300], "the time after the missed call is no wait"


def test_a_window_follows_what_it_says() -> None:
    floor = after(
        said(K.WINDOW_OPEN, 0, window=7, items=("tax", "enquiry"), clerk="c41"), said(K.WINDOW_PAUSE, 30, window=7),
        said(K.WINDOW_OPEN, 40, window=7, items=("tax",), clerk="c42"), said(K.WINDOW_OPEN, 45, window=7, items=("enquiry",), clerk="c42"),
    )  # fmt: skip
    window = floor.windows[7]
    assert (window.state, window.since, window.items, window.clerk) == (WindowState.OPEN, at(40), ("enquiry",), "c42")
    assert window.open_s(at(0), at(60)) == (30 + 20) * 60
    assert window.open_s(at(50), at(60)) == 600


# lost


def test_who_is_called_without_an_arrival_has_arrived_all_the_same() -> None:
    floor = after(said(K.CALL, 5, "A1", window=1), said(K.START, 6, "A1", window=1))
    assert stages(floor) == {"A1": "served"}
    assert (floor.waits, floor.arrivals) == ([], [])


def test_a_start_without_a_call_ends_the_wait() -> None:
    floor = after(said(K.ARRIVE, 0, "A1"), said(K.START, 6, "A1", window=1))
    assert [w.seconds for w in floor.waits] == [360]


def test_a_start_at_an_unknown_window_finds_where_he_was_called() -> None:
    floor = after(said(K.ARRIVE, 0, "A1"), said(K.CALL, 5, "A1", window=4), said(K.START, 6, "A1"))
    assert floor.windows[4].serving is floor.tickets["A1"]
    assert floor.windows[4].called is None


def test_a_lost_end_is_presumed_when_the_window_starts_the_next() -> None:
    floor = after(*a_visit("A1", 0, 1, 2, 9)[:-1], *a_visit("A2", 3, 12, 13, 20)[:-1])
    assert stages(floor) == {"A1": "gone", "A2": "served"}
    assert (floor.tickets["A1"].is_presumed, floor.tickets["A1"].ended) == (True, None)
    assert (floor.services, floor.windows[1].n_served) == ([], 1), "for how long he was served is not known"


def test_an_end_that_comes_late_in_time_takes_the_place_of_the_presumed_one() -> None:
    floor = after(*a_visit("A1", 0, 1, 2, 14), *a_visit("A2", 3, 12, 13, 20)[:-1])
    assert (floor.tickets["A1"].is_presumed, floor.tickets["A1"].ended) == (False, at(14))
    assert (floor.outcomes[Outcome.SERVED], floor.windows[1].n_served, floor.impossible.total()) == (1, 1, 0)


def test_a_window_that_calls_the_next_has_given_up_the_one_before() -> None:
    floor = after(
        said(K.ARRIVE, 0, "A1"), said(K.CALL, 1, "A1", window=1), said(K.ARRIVE, 1, "A2"), said(K.CALL, 4, "A2", window=1)
    )
    assert floor.tickets["A1"].outcome is Outcome.NO_SHOW
    assert floor.windows[1].called is floor.tickets["A2"]


def test_a_window_may_call_the_next_while_it_serves() -> None:
    floor = after(*a_visit("A1", 0, 1, 2, 9)[:-1], said(K.ARRIVE, 3, "A2"), said(K.CALL, 5, "A2", window=1))
    assert stages(floor) == {"A1": "served", "A2": "called"}


def test_a_window_that_works_is_open_though_nobody_said_so() -> None:
    floor = after(said(K.WINDOW_PAUSE, 0, window=1), *a_visit("A1", 0, 1, 2, 9)[:-1])
    assert (floor.windows[1].state, floor.windows[1].is_presumed) == (WindowState.OPEN, True)
    floor.hear(said(K.WINDOW_OPEN, 10, window=1, items=("tax",)))
    assert (floor.windows[1].since, floor.windows[1].is_presumed) == (at(1), False)


@pytest.mark.parametrize(("kind", "stage"), [(K.WINDOW_CLOSE, "gone"), (K.WINDOW_PAUSE, "gone"), (K.WINDOW_FAULT, "aside")])
def test_who_is_at_a_window_that_stops_is_done_with_except_at_a_fault(kind: HallEventKind, stage: str) -> None:
    floor = after(*a_visit("A1", 0, 1, 2, 9)[:-1], said(kind, 8, window=1))
    assert stages(floor) == {"A1": stage}
    assert floor.windows[1].serving is None


# impossible


@pytest.mark.parametrize("kind", [K.END, K.NO_SHOW, K.ABANDON, K.PARK, K.TRANSFER, K.CALL, K.RECALL, K.START, K.ARRIVE])
def test_after_the_end_nothing_can_follow(kind: HallEventKind) -> None:
    floor = after(*a_visit("A1", 0, 7, 8, 20), said(kind, 30, "A1", window=2))
    assert stages(floor) == {"A1": "gone"}
    assert (floor.tickets["A1"].ended, floor.outcomes.total(), floor.impossible[kind]) == (at(20), 1, 1)


def test_nobody_is_served_twice_at_once_at_one_window() -> None:
    floor = after(*a_visit("A1", 0, 7, 8, 20)[:-1], said(K.START, 9, "A1", window=1))
    assert (floor.tickets["A1"].started, floor.impossible[K.START]) == (at(8), 1)


def test_a_ticket_rates_once_and_may_do_so_though_its_visit_was_lost() -> None:
    floor = after(said(K.RATING, 5, "A9", grade=2), said(K.RATING, 6, "A9", grade=5))
    assert [rating.grade for rating in floor.ratings.values()] == [2]
    assert (floor.tickets, floor.impossible[K.RATING]) == ({}, 1)


# late, twice


def test_what_comes_late_has_the_day_folded_anew() -> None:
    visit = a_visit("A1", 0, 7, 8, 20)
    book = Book([*visit[:1], *visit[2:]])
    assert [w.seconds for w in book.floor.waits] == [480], "until the start, as the call is not known yet"
    assert book.take([visit[1]])
    assert [w.seconds for w in book.floor.waits] == [420]


def test_what_comes_in_order_is_added() -> None:
    book = Book()
    assert [book.take([event]) for event in a_visit("A1", 0, 7, 8, 20)] == [False] * 4
    assert (stages(book.floor), len(book)) == ({"A1": "gone"}, 4)


def test_events_of_one_moment_count_in_the_order_of_their_ids() -> None:
    visit = [said(K.CALL, 5, "A1", window=1, event_id="e2"), said(K.ARRIVE, 5, "A1", event_id="e1")]
    assert [w.seconds for w in after(*visit).waits] == [0]


# days


def test_a_local_day_ends_at_the_city_s_midnight() -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    day = local_day(datetime(2026, 3, 1, 16, 0, tzinfo=UTC), shanghai)
    assert (day.date, day.start, day.end) == (
        date(2026, 3, 2),
        datetime(2026, 3, 1, 16, tzinfo=UTC),
        datetime(2026, 3, 2, 16, tzinfo=UTC),
    )
    assert local_day(datetime(2026, 3, 1, 15, 59, 59, tzinfo=UTC), shanghai).date == date(2026, 3, 1)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)])
def test_a_day_on_which_clocks_change_is_shorter_or_longer(day: date, hours: int) -> None:
    span = day_of(day, ZoneInfo("Europe/Berlin"))
    assert (span.end - span.start).total_seconds() == hours * 3600


# laws

_anything = st.lists(
    st.tuples(
        st.sampled_from(list(HallEventKind)), st.integers(0, 40), st.sampled_from(["A1", "A2", "A3", "A4"]), st.sampled_from([None, 1, 2]),
        st.sampled_from(["tax", "enquiry"]), st.integers(1, 5),
    ),
    max_size=40,
)  # fmt: skip


def _events(rows: list[tuple[HallEventKind, int, str, int | None, str, int]]) -> list[HallEvent]:
    return [
        said(kind, minute, ticket, window=window if window or not kind.value.startswith("window.") else 1, item=item, to_item=item,
             grade=grade, event_id=f"e{k:03}")
        for k, (kind, minute, ticket, window, item, grade) in enumerate(rows)
    ]  # fmt: skip


def _picture(floor: Floor) -> tuple[object, ...]:
    """Everything that a floor knows, as values."""
    tickets = {
        t.number: (t.item, t.arrived, t.stage, t.since, t.waits_since, t.window_no, t.outcome, t.is_presumed, t.ended)
        for t in floor.tickets.values()
    }
    windows = {
        w.number: (
            w.state,
            w.since,
            w.items,
            w.called and w.called.number,
            w.serving and w.serving.number,
            w.n_served,
            w.open_spans,
        )
        for w in floor.windows.values()
    }
    return (
        tickets,
        windows,
        floor.waits,
        floor.services,
        floor.ratings,
        +floor.outcomes,
        floor.impossible,
        floor.arrivals,
        set(floor.present),
    )


@given(_anything)
def test_who_has_arrived_is_somewhere(rows: list[tuple[HallEventKind, int, str, int | None, str, int]]) -> None:
    floor = after(*_events(rows))
    count = Counter(ticket.stage for ticket in floor.tickets.values())
    assert (
        len(floor.tickets)
        == count[Stage.WAITING] + count[Stage.CALLED] + count[Stage.SERVED] + count[Stage.ASIDE] + floor.outcomes.total()
    )
    assert set(floor.present) == {number for number, ticket in floor.tickets.items() if ticket.stage is not Stage.GONE}
    assert all(n >= 0 for n in floor.outcomes.values())
    for window in floor.windows.values():
        for there, stage in ((window.called, Stage.CALLED), (window.serving, Stage.SERVED)):
            assert there is None or (there.stage is stage and there.window_no == window.number)
        assert window.state is WindowState.OPEN or (window.called, window.serving) == (None, None)
        assert window.n_served >= 0
    assert all(wait.seconds >= 0 for wait in (*floor.waits, *floor.services))
    assert all((ticket.waits_since is not None) == (ticket.stage is Stage.WAITING) for ticket in floor.tickets.values())


@given(_anything, st.randoms(use_true_random=False), st.integers(1, 7))
@settings(deadline=None)
def test_the_order_in_which_events_reach_us_does_not_matter_nor_how_often(
    rows: list[tuple[HallEventKind, int, str, int | None, str, int]], luck: Random, at_once: int
) -> None:
    events = _events(rows)
    shuffled = [*events, *events[: len(events) // 2]]
    luck.shuffle(shuffled)
    book = Book()
    for k in range(0, len(shuffled), at_once):
        book.take(shuffled[k : k + at_once])
    assert _picture(book.floor) == _picture(after(*events))
    assert len(book) == len(events)
