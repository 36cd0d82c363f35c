"""Ratings: how sure a share is, what may be said of waiting, and that every bad rating is followed up once and in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.halls import HallEvent, HallEventKind
from domain.moments import Moment
from domain.refusals import Refused
from domain.staffing import FollowUpState
from forecasting.calendar import Calendar
from staffing.books import Books, Seen
from staffing.practice import HallPractice
from staffing.rating_acts import answer
from staffing.rating_desk import RatingDesk
from staffing.ratings import NEXT, Rated, check_step, counts, days_left, due_at, due_date, effect, good, wilson
from storage import ratings
from storage.audit import list_entries
from storage.connection import Connection
from tests.support.halls import a_visit, at, said
from tests.support.scenes import NOW, stored
from tests.support.window_scenes import MANAGER, STRANGER, a_hall

ZONE = ZoneInfo("Asia/Shanghai")
K = HallEventKind
CHINA = Calendar("CN")
S = FollowUpState


def is_worked(day: date) -> bool:
    return bool(CHINA.are_worked(np.array([CHINA.kind(day)]))[0])


def rated(wait_s: float | None, grade: int) -> Rated:
    return Rated(NOW, grade, "tax", 1, "c01", wait_s)


def test_a_share_is_told_with_its_interval() -> None:
    """Wilson's interval of 8 in 10 at 95 % is 49–94 % (Newcombe 1998 gives such figures)."""
    share = wilson(8, 10)
    assert (share.share, round(share.low, 3), round(share.high, 3)) == (0.8, 0.49, 0.943)
    assert wilson(0, 10).low == 0.0
    assert wilson(10, 10).high == 1.0
    assert good([]) is None
    assert good([rated(60, grade) for grade in (1, 2, 3, 4)]).share == 0.75  # type: ignore[union-attr]
    assert counts([rated(60, grade) for grade in (1, 1, 5)]) == (2, 0, 0, 0, 1)


@given(st.integers(1, 400), st.integers(0, 400))
def test_a_share_lies_inside_its_interval_and_the_interval_inside_nought_and_one(n: int, k: int) -> None:
    share = wilson(min(k, n), n)
    assert 0 <= share.low <= share.share <= share.high <= 1


def test_longer_waits_with_more_bad_ratings_are_told_as_that() -> None:
    rows = [rated(120, 5 if k < 2 else 1) for k in range(200)] + [rated(1500, 5 if k < 40 else 1) for k in range(200)]
    found = effect(rows)
    assert found is not None
    assert [(b.since_s, b.until_s, b.bad.n, b.bad.share) for b in found.bins] == [(0, 300, 200, 0.01), (1200, 1800, 200, 0.2)]
    assert found.zh.endswith("等候越久差评越多")
    assert found.en.endswith("longer waits go with more bad ratings")


def test_nothing_is_claimed_with_few_ratings_or_where_intervals_meet() -> None:
    assert effect([rated(120, 1)] * 40 + [rated(1500, 5)] * 40) is None
    assert effect([rated(120, 1)] * 500 + [rated(1500, 1)] * 500) is None, "nobody rated badly"
    assert effect([rated(None, 5)] * 500) is None
    same = [rated(wait, 5 if k < 6 else 1) for wait in (120, 1500) for k in range(60)]
    found = effect(same)
    assert found is not None
    assert "no effect can be told yet" in found.en
    other = effect([rated(120, 5 if k < 40 else 1) for k in range(100)] + [rated(1500, 5 if k < 2 else 1) for k in range(100)])
    assert other is not None
    assert other.en.endswith("fewer bad ratings")


def test_fifteen_working_days_leave_out_the_holidays_and_count_the_days_worked_in_their_place() -> None:
    """Before the Spring Festival of 2026: 15-23 February are off, Saturday 14 and Saturday 28 February are worked."""
    assert due_date(date(2026, 3, 2), 15, is_worked) == date(2026, 3, 23)
    assert due_date(date(2026, 2, 10), 5, is_worked) == date(2026, 2, 24)
    assert due_date(date(2026, 2, 24), 4, is_worked) == date(2026, 2, 28)
    assert due_at(NOW, 15, is_worked, ZONE) == datetime(2026, 3, 23, 16, 0, tzinfo=UTC), "the end of that day"
    with pytest.raises(ValueError, match="expected more"):
        due_date(date(2026, 3, 2), 15, lambda day: False)


