"""The advice desk: looks at one hall a round, proposes what pays, and judges what became of earlier plans.

A hall is looked at every `advice_every_s`, sooner when its windows have changed or many more wait than at the last look. A
proposal that still says the same stays open longer; one that no longer pays ends. Nothing is lost when the process dies.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from domain.halls import WindowState
from domain.moments import Moment
from domain.staffing import ProposalState, StepState
from staffing.advice import words
from staffing.advice.ground import Ground, Pending, Present, Refusal, ground_of
from staffing.advice.outcome import outcome_json, real_arrivals, real_waits, with_arrivals, worst_under
from staffing.advice.proposals import Drawn, content_of, draw
from staffing.advice.verification import SLOT_S
from staffing.advice.words import Sentence
from staffing.books import Seen
from staffing.demand import Demand
from staffing.floor import Book, Day, Floor, Stage, local_day
from staffing.practice import HallPractice
from staffing.profiles import IsWorked, Profile, day_kind
from storage import halls, window_plans
from storage.connection import Connection
from storage.window_plans import WindowProposal

log = logging.getLogger(__name__)

FUTURES, JUDGING_FUTURES = 120, 60
SOONEST = timedelta(seconds=60)
SURGE_SHARE, SURGE_PEOPLE = 1.5, 8
REFUSED_FOR = timedelta(hours=1)
JUDGED_AFTER = timedelta(minutes=30)
"""Until the last of who came in a plan's hours has been called."""
SAME_GAIN_S = 90.0
HEARD_OF = timedelta(days=35)
TIDIES_EVERY, UNSEEN_KEPT = timedelta(minutes=10), timedelta(days=1)
"""Of proposals that nobody decided on a day is kept; those that somebody did stay."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What was there when a hall was looked at last."""

    at: datetime
    windows: tuple[tuple[int, str, tuple[str, ...]], ...]
    waiting: int


