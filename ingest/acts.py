"""Acts on devices: one that is gone for good is retired, owes nothing any more and is not counted among those that live; what it
said stays.

It comes back by an act of its own, or by itself when it announces itself anew. What a retired device goes on to say is stored.
Vehicles are not retired: a unit goes out of service by its status.
"""

from __future__ import annotations

from datetime import datetime

from domain.refusals import Refused
from domain.rights import Action, Actor
from domain.sensors import SensorKind
from storage import acts, devices
from storage.connection import Connection


def retire(conn: Connection, device_id: str, actor: Actor, now: datetime, *, reason: str | None = None) -> None:
    """From `now` on `device_id` (district/domain/site/device) owes nothing; one transaction with its audit entry. Raises Refused
    when there is no such device, when it is retired already, and for a vehicle."""
    with acts.transaction(conn, actor, Action.RETIRE_DEVICE, device_id, now) as deed:
        acts.begin(conn, actor, Action.RETIRE_DEVICE, device_id, now, detail={"reason": reason} if reason else None, deed=deed)
        service = _service(conn, device_id)
        if service.type_name == SensorKind.UNIT.type_name:
            raise Refused(
                "device_is_unit",
                f"{device_id} 是车辆，不能停用：请让单位上报停用状态",
                f"{device_id} is a vehicle and cannot be retired: expected its unit to say that it is out of service",
            )
        if service.retired_at is not None:
            at = f"{service.retired_at:%Y-%m-%d %H:%M} UTC"
            zh, en = f"{device_id} 已于 {at} 停用", f"{device_id} has been retired since {at}: expected one in service"
            raise Refused("device_retired", zh, en)
        devices.retire(conn, device_id, now)
        deed.changed({"retired": None}, {"retired": now})


def restore(conn: Connection, device_id: str, actor: Actor, now: datetime, *, reason: str | None = None) -> None:
    """Takes a retired device back into service: it owes from then on when it last announced itself, as if it had never been
    retired. Raises Refused when there is no such device or it is in service."""
    with acts.transaction(conn, actor, Action.RESTORE_DEVICE, device_id, now) as deed:
        acts.begin(conn, actor, Action.RESTORE_DEVICE, device_id, now, detail={"reason": reason} if reason else None, deed=deed)
        retired_at = _service(conn, device_id).retired_at
        if retired_at is None:
            raise Refused(
                "device_in_service", f"{device_id} 在用，无需恢复", f"{device_id} is in service: expected one that was retired"
            )
        devices.retire(conn, device_id, None)
        deed.changed({"retired": retired_at}, {"retired": None})


def _service(conn: Connection, device_id: str) -> devices.Service:
    service = devices.find_service_for_update(conn, device_id)
    if service is None:
        raise Refused(
            "device_unknown",
            f"没有设备 {device_id}：应为 行政区/领域/站点/设备",
            f"there is no device {device_id}: expected district/domain/site/device of one that has spoken",
        )
    return service
