"""Rights: who may do and read what, and where. A pure function of role, area, department and action; denied by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

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
    VISITOR = "visitor", "未登录者", "visitor"


PEOPLE = tuple(role for role in Role if role not in (Role.SYSTEM, Role.VISITOR))
"""Roles that can be granted: the others are the system's own, and that of somebody who has not said who they are."""

SECOND_FACTOR = frozenset({Role.DUTY_OFFICER, Role.COMMANDER, Role.ADMINISTRATOR})
"""Roles that are not given for a password alone: they speak to the public, command, or make others able to."""


class Action(Labelled):
    ISSUE_ORDER = "order.issue", "派出单位", "send a unit"
    CANCEL_ORDER = "order.cancel", "撤销派单", "cancel an order"
    ACKNOWLEDGE_WARNING = "warning.acknowledge", "签收预警", "acknowledge a warning"
    CLOSE_INCIDENT = "incident.close", "结束事件", "close an incident"
    REPLAY_LETTER = "data.replay", "重放死信", "replay a dead letter"
    REPLAY_LETTERS = "data.replay_many", "批量重放死信", "replay many dead letters"
    RETIRE_DEVICE = "device.retire", "停用设备", "retire a device"
    RESTORE_DEVICE = "device.restore", "恢复设备", "take a device back into service"
    # decided beforehand, because two persons are asked for: what goes out to the public, and what cannot be taken back
    PUBLISH_WARNING = "warning.publish", "发布预警", "publish a warning"
    RAISE_WARNING = "warning.raise", "升级已发布预警", "raise a published warning"
    LOWER_WARNING = "warning.lower", "降级已发布预警", "lower a published warning"
    CANCEL_WARNING = "warning.cancel", "撤销已发布预警", "cancel a published warning"
    CHANGE_RULE = "rule.change", "修改预警规则", "change a rule"
    RETIRE_RULE = "rule.retire", "废止预警规则", "retire a rule"
    ENABLE_RULE = "rule.enable", "启用预警规则", "enable a rule"
    DISABLE_RULE = "rule.disable", "停用预警规则", "disable a rule"
    NOTIFY_MANY = "notice.mass", "群发通知", "send a mass notice"
    RESEND_NOTICE = "notice.replay", "重发通知", "send a notice again"
    RECEIVE_CAP = "cap.receive", "接收外部预警", "take in a warning from outside"
    DELETE_DATA = "data.delete", "删除数据", "delete data"
    SET_RESPONSE = "incident.response", "调整响应等级", "set the response level"
    # incidents by people
    REPORT_INCIDENT = "incident.report", "接报事件", "report an incident"
    PROMOTE_SOURCE = "incident.promote", "转为事件", "make an incident of a report"
    VERIFY_INCIDENT = "incident.verify", "核实事件", "verify an incident"
    CONTROL_INCIDENT = "incident.control", "报告已控制", "report an incident controlled"
    RECOVER_INCIDENT = "incident.recover", "转入恢复", "begin the recovery"
    GRADE_INCIDENT = "incident.grade", "调整事件等级", "change the grade of an incident"
    TAKE_COMMAND = "incident.command", "接任指挥", "take command"
    DRAW_AREA = "incident.area", "标绘事件范围", "draw the area of an incident"
    MERGE_INCIDENTS = "incident.merge", "并案", "merge incidents"
    UNMERGE_INCIDENT = "incident.unmerge", "撤销并案", "undo a merge"
    # resources of all departments
    SET_RESOURCE = "resource.set", "登记资源情况", "note the state of a resource"
    ADD_RESOURCE = "resource.add", "新增资源", "add a resource"
    RESERVE_RESOURCE = "resource.reserve", "预留资源", "reserve a resource"
    RELEASE_RESOURCE = "resource.release", "释放资源", "release a resource"
    CREATE_REQUEST = "request.create", "请求资源", "request a resource"
    ADVANCE_REQUEST = "request.advance", "办理资源请求", "advance a resource request"
    # sending units, and the roads they drive on
    ISSUE_ORDERS = "order.issue_all", "派出多个单位", "send several units"
    STAND_BY = "unit.stand_by", "调整备勤位置", "move a free unit"
    CLOSE_ROAD = "road.close", "封闭道路", "close a road"
    OPEN_ROAD = "road.open", "恢复道路通行", "open a road"
    # warnings by people
    DRAFT_RULE = "rule.draft", "起草与回测预警规则", "draft and back-test a rule"
    VERIFY_WARNING = "warning.verify", "核实预警", "verify a warning"
    HANDLE_WARNING = "warning.handle", "处置预警", "handle a warning"
    ASSIGN_WARNING = "warning.assign", "分派预警", "assign a warning"
    HAND_OVER_WARNINGS = "warning.hand_over", "移交预警", "hand over warnings"
    JUDGE_WARNING = "warning.judge", "评定预警", "judge a warning"
    DISMISS_WARNING = "warning.dismiss", "取消不实预警", "dismiss a warning"
    SHELVE_WARNING = "warning.shelve", "搁置预警", "shelve a warning"
    UNSHELVE_WARNING = "warning.unshelve", "取消搁置", "take a warning off its shelf"
    HANDLE_MANY_WARNINGS = "warning.bulk", "批量处理预警", "act on many warnings"
    PLAN_MAINTENANCE = "maintenance.plan", "登记检修", "plan a maintenance"
    END_MAINTENANCE = "maintenance.end", "结束检修", "end a maintenance"
    # windows, clerks, rosters and ratings of halls
    ACCEPT_WINDOWS = "windows.accept", "采纳开窗方案", "accept a window proposal"
    DECLINE_WINDOWS = "windows.decline", "不采纳开窗方案", "decline a window proposal"
    WITHDRAW_WINDOWS = "windows.withdraw", "中止开窗方案", "stop a window proposal"
    COMMAND_WINDOW = "window.command", "指令窗口", "command a window"
    SET_CLERK = "clerk.set", "登记窗口人员", "register a clerk"
    RETIRE_CLERK = "clerk.retire", "注销窗口人员", "retire a clerk"
    NOTE_ABSENCE = "absence.note", "登记缺勤", "note an absence"
    CANCEL_ABSENCE = "absence.cancel", "取消缺勤", "cancel an absence"
    ASK_ROSTER = "roster.ask", "编制排班", "make a roster"
    ADOPT_ROSTER = "roster.adopt", "采用排班", "put a roster in force"
    WITHDRAW_ROSTER = "roster.withdraw", "撤销排班", "withdraw a roster"
    ANSWER_RATING = "rating.answer", "跟进差评", "follow a bad rating up"
    # people, keys and what they may
    CREATE_ACCOUNT = "account.create", "新建账号", "create an account"
    RESET_ACCOUNT = "account.reset", "重置账号", "reset an account"
    DISABLE_ACCOUNT = "account.disable", "停用账号", "disable an account"
    ENABLE_ACCOUNT = "account.enable", "启用账号", "enable an account"
    GRANT_ROLE = "access.grant", "授予角色", "grant a role"
    REVOKE_ROLE = "access.revoke", "撤销角色", "revoke a role"
    CREATE_KEY = "key.create", "新建接口密钥", "create an API key"
    REVOKE_KEY = "key.revoke", "撤销接口密钥", "revoke an API key"
    CHANGE_POLICY = "policy.change", "修改双人规则", "change the two-person policy"
    DECIDE_REQUEST = "approval.decide", "审批请求", "decide a request"
    BREAK_GLASS = "approval.break_glass", "紧急越权执行", "break the glass"
    REVIEW_BREAK_GLASS = "approval.review", "复核紧急越权", "review a broken glass"
    # one's own sessions
    SIGN_IN = "session.sign_in", "登录", "sign in"
    SIGN_OUT = "session.sign_out", "退出登录", "sign out"
    TAKE_ROLE = "session.role", "切换角色", "take a role"
    CHANGE_PASSWORD = "session.password", "修改密码", "change a password"
    SET_FACTOR = "session.factor", "绑定动态口令", "set a second factor"
    # reading
    READ_CITY = "read.city", "查看城市运行", "see the city"
    READ_HALLS = "read.halls", "查看政务大厅", "see the halls"
    READ_STAFF = "read.staff", "查看窗口人员与排班", "see clerks and rosters"
    READ_LOG = "read.log", "查看处置日志", "see the log of operations"
    READ_TEXT = "read.text", "查看自由文本与联系方式", "read free text and contacts"
    READ_SYSTEM = "read.system", "查看运行保障", "see the system"
    READ_DATA = "read.data", "查看数据健康", "see the health of the data"
    READ_PAYLOAD = "read.payload", "查看报文原文", "read refused messages"
    READ_REQUESTS = "read.requests", "查看审批事项", "see requests for a second person"
    READ_AUDIT = "read.audit", "查看审计", "see the audit"
    READ_PEOPLE = "read.people", "查看账号与权限", "see accounts and rights"

    @property
    def is_reading(self) -> bool:
        return self.value.startswith("read.")

    @property
    def is_own(self) -> bool:
        """Whether it is about nobody but oneself: whoever has an account may."""
        return self.value.startswith("session.")


