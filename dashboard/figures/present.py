"""The present: readings that still stand for now, and hourly means of districts put together. Pure.

A value stands for now while its device is live or merely late (domain.observations.freshness) and its quality is usable."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.observations import USABLE_QUALITY_CODES, Freshness, freshness, word_age_s
from storage.overview import ReadingNow
from storage.rollups import DistrictHour

HOUR = timedelta(hours=1)
HOURS_SHOWN = 24
STANDS = (Freshness.FRESH, Freshness.LATE)


class Mean(NamedTuple):
    """A mean, of how many values, and when the newest of them was measured."""

    value: float
    n: int
    measured: datetime


@dataclass(frozen=True, slots=True)
class Present:
    """What is measured now: readings by property, and of how many devices that measure something how many are live."""

    at: datetime
    readings: Mapping[str, Sequence[ReadingNow]]
    streams: Mapping[tuple[str, str], int]
    """(property, district) → datastreams, whether they speak or not."""
    devices: Mapping[str, tuple[int, int]]
    """District → devices that are live, devices."""
    newest: datetime | None
    _empty: tuple[ReadingNow, ...] = field(default=(), repr=False)

    def of(self, name: str, district: str | None = None) -> Sequence[ReadingNow]:
        """Readings of a property that stand for now, of the city or a district."""
        readings = self.readings.get(name, self._empty)
        return readings if district is None else [r for r in readings if r.district_code == district]

    def mean(self, name: str, district: str | None = None) -> Mean | None:
        return mean_of(self.of(name, district))

    @property
    def districts(self) -> list[str]:
        return sorted(self.devices)


def mean_of(readings: Sequence[ReadingNow], value: Callable[[float], float] = float) -> Mean | None:
    """Mean of `value` over readings; None without any."""
    said = [(value(r.value), r.phenomenon_time) for r in readings if r.value is not None and r.phenomenon_time is not None]
    if not said:
        return None
    return Mean(sum(v for v, _ in said) / len(said), len(said), max(t for _, t in said))


def present(readings: Iterable[ReadingNow], at: datetime) -> Present:
    """Sorts readings into what stands for now."""
    by_device: dict[str, list[ReadingNow]] = defaultdict(list)
    for reading in readings:
        by_device[reading.device_id].append(reading)
    standing: dict[str, list[ReadingNow]] = defaultdict(list)
    streams: dict[tuple[str, str], int] = defaultdict(int)
    devices: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    newest: datetime | None = None
    for members in by_device.values():
        first = members[0]
        spoke = max((r.phenomenon_time for r in members if r.phenomenon_time is not None), default=None)
        newest = max(filter(None, (newest, spoke)), default=None)
        devices[first.district_code][0] += _freshness(first, spoke, at) is Freshness.FRESH
        devices[first.district_code][1] += 1
        for reading in members:
            streams[reading.property, reading.district_code] += 1
            if reading.quality in USABLE_QUALITY_CODES and _freshness(reading, reading.phenomenon_time, at) in STANDS:
                standing[reading.property].append(reading)
    return Present(at, standing, streams, {code: (live, n) for code, (live, n) in devices.items()}, newest)


def _freshness(device: ReadingNow, measured: datetime | None, at: datetime) -> Freshness:
    return freshness(word_age_s(at, measured, device.heard, device.mode), device.interval_s, device.mode, device.state)


class Hours:
    """Hourly means: by property, district (None: the city) and hour. The city's mean is that of all readings."""

    def __init__(self, hours: Iterable[DistrictHour], until: datetime) -> None:
        self.until = until
        self._means: dict[tuple[str, str | None], list[float | None]] = {}
        self._by_key: dict[tuple[str, datetime], dict[str, DistrictHour]] = defaultdict(dict)
        for hour in hours:
            self._by_key[hour.property, hour.hour][hour.district_code] = hour

    def at(self, name: str, hour: datetime) -> Mapping[str, DistrictHour]:
        """The districts' figures of an hour."""
        return self._by_key.get((name, hour), {})

    def mean(self, name: str, hour: datetime, district: str | None = None) -> float | None:
        rows = self.at(name, hour)
        if district is not None:
            return rows[district].mean if district in rows else None
        n = sum(row.n for row in rows.values())
        return sum(row.mean * row.n for row in rows.values()) / n if n else None

    def means(self, name: str, district: str | None = None) -> list[float | None]:
        """Means of the last 2 × HOURS_SHOWN full hours, oldest first."""
        key = name, district
        if key not in self._means:
            self._means[key] = [self.mean(name, self.until - back * HOUR, district) for back in range(2 * HOURS_SHOWN, 0, -1)]
        return self._means[key]

    def shown(self, figure: Callable[[datetime], float | None]) -> list[float | None]:
        """A figure for each of the hours shown, oldest first."""
        return [figure(self.until - (HOURS_SHOWN - k) * HOUR) for k in range(HOURS_SHOWN)]