def test_days_that_are_left_are_counted_in_working_days() -> None:
    due = due_at(NOW, 15, is_worked, ZONE)
    assert days_left(due, NOW, is_worked, ZONE) == 15
    assert days_left(due, datetime(2026, 3, 23, 8, tzinfo=UTC), is_worked, ZONE) == 0
    assert days_left(due, datetime(2026, 3, 24, 8, tzinfo=UTC), is_worked, ZONE) == -1
    assert days_left(due, datetime(2026, 3, 30, 8, tzinfo=UTC), is_worked, ZONE) == -5


def test_steps_follow_in_order_and_say_something() -> None:
    for before in S:
        for after in S:
            if after in NEXT[before]:
                check_step(before, after, "已致电")
                with pytest.raises(Refused, match="expected words"):
                    check_step(before, after, " ")
            else:
                with pytest.raises(Refused, match="expected"):
                    check_step(before, after, "已致电")


# At a database


@pytest.fixture
def scene(conn: Connection) -> Connection:
    a_hall(conn)
    return conn


def tick(conn: Connection, desk: RatingDesk, moment: datetime) -> None:
    books = Books(ZONE)
    desk.tick(conn, moment, Seen(books.read(conn, Moment.live(moment)), books.floors, {}, {}, "workday"))


def a_desk() -> RatingDesk:
    return RatingDesk(HallPractice(), ZONE, is_worked)


def shifted(events: list[HallEvent], back: timedelta, *, received: datetime | None = None) -> list[HallEvent]:
    return [
        replace(e, phenomenon_time=e.phenomenon_time - back, received_time=received or e.received_time - back, event_id=f"{e.event_id}-{back.days}")
        for e in events
    ]  # fmt: skip


def a_bad_visit(ticket: str = "A1", grade: int = 5) -> list[HallEvent]:
    return [*a_visit(ticket, -30, -20, -19, -10, window=2), said(K.RATING, -5, ticket, grade=grade, item=None)]


def follow_ups(conn: Connection) -> list[tuple[str, int, str, int | None, str | None, float | None]]:
    return [
        (f.ticket, f.grade, f.item, f.window_no, f.clerk, f.wait_s)
        for f in ratings.list_follow_ups(conn, "hall-1", closed_since=NOW - timedelta(days=400))
    ]


def test_a_bad_rating_is_followed_up_once_whoever_looks_and_however_often(scene: Connection) -> None:
    stored(scene, *a_bad_visit(), *a_visit("B1", -30, -20, -19, -10), said(K.RATING, -5, "B1", grade=2))
    first = a_desk()
    for seconds in (0, 6, 12):
        tick(scene, first, NOW + timedelta(seconds=seconds))
    tick(scene, a_desk(), NOW + timedelta(minutes=1))
    assert follow_ups(scene) == [("A1", 5, "tax", 2, "c01", 600.0)], "what the rating left out is as the ticket was served"
    (found,) = ratings.list_follow_ups(scene, "hall-1", closed_since=NOW)
    assert (found.state, found.due_at) == (S.OPEN, datetime(2026, 3, 23, 16, tzinfo=UTC))


def test_one_that_comes_late_is_followed_up_and_its_clock_begins_when_it_reached_us(scene: Connection) -> None:
    desk = a_desk()
    stored(scene, *shifted(a_bad_visit(), timedelta(days=3)))
    for n in range(4):
        tick(scene, desk, NOW + timedelta(seconds=16 * n))
    late = shifted([said(K.RATING, -5, "C1", grade=4)], timedelta(days=2), received=at(1))
    stored(scene, *late)
    for n in range(4):
        tick(scene, desk, at(2) + timedelta(seconds=16 * n))
    assert sorted(row[0] for row in follow_ups(scene)) == ["A1", "C1"]
    by = {f.ticket: f.due_at for f in ratings.list_follow_ups(scene, "hall-1", closed_since=NOW)}
    assert by["C1"] == datetime(2026, 3, 23, 16, tzinfo=UTC)
    assert by["A1"] < by["C1"]


