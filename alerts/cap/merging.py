"""Merging: what a message from outside is to what is known: news, a change or the end of an earlier one, the same as a warning of
our own, or nothing to warn of. Pure.

The same: of the same hazard, where the areas meet, while ours is open. Two offices that warn of one rain are one warning to who
watches; the message is kept with ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import cos, radians
from types import MappingProxyType
from typing import Any

import shapely

from alerts.cap.document import Alert, Area, Category, Info, MsgType, ResponseType, Status
from domain.publications import Relation
from domain.warnings import OPEN_WARNING_STATES, Warning, WarningLevel, WarningSource
from gis_data.crs import METRES_PER_DEGREE

SOON = timedelta(hours=6)
"""A message about something further off than this is not about what one of our warnings is about now."""

LEVELS: Mapping[str, WarningLevel] = MappingProxyType({level.cap_severity: level for level in WarningLevel})
WORDS: tuple[tuple[str, str], ...] = (
    ("内涝", "waterlogging"), ("积水", "waterlogging"), ("暴雨", "rainstorm"), ("强降雨", "rainstorm"), ("洪", "flood"),
    ("霾", "air_pollution"), ("空气重污染", "air_pollution"), ("空气污染", "air_pollution"), ("燃气", "gas_leak"),
    ("危化", "hazmat"), ("危险化学品", "hazmat"), ("火灾", "fire"), ("森林火险", "fire"), ("停电", "power_failure"),
    ("供水", "water_supply"), ("停水", "water_supply"), ("拥堵", "congestion"), ("urban flood", "waterlogging"),
    ("waterlogging", "waterlogging"), ("rainstorm", "rainstorm"), ("heavy rain", "rainstorm"), ("torrential", "rainstorm"),
    ("flood", "flood"), ("air quality", "air_pollution"), ("air pollution", "air_pollution"), ("haze", "air_pollution"),
    ("gas leak", "gas_leak"), ("hazardous", "hazmat"), ("chemical", "hazmat"), ("wildfire", "fire"), ("fire", "fire"),
    ("power outage", "power_failure"), ("power failure", "power_failure"), ("water supply", "water_supply"),
    ("congestion", "congestion"),
)  # fmt: skip
"""Words in the name of an event → our hazard class, the first that is found; others keep the words of the sender."""


@dataclass(frozen=True, slots=True)
class Known:
    """A warning that is open, where it is (None: nobody knows), and the division it belongs to."""

    warning: Warning
    shape: Any
    district: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the message is, to which warning, and the sentence that says why."""

    relation: Relation
    warning_id: str | None
    zh: str
    en: str


def judge(
    alert: Alert, now: datetime, *, our_sender: str, is_ours: bool, belongs_to: Warning | None, open_ones: Sequence[Known]
) -> Verdict:
    """What a message that was not seen before is. `belongs_to`: the warning of the messages it refers to; `is_ours`: we have
    published what has its identifier."""
    if is_ours or alert.sender == our_sender:
        return Verdict(Relation.OWN, None, "本单位发出的报文", "a message of our own")
    if alert.status != Status.ACTUAL:
        known = Status.known(alert.status)
        word = known.zh if known is not None else alert.status
        return _noted(f"状态为{word}，不据此预警", f"its status is {alert.status}: it warns of nothing")
    if alert.msg_type in (MsgType.ACK, MsgType.ERROR) or MsgType.known(alert.msg_type) is None:
        return _noted(f"类型为 {alert.msg_type}，不据此预警", f"its type is {alert.msg_type}: it warns of nothing")
    ends = alert.msg_type == MsgType.CANCEL or is_all_clear(alert)
    if belongs_to is not None and belongs_to.source is not WarningSource.EXTERNAL_CAP:
        zh, en = ("外部已解除或撤销", "it has ended outside") if ends else ("外部已更新", "it was updated outside")
        return Verdict(Relation.LINKED, belongs_to.warning_id, zh, en)
    if belongs_to is not None and belongs_to.state in OPEN_WARNING_STATES:
        relation = Relation.ENDED if ends else Relation.CHANGED
        return Verdict(relation, belongs_to.warning_id, f"引用的预警：{relation.zh}", f"by its reference: {relation.en}")
    if ends:
        return _noted("没有它所结束的预警", "there is no open warning that it could end")
    if not alert.infos:
        return _noted("没有 info，未说明预警内容", "it has no info, so it says nothing to warn of")
    expires = latest(info.expires for info in alert.infos)
    if expires is not None and expires <= now:
        return _noted(f"已于 {expires.isoformat()} 失效", f"it expired at {expires.isoformat()}")
    same = find_same(alert, now, open_ones)
    if same is not None:
        ours = same.warning.identifier
        zh, en = f"与本市预警 {ours} 同类同地", f"of the same hazard and place as {ours} of ours"
        return Verdict(Relation.LINKED, same.warning.warning_id, zh, en)
    return Verdict(Relation.OPENED, None, "据此开立预警", "it opens a warning")


