"""Acts: the first line of everything that changes the world on someone's behalf.

`begin` checks the right and writes the audit entry in the act's transaction. A refusal is audited too, in a transaction of
its own, because the act's is rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from domain.refusals import Refused
from domain.rights import Action, Actor, require
from storage import audit
from storage.connection import Connection


def begin(
    conn: Connection,
    actor: Actor,
    action: Action,
    object_id: str,
    now: datetime,
    *,
    detail: dict[str, Any] | None = None,
    exercise_id: str | None = None,
) -> None:
    """Checks the actor's right and records the act. Raises Refused. Call inside `transaction`."""
    require(actor, action)
    audit.append(conn, actor, action.value, object_id, outcome="done", now=now, detail=detail, exercise_id=exercise_id)


@contextmanager
def transaction(
    conn: Connection, actor: Actor, action: Action, object_id: str, now: datetime, *, exercise_id: str | None = None
) -> Iterator[None]:
    """The one transaction of an act. A Refused raised inside undoes everything, is audited, and goes on to the caller."""
    try:
        with conn.transaction():
            yield
    except Refused as refusal:
        with conn.transaction():
            audit.append(
                conn, actor, action.value, object_id, outcome="refused", now=now,
                detail={"code": refusal.code, "reason": refusal.en}, exercise_id=exercise_id,
            )  # fmt: skip
        raise
