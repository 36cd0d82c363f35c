"""Rules: what one looks at, where and when it holds, and which hazards are kin.

The rule itself is `domain.warnings.ThresholdRule`, its form as JSON `domain.rule_specs`. What a rule judges is a number per
object, told at moments: a reading, a queue, an index, a count, a score.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.labels import Labelled


class Subject(Labelled):
    """What a rule looks at; its metric says what of it."""

    PROPERTY = "property", "传感器读数", "readings of devices"
    DERIVED = "derived", "派生序列", "derived series"
    HALL = "hall", "大厅排队", "queues of halls"
    INDEX = "index", "分区指数", "indices of districts"
    QUALITY = "quality", "数据质量", "quality of data"
    SILENCE = "silence", "设备静默", "silence of devices"
    EVENTS = "events", "事件与诉求", "incidents and requests"
    ANOMALY = "anomaly", "异常", "anomalies"
    COMBINATION = "combination", "规则组合", "other rules"


EVERY = "*"
"""As a metric: whatever the subject has."""


class HallFigure(Labelled):
    WAITING = "waiting", "等候人数", "people waiting"
    WAIT_P90 = "wait_p90_min", "近一小时等候 90 分位", "wait of nine in ten called within the hour"
    LONGEST = "longest_wait_min", "当前最长等候", "longest wait of those waiting"
    AHEAD = "wait_ahead_p90_min", "未来 4 小时预计等候 90 分位", "wait foreseen for nine in ten who come within 4 hours"

    @property
    def unit(self) -> tuple[str, str]:
        return ("人", "people") if self is HallFigure.WAITING else ("分钟", "min")


class CityIndex(Labelled):
    AQI = "aqi", "空气质量指数", "air quality index"
    TRAFFIC = "traffic", "交通指数", "traffic index"


class Happening(Labelled):
    INCIDENTS = "incidents", "突发事件", "incidents"
    REQUESTS = "requests", "诉求", "requests"


STANDING = "standing"
"""The metric of a combination: how many of its members stand."""


class Acceptance(Labelled):
    """Which readings a rule goes by."""

    USABLE = "usable", "可用数据（含模拟、补录）", "usable ones (simulated and back-filled too)"
    GOOD = "good", "仅正常数据", "good ones alone"
    UNCERTAIN = "uncertain", "含存疑数据", "doubtful ones too"


class Days(Labelled):
    ALL = "all", "每天", "every day"
    WORKDAYS = "workdays", "工作日", "working days"
    DAYS_OFF = "days_off", "休息日", "days off"


Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Area:
    """Where a rule holds: in some districts, within a polygon (longitude and latitude, WGS-84, not closed), or, with neither,
    everywhere."""

    districts: tuple[str, ...] = ()
    ring: Ring = ()

    @property
    def is_everywhere(self) -> bool:
        return not self.districts and not self.ring

    def holds(self, district: str | None, lon: float | None, lat: float | None) -> bool:
        """Whether a place lies inside; one that nobody knows lies in no polygon."""
        if self.districts:
            return district in self.districts
        return not self.ring or (lon is not None and lat is not None and _is_inside(self.ring, lon, lat))


EVERYWHERE = Area()


def _is_inside(ring: Ring, lon: float, lat: float) -> bool:
    """By the even-odd rule."""
    inside = False
    for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1], strict=True):
        if (y1 > lat) != (y2 > lat) and lon < x1 + (lat - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside


@dataclass(frozen=True, slots=True)
class Hours:
    """When a rule holds, in minutes of the local day from `begins` up to `ends`; over midnight where `ends` is the earlier: what
    is after midnight then belongs to the day it began on."""

    days: Days = Days.ALL
    begins: int = 0
    ends: int = 1440

    def words(self) -> tuple[str, str]:
        """
        >>> Hours(Days.WORKDAYS, 510, 1050).words()[1]
        'working days 08:30–17:30'
        """
        span = f"{self.begins // 60:02d}:{self.begins % 60:02d}–{self.ends // 60:02d}:{self.ends % 60:02d}"
        return f"{self.days.zh} {span}", f"{self.days.en} {span}"


_KIN = (
    frozenset({"rainstorm", "flood", "waterlogging"}),
    frozenset({"congestion", "traffic_accident", "traffic_hazard", "parking"}),
    frozenset({"waterlogging", "congestion", "traffic_hazard"}),
    frozenset({"hazmat", "gas_leak", "air_pollution", "fire"}),
)
"""Hazards of which one shows itself as another: rain as a flooded underpass, a flooded underpass as a jam. Our own table."""


def kindred(hazard: str) -> frozenset[str]:
    """The hazards as which one may show itself, itself among them."""
    return frozenset({hazard}).union(*(kin for kin in _KIN if hazard in kin))
