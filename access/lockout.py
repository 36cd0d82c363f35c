"""Lock-out: how long somebody waits after wrong passwords, by name and by address. Pure.

A name waits longer with every failure, and never for ever: who could lock out the commander by typing would have found a weapon.
Where its owner has been signing in, failures from elsewhere do not count at all. Names that nobody has wait just the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from domain.refusals import Refused

FREE_TRIES = 5
"""Failures in a row that cost nothing."""
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=15)
REMEMBERED = timedelta(hours=1)
"""Failures are forgotten after this long."""
FAMILIAR = timedelta(days=30)
"""Where somebody signed in within this time, what others guess elsewhere does not keep them out: only failures there count."""
PER_ADDRESS = 60
"""Failures from one address within that time: many people may share one, a guesser of many names would not stop there."""


def waits_until(failures: Sequence[datetime]) -> datetime | None:
    """Until when a name has to wait after these failures in a row, oldest first; None: not at all.

    >>> from datetime import UTC
    >>> nine = datetime(2026, 3, 2, 9, tzinfo=UTC)
    >>> waits_until([nine] * 4), (waits_until([nine] * 6) - nine).seconds
    (None, 60)
    """
    if len(failures) < FREE_TRIES:
        return None
    doublings = min(len(failures) - FREE_TRIES, 10)
    wait = min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
    return failures[-1] + wait


def check_attempt(failures: Sequence[datetime], from_address: int, now: datetime) -> None:
    """Raises Refused while somebody has to wait."""
    until = waits_until(failures)
    if until is not None and now < until:
        wait_s = max(1, round((until - now).total_seconds()))
        raise Refused(
            "locked_out",
            f"登录失败次数过多：请在 {wait_s} 秒后重试",
            f"too many failures: try again in {wait_s} s",
        )
    if from_address >= PER_ADDRESS:
        raise Refused(
            "too_many_from_address",
            "此地址登录失败次数过多：请一小时后重试",
            "too many failures from this address: try again in an hour",
        )
