"""Incidents: what happened, how grave it is, how far we have gone to meet it, and what may become of them.

Grade (what happened) and response level (what we activate) are two scales, and neither is a warning's colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from domain.labels import Labelled
from domain.refusals import Refused


class Grade(Labelled):
    """Gravity of what happened."""

    I = "I", "Ⅰ级 特别重大", "I extremely grave"  # noqa: E741
    II = "II", "Ⅱ级 重大", "II major"
    III = "III", "Ⅲ级 较大", "III serious"
    IV = "IV", "Ⅳ级 一般", "IV ordinary"


class ResponseLevel(Labelled):
    """What has been activated."""

    I = "I", "Ⅰ级响应", "response I"  # noqa: E741
    II = "II", "Ⅱ级响应", "response II"
    III = "III", "Ⅲ级响应", "response III"
    IV = "IV", "Ⅳ级响应", "response IV"
    NONE = "none", "未启动", "none"


class IncidentState(Labelled):
    REPORTED = "reported", "已接报", "reported"
    VERIFIED = "verified", "已核实", "verified"
    RESPONDING = "responding", "响应中", "responding"
    CONTROLLED = "controlled", "已控制", "controlled"
    RECOVERING = "recovering", "恢复中", "recovering"
    CLOSED = "closed", "已结束", "closed"
    MERGED = "merged", "已并案", "merged"
    FALSE_ALARM = "false_alarm", "误报", "false alarm"


OPEN_STATES = (
    IncidentState.REPORTED,
    IncidentState.VERIFIED,
    IncidentState.RESPONDING,
    IncidentState.CONTROLLED,
    IncidentState.RECOVERING,
)
"""States in which units may still be sent."""

STEPS: Mapping[IncidentState, tuple[IncidentState, ...]] = MappingProxyType({
    IncidentState.REPORTED: (
        IncidentState.VERIFIED, IncidentState.CLOSED, IncidentState.FALSE_ALARM, IncidentState.MERGED,
    ),
    IncidentState.VERIFIED: (
        IncidentState.CONTROLLED, IncidentState.CLOSED, IncidentState.FALSE_ALARM, IncidentState.MERGED,
    ),
    IncidentState.RESPONDING: (
        IncidentState.VERIFIED, IncidentState.CONTROLLED, IncidentState.CLOSED, IncidentState.FALSE_ALARM, IncidentState.MERGED,
    ),
    IncidentState.CONTROLLED: (IncidentState.RECOVERING, IncidentState.CLOSED, IncidentState.MERGED),
    IncidentState.RECOVERING: (IncidentState.CLOSED, IncidentState.MERGED),
    IncidentState.CLOSED: (), IncidentState.MERGED: (), IncidentState.FALSE_ALARM: (),
})  # fmt: skip
"""State → what a person may say it has become. An order makes an incident that waits a responding one, and its end may undo that;
one that is verified while units are under way stays responding; one that was merged by mistake stands again as it stood."""

_CURES: Mapping[IncidentState, tuple[str, str]] = MappingProxyType({
    IncidentState.VERIFIED: ("已核实的不必再次核实", "what has been verified need not be again"),
    IncidentState.CONTROLLED: ("请先核实或派出单位", "verify it or send a unit first"),
    IncidentState.RECOVERING: ("请先报告已控制", "say that it is controlled first"),
    IncidentState.FALSE_ALARM: ("已控制的事件请以“已结束”结束", "close what was controlled as closed"),
    IncidentState.CLOSED: ("请另报新事件", "report a new incident"),
    IncidentState.MERGED: ("请另选仍未结束的事件", "choose one that is still open"),
})  # fmt: skip

GRADE_BY_SEVERITY = {1: Grade.I, 2: Grade.II, 3: Grade.III, 4: Grade.IV}
"""Severity as devices and callers give it, 1 worst, to grade."""

HAZARD_CLASSES: dict[str, tuple[str, str]] = {
    "fire": ("火灾", "Fire"),
    "medical": ("医疗急救", "Medical emergency"),
    "traffic_accident": ("交通事故", "Traffic accident"),
    "waterlogging": ("城市内涝", "Waterlogging"),
    "flood": ("洪水", "Flood"),
    "rainstorm": ("暴雨", "Rainstorm"),
    "gas_leak": ("燃气泄漏", "Gas leak"),
    "hazmat": ("危化品泄漏", "Hazardous material release"),
    "water_supply": ("供水异常", "Water supply"),
    "crowd": ("人群聚集", "Crowding"),
    "power_failure": ("停电", "Power failure"),
    "traffic_hazard": ("交通隐患", "Traffic hazard"),
    "air_pollution": ("空气污染", "Air pollution"),
    "parking": ("停车饱和", "Parking saturation"),
    "congestion": ("交通拥堵", "Congestion"),
    "other": ("其他", "Other"),
}
"""Hazard classes we have words for; others are kept and shown under their own names."""


class ReportChannel(Labelled):
    """How a person of the centre learnt of it. Devices name channels of their own."""

    PHONE = "phone", "电话", "telephone"
    POLICE = "110", "110 报警", "110 police"
    FIRE = "119", "119 报警", "119 fire"
    AMBULANCE = "120", "120 急救", "120 ambulance"
    TRAFFIC = "122", "122 交通事故", "122 traffic"
    HOTLINE = "12345", "12345 热线", "12345 hotline"
    GRID = "grid", "网格巡查", "grid patrol"
    RADIO = "radio", "电台", "radio"
    VIDEO = "video", "视频巡查", "cameras"
    DEPARTMENT = "department", "部门通报", "another department"
    SENSOR = "sensor", "感知设备", "sensors"
    WARNING = "warning", "预警", "warning"
    OTHER = "other", "其他", "other"


class SourceKind(Labelled):
    """What an incident may rest on beside somebody's word."""

    REQUEST = "request", "诉求", "request"
    DETECTION = "detection", "检测", "detection"
    WARNING = "warning", "预警", "warning"


