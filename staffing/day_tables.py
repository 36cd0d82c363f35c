"""Day tables: what a hall's day was like by item, and by window and item: people, no-shows, those who left, waits and services,
appointments and walk-ins apart.

Seconds. A ticket that was sent on counts for the item that it has come to; a wait and a service for the item they were for. A
figure that the events do not give is None; quantiles are by nearest rank."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from domain.halls import TicketChannel
from staffing.figures import quantile
from staffing.floor import Floor, Outcome

BOOKED = TicketChannel.APPOINTMENT.value


@dataclass(frozen=True, slots=True)
class ItemDay:
    """One item: tickets, of which so many by appointment; how they ended; waits that ended with a call, of all, of walk-ins and
    of appointments; services."""

    item: str
    arrived: int
    booked: int
    served: int
    left: int
    no_shows: int
    n_waits: int
    wait_p50_s: float | None
    wait_p90_s: float | None
    walk_in_p90_s: float | None
    booked_p90_s: float | None
    n_services: int
    service_mean_s: float | None
    service_p90_s: float | None


@dataclass(frozen=True, slots=True)
class CellDay:
    """One item at one window (None: nobody said which)."""

    window: int | None
    item: str
    served: int
    no_shows: int
    n_services: int
    service_mean_s: float | None


@dataclass(frozen=True, slots=True)
class DayTable:
    items: tuple[ItemDay, ...]
    cells: tuple[CellDay, ...]


def day_table(floor: Floor) -> DayTable:
    """The tables of a floor."""
    counts: dict[str, Counter[object]] = defaultdict(Counter)
    at_windows: dict[tuple[int | None, str], Counter[Outcome]] = defaultdict(Counter)
    for ticket in floor.tickets.values():
        counts[ticket.item]["arrived"] += 1
        counts[ticket.item]["booked"] += ticket.channel == BOOKED
        if ticket.outcome is not None:
            counts[ticket.item][ticket.outcome] += 1
            if ticket.outcome is not Outcome.ABANDONED:
                at_windows[ticket.window_no, ticket.item][ticket.outcome] += 1
    channel_of = dict(floor.arrivals)
    waits: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for wait in floor.waits:
        waits[wait.item].append((wait.seconds, channel_of.get(wait.since) == BOOKED))
    services: dict[str, list[float]] = defaultdict(list)
    by_cell: dict[tuple[int | None, str], list[float]] = defaultdict(list)
    for service in floor.services:
        services[service.item].append(service.seconds)
        by_cell[service.window_no, service.item].append(service.seconds)
    items = [
        _item(item, counts[item], waits[item], services[item]) for item in sorted(counts.keys() | waits.keys() | services.keys())
    ]
    cells = [
        CellDay(
            window, item, at_windows[window, item][Outcome.SERVED], at_windows[window, item][Outcome.NO_SHOW],
            len(by_cell[window, item]), _mean(by_cell[window, item]),
        )
        for window, item in sorted(at_windows.keys() | by_cell.keys(), key=lambda cell: (cell[0] is None, cell[0] or 0, cell[1]))
    ]  # fmt: skip
    return DayTable(tuple(items), tuple(cells))


def _item(item: str, counts: Counter[object], waits: Sequence[tuple[float, bool]], services: Sequence[float]) -> ItemDay:
    everybody = [seconds for seconds, _ in waits]
    return ItemDay(
        item, counts["arrived"], counts["booked"], counts[Outcome.SERVED], counts[Outcome.ABANDONED], counts[Outcome.NO_SHOW],
        len(waits), quantile(everybody, 0.5), quantile(everybody, 0.9),
        quantile([seconds for seconds, is_booked in waits if not is_booked], 0.9),
        quantile([seconds for seconds, is_booked in waits if is_booked], 0.9),
        len(services), _mean(services), quantile(services, 0.9),
    )  # fmt: skip


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
