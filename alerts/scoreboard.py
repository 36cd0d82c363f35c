"""Scoreboard: how often a rule was right, how far ahead it warned, what it missed and how often it cried wolf.

What is told of a warning is a person's verdict or, for a rule of forecasts, whether the threshold it spoke of was reached
within its horizon; a verdict goes before. A warning of which nothing can be told yet counts for nothing. Figures of fewer than
`LEAST` cases are None: they would say more about chance than about the rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from domain.warnings import WarningVerdict

LEAST = 5
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Case:
    """A warning: when it was raised, what people said of it; for a rule of forecasts when the threshold was reached (None: not)
    and whether its horizon is over. A rule of what is measured has no horizon (`is_due` None): only people can say."""

    raised_at: datetime
    verdict: WarningVerdict | None
    crossed_at: datetime | None = None
    is_due: bool | None = None

    @property
    def is_right(self) -> bool | None:
        """None: nothing can be told, or it was a test."""
        if self.verdict is not None:
            return {WarningVerdict.RIGHT: True, WarningVerdict.FALSE_ALARM: False}.get(self.verdict)
        if self.crossed_at is not None:
            return True
        return False if self.is_due else None


@dataclass(frozen=True, slots=True)
class Score:
    """The figures of a rule over [since, until): `n` warnings, of them right, false and tests; `lead_s` is the median of
    `n_lead`; `missed` of `n_events` things there were to warn of, None where these are not known."""

    since: datetime
    until: datetime
    n: int
    right: int
    false: int
    test: int
    precision: float | None
    lead_s: float | None
    n_lead: int
    missed: int | None
    n_events: int | None
    false_per_week: float | None

    @property
    def judged(self) -> int:
        return self.right + self.false


def score(cases: Sequence[Case], warned_of: Sequence[bool] | None, since: datetime, until: datetime) -> Score:
    """The figures of these warnings. `warned_of`: of each thing there was to warn of, whether a warning came before; None: nobody
    knows what there was."""
    told = [case.is_right for case in cases]
    right, false = told.count(True), told.count(False)
    leads = [
        (case.crossed_at - case.raised_at).total_seconds() for case in cases if case.crossed_at is not None and case.is_right
    ]
    judged, weeks = right + false, (until - since) / WEEK
    return Score(
        since=since, until=until, n=len(cases), right=right, false=false,
        test=sum(case.verdict is WarningVerdict.TEST for case in cases), precision=right / judged if judged >= LEAST else None,
        lead_s=median(leads) if len(leads) >= LEAST else None, n_lead=len(leads),
        missed=None if warned_of is None else sum(not warned for warned in warned_of),
        n_events=None if warned_of is None else len(warned_of),
        false_per_week=false / weeks if judged >= LEAST and weeks > 0 else None,
    )  # fmt: skip