_ANSWER_FOR_DATA = frozenset({Role.COMMANDER, Role.OPERATOR, Role.ADMINISTRATOR})
"""What they mend, everybody goes by: those who keep the data flowing, and the commander who decides on it."""
_SPEAK_OUTWARD = frozenset({Role.DUTY_OFFICER, Role.COMMANDER})
_WATCH = frozenset({Role.LEADER, Role.DUTY_OFFICER, Role.COMMANDER, Role.DISPATCHER, Role.OPERATOR, Role.WALL})
_ADMINISTER = frozenset({Role.ADMINISTRATOR})
_OVERSEE = frozenset({Role.LEADER, Role.AUDITOR})
_DECIDE = frozenset({Role.LEADER, Role.DUTY_OFFICER, Role.COMMANDER, Role.OPERATOR, Role.ADMINISTRATOR})

_HANDLE_INCIDENTS = frozenset({Role.DUTY_OFFICER, Role.COMMANDER, Role.DISPATCHER})

_LOOK_AFTER_DEVICES = frozenset({Role.OPERATOR, Role.ADMINISTRATOR})
"""Who decides what the city expects to hear from."""

_RUN_HALLS = frozenset({Role.HALL_MANAGER})

_MAY: Mapping[Action, frozenset[Role]] = MappingProxyType({
    Action.ISSUE_ORDER: frozenset({Role.COMMANDER, Role.DISPATCHER}),
    Action.CANCEL_ORDER: frozenset({Role.COMMANDER, Role.DISPATCHER}),
    Action.ACKNOWLEDGE_WARNING: frozenset({Role.DUTY_OFFICER, Role.COMMANDER}),
    # The system closes by itself what the policy says nobody acted on.
    Action.CLOSE_INCIDENT: frozenset({Role.DUTY_OFFICER, Role.COMMANDER, Role.DISPATCHER, Role.SYSTEM}),
    Action.REPLAY_LETTER: _ANSWER_FOR_DATA,
    Action.REPLAY_LETTERS: _ANSWER_FOR_DATA,
    Action.RETIRE_DEVICE: _LOOK_AFTER_DEVICES,
    Action.RESTORE_DEVICE: _LOOK_AFTER_DEVICES,
    Action.PUBLISH_WARNING: _SPEAK_OUTWARD,
    Action.RAISE_WARNING: _SPEAK_OUTWARD,
    Action.LOWER_WARNING: _SPEAK_OUTWARD,
    Action.CANCEL_WARNING: _SPEAK_OUTWARD,
    Action.CHANGE_RULE: _SPEAK_OUTWARD,
    Action.RETIRE_RULE: _SPEAK_OUTWARD,
    Action.ENABLE_RULE: _SPEAK_OUTWARD,
    Action.DISABLE_RULE: _SPEAK_OUTWARD,
    Action.DRAFT_RULE: _SPEAK_OUTWARD | {Role.OPERATOR},
    Action.NOTIFY_MANY: _SPEAK_OUTWARD,
    Action.RESEND_NOTICE: _SPEAK_OUTWARD | {Role.OPERATOR},
    Action.RECEIVE_CAP: _SPEAK_OUTWARD | {Role.OPERATOR},
    Action.DELETE_DATA: frozenset({Role.OPERATOR, Role.ADMINISTRATOR}),
    Action.SET_RESPONSE: frozenset({Role.LEADER, Role.COMMANDER, Role.DUTY_OFFICER}),
    Action.REPORT_INCIDENT: _HANDLE_INCIDENTS,
    Action.PROMOTE_SOURCE: _HANDLE_INCIDENTS,
    Action.VERIFY_INCIDENT: _HANDLE_INCIDENTS,
    Action.CONTROL_INCIDENT: _HANDLE_INCIDENTS,
    Action.RECOVER_INCIDENT: _HANDLE_INCIDENTS,
    Action.GRADE_INCIDENT: _HANDLE_INCIDENTS,
    Action.TAKE_COMMAND: frozenset({Role.DUTY_OFFICER, Role.COMMANDER}),
    Action.DRAW_AREA: _HANDLE_INCIDENTS,
    Action.MERGE_INCIDENTS: _HANDLE_INCIDENTS,
    Action.UNMERGE_INCIDENT: _HANDLE_INCIDENTS,
    Action.SET_RESOURCE: _HANDLE_INCIDENTS,
    Action.ADD_RESOURCE: frozenset({Role.DUTY_OFFICER, Role.COMMANDER}),
    Action.RESERVE_RESOURCE: _HANDLE_INCIDENTS,
    Action.RELEASE_RESOURCE: _HANDLE_INCIDENTS,
    Action.CREATE_REQUEST: _HANDLE_INCIDENTS,
    Action.ADVANCE_REQUEST: _HANDLE_INCIDENTS,
    Action.ISSUE_ORDERS: frozenset({Role.COMMANDER, Role.DISPATCHER}),
    Action.STAND_BY: frozenset({Role.COMMANDER, Role.DISPATCHER}),
    Action.CLOSE_ROAD: _HANDLE_INCIDENTS,
    Action.OPEN_ROAD: _HANDLE_INCIDENTS,
    Action.VERIFY_WARNING: _SPEAK_OUTWARD,
    Action.HANDLE_WARNING: _SPEAK_OUTWARD,
    Action.ASSIGN_WARNING: _SPEAK_OUTWARD,
    Action.HAND_OVER_WARNINGS: _SPEAK_OUTWARD,
    Action.JUDGE_WARNING: _SPEAK_OUTWARD,
    Action.DISMISS_WARNING: _SPEAK_OUTWARD,
    Action.SHELVE_WARNING: _SPEAK_OUTWARD,
    Action.UNSHELVE_WARNING: _SPEAK_OUTWARD,
    Action.HANDLE_MANY_WARNINGS: _SPEAK_OUTWARD,
    Action.PLAN_MAINTENANCE: _SPEAK_OUTWARD | {Role.OPERATOR},
    Action.END_MAINTENANCE: _SPEAK_OUTWARD | {Role.OPERATOR},
    Action.ACCEPT_WINDOWS: _RUN_HALLS,
    Action.DECLINE_WINDOWS: _RUN_HALLS,
    Action.WITHDRAW_WINDOWS: _RUN_HALLS,
    Action.COMMAND_WINDOW: _RUN_HALLS,
    Action.SET_CLERK: _RUN_HALLS,
    Action.RETIRE_CLERK: _RUN_HALLS,
    Action.NOTE_ABSENCE: _RUN_HALLS,
    Action.CANCEL_ABSENCE: _RUN_HALLS,
    Action.ASK_ROSTER: _RUN_HALLS,
    Action.ADOPT_ROSTER: _RUN_HALLS,
    Action.WITHDRAW_ROSTER: _RUN_HALLS,
    Action.ANSWER_RATING: _RUN_HALLS,
    Action.CREATE_ACCOUNT: _ADMINISTER,
    Action.RESET_ACCOUNT: _ADMINISTER,
    Action.DISABLE_ACCOUNT: _ADMINISTER,
    Action.ENABLE_ACCOUNT: _ADMINISTER,
    # The system makes the first administrator, when nobody is there who could.
    Action.GRANT_ROLE: _ADMINISTER | {Role.SYSTEM},
    Action.REVOKE_ROLE: _ADMINISTER,
    Action.CREATE_KEY: _ADMINISTER,
    Action.REVOKE_KEY: _ADMINISTER,
    Action.CHANGE_POLICY: _ADMINISTER,
    Action.DECIDE_REQUEST: _DECIDE,
    Action.BREAK_GLASS: _DECIDE,
    Action.REVIEW_BREAK_GLASS: _DECIDE | _OVERSEE,
    Action.SIGN_IN: frozenset(PEOPLE),
    Action.SIGN_OUT: frozenset(PEOPLE),
    Action.TAKE_ROLE: frozenset(PEOPLE),
    Action.CHANGE_PASSWORD: frozenset(PEOPLE),
    Action.SET_FACTOR: frozenset(PEOPLE),
    Action.READ_CITY: _WATCH,
    Action.READ_HALLS: _WATCH | {Role.HALL_MANAGER},
    Action.READ_STAFF: _RUN_HALLS | {Role.LEADER},
    Action.READ_LOG: frozenset({Role.LEADER, Role.DUTY_OFFICER, Role.COMMANDER, Role.DISPATCHER}),
    Action.READ_TEXT: frozenset({Role.LEADER, Role.DUTY_OFFICER, Role.COMMANDER, Role.DISPATCHER}),
    Action.READ_SYSTEM: frozenset(
        {Role.LEADER, Role.DUTY_OFFICER, Role.COMMANDER, Role.OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR}
    ),
    Action.READ_DATA: _ANSWER_FOR_DATA | {Role.LEADER, Role.DUTY_OFFICER},
    Action.READ_PAYLOAD: _ANSWER_FOR_DATA,
    Action.READ_REQUESTS: _DECIDE | _OVERSEE,
    Action.READ_AUDIT: _OVERSEE,
    Action.READ_PEOPLE: _OVERSEE | _ADMINISTER,
})  # fmt: skip

