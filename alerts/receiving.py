"""Receiving: messages of CAP 1.2 from outside, each taken in once, in one transaction, and merged with what is known. They come
from folders and addresses of the policy (`alerts.notifier` looks after those), and from whoever has the right to give one in.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import shapely

from alerts.cap.document import Fault
from alerts.cap.merging import Known, Verdict, hazard_of, judge, latest, level_of, shape_of
from alerts.cap.read import Read, read, read_text
from alerts.lifecycle import state_after_escalation
from domain.moments import Moment
from domain.publications import Relation
from domain.refusals import Refused
from domain.rights import Action, Actor, Place
from domain.warnings import OPEN_WARNING_STATES, Warning, WarningState, WarningTransition
from gis_data.city import City
from gis_data.crs import METRES_PER_DEGREE
from gis_data.drawing import as_geojson
from storage import acts, external, publications, warnings
from storage.connection import Connection
from storage.external import ExternalAlert, Refusal

log = logging.getLogger(__name__)

BY_HAND = "api"
"""The source of what is given in by somebody with the right to."""
REACH_M = 200.0
"""Round the place of a warning of ours that has no area: so far a sensor speaks for its surroundings at least."""
MOST_CORNERS = 2_000
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Inbox:
    """What messages are judged by: our own name in CAP, and the map (None: a city without)."""

    sender: str
    city: City | None = None


def receive(conn: Connection, text: str, actor: Actor, now: datetime, *, inbox: Inbox) -> ExternalAlert:
    """Takes in what somebody gives. Raises Refused with what is wrong with it, audited."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    with acts.transaction(conn, actor, Action.RECEIVE_CAP, digest, now) as deed:
        acts.begin(conn, actor, Action.RECEIVE_CAP, digest, now, place=Place(), deed=deed)
        found = read_text(text)
        if isinstance(found, Fault):
            raise Refused(*found)
        taken = _take_in(conn, found, text, BY_HAND, now, inbox)
        deed.changed(None, {"sender": taken.sender, "identifier": taken.identifier, "relation": taken.relation})
    return taken


def take_in(conn: Connection, raw: bytes, source_id: str, name: str, now: datetime, *, inbox: Inbox) -> ExternalAlert | Refusal:
    """Takes in what a source of the policy brought, or keeps why it cannot be read. The same twice changes nothing."""
    found = read(raw)
    if isinstance(found, Fault):
        refusal = Refusal(source_id, name[:300], now, found.zh, found.en)
        if external.note_refusal(conn, refusal, hashlib.sha256(raw).digest()):
            log.warning("%s of the source %s: %s", name, source_id, found.en)
        return refusal
    with conn.transaction():
        return _take_in(conn, found, raw.decode("utf-8", errors="replace").replace("\0", ""), source_id, now, inbox)


def expire(conn: Connection, now: datetime) -> int:
    """Ends warnings from outside whose own end is past; returns how many."""
    ended = external.list_expired(conn, now)
    for warning in ended:
        with conn.transaction():
            _step(conn, warning.warning_id, WarningState.EXPIRED, now, {"expired_by": "expires"})
    return len(ended)


def _take_in(conn: Connection, found: Read, text: str, source_id: str, now: datetime, inbox: Inbox) -> ExternalAlert:
    alert = found.alert
    external.take_turns(conn)
    seen = external.find_alert(conn, alert.sender, alert.identifier, alert.sent)
    if seen is not None:
        return replace(
            seen, relation=Relation.DUPLICATE, said_zh=f"已于 {seen.received_at.isoformat()} 收到",
            said_en=f"it came before, at {seen.received_at.isoformat()}",
        )  # fmt: skip
    number = external.find_warning_of(conn, alert.sender, alert.identifier, alert.references)
    belongs_to = warnings.find_warning_for_update(conn, number) if number is not None else None
    verdict = judge(
        alert, now, our_sender=inbox.sender, is_ours=publications.find_by_identifier(conn, alert.identifier) is not None,
        belongs_to=belongs_to, open_ones=_open_ones(conn, now, inbox.city),
    )  # fmt: skip
    warning_id = _carry_out(conn, verdict, found, belongs_to, now, inbox)
    info = alert.info("zh")
    zh, en = verdict.zh, verdict.en
    if found.remarks:
        zh, en = f"{zh}；{found.remarks[0].zh}", f"{en}; {found.remarks[0].en}"
    taken = ExternalAlert(
        external_id=0, source_id=source_id, sender=alert.sender, identifier=alert.identifier, sent_at=alert.sent, received_at=now,
        status=alert.status[:40], msg_type=alert.msg_type[:40], event=info.event[:300] if info else "",
        headline=(info.headline or info.event)[:500] if info else "", expires_at=latest(i.expires for i in alert.infos),
        relation=verdict.relation, warning_id=warning_id, said_zh=zh, said_en=en, cap=text,
    )  # fmt: skip
    return replace(taken, external_id=external.add_alert(conn, taken))


def _open_ones(conn: Connection, now: datetime, city: City | None) -> list[Known]:
    """Our own open warnings with their places."""
    return [_placed(warning, city) for warning in warnings.list_open_warnings(conn, Moment.live(now))]


