"""Warnings: four levels, their life cycle, and the rules that raise and clear them.

Levels follow the national four-colour scale; the words beside CAP 1.2 severity are the customary mapping. A level is never
shown by colour alone: `shape` goes with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from domain.labels import Labelled
from domain.rules import EVERYWHERE, Acceptance, Area, Hours, Subject


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


class WarningTransition(Labelled):
    """What a step of a warning's life is; its state and level say where it led."""

    RAISED = "raised", "触发", "raised"
    ESCALATED = "escalated", "升级", "escalated"
    DOWNGRADED = "downgraded", "降级", "downgraded"
    NOTED = "noted", "依据更新", "evidence noted"
    VERIFIED = "verified", "核实", "verified"
    PUBLISHED = "published", "发布", "published"
    ACKNOWLEDGED = "acknowledged", "签收", "acknowledged"
    HANDLING = "handling", "开始处置", "handling begun"
    LIFTED = "lifted", "解除", "lifted"
    CANCELLED = "cancelled", "取消", "cancelled"
    EXPIRED = "expired", "失效", "expired"


class WarningVerdict(Labelled):
    """What people say of a warning afterwards: whether it was right."""

    RIGHT = "right", "属实", "right"
    FALSE_ALARM = "false_alarm", "误报", "false alarm"
    TEST = "test", "测试触发", "a test"


class AssigneeKind(Labelled):
    ACCOUNT = "account", "账号", "account"
    ROLE = "role", "角色", "role"


class SeriesMeasure(Labelled):
    """What of a series a rule judges: its readings as they are, or what they come to over a window."""

    VALUE = "value", "读数", "reading"
    RATE = "rate", "每小时变化", "change per hour"
    SUM = "sum", "时段累计", "sum over a window"
    MEAN = "mean", "时段均值", "mean over a window"


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

    A level is raised when the condition has held for `raise_hold_s` and cleared when its opposite has held for `clear_hold_s`.
    `source` FORECAST judges the forecast's exceedance within `horizon_s` instead of the newest reading. A `measure` other than
    VALUE is that of the readings of `window_s` before (`alerts.measures`). Where its `subject` is not PROPERTY, `property`
    names what of that is judged (`domain.rules`), and objects are no datastreams. `parent` is the rule whose warnings cause
    this one's; `classes` are those counted of EVENTS; `members` the rules of a COMBINATION, which count as far as they stand in
    one district or, given `within_m`, so near to one another.
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
    measure: SeriesMeasure = SeriesMeasure.VALUE
    window_s: float = 0.0
    subject: Subject = Subject.PROPERTY
    area: Area = EVERYWHERE
    hours: Hours | None = None
    min_quality: Acceptance = Acceptance.USABLE
    parent: str | None = None
    advice_zh: str = ""
    advice_en: str = ""
    enabled: bool = True
    classes: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    within_m: float | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who looks after a warning: an account or everybody in a role; who said so, and when."""

    kind: AssigneeKind
    to: str
    by: str
    at: datetime
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Shelving:
    """Why and until when nobody wants to hear of it, and who said so. It comes back by itself."""

    shelf_id: int
    until: datetime
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Reminder:
    """The `n`th reminder that a warning still waits to be acknowledged, and the role to which it went."""

    n: int
    role: str
    at: datetime


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
    district_code: str | None = None
    situation: int | None = None
    """The number of the situation that it is part of."""
    assignment: Assignment | None = None
    shelving: Shelving | None = None
    reminder: Reminder | None = None
    verdict: WarningVerdict | None = None
    is_suppressed: bool = False
    """Raised in a maintenance that is still on: counted, not shown."""