FOR_PERSONS = frozenset(
    {
        Action.CREATE_ACCOUNT, Action.RESET_ACCOUNT, Action.DISABLE_ACCOUNT, Action.ENABLE_ACCOUNT, Action.GRANT_ROLE,
        Action.REVOKE_ROLE, Action.CREATE_KEY, Action.REVOKE_KEY, Action.CHANGE_POLICY, Action.DECIDE_REQUEST,
        Action.BREAK_GLASS, Action.REVIEW_BREAK_GLASS, *(action for action in Action if action.is_own),
    }
)  # fmt: skip
"""What no machine's key can carry: it would be a person's second pair of eyes, or the way to more rights."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object of an act is, as far as that is known."""

    district: str | None = None
    hall: str | None = None
    department: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a grant holds. None: everywhere. What is not known to be inside is outside."""

    districts: frozenset[str] | None = None
    halls: frozenset[str] | None = None
    department: str | None = None

    def covers(self, place: Place) -> bool:
        """Whether an object there belongs to it. A hall is told by its own id, and by its district where only that is bounded."""
        return (
            (self.districts is None or place.district in self.districts)
            and (self.halls is None or place.hall in self.halls)
            and (self.department is None or place.department == self.department)
        )


EVERYWHERE = Scope()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, in which role, where. `name` is an account name, never a person's contact.

    `only` are the actions that a machine's key is bounded to; None: all of the role. `approval` is the request that a second
    person has agreed to, in whose execution this is done.
    """

    name: str
    role: Role
    scope: Scope = EVERYWHERE
    only: frozenset[Action] | None = None
    approval: str | None = None

    @property
    def is_machine(self) -> bool:
        return self.only is not None

    def with_approval(self, approval_id: str) -> Actor:
        return replace(self, approval=approval_id)


