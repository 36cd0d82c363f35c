"""Days of the simulated halls, told whole and with gaps: the floor agrees with a reader that believes only what can be, and errs
little where events are lost."""

from __future__ import annotations

from random import Random

import pytest

from domain.halls import HallEvent, HallEventKind
from iot.payloads import Event
from iot.simulated.halls.floor import Floor as Simulated
from iot.simulated.halls.floor import Manners, Ticket
from iot.simulated.halls.staff import MINUTE_MS, Clerk, Duty, Hours
from staffing.floor import Book, Outcome, Stage
from tests.support.queues import fold

HOURS = Hours(0, 0, 8 * 60 * MINUTE_MS)
ITEMS = ("tax", "vehicle")
MANNERS = Manners(turnaround_ms=20_000, recall_after_ms=MINUTE_MS, recalls=2, head_start_ms=20 * MINUTE_MS)


def a_day(seed: int) -> list[Event]:
    """Two hundred visitors, four windows with breaks and a fault; some miss calls, are parked, sent on, or leave."""
    luck = Random(seed)
    span = ((0, HOURS.closes_ms),)
    duties = [
        Duty(n, Clerk(f"c{n:02}", frozenset(ITEMS)), ITEMS, span, ((60 * n * MINUTE_MS, 45 * MINUTE_MS),), ((200 * MINUTE_MS, 25 * MINUTE_MS),) if n == 2 else ())
        for n in range(1, 5)
    ]  # fmt: skip
    visitors = [
        Ticket(
            round(luck.uniform(0, 460) * MINUTE_MS), luck.choice(ITEMS), "walk_in", "A", round(luck.expovariate(1 / 8) * MINUTE_MS) + 1,
            patience_ms=round(luck.uniform(20, 400) * MINUTE_MS), leaves_silently=luck.random() < 0.5, unheard=luck.choice((0, 0, 0, 0, 1, 9)),
            walk_ms=luck.randrange(60_000), aside_share=luck.choice((0, 0, 0, 0.5)), aside_ms=10 * MINUTE_MS,
            to_item=luck.choice((None, None, None, "vehicle")), then_ms=4 * MINUTE_MS, rates_after_ms=luck.choice((0, MINUTE_MS)),
        )
        for _ in range(200)
    ]  # fmt: skip
    floor = Simulated("440106/service/hall-1/queue", 0, HOURS, 4, ITEMS, duties, [], MANNERS, "260302")
    floor.expect(sorted(visitors, key=lambda ticket: ticket.arrives_ms))
    return [event for _, _, _, event in floor.advance(24 * 60 * MINUTE_MS - 1) if isinstance(event, Event)]


def stored(event: Event) -> HallEvent:
    return HallEvent(
        "hall-1", "440106/service/hall-1/queue", event.id, event.ts, event.ts, HallEventKind.of(event.event), event.ticket, event.item,
        event.window, event.clerk, event.channel, event.grade, event.to_item, tuple(event.items),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_a_whole_day_is_read_as_it_was(seed: int) -> None:
    day = a_day(seed)
    assert len(day) > 900
    for until in (200, 500, len(day)):
        told, floor = fold(day[:until]), Book(map(stored, day[:until])).floor
        in_stage = {stage: {t.number for t in floor.present.values() if t.stage is stage} for stage in Stage}
        assert in_stage[Stage.WAITING] == set(told.waiting)
        assert in_stage[Stage.CALLED] == set(told.called)
        assert in_stage[Stage.SERVED] == set(told.served)
        assert in_stage[Stage.ASIDE] == set(told.aside)
        assert floor.tickets.keys() - floor.present.keys() == set(told.gone)
        assert {number: window.state for number, window in floor.windows.items()} == told.windows
        assert floor.impossible.total() == 0
        assert not any(ticket.is_presumed for ticket in floor.tickets.values())


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_a_day_with_gaps_is_read_nearly_as_it_was(share: float) -> None:
    """Lost events do not multiply: in the evening nobody is left at a window, and those served are as many up to twice the share
    that was lost (one lost end is presumed; an end and the next start lost together are not seen)."""
    day = a_day(7)
    luck = Random(1)
    heard = [event for event in day if luck.random() > share]
    whole, torn = Book(map(stored, day)).floor, Book(map(stored, heard)).floor
    assert not any(ticket.stage in (Stage.CALLED, Stage.SERVED) for ticket in torn.present.values())
    served, known = whole.outcomes[Outcome.SERVED], torn.outcomes[Outcome.SERVED]
    assert abs(known - served) <= 2 * share * served
    mean = sum(wait.seconds for wait in whole.waits) / len(whole.waits)
    assert sum(wait.seconds for wait in torn.waits) / len(torn.waits) == pytest.approx(mean, rel=0.2)
