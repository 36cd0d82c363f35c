"""The wire of rosters: times of local days as milliseconds since 1970 and back, and the duties of a roster that was kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from staffing.rosters.task import Duty

Json = dict[str, Any]


def ms(day: date, minute: float, zone: ZoneInfo) -> int:
    """Milliseconds since 1970 of a minute of a local day, as clocks there show it."""
    at = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minute)
    return round(at.astimezone(UTC).timestamp() * 1000)


def duties_in(content: Mapping[str, Any], zone: ZoneInfo) -> list[Duty]:
    """The duties of a roster that was kept."""

    def minute(at: int, day: date) -> int:
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)
        return (local.date() - day).days * 1440 + local.hour * 60 + local.minute

    found = []
    for told in content["days"]:
        day = date.fromisoformat(told["date"])
        for s in told["shifts"]:
            lunch = (minute(s["lunch"][0], day), minute(s["lunch"][1], day)) if s["lunch"] else None
            found.append(Duty(s["clerk"], day, s["shift"], minute(s["start"], day), minute(s["end"], day), lunch))
    return found
