"""Noise beside a street: from its traffic. A-weighted decibels.

Calculation of Road Traffic Noise (UK Department of Transport, 1988): L10 = 42.2 + 10 log₁₀ q at 10 m for q vehicles an hour, with
the speed correction 33 log₁₀(v + 40 + 500/v) − 68.8 (no heavy vehicles); 3 dB lower as an equivalent level, over a floor of
what a city murmurs at night.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from iot.plane import Floats
from iot.simulated.chance import normal, uniform
from iot.simulated.rhythm import LocalTime
from iot.simulated.sites import Sites
from iot.simulated.traffic import demand_ratio

FLOOR_DB = 41.0


def meter_values(sites: Sites, time_s: Floats, *, local: LocalTime) -> dict[str, Floats]:
    """What noise meters (n) read at moments (t or n × t): arrays n × t. Each stands by a street of 200–1,200 vehicles an hour."""
    per_hour = (200 + 1_000 * uniform(sites.keys, 3)) * demand_ratio(sites.keys, time_s, local)
    street_db = traffic_noise_db(per_hour, 42.0) - 3 + 1.4 * normal(sites.keys + np.uint64(5), time_s).clip(-3, 3)
    return {"noiseLevel": 10 * np.log10(10 ** (street_db / 10) + 10 ** (FLOOR_DB / 10))}


def traffic_noise_db(per_hour: ArrayLike, speed_km_h: float) -> Floats:
    """L10 at 10 m from the kerb."""
    speed = 33 * np.log10(speed_km_h + 40 + 500 / speed_km_h) - 68.8
    return np.asarray(42.2 + 10 * np.log10(np.maximum(per_hour, 1.0)) + speed)
