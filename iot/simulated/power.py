"""Power: what substations and the feeders of large consumers carry. Kilowatts, kilovolts, amperes.

Load follows the hour, the kind of day and the temperature: per degree above 26 °C it grows by 2.5 %, per degree below 8 °C by
1.2 %, the order of what grids of the lower Yangtze report for cooling and heating. The voltage leaves the tap changer 3 % above
nominal and falls by 5 % at full load, within the ±7 % that GB/T 12325-2008 allows. Current I = P ÷ (√3 · U · cos φ), with cos φ
= 0.95. Without mains all three are 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from iot.plane import Floats
from iot.scenarios import PowerCut, Scene
from iot.simulated.chance import drift, normal, uniform
from iot.simulated.rhythm import POWER, LocalTime
from iot.simulated.sites import Sites
from iot.simulated.weather import Weather

POWER_FACTOR = 0.95


def meter_values(
    weather: Weather, sites: Sites, time_s: Floats, scenes: Sequence[Scene], *, local: LocalTime
) -> dict[str, Floats]:
    """What meters (n) read at moments (t or n × t): arrays n × t. Traits: `rated_kva`, `nominal_kv`."""
    keys, rated_kva, nominal_kv = sites.keys, sites.traits["rated_kva"], sites.traits["nominal_kv"]
    busy = 0.42 + 0.16 * uniform(keys, 1)  # of what is rated, on a mild day: the rest is kept for a neighbour that fails
    wave = 1 + 0.015 * drift(keys + np.uint64(2), time_s, 900.0) + 0.03 * drift(keys + np.uint64(3), time_s, 86_400.0)
    load = busy * POWER.at(local) * of_temperature(weather.temperature_c(time_s, local)) * wave
    volts = 1.03 - 0.05 * load + 0.002 * normal(keys + np.uint64(4), time_s).clip(-3, 3)
    alive = np.ones((1, 1))
    for scene in scenes:
        if isinstance(scene, PowerCut):
            alive = alive * ~scene.is_dark(sites.lon, sites.lat, time_s)
    power_kw, voltage_kv = load * rated_kva * POWER_FACTOR * alive, nominal_kv * volts * alive
    return {"totalActivePower": power_kw, "voltage": voltage_kv, "current": current_a(power_kw, voltage_kv)}


def of_temperature(temperature_c: ArrayLike) -> Floats:
    """Load over that of a mild day."""
    degrees = np.asarray(temperature_c, dtype=float)
    return np.asarray(1 + 0.025 * np.maximum(degrees - 26, 0) + 0.012 * np.maximum(8 - degrees, 0))


def current_a(power_kw: ArrayLike, voltage_kv: ArrayLike) -> Floats:
    """Current of a three-phase line."""
    power, volts = np.broadcast_arrays(np.asarray(power_kw, dtype=float), np.asarray(voltage_kv, dtype=float))
    return np.asarray(np.divide(power, np.sqrt(3) * volts * POWER_FACTOR, out=np.zeros(power.shape), where=volts > 0))
