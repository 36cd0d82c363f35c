"""Profiles: what a hall's own past says of it: how long a customer keeps a window, how long people wait before they leave, who is
sent on where, which windows are usually open when, at what time people come.

Learned from the events of local days, of which a few hundred numbers each are kept (`DayPast`); seconds, shares from 0 to 1,
local days in slots from midnight on."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.halls import HallEvent, HallEventKind, TicketChannel
from staffing.floor import Day, Floor

N_QUANTILES = 33
"""Evenly spaced from 0 to 1."""
OPEN_SLOT_S = 300
ARRIVAL_SLOT_S = 900
DAY_S = 86_400
WORKDAY, SATURDAY, SUNDAY, HOLIDAY = "workday", "saturday", "sunday", "holiday"
DAY_KINDS = (WORKDAY, SATURDAY, SUNDAY, HOLIDAY)

IsWorked = Callable[[date], bool]
"""Whether people work on a local date, as the deployment's calendar says (make-up days included)."""


def day_kind(day: date, is_worked: IsWorked) -> str:
    """What kind of day it is: worked, or a Saturday, a Sunday or another day that is not."""
    return WORKDAY if is_worked(day) else {5: SATURDAY, 6: SUNDAY}.get(day.weekday(), HOLIDAY)


def second_of(day: Day, at: datetime) -> float:
    """The second of a local day as its clocks show it, after the small hours in which they may be changed."""
    return DAY_S - (day.end - at).total_seconds()


@dataclass(frozen=True, slots=True)
class ItemProfile:
    """One item of a hall. `occupied_s` are `N_QUANTILES` evenly spaced quantiles of how long a ticket keeps its window, from
    its call to the next call the window could make (walking up, service, clearing the desk; who does not come is in it),
    learned from `n` tickets, with those of the whole hall where they are few. `patience_s` is the mean of an exponential
    patience. `sent_on` says which share of those served is transferred to which item, `booked` which share comes by
    appointment; `usual` are mean arrivals by quarter of an hour of the local day, by kind of day."""

    item: str
    occupied_s: tuple[float, ...]
    n: int
    service_mean_s: float
    service_cv: float
    patience_s: float
    share: float
    sent_on: Mapping[str, float]
    booked: float
    usual: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WindowProfile:
    """One window: its most usual items and clerk, and the share of days of a kind on which it was open, by 5 minutes of the
    day."""

    number: int
    items: tuple[str, ...]
    clerk: str | None
    open_share: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Profile:
    """A hall, from `n_days` days on which it was open. `hours` are the usual first and last arrival by kind of day, seconds of
    the local day. `day_noise` is the relative standard deviation of a day's arrivals about such days. An appointment is called
    as if its holder had come `head_start_s` earlier."""

    hall_id: str
    learned_at: datetime
    since: datetime
    n_days: int
    n_events: int
    items: Mapping[str, ItemProfile]
    windows: Mapping[int, WindowProfile]
    hours: Mapping[str, tuple[float, float]]
    day_noise: float
    head_start_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "hall": self.hall_id, "learned_at": self.learned_at.isoformat(), "since": self.since.isoformat(),
            "n_days": self.n_days, "n_events": self.n_events, "day_noise": round(self.day_noise, 4),
            "head_start_s": self.head_start_s,
            "hours": {kind: list(hours) for kind, hours in self.hours.items()},
            "items": {
                item: {
                    "occupied_s": [round(value, 1) for value in each.occupied_s], "n": each.n,
                    "service_mean_s": round(each.service_mean_s, 1), "service_cv": round(each.service_cv, 4),
                    "patience_s": round(each.patience_s, 1), "share": round(each.share, 5), "booked": round(each.booked, 4),
                    "sent_on": {to: round(share, 5) for to, share in each.sent_on.items()},
                    "usual": {kind: [round(n, 3) for n in slots] for kind, slots in each.usual.items()},
                }
                for item, each in self.items.items()
            },
            "windows": [
                {
                    "number": each.number, "items": list(each.items), "clerk": each.clerk,
                    "open_share": {kind: [round(share, 3) for share in slots] for kind, slots in each.open_share.items()},
                }
                for each in self.windows.values()
            ],
        }  # fmt: skip

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Profile:
        items = {
            item: ItemProfile(
                item, tuple(each["occupied_s"]), each["n"], each["service_mean_s"], each["service_cv"], each["patience_s"],
                each["share"], dict(each["sent_on"]), each["booked"],
                {kind: tuple(slots) for kind, slots in each["usual"].items()},
            )
            for item, each in content["items"].items()
        }  # fmt: skip
        windows = {
            each["number"]: WindowProfile(
                each["number"], tuple(each["items"]), each["clerk"],
                {kind: tuple(slots) for kind, slots in each["open_share"].items()},
            )
            for each in content["windows"]
        }  # fmt: skip
        hours = {kind: (first, last) for kind, (first, last) in content["hours"].items()}
        return cls(
            content["hall"], datetime.fromisoformat(content["learned_at"]), datetime.fromisoformat(content["since"]),
            content["n_days"], content["n_events"], items, windows, hours, content["day_noise"],
            content["head_start_s"],
        )  # fmt: skip


