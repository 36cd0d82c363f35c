from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.lifecycle import check_acknowledge, state_after_escalation
from domain.refusals import Refused
from domain.warnings import Warning, WarningLevel, WarningMode, WarningSource, WarningState

NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
WARNING = Warning(
    warning_id="w", identifier="i", rule_id="r", rule_version=1, source=WarningSource.RULE, hazard_class="air",
    level=WarningLevel.BLUE, state=WarningState.CANDIDATE, mode=WarningMode.ACTUAL, object_id="1", device_id=None, lon=None,
    lat=None, raised_at=NINE, updated_at=NINE, zh="", en="",
)  # fmt: skip


@pytest.mark.parametrize("state", [WarningState.CANDIDATE, WarningState.VERIFIED, WarningState.PUBLISHED])
def test_what_waits_may_be_acknowledged(state: WarningState) -> None:
    check_acknowledge(replace(WARNING, state=state), None, zone=ZONE)


@pytest.mark.parametrize(
    ("state", "acknowledged", "zh", "en"),
    [
        (WarningState.ACKNOWLEDGED, ("li", NINE), "预警已由 li 于 09:00 签收", "li acknowledged this warning at 09:00"),
        (WarningState.HANDLING, ("li", NINE), "预警已由 li 于 09:00 签收", "li acknowledged this warning at 09:00"),
        (WarningState.LIFTED, None, "预警已于 09:00 解除，无需签收", "the warning was lifted at 09:00: there is nothing to acknowledge"),
        (
            WarningState.PENDING_APPROVAL, None, "预警待复核（09:00 起），不能签收",
            "the warning has been pending approval since 09:00: it cannot be acknowledged",
        ),
    ],
)  # fmt: skip
def test_a_refusal_says_what_why_and_since_when(
    state: WarningState, acknowledged: tuple[str, datetime] | None, zh: str, en: str
) -> None:
    with pytest.raises(Refused) as refused:
        check_acknowledge(replace(WARNING, state=state), acknowledged, zone=ZONE)
    assert (refused.value.zh, refused.value.en) == (zh, en)


def test_a_graver_level_wants_to_be_seen_again() -> None:
    assert state_after_escalation(WarningState.ACKNOWLEDGED) is WarningState.CANDIDATE
    assert state_after_escalation(WarningState.HANDLING) is WarningState.HANDLING
