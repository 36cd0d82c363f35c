"""Water level at a gauge: base flow, tide and runoff. Metres above the gauge's zero.

The river feels the tide (principal lunar semidiurnal period, 12.42 h), less so upstream, and the rain over its whole catchment;
a stream feels the rain around it within the hour. Both are linear reservoirs: rain raises the level by so many metres per
millimetre and the rise dies away with one time constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from iot.plane import Floats
from iot.scenarios import Scene
from iot.simulated.chance import drift, key, normal
from iot.simulated.weather import DAY_S, Weather

TIDE_PERIOD_S = 12.4206 * 3600


class Reservoir(NamedTuple):
    """Rise per millimetre of rain, time constant, and the step and number of the lags summed."""

    rise_m_per_mm: float
    constant_s: float
    step_s: float
    n_lags: int


RIVER = Reservoir(0.018, 5 * 3600.0, 900.0, 96)
STREAM = Reservoir(0.045, 1.2 * 3600.0, 300.0, 72)


def gauge_values(
    weather: Weather, lon: Floats, lat: Floats, keys: ArrayLike, time_s: Floats, scenes: Sequence[Scene],
    *, is_river: ArrayLike, tide_share: ArrayLike,
) -> dict[str, Floats]:  # fmt: skip
    """What gauges (n × 1) read at moments (t): arrays n × t. `tide_share` is 1 at the mouth, 0 where no tide reaches."""
    keys = np.asarray(keys, dtype=np.uint64)
    is_river, tide_share = np.asarray(is_river), np.asarray(tide_share, dtype=float)
    base = np.where(is_river, 1.7, 0.9) + 0.12 * normal(keys, 0)
    flow = 0.18 * drift(key(weather.seed, "river"), time_s, 4 * DAY_S)
    # The tide arrives upstream an hour later than at the mouth.
    tide = 0.65 * tide_share * np.cos(2 * np.pi * (time_s - 3600 * (1 - tide_share)) / TIDE_PERIOD_S)
    ripple = 0.008 * drift(keys + np.uint64(3), time_s, 90.0)
    runoff = np.where(is_river, _runoff_of_spells(weather, time_s), _runoff_around(weather, lon, lat, time_s, scenes))
    return {"waterLevel": base + flow + tide + runoff + ripple}


def _runoff_of_spells(weather: Weather, time_s: Floats) -> Floats:
    lags = np.arange(RIVER.n_lags) * RIVER.step_s
    return runoff_m(RIVER, weather.spell_mm_h(time_s[..., None] - lags))


def _runoff_around(weather: Weather, lon: Floats, lat: Floats, time_s: Floats, scenes: Sequence[Scene]) -> Floats:
    lags = np.arange(STREAM.n_lags) * STREAM.step_s
    return runoff_m(STREAM, weather.rain_mm_h(lon[..., None], lat[..., None], time_s[..., None] - lags, scenes))


def runoff_m(reservoir: Reservoir, rain_mm_h: Floats) -> Floats:
    """Rise from the rain of the past, newest first, one value a step, along the last axis."""
    ages = np.arange(reservoir.n_lags) * reservoir.step_s
    weights = reservoir.rise_m_per_mm * np.exp(-ages / reservoir.constant_s) * reservoir.step_s / 3600
    return np.asarray(rain_mm_h @ weights)
