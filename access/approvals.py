"""Approvals: asking for a second person, deciding, carrying out, breaking the glass and reviewing it; each an audited act."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from domain.approvals import (
    Approval,
    ApprovalState,
    TwoPersonRule,
    Verdict,
    check_decide,
    check_execute,
    check_other_hand,
    check_review,
    payload_hash,
)
from domain.refusals import Refused
from domain.rights import Action, Actor, require
from storage import accounts, acts, approvals, audit
from storage.connection import Connection

Answer = TypeVar("Answer")

BREAK_GLASS_EXPIRY = timedelta(minutes=5)
"""A broken glass is for the act that is under way."""
LONGEST_EXPIRY_S = 7 * 86_400.0
_SECOND_PERSONS_OWN = frozenset({Action.DECIDE_REQUEST, Action.BREAK_GLASS, Action.REVIEW_BREAK_GLASS})
"""Acts that no rule is made for: a second person who needed a second person would never come."""
_HANDING = (Action.CREATE_ACCOUNT, Action.RESET_ACCOUNT)
"""Acts after which somebody else knows the password of an account."""


def needs_second_person(conn: Connection, action: Action, payload: Mapping[str, Any]) -> TwoPersonRule | None:
    """The row of the policy that asks for one; None: the act is one person's."""
    rule = approvals.find_rule(conn, action)
    return rule if rule is not None and rule.asks(payload) else None


def ask(
    conn: Connection, rule: TwoPersonRule, payload: Mapping[str, str], actor: Actor, now: datetime, *, reason: str | None,
    exercise_id: str | None = None,
) -> Approval:  # fmt: skip
    """Puts an act before a second person. Raises Refused, audited, without the right to do it oneself or without a reason."""
    request = _request(rule.action, payload, actor, now, timedelta(seconds=rule.expiry_s), reason, exercise_id)
    with acts.transaction(conn, actor, rule.action, request.approval_id, now, exercise_id=exercise_id):
        require(actor, rule.action)
        if actor.is_machine:  # it has no role of its own in whose name it could be carried out
            raise Refused("not_a_person", "接口密钥不能提请审批", "an API key cannot ask for a second person")
        _check_reason(request)
        approvals.create(conn, request)
        audit.append(
            conn, actor, rule.action.value, request.approval_id, outcome="requested", now=now, detail=_detail(request),
            exercise_id=exercise_id, after={"state": request.state, "payload": request.payload_hash},
        )  # fmt: skip
    return request


def decide(
    conn: Connection, approval_id: str, actor: Actor, now: datetime, *, verdict: str, reason: str | None = None,
    exercise_id: str | None = None,
) -> Approval:  # fmt: skip
    """Agrees or refuses to agree, as another person with the same right. Raises Refused, audited. What is agreed to is not yet
    carried out: `carry_out` does that."""
    with acts.transaction(conn, actor, Action.DECIDE_REQUEST, approval_id, now, exercise_id=exercise_id) as deed:
        detail = {"verdict": verdict, **({"reason": reason} if reason else {})}
        acts.begin(
            conn, actor, Action.DECIDE_REQUEST, approval_id, now, detail=detail, exercise_id=exercise_id, deed=deed
        )  # fmt: skip
        request = _found(conn, approval_id, actor, exercise_id)
        check_decide(request, actor, now)
        check_other_hand(request, now, audit.last_done(conn, request.initiator, _HANDING, actor.name))
        said = Verdict.known(verdict)
        if said is None:
            raise Refused(
                "verdict_unknown",
                f"审批结论为“{verdict[:20]}”：应为 approve 或 reject",
                f"the verdict is '{verdict[:20]}': expected approve or reject",
            )
        if said is Verdict.REJECT and not (reason or "").strip():
            raise Refused("reason_missing", "驳回须写明原因", "rejecting needs a reason")
        state = ApprovalState.APPROVED if said is Verdict.APPROVE else ApprovalState.REJECTED
        approvals.decide(
            conn, approval_id, state, approver=actor.name, approver_role=actor.role.value, reason=reason, now=now
        )  # fmt: skip
        deed.changed({"state": request.state}, {"state": state, "payload": request.payload_hash})
    return approvals.get_for_update(conn, approval_id)


def carry_out(conn: Connection, approval_id: str, now: datetime, act: Callable[[Approval], Answer]) -> Answer:
    """Does what was agreed to, in the name of who asked, who must still hold the role they asked in. Raises Refused, audited."""
    request = approvals.find_approval(conn, approval_id)
    if request is None:
        raise LookupError(f"there is no request {approval_id}: expected the number of one")
    with acts.transaction(conn, request.requester, request.action, approval_id, now, exercise_id=request.exercise_id):
        check_execute(request, now)
        if not accounts.holds(conn, request.initiator, request.initiator_role, request.initiator_scope):
            raise Refused(
                "initiator_lost_right",
                f"请求 {approval_id} 的发起人已无此角色，不予执行",
                f"who made request {approval_id} no longer holds the role: it is not executed",
            )
    return act(request)


