"""Warnings: four levels, their life cycle, and the rules that raise and clear them.

Levels follow the national four-colour scale; the words beside CAP 1.2 severity are the customary mapping. A level is never
shown by colour alone: `shape` goes with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from domain.labels import Labelled


class WarningLevel(Labelled):
    RED = "red", "Ⅰ级 红色", "I red"
    ORANGE = "orange", "Ⅱ级 橙色", "II orange"
    YELLOW = "yellow", "Ⅲ级 黄色", "III yellow"
    BLUE = "blue", "Ⅳ级 蓝色", "IV blue"

    @property
    def rank(self) -> int:
        """1 is the gravest."""
        return list(WarningLevel).index(self) + 1

    @property
    def cap_severity(self) -> str:
        return {"red": "Extreme", "orange": "Severe", "yellow": "Moderate", "blue": "Minor"}[self.value]

    @property
    def shape(self) -> str:
        return {"red": "hexagon", "orange": "triangle", "yellow": "square", "blue": "circle"}[self.value]


class WarningState(Labelled):
    CANDIDATE = "candidate", "待核实", "candidate"
    VERIFIED = "verified", "已核实", "verified"
    PENDING_APPROVAL = "pending_approval", "待复核", "pending approval"
    PUBLISHED = "published", "已发布", "published"
    ACKNOWLEDGED = "acknowledged", "已签收", "acknowledged"
    HANDLING = "handling", "处置中", "handling"
    LIFTED = "lifted", "已解除", "lifted"
    CANCELLED = "cancelled", "已取消", "cancelled"
    EXPIRED = "expired", "已失效", "expired"


OPEN_WARNING_STATES = (
    WarningState.CANDIDATE,
    WarningState.VERIFIED,
    WarningState.PENDING_APPROVAL,
    WarningState.PUBLISHED,
    WarningState.ACKNOWLEDGED,
    WarningState.HANDLING,
)


class WarningSource(Labelled):
    RULE = "rule", "规则", "rule"
    FORECAST = "forecast", "预测", "forecast"
    ANOMALY = "anomaly", "异常检测", "anomaly"
    EXTERNAL_CAP = "external_cap", "外部预警", "external CAP"
    MANUAL = "manual", "人工", "manual"


class WarningMode(Labelled):
    ACTUAL = "actual", "实际", "actual"
    EXERCISE = "exercise", "演练", "exercise"
    TEST = "test", "测试", "test"
    DRAFT = "draft", "草稿", "draft"
    SYSTEM = "system", "系统", "system"


@dataclass(frozen=True, slots=True)
class LevelThreshold:
    """Raise at `raise_at`, clear beyond `clear_at` (same unit as the property)."""

    level: WarningLevel
    raise_at: float
    clear_at: float


class Wait(NamedTuple):
    """Since when readings have asked that a level be raised, or that it be cleared."""

    since: datetime
    to_raise: bool


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """A rule on one observed property: `direction` "above" warns of high values, "below" of low ones.

    A level is raised when the condition has held for `raise_hold_s` and cleared when its opposite has held for
    `clear_hold_s`. `source` FORECAST judges the forecast's exceedance within `horizon_s` instead of the newest reading.
    """

    rule_id: str
    version: int
    property: str
    direction: str
    thresholds: tuple[LevelThreshold, ...]
    raise_hold_s: float
    clear_hold_s: float
    hazard_class: str
    zh: str
    en: str
    source: WarningSource = WarningSource.RULE
    min_probability: float = 0.5
    horizon_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 - the word of the trade; the built-in of this name is not used here
    """A warning as known at some moment. `object_id` is the datastream, `device_id` the device it belongs to."""

    warning_id: str
    identifier: str
    rule_id: str
    rule_version: int
    source: WarningSource
    hazard_class: str
    level: WarningLevel
    state: WarningState
    mode: WarningMode
    object_id: str
    device_id: str | None
    lon: float | None
    lat: float | None
    raised_at: datetime
    updated_at: datetime
    zh: str
    en: str
    probability: float | None = None
    lead_time_s: float | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    exercise_id: str | None = None
