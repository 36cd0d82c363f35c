"""Calendars: the duties of a roster as iCalendar (RFC 5545), for one clerk or all, by pseudonym, in the hall's own time zone.
Written by icalendar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from staffing.practice import Shift
from staffing.rosters.wire import Json

MAKER = "-//CityHelm//Rosters//ZH"


def calendar(
    content: Mapping[str, Any], *, roster_id: str, hall_id: str, hall: str, shifts: Sequence[Shift], zone: ZoneInfo,
    made_at: datetime, clerk: str | None = None,
) -> bytes:  # fmt: skip
    """The file; `clerk`: his duties alone. A duty has the same id in every file of this roster."""
    names = {shift.id: shift.zh for shift in shifts}
    book = Calendar()
    book.add("prodid", MAKER)
    book.add("version", "2.0")
    book.add("x-wr-calname", f"{hall}排班" if clerk is None else f"{hall} {clerk} 排班")
    for day in content["days"]:
        for shift in day["shifts"]:
            if clerk is None or shift["clerk"] == clerk:
                book.add_component(_duty(shift, day["date"], roster_id, hall_id, hall, names, zone, made_at))
    book.add_missing_timezones()
    return bytes(book.to_ical())


def _duty(
    shift: Json, day: str, roster_id: str, hall_id: str, hall: str, names: Mapping[str, str], zone: ZoneInfo, made_at: datetime
) -> Event:
    event = Event()
    event.add("uid", f"{roster_id}.{day}.{shift['clerk']}@{hall_id}")
    event.add("dtstamp", made_at.astimezone(UTC))
    event.add("dtstart", _local(shift["start"], zone))
    event.add("dtend", _local(shift["end"], zone))
    event.add("summary", f"{shift['clerk']} {names.get(shift['shift'], shift['shift'])}")
    event.add("location", hall)
    if shift["lunch"]:
        since, until = (_local(at, zone).strftime("%H:%M") for at in shift["lunch"])
        event.add("description", f"午休 {since}\u2013{until}")
    return event


def _local(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)
