"""Acts on roads and free units: a road closed by hand and opened again, a free unit told to stand by somewhere else. Each is one
transaction with its audit entry; raises Refused, audited, with the sentence to show."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import shapely

from dispatch.orders import locked_unit, new_order_id
from domain.closures import Closure, ClosureSource
from domain.refusals import Refused
from domain.rights import Action, Actor, Place, require
from domain.units import SENDABLE
from gis_data.drawing import as_geojson, read_shape
from iot.payloads import StandByCommand
from iot.topics import COMMAND, topic_of
from storage import acts, closures, orders, outbox, stand_bys
from storage.connection import Connection
from storage.places import place_of_unit

LONGEST_CLOSURE = timedelta(days=366)
DistrictOf = Callable[[float, float], str | None]
"""The code of the district at (lon, lat), None outside all."""


def nowhere(lon: float, lat: float) -> str | None:
    """For a city whose districts are not known."""
    return None


def close_road(
    conn: Connection,
    drawn: str | Mapping[str, Any],
    actor: Actor,
    now: datetime,
    *,
    reason: str,
    until: datetime | None = None,
    district_of: DistrictOf = nowhere,
    exercise_id: str | None = None,
) -> Closure:
    """Closes the roads that a point, a line or a polygon (GeoJSON, WGS-84) covers, until a time or until somebody opens them."""
    closure_id = f"c{new_order_id(now, secrets.randbits(20))[1:]}"
    with acts.transaction(conn, actor, Action.CLOSE_ROAD, closure_id, now, exercise_id=exercise_id) as deed:
        require(actor, Action.CLOSE_ROAD)
        shape, _ = read_shape(drawn)
        detail = {"reason": reason.strip(), **({"until": until.isoformat()} if until else {})}
        acts.begin(
            conn, actor, Action.CLOSE_ROAD, closure_id, now, detail=detail, exercise_id=exercise_id,
            place=_place_of(shape, district_of), deed=deed,
        )  # fmt: skip
        if not reason.strip():
            raise Refused("reason_missing", "封闭道路须写明原因", "closing a road needs a reason")
        if until is not None and not now < until <= now + LONGEST_CLOSURE:
            raise Refused(
                "until_wrong",
                f"封闭截止时间为 {until.isoformat(timespec='minutes')}：应在当前时间之后，且不超过一年",
                f"the closure is to end at {until.isoformat(timespec='minutes')}: expected a time to come, within a year",
            )
        closure = Closure(
            closure_id, ClosureSource.DRAWN, None, as_geojson(shape), reason.strip(), None, actor.name, now, until,
            exercise_id=exercise_id,
        )  # fmt: skip
        closures.close_road(conn, closure, now)
        deed.changed(None, {"geometry": closure.geometry, "until": until})
        return closure


def open_road(
    conn: Connection, closure_id: str, actor: Actor, now: datetime, *, zone: ZoneInfo, reason: str | None = None,
    district_of: DistrictOf = nowhere, exercise_id: str | None = None,
) -> Closure:  # fmt: skip
    """Opens a closed road. What a sensor or an incident closed stays open until its cause has ended and comes again."""
    with acts.transaction(conn, actor, Action.OPEN_ROAD, closure_id, now, exercise_id=exercise_id) as deed:
        try:
            closure = closures.get_closure_for_update(conn, closure_id)
        except LookupError:
            closure = None
        place = Place() if closure is None else _place_of(shapely.geometry.shape(closure.geometry), district_of)
        acts.begin(
            conn, actor, Action.OPEN_ROAD, closure_id, now, detail={"reason": reason} if reason else None,
            exercise_id=exercise_id, place=place, deed=deed,
        )  # fmt: skip
        if closure is None or closure.exercise_id != exercise_id:
            raise Refused("closure_unknown", f"没有道路封闭 {closure_id}", f"there is no closure {closure_id}")
        ended_at = closure.opened_at or (closure.valid_until if closure.valid_until and closure.valid_until <= now else None)
        if ended_at is not None:
            clock = ended_at.astimezone(zone).strftime("%H:%M")
            raise Refused(
                "closure_ended",
                f"道路封闭 {closure_id} 已于 {clock} 解除",
                f"closure {closure_id} ended at {clock}: the road is open",
            )
        closures.open_road(conn, closure_id, actor=actor.name, reason=reason, now=now)
        deed.changed({"closed": True}, {"closed": False})
        return closure


def _place_of(shape: Any, district_of: DistrictOf) -> Place:
    """Where something drawn lies: by a point of it."""
    point = shapely.point_on_surface(shape)
    return Place(district=district_of(point.x, point.y))


@dataclass(frozen=True, slots=True)
class Base:
    """A place where units stand by."""

    place_id: str
    lon: float
    lat: float


def stand_by(
    conn: Connection, unit_id: str, place_id: str, base: Base | None, actor: Actor, now: datetime, *, zone: ZoneInfo,
    order_expiry_s: float, proposal: str | None = None, exercise_id: str | None = None,
) -> str:  # fmt: skip
    """Tells a free unit to wait at another base, from where it is sent as from its own; `base` is None where the city has no such
    place. Returns the id of the command; the unit answers to that, and stays free on its way."""
    moved = f"{unit_id} → {place_id}"
    with acts.transaction(conn, actor, Action.STAND_BY, moved, now, exercise_id=exercise_id) as deed:
        command_id = f"s{new_order_id(now, secrets.randbits(20))[1:]}"
        acts.begin(
            conn, actor, Action.STAND_BY, moved, now, detail={"command": command_id}, exercise_id=exercise_id,
            place=place_of_unit(conn, unit_id), deed=deed,
        )  # fmt: skip
        if base is None:
            raise Refused(
                "place_unknown",
                f"没有地点 {place_id}：应为城市图层中的场所编号",
                f"there is no place {place_id}: expected the id of a place of the city",
            )
        unit = locked_unit(conn, unit_id, now, exercise_id)
        if unit.status not in SENDABLE or orders.find_open_order(conn, unit_id, exercise_id) is not None:
            since = unit.status_since.astimezone(zone).strftime("%H:%M")
            raise Refused(
                "unit_busy",
                f"{unit.name_zh} {unit.status.zh}（{since} 起）：只能调整待命单位的备勤位置",
                f"{unit.name_en} has been {unit.status.en} since {since}: only a free unit can be moved",
            )
        expires_at = now + timedelta(seconds=order_expiry_s)
        stand_bys.write_stand_by(
            conn, command_id, unit_id, (base.place_id, base.lon, base.lat), actor=actor.name, now=now, expires_at=expires_at,
            proposal=proposal, exercise_id=exercise_id,
        )  # fmt: skip
        command = StandByCommand(
            id=command_id, ts=now, place=base.place_id, position=(base.lon, base.lat), expires=expires_at
        )  # fmt: skip
        outbox.put_command(
            conn, topic_of(unit.device_id, COMMAND), msgspec.to_builtins(command), now=now, exercise_id=exercise_id
        )
        deed.changed({"base": None}, {"base": base.place_id})
        return command_id
