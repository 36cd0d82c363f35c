"""Road closing: what water and incidents close by themselves, and when that is over. Pure.

An underpass is closed when the water in it stops cars, and open again when it has fallen to `OPENS_AT` of that, so that a level
that swings around the limit does not close and open it again and again. An incident whose hazard closes the road does so within
the radius of the policy for as long as it is open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import cos, hypot, pi, radians, sin
from typing import Any

from domain.closures import Closure, ClosureSource
from domain.incidents import Incident
from gis_data.crs import METRES_PER_DEGREE

OPENS_AT = 0.75
GAUGE_NEAR_M = 150.0
"""A gauge belongs to the underpass that is nearest to it within this."""
CORNERS = 24
PLANNER = "planner"
"""Who closes what nobody drew."""
Cause = tuple[ClosureSource, str]


@dataclass(frozen=True, slots=True)
class Underpass:
    """A place of the city where water gathers on the road."""

    place_id: str
    name_zh: str
    name_en: str
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Water:
    """Metres of water that a gauge measures at a place."""

    lon: float
    lat: float
    depth_m: float


@dataclass(frozen=True, slots=True)
class Due:
    """What has to be closed, and which causes have ended."""

    closures: tuple[Closure, ...]
    ended: tuple[Cause, ...]


def due(
    known: set[Cause], underpasses: Sequence[Underpass], water: Sequence[Water], incidents: Sequence[Incident], now: datetime,
    *, wading_depth_m: float, closes_road_m: Mapping[str, float],
) -> Due:  # fmt: skip
    """What follows from the water and the incidents of now for the causes that are known already. Where no gauge speaks any more
    what was closed stays closed: nobody has said that the water is gone."""
    fresh: list[Closure] = []
    ended: list[Cause] = []
    for underpass, depth_m in _depths(underpasses, water).items():
        cause = ClosureSource.SENSOR, underpass.place_id
        if depth_m >= wading_depth_m and cause not in known:
            fresh.append(_flooded(underpass, depth_m, now))
        elif depth_m < OPENS_AT * wading_depth_m and cause in known:
            ended.append(cause)
    closing = {i.incident_id: i for i in incidents if closes_road_m.get(i.hazard_class, 0) > 0}
    fresh += [
        _around(incident, closes_road_m[incident.hazard_class], now)
        for name, incident in closing.items() if (ClosureSource.INCIDENT, name) not in known
    ]  # fmt: skip
    ended += sorted(cause for cause in known if cause[0] is ClosureSource.INCIDENT and cause[1] not in closing)
    return Due(tuple(fresh), tuple(ended))


def _depths(underpasses: Sequence[Underpass], water: Sequence[Water]) -> dict[Underpass, float]:
    """The deepest that a gauge of each underpass says."""
    found: dict[Underpass, float] = {}
    for gauge in water:
        near = min(underpasses, key=lambda u: _away_m(u, gauge), default=None)
        if near is not None and _away_m(near, gauge) <= GAUGE_NEAR_M:
            found[near] = max(gauge.depth_m, found.get(near, 0.0))
    return found


def _away_m(underpass: Underpass, gauge: Water) -> float:
    across = (underpass.lon - gauge.lon) * cos(radians(gauge.lat))
    return hypot(across, underpass.lat - gauge.lat) * METRES_PER_DEGREE


def _flooded(underpass: Underpass, depth_m: float, now: datetime) -> Closure:
    place: dict[str, Any] = {"type": "Point", "coordinates": [underpass.lon, underpass.lat]}
    return Closure(
        f"c-{underpass.place_id}-{int(now.timestamp())}", ClosureSource.SENSOR, underpass.place_id, place,
        f"{underpass.name_zh} / {underpass.name_en}", round(depth_m, 3), PLANNER, now,
    )  # fmt: skip


def _around(incident: Incident, radius_m: float, now: datetime) -> Closure:
    up = radius_m / METRES_PER_DEGREE
    across = up / cos(radians(incident.lat))
    turns = [2 * pi * k / CORNERS for k in range(CORNERS)]
    ring = [[round(incident.lon + across * sin(t), 6), round(incident.lat + up * cos(t), 6)] for t in turns]
    area: dict[str, Any] = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    return Closure(
        f"c-{incident.incident_id}-{int(now.timestamp())}", ClosureSource.INCIDENT, incident.incident_id, area,
        incident.hazard_class, None, PLANNER, now,
    )  # fmt: skip
