"""The wire of resources: what there is, what is held of it, what was asked for, and a request as a message of EDXL-RM.

Pure; times are milliseconds since 1970, UTC, days are dates of the city.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from xml.etree import ElementTree

from dashboard.wire import PLACES, Json, ms
from domain.incidents import Incident
from domain.resources import NEXT, RequestState, Reservation, Resource, ResourceKind, ResourceRequest

MESSAGE = "urn:oasis:names:tc:emergency:EDXL:RM:1.0:msg"
TYPES = "urn:oasis:names:tc:emergency:EDXL:RM:1.0"
GML = "http://www.opengis.net/gml"


def resource(
    r: Resource, today: date, held: Sequence[Reservation] = (), distance_m: float | None = None, over: Collection[str] = (),
) -> Json:  # fmt: skip
    """A resource; `free` is null where it is not known how much is taken. `over` are incidents that have ended: what is held for
    one of them somebody forgot."""
    return {
        "id": r.resource_id, "kind": r.kind, "type": r.type, "zh": r.name_zh, "en": r.name_en, "department": r.department,
        "district": r.district_code, "site": r.site_id, "site_zh": r.site_zh, "site_en": r.site_en, "lon": round(r.lon, PLACES),
        "lat": round(r.lat, PLACES), "unit_zh": r.unit_zh, "unit_en": r.unit_en, "status": r.status, "capacity": r.capacity,
        "occupied": r.occupied, "reserved": r.reserved, "free": r.free(today),
        "expires": r.expires_on.isoformat() if r.expires_on else None, "is_expired": r.is_expired(today), "changed": ms(r.since),
        "recorded": ms(r.recorded_at), "by": r.actor, "distance_m": None if distance_m is None else round(distance_m),
        "reservations": [reservation(one, {r.resource_id: r}, over) for one in held],
    }  # fmt: skip


def reservation(r: Reservation, resources: Mapping[str, Resource], over: Collection[str] = ()) -> Json:
    """What is held of a resource, in its words where it is known."""
    of = resources.get(r.resource_id)
    return {
        "id": r.reservation_id, "resource": r.resource_id, "zh": of.name_zh if of else r.resource_id,
        "en": of.name_en if of else r.resource_id, "type": of.type if of else None, "incident": r.incident_id,
        "request": r.request_id, "amount": r.amount, "used": r.used, "at": ms(r.reserved_at), "by": r.actor,
        "released": ms(r.released_at), "is_over": r.released_at is None and r.incident_id in over,
        "unit_zh": of.unit_zh if of else "", "unit_en": of.unit_en if of else "",
    }  # fmt: skip


def type_names(resources: Iterable[Resource], type_name: str) -> tuple[str, str, str, str]:
    """What a type is called, and its unit, in both languages: places, which have names of their own, are called by their kind."""
    for r in resources:
        if r.type == type_name:
            kind = ResourceKind.known(r.kind)
            if kind in (ResourceKind.SHELTER, ResourceKind.HOSPITAL):
                return kind.zh, kind.en, r.unit_zh, r.unit_en
            return r.name_zh, r.name_en, r.unit_zh, r.unit_en
    return type_name, type_name, "", ""


def types(resources: Sequence[Resource], today: date) -> list[Json]:
    """What may be asked for: each type with how many resources there are of it, how much they hold, and how much is known to be
    free."""
    found: dict[str, list[Resource]] = {}
    for r in resources:
        found.setdefault(r.type, []).append(r)
    rows = []
    for name, members in sorted(found.items(), key=lambda row: (row[1][0].kind, row[0])):
        zh, en, unit_zh, unit_en = type_names(members, name)
        free = [n for r in members if (n := r.free(today)) is not None]
        rows.append(
            {"kind": members[0].kind, "type": name, "zh": zh, "en": en, "unit_zh": unit_zh, "unit_en": unit_en, "n": len(members),
             "capacity": sum(r.capacity for r in members), "free": sum(free) if free else None,
             "departments": sorted({r.department for r in members if r.department})}
        )  # fmt: skip
    return rows


def request(r: ResourceRequest, resources: Iterable[Resource], held: Iterable[Reservation], *, with_texts: bool) -> Json:
    """A request with its steps and what is held for it; somebody's words only where they may be read."""
    known = list(resources)
    zh, en, unit_zh, unit_en = type_names(known, r.type)
    by_id = {one.resource_id: one for one in known}
    return {
        "id": r.request_id, "incident": r.incident_id, "type": r.type, "zh": zh, "en": en, "unit_zh": unit_zh, "unit_en": unit_en,
        "amount": r.amount, "department": r.department, "until": ms(r.last.needed_until), "state": r.state,
        "since": ms(r.last.at),
        "by": r.steps[0].actor, "words": (r.steps[0].words or None) if with_texts else None, "at": ms(r.created_at),
        "next": [state.value for state in NEXT[r.state]],
        "steps": [
            {"state": s.state, "at": ms(s.at), "by": s.actor, "words": (s.words or None) if with_texts else None} for s in r.steps
        ],
        "reservations": [reservation(one, by_id) for one in held if one.request_id == r.request_id],
    }  # fmt: skip


