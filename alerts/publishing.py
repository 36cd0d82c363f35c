"""Publishing: a warning said outside, raised, lowered and ended, and words of a person to many; each one transaction, of two
persons where the policy asks for them. What has to leave is written with it; `alerts.notifier` sends it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from alerts.cap.document import Alert, Reference, faults_of
from alerts.cap.profile import alert_of, msg_type_of
from alerts.cap.write import write
from alerts.drafting import (
    Draft,
    Wish,
    draft,
    ending_of,
    event,
    read_audience,
    refuse_repetition,
    step_of,
)
from alerts.identifier import PER_SECOND, compose
from alerts.outward import Outward, Recipient
from alerts.templates import Text, fit
from alerts.templates import compose as words_for
from domain.publications import Audience, Notice, NoticeState, Publication, PublicationStep
from domain.refusals import Refused
from domain.rights import Action, Actor
from domain.warnings import Warning, WarningMode, WarningState
from gis_data.city import City
from storage import acts, notices, publications, warnings
from storage.connection import Connection
from storage.places import place_of_warning

FIRST = 0
"""Urgency of an end: nobody shall flee from what is over."""
_SEEN = (WarningState.CANDIDATE, WarningState.VERIFIED, WarningState.PENDING_APPROVAL)
"""States that become `published`; whoever has a warning in hand keeps it."""
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Ground:
    """What publishing stands on: the policy (None: it says nothing of it), the map (None: a city without), the zone of times in
    words."""

    said: Outward | None
    city: City | None
    zone: ZoneInfo

    @property
    def outward(self) -> Outward:
        """Raises Refused where the policy says nothing."""
        if self.said is None:
            raise Refused(
                "not_outward", "策略文件没有 [publication]：不能对外发布",
                "the policy file has no [publication]: nothing can be said outside",
            )  # fmt: skip
        return self.said


def publish(
    conn: Connection, action: Action, warning_id: str, wish: Wish, actor: Actor, now: datetime, *, ground: Ground,
    exercise_id: str | None = None,
) -> Publication:  # fmt: skip
    """Publishes a warning, or says it anew; `action` is PUBLISH_WARNING, RAISE_WARNING or LOWER_WARNING. Raises Refused."""
    with acts.transaction(conn, actor, action, warning_id, now, exercise_id=exercise_id) as deed:
        level = {"level": wish.level.value} if wish.level else {}
        acts.begin(
            conn, actor, action, warning_id, now, detail=level, exercise_id=exercise_id, place=place_of_warning(conn, warning_id),
            deed=deed,
        )  # fmt: skip
        warning = _locked(conn, warning_id, exercise_id)
        versions = publications.list_versions(conn, warning_id)
        last = versions[-1] if versions else None
        step = step_of(action, warning, wish.level or warning.level, last)
        made = _drafted(warning, step, wish, ground, now, last)
        refuse_repetition(made, last, wish)
        said = _say(conn, made, versions, actor, ground)
        if warning.state in _SEEN:
            warnings.record_step(
                conn, warning_id, WarningState.PUBLISHED, warning.level, now=max(now, warning.updated_at + _INSTANT),
                probability=warning.probability, lead_time_s=warning.lead_time_s, evidence=warning.evidence, actor=actor.name,
                comment=said.identifier,
            )  # fmt: skip
        deed.changed(_summary(last), _summary(said))
    return said


def end(
    conn: Connection, warning_id: str, ending: str, wish: Wish, actor: Actor, now: datetime, *, ground: Ground,
    exercise_id: str | None = None,
) -> Publication:  # fmt: skip
    """Says that what was published is over, or that it is withdrawn; whether the warning itself goes on is the rule's. Raises
    Refused."""
    with acts.transaction(conn, actor, Action.CANCEL_WARNING, warning_id, now, exercise_id=exercise_id) as deed:
        acts.begin(
            conn, actor, Action.CANCEL_WARNING, warning_id, now, detail={"ending": ending[:20]}, exercise_id=exercise_id,
            place=place_of_warning(conn, warning_id), deed=deed,
        )  # fmt: skip
        warning = _locked(conn, warning_id, exercise_id)
        versions = publications.list_versions(conn, warning_id)
        last = versions[-1] if versions else None
        step = ending_of(ending, warning, last)
        said = _say(conn, _drafted(warning, step, wish, ground, now, last), versions, actor, ground)
        deed.changed(_summary(last), _summary(said))
    return said


def notify_many(
    conn: Connection, actor: Actor, now: datetime, *, audience: str, zh: str, en: str, subject_zh: str, subject_en: str,
    about: str | None, ground: Ground, exercise_id: str | None = None,
) -> str:  # fmt: skip
    """Sends the words of a person to everybody of an audience, by every channel that has some; returns their number. Raises
    Refused."""
    mass_id = f"n-{now:%y%m%d%H%M%S}-{hashlib.sha256(f'{actor.name}{now.isoformat()}{zh}'.encode()).hexdigest()[:6]}"
    with acts.transaction(conn, actor, Action.NOTIFY_MANY, mass_id, now, exercise_id=exercise_id) as deed:
        detail = {"audience": audience[:20], "zh": zh, "en": en, **({"about": about} if about else {})}
        acts.begin(conn, actor, Action.NOTIFY_MANY, mass_id, now, detail=detail, exercise_id=exercise_id, deed=deed)
        to = read_audience(audience)
        name = ground.outward.issuer
        texts = {
            "zh": Text(subject_zh.strip() or f"{name.name_zh}通知", zh.strip()),
            "en": Text(subject_en.strip() or f"{name.name_en}: notice", en.strip() or zh.strip()),
        }
        mode = WarningMode.EXERCISE if exercise_id else WarningMode.ACTUAL
        made = [
            _notice(
                f"{mass_id}.{channel}", channel, recipient, _in(texts, recipient), mode, now, mass_id=mass_id,
                facts={"step": "mass", "about": about or ""}, exercise_id=exercise_id,
            )
            for channel, recipient in _recipients(ground.outward, (to,)) if channel != "atom"
        ]  # fmt: skip
        if not made:
            raise Refused(
                "nobody_to_tell", f"没有任何通道可通知{to.zh}：请在策略文件中配置 [channel.*]",
                f"no channel reaches the {to.en}: expected one in [channel.*] of the policy file",
            )  # fmt: skip
        notices.put(conn, made, urgency=2)
        deed.changed(None, {"audience": to, "notices": len(made)})
    return mass_id


def resend(conn: Connection, notice_id: int, actor: Actor, now: datetime, *, reason: str | None = None) -> Notice:
    """Gives a dead letter in again. Raises Refused."""
    with acts.transaction(conn, actor, Action.RESEND_NOTICE, str(notice_id), now) as deed:
        detail = {"reason": reason} if reason else {}
        acts.begin(conn, actor, Action.RESEND_NOTICE, str(notice_id), now, detail=detail, deed=deed)
        found = notices.find_for_update(conn, notice_id)
        if found is None or found.exercise_id is not None:
            raise Refused("notice_unknown", f"没有通知 {notice_id}", f"there is no notice {notice_id}")
        if found.state is not NoticeState.DEAD:
            raise Refused(
                "notice_not_dead", f"通知 {notice_id} {found.state.zh}，只有未能发出的才可重发",
                f"notice {notice_id} is {found.state.en}: only what could not be sent is sent again",
            )  # fmt: skip
        notices.revive(conn, notice_id, now=now, zh=f"由 {actor.name} 重发", en=f"given in again by {actor.name}")
        deed.changed({"state": found.state}, {"state": NoticeState.WAITING})
    return found


@dataclass(frozen=True, slots=True)
class Preview:
    """What publishing would say now: the message, what is wrong with it, and the texts by audience and language."""

    draft: Draft
    alert: Alert
    texts: dict[Audience, dict[str, Text]]


def preview(
    warning: Warning, versions: Sequence[Publication], wish: Wish, now: datetime, *, ground: Ground,
    action: Action = Action.PUBLISH_WARNING, ending: str | None = None,
) -> Preview:  # fmt: skip
    """The same drafting as the acts, nothing written. Raises Refused where the act would be."""
    last = versions[-1] if versions else None
    step = ending_of(ending, warning, last) if ending else step_of(action, warning, wish.level or warning.level, last)
    made = _drafted(warning, step, wish, ground, now, last)
    identifier = warning.identifier if not versions else compose(ground.outward.issuer.agency, now, 0)
    issuer, zone = ground.outward.issuer, ground.zone
    texts = {
        audience: {lang: words_for(made, identifier, issuer, audience, lang, zone=zone) for lang in ("zh", "en")}
        for audience in Audience
    }
    return Preview(made, alert_of(made, identifier, _references(step, versions), issuer), texts)


def _locked(conn: Connection, warning_id: str, exercise_id: str | None) -> Warning:
    warning = warnings.find_warning_for_update(conn, warning_id)
    if warning is None or warning.exercise_id != exercise_id:
        shown = warning_id[:60]
        raise Refused("warning_unknown", f"没有编号为 {shown} 的预警", f"there is no warning {shown}")
    return warning


def _drafted(
    warning: Warning, step: PublicationStep, wish: Wish, ground: Ground, now: datetime, last: Publication | None
) -> Draft:
    code = str(warning.evidence.get("district") or "")
    district = ground.city.find_district(code) if ground.city is not None and code else None
    return draft(warning, step, wish, ground.outward.issuer, now, district=district, last=last)


def _say(conn: Connection, made: Draft, versions: Sequence[Publication], actor: Actor, ground: Ground) -> Publication:
    """Writes the version down, and everything that has to leave with it."""
    issuer, warning = ground.outward.issuer, made.warning
    identifier = _identifier(conn, issuer.agency, warning, made.sent_at, is_first=not versions)
    alert = alert_of(made, identifier, _references(made.step, versions), issuer)
    if faults := faults_of(alert):
        raise Refused(faults[0].code, faults[0].zh, faults[0].en)
    xml = write(alert).decode()
    said = Publication(
        publication_id=0, warning_id=warning.warning_id, version=len(versions) + 1, step=made.step, level=made.level,
        mode=made.mode, identifier=identifier, sender=issuer.sender, sent_at=made.sent_at, onset_at=made.onset_at,
        expires_at=made.expires_at, audiences=made.audiences, saying=made.saying, cap=xml, actor=actor.name,
        approval_id=actor.approval,
        exercise_id=warning.exercise_id,
    )  # fmt: skip
    number = publications.add(conn, said)
    facts = _facts(made, identifier, xml)
    leaving = [
        _notice(
            f"{identifier}.{channel}", channel, recipient,
            words_for(made, identifier, issuer, recipient.audience, recipient.lang, zone=ground.zone, longest=recipient.longest),
            made.mode, made.sent_at, warning_id=warning.warning_id, publication_id=number, version=said.version, facts=facts,
            exercise_id=warning.exercise_id,
        )
        for channel, recipient in _recipients(ground.outward, made.audiences)
    ]  # fmt: skip
    notices.put(conn, leaving, urgency=FIRST if made.step.is_end else made.level.rank)
    return said


def _references(step: PublicationStep, versions: Sequence[Publication]) -> list[Reference]:
    """The earlier messages of what stands outside: a new alert refers to none."""
    if step is PublicationStep.PUBLISH:
        return []
    begun = max(k for k, version in enumerate(versions) if version.step is PublicationStep.PUBLISH)
    return [Reference(version.sender, version.identifier, version.sent_at) for version in versions[begun:]]


def _identifier(conn: Connection, agency: str, warning: Warning, at: datetime, *, is_first: bool) -> str:
    """The warning's own for its first message; the following ones take the next that is free."""
    if is_first and not publications.is_identifier_taken(conn, warning.identifier, but_for=warning.warning_id):
        return warning.identifier
    for _ in range(60 * PER_SECOND):
        identifier = compose(agency, at, warnings.next_number(conn))
        if not publications.is_identifier_taken(conn, identifier):
            return identifier
        at += timedelta(seconds=1)
    raise LookupError(f"no identifier of {agency} is free from {at.isoformat()} on: expected one within ten minutes")


