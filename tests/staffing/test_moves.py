"""Moves of windows by people: done once, audited, refused with a sentence; what was decided leaves once and comes back in time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.halls import WindowState
from domain.moments import Moment
from domain.refusals import Refused
from domain.rights import Actor, Role
from domain.staffing import ProposalState, StepState
from staffing import moves
from staffing.books import Books, Seen
from staffing.practice import HallPractice
from staffing.steps_desk import StepsDesk
from storage import window_plans
from storage.audit import list_entries
from storage.connection import Connection, connect
from tests.support.halls import at
from tests.support.window_scenes import MANAGER, OTHER, STRANGER, a_content, a_hall, answered, left, ms, proposed

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def scene(conn: Connection) -> Connection:
    a_hall(conn)
    return conn


def accept(conn: Connection, minute: float = 0, actor: Actor = MANAGER, **more: Any) -> Any:
    return moves.accept(conn, "hall-1", "wp-1", actor, at(minute), zone=ZONE, **more)


def steps(conn: Connection) -> list[tuple[int, str, float, str]]:
    """(window, wanted, due in minutes after nine, state)"""
    return [
        (s.window_no, s.wanted, (s.due_at - at(0)).total_seconds() / 60, s.state.value)
        for s in window_plans.list_steps(conn, "hall-1", at(-60))
    ]


def seen(conn: Connection, minute: float) -> Seen:
    return Seen(Books(ZONE).read(conn, Moment.live(at(minute))), {}, {}, {}, "workday")


def tick(conn: Connection, minute: float) -> None:
    StepsDesk(HallPractice(), ZONE).tick(conn, at(minute), seen(conn, minute))


def sentence(deed: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        deed()
    assert refused.value.zh
    return refused.value.en


def test_what_is_due_leaves_with_the_acceptance_and_the_rest_in_its_time(scene: Connection) -> None:
    proposed(scene)
    accept(scene)
    assert steps(scene) == [(3, "open", 0, "sent"), (3, "closed", 60, "planned")]
    (command,) = left(scene, 0.1)
    assert {name: command[name] for name in ("cmd", "window", "state", "items")} == {
        "cmd": "window", "window": 3, "state": "open", "items": ["tax"],
    }  # fmt: skip
    answered(scene, command["id"], minute=0.2)
    tick(scene, 0.3)
    assert [state for *_, state in steps(scene)] == ["accepted", "planned"]
    tick(scene, 59)
    assert left(scene, 59) == []
    tick(scene, 60.1)
    (command,) = left(scene, 60.2)
    assert (command["state"], command.get("items", [])) == ("closed", [])
    entry = list_entries(scene)[0]
    assert (entry.action, entry.actor, entry.outcome, entry.object) == ("windows.accept", "wang", "done", "wp-1")


def test_what_begins_later_waits_for_its_time(scene: Connection) -> None:
    proposed(scene, first_min=30, until_min=90)
    accept(scene)
    assert [state for *_, state in steps(scene)] == ["planned", "planned"]
    for minute, n in ((29, 0), (30, 1), (31, 0)):
        tick(scene, minute)
        assert len(left(scene, minute)) == n


def test_of_two_who_accept_one_does_and_the_other_is_told(scene: Connection, database_url: str) -> None:
    proposed(scene)
    told: list[str] = []
    ready = threading.Barrier(2)

    def decide(actor: Actor) -> None:
        with connect(database_url) as own:
            ready.wait()
            try:
                accept(own, actor=actor)
                told.append("done")
            except Refused as refused:
                told.append(refused.en)

    threads = [threading.Thread(target=decide, args=(actor,)) for actor in (MANAGER, OTHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told)[0] == "done"
    assert sorted(told)[1].startswith("this proposal is accepted (09:00 by ")
    assert len(left(scene, 1)) == 1


def test_a_command_that_was_committed_and_not_published_leaves_once(scene: Connection) -> None:
    """The process died between the two: the outbox has it, and another round adds nothing."""
    proposed(scene)
    accept(scene)
    tick(scene, 0.1)
    tick(scene, 0.2)
    assert len(left(scene, 0.3)) == 1
    tick(scene, 0.4)
    assert left(scene, 0.5) == []


def test_what_the_hall_refuses_is_kept_with_its_reason_and_nothing_follows(scene: Connection) -> None:
    proposed(scene)
    accept(scene)
    (command,) = left(scene, 0)
    answered(scene, command["id"], "no_clerk", minute=0.1)
    tick(scene, 0.2)
    tick(scene, 0.3)
    assert [state for *_, state in steps(scene)] == ["refused", "cancelled"]
    assert window_plans.list_refusals(scene, "hall-1", at(-60)) == [(3, ("tax",), "no_clerk")]
    tick(scene, 61)
    assert left(scene, 61) == []


def test_silence_is_raised_and_a_late_answer_still_counts(scene: Connection) -> None:
    proposed(scene)
    accept(scene)
    (command,) = left(scene, 0)
    tick(scene, 0.5)
    assert steps(scene)[0][3] == "sent"
    tick(scene, 1.1)
    assert steps(scene)[0][3] == "unanswered"
    answered(scene, command["id"], minute=5)
    tick(scene, 5.1)
    assert steps(scene)[0][3] == "accepted"


def test_what_the_broker_has_not_taken_is_taken_back(scene: Connection) -> None:
    proposed(scene)
    accept(scene)
    tick(scene, 2)
    assert steps(scene)[0][3] == "sent"
    tick(scene, 4)
    assert steps(scene)[0][3] == "unanswered"
    assert left(scene, 5) == []


def test_a_window_that_was_opened_is_closed_however_late_but_nothing_begins_late(scene: Connection) -> None:
    """Nobody sent anything for half an hour."""
    proposed(scene, first_min=10, until_min=40)
    accept(scene)
    tick(scene, 50)
    assert [state for *_, state in steps(scene)] == ["cancelled", "planned"]
    tick(scene, 51)
    assert [state for *_, state in steps(scene)] == ["cancelled", "cancelled"]

    proposed(scene, "wp-2", minute=52, first_min=52, until_min=70)
    moves.accept(scene, "hall-1", "wp-2", MANAGER, at(52), zone=ZONE)
    (command,) = left(scene, 52)
    answered(scene, command["id"], minute=52.1)
    tick(scene, 52.2)
    tick(scene, 120)
    assert [c["state"] for c in left(scene, 120)] == ["closed"]


def test_nothing_is_sent_after_midnight(scene: Connection) -> None:
    proposed(scene, first_min=14 * 60 + 55, until_min=14 * 60 + 59, valid_min=2_000)
    accept(scene)
    tick(scene, 15 * 60 + 1)
    tick(scene, 15 * 60 + 2)
    assert {state for *_, state in steps(scene)} == {"cancelled"}
    assert left(scene, 15 * 60 + 3) == []


def test_a_hall_that_is_closed_does_nothing_more(scene: Connection) -> None:
    content = a_content()
    content["commands"].append({"window": 2, "at": ms(at(30)), "state": "open", "items": ["enquiry"]})
    proposed(scene)
    accept(scene, adjusted=content, changes=2)
    (command,) = left(scene, 0)
    answered(scene, command["id"], "hall_closed", minute=0.1)
    tick(scene, 0.2)
    assert [state for *_, state in steps(scene)] == ["refused", "cancelled", "cancelled"]


def test_stopping_cancels_what_has_not_begun_and_lets_moved_windows_go_back(scene: Connection) -> None:
    content = a_content()
    content["commands"].append({"window": 2, "at": ms(at(30)), "state": "open", "items": ["enquiry"]})
    proposed(scene)
    accept(scene, adjusted=content)
    (command,) = left(scene, 0)
    answered(scene, command["id"], minute=0.1)
    tick(scene, 0.2)
    _, n = moves.withdraw(scene, "wp-1", MANAGER, at(5), reason="人手另有安排", zone=ZONE)
    assert n == 1
    assert steps(scene) == [(3, "open", 0, "accepted"), (2, "open", 30, "cancelled"), (3, "closed", 60, "planned")]
    tick(scene, 60)
    assert [c["state"] for c in left(scene, 60)] == ["closed"]
    assert "only one that was accepted can be stopped" in sentence(
        lambda: moves.withdraw(scene, "wp-1", MANAGER, at(6), reason="x", zone=ZONE)
    )


def test_a_no_has_a_reason_and_is_kept(scene: Connection) -> None:
    proposed(scene)
    assert sentence(lambda: moves.decline(scene, "wp-1", MANAGER, at(0), reason=" ", zone=ZONE)) == "a reason is needed"
    moves.decline(scene, "wp-1", MANAGER, at(0), reason="人员培训", zone=ZONE)
    made = window_plans.find_proposal(scene, "wp-1")
    assert made is not None
    assert (made.state, made.reason, made.decided_by) == (ProposalState.DECLINED, "人员培训", "wang")
    assert sentence(lambda: accept(scene, 1)) == "this proposal is declined (09:00 by wang)"
    assert [(e.action, e.outcome) for e in reversed(list_entries(scene))] == [
        ("windows.decline", "refused"), ("windows.decline", "done"), ("windows.accept", "refused"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("actor", "minute", "words"),
    [
        (STRANGER, 0, "outside the area"),
        (Actor("sun", Role.LEADER), 0, "has no right"),
        (MANAGER, 11, "this proposal was valid until 09:10"),
    ],
)
def test_who_may_not_or_comes_too_late_is_told_so(scene: Connection, actor: Actor, minute: float, words: str) -> None:
    proposed(scene)
    assert words in sentence(lambda: accept(scene, minute, actor))
    assert steps(scene) == []


def test_what_nobody_knows_is_refused(scene: Connection) -> None:
    assert "no window proposal" in sentence(lambda: moves.accept(scene, "hall-1", "wp-9", MANAGER, at(0), zone=ZONE))
    assert "outside the area" in sentence(lambda: moves.decline(scene, "wp-9", MANAGER, at(0), reason="x", zone=ZONE))


def test_a_new_plan_takes_over_the_windows_of_an_older_one(scene: Connection) -> None:
    proposed(scene)
    accept(scene)
    proposed(scene, "wp-2", minute=10, first_min=12, until_min=50)
    moves.accept(scene, "hall-1", "wp-2", MANAGER, at(11), zone=ZONE)
    assert steps(scene) == [
        (3, "open", 0, "sent"), (3, "open", 12, "planned"), (3, "closed", 50, "planned"), (3, "closed", 60, "cancelled"),
    ]  # fmt: skip


def command(conn: Connection, window: int = 3, wanted: WindowState = WindowState.OPEN, **more: Any) -> Any:
    known = Books(ZONE).read(conn, Moment.live(at(0))).find("hall-1")
    assert known is not None
    asked = {"reason": "排队过长", "items": ("tax",), **more}
    return moves.command(conn, "hall-1", window, wanted, MANAGER, at(0), known=known.now, **asked)


def test_a_window_is_commanded_for_a_while_and_goes_back(scene: Connection) -> None:
    command(scene, 2, items=("enquiry",), minutes=45)
    assert steps(scene) == [(2, "open", 0, "sent"), (2, "open", 45, "planned")]
    (first,) = left(scene, 0)
    answered(scene, first["id"], minute=0.1)
    tick(scene, 0.2)
    tick(scene, 45)
    assert [c["items"] for c in left(scene, 45)] == [["tax"]]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"window": 9}, "has told nothing of a window 9 today"),
        ({"items": ("vehicle",)}, "does not offer vehicle"),
        ({"wanted": WindowState.FAULT}, "expected open, paused or closed"),
        ({"minutes": 0}, "expected 1 to 600"),
        ({"reason": ""}, "a reason is needed"),
    ],
)
def test_a_command_that_cannot_be_is_refused_with_what_is_expected(scene: Connection, asked: dict[str, Any], words: str) -> None:
    assert words in sentence(lambda: command(scene, **asked))
    assert steps(scene) == []
    assert left(scene, 1) == []


def test_steps_that_are_over_are_left_alone(scene: Connection) -> None:
    proposed(scene)
    accept(scene)
    (first,) = left(scene, 0)
    answered(scene, first["id"], minute=0.1)
    tick(scene, 0.2)
    answered(scene, first["id"], "no_clerk", minute=0.3)
    tick(scene, 0.4)
    assert steps(scene)[0][3] == StepState.ACCEPTED
