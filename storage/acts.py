"""Acts: the first line of everything that changes the world on someone's behalf.

`begin` checks the right, asks the two-person policy and writes the audit entry in the act's transaction. A refusal is audited
too, in a transaction of its own, because the act's is rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.refusals import Refused
from domain.rights import Action, Actor, Place, is_allowed, require
from storage import accounts, approvals, audit
from storage.connection import Connection


@dataclass(slots=True)
class Deed:
    """An act under way: what the object of it was and what it became, as far as that is told. Its entry is written when it ends,
    because an entry cannot be changed any more."""

    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    entry: dict[str, Any] | None = field(default=None, repr=False)

    def changed(self, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> None:
        """Says what the object was and is; None: there was, or is, none."""
        self.before, self.after = before, after


def begin(
    conn: Connection,
    actor: Actor,
    action: Action,
    object_id: str,
    now: datetime,
    *,
    detail: dict[str, Any] | None = None,
    exercise_id: str | None = None,
    place: Place | None = None,
    deed: Deed | None = None,
) -> None:
    """Checks the actor's right, there if a place is given, and the two-person policy, and records the act, with `deed` when the
    act has ended. Raises Refused. Call inside `transaction`.

    `detail` is what the policy looks at, where it asks for a second person in some cases alone.
    """
    require(actor, action, place)
    agreed = approvals.require_second_person(conn, actor, action, detail or {}, now)
    if agreed is not None:
        if place is not None and agreed.approver is not None:
            _require_there(conn, agreed.approver, action, place)
        detail = {**(detail or {}), "approval": agreed.approval_id, "approver": agreed.approver}
        if agreed.is_break_glass:
            detail["break_glass"] = True
    entry: dict[str, Any] = {"outcome": "done", "now": now, "detail": detail, "exercise_id": exercise_id}
    if deed is None:
        audit.append(conn, actor, action.value, object_id, **entry)
    else:
        deed.entry = {"actor": actor, "action": action.value, "object_id": object_id, **entry}


def _require_there(conn: Connection, approver: str, action: Action, place: Place) -> None:
    """Raises Refused when the second person has no right to do this there: only the act knows where there is."""
    held = [grant.actor() for grant in accounts.list_grants(conn, approver)]
    if not any(is_allowed(actor, action, place) for actor in held):
        raise Refused(
            "approver_out_of_area",
            f"审批人 {approver} 无权在此{action.zh}：不在其授权的辖区、大厅或部门之内",
            f"{approver}, who agreed, has no right to {action.en} here: outside the area, halls or department of their grants",
        )


@contextmanager
def transaction(
    conn: Connection, actor: Actor, action: Action, object_id: str, now: datetime, *, exercise_id: str | None = None
) -> Iterator[Deed]:
    """The one transaction of an act. A Refused raised inside undoes everything, is audited, and goes on to the caller."""
    deed = Deed()
    try:
        with conn.transaction():
            yield deed
            if deed.entry is not None:
                audit.append(conn, **deed.entry, before=deed.before, after=deed.after)
    except Refused as refusal:
        with conn.transaction():
            audit.append(
                conn, actor, action.value, object_id, outcome="refused", now=now,
                detail={"code": refusal.code, "reason": refusal.en}, exercise_id=exercise_id,
            )  # fmt: skip
        raise
