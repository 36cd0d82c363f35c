"""The advice desk against a real database: it proposes what pays, keeps what still holds, says why there is nothing, and judges."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from domain.halls import HallEventKind
from domain.moments import Moment
from domain.staffing import ProposalState
from staffing import moves
from staffing.advice.desk import AdviceDesk, is_same, judge
from staffing.books import Books, Seen
from staffing.demand import demand_of
from staffing.floor import local_day
from staffing.practice import HallPractice
from staffing.profiles import WORKDAY, Profile
from storage import window_plans
from storage.connection import Connection
from storage.window_plans import WindowProposal
from tests.support.halls import a_visit, at, said
from tests.support.scenes import COUNTER, NOW, a_device, stored
from tests.support.window_scenes import MANAGER, a_content, a_hall, a_profile, a_queue, answered, left, proposed

ZONE = ZoneInfo("Asia/Shanghai")
K = HallEventKind
PRACTICE = HallPractice()


def always(_: object) -> bool:
    return True


def seen(conn: Connection, minute: float, profile: Profile | None) -> Seen:
    books = Books(ZONE)
    now = books.read(conn, Moment.live(at(minute)))
    known = {} if profile is None else {"hall-1": profile}
    floor = books.floors.get("hall-1")
    demands = {
        hall_id: demand_of(each, {}, floor, now.day, WORKDAY, at(minute), PRACTICE.advice_horizon_s)
        for hall_id, each in known.items()
    }
    return Seen(now, books.floors, known, demands, WORKDAY)


def look(conn: Connection, minute: float, profile: Profile | None = None, desk: AdviceDesk | None = None) -> dict[str, Any]:
    desk = desk or AdviceDesk(PRACTICE, ZONE, always)
    return dict(desk.tick(conn, at(minute), seen(conn, minute, profile)))


def there(conn: Connection) -> WindowProposal | None:
    return window_plans.find_open(conn, "hall-1")


def none(conn: Connection) -> str:
    found = window_plans.find_look(conn, "hall-1")
    assert found is not None
    assert found[1] is not None
    return found[1]["en"]


@pytest.fixture
def scene(conn: Connection) -> Connection:
    a_hall(conn)
    return conn


def test_a_queue_that_will_grow_is_answered_by_a_proposal_that_says_what_it_does(scene: Connection) -> None:
    """Two windows do three people a quarter of an hour, eight come; windows 3 and 4 have clerks who can."""
    a_queue(scene)
    figures = look(scene, 5, a_profile())
    made = there(scene)
    assert figures["advice_proposed_total"] == 1
    assert made is not None
    content = made.content
    assert {step["window"] for step in content["steps"]} <= {3, 4}
    assert content["before"]["worst"]["p90_s"] > content["after"]["worst"]["p90_s"] + PRACTICE.gain_s
    assert (content["said"]["zh"][:6], "区间" in content["said"]["zh"]) == ("09:10 ", True)
    assert content["rests_on"] == {"profile_days": 20, "demand_basis": "usual", "futures": 120, "n_waiting": 8}
    assert len(content["before"]["slots"]) == 16
    assert (made.valid_until - made.issued_at) == timedelta(seconds=PRACTICE.valid_s)
    first = content["commands"][0]
    assert (first["state"], first["items"]) == ("open", ["tax"])


def test_a_proposal_that_still_holds_stays_and_one_that_does_not_gives_way(scene: Connection) -> None:
    a_queue(scene)
    desk = AdviceDesk(PRACTICE, ZONE, always)
    look(scene, 0.5, a_profile(), desk)
    first = there(scene)
    look(scene, 1.8, a_profile(), desk)
    assert there(scene) == first, "not yet due"
    look(scene, 5.6, a_profile(), desk)
    second = there(scene)
    assert first is not None
    assert second is not None
    assert second.proposal_id != first.proposal_id, "what it would do at 09:05 is past"
    before = window_plans.find_proposal(scene, first.proposal_id)
    assert before is not None
    assert (before.state, before.decided_at) == (ProposalState.SUPERSEDED, at(5.6))


def test_two_proposals_are_the_same_when_they_say_the_same(scene: Connection) -> None:
    one, other, moved = a_content(first_min=10), a_content(first_min=15), a_content(first_min=10, window=2)
    assert is_same(one, other, at(0))
    assert not is_same(one, moved, at(0))
    assert not is_same(one, other, at(11))
    assert not is_same(one, {**other, "gain": {**other["gain"], "worst_p90_s": 600}}, at(0))


def test_of_a_hall_one_proposal_is_open(scene: Connection) -> None:
    proposed(scene)
    proposed(scene, "wp-2")
    n = scene.execute("SELECT count(*) FROM window_proposal WHERE state = 'open'").fetchone()
    assert n == (1,)
    with pytest.raises(Exception, match="one_open_proposal_a_hall"):
        scene.execute("UPDATE window_proposal SET state = 'open'")


def test_what_nobody_decided_on_expires_at_its_time(scene: Connection) -> None:
    proposed(scene, valid_min=15)
    look(scene, 11)
    made = window_plans.find_proposal(scene, "wp-1")
    assert made is not None
    assert (made.state, made.decided_at) == (ProposalState.EXPIRED, at(10))


def test_what_nobody_decided_on_is_kept_for_a_day_and_what_somebody_did_stays(scene: Connection) -> None:
    proposed(scene, minute=-25 * 60)
    proposed(scene, "wp-2", minute=-24.5 * 60)
    moves.decline(scene, "wp-2", MANAGER, at(-24.4 * 60), reason="x", zone=ZONE)
    proposed(scene, "wp-3", minute=-60)
    look(scene, 5)
    rows = scene.execute("SELECT proposal_id, state FROM window_proposal ORDER BY 1").fetchall()
    assert rows == [("wp-2", "declined"), ("wp-3", "expired")]


def test_a_calm_hall_is_told_that_nothing_pays(scene: Connection) -> None:
    proposed(scene, minute=0)
    look(scene, 5, a_profile(a_quarter=1.0))
    assert there(scene) is None
    assert "no move of windows pays" in none(scene)


@pytest.mark.parametrize("known", [False, True])
def test_what_is_missing_is_said(conn: Connection, known: bool) -> None:
    """A hall without events today, or without a past."""
    if known:
        a_hall(conn)
    else:
        stored(conn, said(K.WINDOW_OPEN, -24 * 60, window=1, items=("tax",)))
        a_hall_without_events(conn)
    look(conn, 5, None if known else a_profile())
    assert none(conn) == (
        "less than a day of history: nothing can be advised yet" if known else "no queue data today yet: nothing can be advised"
    )


def a_hall_without_events(conn: Connection) -> None:
    stored(conn, a_device(COUNTER, type_name="ServiceHall", properties=(), mode="on_change", interval_s=3600))


def test_after_closing_nothing_is_advised(scene: Connection) -> None:
    a_queue(scene)
    look(scene, 8 * 60 + 5, a_profile())
    assert there(scene) is None
    assert "closed or about to close" in none(scene)


def test_what_the_hall_refused_is_not_asked_for_again_for_an_hour(scene: Connection) -> None:
    a_queue(scene)
    proposed(scene)
    moves.accept(scene, "hall-1", "wp-1", MANAGER, at(0), zone=ZONE)
    (command,) = left(scene, 0)
    answered(scene, command["id"], "no_skill", minute=0.1)
    scene.execute(
        "UPDATE window_step SET state = 'refused', answer = 'no_skill', answered_at = %s WHERE follows IS NULL", (at(0.1),)
    )
    scene.execute("UPDATE window_step SET state = 'cancelled' WHERE follows IS NOT NULL")
    look(scene, 5, a_profile())
    made = there(scene)
    assert made is not None
    assert {step["window"] for step in made.content["steps"]} == {4}
    look(scene, 65, a_profile())
    made = there(scene)
    assert made is not None
    assert 3 in {step["window"] for step in made.content["steps"]}


def test_what_a_plan_will_still_do_counts_as_what_happens_by_itself(scene: Connection) -> None:
    """Window 3 is told to open and stay: a hall that would need it for an hour is not advised to open it again."""
    a_queue(scene, 2)
    proposed(scene, first_min=8, until_min=7 * 60)
    moves.accept(scene, "hall-1", "wp-1", MANAGER, at(0), zone=ZONE)
    look(scene, 5, a_profile())
    made = there(scene)
    assert made is None or 3 not in {step["window"] for step in made.content["steps"]}


def test_a_plan_is_judged_by_who_really_came(scene: Connection) -> None:
    """Twelve people came a quarter of an hour apart in pairs and waited as told; nothing had to be done."""
    proposed(scene, minute=0)
    moves.accept(scene, "hall-1", "wp-1", MANAGER, at(1), zone=ZONE)
    (command,) = left(scene, 1)
    answered(scene, command["id"], minute=1.1)
    scene.execute("UPDATE window_step SET state = 'accepted' WHERE follows IS NULL")
    visits = [
        event
        for quarter in range(4)
        for k in range(6)
        for event in a_visit(
            f"B{quarter}{k}",
            15 * quarter + 1 + k,
            15 * quarter + 9 + k,
            15 * quarter + 9.1 + k,
            15 * quarter + 14 + k,
            window=1 + k % 3,
        )
    ]
    stored(scene, *visits)
    desk = AdviceDesk(PRACTICE, ZONE, always)
    look(scene, 4 * 60 + 20, a_profile(), desk)
    assert window_plans.list_proposals(scene, "hall-1", limit=5)[0].outcome is None
    for minute in (4 * 60 + 31, 4 * 60 + 31.1):
        look(scene, minute, a_profile(), desk)
    (made,) = window_plans.list_proposals(scene, "hall-1", limit=5)
    assert made.state is ProposalState.DONE
    outcome = made.outcome
    assert outcome is not None
    assert (outcome["followed"], outcome["n_steps"], outcome["n_waits"]) == (1.0, 1, 24)
    assert outcome["measured_p90_s"] == 8 * 60
    assert outcome["promised_p90_s"] == [462, 660, 858]
    assert outcome["without_p90_s"] is not None
    assert "在承诺区间内" in outcome["zh"]


def test_a_plan_in_hours_in_which_nobody_came_has_no_figure(scene: Connection) -> None:
    made = proposed(scene, minute=0)
    outcome = judge(scene, made, local_day(NOW, ZONE), a_profile(), at(300), always)
    assert (outcome["measured_p90_s"], outcome["without_p90_s"], outcome["n_waits"]) == (None, None, 0)
    assert outcome["en"] == "too few people came meanwhile to compare"


def test_a_surge_is_looked_at_before_its_time(scene: Connection) -> None:
    desk = AdviceDesk(PRACTICE, ZONE, always)
    look(scene, 0, a_profile(), desk)
    a_queue(scene, 20)
    figures = look(scene, 2, a_profile(), desk)
    assert figures["advice_looked_total"] == 2


def test_the_same_moment_has_the_same_futures(scene: Connection) -> None:
    a_queue(scene)
    contents = []
    for _ in range(2):
        look(scene, 5, a_profile())
        made = there(scene)
        assert made is not None
        contents.append(made.content["before"]["p90_s"])
    np.testing.assert_array_equal(*contents)
