"""Scenarios: what is going to happen in the simulated city. Only the simulator may import this: neither models nor rules may
see what it plans.

`scenes` holds the physical happenings, `catalogue` the scenarios that one can start and what they are made of, `background` the
quiet programme of a demonstration. Times in seconds since 1970 UTC, positions in WGS-84.
"""

from iot.scenarios.background import demonstration
from iot.scenarios.scenes import (
    Downpour,
    GasRelease,
    HallRush,
    NetworkOutage,
    Plume,
    PowerCut,
    Scene,
    TrainStandstill,
    spread_m,
    stopped,
)

__all__ = [
    "Downpour", "GasRelease", "HallRush", "NetworkOutage", "Plume", "PowerCut", "Scene", "TrainStandstill", "demonstration",
    "spread_m", "stopped",
]  # fmt: skip
