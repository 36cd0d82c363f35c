"""Derived series: what no device reports but follows from events and readings: arrivals at halls, requests, means of the city.

A key names one for good: `hall/hall-1/arrivals`, `hall/hall-1/arrivals/tax`, `city/requests`, `city/mean/pm25`. Counts are those
of one slot; means are over all usable readings of the slot.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.halls import ServiceItem
from domain.labels import Labelled
from domain.sensors import PROPERTIES

QUARTER_S, HOUR_S = 900, 3_600
AVERAGED = ("pm25", "averageVehicleSpeed", "peopleCount", "totalActivePower")
"""Properties of which the city has a mean: those the cockpit shows one of."""


class Measure(Labelled):
    """What is counted or averaged."""

    ARRIVALS = "arrivals", "到达人数", "arrivals"
    SERVED = "served", "办结人数", "customers served"
    REQUESTS = "requests", "诉求", "requests"
    INCIDENTS = "incidents", "突发事件", "incidents"
    MEAN = "mean", "各站均值", "mean of all stations"


@dataclass(frozen=True, slots=True)
class Derived:
    """One derived series. `hall_id` is empty for the city, `item` for all services; `quantity` the property that a mean is of."""

    measure: Measure
    hall_id: str = ""
    item: str = ""
    quantity: str = ""

    @property
    def key(self) -> str:
        place = f"hall/{self.hall_id}" if self.hall_id else "city"
        return "/".join(part for part in (place, self.measure.value, self.item, self.quantity) if part)

    @property
    def step_s(self) -> int:
        """Length of a slot: halls are staffed by the quarter of an hour, the city is looked at by the hour."""
        return QUARTER_S if self.hall_id else HOUR_S

    @property
    def is_count(self) -> bool:
        return self.measure is not Measure.MEAN

    @property
    def non_negative(self) -> bool:
        return self.is_count or PROPERTIES[self.quantity].non_negative

    def unit(self, lang: str) -> str:
        """What a value is counted in, for a screen."""
        per = ("15 分钟", "15 min") if self.step_s == QUARTER_S else ("小时", "h")
        if self.is_count:
            noun = ("人", "people") if self.measure in (Measure.ARRIVALS, Measure.SERVED) else ("件", "cases")
            return f"{noun[0]}/{per[0]}" if lang == "zh" else f"{noun[1]}/{per[1]}"
        row = PROPERTIES[self.quantity]
        return row.zh_unit if lang == "zh" else row.unit

    def what(self, lang: str) -> str:
        """What of the hall or the city it is."""
        if self.measure is Measure.MEAN:
            return f"{PROPERTIES[self.quantity].label(lang)} · {self.measure.label(lang)}"
        item = ServiceItem.known(self.item) if self.item else None
        service = item.label(lang) if item is not None else self.item
        return " · ".join(part for part in (self.measure.label(lang), service) if part)


def parse_key(key: str) -> Derived | None:
    """The series of a stored key; None for one of another version."""
    place, _, rest = key.partition("/")
    hall_id, _, rest = rest.partition("/") if place == "hall" else ("", "", rest)
    word, _, last = rest.partition("/")
    measure = next((m for m in Measure if m.value == word), None)
    if measure is None or place not in ("hall", "city") or (place == "hall") != bool(hall_id):
        return None
    if measure is Measure.MEAN:
        return Derived(measure, quantity=last) if last in PROPERTIES and not hall_id else None
    return Derived(measure, hall_id, last)


CITY = (
    *(Derived(measure) for measure in (Measure.REQUESTS, Measure.INCIDENTS, Measure.ARRIVALS, Measure.SERVED)),
    *(Derived(Measure.MEAN, quantity=name) for name in AVERAGED),
)
"""Those every city has."""
