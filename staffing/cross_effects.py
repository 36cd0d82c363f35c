"""Cross-effects: what rain, closed roads near a hall, and the eve of days off do to the number of people who come without an
appointment, from stored days.

A half day (morning, afternoon) of a hall is one row: y = log(people + ½). What is usual is the mean of y of the same hall, half
of the day and weekday; a regression of the differences from it on the differences of the causes (weighted by the usual number,
since few people scatter more) gives their effects, all at once:

    y − usual y = β₁ · log(1 + rain / mm) + β₂ · share of the half day that roads near it were closed + β₃ · eve

Shown is exp(β · x), a ratio to what is usual, with a 90 % interval. Halls share the weather of a day, so the scatter is reckoned
by leaving out one day after the other (CR3, which holds where few days had the cause: MacKinnon, Nielsen and Webb, Journal of
Econometrics 232, 2023), with Student's t of one degree less than there are days with the cause. Fewer than `LEAST_DAYS` of them
say nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import exp, log1p

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

Floats = npt.NDArray[np.float64]

MORNING, AFTERNOON = range(6, 13), range(13, 20)
HALVES = (MORNING, AFTERNOON)
"""Hours of the local day."""
RAIN, CLOSURE, EVE = "rain", "closure", "holiday"
CAUSES = (RAIN, CLOSURE, EVE)
LEAST_DAYS = 6
LEAST_DAYS_IN_ALL = 20
LEAST_PEOPLE = 5
"""Half days with fewer as usual are left out: a hall that is closed then has no walk-ins to lose."""
SHOWN_RAIN_MM = 10.0
WET_MM, CLOSED_SHARE = 1.0, 0.25
"""From here on a half day counts as one with the cause."""
NEAR_M = 1_000.0
DAYS_OFF = 3
"""So many days off in a row after a working day make it an eve: more than a weekend."""
CONFIDENCE = 0.9

_SHOWN = {RAIN: log1p(SHOWN_RAIN_MM), CLOSURE: 1.0, EVE: 1.0}


@dataclass(frozen=True, slots=True)
class HalfDay:
    """`rain_mm` is None where no gauge spoke; `half` counts `HALVES`."""

    hall_id: str
    day: date
    half: int
    walk_ins: int
    rain_mm: float | None
    closed_share: float
    is_eve: bool


@dataclass(frozen=True, slots=True)
class Effect:
    """A cause and the ratio to what is usual, None with the reason in `zh` and `en`. `n_days` had it, of `of_days`."""

    cause: str
    n_days: int
    of_days: int
    ratio: float | None
    low: float | None
    high: float | None
    zh: str
    en: str


def is_eve(day: date, is_worked: Callable[[date], bool]) -> bool:
    """Whether it is a working day with more days off behind it than a weekend has."""
    return is_worked(day) and not any(is_worked(day + timedelta(days=ahead)) for ahead in range(1, DAYS_OFF + 1))


def effects(rows: Sequence[HalfDay]) -> tuple[Effect, ...]:
    """Of every cause, in the order of `CAUSES`."""
    usable = _with_a_usual(rows)
    days = sorted({row.day for row in usable})
    had = {
        RAIN: {row.day for row in usable if (row.rain_mm or 0.0) >= WET_MM},
        CLOSURE: {row.day for row in usable if row.closed_share >= CLOSED_SHARE},
        EVE: {row.day for row in usable if row.is_eve},
    }
    n_days = {cause: len(those) for cause, those in had.items()}
    told = [cause for cause in CAUSES if n_days[cause] >= LEAST_DAYS and len(days) >= LEAST_DAYS_IN_ALL]
    fitted = _fit([row for row in usable if RAIN not in told or row.rain_mm is not None], told, n_days)
    return tuple(_effect(cause, n_days[cause], len(days), fitted.get(cause)) for cause in CAUSES)


def _with_a_usual(rows: Sequence[HalfDay]) -> list[HalfDay]:
    groups: dict[tuple[str, int, int], list[HalfDay]] = {}
    for row in rows:
        groups.setdefault((row.hall_id, row.half, row.day.weekday()), []).append(row)
    usual = [group for group in groups.values() if len(group) > 1 and np.median([r.walk_ins for r in group]) >= LEAST_PEOPLE]
    return [row for group in usual for row in group]


def _fit(rows: Sequence[HalfDay], causes: Sequence[str], n_days: Mapping[str, int]) -> dict[str, tuple[float, float, float]]:
    """β of each cause with its interval; a cause whose share cannot be told from the others' is left out. `n_days` had it."""
    if not causes or not rows:
        return {}
    measured = {
        RAIN: np.array([log1p(row.rain_mm or 0.0) for row in rows]),
        CLOSURE: np.array([row.closed_share for row in rows]),
        EVE: np.array([float(row.is_eve) for row in rows]),
    }
    keys = [(row.hall_id, row.half, row.day.weekday()) for row in rows]
    number = {key: k for k, key in enumerate(dict.fromkeys(keys))}
    group = np.array([number[key] for key in keys])
    people = np.array([float(row.walk_ins) for row in rows])
    size = np.bincount(group).astype(float)
    weight = np.sqrt((np.bincount(group, people) / size)[group])

    def about_usual(values: Floats) -> Floats:
        return np.asarray((values - (np.bincount(group, values) / size)[group]) * weight)

    y = about_usual(np.log(people + 0.5))
    x = np.column_stack([about_usual(measured[cause]) for cause in causes])
    rank = np.linalg.matrix_rank(x)
    is_apart = [bool(np.linalg.matrix_rank(np.delete(x, j, axis=1)) < rank) for j in range(len(causes))]
    causes, x = [cause for cause, is_it in zip(causes, is_apart, strict=True) if is_it], x[:, is_apart]
    if not causes:
        return {}
    beta = _beta(x, y)
    days = np.array([row.day.toordinal() for row in rows])
    without = np.array([_beta(x[days != day], y[days != day]) for day in np.unique(days)])
    spread = np.sqrt(((without - beta) ** 2).sum(axis=0) * (len(without) - 1) / len(without))
    reach = spread * [student.ppf((1 + CONFIDENCE) / 2, n_days[cause] - 1) for cause in causes]
    return {cause: (float(beta[j]), float(beta[j] - reach[j]), float(beta[j] + reach[j])) for j, cause in enumerate(causes)}