def _placed(warning: Warning, city: City | None) -> Known:
    told, district = warning.evidence.get("area"), str(warning.evidence.get("district") or "") or None
    shape: Any = None
    if isinstance(told, dict) and told.get("type") in ("Polygon", "MultiPolygon"):
        shape = shapely.geometry.shape(told)
    elif warning.lon is not None and warning.lat is not None:
        shape = shapely.Point(warning.lon, warning.lat).buffer(REACH_M / METRES_PER_DEGREE)
    elif city is not None and district and (found := city.find_district(district)) is not None:
        shape = found.polygon
    return Known(warning, shape, district)


def _carry_out(
    conn: Connection, verdict: Verdict, found: Read, belongs_to: Warning | None, now: datetime, inbox: Inbox
) -> str | None:
    """Opens, changes or ends the warning of a message; returns its id."""
    alert = found.alert
    if verdict.relation is Relation.OPENED:
        return _open(conn, found, now, inbox)
    if belongs_to is None or verdict.relation not in (Relation.CHANGED, Relation.ENDED):
        return verdict.warning_id
    evidence = _evidence(found, shape_of(area for info in alert.infos for area in info.areas)) if alert.infos else {}
    if verdict.relation is Relation.ENDED:
        is_cancelled = alert.msg_type == "Cancel"
        _step(conn, belongs_to.warning_id, WarningState.CANCELLED if is_cancelled else WarningState.LIFTED, now, evidence)
        return belongs_to.warning_id
    level = level_of(alert)
    graver = level.rank < belongs_to.level.rank
    warnings.record_step(
        conn, belongs_to.warning_id, state_after_escalation(belongs_to.state) if graver else belongs_to.state, level,
        now=max(now, belongs_to.updated_at + _INSTANT), evidence={**belongs_to.evidence, **evidence},
        transition=WarningTransition.ESCALATED if graver
        else WarningTransition.NOTED if level is belongs_to.level else WarningTransition.DOWNGRADED,
    )  # fmt: skip
    return belongs_to.warning_id


def _open(conn: Connection, found: Read, now: datetime, inbox: Inbox) -> str:
    alert = found.alert
    info, english = alert.info("zh"), alert.info("en")
    assert info is not None, "a message without info opens nothing"
    assert english is not None
    where = shape_of(area for one in alert.infos for area in one.areas)
    point = where.representative_point() if where is not None and not where.is_empty else None
    codes = [code.value for one in alert.infos for area in one.areas for code in area.geocodes]
    district = next((code for code in codes if inbox.city is not None and inbox.city.find_district(code) is not None), None)
    if district is None and point is not None and inbox.city is not None:
        inside = inbox.city.district_of(point.x, point.y)
        district = inside.code if inside is not None else None
    identifier = alert.identifier
    if publications.is_identifier_taken(conn, identifier):
        identifier = f"{alert.identifier} {alert.sender} {alert.sent:%Y%m%d%H%M%S%z}"
    return external.open_warning(
        conn, identifier=identifier, object_id=f"{alert.sender},{alert.identifier}", hazard_class=hazard_of(info),
        level=level_of(alert), district=district, place=(point.x, point.y) if point is not None else None,
        zh=(info.headline or info.event)[:300], en=(english.headline or english.event)[:300],
        evidence={**_evidence(found, where), **({"district": district} if district else {})}, now=now,
    )  # fmt: skip


def _evidence(found: Read, where: Any) -> dict[str, Any]:
    """What the message says, as screens show it."""
    alert = found.alert
    info, english = alert.info("zh"), alert.info("en")
    assert info is not None, "only a message with an info is evidence"
    assert english is not None
    area = next((area.words for area in info.areas if area.words), "")
    expires = latest(one.expires for one in alert.infos)
    said: dict[str, Any] = {
        "sender": alert.sender, "sender_name": info.sender_name or alert.sender, "identifier": alert.identifier,
        "sent": alert.sent.isoformat(), "event": info.event, "headline_zh": info.headline or info.event,
        "headline_en": english.headline or english.event, "description": info.description or "",
        "instruction": info.instruction or "", "severity": info.severity, "urgency": info.urgency, "certainty": info.certainty,
        "area_zh": area, "device_name": area or info.sender_name or alert.sender,
        "remarks": [{"zh": remark.zh, "en": remark.en} for remark in found.remarks[:20]],
    }  # fmt: skip
    if expires is not None:
        said["expires"] = expires.isoformat()
    if where is not None and not where.is_empty:
        said["area"] = as_geojson(where if shapely.get_num_coordinates(where) <= MOST_CORNERS else where.convex_hull)
    return said


def _step(conn: Connection, warning_id: str, state: WarningState, now: datetime, evidence: dict[str, Any]) -> None:
    """Ends a warning, unless it has ended meanwhile."""
    current = warnings.find_warning_for_update(conn, warning_id)
    if current is not None and current.state in OPEN_WARNING_STATES:
        warnings.record_step(
            conn, warning_id, state, current.level, now=max(now, current.updated_at + _INSTANT),
            evidence={**current.evidence, **evidence},
        )  # fmt: skip
