"""Acts of speaking outside, as screens and the open interface ask for them: texts in, an answer out. `alerts.publishing` and
`alerts.receiving` do them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import alerts.publishing
import alerts.receiving
from alerts.drafting import read_wish
from alerts.publishing import Ground
from alerts.receiving import Inbox
from dashboard.answers import Answer, Circumstances, Request, answered, number
from dashboard.bodies import Field, id_of, payload, text
from domain.publications import Publication
from domain.rights import Action
from layouts.words import CATALOGUE
from storage.connection import Connection

Act = Callable[[Connection, Request, Circumstances], Answer]


def _ground(at: Circumstances) -> Ground:
    return Ground(at.outward, at.city, at.zone)


def _publish(conn: Connection, request: Request, at: Circumstances, *, action: Action) -> Answer:
    said = alerts.publishing.publish(
        conn, action, request["warning"], read_wish(request), at.actor, at.now, ground=_ground(at)
    )  # fmt: skip
    return _told(said)


def _end(conn: Connection, request: Request, at: Circumstances) -> Answer:
    said = alerts.publishing.end(
        conn, request["warning"], request["ending"], read_wish(request), at.actor, at.now, ground=_ground(at)
    )  # fmt: skip
    return _told(said)


def _told(said: Publication) -> Answer:
    zh, en = (
        words.format(step=said.step.label(lang), identifier=said.identifier, version=said.version)
        for words, lang in zip(CATALOGUE["answer.warning_said"], ("zh", "en"), strict=True)
    )
    return Answer("done", "warning_said", zh, en, str(said.publication_id))


def _notify(conn: Connection, request: Request, at: Circumstances) -> Answer:
    mass_id = alerts.publishing.notify_many(
        conn, at.actor, at.now, audience=request["audience"], zh=request["zh"], en=request.get("en", ""),
        subject_zh=request.get("subject_zh", ""), subject_en=request.get("subject_en", ""), about=request.get("about"),
        ground=_ground(at),
    )  # fmt: skip
    return answered("done", "answer.notified", mass_id, mass=mass_id)


def _resend(conn: Connection, request: Request, at: Circumstances) -> Answer:
    alerts.publishing.resend(conn, number(request["notice"]), at.actor, at.now, reason=request.get("reason"))
    return answered("done", "answer.notice_again", request["notice"], notice=request["notice"])


def _receive(conn: Connection, request: Request, at: Circumstances) -> Answer:
    inbox = Inbox(at.outward.issuer.sender if at.outward is not None else "", at.city)
    taken = alerts.receiving.receive(conn, request["cap"], at.actor, at.now, inbox=inbox)
    zh, en = (
        words.format(relation=taken.relation.label(lang), said=said)
        for words, lang, said in zip(CATALOGUE["answer.cap_taken"], ("zh", "en"), (taken.said_zh, taken.said_en), strict=True)
    )
    return Answer("done", "cap_taken", zh, en, str(taken.external_id))


_WISHES = (
    text("audiences"), text("level"), text("headline_zh"), text("headline_en"), text("text_zh"), text("text_en"),
    text("advice_zh"), text("advice_en"), payload("area"), text("reach_m"), text("area_zh"), text("area_en"), text("onset"),
    text("expires"),
)  # fmt: skip

PUBLICATION_ACTS: Mapping[Action, tuple[tuple[Field, ...], Act]] = {
    **{
        action: ((id_of("warning"), *_WISHES), partial(_publish, action=action))
        for action in (Action.PUBLISH_WARNING, Action.RAISE_WARNING, Action.LOWER_WARNING)
    },
    Action.CANCEL_WARNING: (
        (
            id_of("warning"), id_of("ending"), text("audiences"), text("headline_zh"), text("headline_en"), text("text_zh"),
            text("text_en"),
        ),
        _end,
    ),
    Action.NOTIFY_MANY: (
        (
            id_of("audience"), text("zh", is_required=True), text("en"), text("subject_zh"),
            text("subject_en"), text("about"),
        ),
        _notify,
    ),
    Action.RESEND_NOTICE: ((id_of("notice"), text("reason")), _resend),
    Action.RECEIVE_CAP: ((Field("cap", payload("cap").longest, True),), _receive),
}  # fmt: skip
"""Action → what its request may say, and who does it: rows of `dashboard.acts`."""
