from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from alerts.lifecycle import NEVER, Silence, Voice, check_acknowledge, is_expired, state_after_escalation
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


MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SILENCE = Silence(intervals=120, longest_s=86_400)


@pytest.mark.parametrize(
    ("interval_s", "silent_for", "expires"),
    [
        (60, 119 * MINUTE, False), (60, 120 * MINUTE, True),
        (3600, 23 * HOUR, False), (3600, 24 * HOUR, True),
        (1, 9 * MINUTE, False), (1, 10 * MINUTE, True),
    ],
    ids=lambda each: str(each),
)  # fmt: skip
def test_a_series_is_waited_for_so_many_of_its_intervals_and_at_the_most_a_day(
    interval_s: float, silent_for: timedelta, expires: bool
) -> None:
    """One that speaks every second is judged as if it spoke every five, as its freshness is."""
    voice = Voice(NINE, interval_s)
    assert is_expired(voice, SILENCE, listening_since=NINE - HOUR, now=NINE + silent_for) is expires


def test_what_was_not_listened_to_is_no_silence() -> None:
    voice = Voice(NINE, 60)
    assert not is_expired(voice, SILENCE, listening_since=NINE + 5 * HOUR, now=NINE + 6 * HOUR)
    assert is_expired(voice, SILENCE, listening_since=NINE + 5 * HOUR, now=NINE + 7 * HOUR)


def test_the_policy_may_say_that_no_warning_expires() -> None:
    assert not is_expired(Voice(NINE, 60), NEVER, listening_since=NINE, now=NINE + 999 * HOUR)