@dataclass(frozen=True, slots=True)
class IncidentReport:
    """An incident as first reported by a message. Position in WGS-84."""

    incident_id: str
    device_id: str
    phenomenon_time: datetime
    received_time: datetime
    hazard_class: str
    grade: Grade
    lon: float
    lat: float
    crs_origin: str
    channel: str
    text: str = ""


def incident_id_of(device_id: str, number: str) -> str:
    """The id of the incident that a device (district/domain/site/device) reported under a number of its own. It names the
    district, since two districts may give their desks the same name; where the desk's own name does so already, not twice.

    >>> incident_id_of("440106/incident/119/desk", "7"), incident_id_of("440106/incident/119/d440106", "7")
    ('440106-desk-7', 'd440106-7')
    """
    district, *_, device = device_id.split("/")
    return f"{device}-{number}" if district in device else f"{district}-{device}-{number}"


@dataclass(frozen=True, slots=True)
class IncidentClosing:
    """An incident that its reporter says is over."""

    incident_id: str
    device_id: str
    phenomenon_time: datetime
    received_time: datetime


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as known at some moment."""

    incident_id: str
    hazard_class: str
    grade: Grade
    response_level: ResponseLevel
    state: IncidentState
    lon: float
    lat: float
    channel: str
    reported_at: datetime
    exercise_id: str | None = None


def check_step(incident: Incident, wanted: IncidentState, since: datetime, *, zone: ZoneInfo, is_verified: bool = False) -> None:
    """Raises Refused, with the sentence to show, unless a person may say that the incident has become `wanted`. `since` is when
    it came into its state; `is_verified`: it was verified before units were sent."""
    if wanted in STEPS[incident.state] and not (wanted is IncidentState.VERIFIED and is_verified):
        return
    clock = since.astimezone(zone).strftime("%H:%M")
    before = [state for state, after in STEPS.items() if wanted in after]
    fit_zh, fit_en = "、".join(state.zh for state in before), " or ".join(state.en for state in before)
    zh, en = _CURES[wanted]
    raise Refused(
        "incident_closed" if incident.state not in OPEN_STATES else "state_forbids",
        f"事件 {incident.incident_id} {incident.state.zh}（{clock} 起），不能改为{wanted.zh}：应为{fit_zh}的事件，{zh}",
        f"incident {incident.incident_id} has been {incident.state.en} since {clock} and cannot become {wanted.en}: "
        f"expected one that is {fit_en}; {en}",
    )


def check_open(incident: Incident, since: datetime, *, zone: ZoneInfo) -> None:
    """Raises Refused for an incident that has ended."""
    if incident.state not in OPEN_STATES:
        clock = since.astimezone(zone).strftime("%H:%M")
        raise Refused(
            "incident_closed",
            f"事件 {incident.incident_id} {incident.state.zh}（{clock} 起），不能再更改：应为未结束的事件，如有新情况请另报",
            f"incident {incident.incident_id} has been {incident.state.en} since {clock} and cannot be changed: "
            "expected an open one; report what is new as another",
        )


def is_led(incident: Incident, command: Command | None) -> bool:
    """Whether people lead it: what they have answered, controlled or taken command of ends by their word alone."""
    return (
        command is not None
        or incident.response_level is not ResponseLevel.NONE
        or incident.state in (IncidentState.CONTROLLED, IncidentState.RECOVERING)
    )


def times_of(steps: Iterable[tuple[IncidentState, ResponseLevel, datetime]]) -> dict[str, datetime]:
    """When an incident first came into each state, by its steps, oldest first; `established` is when a response level was first
    set. An end counts only while it lasts."""
    found: dict[str, datetime] = {}
    last: IncidentState | None = None
    for state, level, at in steps:
        if last is not None and last not in OPEN_STATES and state is not last:
            del found[last.value]
        if state.value not in found:
            found[state.value] = at
        if level is not ResponseLevel.NONE:
            found.setdefault("established", at)
        last = state
    return found


@dataclass(frozen=True, slots=True)
class Radii:
    """Policy: how far round its place an incident touches people until its area is drawn, in metres by hazard, and otherwise."""

    by_hazard: Mapping[str, float]
    otherwise_m: float

    def of(self, hazard_class: str) -> float:
        return self.by_hazard.get(hazard_class, self.otherwise_m)


DELIVERED_RADII = Radii(MappingProxyType({}), 200.0)


@dataclass(frozen=True, slots=True)
class Command:
    """Who commands at an incident, by account name, and since when."""

    commander: str
    since: datetime


@dataclass(frozen=True, slots=True)
class DrawnArea:
    """Where an incident is, as somebody drew it: a GeoJSON geometry in WGS-84, how far it reaches round a point or along a line,
    and the coordinates in which it came."""

    shape: Mapping[str, object]
    reach_m: float | None
    crs_origin: str
    actor: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Source:
    """Evidence of an incident: a request, a detection or a warning, and who joined it to the incident when."""

    incident_id: str
    kind: SourceKind
    source_id: str
    device_id: str
    linked_at: datetime
    actor: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a source says. `lon`, `lat` are where it is, or its device; the words are a warning's."""

    kind: SourceKind
    source_id: str
    device_id: str
    source_class: str
    lon: float | None
    lat: float | None
    happened_at: datetime
    words: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class RequestReport:
    """A citizen's or patrol's request (12345, grid management, 311). Position in WGS-84 where given."""

    request_id: str
    device_id: str
    phenomenon_time: datetime
    received_time: datetime
    source: str
    request_class: str
    lon: float | None
    lat: float | None
    crs_origin: str
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class DetectionReport:
    """Something another system says it has detected, with its confidence 0–1."""

    detection_id: str
    device_id: str
    phenomenon_time: datetime
    received_time: datetime
    detection_class: str
    confidence: float
    snapshot_url: str | None = None
