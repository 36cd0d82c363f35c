"""The profile: a draft of ours as a message of CAP 1.2, in Chinese and in English, aligned with the Chinese profile.

States: a draft is Draft, an exercise Exercise with its id in the note; to publish is Alert, to change Update, to withdraw Cancel,
an end Update with AllClear. Certainty follows the probability of the forecast: Observed without one, Likely above one half,
Possible else. Urgency follows the time that is left: CAP calls the next hour Expected. Positions are WGS-84, never GCJ-02.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from alerts.cap.document import (
    Alert,
    Area,
    Category,
    Certainty,
    Circle,
    Info,
    MsgType,
    Named,
    Reference,
    ResponseType,
    Ring,
    Scope,
    Status,
    Urgency,
    writable,
)
from alerts.drafting import Draft, event
from alerts.identifier import BEIJING
from alerts.outward import Issuer
from domain.publications import Audience, PublicationStep
from domain.warnings import WarningMode

CATEGORIES: Mapping[str, Category] = MappingProxyType({
    "fire": Category.FIRE, "medical": Category.HEALTH, "traffic_accident": Category.TRANSPORT, "waterlogging": Category.MET,
    "flood": Category.MET, "rainstorm": Category.MET, "gas_leak": Category.SAFETY, "hazmat": Category.CBRNE,
    "water_supply": Category.INFRA, "crowd": Category.SAFETY, "power_failure": Category.INFRA,
    "traffic_hazard": Category.TRANSPORT, "air_pollution": Category.ENV, "parking": Category.TRANSPORT,
    "congestion": Category.TRANSPORT,
})  # fmt: skip
"""Hazard class → category. The standard counts floods among the meteorological."""

STATUS: Mapping[WarningMode, Status] = MappingProxyType({
    WarningMode.ACTUAL: Status.ACTUAL, WarningMode.EXERCISE: Status.EXERCISE, WarningMode.TEST: Status.TEST,
    WarningMode.DRAFT: Status.DRAFT, WarningMode.SYSTEM: Status.SYSTEM,
})  # fmt: skip
LANGUAGES = (("zh", "zh-CN"), ("en", "en-US"))
DIVISION = "GB/T 2260"
"""The list of division codes, by its standard."""
HOUR_S = 3600.0


def alert_of(draft: Draft, identifier: str, references: Sequence[Reference], issuer: Issuer) -> Alert:
    """The message. `references` are the earlier ones of the same warning."""
    is_public = Audience.PUBLIC in draft.audiences
    warning = draft.warning
    return Alert(
        identifier=identifier, sender=issuer.sender, sent=draft.sent_at.astimezone(BEIJING), status=STATUS[draft.mode],
        msg_type=msg_type_of(draft.step), scope=Scope.PUBLIC if is_public else Scope.RESTRICTED,
        restriction=None if is_public else "、".join(audience.zh for audience in draft.audiences),
        note=f"exercise {warning.exercise_id}" if draft.mode is WarningMode.EXERCISE else None,
        references=tuple(Reference(said.sender, said.identifier, said.sent.astimezone(BEIJING)) for said in references),
        incidents=(warning.identifier,), infos=tuple(_info(draft, issuer, lang, code) for lang, code in LANGUAGES),
    )  # fmt: skip


def msg_type_of(step: PublicationStep) -> MsgType:
    if step is PublicationStep.PUBLISH:
        return MsgType.ALERT
    return MsgType.CANCEL if step is PublicationStep.WITHDRAWN else MsgType.UPDATE


def certainty_of(probability: float | None) -> Certainty:
    """Without a probability something was measured."""
    if probability is None:
        return Certainty.OBSERVED
    return Certainty.LIKELY if probability > 0.5 else Certainty.POSSIBLE


def urgency_of(lead_time_s: float | None) -> Urgency:
    if not lead_time_s or lead_time_s <= 0:
        return Urgency.IMMEDIATE
    return Urgency.EXPECTED if lead_time_s <= HOUR_S else Urgency.FUTURE


def _info(draft: Draft, issuer: Issuer, lang: str, code: str) -> Info:
    warning, saying = draft.warning, draft.saying
    return Info(
        event=event(warning, lang), categories=(CATEGORIES.get(warning.hazard_class, Category.OTHER),), language=code,
        response_types=(ResponseType.ALL_CLEAR if draft.step is PublicationStep.OVER else ResponseType.MONITOR,),
        urgency=Urgency.PAST if draft.step.is_end else urgency_of(warning.lead_time_s), severity=draft.level.cap_severity,
        certainty=certainty_of(warning.probability), event_codes=(Named("hazard", warning.hazard_class),),
        effective=draft.sent_at.astimezone(BEIJING), onset=draft.onset_at.astimezone(BEIJING),
        expires=draft.expires_at.astimezone(BEIJING), sender_name=issuer.name(lang), headline=_kept(saying.headline(lang)),
        description=_kept(saying.text(lang)), instruction=_kept(saying.advice(lang)), web=issuer.web or None,
        contact=issuer.contact or None, parameters=_parameters(draft), areas=(_area(draft, saying.place(lang)),),
    )  # fmt: skip


def _parameters(draft: Draft) -> tuple[Named, ...]:
    """What CAP has no word for."""
    warning = draft.warning
    rule = f"{warning.rule_id} {warning.rule_version}"
    said = [Named("level", draft.level.value), Named("step", draft.step.value), Named("rule", rule)]
    if warning.probability is not None:
        said.append(Named("probability", f"{warning.probability:.3f}"))
    if warning.lead_time_s is not None:
        said.append(Named("lead_time_s", f"{warning.lead_time_s:.0f}"))
    return tuple(said)


def _area(draft: Draft, words: str) -> Area:
    district = str(draft.warning.evidence.get("district") or "")
    geocodes = (Named(DIVISION, district),) if len(district) == 6 and district.isdigit() else ()
    rings, circles = shapes_of(draft.saying.area or {})
    return Area(_kept(words) or draft.warning.object_id, rings, circles, geocodes)


def shapes_of(geometry: Mapping[str, Any]) -> tuple[tuple[Ring, ...], tuple[Circle, ...]]:
    """Rings and circles of a GeoJSON geometry in WGS-84: latitude first, closed. CAP has no holes: they are filled."""
    kind, said = geometry.get("type"), geometry.get("coordinates", ())
    if kind == "Point":
        return (), (Circle(said[1], said[0], geometry.get("reach_m", 0.0) / 1000),)
    polygons = said if kind == "MultiPolygon" else [said] if kind == "Polygon" else []
    return tuple(tuple((lat, lon) for lon, lat, *_ in polygon[0]) for polygon in polygons), ()


def _kept(text: str) -> str | None:
    return writable(text).strip() or None