def test_at_first_those_older_than_thirty_days_are_let_be(scene: Connection) -> None:
    stored(scene, *shifted(a_bad_visit("OLD"), timedelta(days=32)), *shifted(a_bad_visit("NEW"), timedelta(days=29)))
    desk = a_desk()
    for n in range(40):
        tick(scene, desk, NOW + timedelta(seconds=16 * n))
    assert [row[0] for row in follow_ups(scene)] == ["NEW"]
    stored(scene, *shifted([said(K.RATING, -5, "LATE", grade=5)], timedelta(days=31), received=at(5)))
    for n in range(40):
        tick(scene, desk, at(15) + timedelta(seconds=16 * n))
    assert sorted(row[0] for row in follow_ups(scene)) == ["LATE", "NEW"], "late, but told us after the beginning"


def test_a_second_rating_of_a_ticket_opens_nothing(scene: Connection) -> None:
    stored(scene, *a_bad_visit(grade=1), said(K.RATING, -4, "A1", grade=5))
    tick(scene, a_desk(), NOW)
    assert follow_ups(scene) == []


def test_a_follow_up_is_taken_to_its_end_and_the_words_stay_out_of_the_audit(scene: Connection) -> None:
    stored(scene, *a_bad_visit())
    tick(scene, a_desk(), NOW)
    (found,) = ratings.list_follow_ups(scene, "hall-1", closed_since=NOW)

    def take(state: S, words: str, minute: float, actor=MANAGER):  # type: ignore[no-untyped-def]
        return answer(scene, found.follow_up_id, actor, at(minute), state=state, words=words)

    with pytest.raises(Refused, match="cannot become closed"):
        take(S.CLOSED, "done", 1)
    with pytest.raises(Refused, match="outside the area"):
        take(S.CONTACTED, "x", 1, STRANGER)
    take(S.CONTACTED, "已致电说明", 2)
    take(S.CORRECTED, "已增开窗口", 3)
    take(S.CLOSED, "群众满意", 4)
    steps = ratings.list_steps(scene, [found.follow_up_id])[found.follow_up_id]
    assert [(s.state, s.words) for s in steps] == [
        (S.CONTACTED, "已致电说明"),
        (S.CORRECTED, "已增开窗口"),
        (S.CLOSED, "群众满意"),
    ]
    entries = list_entries(scene, limit=5)
    assert [(e.outcome, e.detail.get("state")) for e in entries[:3]] == [
        ("done", "closed"),
        ("done", "corrected"),
        ("done", "contacted"),
    ]
    assert "致电" not in str([e.detail for e in entries])
    n = ratings.count_follow_ups(scene, "hall-1", at(5))
    assert (n.open, n.overdue, n.closed, n.closed_in_time) == (0, 0, 1, 1)


def test_who_is_past_the_day_is_counted_as_overdue(scene: Connection) -> None:
    stored(scene, *a_bad_visit())
    tick(scene, a_desk(), NOW)
    late = datetime(2026, 3, 23, 16, tzinfo=UTC)
    assert ratings.count_follow_ups(scene, "hall-1", late - timedelta(seconds=1)).overdue == 0
    assert ratings.count_follow_ups(scene, "hall-1", late).overdue == 1
    assert ratings.count_overdue(scene, late) == (1, 1)


def test_ratings_are_read_with_the_wait_of_their_visit(scene: Connection) -> None:
    stored(scene, *a_bad_visit(), *a_visit("B1", -40, -10, -9, -3), said(K.RATING, -2, "B1", grade=1))
    rows = ratings.list_rated(scene, "hall-1", NOW - timedelta(days=1), NOW + timedelta(days=1), zone="Asia/Shanghai")
    assert [(row[1], row[2], row[3], row[4], row[5]) for row in rows] == [
        (5, "tax", 2, "c01", 600.0),
        (1, "tax", 1, "c01", 1800.0),
    ]
