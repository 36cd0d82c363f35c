"""Identifiers of warnings: 31 characters, `ZZZZZZDDDUUUXX_YYYYMMDDhhmmss_N`, aligned with the Chinese profile of CAP.

Division of the issuing place 6 digits, agency 3, unit 3, extension 2; Beijing time to the second; one digit of sequence.
"""

from __future__ import annotations

import re
from collections import deque
from datetime import datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8), "Beijing")
PER_SECOND = 10
_AGENCY = re.compile(r"\d{14}", re.ASCII)


def require_agency(agency: str) -> str:
    """`agency` itself. Raises ValueError unless it is the 14 digits with which identifiers begin."""
    if not _AGENCY.fullmatch(agency):
        raise ValueError(
            f"the agency of warnings is '{agency}': expected 14 digits (division 6, agency 3, unit 3, extension 2), "
            "such as 99010000100100"
        )
    return agency


def compose(agency: str, at: datetime, number: int) -> str:
    """The identifier of a warning issued at `at` with the running number 0–9."""
    if not 0 <= number < PER_SECOND:
        raise ValueError(f"the running number of an identifier is {number}: expected one digit")
    return f"{require_agency(agency)}_{at.astimezone(BEIJING):%Y%m%d%H%M%S}_{number}"


class Allotter:
    """Gives identifiers that differ from the last thousand it gave.

    The profile has room for ten in a second. In a storm the following ones take the seconds after it: the identifier's time then
    runs ahead of the warning's own, which is kept beside it.
    """

    def __init__(self, agency: str) -> None:
        self._agency = require_agency(agency)
        self._given: deque[str] = deque(maxlen=100 * PER_SECOND)

    def allot(self, at: datetime, number: int) -> str:
        """An identifier with the running number given, which the database counts for all evaluators."""
        while (identifier := compose(self._agency, at, number)) in self._given:
            at += timedelta(seconds=1)
        self._given.append(identifier)
        return identifier
