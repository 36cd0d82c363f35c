"""Waits ahead: how long somebody would wait who came now or in up to four hours, what waits really were, how forecasts of them
held.

Seconds. A forecast for an item and a lead is the 10, 50 and 90 % quantiles over the futures of the hall; for the hall as a whole
each item counts as often as people come for it. Its bounds are calibrated by how the hall's earlier ones held (`Calibration`).

What really was: the wait of each walk-in who was called. Who left before is taken to have waited until the first of those who
came after him for the same item was called, which is when he would have been; without such a one he says nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from domain.halls import TicketChannel
from staffing.demand import Demand
from staffing.floor import Day, Floor
from staffing.futures import fates
from staffing.outlook import futures_of, usual_posts, waiting_in
from staffing.profiles import Profile, second_of

Floats = npt.NDArray[np.float64]

ANY = ""
"""Any item of the hall, each as often as people come for it."""
SINGLE = "*"
"""Any one item: their intervals are calibrated together."""
LEADS_S = tuple(range(0, 14_401, 900))
REACH_S = 450.0
"""Who came within so much of the moment that a forecast speaks of tells how it held."""
FUTURES, LEAST_FUTURES, MOST_PLACES, MOST_PEOPLE = 200, 40, 500_000, 20_000
"""Futures of a hall; where there are many people fewer, so that futures × people stay bounded; with more people none."""
GRAIN_S = 30.0
"""An interval of no width is taken to be this wide on either side when it is judged how far off it was."""


@dataclass(frozen=True)
class Ahead:
    """Waits of those who come in `leads_s`, seconds, one value a lead: NaN where nobody can come then (the hall is closed),
    infinite where no window will call him. `leave` is the share of those who come that is expected to give up. `low_s` and
    `high_s` are bounds that the futures say eight in ten stay between."""

    leads_s: tuple[int, ...]
    low_s: Floats
    median_s: Floats
    high_s: Floats
    leave: Floats


@dataclass(frozen=True)
class Outlook:
    """What was found for a hall: by item, ANY for all; empty with a reason (of `REASONS`) why not."""

    items: Mapping[str, Ahead] = field(default_factory=dict)
    reason: str | None = None
    n_futures: int = 0


NO_PROFILE, NO_EVENTS, CLOSED, CLOSED_EARLY, TOO_MANY = "no_profile", "no_events", "closed", "closed_early", "too_many"
"""`closed` and `closed_early` are known to rules by the same names (`storage.waits`)."""
NOT_RUNNING, NO_SNAPSHOTS = "not_running", "no_snapshots"
"""Why a screen has nothing to show; of these no forecast tells."""
REASONS: Mapping[str, tuple[str, str]] = {
    NO_PROFILE: ("历史不足\uff0c暂不能预计等候", "not enough of its past is known to foresee waits"),
    NO_EVENTS: ("今日尚无叫号数据\uff0c暂不能预计等候", "nothing has been heard of it today, so that waits cannot be foreseen"),
    CLOSED: ("大厅未开放", "the hall is closed"),
    CLOSED_EARLY: ("所有窗口已关闭\uff0c今日不再预计等候", "all windows have closed, no more waits are foreseen today"),
    TOO_MANY: ("预计人数超出模拟上限\uff0c暂不能预计等候", "more people are expected than can be simulated"),
    NOT_RUNNING: ("大厅调度进程未运行，等候预计暂停", "the halls' process is not running, waits are not being foreseen"),
    NO_SNAPSHOTS: ("排队快照的历史不足，暂不能预计等候", "too few snapshots of its queues are known to foresee waits"),
}


ODD_CLOCK_S = 600.0


def clock_note(offset_s: float | None) -> tuple[str, str] | None:
    """What is odd about events that are stamped so much later than they came (negative: earlier), in Chinese and English; None
    where nothing is."""
    if offset_s is None or abs(offset_s) < ODD_CLOCK_S:
        return None
    minutes = round(abs(offset_s) / 60)
    if offset_s > 0:
        return (
            f"大厅事件的时间比收到时早走约 {minutes} 分钟，疑为时钟偏快；等候按大厅自身时钟计",
            f"its events are stamped some {minutes} minutes ahead of their arrival: a fast clock; waits are by its clock",
        )
    return (
        f"大厅事件约迟 {minutes} 分钟收到，疑为时钟偏慢或网关积压；预计所知止于彼时",
        f"its events come some {minutes} minutes after their time: a slow clock, or a gateway that kept them",
    )


def look_ahead(
    floor: Floor | None, profile: Profile | None, demand: Demand | None, now: datetime, day: Day, day_kind: str, *, seed: int
) -> Outlook:  # fmt: skip
    """How long people will wait at a hall."""
    if profile is None or demand is None:
        return Outlook(reason=NO_PROFILE)
    hours = profile.hours.get(day_kind)
    at_s = second_of(day, now)
    leads = [lead for lead in LEADS_S if hours is not None and hours[0] <= at_s + lead <= hours[1]]
    if not leads and (floor is None or not waiting_in(floor)):
        return Outlook(reason=CLOSED)
    if floor is None and hours is not None and at_s > hours[0] + REACH_S:
        return Outlook(reason=NO_EVENTS)
    floor = floor or Floor()
    posts = usual_posts(floor, profile, now, LEADS_S[-1], day_kind, day)
    if not posts:
        return Outlook(reason=CLOSED_EARLY)
    n_people = float(demand.expected.sum()) + len(floor.present)
    if n_people > MOST_PEOPLE:
        return Outlook(reason=TOO_MANY)
    n = int(np.clip(MOST_PLACES / max(n_people, 1.0), LEAST_FUTURES, FUTURES))
    items = [item for item, each in profile.items.items() if each.share > 0]
    questions = [(item, float(lead)) for lead in leads for item in items]
    futures, _ = futures_of(floor, profile, demand, now, horizon_s=LEADS_S[-1], n=n, seed=seed, questions=questions, posts=posts)
    waits = fates(futures, posts).waits_s[futures.is_question].reshape(n, len(questions))
    return Outlook(_by_item(items, leads, waits.reshape(n, len(leads), len(items)), profile), None, n)


def _by_item(items: Sequence[str], leads: Sequence[int], waits: Floats, profile: Profile) -> dict[str, Ahead]:
    """`waits` are futures × leads × items."""
    patience = np.array([profile.items[item].patience_s for item in items])
    shares = np.array([profile.items[item].share for item in items])
    leave = (1 - np.exp(-waits / patience)).mean(axis=0)
    column = [LEADS_S.index(lead) for lead in leads]
    found = {}
    for k, item in enumerate(items):
        quantiles = np.quantile(waits[:, :, k], (0.1, 0.5, 0.9), axis=0, method="inverted_cdf")
        found[item] = _ahead(column, quantiles, leave[:, k])
    if items:
        pooled = (
            np.array([_weighted(waits[:, k, :], shares, (0.1, 0.5, 0.9)) for k in range(len(leads))]).reshape(len(leads), 3).T
        )
        found[ANY] = _ahead(column, pooled, leave @ shares / shares.sum())
    return found


def _ahead(column: Sequence[int], quantiles: Floats, leave: Floats) -> Ahead:
    rows = np.full((4, len(LEADS_S)), np.nan)
    rows[:3, column], rows[3, column] = quantiles, leave
    return Ahead(LEADS_S, rows[0], rows[1], rows[2], rows[3])


def _weighted(waits: Floats, weights: Floats, shares: Sequence[float]) -> list[float]:
    """Quantiles of futures × items, where each item counts by its weight."""
    flat, weight = waits.ravel(), np.broadcast_to(weights, waits.shape).ravel()
    order = np.argsort(flat, kind="stable")
    total = np.cumsum(weight[order])
    return [float(flat[order][min(int(np.searchsorted(total, share * total[-1])), len(flat) - 1)]) for share in shares]


class Came(NamedTuple):
    """A walk-in: when he came, for what, and how long it was to his call, or would have been."""

    at: datetime
    item: str
    wait_s: float


def realised(floor: Floor) -> list[Came]:
    """What waits of a day really were, of those who came as walk-ins, by when they came."""
    walked_in = {at for at, channel in floor.arrivals if channel != TicketChannel.APPOINTMENT.value}
    found = [Came(w.since, w.item, w.seconds) for w in floor.waits if w.since in walked_in]
    called: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for wait in sorted(floor.waits, key=lambda wait: wait.since):
        called[wait.item].append((wait.since, wait.until))
    begun = {(w.item, w.since) for w in floor.waits}
    for ticket in floor.tickets.values():
        if ticket.arrived in walked_in and ticket.called is None and ticket.ended is not None and ticket.arrived is not None:
            after = next((until for since, until in called[ticket.item] if since > ticket.arrived and until > ticket.ended), None)
            if after is not None and (ticket.item, ticket.arrived) not in begun:
                found.append(Came(ticket.arrived, ticket.item, (after - ticket.arrived).total_seconds()))
    return sorted(found)


BEYOND = 0.1
"""Of those who come one in ten is to wait less than the interval, and one in ten longer."""
STEP = 0.02
"""By how much of an interval's half a bound moves when everybody of a moment lies beyond it. A day has some hundred moments a
lead, most of which lie on the same side on a day that is unlike the others."""


@dataclass(frozen=True, slots=True)
class Held:
    """Where waits lie in intervals: −1 is the lower bound of the futures, 0 their median, 1 the upper bound, straight lines
    between and beyond. `low` and `high` are the places below and above which one in ten lies, followed from moment to
    moment."""

    low: float = -1.0
    high: float = 1.0
    n: int = 0

    def after(self, places: Floats) -> Held:
        """Moved by the places of those who came at one moment: the quantile tracker of A. Angelopoulos, E. Candès, R.
        Tibshirani (Conformal PID Control for Time Series Prediction, NeurIPS 2023), whose share of misses comes to what was
        asked for, however waits hang together."""
        low = self.low + STEP * (BEYOND - float((places < self.low).mean()))
        high = self.high + STEP * (float((places > self.high).mean()) - BEYOND)
        return Held(min(low, high), max(low, high), self.n + len(places))


def place_in(low_s: float, median_s: float, high_s: float, wait_s: Floats) -> Floats:
    """Where waits lie in an interval, in its halves (each `GRAIN_S` longer than it is)."""
    half = np.where(wait_s > median_s, high_s - median_s, median_s - low_s) + GRAIN_S
    return np.asarray((wait_s - median_s) / half)


class Calibration:
    """How the intervals of a hall are set right, by lead; those for all items together apart from those for single ones."""

    def __init__(self, held: Mapping[tuple[bool, int], Held] | None = None) -> None:
        self._held = dict(held or {})

    def held(self, item: str, lead_s: int) -> Held:
        return self._held.get((item == ANY, lead_s), Held())

    def learn(self, item: str, lead_s: int, places: Floats) -> None:
        self._held[item == ANY, lead_s] = self.held(item, lead_s).after(places)

    def right(self, item: str, ahead: Ahead) -> Ahead:
        """The forecast with its bounds where they have held; the median stays, or is the bound that has passed it."""
        rows = np.array([ahead.low_s, ahead.median_s, ahead.high_s])
        for k, lead in enumerate(ahead.leads_s):
            held, (low, median, high) = self.held(item, lead), rows[:, k].tolist()
            if held.n and np.isfinite(high):
                rows[0, k], rows[2, k] = (
                    max(0.0, median + mark * ((high - median if mark > 0 else median - low) + GRAIN_S))
                    for mark in (held.low, held.high)
                )
                rows[1, k] = np.clip(median, rows[0, k], rows[2, k])
        return Ahead(ahead.leads_s, rows[0], rows[1], rows[2], ahead.leave)

    def as_json(self) -> list[list[float]]:
        return [[int(of_all), lead, h.low, h.high, h.n] for (of_all, lead), h in sorted(self._held.items())]

    @classmethod
    def from_json(cls, content: Iterable[Sequence[float]]) -> Calibration:
        return cls({(bool(row[0]), int(row[1])): Held(row[2], row[3], int(row[4])) for row in content})


@dataclass(frozen=True)
class Issued:
    """A forecast as it was issued, and as the futures had it."""

    item: str
    issued_at: datetime
    shown: Ahead
    raw: Ahead


@dataclass(frozen=True, slots=True)
class Score:
    """How forecasts of an item and a lead held: `n` people, of whom so many waited less than the interval, or within it; sums of
    absolute errors of the median, and of "as long as now", seconds."""

    n: int = 0
    n_inside: int = 0
    n_below: int = 0
    abs_error_s: float = 0.0
    persist_s: float = 0.0

    def plus(self, other: Score) -> Score:
        return Score(
            self.n + other.n, self.n_inside + other.n_inside, self.n_below + other.n_below, self.abs_error_s + other.abs_error_s,
            self.persist_s + other.persist_s,
        )  # fmt: skip


LOOKS_BACK = timedelta(hours=1)
"""Who still waits after so long is taken to wait as long as he has; and "as long as now" is the median of those called within
it."""


def settled_until(floor: Floor, now: datetime) -> datetime:
    """Who came before it is known to have waited how long."""
    first = min((t.waits_since for t in waiting_in(floor) if t.waits_since is not None), default=now)
    return max(min(first, now), now - LOOKS_BACK)


def judge(
    issued: Iterable[Issued], came: Sequence[Came], since: datetime, until: datetime, calibration: Calibration
) -> dict[tuple[str, int], Score]:  # fmt: skip
    """Scores by item and lead of those forecasts whose moment lies in (since, until], against who came within `REACH_S` of it;
    what they teach goes into the calibration, in the order of the moments."""
    at = np.array([each.at.timestamp() for each in came])
    wait = np.array([each.wait_s for each in came])
    item = np.array([each.item for each in came], object)
    found = list(issued)
    cells = sorted(
        (each.issued_at.timestamp() + lead, lead, each.item, k)
        for k, each in enumerate(found) for lead in each.shown.leads_s
        if since.timestamp() < each.issued_at.timestamp() + lead <= until.timestamp()
    )  # fmt: skip
    scores: dict[tuple[str, int], Score] = {}
    places: dict[tuple[float, int, str], list[Floats]] = {}
    for moment, lead, of, k in cells:
        shown, raw, column = found[k].shown, found[k].raw, found[k].shown.leads_s.index(lead)
        low, median, high = (float(row[column]) for row in (shown.low_s, shown.median_s, shown.high_s))
        first, last = np.searchsorted(at, (moment - REACH_S, moment + REACH_S), side="left")
        mine = slice(int(first), int(last))
        waits = wait[mine] if of == ANY else wait[mine][item[mine] == of]
        if not len(waits) or not np.isfinite(high):
            continue
        as_now = _as_now(at, wait, item, of, found[k].issued_at.timestamp())
        score = Score(
            len(waits), int(((waits >= low) & (waits <= high)).sum()), int((waits < low).sum()), float(abs(waits - median).sum()),
            float(abs(waits - as_now).sum()),
        )  # fmt: skip
        scores[of, lead] = scores.get((of, lead), Score()).plus(score)
        raw_low, raw_median, raw_high = (float(row[column]) for row in (raw.low_s, raw.median_s, raw.high_s))
        if np.isfinite([raw_low, raw_median, raw_high]).all():
            kind = of if of == ANY else SINGLE
            places.setdefault((moment, lead, kind), []).append(place_in(raw_low, raw_median, raw_high, waits))
    for (_, lead, kind), found_there in places.items():
        calibration.learn(kind, lead, np.concatenate(found_there))
    return scores


def _as_now(at: Floats, wait: Floats, item: npt.NDArray[np.object_], of: str, issued_s: float) -> float:
    """The median wait of those called lately for the item, else for any, else none."""
    called = at + wait
    lately = (called > issued_s - LOOKS_BACK.total_seconds()) & (called <= issued_s)
    own = lately & (item == of) if of != ANY else lately
    chosen = own if own.any() else lately
    return float(np.median(wait[chosen])) if chosen.any() else 0.0
