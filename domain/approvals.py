"""Approvals: the second person. Which acts ask for one, what a request may become, and who may say so. Pure.

A request fixes what is to be done, word for word: its payload as canonical JSON (keys sorted, no blanks, UTF-8) and the SHA-256
of that together with the action. What is executed later is that payload, or nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from domain.labels import Labelled
from domain.refusals import Refused
from domain.rights import Action, Actor, Role, Scope, require

SETTLES = timedelta(days=1)
"""For so long an account is not another person to whoever made or reset it."""
CONSOLE = "console:"
"""Begins the name of whoever acts from a shell of the server."""


class ApprovalState(Labelled):
    PENDING = "pending", "待审批", "pending"
    APPROVED = "approved", "已批准", "approved"
    REJECTED = "rejected", "已驳回", "rejected"
    EXPIRED = "expired", "已过期", "expired"
    EXECUTED = "executed", "已执行", "executed"
    BREAK_GLASS = "break_glass", "紧急越权", "break-glass"


class Verdict(Labelled):
    APPROVE = "approve", "批准", "approve"
    REJECT = "reject", "驳回", "reject"


@dataclass(frozen=True, slots=True)
class TwoPersonRule:
    """One row of the policy: whether an act needs a second person, for how long a request waits for one, and in which cases alone
    (`facts`: field of the act → the values that count; none: always). What an act does not say counts as the gravest case."""

    action: Action
    is_required: bool
    expiry_s: float
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def asks(self, said: Mapping[str, Any]) -> bool:
        """Whether an act that says this needs a second person."""
        return self.is_required and all(name not in said or str(said[name]) in values for name, values in self.facts.items())


@dataclass(frozen=True, slots=True)
class Approval:
    """A request, and what became of it. `initiator_role` and `initiator_scope` are who asked, as they were then."""

    approval_id: str
    action: Action
    payload: Mapping[str, str]
    payload_hash: str
    initiator: str
    initiator_role: Role
    initiator_scope: Scope
    reason: str
    requested_at: datetime
    expires_at: datetime
    state: ApprovalState
    approver: str | None = None
    approver_role: str | None = None
    decided_at: datetime | None = None
    decision_reason: str | None = None
    executed_at: datetime | None = None
    is_break_glass: bool = False
    reviewer: str | None = None
    reviewed_at: datetime | None = None
    review: str | None = None
    exercise_id: str | None = None

    @property
    def requester(self) -> Actor:
        """Who asked, with the request in hand: in this name it is executed."""
        return Actor(self.initiator, self.initiator_role, self.initiator_scope, approval=self.approval_id)

    def state_at(self, now: datetime) -> ApprovalState:
        """A request that nobody decided, or that was not carried out, in time has expired, whether or not anybody noted it."""
        waits = self.state in (ApprovalState.PENDING, ApprovalState.APPROVED)
        return ApprovalState.EXPIRED if waits and now >= self.expires_at else self.state

    @property
    def awaits_review(self) -> bool:
        return self.is_break_glass and self.reviewed_at is None


def canonical(action: Action, payload: Mapping[str, Any]) -> str:
    return json.dumps([action.value, dict(payload)], sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def payload_hash(action: Action, payload: Mapping[str, Any]) -> str:
    """What a request is bound to.

    >>> payload_hash(Action.GRANT_ROLE, {"a": "1", "b": "2"}) == payload_hash(Action.GRANT_ROLE, {"b": "2", "a": "1"})
    True
    """
    return hashlib.sha256(canonical(action, payload).encode()).hexdigest()


def check_decide(request: Approval, actor: Actor, now: datetime) -> None:
    """Raises Refused unless the actor may decide this request now: another account than the initiator's, with the right to do
    themselves what is asked for."""
    _refuse_unless_waiting(request, now)
    if actor.name == request.initiator:
        raise Refused(
            "own_request",
            f"请求 {request.approval_id} 由本账号发起：须由另一人审批",
            f"request {request.approval_id} is this account's own: another person has to decide it",
        )
    if actor.is_machine:
        raise Refused("not_a_person", "接口密钥不能审批", "an API key cannot decide a request")
    require(actor, request.action)


def check_execute(request: Approval, now: datetime) -> None:
    """Raises Refused unless what is stored is what was agreed to, and still to be done."""
    state = request.state_at(now)
    if request.executed_at is not None or state not in (ApprovalState.APPROVED, ApprovalState.BREAK_GLASS):
        raise Refused(
            "request_closed",
            f"请求 {request.approval_id} {state.zh}，不能执行",
            f"request {request.approval_id} is {state.en}: it cannot be executed",
        )
    if payload_hash(request.action, request.payload) != request.payload_hash:
        raise Refused(
            "payload_changed",
            f"请求 {request.approval_id} 的内容与发起时不一致，不予执行",
            f"request {request.approval_id} no longer says what it said when it was made: it is not executed",
        )


def check_other_hand(request: Approval, now: datetime, handed_at: datetime | None) -> None:
    """Raises Refused when who decides or reviews may be who asked, under another name: an account that the initiator has made or
    reset a little while ago (`handed_at`), and so had the password of. A console is above all roles and need not pretend."""
    if handed_at is not None and now - handed_at < SETTLES and not request.initiator.startswith(CONSOLE):
        raise Refused(
            "handed_by_initiator",
            f"本账号在 24 小时内由请求 {request.approval_id} 的发起人新建或重置：须由他人处理",
            f"who made request {request.approval_id} made or reset this account within 24 hours: somebody else is needed",
        )


def check_review(request: Approval, actor: Actor) -> None:
    """Raises Refused unless this is a broken glass that somebody else broke and nobody has reviewed."""
    if not request.awaits_review:
        raise Refused(
            "nothing_to_review",
            f"请求 {request.approval_id} 没有待复核的紧急越权",
            f"request {request.approval_id} has no broken glass to review",
        )
    if actor.name == request.initiator:
        raise Refused(
            "own_request",
            f"紧急越权 {request.approval_id} 由本账号执行：须由另一人复核",
            f"the glass of {request.approval_id} was broken by this account: another person has to review it",
        )


def needs_second_person(action: Action) -> Refused:
    """The refusal of an act that came without an agreement."""
    return Refused(
        "needs_second_person",
        f"{action.zh}须由两人完成：请先提交审批",
        f"two persons are needed to {action.en}: ask for the second one first",
    )


def _refuse_unless_waiting(request: Approval, now: datetime) -> None:
    state = request.state_at(now)
    if state is not ApprovalState.PENDING:
        raise Refused(
            "request_closed",
            f"请求 {request.approval_id} {state.zh}，不能再次审批",
            f"request {request.approval_id} is {state.en}: it cannot be decided again",
        )
