"""Telling: what a desk passes on of a call. Its number, district, place in words, grade or date due.

A number is the local time to a tenth of a second, so that people can read it out, with letters where several calls could share
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from gis_data.city import City
from iot.payloads import Event
from iot.plane import Floats
from iot.simulated.calendar import is_working_day
from iot.simulated.call_classes import CallClass, Desk
from iot.simulated.driving import Ints
from iot.simulated.occurrences import FIRST_WORD, Occurrences
from iot.simulated.streets import Streets

SEVERITY, TEXT = FIRST_WORD, FIRST_WORD + 1
WORDS_USED = 2
"""Words of an occurrence that are drawn here."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the desk that took it and the event it sends."""

    device_id: str
    event: Event

    @property
    def district_code(self) -> str:
        return self.device_id.split("/", 1)[0]


class Teller:
    """Whoever writes down what was said in a city."""

    def __init__(self, city: City, streets: Streets, zone: ZoneInfo) -> None:
        self._codes = [district.code for district in city.districts]
        self._streets, self._zone = streets, zone

    def tell(
        self, classes: Sequence[CallClass], what: Occurrences, lon: Floats, lat: Floats, streets: Ints | None, suffix: str = ""
    ) -> Iterator[Call]:
        """Calls about occurrences of streams of `classes` at positions, on streets where those are known."""
        if not len(what.time_s):
            return
        places = self._streets.landmarks(lon, lat)
        names = [""] * len(places) if streets is None else self._streets.names(streets)
        told = zip(
            what.stream.tolist(), what.time_s.tolist(), lon.tolist(), lat.tolist(), self._districts(lon, lat, streets),
            what.draw(SEVERITY).tolist(), what.draw(TEXT).tolist(), names, places, strict=True,
        )  # fmt: skip
        for stream, moment_s, x, y, district, severity, text, name, place in told:
            of = classes[stream]
            if of.desk is not Desk.INCIDENTS:
                yield self._request(of, x, y, moment_s, district, suffix)
                continue
            graded = 1 + min(int(np.searchsorted(np.cumsum(of.severities), severity, side="right")), 3)
            where = f"{name}（{place.name_zh}附近）" if name else f"{place.name_zh}附近"
            yield self._incident(of, graded, f"{where}{_picked(of.texts, text)}", x, y, moment_s, district, suffix)

    def incident(
        self, of: CallClass, severity: int, text: str, lon: float, lat: float, moment_s: float, suffix: str, *, near: bool = True
    ) -> Call:
        """An incident at a position; `near` puts the nearest known place before the text."""
        where = f"{self._streets.nearest_place(lon, lat).name_zh}附近" if near else ""
        district = self._districts(np.array([lon]), np.array([lat]), None)[0]
        return self._incident(of, severity, f"{where}{text}", lon, lat, moment_s, district, suffix)

    def request(self, of: CallClass, lon: float, lat: float, moment_s: float, suffix: str) -> Call:
        """A request about a position."""
        district = self._districts(np.array([lon]), np.array([lat]), None)[0]
        return self._request(of, lon, lat, moment_s, district, suffix)

    def _incident(
        self, of: CallClass, severity: int, text: str, lon: float, lat: float, moment_s: float, district: str, suffix: str
    ) -> Call:
        event = Event(
            id=self._number(moment_s) + suffix, ts=_time(moment_s), event="incident.reported", class_=of.name, severity=severity,
            position=(round(lon, 6), round(lat, 6)), channel=of.channel, text=text,
        )  # fmt: skip
        return Call(of.desk.device_id(district), event)

    def _request(self, of: CallClass, lon: float, lat: float, moment_s: float, district: str, suffix: str) -> Call:
        moment = _time(moment_s)
        event = Event(
            id=self._number(moment_s) + of.desk.letter + suffix, ts=moment, event="request.opened", source=of.desk.source,
            class_=of.name, position=(round(lon, 6), round(lat, 6)),
            due=None if of.due_days is None else working_days_later(moment, of.due_days, self._zone),
        )  # fmt: skip
        return Call(of.desk.device_id(district), event)

    def _districts(self, lon: Floats, lat: Floats, streets: Ints | None) -> list[str]:
        """Codes of the districts that contain positions; where none does, of the street's district or the nearest one."""
        found = self._streets.districts_at(lon, lat)
        if streets is not None:
            found = np.where(found < 0, self._streets.district[streets], found)
        for k in np.flatnonzero(found < 0).tolist():
            found[k] = self._streets.nearest_district(float(lon[k]), float(lat[k]))
        return [self._codes[k] for k in found.tolist()]

    def _number(self, moment_s: float) -> str:
        tenths = round(10 * moment_s)
        return f"{datetime.fromtimestamp(tenths // 10, self._zone):%y%m%d%H%M%S}{tenths % 10}"


def working_days_later(moment: datetime, days: int, zone: ZoneInfo) -> datetime:
    """So many working days later, at the same local hour; holidays and make-up working days are those of the calendar."""
    local = moment.astimezone(zone)
    return datetime.combine(_working_day_after(local.date(), days, zone), local.time(), zone).astimezone(UTC)


@lru_cache(maxsize=256)
def _working_day_after(day: date, days: int, zone: ZoneInfo) -> date:
    while days:
        day += timedelta(days=1)
        days -= is_working_day(day, zone)
    return day


def _picked(texts: Sequence[str], draw: float) -> str:
    return texts[int(draw * len(texts))]


def _time(moment_s: float) -> datetime:
    return datetime.fromtimestamp(round(moment_s, 1), UTC)
