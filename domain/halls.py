"""Service halls: what people come for, the events of queues and windows, and how a window answers a command.

Every figure of a hall is derived from its events. A ticket's number is its own within one hall and local day; what becomes
of it is read off its events, in the order of their times and, within one millisecond, of their ids:

- `arrive`: waiting. `call`, `recall`: called to a window. `start`: served there.
- `end`, `no_show`, `abandon`: gone; a `rating` may follow an `end`.
- `transfer`: waiting again, under the same number, for `to_item`.
- `park`: aside (fetching a paper, or the window broke down): neither waiting nor served, until the next `call`.

`window.open` names the items that are served from then on and the clerk; `window.pause`, `window.close` and `window.fault`
follow when the customer at the window is done with, except that a fault parks him.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.labels import Labelled


class HallEventKind(Labelled):
    ARRIVE = "arrive", "取号", "arrive"
    CALL = "call", "叫号", "call"
    RECALL = "recall", "重呼", "recall"
    START = "start", "开始办理", "start"
    END = "end", "办结", "end"
    NO_SHOW = "no_show", "过号", "no show"
    TRANSFER = "transfer", "转办", "transfer"
    PARK = "park", "挂起", "park"
    ABANDON = "abandon", "离开", "abandon"
    WINDOW_OPEN = "window.open", "开窗", "window open"
    WINDOW_PAUSE = "window.pause", "暂停", "window pause"
    WINDOW_CLOSE = "window.close", "关窗", "window close"
    WINDOW_FAULT = "window.fault", "故障", "window fault"
    RATING = "rating", "评价", "rating"


class ServiceItem(Labelled):
    """What people come to a hall for. Halls may name others: those are kept and shown as they are written."""

    SOCIAL_SECURITY = "social_security", "社会保险", "social security"
    MEDICAL_INSURANCE = "medical_insurance", "医疗保险", "medical insurance"
    PROVIDENT_FUND = "provident_fund", "住房公积金", "housing provident fund"
    TAX = "tax", "税务", "tax"
    BUSINESS_LICENCE = "business_licence", "企业登记", "business licence"
    REAL_ESTATE = "real_estate", "不动产登记", "real estate registration"
    CONSTRUCTION_PERMIT = "construction_permit", "工程建设审批", "construction permit"
    HOUSEHOLD_REGISTRATION = "household_registration", "户籍", "household registration"
    ID_CARD = "id_card", "居民身份证", "identity card"
    ENTRY_EXIT = "entry_exit", "出入境证件", "travel documents"
    VEHICLE = "vehicle", "车辆与驾驶证", "vehicles and driving licences"
    CIVIL_AFFAIRS = "civil_affairs", "民政事务", "civil affairs"
    UTILITIES = "utilities", "水电气业务", "water, power and gas"
    ENQUIRY = "enquiry", "咨询", "enquiry"


class TicketChannel(Labelled):
    WALK_IN = "walk_in", "现场取号", "walk-in"
    APPOINTMENT = "appointment", "预约", "appointment"


class WindowState(Labelled):
    """What a window is; a command may ask for the first three."""

    OPEN = "open", "开放", "open"
    PAUSED = "paused", "暂停", "paused"
    CLOSED = "closed", "关闭", "closed"
    FAULT = "fault", "故障", "fault"


class WindowAnswer(Labelled):
    """How a hall answers a window command: `accepted`, or why not."""

    ACCEPTED = "accepted", "已执行", "accepted"
    NO_SUCH_WINDOW = "no_such_window", "本厅没有这个窗口", "the hall has no such window"
    NO_SUCH_STATE = "no_such_state", "窗口状态无效", "a window cannot be put into that state"
    NO_SUCH_COMMAND = "no_such_command", "不认识的指令", "the hall does not know that command"
    NOT_OFFERED = "not_offered", "本厅不办理该事项", "the hall does not offer that item"
    HALL_CLOSED = "hall_closed", "大厅未开放", "the hall is closed"
    WINDOW_FAULT = "window_fault", "窗口设备故障", "the window is out of order"
    WINDOW_CLOSED = "window_closed", "窗口未开，无法暂停", "a closed window cannot be paused"
    NO_CLERK = "no_clerk", "没有空闲人员", "no clerk is free"
    NO_SKILL = "no_skill", "空闲人员不会办理该事项", "no clerk who is free can do that item"


@dataclass(frozen=True, slots=True)
class HallEvent:
    """One event of one hall. `clerk` is a pseudonym; `grade` is 1 (very satisfied) to 5 for ratings."""

    hall_id: str
    device_id: str
    event_id: str
    phenomenon_time: datetime
    received_time: datetime
    event: HallEventKind
    ticket: str | None = None
    item: str | None = None
    window_no: int | None = None
    clerk: str | None = None
    channel: str | None = None
    grade: int | None = None
    to_item: str | None = None
    items: tuple[str, ...] = ()
