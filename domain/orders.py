"""Orders: a unit sent to an incident, and the pure check whether it may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.incidents import OPEN_STATES, Incident
from domain.labels import Labelled
from domain.refusals import Refused
from domain.units import SENDABLE, Unit


class OrderState(Labelled):
    ISSUED = "issued", "已下达", "issued"
    SENT = "sent", "已发送", "sent"
    ACCEPTED = "accepted", "已接令", "accepted"
    DECLINED = "declined", "已拒绝", "declined"
    EXPIRED = "expired", "已超时", "expired"
    DONE = "done", "已完成", "done"
    CANCELLED = "cancelled", "已撤销", "cancelled"


OPEN_ORDER_STATES = (OrderState.ISSUED, OrderState.SENT, OrderState.ACCEPTED)


@dataclass(frozen=True, slots=True)
class Order:
    """A dispatch order as known at some moment."""

    order_id: str
    incident_id: str
    unit_id: str
    state: OrderState
    actor: str
    issued_at: datetime
    sent_at: datetime | None = None
    acknowledged_at: datetime | None = None
    override_reason: str | None = None
    exercise_id: str | None = None


def check_order(unit: Unit, incident: Incident, *, zone: ZoneInfo) -> None:
    """Raises Refused, with the sentence to show, when `unit` may not be sent to `incident`."""
    if incident.state not in OPEN_STATES:
        raise Refused(
            "incident_closed",
            f"事件 {incident.incident_id} {incident.state.zh}，不能再派出单位",
            f"incident {incident.incident_id} is {incident.state.en}: no unit can be sent to it",
        )
    if unit.status not in SENDABLE:
        since = unit.status_since.astimezone(zone).strftime("%H:%M")
        towards_zh = f"（任务 {unit.order_id}）" if unit.order_id else ""
        towards_en = f" on order {unit.order_id}" if unit.order_id else ""
        raise Refused(
            "unit_busy",
            f"{unit.name_zh} {unit.status.zh}{towards_zh}，{since} 起",
            f"{unit.name_en} has been {unit.status.en}{towards_en} since {since}",
        )
