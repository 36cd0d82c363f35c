"""Messages of CAP 1.2 as values: alert, info, resource, area, in the order and with the words of the standard, and what is wrong
with one. Positions are (latitude, longitude) in WGS-84 degrees, as CAP writes them; radii in kilometres, heights in feet.

Words that this version does not know are kept as they came. Source: OASIS Common Alerting Protocol Version 1.2, section 3.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from domain.labels import Labelled

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
MEDIA_TYPE = "application/cap+xml"


class Status(Labelled):
    ACTUAL = "Actual", "实际", "actual"
    EXERCISE = "Exercise", "演练", "exercise"
    SYSTEM = "System", "系统", "system"
    TEST = "Test", "测试", "test"
    DRAFT = "Draft", "草稿", "draft"


class MsgType(Labelled):
    ALERT = "Alert", "发布", "alert"
    UPDATE = "Update", "更新", "update"
    CANCEL = "Cancel", "撤销", "cancel"
    ACK = "Ack", "回执", "acknowledgement"
    ERROR = "Error", "拒收", "error"


class Scope(Labelled):
    PUBLIC = "Public", "公开", "public"
    RESTRICTED = "Restricted", "受限", "restricted"
    PRIVATE = "Private", "定向", "private"


class Category(Labelled):
    GEO = "Geo", "地质", "geophysical"
    MET = "Met", "气象", "meteorological"
    SAFETY = "Safety", "公共安全", "safety"
    SECURITY = "Security", "治安", "security"
    RESCUE = "Rescue", "救援", "rescue"
    FIRE = "Fire", "火灾", "fire"
    HEALTH = "Health", "卫生", "health"
    ENV = "Env", "环境", "environment"
    TRANSPORT = "Transport", "交通", "transport"
    INFRA = "Infra", "基础设施", "infrastructure"
    CBRNE = "CBRNE", "核生化爆", "chemical, biological, radiological, nuclear, explosive"
    OTHER = "Other", "其他", "other"


class ResponseType(Labelled):
    SHELTER = "Shelter", "就地避险", "shelter"
    EVACUATE = "Evacuate", "撤离", "evacuate"
    PREPARE = "Prepare", "做好准备", "prepare"
    EXECUTE = "Execute", "按预案执行", "execute"
    AVOID = "Avoid", "避开", "avoid"
    MONITOR = "Monitor", "关注信息", "monitor"
    ASSESS = "Assess", "研判", "assess"
    ALL_CLEAR = "AllClear", "解除", "all clear"
    NONE = "None", "无需行动", "none"


class Urgency(Labelled):
    IMMEDIATE = "Immediate", "立即", "immediate"
    EXPECTED = "Expected", "1 小时内", "within the hour"
    FUTURE = "Future", "稍后", "later"
    PAST = "Past", "已过去", "past"
    UNKNOWN = "Unknown", "未知", "unknown"


class Severity(Labelled):
    EXTREME = "Extreme", "特别严重", "extreme"
    SEVERE = "Severe", "严重", "severe"
    MODERATE = "Moderate", "较重", "moderate"
    MINOR = "Minor", "一般", "minor"
    UNKNOWN = "Unknown", "未知", "unknown"


class Certainty(Labelled):
    OBSERVED = "Observed", "已出现", "observed"
    LIKELY = "Likely", "很可能", "likely"
    POSSIBLE = "Possible", "可能", "possible"
    UNLIKELY = "Unlikely", "不大可能", "unlikely"
    UNKNOWN = "Unknown", "未知", "unknown"


class Fault(NamedTuple):
    """What is wrong with a message: thing, value, expectation, in a sentence of each language."""

    code: str
    zh: str
    en: str


class Named(NamedTuple):
    """A value with the name of its list: codes, parameters."""

    name: str
    value: str


class Reference(NamedTuple):
    """An earlier message."""

    sender: str
    identifier: str
    sent: datetime


class Circle(NamedTuple):
    lat: float
    lon: float
    radius_km: float


Ring = tuple[tuple[float, float], ...]
"""(latitude, longitude) corners; the last is the first again."""


@dataclass(frozen=True, slots=True)
class Area:
    words: str
    polygons: tuple[Ring, ...] = ()
    circles: tuple[Circle, ...] = ()
    geocodes: tuple[Named, ...] = ()
    altitude_ft: float | None = None
    ceiling_ft: float | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    words: str
    mime_type: str
    size: int | None = None
    uri: str | None = None
    content: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Info:
    """What is said in one language."""

    event: str
    categories: tuple[str, ...]
    urgency: str
    severity: str
    certainty: str
    language: str = "en-US"
    response_types: tuple[str, ...] = ()
    audience: str | None = None
    event_codes: tuple[Named, ...] = ()
    effective: datetime | None = None
    onset: datetime | None = None
    expires: datetime | None = None
    sender_name: str | None = None
    headline: str | None = None
    description: str | None = None
    instruction: str | None = None
    web: str | None = None
    contact: str | None = None
    parameters: tuple[Named, ...] = ()
    resources: tuple[Resource, ...] = ()
    areas: tuple[Area, ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """A whole message. `addresses` and `incidents` are taken apart; a blank in one is quoted on its way out."""

    identifier: str
    sender: str
    sent: datetime
    status: str
    msg_type: str
    scope: str
    source: str | None = None
    restriction: str | None = None
    addresses: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    note: str | None = None
    references: tuple[Reference, ...] = ()
    incidents: tuple[str, ...] = ()
    infos: tuple[Info, ...] = ()

    @property
    def reference(self) -> Reference:
        """How later messages name this one."""
        return Reference(self.sender, self.identifier, self.sent)

    def info(self, lang: str) -> Info | None:
        """What it says in zh or en, else in the first language it speaks."""
        return next((info for info in self.infos if info.language.lower().startswith(lang)), next(iter(self.infos), None))


_NAME = re.compile(r"[^\s,<&]+")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 text can hold (section 2.2)."""


