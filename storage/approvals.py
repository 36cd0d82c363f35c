"""Requests for a second person and the policy that asks for one, as they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from domain.approvals import Approval, ApprovalState, TwoPersonRule, check_execute, needs_second_person
from domain.rights import Action, Actor, Role
from storage.accounts import columns, scope_of
from storage.connection import Connection

_RULE = "SELECT action, is_required, expiry_s, facts FROM two_person_rule"
_APPROVAL = """
SELECT approval_id, action, payload, payload_hash, initiator, initiator_role, districts, halls, department, reason, requested_at,
       expires_at, state, approver, approver_role, decided_at, decision_reason, executed_at, is_break_glass, reviewer,
       reviewed_at, review, exercise_id
FROM approval
"""


def find_rule(conn: Connection, action: Action) -> TwoPersonRule | None:
    row = conn.execute(f"{_RULE} WHERE action = %s", (action.value,)).fetchone()
    return _rule(row) if row else None


def list_rules(conn: Connection) -> list[TwoPersonRule]:
    """The policy, without actions that this version does not know."""
    return [_rule(row) for row in conn.execute(f"{_RULE} ORDER BY action") if Action.known(row[0])]


def set_rule(conn: Connection, rule: TwoPersonRule) -> None:
    conn.execute(
        "INSERT INTO two_person_rule (action, is_required, expiry_s, facts) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT (action) DO UPDATE "
        "SET is_required = excluded.is_required, expiry_s = excluded.expiry_s, facts = excluded.facts",
        (rule.action.value, rule.is_required, rule.expiry_s, Jsonb({name: list(values) for name, values in rule.facts.items()})),
    )


def require_second_person(
    conn: Connection, actor: Actor, action: Action, said: Mapping[str, Any], now: datetime
) -> Approval | None:
    """The agreement under which an act is done, used up by this; None where the policy asks for none. Raises Refused.

    Call inside the transaction of the act, which is thereby done at most once. The system has no second person: what it does by
    itself follows from the policy of the place.
    """
    rule = find_rule(conn, action)
    if actor.approval is None:
        if rule is None or not rule.asks(said) or actor.role is Role.SYSTEM:
            return None
        raise needs_second_person(action)
    request = get_for_update(conn, actor.approval)
    check_execute(request, now)
    if (request.action, request.initiator) != (action, actor.name):
        raise needs_second_person(action)
    state = ApprovalState.BREAK_GLASS if request.is_break_glass else ApprovalState.EXECUTED
    conn.execute(
        "UPDATE approval SET executed_at = %s, state = %s WHERE approval_id = %s", (now, state.value, request.approval_id)
    )
    return request


def create(conn: Connection, request: Approval) -> None:
    conn.execute(
        "INSERT INTO approval (approval_id, exercise_id, action, payload, payload_hash, initiator, initiator_role, districts, "
        "halls, department, reason, requested_at, expires_at, state, is_break_glass) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            request.approval_id, request.exercise_id, request.action.value, Jsonb(dict(request.payload)), request.payload_hash,
            request.initiator, request.initiator_role.value, *columns(request.initiator_scope), request.reason,
            request.requested_at, request.expires_at, request.state.value, request.is_break_glass,
        ),
    )  # fmt: skip


def find_approval(conn: Connection, approval_id: str) -> Approval | None:
    row = conn.execute(f"{_APPROVAL} WHERE approval_id = %s", (approval_id,)).fetchone()
    return _approval(row) if row else None


def find_for_update(conn: Connection, approval_id: str) -> Approval | None:
    """The request, which nobody else can decide until the transaction ends."""
    row = conn.execute(f"{_APPROVAL} WHERE approval_id = %s FOR UPDATE", (approval_id,)).fetchone()
    return _approval(row) if row else None


def get_for_update(conn: Connection, approval_id: str) -> Approval:
    """Raises LookupError."""
    found = find_for_update(conn, approval_id)
    if found is None:
        raise LookupError(f"there is no request {approval_id}: expected the number of one")
    return found


def decide(
    conn: Connection,
    approval_id: str,
    state: ApprovalState,
    *,
    approver: str,
    approver_role: str,
    reason: str | None,
    now: datetime,
) -> None:
    conn.execute(
        "UPDATE approval SET state = %s, approver = %s, approver_role = %s, decision_reason = %s, decided_at = %s "
        "WHERE approval_id = %s",
        (state.value, approver, approver_role, reason, now, approval_id),
    )


def note_review(conn: Connection, approval_id: str, *, reviewer: str, words: str, now: datetime) -> None:
    conn.execute(
        "UPDATE approval SET reviewer = %s, review = %s, reviewed_at = %s WHERE approval_id = %s",
        (reviewer, words, now, approval_id),
    )


def list_waiting(conn: Connection, now: datetime) -> list[Approval]:
    """Requests that can still be decided, then glasses that nobody has reviewed; oldest first."""
    rows = conn.execute(
        f"{_APPROVAL} WHERE (state = 'pending' AND expires_at > %s) OR (is_break_glass AND reviewed_at IS NULL) "
        "ORDER BY is_break_glass, requested_at",
        (now,),
    )
    return [_approval(row) for row in rows]


def list_recent(conn: Connection, *, limit: int) -> list[Approval]:
    """The newest requests, whatever became of them."""
    return [_approval(row) for row in conn.execute(f"{_APPROVAL} ORDER BY requested_at DESC LIMIT %s", (limit,))]


def _rule(row: tuple[Any, ...]) -> TwoPersonRule:
    facts = {name: tuple(map(str, values)) for name, values in row[3].items()}
    return TwoPersonRule(Action.of(row[0]), row[1], row[2], facts)


def _approval(row: tuple[Any, ...]) -> Approval:
    head, (districts, halls, department), tail = row[:6], row[6:9], row[9:]
    number, action, payload, digest, initiator, role = head
    reason, requested_at, expires_at, state, *rest = tail
    return Approval(
        number, Action.of(action), payload, digest, initiator, Role.of(role), scope_of(districts, halls, department), reason,
        requested_at, expires_at, ApprovalState.of(state), *rest,
    )  # fmt: skip
