"""Incidents: what happened, how grave it is, how far we have gone to meet it.

Grade (what happened) and response level (what we activate) are two scales, and neither is a warning's colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.labels import Labelled


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

GRADE_BY_SEVERITY = {1: Grade.I, 2: Grade.II, 3: Grade.III, 4: Grade.IV}
"""Severity as devices and callers give it, 1 worst, to grade."""

HAZARD_CLASSES: dict[str, tuple[str, str]] = {
    "fire": ("火灾", "Fire"),
    "medical": ("医疗急救", "Medical emergency"),
    "traffic_accident": ("交通事故", "Traffic accident"),
    "waterlogging": ("城市内涝", "Waterlogging"),
    "flood": ("洪水", "Flood"),
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
