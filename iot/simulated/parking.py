"""Car parks: free places from the hour and what the park serves. Leisure waits for dry weather: heavy rain keeps a third at
home. Some places are always taken, by residents and by cars left behind, in each park another share of up to `LEFT_SHARE`; and
a park is fuller on some days than on others, for hours or days on end. Drawn by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iot.plane import Floats
from iot.scenarios import Scene
from iot.simulated.chance import drift, uniform
from iot.simulated.rhythm import LEISURE_PARKING, OFFICE_PARKING, TRANSIT_PARKING, LocalTime
from iot.simulated.sites import Sites
from iot.simulated.weather import DAY_S, Weather

PROFILES = (OFFICE_PARKING, TRANSIT_PARKING, LEISURE_PARKING)
"""By the trait `serves`."""

STAY_AT_HOME = (0.0, 0.0, 0.35)
LEFT_SHARE = 0.5


def park_values(
    weather: Weather, sites: Sites, time_s: Floats, scenes: Sequence[Scene], *, local: LocalTime
) -> dict[str, Floats]:
    """Free places of car parks (n) at moments (t or n × t): arrays n × t."""
    serves = sites.traits["serves"].astype(np.int64)
    profile = np.choose(serves, [of.at(local) for of in PROFILES])
    rain = weather.rain_mm_h(sites.lon, sites.lat, time_s, scenes)
    dry = 1 - np.array(STAY_AT_HOME)[serves] * (1 - np.exp(-rain / 15))
    popular = 0.82 + 0.17 * uniform(sites.keys, 1)
    left = LEFT_SHARE * uniform(sites.keys, 3)
    days = 0.25 * drift(sites.keys + np.uint64(4), time_s, 2 * DAY_S)
    hours = 0.15 * drift(sites.keys + np.uint64(2), time_s, 10_800.0)
    share = np.clip((left + (1 - left) * popular * profile * dry) * np.exp(days + hours), 0, 0.98)
    return {"availableSpotNumber": np.round(sites.traits["capacity"] * (1 - share))}
