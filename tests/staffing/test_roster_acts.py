"""Clerks, absences and rosters at a real database: audited, one after the other, made by a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.halls import HallEventKind
from domain.moments import Moment
from domain.refusals import Refused
from domain.staffing import AbsenceKind, RosterState
from staffing.books import Books, Seen
from staffing.practice import HallPractice, Shift
from staffing.profiles import Profile
from staffing.rosters import acts
from staffing.rosters.desk import RosterDesk, duties_by_day, skills_on
from staffing.rosters.task import Relaxation
from staffing.rosters.wire import duties_in
from storage import rosters
from storage.audit import list_entries
from storage.connection import Connection
from storage.rosters import REGISTERED, SEEN
from tests.staffing.test_rosters import AFTERNOON, LONG, MORNING, a_profile
from tests.support.halls import a_visit, at
from tests.support.scenes import NOW, stored
from tests.support.window_scenes import MANAGER, STRANGER, a_hall

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 3, 2)
TOMORROW = TODAY + timedelta(days=1)
K = HallEventKind
PRACTICE = HallPractice(shifts=(MORNING, AFTERNOON, LONG), solve_s=5.0)


@pytest.fixture
def scene(conn: Connection) -> Connection:
    a_hall(conn)
    return conn


def registered(
    conn: Connection, *names: str, skills: tuple[str, ...] = ("tax", "enquiry"), minute: float = 0, **more: Any
) -> None:
    for name in names:
        acts.set_clerk(conn, "hall-1", name, MANAGER, at(minute), skills=skills, reason="test", practice=PRACTICE, **more)


def sentence(deed: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        deed()
    assert refused.value.zh
    return refused.value.en


def a_past() -> Profile:
    """What the scenes' hall is used to: tax and enquiries from nine to one."""
    past = a_profile()
    items = {name: replace(past.items["tax"], item=name) for name in ("tax", "enquiry")}
    windows = {n: replace(past.windows[1], number=n, items=("tax", "enquiry")) for n in range(1, 5)}
    return replace(past, hall_id="hall-1", items=items, windows=windows)


def test_a_clerk_is_registered_changed_and_retired(scene: Connection) -> None:
    registered(scene, "c07", week_h=32.0, off_weekdays=[4])
    registered(scene, "c07", skills=("tax",), minute=5)
    (clerk,) = rosters.list_clerks(scene, "hall-1")
    assert (clerk.skills, clerk.week_h, clerk.wishes, clerk.origin, clerk.since) == (
        ("tax",),
        32.0,
        {"off_weekdays": [4]},
        REGISTERED,
        at(0),
    )
    acts.retire_clerk(scene, "hall-1", "c07", MANAGER, at(6), reason="moved")
    assert rosters.list_clerks(scene, "hall-1") == []
    assert "has no clerk c07" in sentence(lambda: acts.retire_clerk(scene, "hall-1", "c07", MANAGER, at(7), reason="moved"))
    newest = list_entries(scene, limit=4)
    assert [(e.action, e.outcome) for e in newest] == [
        ("clerk.retire", "refused"), ("clerk.retire", "done"), ("clerk.set", "done"), ("clerk.set", "done"),
    ]  # fmt: skip
    assert newest[2].detail["skills"] == ["tax"]
    assert newest[2].before_hash == newest[3].after_hash != newest[2].after_hash


def test_what_cannot_be_said_of_a_clerk_is_refused_with_its_cure(scene: Connection) -> None:
    for more, words in (
        ({"skills": ("dragons",)}, "'dragons' is no item of hall hall-1"),
        ({"skills": ()}, "expected at least one of its items"),
        ({"week_h": 90.0}, "90 hours a week: expected more than 0 and at most 60"),
        ({"off_weekdays": [9]}, "expected 0 (Monday) to 6 (Sunday)"),
        ({"shifts": ["night"]}, "there is no shift 'night': expected one of am, pm, long"),
    ):
        assert words in sentence(lambda more=more: registered(scene, "c1", **more))
    assert "pseudonym" in sentence(lambda: registered(scene, "x" * 41))
    whole = {"skills": ("tax",), "reason": "test", "practice": PRACTICE}
    assert "outside the area" in sentence(lambda: acts.set_clerk(scene, "hall-1", "c1", STRANGER, at(0), **whole))
    assert "outside the area" in sentence(lambda: acts.set_clerk(scene, "hall-9", "c1", MANAGER, at(0), **whole))
    assert "a reason is needed" in sentence(
        lambda: acts.set_clerk(scene, "hall-1", "c1", MANAGER, at(0), **{**whole, "reason": " "})
    )
    assert rosters.list_clerks(scene, "hall-1") == []


def note(conn: Connection, clerk: str, first: date, last: date, kind: AbsenceKind = AbsenceKind.LEAVE) -> Any:
    return acts.note_absence(conn, "hall-1", clerk, MANAGER, at(0), first=first, last=last, kind=kind)


