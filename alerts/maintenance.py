"""Maintenance: where and when work is done, so that what is raised there is counted and not shown.

A maintenance holds for devices that are named, for districts, and for what lies inside an area (WGS-84 degrees); any of the three
is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import shapely


@dataclass(frozen=True, slots=True)
class Window:
    """A maintenance: [begins_at, until)."""

    number: int
    begins_at: datetime
    until: datetime
    devices: frozenset[str] = frozenset()
    districts: frozenset[str] = frozenset()
    area: Any = None

    def covers(self, device_id: str, district: str | None, place: tuple[float, float] | None) -> bool:
        """Whether a device there belongs to it."""
        return (
            device_id in self.devices
            or district in self.districts
            or (self.area is not None and place is not None and bool(shapely.intersects_xy(self.area, *place)))
        )


def find_window(
    windows: Iterable[Window], device_id: str, district: str | None, place: tuple[float, float] | None, now: datetime
) -> int | None:
    """The number of a maintenance that is on and covers a device, the one that lasts longest."""
    found = [w for w in windows if w.begins_at <= now < w.until and w.covers(device_id, district, place)]
    return max(found, key=lambda window: (window.until, window.number)).number if found else None
