"""The rosters' desk: makes the rosters that are asked for, one after the other, in a process of its own, so that nothing waits
for them; and takes clerks in who are seen at windows.

A roster that was being made when this process died is asked for still, and is made again. The process that makes it ends with
ours: it looks once a second whether we are there.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import SpawnProcess
from typing import Any
from zoneinfo import ZoneInfo

from domain.moments import Moment
from domain.staffing import RosterState
from staffing.books import Seen
from staffing.demand import STALE, Demand, demand_of
from staffing.floor import Floor, day_of
from staffing.practice import HallPractice
from staffing.profiles import ARRIVAL_SLOT_S, IsWorked, Profile, day_kind
from staffing.rosters.drafting import Away, Draft, People, draft
from staffing.rosters.task import SATURDAY, Clerk, Duty, Relaxation, early_and_late, minute_of
from staffing.rosters.wire import Json, duties_in
from storage import rosters, waits
from storage.connection import Connection
from storage.rosters import StoredClerk, StoredRoster

log = logging.getLogger(__name__)

DESK = "halls"
"""Under which name it registers clerks."""
LOOKS_EVERY = timedelta(seconds=2)
SEEN_EVERY = timedelta(minutes=1)
SEEN_DAYS = 14
"""Of a hall nobody has registered clerks for, so many days are looked at."""
BEFORE_DAYS, CARRIED_DAYS = 8, 28
"""Days before a roster whose duties count for rest, days in a row and hours of the week, and for evenness."""
PROFILE_WAIT = timedelta(minutes=15)
"""So long a roster waits for the hall's past to be learned."""
TRIES = 3
GRACE_S = 60.0
"""A roster that takes longer than its time and this is given up."""
GIVES_WAY = 10
ATTENDS_S = 1.0
SEEN_SHIFT = "seen"


@dataclass
class _Job:
    """A roster that is being made."""

    roster_id: str
    process: SpawnProcess
    answers: Pipe
    began_at: datetime
    ends_s: float


@dataclass
class _Known:
    """Clerks of a hall as far as this process has told the memory."""

    skills: dict[str, set[str]] = field(default_factory=dict)


