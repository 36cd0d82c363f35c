"""Waste bins: how full they are since they were last emptied.

A bin fills by the hours that people pass (iot.simulated.rhythm), at a rate of its own and of the day, and is emptied once a day
in the early morning; the round leaves out one bin in twenty-five. What comes on top of a full bin lies beside it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np

from iot.plane import Floats
from iot.simulated.chance import normal, uniform
from iot.simulated.rhythm import LITTER, LocalTime
from iot.simulated.sites import Sites

LEFT_OUT_SHARE, LONGEST_LEFT_OUT = 0.04, 2
FULL_AFTER_H = 14.0
"""Hours at the busiest rate that fill a bin of the mean rate: a working day and a bit."""


def bin_values(sites: Sites, local: LocalTime, zone: ZoneInfo) -> dict[str, Floats]:
    """Filling of bins (n) at local times (t or n × t): arrays n × t, 0 empty, 1 full."""
    keys = sites.keys
    shape = np.broadcast_shapes(keys.shape, local.hour.shape)
    round_h = 4.5 + 2.5 * uniform(keys, 1)
    day = np.broadcast_to(local.day, shape) - (local.hour < round_h)
    rounds = keys + np.uint64(2)
    for _ in range(LONGEST_LEFT_OUT):
        day = day - (uniform(rounds, day) < LEFT_OUT_SHARE)
    rate = np.exp(0.35 * normal(keys, 3) + 0.15 * normal(keys + np.uint64(4), day)) / FULL_AFTER_H
    full_h = LITTER.gathered_h(day, round_h, local, zone)
    return {"fillingLevel": np.minimum(rate * full_h, 1.0)}
