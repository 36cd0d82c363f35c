"""Acts on bad ratings, as screens and the open interface ask for them. `staffing.rating_acts` does them."""

from __future__ import annotations

from collections.abc import Mapping

import staffing.rating_acts
from dashboard.answers import Answer, Circumstances, Request, listening
from dashboard.bodies import Field, echo, id_of, text
from dashboard.incident_acts import Act
from domain.refusals import Refused
from domain.rights import Action
from domain.staffing import FollowUpState
from layouts.words import CATALOGUE
from storage.connection import Connection


def _answer(conn: Connection, request: Request, at: Circumstances) -> Answer:
    with listening(conn, Action.ANSWER_RATING, request["follow_up"], at):
        state = _state(request["state"])
    done = staffing.rating_acts.answer(conn, request["follow_up"], at.actor, at.now, state=state, words=request["words"])
    zh, en = (words.format(ticket=done.ticket, state=state.label(lang))
              for words, lang in zip(CATALOGUE["answer.rating_answered"], ("zh", "en"), strict=True))  # fmt: skip
    return Answer("done", "rating_answered", zh, en, done.follow_up_id)


def _state(said: str) -> FollowUpState:
    known = FollowUpState.known(said)
    if known is None:
        zh, en = CATALOGUE["answer.no_follow_up_state"]
        names = ", ".join(FollowUpState)
        raise Refused("no_follow_up_state", zh.format(value=echo(said), names=names), en.format(value=echo(said), names=names))
    return known


RATING_ACTS: Mapping[Action, tuple[tuple[Field, ...], Act]] = {
    Action.ANSWER_RATING: ((id_of("follow_up"), id_of("state"), text("words", is_required=True)), _answer),
}