def test_absences_are_noted_once_and_cancelled(scene: Connection) -> None:
    registered(scene, "c1")
    noted = note(scene, "c1", TODAY, TOMORROW)
    assert "is noted as on leave from 2026-03-02" in sentence(lambda: note(scene, "c1", TOMORROW, TOMORROW))
    assert "expected dates in order" in sentence(lambda: note(scene, "c1", TOMORROW, TODAY))
    assert "has no clerk c2" in sentence(lambda: note(scene, "c2", TODAY, TODAY))
    assert [a.absence_id for a in rosters.list_absences(scene, "hall-1", TOMORROW, TOMORROW)] == [noted.absence_id]
    cancel = lambda: acts.cancel_absence(scene, noted.absence_id, MANAGER, at(1), reason="back")  # noqa: E731
    cancel()
    assert rosters.list_absences(scene, "hall-1", TODAY, TOMORROW) == []
    assert "cancelled before" in sentence(cancel)
    assert "outside the area" in sentence(lambda: acts.cancel_absence(scene, "a-none", MANAGER, at(1), reason="x"))


def ask(conn: Connection, first: date = TOMORROW, days: int = 1, *, minute: float = 0, quantile: float = 0.5, **more: Any) -> Any:
    return acts.ask(conn, "hall-1", MANAGER, at(minute), first=first, days=days, quantile=quantile, today=TODAY, **more)


def test_what_no_roster_can_be_asked_for_is_refused(scene: Connection) -> None:
    assert "15 days: expected 1 to 14" in sentence(lambda: ask(scene, days=15))
    assert "expected a date from today" in sentence(lambda: ask(scene, TODAY - timedelta(days=1)))
    assert "expected a date from today" in sentence(lambda: ask(scene, TODAY + timedelta(days=61)))
    assert "expected 0.5 to 0.99" in sentence(lambda: ask(scene, quantile=1.5))
    first = ask(scene)
    assert "is being made for wang" in sentence(lambda: ask(scene))
    acts.withdraw(scene, first.roster_id, MANAGER, at(1), reason="other days")
    ask(scene)


@pytest.fixture
def desk() -> Iterator[RosterDesk]:
    made = RosterDesk(PRACTICE, ZONE, lambda day: day.weekday() < 5)
    yield made
    made.close()


def look(conn: Connection, moment: datetime, *, knows: bool = True) -> Seen:
    books = Books(ZONE)
    now = books.read(conn, Moment.live(moment))
    return Seen(now, books.floors, {"hall-1": a_past()} if knows else {}, {}, "workday")


def made(conn: Connection, desk: RosterDesk, roster_id: str, *, knows: bool = True, start: datetime = NOW) -> Any:
    """Ticks until the roster is no longer waited for."""
    seen = look(conn, start, knows=knows)
    for n in range(1200):
        desk.tick(conn, start + timedelta(seconds=n / 20), seen)
        found = rosters.find_roster(conn, roster_id)
        assert found is not None
        if found.state is not RosterState.ASKED:
            return found
        time.sleep(0.05)
    raise AssertionError("nobody made it")


def test_a_roster_is_asked_for_made_put_in_force_and_superseded(scene: Connection, desk: RosterDesk) -> None:
    registered(scene, "c1", "c2", "c3", "c4", "c5")
    note(scene, "c1", TOMORROW, TOMORROW, AbsenceKind.SICK)
    first = made(scene, desk, ask(scene, days=3).roster_id)
    assert first.state is RosterState.DRAFT
    duties = duties_in(first.content, ZONE)
    assert {duty.day for duty in duties} == {TOMORROW, TOMORROW + timedelta(days=1), TOMORROW + timedelta(days=2)}
    assert not any(duty.clerk == "c1" and duty.day == TOMORROW for duty in duties)
    assert first.content["compare"]["basis"] == "windows"
    acts.adopt(scene, first.roster_id, MANAGER, at(20), today=TODAY)
    second = made(scene, desk, ask(scene, minute=21).roster_id, start=at(21))
    assert second.content["compare"]["basis"] == "roster"
    assert {d.clerk for d in duties if d.day == TOMORROW} <= {d.clerk for d in duties_in(second.content, ZONE)}, "it stays close"
    _, over = acts.adopt(scene, second.roster_id, MANAGER, at(40), today=TODAY)
    assert over == [], "of the first roster two days still hold"
    held = rosters.list_in_force(scene, "hall-1", TOMORROW, TOMORROW)
    assert [r.roster_id for r in held] == [first.roster_id, second.roster_id]
    assert {d.day for d in duties_by_day(held, ZONE)[TOMORROW]} == {TOMORROW}
    third = made(scene, desk, ask(scene, days=3, minute=41).roster_id, start=at(41))
    _, over = acts.adopt(scene, third.roster_id, MANAGER, at(60), today=TODAY)
    assert over == sorted([first.roster_id, second.roster_id])
    assert "is superseded: only one that waits" in sentence(
        lambda: acts.adopt(scene, first.roster_id, MANAGER, at(61), today=TODAY)
    )
    acts.withdraw(scene, third.roster_id, MANAGER, at(62), reason="storm")
    assert rosters.list_in_force(scene, "hall-1", TODAY, TOMORROW) == []


