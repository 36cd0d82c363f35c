"""Units: the vehicles and teams that can be sent, their status, their reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.labels import Labelled


class UnitStatus(Labelled):
    """What a unit is doing; the order of members is the usual order of an operation."""

    AVAILABLE = "available", "待命", "available"
    DISPATCHED = "dispatched", "已派", "dispatched"
    ENROUTE = "enroute", "出动", "en route"
    ON_SCENE = "on_scene", "到达", "on scene"
    WORKING = "working", "处置中", "working"
    STAGING = "staging", "集结", "staging"
    RETURNING = "returning", "返回", "returning"
    OUT_OF_SERVICE = "out_of_service", "停用", "out of service"


SENDABLE = (UnitStatus.AVAILABLE, UnitStatus.RETURNING)
"""Statuses in which a unit may take a new order."""


ATTENDING = (UnitStatus.ON_SCENE, UnitStatus.WORKING, UnitStatus.STAGING)
"""Statuses that say a unit has reached its incident."""


class UnitKind(Labelled):
    """What a unit is for."""

    AMBULANCE = "ambulance", "救护车", "ambulance"
    FIRE_ENGINE = "engine", "消防车", "fire engine"
    POLICE_CAR = "police", "警车", "police car"
    FLOOD_RESCUE = "flood_rescue", "排涝抢险车", "flood rescue"
    ENGINEERING = "engineering", "工程抢修车", "engineering"

    @property
    def mark(self) -> str:
        """The one character drawn inside the unit's circle on the map."""
        return {"ambulance": "医", "engine": "消", "police": "警", "flood_rescue": "泵", "engineering": "工"}[self.value]


CAPABILITIES: dict[str, tuple[str, str]] = {
    **{kind.value: (kind.zh, kind.en) for kind in UnitKind},
    "rescue": ("破拆救援", "rescue"),
    "ladder": ("登高", "ladder"),
    "hazmat": ("危化处置", "hazardous materials"),
    "pump": ("排水", "pumping"),
    "power": ("电力抢修", "power"),
    "gas": ("燃气抢修", "gas"),
}
"""Capabilities we have words for, what every unit of a kind can do among them; others are kept under their own names."""


@dataclass(frozen=True, slots=True)
class UnitPosition:
    """Where a unit was (WGS-84)."""

    unit_id: str
    device_id: str
    phenomenon_time: datetime
    received_time: datetime
    lon: float
    lat: float
    crs_origin: str
    speed_kmh: float | None = None
    heading_deg: float | None = None


@dataclass(frozen=True, slots=True)
class UnitStatusReport:
    """A status a unit reports of itself, with the order it concerns."""

    unit_id: str
    device_id: str
    phenomenon_time: datetime
    received_time: datetime
    status: str
    order_id: str | None = None


@dataclass(frozen=True, slots=True)
class CommandAck:
    """A device's answer to a command of ours."""

    device_id: str
    phenomenon_time: datetime
    received_time: datetime
    command_id: str
    result: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as known at some moment."""

    unit_id: str
    device_id: str
    kind: str
    name_zh: str
    name_en: str
    capabilities: tuple[str, ...]
    status: UnitStatus
    status_since: datetime
    order_id: str | None
    lon: float | None
    lat: float | None
    position_time: datetime | None
    speed_kmh: float | None = None
    heading_deg: float | None = None