def message(r: ResourceRequest, incident: Incident, resources: Iterable[Resource], *, with_texts: bool) -> bytes:
    """A request as the message RequestResource, aligned with EDXL-RM 1.0 (OASIS, 2008): what is wanted, how many, where and until
    when. Who asks is named by account, never by a person's contact."""
    zh, en, _, unit_en = type_names(resources, r.type)
    root = ElementTree.Element(_q("RequestResource"))
    _say(root, "MessageID", r.request_id)
    sent_at = next((step.at for step in r.steps if step.state is RequestState.REQUESTED), r.created_at)
    _say(root, "SentDateTime", sent_at.isoformat(timespec="seconds"))
    _say(root, "MessageContentType", "RequestResource")
    if with_texts and r.steps[0].words:
        _say(root, "MessageDescription", r.steps[0].words)
    _say(root, "OriginatingMessageID", r.request_id)
    about = ElementTree.SubElement(root, _q("IncidentInformation"))
    _say(about, "IncidentID", r.incident_id, TYPES)
    _say(about, "IncidentDescription", incident.hazard_class, TYPES)
    contact = ElementTree.SubElement(root, _q("ContactInformation"))
    _say(contact, "ContactDescription", r.steps[0].actor, TYPES)
    _say(contact, "ContactRole", "Requester", TYPES)
    wanted = ElementTree.SubElement(root, _q("ResourceInformation"))
    _say(wanted, "ResourceInfoElementID", "1")
    what = ElementTree.SubElement(wanted, _q("Resource"))
    _say(what, "Name", f"{zh} {en}")
    structure = ElementTree.SubElement(what, _q("TypeStructure"))
    _say(structure, "ValueListURN", "urn:cityhelm:resource-types", TYPES)
    _say(structure, "Value", r.type, TYPES)
    assigned = ElementTree.SubElement(wanted, _q("AssignmentInformation"))
    measured = ElementTree.SubElement(ElementTree.SubElement(assigned, _q("Quantity")), _q("MeasuredQuantity", TYPES))
    _say(measured, "Amount", str(r.amount), TYPES)
    _say(measured, "UnitOfMeasure", unit_en or "each", TYPES)
    where = _schedule(wanted, "RequestedArrival", r.created_at.isoformat(timespec="seconds"))
    target = ElementTree.SubElement(ElementTree.SubElement(where, _q("Location")), _q("TargetArea", TYPES))
    _say(ElementTree.SubElement(target, _q("Point", GML)), "pos", f"{incident.lat:.6f} {incident.lon:.6f}", GML)
    if r.last.needed_until is not None:
        _schedule(wanted, "RequestedDeparture", r.last.needed_until.isoformat(timespec="seconds"))
    for prefix, name in (("", MESSAGE), ("rm", TYPES), ("gml", GML)):
        ElementTree.register_namespace(prefix, name)
    said: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return said


def _schedule(parent: ElementTree.Element, kind: str, at: str) -> ElementTree.Element:
    row = ElementTree.SubElement(parent, _q("ScheduleInformation"))
    _say(row, "ScheduleType", kind)
    _say(row, "DateTime", at)
    return row


def _say(parent: ElementTree.Element, name: str, text: str, namespace: str = MESSAGE) -> None:
    ElementTree.SubElement(parent, _q(name, namespace)).text = text


def _q(name: str, namespace: str = MESSAGE) -> str:
    return f"{{{namespace}}}{name}"
