"""Days of the simulated halls as they stand in the memory, without a city around them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.halls import HallEvent, HallEventKind
from gis_data.city import Place
from iot.payloads import Event
from iot.simulated.calendar import is_working_day
from iot.simulated.halls.floor import Floor, Spoken
from iot.simulated.halls.staff import Hall, _hall, rota
from iot.simulated.halls.visitors import Visitors
from iot.simulated.weather import Weather
from staffing.floor import Day, day_of

ZONE = ZoneInfo("Asia/Shanghai")
SEED = 20260301


def a_hall(n_windows: int = 24, hall_id: str = "hall-1", *, seed: int = SEED) -> Hall:
    """A hall of the simulator; one of 20 windows or more is a main hall, open on Saturday mornings too."""
    place = Place(hall_id, "service_hall", "一号厅", "Hall One", 113.3, 23.1, "440106", {"windows": n_windows})
    return _hall(place, ZONE, seed)


def hall_day(hall: Hall, day: date, *, seed: int = SEED) -> list[HallEvent]:
    """What a hall says on a local day; nothing on one on which it is closed."""
    hours = hall.hours(day)
    if hours is None:
        return []
    origin_s = day_of(day, ZONE).start.timestamp()
    duties, reserve = rota(hall, day, hours)
    floor = Floor(
        hall.device_id, round(origin_s * 1000), hours, hall.n_windows, hall.items, duties, reserve, day=day.strftime("%y%m%d")
    )
    visitors = Visitors(hall, day, hours, origin_s, Weather(seed, ZONE), seed)
    floor.expect(visitors.between(0, 24 * 60, ()))
    return stored_events(hall.hall_id, floor.advance(24 * 3_600_000 - 1))


def stored_events(hall_id: str, spoken: list[Spoken]) -> list[HallEvent]:
    """Events of the simulator the way they are stored: received when they happened."""
    return [
        HallEvent(
            hall_id, device_id, e.id, e.ts, e.ts, HallEventKind.of(e.event), e.ticket, e.item, e.window, e.clerk, e.channel, e.grade,
            e.to_item, tuple(e.items),
        )
        for _, device_id, _, e in spoken
        if isinstance(e, Event)
    ]  # fmt: skip


def working_days(last: date, n: int) -> list[Day]:
    """The `n` days up to and including the last on which the simulated halls work, oldest first."""
    found: list[Day] = []
    day = last
    while len(found) < n:
        if is_working_day(day, ZONE):
            found.append(day_of(day, ZONE))
        day -= timedelta(days=1)
    return found[::-1]


def is_worked(day: date) -> bool:
    return is_working_day(day, ZONE)


def at_clock(day: Day, hour: int, minute: int = 0) -> datetime:
    """A local time of a day."""
    return day.start + timedelta(hours=hour, minutes=minute)