LONGEST_S = 7_200.0
"""Who seems to keep a window for longer has lost his end."""
PATIENT_S = 86_400.0
"""The longest patience that is claimed: where nobody has left yet, nothing is known of when somebody would."""
FEW = 30
"""So many tickets (of the hall's, for patience: leavings) count beside those of an item."""
MOST_HEAD_MIN = 60
LEAST_NOISE = 0.02
ENOUGH_DAYS = 3
"""Of so many open days at least a profile speaks."""


@dataclass(frozen=True, slots=True)
class DayPast:
    """What one open day of a hall says. Arrivals are (second of the day, item, by appointment); `occupied_s` and `services_s`
    are by item; `waited_s` and `left` sum waits and count those who gave up, by item; spans of open windows are seconds of the
    day, with the items and the clerk in force there longest."""

    day: date
    n_events: int
    arrivals: tuple[tuple[float, str, bool], ...]
    occupied_s: Mapping[str, npt.NDArray[np.float64]]
    services_s: Mapping[str, npt.NDArray[np.float64]]
    waited_s: Mapping[str, float]
    left: Mapping[str, int]
    served: Mapping[str, int]
    sent_on: Mapping[tuple[str, str], int]
    spans: Mapping[int, tuple[tuple[float, float], ...]]
    posts: Mapping[int, tuple[tuple[str, ...], str | None, int]]
    overtaking: npt.NDArray[np.intp]


_K = HallEventKind
_OVER = frozenset({_K.END, _K.NO_SHOW, _K.TRANSFER, _K.PARK})
_WINDOW = frozenset({_K.WINDOW_OPEN, _K.WINDOW_PAUSE, _K.WINDOW_CLOSE, _K.WINDOW_FAULT})


class _Desk:
    """A window between two calls: whom it called when and for what, when he was done with, whether it stopped since."""

    __slots__ = ("called_s", "has_stopped", "item", "over_s", "ticket")

    def __init__(self, ticket: str, item: str, called_s: float) -> None:
        self.ticket, self.item, self.called_s = ticket, item, called_s
        self.over_s: float | None = None
        self.has_stopped = False