class RosterDesk:
    """One round of making, and what it remembers between rounds; nothing of it is lost when it dies."""

    def __init__(self, practice: HallPractice, zone: ZoneInfo, is_worked: IsWorked) -> None:
        self._practice, self._zone, self._is_worked = practice, zone, is_worked
        self._job: _Job | None = None
        self._tries: Counter[str] = Counter()
        self._looked_at: datetime | None = None
        self._seen_at: datetime | None = None
        self._known: dict[str, _Known] = {}
        self._n_made, self._n_failed, self._n_seen, self._n_waiting = 0, 0, 0, 0

    def tick(self, conn: Connection, now: datetime, seen: Seen) -> Mapping[str, Any]:
        """Collects what was made, begins what is asked for, takes in who was seen; figures for the system page."""
        if self._job is not None:
            self._collect(conn, self._job, now)
        if self._looked_at is None or abs(now - self._looked_at) >= LOOKS_EVERY:
            self._looked_at = now
            self._begin_next(conn, now, seen)
        if self._seen_at is None or abs(now - self._seen_at) >= SEEN_EVERY:
            self._seen_at = now
            for hall_id, floor in seen.floors.items():
                self._take_in(conn, hall_id, skills_on(floor), now)
        else:
            self._look_back(conn, now, seen)
        return {
            "rosters_waiting": self._n_waiting, "rosters_made_total": self._n_made, "rosters_failed_total": self._n_failed,
            "clerks_seen_total": self._n_seen,
        }  # fmt: skip

    def close(self) -> None:
        """Ends what is being made."""
        if self._job is not None:
            self._end(self._job)
            self._job = None

    # Making

    def _begin_next(self, conn: Connection, now: datetime, seen: Seen) -> None:
        asked = rosters.list_asked(conn)
        self._n_waiting = len(asked)
        if self._job is not None:
            if self._job.roster_id not in {roster.roster_id for roster in asked}:  # withdrawn meanwhile
                self.close()
            return
        for roster in asked:
            profile = seen.profiles.get(roster.hall_id)
            if profile is not None:
                self._begin(conn, roster, profile, now)
                return
            if now - roster.asked_at > PROFILE_WAIT:
                self._fail(
                    conn, roster.roster_id, now, "该厅的历史事件不足\uff0c无法估计需求\uff1a积累数日后再编制",
                    "too little is known of this hall's past to tell its demand: ask again after some days of events",
                )  # fmt: skip

    def _begin(self, conn: Connection, roster: StoredRoster, profile: Profile, now: datetime) -> None:
        made_of = self.draft_of(conn, roster, profile, now)
        context = get_context("spawn")  # threads of the service do not live on in a fork
        ours, theirs = context.Pipe(duplex=False)
        self._tries[roster.roster_id] += 1
        process = context.Process(
            target=make_beside, args=(theirs, made_of, self._practice.solve_s, os.getpid()), daemon=True, name=roster.roster_id
        )
        process.start()
        theirs.close()
        self._job = _Job(roster.roster_id, process, ours, now, self._practice.solve_s + GRACE_S)

    def _collect(self, conn: Connection, job: _Job, now: datetime) -> None:
        took_s = (now - job.began_at).total_seconds()
        if job.answers.poll():
            try:
                kind, said = job.answers.recv()
            except (EOFError, OSError):
                kind, said = "died", None
        elif not job.process.is_alive():
            kind, said = "died", None
        elif abs(took_s) > job.ends_s:
            kind, said = "late", None
        else:
            return
        self._end(job)
        self._job = None
        if kind == "made":
            if rosters.finish_roster(conn, job.roster_id, RosterState.DRAFT, said, took_s=took_s, now=now):
                self._n_made += 1
        elif kind == "none":
            self._fail(conn, job.roster_id, now, *said, took_s=took_s)
        elif kind == "late" or self._tries[job.roster_id] >= TRIES:
            log.warning("roster %s was not made (%s)", job.roster_id, said or kind)
            self._fail(
                conn, job.roster_id, now, "编制过程出错或超时\uff0c已记入日志\uff1a请重新编制",
                "making it failed or took too long; the log says more: ask again", took_s=took_s,
            )  # fmt: skip
        else:
            log.warning("roster %s: the process that made it ended (%s); it is made again", job.roster_id, said or kind)

    @staticmethod
    def _end(job: _Job) -> None:
        job.process.terminate()
        job.process.join(2)
        if job.process.is_alive():
            job.process.kill()
            job.process.join(2)
        job.answers.close()

    def _fail(self, conn: Connection, roster_id: str, now: datetime, zh: str, en: str, *, took_s: float = 0.0) -> None:
        if rosters.finish_roster(conn, roster_id, RosterState.FAILED, {"failed": {"zh": zh, "en": en}}, took_s=took_s, now=now):
            self._n_failed += 1

    def draft_of(self, conn: Connection, roster: StoredRoster, profile: Profile, now: datetime) -> Draft:
        """What is asked of a roster, from all that is stored about its hall."""
        hall_id, n = roster.hall_id, (roster.last - roster.first).days + 1
        days = [roster.first + timedelta(days=k) for k in range(n)]
        people = self._people(conn, roster, days, now)
        wanted = roster.wanted
        relax = [found for said in wanted.get("relax", ()) if (found := Relaxation.known(said)) is not None]
        return draft(
            profile, self._demand(conn, hall_id, profile, now), [(day, day_kind(day, self._is_worked)) for day in days], people,
            self._practice, self._zone, quantile=float(wanted.get("quantile", self._practice.demand_quantile)), relax=relax,
        )  # fmt: skip

    def _demand(self, conn: Connection, hall_id: str, profile: Profile, now: datetime) -> Demand | None:
        """As far ahead as arrivals are forecast; None where they are not."""
        told = waits.list_arrival_forecasts(conn, Moment.live(now), since=now - STALE).get(hall_id, {})
        ends = [f.first_target + timedelta(seconds=f.step_s) * len(f.q50) for f in told.values()]
        ahead_s = (min(ends) - now).total_seconds() if ends else 0.0
        if ahead_s < ARRIVAL_SLOT_S:
            return None
        today = day_of(now.astimezone(self._zone).date(), self._zone)
        kind = day_kind(today.date, self._is_worked)
        return demand_of(profile, told, None, today, kind, now, ahead_s - ARRIVAL_SLOT_S)

    def _people(self, conn: Connection, roster: StoredRoster, days: list[date], now: datetime) -> People:
        hall_id, first, last = roster.hall_id, days[0], days[-1]
        held = rosters.list_in_force(
            conn, hall_id, first - timedelta(days=CARRIED_DAYS), last, exercise_id=roster.exercise_id
        )  # fmt: skip
        by_day = duties_by_day(held, self._zone)
        absences = rosters.list_absences(conn, hall_id, first, last)
        before: list[Duty] = []
        today = now.astimezone(self._zone).date()
        for back in range(BEFORE_DAYS, 0, -1):
            day = first - timedelta(days=back)
            if day in by_day:
                before += by_day[day]
            elif day <= today:
                before += self._present(conn, hall_id, day)
        carried = self._carried(duty for day, duties in by_day.items() if day < first for duty in duties)
        clerks = tuple(
            replace(clerk_of(stored), carried=carried.get(stored.clerk, (0, 0, 0)))
            for stored in rosters.list_clerks(conn, hall_id)
        )
        known = {clerk.name for clerk in clerks}
        return People(
            clerks, tuple(Away(a.clerk, a.first, a.last, a.kind) for a in absences if a.clerk in known),
            tuple(duty for duty in before if duty.clerk in known),
            tuple(duty for day in days for duty in by_day.get(day, ()) if duty.clerk in known),
            frozenset(day for day in days if day in by_day),
        )  # fmt: skip

    def _present(self, conn: Connection, hall_id: str, day: date) -> list[Duty]:
        """Who was at windows on a day of which no roster is known, with the usual break where it lies in between."""
        span = day_of(day, self._zone)
        usual = max(self._practice.shifts, key=lambda shift: shift.paid_h)
        lunch = (minute_of(usual.lunch[0]), minute_of(usual.lunch[0]) + usual.lunch_min) if usual.lunch else None
        found = []
        for who in rosters.list_present(conn, hall_id, span.start, span.end):
            start, end = (round((at - span.start).total_seconds() / 60) for at in (who.first, who.last))
            has_break = lunch is not None and start <= lunch[0] and lunch[1] <= end
            found.append(Duty(who.clerk, day, SEEN_SHIFT, start, end, lunch if has_break else None))
        return found

    def _carried(self, duties: Iterable[Duty]) -> dict[str, tuple[int, int, int]]:
        kinds = early_and_late(self._practice.shifts)
        counts: dict[str, list[int]] = {}
        for duty in duties:
            early, late = kinds.get(duty.shift, (False, False))
            row = counts.setdefault(duty.clerk, [0, 0, 0])
            for k, is_one in enumerate((early, late, duty.day.weekday() == SATURDAY)):
                row[k] += is_one
        return {clerk: (row[0], row[1], row[2]) for clerk, row in counts.items()}

    # Clerks who are seen

    def _look_back(self, conn: Connection, now: datetime, seen: Seen) -> None:
        """The days behind us, for one hall of which this process knows no clerk yet."""
        hall_id = next((hall for hall in seen.profiles if hall not in self._known), None)
        if hall_id is None:
            return
        start = seen.day.start - timedelta(days=SEEN_DAYS)
        self._known[hall_id] = _Known()
        if not rosters.list_clerks(conn, hall_id, with_retired=True):
            self._take_in(conn, hall_id, rosters.list_skills_seen(conn, hall_id, start, seen.day.end), now)

    def _take_in(self, conn: Connection, hall_id: str, skills: Mapping[str, set[str]], now: datetime) -> None:
        known = self._known.setdefault(hall_id, _Known()).skills if skills else {}
        new = {clerk: items for clerk, items in skills.items() if items and not items <= known.get(clerk, set())}
        if new:
            with conn.transaction():
                rosters.lock_staff(conn, hall_id)
                self._n_seen += rosters.note_seen(conn, hall_id, new, week_h=self._practice.week_h, actor=DESK, now=now)
            for clerk, items in new.items():
                known.setdefault(clerk, set()).update(items)


