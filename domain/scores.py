"""Scores: how stored forecasts turned out, added up, and which model speaks for a series because of that.

The reference is the same slot of the day before (seasonal naive), for the same targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple


class Tally(NamedTuple):
    """Errors added up. `error_compared` are those of the targets of which the reference's are known (`error_reference`)."""

    n: int = 0
    error: float = 0.0
    n_compared: int = 0
    error_compared: float = 0.0
    error_reference: float = 0.0
    n_80: int = 0
    inside_80: int = 0
    n_90: int = 0
    inside_90: int = 0

    @property
    def mean_error(self) -> float | None:
        return self.error / self.n if self.n else None

    @property
    def against_reference(self) -> float | None:
        """Mean error over that of the same slot of the day before; None without one, or where that was never wrong."""
        return self.error_compared / self.error_reference if self.error_reference > 0 else None

    @property
    def coverage_80(self) -> float | None:
        return self.inside_80 / self.n_80 if self.n_80 else None

    @property
    def coverage_90(self) -> float | None:
        return self.inside_90 / self.n_90 if self.n_90 else None


class ScoreKey(NamedTuple):
    """What a tally is of."""

    series_id: int
    day: date
    lead_h: int
    model: str
    is_rival: bool = False


class ScoreRow(NamedTuple):
    """The tally of a series, model and lead over some days."""

    series_id: int
    model: str
    lead_h: int
    tally: Tally


@dataclass(frozen=True, slots=True)
class Champion:
    """Who speaks for a series. `reason` is a stored reason (`forecasting.reasons`); `contest` each contestant's mean error over
    that of the reference."""

    series_id: int
    model: str
    since: datetime
    reason: str
    decided_at: datetime
    contest: Mapping[str, float] = field(default_factory=dict)