class AdviceDesk:
    """One round, and what it remembers of the last look at each hall."""

    def __init__(self, practice: HallPractice, zone: ZoneInfo, is_worked: IsWorked) -> None:
        self._practice, self._zone, self._is_worked = practice, zone, is_worked
        self._looks: dict[str, _Look] = {}
        self._windows: dict[str, tuple[date, list[int]]] = {}
        self._totals = Counter(looked=0, proposed=0, judged=0)
        self._took_ms = 0
        self._tidied_at: datetime | None = None

    def tick(self, conn: Connection, now: datetime, seen: Seen) -> Mapping[str, Any]:
        """Ends what is over, then looks at the hall that is most due, or judges a plan."""
        window_plans.expire(conn, now)
        if self._tidied_at is None or abs(now - self._tidied_at) >= TIDIES_EVERY:
            self._tidied_at = now
            window_plans.delete_unseen(conn, now - UNSEEN_KEPT)
        hall_id = self._due(seen, now)
        if hall_id is not None:
            began = time.perf_counter()
            self._look(conn, hall_id, seen, now)
            self._took_ms = round(1000 * (time.perf_counter() - began))
            self._totals["looked"] += 1
        else:
            self._judge(conn, now, seen)
        return {
            "advice_looked_total": self._totals["looked"], "advice_proposed_total": self._totals["proposed"],
            "advice_judged_total": self._totals["judged"], "advice_ms": self._took_ms,
        }  # fmt: skip

    def _due(self, seen: Seen, now: datetime) -> str | None:
        """The hall that has waited longest beyond its time."""
        every = timedelta(seconds=self._practice.advice_every_s)
        found: list[tuple[timedelta, str]] = []
        for hall in seen.now.halls:
            last = self._looks.get(hall.hall_id)
            if last is None:
                found.append((timedelta.max, hall.hall_id))
                continue
            age = abs(now - last.at)
            floor = seen.floors.get(hall.hall_id)
            is_news = floor is not None and age >= SOONEST and _is_news(last, floor)
            if age >= every or is_news:
                found.append((age, hall.hall_id))
        return max(found, default=(None, None))[1]

    def _look(self, conn: Connection, hall_id: str, seen: Seen, now: datetime) -> None:
        floor, profile, demand = seen.floors.get(hall_id), seen.profiles.get(hall_id), seen.demands.get(hall_id)
        self._looks[hall_id] = _Look(now, _windows_of(floor), _waiting_in(floor))
        place = next((hall.place for hall in seen.now.halls if hall.hall_id == hall_id), None)
        none = None
        if floor is None or not floor.windows:
            none = words.SNAPSHOTS if place is not None and not place.tells_events else words.NO_EVENTS
        elif profile is None or demand is None or not profile.n_days:
            none = words.NO_PROFILE
        if none is not None or floor is None or profile is None or demand is None:
            self._says_nothing(conn, hall_id, none or words.NO_PROFILE, now)
            return
        there = self._windows_there(conn, hall_id, seen.day)
        began = time.perf_counter()
        ground = read_ground(
            conn, hall_id, floor, profile, demand, now, day=seen.day, day_kind=seen.day_kind, practice=self._practice, n=FUTURES,
            seed=_seed(now), there=there,
        )  # fmt: skip
        drawn = draw(ground, self._practice)
        took_ms = round(1000 * (time.perf_counter() - began))
        if drawn.none is not None:
            self._says_nothing(conn, hall_id, drawn.none, now, took_ms)
            return
        self._proposes(conn, drawn, ground, now, took_ms)

    def _windows_there(self, conn: Connection, hall_id: str, day: Day) -> list[int]:
        """The windows that were heard of in the last weeks, asked once a day: a spare one may not have spoken today."""
        if self._windows.get(hall_id, (None, []))[0] != day.date:
            self._windows[hall_id] = day.date, window_plans.list_windows(conn, hall_id, day.start - HEARD_OF)
        return self._known(hall_id)

    def _known(self, hall_id: str) -> list[int]:
        return self._windows[hall_id][1] if hall_id in self._windows else []

    def _says_nothing(self, conn: Connection, hall_id: str, none: Sentence, now: datetime, took_ms: int = 0) -> None:
        with conn.transaction():
            window_plans.end_open(conn, hall_id, ProposalState.EXPIRED, now)
            window_plans.write_look(conn, hall_id, now, took_ms=took_ms, said=none.as_json(), windows=self._known(hall_id))

    def _proposes(self, conn: Connection, drawn: Drawn, ground: Ground, now: datetime, took_ms: int) -> None:
        content = content_of(drawn, ground, self._practice, self._zone)
        valid_until = now + timedelta(seconds=self._practice.valid_s)
        with conn.transaction():
            window_plans.write_look(conn, ground.hall_id, now, took_ms=took_ms, said=None, windows=self._known(ground.hall_id))
            there = window_plans.find_open(conn, ground.hall_id)
            if there is not None and is_same(there.content, content, now):
                window_plans.renew(conn, there.proposal_id, valid_until)
                return
            made = WindowProposal(
                f"wp-{now:%y%m%d%H%M%S}-{secrets.token_hex(4)}", ground.hall_id, now, valid_until, ProposalState.OPEN, content
            )
            window_plans.write_proposal(conn, made, now=now)
        self._totals["proposed"] += 1

    def _judge(self, conn: Connection, now: datetime, seen: Seen) -> None:
        """Judges the oldest plan whose hours are over."""
        horizon = timedelta(seconds=self._practice.advice_horizon_s)
        for made in window_plans.list_unjudged(conn, now - JUDGED_AFTER, limit=20):
            day = local_day(made.issued_at, self._zone)
            if now < min(made.issued_at + horizon, day.end) + JUDGED_AFTER:
                continue
            outcome = judge(conn, made, day, seen.profiles.get(made.hall_id), now, self._is_worked)
            window_plans.judge(conn, made.proposal_id, outcome, now)
            self._totals["judged"] += 1
            return


