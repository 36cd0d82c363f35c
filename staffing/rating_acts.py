"""Acts on bad ratings: who gave one is spoken to, what was wrong is put right, and it is closed; one audited transaction each.

What is written down stays with the follow-up; the audit says only which step was taken.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.refusals import Refused
from domain.rights import Action, Actor, Place
from domain.staffing import FollowUpState
from staffing.moves import place_of
from staffing.ratings import check_step
from storage import acts, ratings
from storage.connection import Connection
from storage.ratings import FollowUp, FollowUpStep

_INSTANT = timedelta(microseconds=1)


def answer(
    conn: Connection, follow_up_id: str, actor: Actor, now: datetime, *, state: FollowUpState, words: str,
    exercise_id: str | None = None,
) -> FollowUp:  # fmt: skip
    """Takes a follow-up one step further. Raises Refused."""
    with acts.transaction(conn, actor, Action.ANSWER_RATING, follow_up_id[:200], now, exercise_id=exercise_id) as deed:
        found = ratings.find_follow_up(conn, follow_up_id, for_update=True)
        hall = place_of(conn, found.hall_id) if found is not None else None
        where = Place(hall.district_code if hall else None, found.hall_id if found else None)
        acts.begin(
            conn, actor, Action.ANSWER_RATING, follow_up_id[:200], now, detail={"state": str(state)}, exercise_id=exercise_id,
            place=where, deed=deed,
        )  # fmt: skip
        if found is None or found.exercise_id != exercise_id:
            raise Refused("follow_up_unknown", f"没有差评回访 {follow_up_id[:60]}", f"there is no follow-up {follow_up_id[:60]}")
        check_step(found.state, state, words)
        at = max(now, found.state_since + _INSTANT)
        ratings.add_step(conn, FollowUpStep(follow_up_id, at, state, actor.name, words.strip()))
        deed.changed({"state": found.state}, {"state": state})
        return found