def past_of(day: Day, events: Sequence[HallEvent], floor: Floor) -> DayPast | None:
    """What a day says, from its events in their order and the floor after them; None for one on which nobody came.

    How long a ticket keeps its window is known where whoever is called next had come before it was done with; else the time to
    clear the desk is the median of those.
    """
    if not floor.arrivals:
        return None
    start_s = day.end.timestamp() - DAY_S
    desks: dict[int, _Desk] = {}
    waits_since: dict[str, tuple[str, float]] = {}
    come: set[str] = set()
    arrivals: list[tuple[float, str, bool]] = []
    known: dict[str, list[float]] = defaultdict(list)
    clearing: list[float] = []
    open_ended: list[tuple[str, float]] = []
    calls: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
    booked: set[str] = set()
    waited: dict[str, float] = defaultdict(float)
    left: Counter[str] = Counter()
    sent_on: Counter[tuple[str, str]] = Counter()

    def close(desk: _Desk, next_s: float | None) -> None:
        if desk.over_s is None or desk.over_s - desk.called_s > LONGEST_S:
            return
        if next_s is None or desk.has_stopped:
            open_ended.append((desk.item, desk.over_s - desk.called_s))
        else:
            known[desk.item].append(next_s - desk.called_s)
            clearing.append(next_s - desk.over_s)

    for event in events:
        at, ticket, kind = event.phenomenon_time.timestamp(), event.ticket, event.event
        if kind in _WINDOW:
            desk = desks.get(event.window_no or 0)
            if desk is not None and kind is not _K.WINDOW_OPEN:
                desk.has_stopped = True
        elif ticket is None:
            continue
        elif kind is _K.ARRIVE:
            if ticket not in come:
                come.add(ticket)
                arrivals.append((at - start_s, event.item or "", event.channel == _APPOINTMENT))
                waits_since[ticket] = event.item or "", at
                if event.channel == _APPOINTMENT:
                    booked.add(ticket)
        elif kind is _K.CALL:
            item, since = waits_since.pop(ticket, (event.item or "", np.inf))
            if since <= at:
                waited[item] += at - since
                calls[item].append((since, at, ticket in booked))
            if event.window_no is not None:
                desk = desks.get(event.window_no)
                if desk is not None:
                    close(desk, at if desk.over_s is not None and since <= desk.over_s else None)
                desks[event.window_no] = _Desk(ticket, event.item or item, at)
        elif kind is _K.ABANDON:
            item, since = waits_since.pop(ticket, (event.item or "", np.inf))
            if since <= at:
                waited[item] += at - since
                left[item] += 1
        elif kind in _OVER and event.window_no is not None:
            desk = desks.get(event.window_no)
            if desk is not None and desk.ticket == ticket and desk.over_s is None:
                desk.over_s = at
            if kind is _K.TRANSFER and event.to_item:
                sent_on[event.item or "", event.to_item] += 1
                waits_since[ticket] = event.to_item, at
    for desk in desks.values():
        close(desk, None)
    usual_s = float(np.median(clearing)) if clearing else 0.0
    for item, seconds in open_ended:
        known[item].append(seconds + usual_s)
    services: dict[str, list[float]] = defaultdict(list)
    for service in floor.services:
        services[service.item].append(service.seconds)
    spans, posts = _windows(day, events, floor)
    return DayPast(
        day.date, len(events), tuple(arrivals), {item: np.array(each) for item, each in known.items()},
        {item: np.array(each) for item, each in services.items()}, dict(waited), left,
        {item: len(each) for item, each in services.items()}, sent_on, spans, posts,
        _overtaking(calls.values()),
    )  # fmt: skip


def _overtaking(calls: Iterable[Sequence[tuple[float, float, bool]]]) -> npt.NDArray[np.intp]:
    """Pairs of a walk-in who waits and an appointment that comes, both for one item, by the minutes between (up to
    `MOST_HEAD_MIN`) and by who was called first: the walk-in (0) or the appointment (1)."""
    found = np.zeros((MOST_HEAD_MIN, 2), np.intp)
    for of_item in calls:
        rows = np.array(of_item, float).reshape(-1, 3)
        walk_in, appointment = rows[rows[:, 2] == 0], rows[rows[:, 2] == 1]
        apart = (appointment[:, 0][:, None] - walk_in[:, 0][None]) / 60
        both = (apart > 0) & (apart < MOST_HEAD_MIN) & (walk_in[:, 1][None] > appointment[:, 0][:, None])
        is_first = appointment[:, 1][:, None] < walk_in[:, 1][None]
        np.add.at(found, (apart[both].astype(np.intp), is_first[both].astype(np.intp)), 1)
    return found


_APPOINTMENT = TicketChannel.APPOINTMENT.value


