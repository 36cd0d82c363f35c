"""Indices: piecewise-linear scales, and what the composite index of a district is made of.

A scale is a list of anchors (value, score); between two of them the score follows a straight line, beyond the ends it stays. The
index of a district is the mean of the scores of its parts by their weights; a part without data is left out and its weight is
shared among the others in proportion. The defaults are the delivered policy (`[index]` in config/city.toml)."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Anchors = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """Values to scores through `anchors`, whose values rise."""

    anchors: Anchors

    def at(self, value: float) -> float:
        """The score of a value."""
        k = bisect_left(self.anchors, value, key=lambda anchor: anchor[0])
        if k == 0:
            return self.anchors[0][1]
        if k == len(self.anchors):
            return self.anchors[-1][1]
        (left, low), (right, high) = self.anchors[k - 1], self.anchors[k]
        return low + (high - low) * (value - left) / (right - left)


TRAFFIC_BY_TIME_RATIO = Scale(((1.0, 0.0), (1.2, 2.0), (1.5, 4.0), (1.8, 6.0), (2.1, 8.0), (2.4, 10.0)))
"""The steps of the traffic index that Beijing publishes: 0-2 at the speed of free roads, 2-4 takes 0.2 to 0.5 times longer, 4-6
0.5 to 0.8, 6-8 0.8 to 1.1, 8-10 more than that; between them straight lines, and 10 where a way takes 2.4 times as long (the
same step once more)."""


def traffic_index(speed_km_h: float, free_km_h: float) -> float:
    """The traffic index of a mean speed, 0 (free) to 10 (standing), against that of free roads."""
    return TRAFFIC_BY_TIME_RATIO.at(free_km_h / speed_km_h if speed_km_h > 0 else math.inf)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the district index: how much it weighs, and the score (0-100) of its value."""

    weight: float
    scale: Scale


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the district index by name. What each value is: `dashboard.figures.districts`."""

    traffic: Part
    air: Part
    water: Part
    safety: Part
    service: Part
    requests: Part
    devices: Part

    def items(self) -> Iterator[tuple[str, Part]]:
        for name in self.__slots__:
            yield name, getattr(self, name)


DELIVERED_PARTS = Parts(
    traffic=Part(20, Scale(((0, 100), (2, 90), (4, 75), (6, 50), (8, 25), (10, 0)))),
    air=Part(15, Scale(((0, 100), (50, 90), (100, 75), (150, 50), (200, 25), (300, 0)))),
    water=Part(15, Scale(((0, 100), (0.6, 90), (1, 50), (1.5, 0)))),
    safety=Part(15, Scale(((0, 100), (1, 80), (2, 40), (3, 0)))),
    service=Part(15, Scale(((0, 100), (15, 80), (30, 50), (60, 0)))),
    requests=Part(10, Scale(((0, 100), (1, 80), (2, 40), (3, 0)))),
    devices=Part(10, Scale(((0, 0), (80, 40), (95, 80), (100, 100)))),
)


@dataclass(frozen=True, slots=True)
class IndexPolicy:
    """What the city's figures are measured by. Weights count in proportion to one another."""

    parts: Parts = field(default_factory=lambda: DELIVERED_PARTS)
    least_weight: float = 0.5
    """Share of the weights that must have data: below it there is no index."""
    history_days: int = 28
    """Earlier days that say what is usual, at most; three at least."""
    damping: float = 5.0
    """Added to a count and to what is usual before one is divided by the other: two cases in place of one are no alarm."""
    grade_points: Mapping[str, float] = field(default_factory=lambda: {"I": 30.0, "II": 10.0, "III": 3.0, "IV": 1.0})
    """How many ordinary incidents one of a grade counts for."""
    hot_least: int = 5
    hot_tail: float = 0.001
    """A hot request: so many at least, and not more probable than this by chance alone."""
    free_flow_days: int = 7
    free_flow_share: float = 0.85
    """The free-flow speed of a district is this quantile of its hourly mean speeds over so many days."""
    particulate_h: int = 24
    """Hours over which PM2.5 and PM10 are averaged for the air quality index."""
    river_warning_m: float = 3.0
    river_guarantee_m: float = 4.0
    wading_depth_m: float = 0.27
    water_pressure_low_kpa: float = 140.0
    water_pressure_target_kpa: float = 280.0


DELIVERED = IndexPolicy()
"""As config/city.toml is delivered."""
