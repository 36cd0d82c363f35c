"""The life of a warning: which step may follow which, the sentence when one may not, and when silence ends it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.observations import SHORTEST_INTERVAL_S
from domain.refusals import Refused
from domain.warnings import OPEN_WARNING_STATES, Warning, WarningState

ACKNOWLEDGEABLE = (WarningState.CANDIDATE, WarningState.VERIFIED, WarningState.PUBLISHED)


def check_acknowledge(warning: Warning, acknowledged: tuple[str, datetime] | None, *, zone: ZoneInfo) -> None:
    """Raises Refused, with the sentence to show, unless the warning waits for somebody to acknowledge it.

    `acknowledged` is who did so last, and when.
    """
    if warning.state in ACKNOWLEDGEABLE:
        return
    if warning.state not in OPEN_WARNING_STATES:
        since = _clock(warning.updated_at, zone)
        raise Refused(
            "warning_closed",
            f"预警已于 {since} {warning.state.zh.removeprefix('已')}，无需签收",
            f"the warning was {warning.state.en} at {since}: there is nothing to acknowledge",
        )
    if acknowledged is not None:
        by, since = acknowledged[0], _clock(acknowledged[1], zone)
        raise Refused("warning_acknowledged", f"预警已由 {by} 于 {since} 签收", f"{by} acknowledged this warning at {since}")
    since = _clock(warning.updated_at, zone)
    raise Refused(
        "warning_taken",
        f"预警{warning.state.zh}（{since} 起），不能签收",
        f"the warning has been {warning.state.en} since {since}: it cannot be acknowledged",
    )


def check_verify(warning: Warning, *, zone: ZoneInfo) -> None:
    """Raises Refused unless the warning waits for somebody to say that it is so."""
    _require_open(warning, zone, "核实", "verify")
    if warning.state is not WarningState.CANDIDATE:
        since = _clock(warning.updated_at, zone)
        raise Refused(
            "warning_verified",
            f"预警{warning.state.zh}（{since} 起），无需核实",
            f"the warning has been {warning.state.en} since {since}: there is nothing to verify",
        )


def check_handle(warning: Warning, *, zone: ZoneInfo) -> None:
    """Raises Refused unless somebody may begin to deal with the warning."""
    _require_open(warning, zone, "处置", "handle")
    if warning.state in (WarningState.HANDLING, WarningState.PENDING_APPROVAL):
        since = _clock(warning.updated_at, zone)
        raise Refused(
            "warning_handling" if warning.state is WarningState.HANDLING else "warning_taken",
            f"预警{warning.state.zh}（{since} 起）",
            f"the warning has been {warning.state.en} since {since}",
        )


def check_dismiss(warning: Warning, published: datetime | None, *, zone: ZoneInfo) -> None:
    """Raises Refused unless the warning may be called untrue by those who watch. `published` is since when it is known outward:
    then only a publication takes it back."""
    _require_open(warning, zone, "取消", "dismiss")
    if published is not None:
        since = _clock(published, zone)
        raise Refused(
            "warning_published",
            f"预警已于 {since} 对外发布，须经发布流程撤销",
            f"the warning was published at {since}: take it back by a publication",
        )


def check_open(warning: Warning, *, zone: ZoneInfo) -> None:
    """Raises Refused for a warning that is over."""
    _require_open(warning, zone, "再作安排", "arrange")


def _require_open(warning: Warning, zone: ZoneInfo, zh: str, en: str) -> None:
    if warning.state not in OPEN_WARNING_STATES:
        since = _clock(warning.updated_at, zone)
        raise Refused(
            "warning_closed",
            f"预警已于 {since} {warning.state.zh.removeprefix('已')}，无需{zh}",
            f"the warning was {warning.state.en} at {since}: there is nothing to {en}",
        )


@dataclass(frozen=True, slots=True)
class Silence:
    """The policy: a warning expires when its series has said nothing for `intervals` of its own, at the latest after `longest_s`.
    0 intervals: never."""

    intervals: float
    longest_s: float

    def patience_s(self, interval_s: float) -> float:
        """How long a series that speaks every `interval_s` seconds is waited for."""
        return min(self.intervals * max(interval_s, SHORTEST_INTERVAL_S), self.longest_s)


NEVER = Silence(0.0, 0.0)


class Voice(NamedTuple):
    """When a series was last heard (or its device, if that speaks on change), and at which interval it speaks or beats."""

    heard_at: datetime
    interval_s: float


def is_expired(voice: Voice, silence: Silence, *, listening_since: datetime, now: datetime) -> bool:
    """Whether nothing can be said any more of what a warning is about: it is neither over nor known to go on.

    Silence counts while somebody listens: after an absence of our own, sensors have all their time again.
    """
    if not silence.intervals:
        return False
    return (now - max(voice.heard_at, listening_since)).total_seconds() >= silence.patience_s(voice.interval_s)


def state_after_escalation(state: WarningState) -> WarningState:
    """A graver level wants to be seen again: whoever acknowledged the milder one has not acknowledged this."""
    return WarningState.CANDIDATE if state is WarningState.ACKNOWLEDGED else state


def _clock(time: datetime, zone: ZoneInfo) -> str:
    return time.astimezone(zone).strftime("%H:%M")