def _recipients(outward: Outward, audiences: Sequence[Audience]) -> list[tuple[str, Recipient]]:
    return [(plan.channel, to) for plan in outward.plans for to in plan.recipients if to.audience in audiences]


def _in(texts: dict[str, Text], to: Recipient) -> Text:
    """The words of a person as one recipient gets them."""
    if to.lang != "both":
        return Text(texts[to.lang].subject, fit(texts[to.lang].body, to.longest))
    zh, en = texts["zh"], texts["en"]
    body = zh.body if zh.body == en.body else f"{zh.body}\n\n{en.body}"
    return Text(f"{zh.subject} / {en.subject}", fit(body, to.longest))


def _notice(
    stem: str, channel: str, to: Recipient, text: Text, mode: WarningMode, now: datetime, *, facts: dict[str, Any],
    exercise_id: str | None, warning_id: str | None = None, publication_id: int | None = None, version: int | None = None,
    mass_id: str | None = None,
) -> Notice:  # fmt: skip
    """A notice that waits, or is kept back because it is of an exercise or a test. Its key is the same whenever it is made."""
    digest = hashlib.sha256(f"{to.address}\n{to.audience}\n{to.lang}".encode()).hexdigest()[:12]
    is_real = mode is WarningMode.ACTUAL and exercise_id is None
    return Notice(
        notice_id=0, key=f"{stem}.{digest}", channel=channel, audience=to.audience, lang=to.lang, recipient=to.address, mode=mode,
        subject=text.subject.replace("\n", " "), body=text.body, created_at=now, due_at=now,
        state=NoticeState.WAITING if is_real else NoticeState.WITHHELD,
        said_zh="" if is_real else f"属于{mode.zh}，不经真实通道发出",
        said_en="" if is_real else f"it belongs to the mode {mode.en}: it leaves by no real channel",
        warning_id=warning_id, publication_id=publication_id, version=version, mass_id=mass_id, facts=facts,
        exercise_id=exercise_id,
    )  # fmt: skip


def _facts(made: Draft, identifier: str, xml: str) -> dict[str, Any]:
    """What machines are told beside the words."""
    saying, warning = made.saying, made.warning
    return {
        "identifier": identifier, "step": made.step.value, "msg_type": msg_type_of(made.step).value, "level": made.level.value,
        "hazard": warning.hazard_class, "event_zh": event(warning, "zh"), "event_en": event(warning, "en"),
        "headline_zh": saying.headline_zh, "headline_en": saying.headline_en, "area": saying.area, "area_zh": saying.area_zh,
        "area_en": saying.area_en, "sent": made.sent_at.isoformat(), "onset": made.onset_at.isoformat(),
        "expires": made.expires_at.isoformat(), "district": str(warning.evidence.get("district") or ""), "cap": xml,
    }  # fmt: skip


def _summary(said: Publication | None) -> dict[str, Any] | None:
    """A version as the audit hashes it."""
    if said is None:
        return None
    digest = hashlib.sha256(said.cap.encode()).hexdigest()
    return {"identifier": said.identifier, "version": said.version, "step": said.step, "level": said.level, "cap": digest}
