"""Rights: who may do what. A pure function of role and action, deny by default."""

from __future__ import annotations

from dataclasses import dataclass

from domain.labels import Labelled
from domain.refusals import Refused


class Role(Labelled):
    LEADER = "leader", "领导", "leader"
    DUTY_OFFICER = "duty_officer", "值班员", "duty officer"
    COMMANDER = "commander", "指挥长", "commander"
    DISPATCHER = "dispatcher", "调度员", "dispatcher"
    HALL_MANAGER = "hall_manager", "大厅主任", "hall manager"
    OPERATOR = "operator", "运维", "operator"
    AUDITOR = "auditor", "审计员", "auditor"
    ADMINISTRATOR = "administrator", "管理员", "administrator"
    WALL = "wall", "大屏", "wall"
    SYSTEM = "system", "系统", "system"


class Action(Labelled):
    ISSUE_ORDER = "order.issue", "派出单位", "send a unit"
    CANCEL_ORDER = "order.cancel", "撤销派单", "cancel an order"
    ACKNOWLEDGE_WARNING = "warning.acknowledge", "签收预警", "acknowledge a warning"
    CLOSE_INCIDENT = "incident.close", "结束事件", "close an incident"
    REPLAY_LETTER = "data.replay", "重放死信", "replay a dead letter"
    REPLAY_LETTERS = "data.replay_many", "批量重放死信", "replay many dead letters"
    RETIRE_DEVICE = "device.retire", "停用设备", "retire a device"
    RESTORE_DEVICE = "device.restore", "恢复设备", "take a device back into service"


_ANSWER_FOR_DATA = frozenset({Role.COMMANDER, Role.OPERATOR, Role.ADMINISTRATOR})
"""What they mend, everybody goes by: those who keep the data flowing, and the commander who decides on it."""

_LOOK_AFTER_DEVICES = frozenset({Role.OPERATOR, Role.ADMINISTRATOR})
"""Who decides what the city expects to hear from."""

_MAY: dict[Action, frozenset[Role]] = {
    Action.ISSUE_ORDER: frozenset({Role.COMMANDER, Role.DISPATCHER}),
    Action.CANCEL_ORDER: frozenset({Role.COMMANDER, Role.DISPATCHER}),
    Action.ACKNOWLEDGE_WARNING: frozenset({Role.DUTY_OFFICER, Role.COMMANDER}),
    # The system closes by itself what the policy says nobody acted on.
    Action.CLOSE_INCIDENT: frozenset({Role.DUTY_OFFICER, Role.COMMANDER, Role.DISPATCHER, Role.SYSTEM}),
    Action.REPLAY_LETTER: _ANSWER_FOR_DATA,
    Action.REPLAY_LETTERS: _ANSWER_FOR_DATA,
    Action.RETIRE_DEVICE: _LOOK_AFTER_DEVICES,
    Action.RESTORE_DEVICE: _LOOK_AFTER_DEVICES,
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in which role. `name` is an account name, never a person's contact."""

    name: str
    role: Role


def may(role: Role, action: Action) -> bool:
    return role in _MAY.get(action, frozenset())


def require(actor: Actor, action: Action) -> None:
    """Raises Refused when the actor's role does not carry the right."""
    if not may(actor.role, action):
        raise Refused(
            "no_right",
            f"{actor.role.zh}无权{action.zh}",
            f"the role {actor.role.en} has no right to {action.en}",
        )
