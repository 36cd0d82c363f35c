"""The shape of a channel: a notice in, what became of it out; and the law that no exercise and no test leaves by any."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from alerts.outward import Outward
from domain.labels import Labelled
from domain.publications import Notice
from domain.warnings import WarningMode
from iot.mqtt import BrokerAddress


class Fate(Labelled):
    SENT = "sent", "已送达通道", "sent"
    FAILED = "failed", "未成功，将重试", "failed, to be tried again"
    DEAD = "dead", "无法发出", "cannot be sent"
    WITHHELD = "withheld", "演练不外发", "withheld"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt, in a sentence of each language that names the far end."""

    fate: Fate
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Means:
    """What channels are opened with: the policy, the broker, and the secrets of the settings. `ca_file`: whose certificates are
    believed beyond those that this machine trusts."""

    outward: Outward
    broker: BrokerAddress | None = None
    client_id: str = "cityhelm-notifier"
    smtp_password: str = ""
    webhook_keys: str = ""
    ca_file: Path | None = None


class Channel(Protocol):
    """One way out. `send` is called from one thread at a time."""

    def send(self, notice: Notice, now: datetime) -> Outcome:
        """Makes one attempt; never raises for what the far end does."""

    def close(self) -> None:
        """Lets go of what is open."""


def withheld(notice: Notice) -> Outcome | None:
    """Why a notice must not leave; None for one that may. Every channel asks this first."""
    if notice.mode is WarningMode.ACTUAL and notice.exercise_id is None:
        return None
    zh, en = notice.mode.zh, notice.mode.en
    return Outcome(Fate.WITHHELD, f"属于{zh}，不经真实通道发出", f"it belongs to the mode {en}: it leaves by no real channel")