def _beta(x: Floats, y: Floats) -> Floats:
    """Least squares; of what a day left out cannot tell apart, the smallest."""
    return np.asarray(np.linalg.lstsq(x, y, rcond=None)[0])


def _effect(cause: str, n_days: int, of_days: int, found: tuple[float, float, float] | None) -> Effect:
    zh, en = _WHEN[cause]
    if found is None:
        return Effect(cause, n_days, of_days, None, None, None, *_why_not(cause, n_days, of_days))
    ratio, low, high = (exp(beta * _SHOWN[cause]) for beta in found)
    told, interval = f"{ratio:.0%}", f"{low:.0%}–{high:.0%}"
    unclear = ("", "") if high < 1 or low > 1 else ("，与平常没有明显差别", ", no clear difference")
    return Effect(
        cause, n_days, of_days, ratio, low, high,
        f"{zh}，自行前来的人数约为平常的 {told}（{interval}，{n_days} 天）{unclear[0]}",
        f"{en}: walk-ins are about {told} of the usual ({interval}, {n_days} days){unclear[1]}",
    )  # fmt: skip


def _why_not(cause: str, n_days: int, of_days: int) -> tuple[str, str]:
    if n_days >= LEAST_DAYS and of_days >= LEAST_DAYS_IN_ALL:
        zh, en = _WHEN[cause]
        return f"{zh}，影响与其他因素无法分开，不下结论", f"{en}: the effect cannot be told apart from the other causes"
    zh, en = _DAYS[cause]
    return (
        f"有记录的 {of_days} 天中 {n_days} 天{zh}，不足以下结论",
        f"of {of_days} days on record {n_days} {en}: too few to say anything",
    )


_WHEN = {
    RAIN: (f"半天下雨 {SHOWN_RAIN_MM:.0f} 毫米时", f"half a day with {SHOWN_RAIN_MM:.0f} mm of rain"),
    CLOSURE: ("大厅 1 公里内道路封闭时", "roads closed within 1 km of the hall"),
    EVE: ("长假前最后一个工作日", "the last working day before a holiday"),
}
_DAYS = {
    RAIN: ("下雨", "had rain"), CLOSURE: ("有道路封闭", "had closed roads"), EVE: ("是长假前夕", "were eves of a holiday"),
}  # fmt: skip
