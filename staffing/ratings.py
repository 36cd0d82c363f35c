"""Ratings 好差评: what people thought of a window, an item, a clerk, with how sure that is; how bad ratings go with waiting; and
by when a bad one has to be answered.

Grades are 1 (very satisfied) to 5; the first `GOOD_GRADES` count as good, from `BAD_GRADE` on as bad. Intervals are Wilson's for
a share (E. B. Wilson, Journal of the American Statistical Association 22, 1927), 95 %. Waits in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import inf, sqrt
from zoneinfo import ZoneInfo

from domain.refusals import Refused
from domain.staffing import BAD_GRADE, FollowUpState
from staffing.figures import GOOD_GRADES, GRADES

Z = 1.959963984540054
WAIT_BINS_S = (0.0, 300.0, 600.0, 1200.0, 1800.0, inf)
SHORT_WAIT_S, LONG_WAIT_S = 600.0, 1200.0
"""Those who waited less than the one are set beside those who waited longer than the other."""
ENOUGH, ENOUGH_BAD = 50, 8
"""So many ratings on either side, and so many bad ones in all: before, nothing is said of an effect."""
FURTHEST_DAYS = 400
"""A calendar in which so many days hold no working days enough is none."""


@dataclass(frozen=True, slots=True)
class Rated:
    """One rating, with the visit it is about as far as that is known."""

    rated_at: datetime
    grade: int
    item: str
    window_no: int | None
    clerk: str | None
    wait_s: float | None


@dataclass(frozen=True, slots=True)
class Share:
    """A share of n with its interval."""

    n: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class WaitBin:
    """Those who waited from `since_s` to `until_s` (None: however long): their share of bad ratings."""

    since_s: float
    until_s: float | None
    bad: Share


@dataclass(frozen=True, slots=True)
class Effect:
    """How bad ratings go with waiting, and what may be said of it."""

    bins: tuple[WaitBin, ...]
    zh: str
    en: str


def wilson(k: int, n: int) -> Share:
    """Of n > 0, k.

    >>> wilson(9, 10).low < 0.9 < wilson(9, 10).high
    True
    """
    p, z2 = k / n, Z * Z
    middle, half = (p + z2 / (2 * n)) / (1 + z2 / n), Z / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return Share(n, p, max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half)))


def good(rows: Iterable[Rated]) -> Share | None:
    """The share of good ratings; None without any."""
    grades = [row.grade for row in rows]
    return wilson(sum(grade <= GOOD_GRADES for grade in grades), len(grades)) if grades else None


def counts(rows: Iterable[Rated]) -> tuple[int, ...]:
    """By grade, best first."""
    grades = [row.grade for row in rows]
    return tuple(grades.count(grade) for grade in range(1, GRADES + 1))


def effect(rows: Sequence[Rated]) -> Effect | None:
    """How bad ratings go with waiting; None while too little is known."""
    known = [(row.wait_s, row.grade >= BAD_GRADE) for row in rows if row.wait_s is not None]
    short = [bad for wait, bad in known if wait < SHORT_WAIT_S]
    long = [bad for wait, bad in known if wait >= LONG_WAIT_S]
    if min(len(short), len(long)) < ENOUGH or sum(short) + sum(long) < ENOUGH_BAD:
        return None
    bins = []
    for since, until in pairwise(WAIT_BINS_S):
        inside = [bad for wait, bad in known if since <= wait < until]
        if inside:
            bins.append(WaitBin(since, None if until == inf else until, wilson(sum(inside), len(inside))))
    return Effect(tuple(bins), *_said(wilson(sum(short), len(short)), wilson(sum(long), len(long))))


def _said(short: Share, long: Share) -> tuple[str, str]:
    """One sentence; a difference is claimed only where the intervals do not meet."""
    near, far = f"{SHORT_WAIT_S / 60:.0f}", f"{LONG_WAIT_S / 60:.0f}"
    zh = f"等候不足 {near} 分钟者差评 {_percent(short)}\uff0c{far} 分钟以上者 {_percent(long)}"
    en = f"of those who waited less than {near} min {_percent(short)} rated badly, of those above {far} min {_percent(long)}"
    if long.low > short.high:
        return f"{zh}\uff1a等候越久差评越多", f"{en}: longer waits go with more bad ratings"
    if long.high < short.low:
        return f"{zh}\uff1a等候久者差评反而较少", f"{en}: longer waits go with fewer bad ratings"
    return f"{zh}\uff1a区间重叠\uff0c尚不能说明等候与差评有关", f"{en}: the intervals overlap, so no effect can be told yet"


def _percent(share: Share) -> str:
    return f"{share.share:.1%} ({share.low:.1%}\u2013{share.high:.1%}, n={share.n})"


def due_date(received: date, days: int, is_worked: Callable[[date], bool]) -> date:
    """The last of so many working days after a date. Raises ValueError for a calendar that has too few."""
    left = days
    for ahead in range(1, FURTHEST_DAYS + 1):
        day = received + timedelta(days=ahead)
        left -= is_worked(day)
        if left <= 0:
            return day
    raise ValueError(
        f"the calendar has fewer than {days} working days in the {FURTHEST_DAYS} days after {received}: expected more"
    )


def due_at(received_at: datetime, days: int, is_worked: Callable[[date], bool], zone: ZoneInfo) -> datetime:
    """The end of the last working day, by the local clock."""
    last = due_date(received_at.astimezone(zone).date(), days, is_worked) + timedelta(days=1)
    return datetime(last.year, last.month, last.day, tzinfo=zone).astimezone(UTC)


def days_left(due: datetime, now: datetime, is_worked: Callable[[date], bool], zone: ZoneInfo) -> int:
    """Working days from tomorrow to the last one; 0 on that day, negative by the working days that have passed since."""
    today, last = now.astimezone(zone).date(), (due - timedelta(seconds=1)).astimezone(zone).date()
    first, final = sorted((today, last))
    n = sum(is_worked(first + timedelta(days=k)) for k in range(1, (final - first).days + 1))
    return n if last >= today else -max(1, n)


NEXT: dict[FollowUpState, tuple[FollowUpState, ...]] = {
    FollowUpState.OPEN: (FollowUpState.CONTACTED,),
    FollowUpState.CONTACTED: (FollowUpState.CORRECTED, FollowUpState.CLOSED),
    FollowUpState.CORRECTED: (FollowUpState.CLOSED,),
    FollowUpState.CLOSED: (),
}
"""What may follow: nobody is done with before he was spoken to; where nothing was wrong there is nothing to put right."""


def check_step(current: FollowUpState, wanted: FollowUpState, words: str) -> None:
    """Raises Refused for a step that does not follow, or says nothing."""
    if wanted not in NEXT[current]:
        zh = "、".join(state.zh for state in NEXT[current]) or "（已结束）"
        en = ", ".join(state.en for state in NEXT[current]) or "nothing, it is closed"
        raise Refused(
            "follow_up_order",
            f"差评回访{current.zh}\uff0c不能转为{wanted.zh}\uff1a下一步应为{zh}",
            f"the follow-up is {current.en} and cannot become {wanted.en}: expected {en}",
        )
    if not words.strip():
        raise Refused("words_missing", "须写明回访或整改情况", "expected words on what was said or put right")
