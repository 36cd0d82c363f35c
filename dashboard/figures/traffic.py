"""Traffic: the index from 0 (free) to 10 (standing) by how much longer a way takes than on free roads
(`domain.indices.traffic_index`), of districts and of the city.

The ratio of times is that of free-flow speed to speed, both means over loops. The free-flow speed of a district is a high
quantile of its hourly mean speeds, as the 85th percentile is used for it in practice (FHWA, Urban Congestion Report), here over
all hours of some days."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime

from dashboard.figures.present import Hours
from domain.indices import traffic_index
from storage.rollups import DistrictHour

BANDS = ((2, "smooth"), (4, "basically_smooth"), (6, "light"), (8, "moderate"))
"""Below which index which word holds; from the last on, "severe"."""
LEAST_HOURS = 48
SPEED = "averageVehicleSpeed"


def free_flow_speeds(hours: Iterable[DistrictHour], share: float) -> dict[str, float]:
    """Free-flow speed by district, km/h: the quantile `share` of hourly mean speeds; absent with fewer than LEAST_HOURS hours."""
    speeds: dict[str, list[float]] = {}
    for hour in hours:
        speeds.setdefault(hour.district_code, []).append(hour.mean)
    return {code: _quantile(sorted(means), share) for code, means in speeds.items() if len(means) >= LEAST_HOURS}


def band(index: float) -> str:
    return next((word for limit, word in BANDS if index < limit), "severe")


def city_index(loops: Mapping[str, tuple[int, float]], free: Mapping[str, float]) -> float | None:
    """The index over districts, given as number of loops and their mean speed; those without a free-flow speed do not count."""
    counted = [(n, mean, free[code]) for code, (n, mean) in loops.items() if code in free]
    n = sum(row[0] for row in counted)
    if not n:
        return None
    return traffic_index(sum(row[0] * row[1] for row in counted) / n, sum(row[0] * row[2] for row in counted) / n)


def index_of_hour(hours: Hours, hour: datetime, free: Mapping[str, float]) -> float | None:
    """The city's index of an hour, readings in place of loops."""
    return city_index({code: (row.n, row.mean) for code, row in hours.at(SPEED, hour).items()}, free)


def _quantile(values: list[float], share: float) -> float:
    """By linear interpolation between sorted values."""
    place = share * (len(values) - 1)
    k = min(math.floor(place), len(values) - 2) if len(values) > 1 else 0
    if len(values) == 1:
        return values[0]
    return values[k] + (values[k + 1] - values[k]) * (place - k)