@pytest.mark.long
def test_a_roster_that_cannot_be_made_says_why(scene: Connection, desk: RosterDesk) -> None:
    found = made(scene, desk, ask(scene).roster_id)
    assert (found.state, found.content["failed"]["en"][:23]) == (RosterState.FAILED, "no clerk is registered ")
    registered(scene, "c1")
    sunday = ask(scene, TODAY + timedelta(days=6), minute=20)
    found = made(scene, desk, sunday.roster_id, start=at(20))
    assert found.content["failed"]["en"].startswith("nobody is expected on these days")
    unknown = ask(scene, minute=40)
    found = made(scene, desk, unknown.roster_id, knows=False, start=at(40 + 16))
    assert found.content["failed"]["en"].startswith("too little is known")


@pytest.mark.long
def test_a_roster_survives_the_death_of_whoever_makes_it(scene: Connection, desk: RosterDesk) -> None:
    registered(scene, "c1", "c2", "c3")
    asked = ask(scene)
    desk.tick(scene, NOW, look(scene, NOW))
    assert desk._job is not None
    os.kill(desk._job.process.pid or 0, signal.SIGKILL)
    assert made(scene, desk, asked.roster_id, start=NOW + timedelta(seconds=3)).state is RosterState.DRAFT


def test_one_that_is_withdrawn_while_it_is_made_stays_withdrawn(scene: Connection, desk: RosterDesk) -> None:
    registered(scene, "c1")
    asked = ask(scene)
    desk.tick(scene, NOW, look(scene, NOW))
    acts.withdraw(scene, asked.roster_id, MANAGER, at(1), reason="no")
    desk.tick(scene, NOW + timedelta(seconds=3), look(scene, NOW))
    assert desk._job is None
    found = rosters.find_roster(scene, asked.roster_id)
    assert (found.state if found else None) is RosterState.WITHDRAWN
    assert not rosters.finish_roster(scene, asked.roster_id, RosterState.DRAFT, {}, took_s=1, now=NOW)


def test_who_is_seen_at_a_window_is_known_with_what_he_did(scene: Connection, desk: RosterDesk) -> None:
    stored(scene, *a_visit("A1", -9, -8, -7, -3, window=2, item="tax"))
    seen = look(scene, NOW)
    assert skills_on(seen.floors["hall-1"])["c01"] >= {"tax", "enquiry"}
    desk.tick(scene, NOW, seen)
    known = {c.clerk: (c.skills, c.origin, c.changed_by) for c in rosters.list_clerks(scene, "hall-1")}
    assert known["c01"] == (("enquiry", "tax"), SEEN, "halls")
    registered(scene, "c01", skills=("tax",), minute=2)
    acts.retire_clerk(scene, "hall-1", "c02", MANAGER, at(2), reason="left") if "c02" in known else None
    again = RosterDesk(PRACTICE, ZONE, lambda day: True)
    again.tick(scene, at(5), look(scene, at(5)))
    (still,) = (c for c in rosters.list_clerks(scene, "hall-1") if c.clerk == "c01")
    assert (still.skills, still.origin) == (("tax",), REGISTERED), "what people said stays"
    assert "c02" not in {c.clerk for c in rosters.list_clerks(scene, "hall-1")}


def test_hours_and_days_before_count_from_the_roster_or_from_windows(scene: Connection, desk: RosterDesk) -> None:
    registered(scene, "c01", "c1")
    yesterday = timedelta(days=1)
    events = [
        replace(e, phenomenon_time=e.phenomenon_time - yesterday, received_time=e.received_time - yesterday)
        for e in a_visit("A1", 0, 10, 20, 200)
    ]
    stored(scene, *events)
    asked = ask(scene, TODAY, relax=[Relaxation.OVERTIME])
    task = desk.draft_of(scene, asked, a_past(), NOW).task
    assert [(d.clerk, d.day, d.start_min, d.end_min) for d in task.before if d.day < TODAY] == [
        ("c01", TODAY - yesterday, 550, 740)
    ]
    assert task.relax == {Relaxation.OVERTIME}


@pytest.mark.long
def test_the_process_that_makes_rosters_alone_loads_the_solver() -> None:
    """Elsewhere scipy's own solver is at work, and the two do not share a process."""
    root = Path(__file__).parents[2]
    code = "import sys, dashboard.app, staffing.service; sys.exit(any(name.startswith('ortools') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


@pytest.mark.long
def test_a_shift_of_another_name_in_an_old_roster_is_no_fault(scene: Connection, desk: RosterDesk) -> None:
    """Shifts are the deployment's to change."""
    registered(scene, "c1", "c2")
    first = made(scene, desk, ask(scene).roster_id)
    acts.adopt(scene, first.roster_id, MANAGER, at(20), today=TODAY)
    renamed = replace(
        PRACTICE, shifts=tuple(Shift(f"new-{s.id}", s.zh, s.en, s.start, s.end, s.lunch, s.lunch_min) for s in PRACTICE.shifts)
    )
    other = RosterDesk(renamed, ZONE, lambda day: True)
    found = made(scene, other, ask(scene, minute=21).roster_id, start=at(21))
    assert {d.shift[:4] for d in duties_in(found.content, ZONE)} == {"new-"}