def break_glass(
    conn: Connection, action: Action, payload: Mapping[str, str], actor: Actor, now: datetime, *, reason: str | None,
    exercise_id: str | None = None,
) -> Actor:  # fmt: skip
    """The actor with the glass broken: what follows is done at once, shown to all, and reviewed afterwards. Raises Refused."""
    request = _request(action, payload, actor, now, BREAK_GLASS_EXPIRY, reason, exercise_id, is_break_glass=True)
    with acts.transaction(conn, actor, Action.BREAK_GLASS, request.approval_id, now, exercise_id=exercise_id) as deed:
        acts.begin(
            conn, actor, Action.BREAK_GLASS, request.approval_id, now, detail=_detail(request), exercise_id=exercise_id, deed=deed
        )  # fmt: skip
        require(actor, action)
        _check_reason(request)
        approvals.create(conn, request)
        deed.changed(None, {"state": request.state, "payload": request.payload_hash})
    return actor.with_approval(request.approval_id)


def at_once(
    conn: Connection, action: Action, payload: Mapping[str, str], actor: Actor, now: datetime, *, reason: str | None,
    act: Callable[[Actor], Answer],
) -> Answer:  # fmt: skip
    """Breaks the glass and acts. A glass broken for what is refused is whole again; the refusal is audited, and raised."""
    try:
        with conn.transaction():
            return act(break_glass(conn, action, payload, actor, now, reason=reason))
    except Refused as refusal:  # its own entry was undone with the glass
        detail = {"code": refusal.code, "reason": refusal.en, "break_glass": True}
        audit.append(conn, actor, action.value, action.value, outcome="refused", now=now, detail=detail)
        raise


def review(
    conn: Connection, approval_id: str, actor: Actor, now: datetime, *, words: str, exercise_id: str | None = None
) -> None:
    """Ends the banner of a broken glass, with what another person found. Raises Refused, audited."""
    with acts.transaction(conn, actor, Action.REVIEW_BREAK_GLASS, approval_id, now, exercise_id=exercise_id) as deed:
        acts.begin(
            conn, actor, Action.REVIEW_BREAK_GLASS, approval_id, now, detail={"review": words}, exercise_id=exercise_id, deed=deed
        )  # fmt: skip
        request = _found(conn, approval_id, actor, exercise_id)
        check_review(request, actor)
        check_other_hand(request, now, audit.last_done(conn, request.initiator, _HANDING, actor.name))
        if not words.strip():
            raise Refused("reason_missing", "复核须写明结论", "a review needs its finding in words")
        approvals.note_review(conn, approval_id, reviewer=actor.name, words=words.strip(), now=now)
        deed.changed({"reviewer": None}, {"reviewer": actor.name, "review": words.strip()})


def change_rule(
    conn: Connection, actor: Actor, now: datetime, *, action: str, is_required: bool, expiry_s: float
) -> TwoPersonRule:
    """Changes one row of the policy; in which cases it asks stays as it is. Raises Refused, audited."""
    with acts.transaction(conn, actor, Action.CHANGE_POLICY, action, now) as deed:
        detail = {"required": is_required, "expiry_s": expiry_s}
        acts.begin(conn, actor, Action.CHANGE_POLICY, action, now, detail=detail, deed=deed)
        known = Action.known(action)
        if known is None or known.is_reading or known.is_own or known in _SECOND_PERSONS_OWN:
            raise Refused("act_unknown", f"没有操作 {action[:40]}", f"there is no act {action[:40]}")
        if not 60 <= expiry_s <= LONGEST_EXPIRY_S:
            raise Refused(
                "expiry_out_of_range", "审批时限应为 1 分钟至 7 天", "a request may wait from a minute to seven days"
            )  # fmt: skip
        before = approvals.find_rule(conn, known)
        rule = TwoPersonRule(known, is_required, expiry_s, before.facts if before else {})
        approvals.set_rule(conn, rule)
        deed.changed({"required": before.is_required, "expiry_s": before.expiry_s} if before else None, detail)
        return rule


def _request(
    action: Action, payload: Mapping[str, str], actor: Actor, now: datetime, lasts: timedelta, reason: str | None,
    exercise_id: str | None, *, is_break_glass: bool = False,
) -> Approval:  # fmt: skip
    return Approval(
        approval_id=f"r-{now:%y%m%d%H%M%S}-{secrets.token_hex(3)}", action=action, payload=dict(payload),
        payload_hash=payload_hash(action, payload), initiator=actor.name, initiator_role=actor.role, initiator_scope=actor.scope,
        reason=(reason or "").strip(), requested_at=now, expires_at=now + lasts,
        state=ApprovalState.BREAK_GLASS if is_break_glass else ApprovalState.PENDING, is_break_glass=is_break_glass,
        exercise_id=exercise_id,
    )  # fmt: skip


def _check_reason(request: Approval) -> None:
    if not request.reason:
        raise Refused(
            "reason_missing",
            f"{request.action.zh}须由两人完成：请写明原因（because）",
            f"two persons are needed to {request.action.en}: expected a reason in the field because",
        )


def _detail(request: Approval) -> dict[str, Any]:
    return {"act": request.action.value, "payload": request.payload_hash, "reason": request.reason}


def _found(conn: Connection, approval_id: str, actor: Actor, exercise_id: str | None) -> Approval:
    """A request that the actor may know of: others are not there for them."""
    request = approvals.find_for_update(conn, approval_id)
    if request is None or request.exercise_id != exercise_id:
        raise Refused("request_unknown", f"没有请求 {approval_id[:40]}", f"there is no request {approval_id[:40]}")
    return request
