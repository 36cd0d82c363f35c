"""Publications, notices and messages from outside as JSON. Times are milliseconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from alerts.cap.document import faults_of
from alerts.cap.write import write
from alerts.channels.registry import CHANNELS
from alerts.outward import Outward
from alerts.publishing import Preview
from dashboard.wire import Json, ms
from domain.publications import Notice, Publication
from storage.external import ExternalAlert, Refusal, SourceState

COVERED = "…"


def channels(outward: Outward | None) -> list[Json]:
    """Every kind of channel, and for those that this city does not have, why."""
    there = {plan.channel for plan in outward.plans} if outward is not None else set()
    return [
        {
            "name": kind.name, "zh": kind.zh, "en": kind.en, "is_on": kind.name in there,
            "zh_why": "" if kind.name in there else kind.zh_off, "en_why": "" if kind.name in there else kind.en_off,
        }
        for kind in CHANNELS
    ]  # fmt: skip


def notice(said: Notice, *, with_names: bool) -> Json:
    """`with_names`: whether the address is shown; it may be a person's."""
    return {
        "id": said.notice_id, "key": said.key, "warning": said.warning_id, "publication": said.publication_id,
        "mass": said.mass_id, "version": said.version, "channel": said.channel, "audience": said.audience, "lang": said.lang,
        "to": said.recipient if with_names or "@" not in said.recipient else COVERED, "mode": said.mode, "state": said.state,
        "zh_state": said.state.zh, "en_state": said.state.en, "created": ms(said.created_at), "due": ms(said.due_at),
        "sent": ms(said.sent_at), "attempts": said.attempts, "zh": said.said_zh, "en": said.said_en, "subject": said.subject,
        "body": said.body,
    }  # fmt: skip


def publication(said: Publication, now: datetime, *, is_newest: bool, is_over: bool) -> Json:
    is_standing = is_newest and not said.step.is_end
    return {
        "id": said.publication_id, "warning": said.warning_id, "version": said.version, "step": said.step, "level": said.level,
        "identifier": said.identifier, "mode": said.mode, "sent": ms(said.sent_at), "expires": ms(said.expires_at),
        "by": said.actor,
        "approval": said.approval_id, "audiences": list(said.audiences), "headline_zh": said.saying.headline_zh,
        "headline_en": said.saying.headline_en, "is_current": is_standing, "is_over": is_standing and is_over,
        "is_expired": is_standing and said.expires_at <= now,
    }  # fmt: skip


def preview(shown: Preview) -> Json:
    """The message as XML, as values, and as the words by audience and language."""
    faults = faults_of(shown.alert)
    return {
        "step": shown.draft.step, "xml": None if faults else write(shown.alert).decode(), "document": _plain(shown.alert),
        "texts": {
            audience.value: {lang: {"subject": text.subject, "body": text.body} for lang, text in said.items()}
            for audience, said in shown.texts.items()
        },
        "faults": [{"zh": fault.zh, "en": fault.en} for fault in faults],
    }  # fmt: skip


def external(said: ExternalAlert) -> Json:
    return {
        "id": said.external_id, "feed": said.source_id, "sender": said.sender, "identifier": said.identifier,
        "sent": ms(said.sent_at),
        "received": ms(said.received_at), "msg_type": said.msg_type, "status": said.status, "relation": said.relation,
        "zh_relation": said.relation.zh, "en_relation": said.relation.en, "warning": said.warning_id, "event": said.event,
        "headline": said.headline, "zh": said.said_zh, "en": said.said_en,
    }  # fmt: skip


def refusal(said: Refusal) -> Json:
    return {"feed": said.source_id, "name": said.name, "received": ms(said.received_at), "zh": said.said_zh, "en": said.said_en}


def sources(outward: Outward | None, states: Mapping[str, SourceState]) -> list[Json]:
    """The sources of the policy, with how it went the last time; null where none was asked yet."""
    told = []
    for source in outward.sources if outward is not None else ():
        state = states.get(source.source_id)
        told.append({
            "id": source.source_id, "kind": source.kind, "zh": source.zh, "en": source.en,
            "polled": ms(state.polled_at) if state else None, "is_well": state.is_well if state else None,
            "zh_said": state.said_zh if state else "", "en_said": state.said_en if state else "",
            "taken": state.taken if state else 0, "refused": state.refused if state else 0,
        })  # fmt: skip
    return told


def _plain(value: Any) -> Any:
    """Records, named tuples and what is in them as objects and lists."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        parts = [_plain(part) for part in value]
        names = getattr(value, "_fields", None)
        return dict(zip(names, parts, strict=True)) if names else parts
    return value