def find_same(alert: Alert, now: datetime, open_ones: Sequence[Known]) -> Known | None:
    """The gravest warning of our own that is about the same, if there is one."""
    onset = min((info.onset for info in alert.infos if info.onset is not None), default=None)
    if onset is not None and onset > now + SOON:
        return None
    classes = {hazard_of(info) for info in alert.infos}
    where = shape_of(area for info in alert.infos for area in info.areas)
    divisions = {code.value for info in alert.infos for area in info.areas for code in area.geocodes}
    found = [
        known for known in open_ones
        if known.warning.source is not WarningSource.EXTERNAL_CAP and known.warning.hazard_class in classes
        and (known.district in divisions or (where is not None and known.shape is not None and where.intersects(known.shape)))
    ]  # fmt: skip
    return min(found, key=lambda known: (known.warning.level.rank, known.warning.raised_at), default=None)


def is_all_clear(alert: Alert) -> bool:
    """Whether every part of a message says that it is over."""
    return bool(alert.infos) and all(ResponseType.ALL_CLEAR in info.response_types for info in alert.infos)


def level_of(alert: Alert) -> WarningLevel:
    """By the gravest severity that is told; without one the mildest, because somebody does warn."""
    told = [LEVELS[info.severity] for info in alert.infos if info.severity in LEVELS]
    return min(told, key=lambda level: level.rank, default=WarningLevel.BLUE)


def hazard_of(info: Info) -> str:
    """Our class of what one part of a message is about."""
    said = info.event.lower()
    found = next((hazard for word, hazard in WORDS if word in said), None)
    if found is not None:
        return found
    return "fire" if Category.FIRE in info.categories else "other"


def shape_of(areas: Iterable[Area]) -> Any:
    """All that the areas cover, in degrees; None for areas that are only named. Rings that cross themselves are mended."""
    shapes: list[Any] = []
    for area in areas:
        rings = [[(lon, lat) for lat, lon in ring] for ring in area.polygons if len(ring) >= 4]
        shapes += [shapely.make_valid(shapely.Polygon(ring)) for ring in rings]
        shapes += [_circle(circle.lon, max(-89.0, min(circle.lat, 89.0)), circle.radius_km * 1000) for circle in area.circles]
    return shapely.union_all(shapes) if shapes else None


def _circle(lon: float, lat: float, radius_m: float) -> Any:
    """A circle on the ground as it lies in degrees, where a degree of longitude is shorter than one of latitude."""
    high = max(radius_m, 1.0) / METRES_PER_DEGREE
    round_one = shapely.Point(0, 0).buffer(1.0, quad_segs=16)
    return shapely.transform(round_one, lambda xy: xy * [high / cos(radians(lat)), high] + [lon, lat])


def latest(times: Iterable[datetime | None]) -> datetime | None:
    return max((time for time in times if time is not None), default=None)


def _noted(zh: str, en: str) -> Verdict:
    return Verdict(Relation.NOTED, None, zh, en)
