"""Air quality: the index of HJ 633-2012 from hourly means. Concentrations in µg/m³, as they are stored.

An individual index follows from a concentration by straight lines between the limits of the standard's table 1, rounded up; the
AQI is the largest of them, 500 at most. As the standard's real-time report has it, gases count by the mean of an hour, ozone by
that of eight hours as well, particulate matter by the moving mean of 24 hours. A mean of 24 hours wants 20 of them, one of eight
wants six (GB 3095-2012)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

INDEX_POINTS = (0, 50, 100, 150, 200, 300, 400, 500)
LIMITS: dict[tuple[str, int], tuple[float, ...]] = {
    ("so2", 1): (0, 150, 500, 650, 800),
    ("so2", 24): (0, 50, 150, 475, 800, 1600, 2100, 2620),
    ("no2", 1): (0, 100, 200, 700, 1200, 2340, 3090, 3840),
    ("co", 1): (0, 5_000, 10_000, 35_000, 60_000, 90_000, 120_000, 150_000),
    ("o3", 1): (0, 160, 200, 300, 400, 800, 1000, 1200),
    ("o3", 8): (0, 100, 160, 215, 265, 800),
    ("pm10", 24): (0, 50, 150, 250, 350, 420, 500, 600),
    ("pm25", 24): (0, 35, 75, 115, 150, 250, 350, 500),
}
"""(pollutant, hours of the mean) → concentrations at INDEX_POINTS. The short rows end where the standard ends them: above 800,
sulphur dioxide counts by its day, ozone by its hour."""

POLLUTANTS = ("pm25", "pm10", "so2", "no2", "co", "o3")
LEAST_SHARE = 5 / 6
"""20 hours of 24; of eight, six are enough (rounded down)."""

BANDS = ((50, "excellent"), (100, "good"), (150, "light"), (200, "moderate"), (300, "heavy"))
"""Up to which AQI which of the six words holds; above the last, "severe"."""

HourlyMeans = Mapping[str, Sequence[float | None]]
"""Pollutant → means of consecutive hours, oldest first, all of one length."""


class AirQuality(NamedTuple):
    """The index, the pollutant that makes it (None up to 50) and the individual indices."""

    aqi: int
    primary: str | None
    by_pollutant: Mapping[str, int]


def individual_index(concentration: float, limits: Sequence[float]) -> int | None:
    """The individual index of a concentration; None above a row that ends early."""
    if concentration > limits[-1]:
        return INDEX_POINTS[-1] if len(limits) == len(INDEX_POINTS) else None
    k = next(k for k, limit in enumerate(limits) if concentration <= limit)
    if k == 0:
        return 0
    low, high = limits[k - 1], limits[k]
    index = INDEX_POINTS[k - 1] + (INDEX_POINTS[k] - INDEX_POINTS[k - 1]) * (concentration - low) / (high - low)
    return math.ceil(round(index, 9))  # 100.00000000000001 is 100


def band(aqi: float) -> str:
    """Which of the six words holds for an AQI."""
    return next((word for limit, word in BANDS if aqi <= limit), "severe")


def air_quality(hours: HourlyMeans, *, particulate_h: int = 24) -> AirQuality | None:
    """The index at the end of the last hour; None when no pollutant has the hours it needs. `particulate_h` is over how many
    hours particulate matter is averaged; fewer than 24 follow smoke sooner than the standard does."""
    found: dict[str, int] = {}

    def note(pollutant: str, mean: float | None, limits: tuple[str, int]) -> None:
        index = None if mean is None else individual_index(mean, LIMITS[limits])
        if index is not None:
            found[pollutant] = max(found.get(pollutant, 0), index)

    for pollutant, values in hours.items():
        if pollutant in ("pm25", "pm10"):
            note(pollutant, _mean(values, particulate_h), (pollutant, 24))
        elif pollutant in ("no2", "co", "o3", "so2"):
            note(pollutant, _mean(values, 1), (pollutant, 1))
        if pollutant == "o3":
            note(pollutant, _mean(values, 8), (pollutant, 8))
        if pollutant == "so2" and (_mean(values, 1) or 0) > LIMITS["so2", 1][-1]:
            note(pollutant, _mean(values, 24), (pollutant, 24))
    if not found:
        return None
    primary = max(found, key=lambda pollutant: found[pollutant])
    return AirQuality(found[primary], primary if found[primary] > 50 else None, found)


def _mean(values: Sequence[float | None], hours: int) -> float | None:
    """Mean of the last hours, if enough of them have a value and the last one does."""
    last = list(values[-hours:])
    known = [value for value in last if value is not None]
    if not last or last[-1] is None or len(known) < max(1, math.floor(hours * LEAST_SHARE)):
        return None
    return sum(known) / len(known)
