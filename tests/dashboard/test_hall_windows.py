"""Windows ahead over the open interface: what is proposed and under way, acts from a tap to the outbox, what if."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from dashboard.api import hall_windows
from dashboard.app import create_app
from domain.rights import Actor, Role, Scope
from storage import window_plans
from storage.connection import Connection
from tests.dashboard.conftest import House, ask, call, post
from tests.support import loops
from tests.support.halls import at
from tests.support.window_scenes import (
    MANAGER,
    STRANGER,
    a_hall,
    a_profile,
    a_queue,
    answered,
    left,
    ms,
    proposed,
    store_profile,
)


@pytest.fixture
def scene(conn: Connection) -> Connection:
    a_hall(conn)
    return conn


ORIGIN = "http://127.0.0.1:8050"


def app_at(house: House, database_url: str, minute: float = 0, actor: Actor | None = MANAGER) -> Any:
    return create_app(house(database_url, acts_as=actor, clock=lambda: at(minute)))


def windows(app: Any) -> Any:
    return ask(app, "/api/hall/windows?hall=hall-1").json


def act(app: Any, action: str, **said: str) -> Any:
    return post(app, f"/api/acts/{action}", said, origin=ORIGIN)


def test_what_is_proposed_is_read_accepted_and_followed(scene: Connection, database_url: str, house: House) -> None:
    proposed(scene)
    app = app_at(house, database_url)
    said = windows(app)
    assert (said["proposal"]["id"], said["proposal"]["state"], said["none"], said["running"]) == ("wp-1", "open", None, [])
    assert said["proposal"]["gain"]["worst_p90_s"] == 780
    done = act(app, "windows.accept", hall="hall-1", proposal="wp-1")
    assert (done.status, done.json["code"], done.json["object_id"]) == (200, "windows_accepted", "wp-1")
    said = windows(app)
    assert (said["proposal"], [p["id"] for p in said["running"]]) == (None, ["wp-1"])
    assert [(s["window"], s["wanted"], s["state"]) for s in said["steps"]] == [(3, "open", "sent"), (3, "closed", "planned")]
    assert len(left(scene, 0)) == 1
    again = act(app, "windows.accept", hall="hall-1", proposal="wp-1")
    assert (again.status, again.json["code"]) == (409, "proposal_decided")


def test_why_nothing_is_proposed_is_said(scene: Connection, database_url: str, house: House) -> None:
    none = {"zh": "无需调整", "en": "nothing to change"}
    window_plans.write_look(scene, "hall-1", at(-1), took_ms=5, said=none, windows=[1, 2, 3])
    assert windows(app_at(house, database_url))["none"] == none


def test_a_plan_that_is_over_has_its_outcome(scene: Connection, database_url: str, house: House) -> None:
    proposed(scene)
    app = app_at(house, database_url)
    act(app, "windows.decline", proposal="wp-1", reason="人手不足")
    (past,) = windows(app)["past"]
    assert (past["state"], past["reason"], past["by"], past["outcome"]) == ("declined", "人手不足", "wang", None)


@pytest.mark.parametrize(
    ("actor", "status"),
    [(STRANGER, 404), (Actor("sun", Role.LEADER), 200), (Actor("x", Role.AUDITOR), 403)],
)
def test_a_manager_sees_the_own_hall_alone(scene: Connection, database_url: str, house: House, actor: Actor, status: int) -> None:
    proposed(scene)
    app = app_at(house, database_url, actor=actor)
    assert ask(app, "/api/hall/windows?hall=hall-1").status == status
    assert post(app, "/api/hall/what_if", {"hall": "hall-1"}).status in (status, 200)
    if status == 404:
        assert post(app, "/api/hall/what_if", {"hall": "hall-1"}).status == 404


def test_who_may_not_move_windows_is_told_so(scene: Connection, database_url: str, house: House) -> None:
    proposed(scene)
    app = app_at(house, database_url, actor=Actor("sun", Role.LEADER))
    done = act(app, "windows.accept", hall="hall-1", proposal="wp-1")
    assert (done.status, done.json["code"]) == (409, "no_right")
    assert left(scene, 1) == []


def test_a_plan_changed_by_hand_is_simulated_anew_and_has_its_price(scene: Connection, database_url: str, house: House) -> None:
    a_queue(scene)
    store_profile(scene, a_profile())
    made = proposed(scene)
    app = app_at(house, database_url, 5)
    steps = [{**made.content["steps"][0], "window": 4, "at": ms(at(10)), "until": ms(at(130)), "to_items": ["tax"]}]
    done = act(app, "windows.accept", hall="hall-1", proposal="wp-1", steps=orjson.dumps(steps).decode())
    assert (done.status, done.json["code"]) == (200, "windows_adjusted"), done.json
    assert "分钟" in done.json["zh"] or "不变" in done.json["zh"]
    (running,) = windows(app)["running"]
    assert (running["adjusted"], [s["window"] for s in running["steps"]]) == (True, [4])
    assert running["price"]["en"].startswith("longest wait")
    assert running["after"]["worst"]["p90_s"] < running["before"]["worst"]["p90_s"]
    todo = [(s["window"], s["wanted"], (s["due"] - ms(at(0))) / 60_000) for s in windows(app)["steps"]]
    assert todo == [(4, "open", 10), (4, "closed", 130), (4, "open", 300)], "and it opens at two, as it usually does"


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("[", "a list of 1 to 20 steps"),
        ("[]", "a list of 1 to 20 steps"),
        ('[{"window": 77, "to_state": "open"}]', "no window 77"),
        ('[{"window": 3, "to_state": "gone"}]', "expected open, paused or closed"),
        ('[{"window": 3, "to_state": "open", "to_items": ["vehicle"]}]', "does not offer vehicle"),
        ('[{"window": 3, "to_state": "open", "to_items": []}]', "no items"),
        ('[{"window": 3, "to_state": "open", "to_items": ["tax"], "at": 5}]', "not within the hours"),
    ],
)
def test_steps_that_cannot_be_are_refused(scene: Connection, database_url: str, house: House, steps: str, words: str) -> None:
    store_profile(scene, a_profile())
    proposed(scene)
    done = act(app_at(house, database_url), "windows.accept", hall="hall-1", proposal="wp-1", steps=steps)
    assert done.status == 409
    assert words in done.json["en"]
    assert window_plans.find_open(scene, "hall-1") is not None


def test_a_window_is_told_by_hand(scene: Connection, database_url: str, house: House) -> None:
    app = app_at(house, database_url)
    said = {"hall": "hall-1", "window": "3", "state": "open", "items": "tax; enquiry", "minutes": "30", "reason": "排队过长"}
    done = act(app, "window.command", **said)
    assert (done.status, done.json["en"]) == (200, "Window 3 was told: open")
    (command,) = left(scene, 0)
    assert command["items"] == ["tax", "enquiry"]
    answered(scene, command["id"], minute=0.1)
    assert [s["proposal"] for s in windows(app)["steps"]] == [None, None]
    for change in ({"window": "x"}, {"state": "wide"}, {"minutes": "-3"}):
        assert act(app, "window.command", **{**said, **change}).status == 409


def test_what_if_answers_with_both_cases_and_changes_nothing(scene: Connection, database_url: str, house: House) -> None:
    a_queue(scene)
    store_profile(scene, a_profile())
    made = proposed(scene)
    app = app_at(house, database_url, 5)
    asked: dict[str, Any] = {"hall": "hall-1", "windows": [{"window": 3, "state": "open", "items": ["tax"], "for_min": 120}]}
    said = post(app, "/api/hall/what_if", asked).json
    assert (said["n"], said["refused"]) == (200, None)
    assert said["after"]["worst"]["p90_s"] < said["before"]["worst"]["p90_s"]
    assert len(said["before"]["slots"]) == len(said["after"]["p90_s"]) == 16
    assert said["took_ms"] > 0
    with_plan = post(app, "/api/hall/what_if", {"hall": "hall-1", "proposal": made.proposal_id}).json
    assert with_plan["after"]["worst"]["p90_s"] < with_plan["before"]["worst"]["p90_s"]
    busier = post(app, "/api/hall/what_if", {"hall": "hall-1", "arrivals": 1.3}).json
    assert busier["after"]["mean_s"][8] > busier["before"]["mean_s"][8]
    refused = post(app, "/api/hall/what_if", {"hall": "hall-1", "move": [{"from": "tax", "to": "enquiry", "n": 9}]}).json
    assert refused["refused"]["en"] == "only 2 windows are open for tax, not 9"
    assert left(scene, 9) == []


@pytest.mark.parametrize(("body", "status"), [("x", 400), ([], 400), ({"hall": 5}, 400), ({"hall": "hall-1", "x": 1}, 400)])
def test_a_question_that_is_none_is_refused(database_url: str, house: House, body: Any, status: int) -> None:
    app = app_at(house, database_url)
    if body == "x":
        reply = loops.run(call(app, "POST", "/api/hall/what_if", headers={"content-type": "application/json"}, body=b"{"))
        assert reply.status == status
        return
    assert post(app, "/api/hall/what_if", body).status == status


def test_who_would_wait_too_long_is_told_to_try_again(
    scene: Connection, database_url: str, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hall_windows, "LONGEST_WAIT_S", 0.0)

    class Busy:
        def __init__(self, _: int) -> None: ...

        async def acquire(self) -> None:
            raise TimeoutError

        def release(self) -> None: ...

    monkeypatch.setattr("dashboard.api.hall_windows.asyncio.Semaphore", Busy)
    reply = post(app_at(house, database_url), "/api/hall/what_if", {"hall": "hall-1"})
    assert reply.status == 503
    assert reply.json["refused"]["en"] == "Another what-if is under way: try again in a moment"


def test_without_a_past_a_what_if_says_so(scene: Connection, database_url: str, house: House) -> None:
    said = post(app_at(house, database_url), "/api/hall/what_if", {"hall": "hall-1"}).json
    assert said["refused"]["en"] == "less than a day of history: nothing can be advised yet"


def test_a_leader_sees_no_numbers_of_clerks_without_the_right(scene: Connection, database_url: str, house: House) -> None:
    scene.execute(
        "INSERT INTO hall_clerk (hall_id, clerk, skills, week_h, origin, since, changed_at, changed_by) "
        "VALUES ('hall-1', 'c01', '{tax}', 40, 'seen', %(at)s, %(at)s, 'x'), ('hall-1', 'c09', '{tax}', 40, 'seen', %(at)s, %(at)s, 'x')",
        {"at": at(-60)},
    )
    assert windows(app_at(house, database_url))["present"] == {"clerks": 2, "in_reserve": 1}
    officer = Actor("yu", Role.DUTY_OFFICER, Scope())
    assert windows(app_at(house, database_url, actor=officer))["present"] is None