def _windows(
    day: Day, events: Iterable[HallEvent], floor: Floor
) -> tuple[dict[int, tuple[tuple[float, float], ...]], dict[int, tuple[tuple[str, ...], str | None, int]]]:
    """Spans of each window, and the items and clerk it named most often when it opened. One that never closes is open until the
    newest event of the day."""
    start_s, end_s = day.end.timestamp() - DAY_S, (floor.newest or day.end).timestamp()
    said: dict[int, Counter[tuple[tuple[str, ...], str | None]]] = defaultdict(Counter)
    for event in events:
        if event.event is _K.WINDOW_OPEN and event.window_no is not None:
            said[event.window_no][event.items, event.clerk] += 1
    spans, posts = {}, {}
    for number, window in floor.windows.items():
        still = [(window.since, None)] if window.state.value == "open" else []
        spans[number] = tuple(
            (since.timestamp() - start_s, (until.timestamp() if until else end_s) - start_s)
            for since, until in [*window.open_spans, *still]
        )
        named = said[number].most_common(1)
        (items, clerk), n = named[0] if named else ((window.items, window.clerk), 0)
        posts[number] = (items, clerk, n)
    return spans, posts


def learn(hall_id: str, days: Sequence[DayPast], now: datetime, since: datetime, is_worked: IsWorked) -> Profile | None:
    """The profile of a hall from its days; None of fewer than `ENOUGH_DAYS` on which somebody came."""
    if len(days) < ENOUGH_DAYS:
        return None
    kinds = [day_kind(past.day, is_worked) for past in days]
    numbers = sorted({number for past in days for number in past.spans})
    return Profile(
        hall_id, now, since, len(days), sum(past.n_events for past in days), _items(days, kinds),
        {number: _window(number, days, kinds) for number in numbers}, _hours(days, kinds), _day_noise(days, kinds),
        _head_start(days),
    )  # fmt: skip


def _items(days: Sequence[DayPast], kinds: Sequence[str]) -> dict[str, ItemProfile]:
    arrivals = Counter(item for past in days for _, item, _ in past.arrivals)
    booked = Counter(item for past in days for _, item, is_booked in past.arrivals if is_booked)
    occupied, services = (_pooled([getattr(past, name) for past in days]) for name in ("occupied_s", "services_s"))
    everything = np.concatenate(list(occupied.values())) if occupied else np.zeros(0)
    all_services = np.concatenate(list(services.values())) if services else np.zeros(0)
    waited, left, served, sent = Counter[str](), Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    for past in days:
        waited.update(past.waited_s)
        left.update(past.left)
        served.update(past.served)
        sent.update(past.sent_on)
    hall_patience = _patience(sum(waited.values()), sum(left.values()))
    n_arrived = max(sum(arrivals.values()), 1)
    found = {}
    for item in sorted(arrivals.keys() | occupied.keys() - {""}):
        own, own_services = occupied.get(item, np.zeros(0)), services.get(item, np.zeros(0))
        times = own if len(own) >= FEW else np.concatenate([own, everything])
        if not len(times):
            continue
        service = own_services if len(own_services) >= FEW else np.concatenate([own_services, all_services])
        mean = float(service.mean()) if len(service) else float(times.mean())
        cv = float(service.std() / service.mean()) if len(service) and service.mean() > 0 else 1.0
        patience = _patience(waited[item] + FEW * hall_patience, left[item] + FEW)
        found[item] = ItemProfile(
            item, tuple(np.quantile(times, np.linspace(0, 1, N_QUANTILES)).tolist()), len(own), mean, cv, patience,
            arrivals[item] / n_arrived,
            {to: n / max(served[item], n) for (of, to), n in sent.items() if of == item and to},
            booked[item] / arrivals[item] if arrivals[item] else 0.0, _usual(item, days, kinds),
        )  # fmt: skip
    return found


