"""Service halls: the events of queues and windows. Every figure of a hall is derived from these events."""

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
