"""Car parks: free places from the hour and what the park serves."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from iot.plane import Floats
from iot.simulated.chance import drift, uniform
from iot.simulated.rhythm import OFFICE_PARKING, TRANSIT_PARKING, LocalTime


def park_values(
    keys: ArrayLike, time_s: Floats, *, local: LocalTime, capacity: ArrayLike, is_transit: ArrayLike
) -> dict[str, Floats]:
    """Free places of car parks (n × 1) at moments (t): arrays n × t."""
    keys = np.asarray(keys, dtype=np.uint64)
    profile = np.where(np.asarray(is_transit), TRANSIT_PARKING.at(local), OFFICE_PARKING.at(local))
    popular = 0.82 + 0.17 * uniform(keys, 1)
    share = np.clip(popular * profile * (1 + 0.04 * drift(keys + np.uint64(2), time_s, 1_200.0)), 0, 0.98)
    return {"availableSpotNumber": np.round(np.asarray(capacity) * (1 - share))}
