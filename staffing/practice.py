"""Practice: what a city's policy says about its halls, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time


@dataclass(frozen=True, slots=True)
class Shift:
    """A kind of working day: local times of day, and the breaks taken within `lunch` (earliest begin, latest end) for
    `lunch_min` minutes."""

    id: str
    zh: str
    en: str
    start: time
    end: time
    lunch: tuple[time, time] | None = None
    lunch_min: int = 0

    @property
    def paid_h(self) -> float:
        minutes = 60 * (self.end.hour - self.start.hour) + self.end.minute - self.start.minute
        return (minutes - (self.lunch_min if self.lunch else 0)) / 60


SHIFTS = (
    Shift("day", "全天班", "full day", time(8, 45), time(17, 15), (time(11, 15), time(13, 45)), 45),
    Shift("morning", "上午班", "morning", time(8, 45), time(12, 45)),
    Shift("afternoon", "下午班", "afternoon", time(13, 15), time(17, 15)),
)


@dataclass(frozen=True, slots=True)
class HallPractice:
    """What is aimed at and how windows and people may be moved.

    `target_s`: nine in ten shall not wait longer. A proposal is made when it takes at least `gain_s` off the 90 % quantile of the
    worst quarter of an hour, or keeps it under the target; it stays open for `valid_s`. A window that is opened stays so for
    `least_open_s`; a move of a window is worth `move_cost_s` of waiting customers. A command that nobody answers within
    `answer_s` is raised. A roster asks for the `demand_quantile` of the demand, for `solve_s` at most.
    """

    target_s: float = 900.0
    waits_every_s: float = 300.0
    advice_every_s: float = 300.0
    advice_horizon_s: float = 14_400.0
    gain_s: float = 120.0
    valid_s: float = 900.0
    least_open_s: float = 1_800.0
    move_cost_s: float = 600.0
    answer_s: float = 60.0
    rating_days: int = 15
    demand_quantile: float = 0.7
    solve_s: float = 60.0
    week_h: float = 40.0
    rest_h: float = 11.0
    days_in_a_row: int = 6
    shifts: tuple[Shift, ...] = field(default=SHIFTS)
