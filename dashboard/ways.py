"""Ways: the roads of the city as the planner knows them now, for whoever asks how far one comes and which way a unit takes.

The road graph is read when it is first asked for, which the process does itself when it starts. What is closed and how fast the
roads are is read anew at every question, and reckoned anew only when it has changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from domain.closures import Closure
from domain.moments import Moment
from gis_data.city import City
from gis_data.city_roads import CityRoads, ClosedRoad
from gis_data.road_lines import RoadLines
from gis_data.road_times import FREE, Slowness
from storage import closures, speeds
from storage.connection import Connection

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class RoadState:
    """What is closed, and how slow the roads are, as of a time."""

    closures: tuple[Closure, ...]
    slowness: Slowness
    emergency_factor: float
    read_at: datetime


def read_state(conn: Connection, now: datetime) -> RoadState:
    """From: road_closure, road_speed."""
    speed = speeds.find_road_speed(conn, now)
    slowness = Slowness.from_json(speed.content) if speed is not None else FREE
    factor = float(speed.content.get("emergency_factor", 1.0)) if speed is not None else 1.0
    return RoadState(tuple(closures.list_closures(conn, Moment.live(now))), slowness, factor, now)


class Ways:
    """The roads of a city, None of them where the city has none."""

    def __init__(self, city: City | None, access_kmh: float) -> None:
        self._city, self._access_kmh = city, access_kmh
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ways")  # who waits here keeps no other answer waiting
        self._lines: RoadLines | None = None
        self._roads: CityRoads | None = None
        self._factor: float | None = None

    async def ask(self, state: RoadState, question: Callable[[CityRoads], Answer]) -> Answer | None:
        """The answer of the roads in that state; None for a city without roads."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._asked, state, question)

    def _asked(self, state: RoadState, question: Callable[[CityRoads], Answer]) -> Answer | None:
        if self._city is None:
            return None
        if self._factor is None:
            self._lines = RoadLines.of(self._city)
        if self._lines is None:
            return None
        if self._roads is None or self._factor != state.emergency_factor:
            self._roads = CityRoads(self._lines, emergency_factor=state.emergency_factor, access_kmh=self._access_kmh)
        self._factor = state.emergency_factor
        self._roads.change(state.slowness, [ClosedRoad(c.closure_id, c.geometry, c.object_id) for c in state.closures])
        return question(self._roads)


@lru_cache(maxsize=2)
def ways_of(city: City | None, access_kmh: float) -> Ways:
    """The one graph that all questions of a process share."""
    return Ways(city, access_kmh)
