"""The life of a warning: which step may follow which, and the sentence when one may not."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

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


def state_after_escalation(state: WarningState) -> WarningState:
    """A graver level wants to be seen again: whoever acknowledged the milder one has not acknowledged this."""
    return WarningState.CANDIDATE if state is WarningState.ACKNOWLEDGED else state


def _clock(time: datetime, zone: ZoneInfo) -> str:
    return time.astimezone(zone).strftime("%H:%M")
