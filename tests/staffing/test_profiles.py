"""Profiles: what a hall's past says of it, on days that can be reckoned in the head, and on days of the simulated halls."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from domain.halls import HallEvent, HallEventKind
from staffing.floor import Book, day_of
from staffing.profiles import (
    HOLIDAY,
    OPEN_SLOT_S,
    PATIENT_S,
    SATURDAY,
    SUNDAY,
    WORKDAY,
    DayPast,
    Profile,
    day_kind,
    learn,
    past_of,
    second_of,
)
from tests.support.halls import a_visit, said
from tests.support.simulated_halls import ZONE, a_hall, hall_day, is_worked, working_days

K = HallEventKind
DAY = day_of(date(2026, 3, 2), ZONE)


def past(*events: HallEvent) -> DayPast:
    book = Book(events)
    found = past_of(DAY, book.events, book.floor)
    assert found is not None
    return found


def profile_of(*days: DayPast) -> Profile:
    found = learn("hall-1", days, DAY.end, DAY.start, lambda day: True)
    assert found is not None
    return found


def test_a_window_is_kept_until_the_next_call_while_somebody_waits() -> None:
    """A1 is called at 0 and done at 6; A2, who waits since 1, is called at 7. A3 comes at 20, after A2 is done at 12: how long A2
    kept the window is his six minutes and a half with the minute that it took to clear the desk before."""
    found = past(*a_visit("A1", 0, 0, 0.5, 6), *a_visit("A2", 1, 7, 7.5, 12), *a_visit("A3", 20, 20, 20.5, 22))
    assert sorted(found.occupied_s["tax"]) == pytest.approx([60 * 3, 60 * 6, 60 * 7])


def test_who_does_not_come_keeps_a_window_too() -> None:
    calls = [said(K.ARRIVE, 0, "A1"), said(K.CALL, 0, "A1", window=1), said(K.ARRIVE, 1, "A2"),
             said(K.NO_SHOW, 2, "A1", window=1), said(K.CALL, 2.2, "A2", window=1)]  # fmt: skip
    assert past(*calls).occupied_s["tax"] == pytest.approx([132])


def test_a_break_is_not_clearing_the_desk() -> None:
    pause = [said(K.WINDOW_PAUSE, 6.1, window=1), said(K.WINDOW_OPEN, 50, window=1, items=("tax",))]
    found = past(*a_visit("A1", 0, 0, 0.5, 6), *pause, *a_visit("A2", 1, 50, 50.5, 53))
    assert max(found.occupied_s["tax"]) == pytest.approx(360), "nobody says how long the desk took: nothing is added"


def test_a_lost_end_says_nothing_of_how_long_it_took() -> None:
    lost = [said(K.ARRIVE, 0, "A1"), said(K.CALL, 0, "A1", window=1), said(K.START, 1, "A1", window=1)]
    assert len(past(*lost, *a_visit("A2", 1, 9, 9.5, 12)).occupied_s["tax"]) == 1


def test_a_day_on_which_nobody_came_says_nothing() -> None:
    book = Book([said(K.WINDOW_OPEN, 0, window=1, items=("tax",))])
    assert past_of(DAY, book.events, book.floor) is None
    assert learn("hall-1", [], DAY.end, DAY.start, is_worked) is None


def test_patience_is_found_in_waits_that_a_call_has_cut_short() -> None:
    """Patience 1,800 s in the mean, calls after 0 to 1,200 s: most never show how patient they are. The estimate is all waiting
    divided by those who left, and lies within 10 %."""
    rng = np.random.default_rng(3)
    events = []
    for k in range(3_000):
        comes, patience, called = k * 0.1, rng.exponential(1_800), rng.uniform(0, 1_200)
        events.append(said(K.ARRIVE, comes, f"A{k}"))
        if patience < called:
            events.append(said(K.ABANDON, comes + patience / 60, f"A{k}"))
        else:
            events.append(said(K.CALL, comes + called / 60, f"A{k}", window=k))
            events.append(said(K.END, comes + called / 60 + 1, f"A{k}", window=k))
    day = past(*events)
    assert profile_of(day, day, day).items["tax"].patience_s == pytest.approx(1_800, rel=0.1)


def test_where_nobody_has_left_nobody_is_said_to_leave() -> None:
    day = past(*a_visit("A1", 0, 5, 6, 9), *a_visit("A2", 1, 9, 10, 12))
    assert profile_of(day, day, day).items["tax"].patience_s == PATIENT_S


def test_who_is_sent_on_is_counted_by_where_to() -> None:
    """Of four who were served for a licence one is sent on to tax."""
    visits = [event for k in range(3) for event in a_visit(f"B{k}", k, 10 * k, 10 * k + 1, 10 * k + 5, item="business_licence")]
    sent = [*a_visit("B3", 3, 30, 31, 35, item="business_licence")[:3],
            said(K.TRANSFER, 35, "B3", window=1, item="business_licence", to_item="tax"), said(K.CALL, 36, "B3", window=1),
            said(K.START, 37, "B3", window=1), said(K.END, 40, "B3", window=1)]  # fmt: skip
    day = past(*visits, *sent)
    found = profile_of(day, day, day).items
    assert found["business_licence"].sent_on == {"tax": 0.25}
    assert (found["business_licence"].share, found["tax"].share) == (1.0, 0.0), "whoever is sent on has come once"


def test_windows_are_open_when_they_usually_are_lunch_left_out() -> None:
    """Open from nine, closed from noon to one on two days of three, and to the evening; it never closes in the evening."""

    def day(has_lunch: bool) -> DayPast:
        lunch = [said(K.WINDOW_PAUSE, 180, window=1), said(K.WINDOW_OPEN, 240, window=1, items=("tax",), clerk="c07")]
        return past(said(K.WINDOW_OPEN, 0, window=1, items=("tax",), clerk="c07"), *a_visit("A1", 1, 1, 2, 5),
                    *(lunch if has_lunch else []), *a_visit("A2", 480, 480, 481, 485))  # fmt: skip

    window = profile_of(day(True), day(True), day(False)).windows[1]
    share = window.open_share[WORKDAY]
    clock = {hour: share[int(hour * 3600 / OPEN_SLOT_S)] for hour in (8.9, 9, 11.9, 12, 12.9, 13, 16.9)}
    assert clock == pytest.approx({8.9: 0, 9: 1, 11.9: 1, 12: 1 / 3, 12.9: 1 / 3, 13: 1, 16.9: 1})
    assert (window.items, window.clerk) == (("tax",), "c07")


def test_a_head_start_of_appointments_is_found_from_who_was_called_first() -> None:
    """Walk-ins come every minute and wait an hour; appointments go before those who came at most 20 minutes earlier."""
    rng = np.random.default_rng(5)
    people = [(minute, "walk_in", float(minute)) for minute in range(200)]
    people += [(minute, "appointment", minute - 20.0) for minute in np.round(rng.uniform(20, 180, 40), 2)]
    events = []
    for turn, (minute, channel, _) in enumerate(sorted(people, key=lambda person: person[2])):
        events += [
            said(K.ARRIVE, minute, f"A{turn}", channel=channel),
            said(K.CALL, max(60 + 0.9 * turn, minute), f"A{turn}", window=1),
        ]
    day = past(*events)
    assert profile_of(day, day, day).head_start_s == pytest.approx(1_200, abs=60)


def test_days_are_of_the_kind_that_the_calendar_says() -> None:
    def worked(day: date) -> bool:
        return day.weekday() < 5 and day != date(2026, 10, 1)

    assert [day_kind(date(2026, 3, n), worked) for n in (2, 7, 8)] == [WORKDAY, SATURDAY, SUNDAY]
    assert day_kind(date(2026, 10, 1), worked) == HOLIDAY


def test_the_clock_counts_on_the_day_on_which_it_is_changed() -> None:
    day = day_of(date(2026, 3, 29), ZoneInfo("Europe/Berlin"))
    assert second_of(day, datetime(2026, 3, 29, 9, tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)) == 9 * 3600


def test_a_profile_is_read_back_as_it_was_written() -> None:
    day = past(*a_visit("A1", 0, 5, 6, 9), *a_visit("A2", 1, 9.5, 10, 12))
    found = profile_of(day, day, day)
    again = Profile.from_json(json.loads(json.dumps(found.as_json())))
    assert again.as_json() == found.as_json()


def test_the_simulated_halls_are_learned_as_they_are() -> None:
    """Ten days of a hall of twelve windows: its items' mean times at the window, the head start of its appointments (20 minutes), who
    is sent on (8 %), lunches in the middle of the day."""
    hall = a_hall(12)
    days = working_days(date(2026, 3, 27), 10)
    pasts = []
    for day in days:
        book = Book(hall_day(hall, day.date))
        past_ = past_of(day, book.events, book.floor)
        assert past_ is not None
        pasts.append(past_)
    found = learn(hall.hall_id, pasts, days[-1].end, days[0].start, is_worked)
    assert found is not None
    for errand in hall.errands:
        each = found.items[errand.item.value]
        if each.n > 150:
            assert each.service_mean_s == pytest.approx(errand.mean_s, rel=0.2), errand
            assert sum(each.occupied_s[k] + each.occupied_s[k + 1] for k in range(32)) / 64 == pytest.approx(
                each.service_mean_s + 30, rel=0.12
            )
    assert found.head_start_s == pytest.approx(1_200, abs=180)
    assert found.items["social_security"].sent_on["medical_insurance"] == pytest.approx(0.08, abs=0.04)
    full_day = [np.array(w.open_share[WORKDAY]) for w in found.windows.values() if w.open_share[WORKDAY][13 * 12] > 0]
    assert any(share[int(11.5 * 12) : int(13.5 * 12)].min() < 0.2 for share in full_day), (
        "somebody eats between half past 11 and half past 1"
    )
    assert found.hours[WORKDAY][0] == pytest.approx(8.75 * 3600, abs=300)
    assert found.learned_at - found.since > timedelta(days=10)
