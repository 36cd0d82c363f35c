"""The second person: asking, deciding, carrying out; and a broken glass with its review."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.types.json import Jsonb

import dispatch.closing
from access import approvals as second
from access import keys, people
from domain.approvals import Approval, ApprovalState, TwoPersonRule
from domain.refusals import Refused
from domain.rights import EVERYWHERE, Action, Actor, Role, Scope
from storage import accounts, approvals, audit
from storage.connection import Connection
from tests.support.scenes import NOW, an_incident, minutes, stored
from tests.support.visitors import settled

ASKS = Actor("admin1", Role.ADMINISTRATOR)
AGREES = Actor("admin2", Role.ADMINISTRATOR)
PAYLOAD = {"name": "duty1", "role": "duty_officer"}


@pytest.fixture
def house(conn: Connection) -> Connection:
    """Two administrators and an account without a role."""
    for actor in (ASKS, AGREES):
        settled(conn, actor, at=NOW)
    people.create(conn, "duty1", ASKS, NOW)
    return conn


def asked(conn: Connection, payload: dict[str, str] | None = None, actor: Actor = ASKS) -> Approval:
    rule = approvals.find_rule(conn, Action.GRANT_ROLE)
    assert rule is not None
    return second.ask(conn, rule, payload or PAYLOAD, actor, NOW, reason="new on the desk")


def carried_out(conn: Connection, approval_id: str, at: Any = NOW) -> Any:
    def act(agreed: Approval) -> Any:
        return people.grant(conn, agreed.payload["name"], agreed.payload["role"], EVERYWHERE, agreed.requester, at)

    return second.carry_out(conn, approval_id, at, act)


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.code


def test_what_another_person_agrees_to_is_done_in_the_name_of_who_asked(house: Connection) -> None:
    request = asked(house)
    assert second.decide(house, request.approval_id, AGREES, NOW, verdict="approve").state is ApprovalState.APPROVED
    given = carried_out(house, request.approval_id)
    assert (given.name, given.role, given.granted_by) == ("duty1", Role.DUTY_OFFICER, "admin1")
    done = approvals.find_approval(house, request.approval_id)
    assert done is not None
    assert (done.state, done.approver, done.executed_at) == (ApprovalState.EXECUTED, "admin2", NOW)
    entry = audit.list_entries(house)[0]
    assert (entry.actor, entry.detail["approval"], entry.detail["approver"]) == ("admin1", request.approval_id, "admin2")


def test_nobody_decides_their_own_request_in_whatever_role(house: Connection) -> None:
    request = asked(house)
    assert refused(lambda: second.decide(house, request.approval_id, ASKS, NOW, verdict="approve")) == "own_request"
    assert audit.list_entries(house)[0].outcome == "refused"
    with pytest.raises(psycopg.errors.RaiseException, match="nor decided by who asked"):
        approvals.decide(
            house, request.approval_id, ApprovalState.APPROVED, approver="admin1", approver_role="leader", reason=None, now=NOW
        )


@pytest.mark.parametrize(
    "actor",
    [
        Actor("zhao", Role.LEADER),
        Actor("wu", Role.DISPATCHER),
        Actor("key:k", Role.ADMINISTRATOR, only=frozenset({Action.GRANT_ROLE, Action.DECIDE_REQUEST})),
    ],
)
def test_who_has_not_the_right_themselves_decides_nothing(house: Connection, actor: Actor) -> None:
    request = asked(house)
    assert refused(lambda: second.decide(house, request.approval_id, actor, NOW, verdict="approve")) == "no_right"


def test_who_may_not_do_it_may_not_ask_for_it_and_a_reason_is_needed(house: Connection) -> None:
    assert refused(lambda: asked(house, actor=Actor("wu", Role.DISPATCHER))) == "no_right"
    rule = approvals.find_rule(house, Action.GRANT_ROLE)
    assert rule is not None
    assert refused(lambda: second.ask(house, rule, PAYLOAD, ASKS, NOW, reason="  ")) == "reason_missing"
    assert approvals.list_recent(house, limit=9) == []


def test_a_request_is_decided_once_and_carried_out_once(house: Connection) -> None:
    request = asked(house)
    second.decide(house, request.approval_id, AGREES, NOW, verdict="approve")
    assert refused(lambda: second.decide(house, request.approval_id, AGREES, NOW, verdict="approve")) == "request_closed"
    carried_out(house, request.approval_id)
    assert refused(lambda: carried_out(house, request.approval_id)) == "request_closed"
    assert len(accounts.list_grants(house, "duty1")) == 1


def test_an_agreement_does_for_its_own_act_alone(house: Connection) -> None:
    """Who got hold of an agreement cannot spend it on something else."""
    request = asked(house)
    second.decide(house, request.approval_id, AGREES, NOW, verdict="approve")
    bold = ASKS.with_approval(request.approval_id)
    assert (
        refused(lambda: second.change_rule(house, bold, NOW, action="rule.change", is_required=False, expiry_s=60))
        == "needs_second_person"
    )
    other = AGREES.with_approval(request.approval_id)
    assert refused(lambda: people.grant(house, "duty1", "leader", EVERYWHERE, other, NOW)) == "needs_second_person"


def test_a_request_expires_before_and_after_it_was_agreed_to(house: Connection) -> None:
    early, late = asked(house), asked(house, {**PAYLOAD, "role": "leader"})
    second.decide(house, early.approval_id, AGREES, NOW, verdict="approve")
    after = NOW + timedelta(days=1)
    assert refused(lambda: carried_out(house, early.approval_id, after)) == "request_closed"
    assert refused(lambda: second.decide(house, late.approval_id, AGREES, after, verdict="approve")) == "request_closed"
    assert [r.state_at(after) for r in approvals.list_recent(house, limit=2)] == [ApprovalState.EXPIRED] * 2
    assert approvals.list_waiting(house, after) == []


def test_what_was_asked_for_cannot_be_changed_and_if_it_were_it_is_not_done(house: Connection) -> None:
    request = asked(house)
    second.decide(house, request.approval_id, AGREES, NOW, verdict="approve")
    forged = Jsonb({**PAYLOAD, "role": "administrator"})
    with pytest.raises(psycopg.errors.RaiseException, match="cannot be changed"):
        house.execute("UPDATE approval SET payload = %s", (forged,))
    house.execute("ALTER TABLE approval DISABLE TRIGGER USER")
    house.execute("UPDATE approval SET payload = %s", (forged,))
    assert refused(lambda: carried_out(house, request.approval_id)) == "payload_changed"
    assert accounts.list_grants(house, "duty1") == []


def test_who_lost_the_role_meanwhile_has_nothing_carried_out(house: Connection) -> None:
    request = asked(house)
    second.decide(house, request.approval_id, AGREES, NOW, verdict="approve")
    people.disable(house, "admin1", AGREES, NOW)
    assert refused(lambda: carried_out(house, request.approval_id)) == "initiator_lost_right"


def test_a_rejection_has_a_reason_and_ends_it(house: Connection) -> None:
    request = asked(house)
    assert refused(lambda: second.decide(house, request.approval_id, AGREES, NOW, verdict="reject")) == "reason_missing"
    assert (
        second.decide(house, request.approval_id, AGREES, NOW, verdict="reject", reason="not yet").state is ApprovalState.REJECTED
    )
    assert refused(lambda: carried_out(house, request.approval_id)) == "request_closed"


def test_a_broken_glass_is_done_at_once_shown_and_reviewed_by_another(house: Connection) -> None:
    bold = second.break_glass(house, Action.GRANT_ROLE, PAYLOAD, ASKS, NOW, reason="nobody else is here")
    people.grant(house, "duty1", "duty_officer", EVERYWHERE, bold, NOW)
    (glass,) = approvals.list_waiting(house, NOW + minutes(60))
    assert (glass.state, glass.awaits_review, glass.executed_at) == (ApprovalState.BREAK_GLASS, True, NOW)
    assert audit.list_entries(house)[0].detail["break_glass"] is True
    assert refused(lambda: people.grant(house, "duty1", "leader", EVERYWHERE, bold, NOW)) == "request_closed"
    assert refused(lambda: second.review(house, glass.approval_id, ASKS, NOW, words="fine")) == "own_request"
    assert refused(lambda: second.review(house, glass.approval_id, AGREES, NOW, words=" ")) == "reason_missing"
    second.review(house, glass.approval_id, AGREES, NOW, words="was right")
    assert approvals.list_waiting(house, NOW) == []
    assert refused(lambda: second.review(house, glass.approval_id, AGREES, NOW, words="again")) == "nothing_to_review"


def test_the_policy_is_itself_changed_by_two(house: Connection) -> None:
    assert (
        refused(lambda: second.change_rule(house, ASKS, NOW, action="access.grant", is_required=False, expiry_s=600))
        == "needs_second_person"
    )
    bold = second.break_glass(house, Action.CHANGE_POLICY, {"action": "access.grant"}, ASKS, NOW, reason="alone here")
    second.change_rule(house, bold, NOW, action="access.grant", is_required=False, expiry_s=600)
    assert people.grant(house, "duty1", "leader", EVERYWHERE, ASKS, NOW).role is Role.LEADER


def test_the_policy_names_what_goes_outward_and_what_cannot_be_taken_back(conn: Connection) -> None:
    rules = {rule.action: rule for rule in approvals.list_rules(conn)}
    assert {action.value for action in rules} == {
        "warning.publish", "warning.raise", "warning.lower", "warning.cancel", "rule.change", "rule.retire", "rule.enable", "rule.disable", "notice.mass", "data.delete", "access.grant",
        "policy.change", "incident.response", "key.create",
    }  # fmt: skip
    assert all(rule.is_required for rule in rules.values())


@pytest.mark.parametrize(("level", "asks"), [("I", True), ("II", True), ("III", False), ("none", False)])
def test_only_the_gravest_responses_need_two(conn: Connection, level: str, asks: bool) -> None:
    assert (second.needs_second_person(conn, Action.SET_RESPONSE, {"level": level}) is not None) is asks


def test_a_rule_without_facts_always_asks() -> None:
    assert TwoPersonRule(Action.DELETE_DATA, True, 60).asks({})
    assert not TwoPersonRule(Action.DELETE_DATA, False, 60).asks({})


@pytest.mark.parametrize("hand", [people.create, people.reset])
def test_an_account_that_the_initiator_has_had_the_password_of_is_nobody_else(
    house: Connection, hand: Callable[..., Any]
) -> None:
    """One administrator, a second account that they made or reset, and both pairs of eyes would be theirs."""
    puppet = Actor("puppet1" if hand is people.create else "admin2", Role.ADMINISTRATOR)
    hand(house, puppet.name, ASKS, NOW)
    settled(house, puppet, at=NOW)
    request = asked(house)
    second.break_glass(house, Action.GRANT_ROLE, PAYLOAD, ASKS, NOW, reason="nobody else is here")
    (glass,) = [r for r in approvals.list_waiting(house, NOW) if r.is_break_glass]
    soon, later = NOW + timedelta(hours=23), NOW + timedelta(hours=24)
    assert refused(lambda: second.decide(house, request.approval_id, puppet, soon, verdict="approve")) == "handed_by_initiator"
    assert refused(lambda: second.review(house, glass.approval_id, puppet, soon, words="fine")) == "handed_by_initiator"
    second.review(house, glass.approval_id, puppet, later, words="was right")


def test_somebody_whom_another_has_reset_decides(house: Connection) -> None:
    people.reset(house, "admin2", Actor("admin3", Role.ADMINISTRATOR), NOW)
    assert second.decide(house, asked(house).approval_id, AGREES, NOW, verdict="approve").state is ApprovalState.APPROVED


def test_a_key_does_not_ask_for_what_could_never_be_carried_out(house: Connection) -> None:
    key = Actor("key:k", Role.OPERATOR, only=frozenset({Action.DELETE_DATA}))
    rule = approvals.find_rule(house, Action.DELETE_DATA)
    assert rule is not None
    assert refused(lambda: second.ask(house, rule, {"what": "x"}, key, NOW, reason="old")) == "not_a_person"


def test_what_an_act_does_not_say_counts_as_the_gravest_case(conn: Connection) -> None:
    assert second.needs_second_person(conn, Action.SET_RESPONSE, {}) is not None


@pytest.mark.parametrize("action", ["approval.decide", "approval.break_glass", "approval.review"])
def test_the_second_person_needs_no_second_person(house: Connection, action: str) -> None:
    bold = second.break_glass(house, Action.CHANGE_POLICY, {"action": action}, ASKS, NOW, reason="to lock all out")
    assert refused(lambda: second.change_rule(house, bold, NOW, action=action, is_required=True, expiry_s=600)) == "act_unknown"


def test_who_agrees_has_the_right_there_as_well(conn: Connection) -> None:
    stored(conn, an_incident())
    zone = ZoneInfo("Asia/Shanghai")
    approvals.set_rule(conn, TwoPersonRule(Action.CLOSE_INCIDENT, True, 900))
    asks = Actor("li", Role.COMMANDER)
    near, far = (Actor(f"c{code}", Role.COMMANDER, Scope(districts=frozenset({code}))) for code in ("440106", "440107"))
    for actor in (asks, near, far):
        settled(conn, actor, at=NOW)
    rule = approvals.find_rule(conn, Action.CLOSE_INCIDENT)
    assert rule is not None

    def agreed(by: Actor) -> Any:
        request = second.ask(conn, rule, {"incident": "i-1"}, asks, NOW, reason="over")
        second.decide(conn, request.approval_id, by, NOW, verdict="approve")
        return second.carry_out(
            conn, request.approval_id, NOW,
            lambda r: dispatch.closing.close(conn, "i-1", r.requester, NOW, ending="closed", reason="over", zone=zone),
        )  # fmt: skip

    assert refused(lambda: agreed(far)) == "approver_out_of_area"
    assert agreed(near) == "closed"


@pytest.mark.parametrize("change", ["districts = '{440106}'", "is_break_glass = true", "requested_at = now()"])
def test_where_when_and_how_it_was_asked_cannot_be_changed_either(house: Connection, change: str) -> None:
    asked(house)
    with pytest.raises(psycopg.errors.RaiseException, match="cannot be changed"):
        house.execute(f"UPDATE approval SET {change}")


def test_a_key_is_made_by_two(house: Connection) -> None:
    """What it may do in a role its maker may not do alone."""

    def make(actor: Actor) -> Any:
        said = {"role": "commander", "actions": ["order.issue"], "scope": EVERYWHERE, "expires_at": NOW + timedelta(days=1)}
        return keys.create(house, "map-1", actor, NOW, **said)

    assert refused(lambda: make(ASKS)) == "needs_second_person"
    assert (
        make(second.break_glass(house, Action.CREATE_KEY, {"key": "map-1"}, ASKS, NOW, reason="alone here")).key.role
        is Role.COMMANDER
    )


def test_a_review_and_a_broken_glass_leave_hashes_of_what_was_and_is(house: Connection) -> None:
    bold = second.break_glass(house, Action.GRANT_ROLE, PAYLOAD, ASKS, NOW, reason="nobody else is here")
    assert bold.approval is not None
    second.review(house, bold.approval, AGREES, NOW, words="was right")
    reviewed, broken = audit.list_entries(house)[:2]
    assert (broken.before_hash, broken.after_hash is None) == (None, False)
    assert None not in (reviewed.before_hash, reviewed.after_hash)