def writable(text: str) -> str:
    """`text` without the characters that no XML can hold."""
    return _UNWRITABLE.sub("", text)


def faults_of(alert: Alert) -> list[Fault]:
    """What in a message is not as the standard wants it; nothing for a message that may leave."""
    return list(_faults(alert))


def _faults(alert: Alert) -> Iterator[Fault]:
    for name, value in (("identifier", alert.identifier), ("sender", alert.sender)):
        if not _NAME.fullmatch(value):
            yield _fault(name, value, "非空且不含空格、逗号、< 和 &", "something without blanks, commas, < and &")
    yield from _unknown("status", alert.status, Status)
    yield from _unknown("msgType", alert.msg_type, MsgType)
    yield from _unknown("scope", alert.scope, Scope)
    if alert.scope == Scope.RESTRICTED and not alert.restriction:
        yield _missing("restriction", "scope 为 Restricted", "scope is Restricted")
    if alert.scope == Scope.PRIVATE and not alert.addresses:
        yield _missing("addresses", "scope 为 Private", "scope is Private")
    if alert.msg_type in (MsgType.UPDATE, MsgType.CANCEL, MsgType.ACK, MsgType.ERROR) and not alert.references:
        yield _missing("references", f"msgType 为 {alert.msg_type}", f"msgType is {alert.msg_type}")
    for info in alert.infos:
        yield from _faults_of_info(info)


def _faults_of_info(info: Info) -> Iterator[Fault]:
    if not _LANGUAGE.fullmatch(info.language):
        yield _fault("language", info.language, "如 zh-CN 的语言代码", "a code of a language, such as zh-CN")
    if not info.event:
        yield _missing("event", "有 info", "there is an info")
    if not info.categories:
        yield _missing("category", "有 info", "there is an info")
    for category in info.categories:
        yield from _unknown("category", category, Category)
    for response in info.response_types:
        yield from _unknown("responseType", response, ResponseType)
    yield from _unknown("urgency", info.urgency, Urgency)
    yield from _unknown("severity", info.severity, Severity)
    yield from _unknown("certainty", info.certainty, Certainty)
    for area in info.areas:
        if not area.words:
            yield _missing("areaDesc", "有 area", "there is an area")
        for ring in area.polygons:
            if len(ring) < 4 or ring[0] != ring[-1]:
                yield _fault("polygon", f"{len(ring)} 点", "4 点以上且首尾相同", "four corners or more, the last like the first")
        corners = (*(corner for ring in area.polygons for corner in ring), *((c.lat, c.lon) for c in area.circles))
        for lat, lon in [corner for corner in corners if not (-90 <= corner[0] <= 90 and -180 <= corner[1] <= 180)][:1]:
            yield _fault("area", f"{lat:g},{lon:g}", "纬度在前的 WGS-84 度数", "degrees in WGS-84, latitude first")
        if any(circle.radius_km < 0 for circle in area.circles):
            yield _fault("circle", "半径 < 0", "不小于 0 的千米数", "a radius in kilometres, not below 0")
        if area.ceiling_ft is not None and area.altitude_ft is None:
            yield _missing("altitude", "有 ceiling", "there is a ceiling")


def _unknown(name: str, value: str, words: type[Labelled]) -> Iterator[Fault]:
    if words.known(value) is None:
        yield _fault(name, value, f"{'、'.join(words)} 之一", f"one of {', '.join(words)}")


def _fault(name: str, value: str, zh: str, en: str) -> Fault:
    shown = value if len(value) <= 60 else f"{value[:60]}…"
    return Fault(f"cap_{name}", f"CAP 的 {name} 为“{shown}”：应为{zh}", f"{name} of the CAP message is '{shown}': expected {en}")


def _missing(name: str, zh: str, en: str) -> Fault:
    return Fault(f"cap_{name}", f"CAP 缺 {name}：{zh}时必须有", f"the CAP message has no {name}: expected one because {en}")
