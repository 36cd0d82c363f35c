"""Rights as a table: every role and action, and where a grant holds."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.refusals import Refused
from domain.rights import FOR_PERSONS, PEOPLE, SECOND_FACTOR, Action, Actor, Place, Role, Scope, is_allowed, may, require, who_may

HANDLE = "incident.report incident.promote incident.verify incident.control incident.recover incident.grade incident.area incident.merge incident.unmerge resource.set resource.reserve resource.release request.create request.advance road.close road.open"
CARE = "warning.verify warning.handle warning.assign warning.hand_over warning.judge warning.dismiss warning.shelve warning.unshelve warning.bulk maintenance.plan maintenance.end"
ACTS = {
    Role.LEADER: "incident.response approval.decide approval.break_glass approval.review",
    Role.DUTY_OFFICER: f"rule.draft rule.retire rule.enable rule.disable notice.replay cap.receive {HANDLE} {CARE} incident.command resource.add warning.acknowledge incident.close warning.publish warning.raise warning.lower warning.cancel rule.change notice.mass incident.response approval.decide approval.break_glass approval.review",
    Role.COMMANDER: f"rule.draft rule.retire rule.enable rule.disable notice.replay cap.receive {HANDLE} {CARE} incident.command resource.add order.issue order.issue_all unit.stand_by order.cancel warning.acknowledge incident.close data.replay data.replay_many warning.publish warning.raise warning.lower warning.cancel rule.change notice.mass incident.response approval.decide approval.break_glass approval.review",
    Role.DISPATCHER: f"{HANDLE} order.issue order.issue_all unit.stand_by order.cancel incident.close",
    Role.HALL_MANAGER: "windows.accept windows.decline windows.withdraw window.command clerk.set clerk.retire absence.note absence.cancel roster.ask roster.adopt roster.withdraw rating.answer",
    Role.OPERATOR: "rule.draft notice.replay cap.receive maintenance.plan maintenance.end device.retire device.restore data.replay data.replay_many data.delete approval.decide approval.break_glass approval.review",
    Role.AUDITOR: "approval.review",
    Role.ADMINISTRATOR: "device.retire device.restore data.replay data.replay_many data.delete account.create account.reset account.disable account.enable access.grant access.revoke key.create key.revoke policy.change approval.decide approval.break_glass approval.review",
    Role.WALL: "",
    Role.SYSTEM: "incident.close access.grant",
    Role.VISITOR: "",
}
READS = {
    Role.LEADER: "city halls staff log text system data requests audit people",
    Role.DUTY_OFFICER: "city halls log text system data requests",
    Role.COMMANDER: "city halls log text system data payload requests",
    Role.DISPATCHER: "city halls log text",
    Role.HALL_MANAGER: "halls staff",
    Role.OPERATOR: "city halls system data payload requests",
    Role.AUDITOR: "system requests audit people",
    Role.ADMINISTRATOR: "system data payload requests people",
    Role.WALL: "city halls",
    Role.SYSTEM: "",
    Role.VISITOR: "",
}


@pytest.mark.parametrize("role", Role)
def test_a_role_may_what_is_written_here_and_nothing_else(role: Role) -> None:
    found = {action for action in Action if may(role, action) and not action.is_own}
    assert {action.value for action in found if not action.is_reading} == set(ACTS[role].split())
    assert {action.value.removeprefix("read.") for action in found if action.is_reading} == set(READS[role].split())


def test_one_s_own_session_is_everybody_s_who_can_have_one() -> None:
    for role, action in product(Role, (action for action in Action if action.is_own)):
        assert may(role, action) is (role in PEOPLE)


def test_the_roles_that_speak_outward_or_make_others_able_to_need_a_second_factor() -> None:
    strong = {Action.PUBLISH_WARNING, Action.GRANT_ROLE}
    assert {role for role in PEOPLE for action in strong if may(role, action)} <= SECOND_FACTOR


def test_a_hall_manager_of_one_hall_has_no_other() -> None:
    manager = Actor("wang", Role.HALL_MANAGER, Scope(halls=frozenset({"hall-a"})))
    assert is_allowed(manager, Action.READ_HALLS, Place(hall="hall-a"))
    assert not is_allowed(manager, Action.READ_HALLS, Place(hall="hall-b"))
    assert not is_allowed(manager, Action.READ_HALLS, Place())
    with pytest.raises(Refused) as caught:
        require(manager, Action.READ_HALLS, Place(hall="hall-b"))
    assert caught.value.code == "out_of_area"
    assert "hall-b" not in caught.value.zh + caught.value.en


names = st.sampled_from(["a", "b", None])


@given(st.sampled_from(list(PEOPLE)), st.sampled_from(list(Action)), names, names, names)
def test_a_bounded_grant_never_reaches_further_than_an_unbounded_one(
    role: Role, action: Action, district: str | None, hall: str | None, department: str | None
) -> None:
    place = Place(district, hall, department)
    bounded = Actor("wu", role, Scope(frozenset({"a"}), frozenset({"a"}), "a"))
    assert not is_allowed(bounded, action, place) or is_allowed(Actor("wu", role), action, place)
    assert is_allowed(bounded, action, place) is (may(role, action) and place == Place("a", "a", "a"))


@given(st.sampled_from(list(PEOPLE)), st.frozensets(st.sampled_from(list(Action))), st.sampled_from(list(Action)))
def test_a_key_never_does_what_its_role_may_not_nor_what_is_for_persons(
    role: Role, only: frozenset[Action], action: Action
) -> None:
    key = Actor("key:k", role, only=only)
    assert is_allowed(key, action) is (action in only and may(role, action) and action not in FOR_PERSONS)


@pytest.mark.parametrize("action", Action)
def test_a_refusal_says_what_why_and_who_may_in_one_sentence(action: Action) -> None:
    with pytest.raises(Refused) as caught:
        require(Actor("nobody", Role.VISITOR), action)
    assert action.zh in caught.value.zh
    assert all(role.zh in caught.value.zh and role.en in caught.value.en for role in who_may(action))
    assert who_may(action)