def read_ground(
    conn: Connection, hall_id: str, floor: Floor, profile: Profile, demand: Demand, now: datetime, *, day: Day, day_kind: str,
    practice: HallPractice, n: int, seed: int, there: Sequence[int] | None = None,
) -> Ground:  # fmt: skip
    """A hall with who is present, what it refused lately, and what its windows will still be told; `there` are its
    windows (None: as they were known at the last look of the desk)."""
    present = [Present(clerk, skills) for clerk, skills in window_plans.list_present(conn, hall_id, day.date)]
    refused = [Refusal(*row) for row in window_plans.list_refusals(conn, hall_id, now - REFUSED_FOR)]
    pending = [
        Pending(step.window_no, step.due_at, WindowState.of(step.wanted), step.items)
        for step in window_plans.list_steps(conn, hall_id, day.start)
        if step.state in (StepState.PLANNED, StepState.SENT)
    ]
    return ground_of(
        hall_id, floor, profile, demand, now, day=day, day_kind=day_kind, horizon_s=practice.advice_horizon_s, n=n, seed=seed,
        present=present, refused=refused, pending=pending,
        there=window_plans.find_windows(conn, hall_id) if there is None else there,
    )  # fmt: skip


def judge(
    conn: Connection, made: WindowProposal, day: Day, profile: Profile | None, now: datetime, is_worked: IsWorked
) -> dict[str, Any]:
    """What came of a plan: the day as it was, beside what doing nothing would have given with who really came."""
    events = halls.list_hall_events(conn, day.start, day.end, Moment.live(now), hall_ids=[made.hall_id])
    whole = Book(events).floor
    slots = made.content["before"]["slots"]
    edges = np.array([*slots, slots[-1] + 1000 * SLOT_S]) / 1000 - made.issued_at.timestamp()
    measured_s, n_waits = real_waits(whole, made.issued_at, edges)
    steps = window_plans.list_steps(conn, made.hall_id, day.end, proposal_ids=[made.proposal_id])
    begun = [step for step in steps if step.follows is None]
    n_done = sum(step.state is StepState.ACCEPTED for step in begun)
    without = None
    if profile is not None and n_waits:
        then = Book(event for event in events if event.phenomenon_time <= made.issued_at).floor
        horizon_s = float(edges[-1])
        nobody = Demand(made.issued_at, SLOT_S, tuple(profile.items), np.zeros((len(profile.items), 1)), 0.05, "none")
        kind = day_kind(day.date, is_worked)
        ground = ground_of(
            made.hall_id, then, profile, nobody, made.issued_at, day=day, day_kind=kind, horizon_s=horizon_s,
            n=JUDGING_FUTURES, seed=_seed(made.issued_at),
        )  # fmt: skip
        came = real_arrivals(whole, made.issued_at, made.issued_at + timedelta(seconds=horizon_s))
        futures = with_arrivals(ground.futures, ground.items, profile, came, _seed(made.issued_at))
        without = worst_under(futures, ground.posts, edges)
    return outcome_json(made.content, n_done=n_done, n_steps=len(begun), measured_s=measured_s, n_waits=n_waits, without=without)


def is_same(old: Mapping[str, Any], new: Mapping[str, Any], now: datetime) -> bool:
    """Whether an open proposal says what a new one would: the same windows for the same items, for about the same gain, and
    nothing of it is past."""
    moves = [{(s["window"], tuple(s["to_items"]), s["to_state"]) for s in content["steps"]} for content in (old, new)]
    gains = [content["gain"]["worst_p90_s"] for content in (old, new)]
    is_ahead = all(step["at"] > now.timestamp() * 1000 for step in old["steps"])
    return moves[0] == moves[1] and abs(gains[0] - gains[1]) < SAME_GAIN_S and is_ahead


def _is_news(last: _Look, floor: Floor) -> bool:
    waiting = _waiting_in(floor)
    return _windows_of(floor) != last.windows or waiting > SURGE_SHARE * last.waiting + SURGE_PEOPLE


def _windows_of(floor: Floor | None) -> tuple[tuple[int, str, tuple[str, ...]], ...]:
    if floor is None:
        return ()
    return tuple(sorted((number, window.state.value, window.items) for number, window in floor.windows.items()))


def _waiting_in(floor: Floor | None) -> int:
    return 0 if floor is None else sum(ticket.stage is Stage.WAITING for ticket in floor.present.values())


def _seed(now: datetime) -> int:
    """The same moment has the same futures."""
    return int(now.timestamp()) & 0x7FFFFFFF
