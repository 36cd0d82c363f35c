"""Crowds: how many people are in a station, a shopping centre or on a square.

The hour and the kind of day say how many of the busiest moment's people are there; rain empties squares as e^(−i ÷ 4 mm/h) and
fills shopping centres a little; those who wait for trains that do not run are added (iot.scenarios.scenes). Counts scatter as
Poisson's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from iot.plane import Floats
from iot.scenarios import Scene, TrainStandstill
from iot.simulated.chance import drift, normal
from iot.simulated.rhythm import MALL, METRO, SQUARE, LocalTime
from iot.simulated.sites import Sites
from iot.simulated.weather import Weather

STATION, SHOPPING, OUTDOORS = 0.0, 1.0, 2.0
"""The trait `setting`."""


def counter_values(
    weather: Weather, sites: Sites, time_s: Floats, scenes: Sequence[Scene], *, local: LocalTime
) -> dict[str, Floats]:
    """What counters (n) see at moments (t or n × t): arrays n × t. The trait `busiest` is the usual maximum of people."""
    keys, setting = sites.keys, sites.traits["setting"]
    rain = weather.rain_mm_h(sites.lon, sites.lat, time_s, scenes)
    outside, inside = np.exp(-rain / 4), 1 + 0.1 * (1 - np.exp(-rain / 5))
    share = np.choose(setting.astype(np.int64), [METRO.at(local) + 0 * rain, MALL.at(local) * inside, SQUARE.at(local) * outside])
    course = np.exp(0.08 * drift(keys + np.uint64(1), time_s, 1_200.0) + 0.10 * drift(keys + np.uint64(2), time_s, 86_400.0))
    people = sites.traits["busiest"] * share * course
    for scene in scenes:
        if isinstance(scene, TrainStandstill):
            people = people + np.where(setting == STATION, scene.extra_people(sites.lon, sites.lat, time_s), 0.0)
    return {"peopleCount": np.maximum(np.round(people + np.sqrt(people) * normal(keys + np.uint64(3), time_s)), 0.0)}