def make_beside(answers: Pipe, made_of: Draft, limit_s: float, parent: int) -> None:
    """Makes a roster and tells it; the work of a process of its own, which alone loads the solver."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever stops us all ends us through our parent
    os.nice(GIVES_WAY)
    _attend(parent)
    from staffing.rosters.making import NoRoster, make

    try:
        answers.send(("made", make(made_of, limit_s=limit_s)))
    except NoRoster as none:
        answers.send(("none", (none.zh, none.en)))
    except Exception as fault:  # whatever it is: our parent says it
        answers.send(("died", f"{type(fault).__name__}: {fault}"))


def _attend(parent: int) -> None:
    """Ends this process when our parent is not there any more."""

    def look() -> None:
        pause = threading.Event()
        while os.getppid() == parent:
            pause.wait(ATTENDS_S)
        os._exit(0)

    threading.Thread(target=look, daemon=True).start()


def skills_on(floor: Floor) -> dict[str, set[str]]:
    """What each clerk did today: the items of the window he is at, and of those whom he served."""
    found: dict[str, set[str]] = {}
    for window in floor.windows.values():
        if window.clerk:
            found.setdefault(window.clerk, set()).update(window.items)
    for ticket in floor.tickets.values():
        if ticket.clerk and ticket.started is not None and ticket.item:
            found.setdefault(ticket.clerk, set()).add(ticket.item)
    return found


def clerk_of(stored: StoredClerk) -> Clerk:
    wishes: Json = dict(stored.wishes)
    return Clerk(
        stored.clerk, frozenset(stored.skills), stored.week_h, frozenset(wishes.get("off_weekdays", ())),
        frozenset(wishes.get("shifts", ())),
    )  # fmt: skip


def duties_by_day(held: Iterable[StoredRoster], zone: ZoneInfo) -> dict[date, list[Duty]]:
    """Duties of rosters in force; where two cover a day, those of the later. A day without any duty is in it, too."""
    found: dict[date, list[Duty]] = {}
    for roster in held:
        own: dict[date, list[Duty]] = {
            roster.first + timedelta(days=k): [] for k in range((roster.last - roster.first).days + 1)
        }  # fmt: skip
        for duty in duties_in(roster.content or {"days": []}, zone):
            own.setdefault(duty.day, []).append(duty)
        found |= own
    return found
