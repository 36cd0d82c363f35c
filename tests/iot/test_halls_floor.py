"""The floor of a hall, scene by scene: minutes from nine o'clock, one or two windows, customers whose ways are written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from domain.halls import WindowAnswer, WindowState
from iot.payloads import Event
from iot.simulated.halls.floor import SENT_HOME_AFTER_MS, Floor, Manners, Ticket, grade
from iot.simulated.halls.staff import MINUTE_MS, Clerk, Duty, Hours
from tests.support.queues import fold

HOURS = Hours(0, 0, 8 * 60 * MINUTE_MS)
QUICK = Manners(turnaround_ms=0, recall_after_ms=MINUTE_MS, recalls=2, head_start_ms=20 * MINUTE_MS)
ALL_DAY = ((0, HOURS.closes_ms),)
BOTH = ("tax", "vehicle")


def clerk(name: str = "c01", *skills: str) -> Clerk:
    return Clerk(name, frozenset(skills or BOTH))


def duty(window: int = 1, *items: str, **more: tuple[tuple[int, int], ...]) -> Duty:
    duty_ = Duty(window, clerk(f"c{window:02d}", *items), items or BOTH, ALL_DAY)
    return duty_._replace(**{name: tuple((a * MINUTE_MS, b * MINUTE_MS) for a, b in spans) for name, spans in more.items()})


def customer(arrives_min: float, lasts_min: float = 10, item: str = "tax", **more: object) -> Ticket:
    ticket = Ticket(round(arrives_min * MINUTE_MS), item, "walk_in", "B", round(lasts_min * MINUTE_MS))
    return replace(ticket, **more)


def minutes(n: float) -> int:
    return round(n * MINUTE_MS)


class Scene:
    """A floor with its customers, run to the end of the day or to a minute; what was said, in minutes."""

    def __init__(
        self, duties: Sequence[Duty], customers: Sequence[Ticket] = (), reserve: Sequence[Clerk] = (), n_windows: int = 2
    ):
        self.floor = Floor("queue", 0, HOURS, n_windows, BOTH, duties, list(reserve), QUICK, "260302")
        self.floor.expect(customers)
        self.events: list[Event] = []

    def run(self, until_min: float = 24 * 60 - 1) -> Scene:
        for _, _, _, event in self.floor.advance(minutes(until_min)):
            assert isinstance(event, Event)
            self.events.append(event)
        return self

    def told(self, *kinds: str) -> list[tuple[float, str, str | int | None]]:
        """Minute, event, ticket or window; of the kinds that are named, or all of tickets."""
        return [
            (round(e.ts.timestamp() / 60, 2), e.event, e.ticket or e.window) for e in self.events
            if (e.event in kinds if kinds else e.ticket is not None)
        ]  # fmt: skip

    def order(self, at_min: float, window: int, state: WindowState, *items: str) -> WindowAnswer:
        self.run(at_min)
        answer = self.floor.obey(minutes(at_min), window, state, items)
        self.run(at_min)
        return answer


def test_two_customers_and_one_window() -> None:
    scene = Scene([duty()], [customer(5), customer(6, walk_ms=minutes(0.5), rates_after_ms=minutes(1), mood=0.5)]).run()
    assert scene.told() == [
        (5, "arrive", "B001"), (5, "call", "B001"), (5, "start", "B001"), (6, "arrive", "B002"), (15, "end", "B001"),
        (15, "call", "B002"), (15.5, "start", "B002"), (25.5, "end", "B002"), (26.5, "rating", "B002"),
    ]  # fmt: skip
    assert scene.told("window.open", "window.close") == [(0, "window.open", 1), (480, "window.close", 1)]
    opened = next(event for event in scene.events if event.event == "window.open")
    assert (opened.items, opened.clerk) == (list(BOTH), "c01")
    rating = scene.events[-2]
    assert (rating.event, rating.grade, rating.window, rating.clerk) == ("rating", 1, 1, "c01")


def test_a_slow_clerk_takes_longer() -> None:
    slow = Duty(1, Clerk("c01", frozenset(BOTH), pace=1.5), BOTH, ALL_DAY)
    assert Scene([slow], [customer(0, 10)]).run().told("end") == [(15, "end", "B001")]


def test_an_appointment_counts_as_if_made_twenty_minutes_earlier() -> None:
    booked = customer(18, channel="appointment")
    scene = Scene([duty()], [customer(0, 30), customer(1), booked]).run()
    assert [ticket for _, _, ticket in scene.told("call")] == ["B001", "B003", "B002"]
    late = customer(22, channel="appointment")
    scene = Scene([duty()], [customer(0, 30), customer(1), late]).run()
    assert [ticket for _, _, ticket in scene.told("call")] == ["B001", "B002", "B003"]


def test_a_window_takes_only_what_it_does_and_special_ones_are_found_first() -> None:
    scene = Scene([duty(1), duty(2, "tax")], [customer(1), customer(2, item="vehicle"), customer(3, item="vehicle")]).run()
    called = {event.ticket: (event.ts.timestamp() / 60, event.window) for event in scene.events if event.event == "call"}
    assert called == {"B001": (1, 2), "B002": (2, 1), "B003": (12, 1)}


def test_who_does_not_come_is_called_three_times_and_passed_over() -> None:
    scene = Scene([duty()], [customer(0, unheard=99), customer(0.5)]).run()
    assert scene.told()[:7] == [
        (0, "arrive", "B001"), (0, "call", "B001"), (0.5, "arrive", "B002"), (1, "recall", "B001"), (2, "recall", "B001"),
        (3, "no_show", "B001"), (3, "call", "B002"),
    ]  # fmt: skip


def test_who_hears_the_second_call_is_served() -> None:
    scene = Scene([duty()], [customer(0, unheard=1, walk_ms=minutes(0.25))]).run()
    assert scene.told() == [
        (0, "arrive", "B001"), (0, "call", "B001"), (1, "recall", "B001"), (1.25, "start", "B001"), (11.25, "end", "B001"),
    ]  # fmt: skip


def test_who_loses_patience_leaves_with_or_without_a_word() -> None:
    said = customer(1, patience_ms=minutes(5))
    scene = Scene([duty()], [customer(0), said, replace(said, arrives_ms=minutes(2), leaves_silently=True)]).run()
    assert scene.told("abandon", "no_show") == [(6, "abandon", "B002"), (13, "no_show", "B003")]


def test_who_was_called_in_time_is_patient_from_then_on() -> None:
    parked = customer(1, 10, aside_share=0.5, aside_ms=minutes(1), patience_ms=minutes(15))
    scene = Scene([duty()], [customer(0, 3), parked, customer(2, 20)]).run()
    # Back at 9, his patience would end at 16, his turn comes at 28.
    assert scene.told("abandon", "park", "end") == [
        (3, "end", "B001"), (8, "park", "B002"), (28, "end", "B003"), (33, "end", "B002"),
    ]  # fmt: skip


def test_a_parked_customer_comes_back_before_those_who_came_after_him() -> None:
    customers = [customer(0, 10, aside_share=0.4, aside_ms=minutes(5)), customer(1), customer(2)]
    scene = Scene([duty()], customers).run()
    # Parked at minute 4, back at 9, called when the second is done at 14 for the six minutes that are left.
    assert scene.told("park", "call", "end") == [
        (0, "call", "B001"), (4, "park", "B001"), (4, "call", "B002"), (14, "end", "B002"), (14, "call", "B001"),
        (20, "end", "B001"), (20, "call", "B003"), (30, "end", "B003"),
    ]  # fmt: skip


def test_nobody_is_parked_who_could_not_be_back_before_the_last_ticket() -> None:
    scene = Scene([duty()], [customer(470, 10, aside_share=0.5, aside_ms=minutes(5))]).run()
    assert scene.told("park", "end") == [(480, "end", "B001")]


def test_a_customer_who_is_sent_on_keeps_his_number_and_his_place() -> None:
    customers = [customer(0, 10, to_item="vehicle", then_ms=minutes(3)), customer(5, item="vehicle"), customer(6, item="vehicle")]
    scene = Scene([duty(1, "tax"), duty(2, "vehicle")], customers).run()
    assert scene.told("transfer", "call", "end") == [
        (0, "call", "B001"), (5, "call", "B002"), (10, "transfer", "B001"), (15, "end", "B002"), (15, "call", "B001"),
        (18, "end", "B001"), (18, "call", "B003"), (28, "end", "B003"),
    ]  # fmt: skip
    sent = next(event for event in scene.events if event.event == "transfer")
    assert (sent.item, sent.to_item, sent.window) == ("tax", "vehicle", 1)


def test_nobody_is_sent_on_to_windows_that_are_closed() -> None:
    scene = Scene([duty(1, "tax")], [customer(0, 10, to_item="vehicle", then_ms=minutes(3))]).run()
    assert scene.told("transfer", "end") == [(10, "end", "B001")]


def test_lunch_begins_when_the_customer_is_done_with_and_lasts_as_long_as_it_should() -> None:
    scene = Scene([duty(breaks=((8, 45),))], [customer(0, 10), customer(1, 10)]).run()
    assert scene.told("window.pause", "window.open", "call")[1:] == [
        (0, "call", "B001"), (10, "window.pause", 1), (55, "window.open", 1), (55, "call", "B002"),
    ]  # fmt: skip


def test_lunch_takes_the_place_of_a_short_break_that_found_no_time() -> None:
    scene = Scene([duty(breaks=((8, 10), (15, 45)))], [customer(1, 20), customer(2, 10)]).run()
    assert scene.told("window.pause", "window.open", "call")[1:] == [
        (1, "call", "B001"), (21, "window.pause", 1), (66, "window.open", 1), (66, "call", "B002"),
    ]  # fmt: skip


def test_windows_of_the_peaks_close_in_between() -> None:
    scene = Scene([duty(spans=((30, 60), (120, 180)))], [customer(55, 10), customer(57)]).run()
    assert scene.told("window.open", "window.close") == [
        (30, "window.open", 1), (65, "window.close", 1), (120, "window.open", 1), (180, "window.close", 1),
    ]  # fmt: skip
    assert scene.told("call")[1] == (120, "call", "B002")


def test_a_fault_parks_the_customer_who_goes_on_elsewhere() -> None:
    scene = Scene([duty(1, faults=((5, 20),)), duty(2, "tax")], [customer(1, 3), customer(2, 10), customer(3, 10)]).run()
    assert scene.told("call", "park", "window.fault", "end") == [
        (1, "call", "B001"), (2, "call", "B002"), (4, "end", "B001"), (4, "call", "B003"), (5, "park", "B002"),
        (5, "window.fault", 1), (14, "end", "B003"), (14, "call", "B002"), (21, "end", "B002"),
    ]  # fmt: skip
    assert scene.told("window.open")[-1] == (25, "window.open", 1)


def test_without_power_everything_stops_and_goes_on_where_it_was() -> None:
    scene = Scene([duty(1), duty(2)], [customer(0, 10), customer(1, 10), customer(2, 10)])
    scene.floor.darken(minutes(5), True)
    scene.floor.darken(minutes(65), False)
    scene.run()
    assert scene.told("park", "window.fault") == [
        (5, "park", "B001"), (5, "window.fault", 1), (5, "park", "B002"), (5, "window.fault", 2),
    ]  # fmt: skip
    assert scene.told("call", "end")[2:] == [
        (65, "call", "B001"), (65, "call", "B002"), (70, "end", "B001"), (70, "call", "B003"), (71, "end", "B002"),
        (80, "end", "B003"),
    ]  # fmt: skip


def test_in_the_dark_no_window_opens_or_goes_to_lunch_until_the_light_is_back() -> None:
    scene = Scene([duty(1, breaks=((20, 45),)), duty(2, spans=((30, 480),))])
    scene.floor.darken(minutes(10), True)
    scene.floor.darken(minutes(40), False)
    scene.run(200)
    assert scene.told("window.open", "window.pause", "window.fault") == [
        (0, "window.open", 1), (10, "window.fault", 1), (40, "window.pause", 1), (40, "window.open", 2), (85, "window.open", 1),
    ]  # fmt: skip


def test_a_hall_that_is_dark_at_the_end_of_the_day_closes() -> None:
    scene = Scene([duty(1)], [customer(470, 20)])
    scene.floor.darken(minutes(475), True)
    scene.run()
    assert scene.told("abandon", "window.close") == [(600, "abandon", "B001"), (600, "window.close", 1)]


def test_the_last_tickets_are_served_and_then_the_windows_close() -> None:
    scene = Scene([duty(1), duty(2)], [customer(475, 10), customer(476, 10), customer(479, 10)]).run()
    assert scene.told("end") == [(485, "end", "B001"), (486, "end", "B002"), (495, "end", "B003")]
    assert scene.told("window.close") == [(486, "window.close", 2), (495, "window.close", 1)]


def test_who_waits_for_windows_that_are_all_closed_is_sent_home_in_the_end() -> None:
    scene = Scene([duty(1, "tax")], [customer(0, item="vehicle")]).run()
    assert scene.told("abandon") == [((HOURS.closes_ms + SENT_HOME_AFTER_MS) / MINUTE_MS, "abandon", "B001")]


def test_the_day_is_the_same_minute_by_minute_and_at_once() -> None:
    def scene() -> Scene:
        customers = [customer(k * 1.7, 3 + k % 7, BOTH[k % 2], unheard=k % 5 // 4, patience_ms=minutes(20)) for k in range(200)]
        return Scene([duty(1, breaks=((100, 30),), faults=((200, 10),)), duty(2, "tax")], customers)

    whole, parts = scene().run(), scene()
    for minute in range(24 * 60):
        parts.run(minute)
    assert parts.events == whole.events
    queue = fold(whole.events)
    assert len(queue.gone) == 200
    assert set(queue.windows.values()) == {WindowState.CLOSED}


# Commands


def test_a_spare_window_opens_with_a_clerk_of_the_reserve_and_takes_who_waits() -> None:
    scene = Scene([duty(1)], [customer(0, 30), customer(1), customer(2)], [clerk("c07")])
    assert scene.order(5, 2, WindowState.OPEN, "tax") is WindowAnswer.ACCEPTED
    scene.run()
    opened = next(event for event in scene.events if event.event == "window.open" and event.window == 2)
    assert (opened.items, opened.clerk, opened.ts.timestamp()) == (["tax"], "c07", 300)
    assert scene.told("call") == [(0, "call", "B001"), (5, "call", "B002"), (15, "call", "B003")]


def test_closing_a_window_lets_its_customer_finish_and_frees_its_clerk() -> None:
    scene = Scene([duty(1), duty(2)], [customer(0, 10), customer(1, 10), customer(2, 10)])
    assert scene.order(5, 1, WindowState.CLOSED) is WindowAnswer.ACCEPTED
    assert scene.order(6, 1, WindowState.CLOSED) is WindowAnswer.ACCEPTED
    scene.run(30)
    assert scene.told("end", "window.close") == [
        (10, "end", "B001"), (10, "window.close", 1), (11, "end", "B002"), (21, "end", "B003"),
    ]  # fmt: skip
    assert [clerk_.pseudonym for clerk_ in scene.floor.reserve] == ["c01"]


def test_what_was_commanded_holds_against_the_roster() -> None:
    scene = Scene([duty(1, breaks=((30, 45),), spans=((0, 60), (120, 480)))])
    assert scene.order(10, 1, WindowState.PAUSED) is WindowAnswer.ACCEPTED
    scene.run()
    assert scene.told("window.open", "window.pause", "window.close") == [
        (0, "window.open", 1), (10, "window.pause", 1), (480, "window.close", 1),
    ]  # fmt: skip


def test_an_open_window_changes_its_items_for_the_next_customer() -> None:
    scene = Scene([duty(1, "tax", "vehicle")], [customer(0, 10), customer(1), customer(2, item="vehicle")])
    assert scene.order(5, 1, WindowState.OPEN, "vehicle") is WindowAnswer.ACCEPTED
    scene.run(60)
    assert scene.told("window.open") == [(0, "window.open", 1), (5, "window.open", 1)]
    assert scene.told("call") == [(0, "call", "B001"), (10, "call", "B003")]


def test_the_clerk_of_an_idle_window_is_changed_for_one_who_can() -> None:
    scene = Scene([duty(1, "tax")], (), [clerk("c07", "vehicle")])
    assert scene.order(5, 1, WindowState.OPEN, "vehicle") is WindowAnswer.ACCEPTED
    assert scene.events[-1].clerk == "c07"
    assert [clerk_.pseudonym for clerk_ in scene.floor.reserve] == ["c01"]


@pytest.mark.parametrize(
    ("at_min", "window", "state", "items", "why"),
    [
        (5, 9, WindowState.OPEN, (), WindowAnswer.NO_SUCH_WINDOW),
        (5, 0, WindowState.OPEN, (), WindowAnswer.NO_SUCH_WINDOW),
        (5, 1, WindowState.OPEN, ("marriage",), WindowAnswer.NOT_OFFERED),
        (5, 1, WindowState.FAULT, (), WindowAnswer.NO_SUCH_STATE),
        (5, 3, WindowState.PAUSED, (), WindowAnswer.WINDOW_CLOSED),
        (5, 3, WindowState.OPEN, ("vehicle",), WindowAnswer.NO_SKILL),
        (5, 1, WindowState.OPEN, ("vehicle",), WindowAnswer.NO_SKILL),
        (5, 2, WindowState.OPEN, (), WindowAnswer.WINDOW_FAULT),
        (481, 1, WindowState.OPEN, (), WindowAnswer.HALL_CLOSED),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason_and_changes_nothing(
    at_min: float, window: int, state: WindowState, items: tuple[str, ...], why: WindowAnswer
) -> None:
    scene = Scene([duty(1, "tax"), duty(2, faults=((2, 60),))], (), [clerk("c07", "tax")], n_windows=3).run(at_min)
    n_said = len(scene.events)
    assert scene.order(at_min, window, state, *items) is why
    assert len(scene.events) == n_said


def test_without_a_free_clerk_no_window_opens() -> None:
    scene = Scene([duty(1)], (), [clerk("c07")], n_windows=3)
    assert scene.order(5, 2, WindowState.OPEN) is WindowAnswer.ACCEPTED
    assert scene.order(6, 3, WindowState.OPEN) is WindowAnswer.NO_CLERK
    assert scene.order(7, 1, WindowState.CLOSED) is WindowAnswer.ACCEPTED
    assert scene.order(8, 3, WindowState.OPEN) is WindowAnswer.ACCEPTED


def test_ratings_fall_with_the_wait() -> None:
    """Of a hundred moods spread evenly 14 are below the best at once, and after twenty minutes 28."""
    moods = [(k + 0.5) / 100 for k in range(100)]
    assert sum(grade(mood, 0) > 1 for mood in moods) == 14
    assert sum(grade(mood, minutes(20)) > 1 for mood in moods) == 28
    assert {grade(mood, minutes(60)) for mood in moods} == {1, 2, 3, 4, 5}