def may(role: Role, action: Action) -> bool:
    """Whether a role carries a right at all."""
    return role in _MAY.get(action, frozenset())


def who_may(action: Action) -> tuple[Role, ...]:
    """The roles of people that carry a right."""
    return tuple(role for role in PEOPLE if may(role, action))


def is_allowed(actor: Actor, action: Action, place: Place | None = None) -> bool:
    """Whether the actor may do this there; without a place: anywhere at all, which lets nobody act by itself."""
    return (
        may(actor.role, action)
        and (actor.only is None or (action in actor.only and action not in FOR_PERSONS))
        and (place is None or actor.scope.covers(place))
    )


def require(actor: Actor, action: Action, place: Place | None = None) -> None:
    """Raises Refused when the actor has no right, with who has; or none there, without a word about what is there."""
    if not is_allowed(actor, action):
        roles = who_may(action)
        zh, en = "、".join(role.zh for role in roles), ", ".join(role.en for role in roles)
        whose = ("该接口密钥", "this API key") if actor.is_machine else (actor.role.zh, f"the role {actor.role.en}")
        raise Refused("no_right", f"{whose[0]}无权{action.zh}，有权者：{zh}", f"{whose[1]} has no right to {action.en}; {en} may")
    if place is not None and not actor.scope.covers(place):
        raise Refused(
            "out_of_area",
            f"{actor.role.zh}无权在此{action.zh}：不在授权的辖区、大厅或部门之内",
            f"the role {actor.role.en} has no right to {action.en} here: outside the area, halls or department of the grant",
        )