def _quantiles(times: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Evenly spaced quantiles with straight lines between; the last is such that the mean of all is kept."""
    found = np.quantile(times, np.linspace(0, 1, N_QUANTILES))
    lacking = float(times.mean()) - float((found[1:] + found[:-1]).mean() / 2)
    found[-1] = max(found[-2], found[-1] + 2 * (N_QUANTILES - 1) * lacking)
    return tuple(found.tolist())


def _pooled(of_days: Iterable[Mapping[str, npt.NDArray[np.float64]]]) -> dict[str, npt.NDArray[np.float64]]:
    found: dict[str, list[npt.NDArray[np.float64]]] = defaultdict(list)
    for each in of_days:
        for item, values in each.items():
            found[item].append(values)
    return {item: np.concatenate(values) for item, values in found.items()}


def _patience(waited_s: float, left: int) -> float:
    """The maximum-likelihood mean of exponential patience, waits that ended with a call being censored."""
    return min(PATIENT_S, waited_s / left) if left and waited_s > 0 else PATIENT_S


def _usual(item: str, days: Sequence[DayPast], kinds: Sequence[str]) -> dict[str, tuple[float, ...]]:
    counts = {kind: np.zeros(DAY_S // ARRIVAL_SLOT_S) for kind in kinds}
    for past, kind in zip(days, kinds, strict=True):
        for second, of, _ in past.arrivals:
            if of == item and 0 <= second < DAY_S:
                counts[kind][int(second // ARRIVAL_SLOT_S)] += 1
    return {kind: tuple((n / kinds.count(kind)).tolist()) for kind, n in counts.items()}


def _window(number: int, days: Sequence[DayPast], kinds: Sequence[str]) -> WindowProfile:
    open_days = {kind: np.zeros(DAY_S // OPEN_SLOT_S) for kind in kinds}
    named: Counter[tuple[str, ...]] = Counter()
    clerks: Counter[str] = Counter()
    middles = (np.arange(DAY_S // OPEN_SLOT_S) + 0.5) * OPEN_SLOT_S
    for past, kind in zip(days, kinds, strict=True):
        for since, until in past.spans.get(number, ()):
            open_days[kind] += (middles >= since) & (middles < until)
        items, clerk, n = past.posts.get(number, ((), None, 0))
        if items:
            named[items] += max(n, 1)
        if clerk is not None:
            clerks[clerk] += 1
    return WindowProfile(
        number, max(named, key=lambda items: (named[items], items), default=()),
        max(clerks, key=lambda clerk: (clerks[clerk], clerk), default=None),
        {kind: tuple(np.minimum(n / kinds.count(kind), 1.0).tolist()) for kind, n in open_days.items()},
    )  # fmt: skip


def _hours(days: Sequence[DayPast], kinds: Sequence[str]) -> dict[str, tuple[float, float]]:
    ends: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for past, kind in zip(days, kinds, strict=True):
        seconds = [second for second, _, _ in past.arrivals]
        ends[kind].append((min(seconds), max(seconds)))
    return {
        kind: (float(np.median([first for first, _ in each])), float(np.median([last for _, last in each])))
        for kind, each in ends.items()
    }


def _head_start(days: Sequence[DayPast]) -> float:
    """The head start that appointments have, in whole minutes: the one by which the fewest pairs were called in the other
    order."""
    pairs = np.sum([past.overtaking for past in days], axis=0)
    wrong = np.concatenate([[0], np.cumsum(pairs[:, 0])]) + np.concatenate([np.cumsum(pairs[::-1, 1])[::-1], [0]])
    return 60.0 * int(np.argmin(wrong))


def _day_noise(days: Sequence[DayPast], kinds: Sequence[str]) -> float:
    """Relative standard deviation of a day's arrivals from one week to the next (of days without one before: from the mean of
    their kind), without what counting by chance adds (Poisson)."""
    rows = sorted((past.day.weekday(), past.day, kind, len(past.arrivals)) for past, kind in zip(days, kinds, strict=True))
    apart = [
        (later - earlier) / (later + earlier) * np.sqrt(2)
        for (_, first, _, earlier), (_, second, _, later) in pairwise(rows)
        if (second - first).days == 7
    ]  # fmt: skip
    if len(apart) < ENOUGH_DAYS:
        means = {kind: np.mean([n for *_, of, n in rows if of == kind]) for kind in set(kinds)}
        apart = [(n - means[kind]) / means[kind] for *_, kind, n in rows]
    chance = 1 / float(np.mean([n for *_, n in rows]))
    return float(np.sqrt(max(float(np.mean(np.square(apart))) - chance, LEAST_NOISE**2)))
