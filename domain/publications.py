"""Publications: what of a warning is said outside the operations room, to whom, and what became of every notice of it.

A publication is one version of what was said: an Alert of CAP 1.2, then Updates, at last the all-clear or a Cancel. A notice is
that version on its way to one recipient by one channel. What belongs to an exercise or a test is written down and never leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.labels import Labelled
from domain.warnings import WarningLevel, WarningMode


class Audience(Labelled):
    """Who is spoken to: each gets words of its own."""

    OPERATORS = "operators", "值班人员", "operators"
    LEADERS = "leaders", "领导", "leaders"
    PUBLIC = "public", "公众", "public"


class PublicationStep(Labelled):
    """What a version does to the one before it."""

    PUBLISH = "publish", "发布", "published"
    UPDATE = "update", "更新", "updated"
    RAISE = "raise", "升级", "raised"
    LOWER = "lower", "降级", "lowered"
    OVER = "over", "解除", "all clear"
    WITHDRAWN = "withdrawn", "撤销", "withdrawn"

    @property
    def is_end(self) -> bool:
        return self in (PublicationStep.OVER, PublicationStep.WITHDRAWN)


class NoticeState(Labelled):
    WAITING = "waiting", "待发", "waiting"
    SENDING = "sending", "发送中", "being sent"
    SENT = "sent", "已发出", "sent"
    DEAD = "dead", "未能发出", "not sent"
    WITHHELD = "withheld", "演练不外发", "withheld"
    SUPERSEDED = "superseded", "已被替代", "superseded"


class Relation(Labelled):
    """What a message from outside was to what we knew."""

    OPENED = "opened", "新预警", "a new warning"
    CHANGED = "changed", "更新已有预警", "changed a warning"
    ENDED = "ended", "结束已有预警", "ended a warning"
    LINKED = "linked", "与本市预警相同", "the same as one of our own"
    DUPLICATE = "duplicate", "重复", "a duplicate"
    OWN = "own", "本市发出", "sent by ourselves"
    NOTED = "noted", "仅记录", "noted only"


@dataclass(frozen=True, slots=True)
class Saying:
    """What a publication says, beside its level and times. `area` is a GeoJSON geometry in WGS-84; empty texts are left out."""

    headline_zh: str
    headline_en: str
    text_zh: str
    text_en: str
    advice_zh: str
    advice_en: str
    area_zh: str
    area_en: str
    area: Mapping[str, Any] | None = None

    def headline(self, lang: str) -> str:
        return self.headline_zh if lang == "zh" else self.headline_en

    def text(self, lang: str) -> str:
        return self.text_zh if lang == "zh" else self.text_en

    def advice(self, lang: str) -> str:
        return self.advice_zh if lang == "zh" else self.advice_en

    def place(self, lang: str) -> str:
        return self.area_zh if lang == "zh" else self.area_en


@dataclass(frozen=True, slots=True)
class Publication:
    """One version. `identifier` has the 31 characters of the Chinese profile; `cap` is the XML as it was approved."""

    publication_id: int
    warning_id: str
    version: int
    step: PublicationStep
    level: WarningLevel
    mode: WarningMode
    identifier: str
    sender: str
    sent_at: datetime
    onset_at: datetime
    expires_at: datetime
    audiences: tuple[Audience, ...]
    saying: Saying
    cap: str
    actor: str
    approval_id: str | None = None
    exercise_id: str | None = None

    @property
    def is_for_everybody(self) -> bool:
        """Whether it really happens and was said to the public."""
        return self.mode is WarningMode.ACTUAL and self.exercise_id is None and Audience.PUBLIC in self.audiences


@dataclass(frozen=True, slots=True)
class Notice:
    """One version, or a mass notice, on its way to one recipient by one channel. `tries` are the
    attempts since it was last given up; `said_zh` and `said_en` tell what became of it."""

    notice_id: int
    key: str
    channel: str
    audience: Audience
    lang: str
    recipient: str
    mode: WarningMode
    subject: str
    body: str
    created_at: datetime
    due_at: datetime
    state: NoticeState
    attempts: int = 0
    tries: int = 0
    sent_at: datetime | None = None
    said_zh: str = ""
    said_en: str = ""
    warning_id: str | None = None
    publication_id: int | None = None
    version: int | None = None
    mass_id: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    exercise_id: str | None = None
