"""The schema of CAP 1.2 as a table of our own, made from the standard's section 3.2 and not from the writer that it checks: which
elements, in which order, how often, with which words. An XML document in, what is wrong with it out.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

NAMESPACE = "{urn:oasis:names:tc:emergency:cap:1.2}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-,+]\d\d:\d\d"
DECIMAL = r"[-+]?(\d+(\.\d*)?|\.\d+)"
PAIR = rf"{DECIMAL},{DECIMAL}"

Row = tuple[str, int, int | None, str | None]
"""Element, least, most (None: any number), pattern of its text (None: anything; for a group: the group's name in GROUPS)."""


def _words(said: str) -> str:
    return "|".join(said.split())


GROUPS: dict[str, tuple[Row, ...]] = {
    "alert": (
        ("identifier", 1, 1, r"[^\s,<&]+"), ("sender", 1, 1, r"[^\s,<&]+"), ("sent", 1, 1, TIME),
        ("status", 1, 1, _words("Actual Exercise System Test Draft")), ("msgType", 1, 1, _words("Alert Update Cancel Ack Error")),
        ("source", 0, 1, None), ("scope", 1, 1, _words("Public Restricted Private")), ("restriction", 0, 1, None),
        ("addresses", 0, 1, None), ("code", 0, None, None), ("note", 0, 1, None),
        ("references", 0, 1, rf"[^\s,]+,[^\s,]+,{TIME}(\s+[^\s,]+,[^\s,]+,{TIME})*"), ("incidents", 0, 1, None), ("info", 0, None, None),
    ),
    "info": (
        ("language", 0, 1, r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*"),
        ("category", 1, None, _words("Geo Met Safety Security Rescue Fire Health Env Transport Infra CBRNE Other")),
        ("event", 1, 1, None),
        ("responseType", 0, None, _words("Shelter Evacuate Prepare Execute Avoid Monitor Assess AllClear None")),
        ("urgency", 1, 1, _words("Immediate Expected Future Past Unknown")),
        ("severity", 1, 1, _words("Extreme Severe Moderate Minor Unknown")),
        ("certainty", 1, 1, _words("Observed Likely Possible Unlikely Unknown")), ("audience", 0, 1, None), ("eventCode", 0, None, None),
        ("effective", 0, 1, TIME), ("onset", 0, 1, TIME), ("expires", 0, 1, TIME), ("senderName", 0, 1, None), ("headline", 0, 1, None),
        ("description", 0, 1, None), ("instruction", 0, 1, None), ("web", 0, 1, None), ("contact", 0, 1, None), ("parameter", 0, None, None),
        ("resource", 0, None, None), ("area", 0, None, None),
    ),
    "eventCode": (("valueName", 1, 1, None), ("value", 1, 1, None)),
    "parameter": (("valueName", 1, 1, None), ("value", 1, 1, None)),
    "geocode": (("valueName", 1, 1, None), ("value", 1, 1, None)),
    "resource": (
        ("resourceDesc", 1, 1, None), ("mimeType", 1, 1, None), ("size", 0, 1, r"[-+]?\d+"), ("uri", 0, 1, None), ("derefUri", 0, 1, None),
        ("digest", 0, 1, None),
    ),
    "area": (
        ("areaDesc", 1, 1, None), ("polygon", 0, None, rf"{PAIR}( {PAIR}){{3,}}"), ("circle", 0, None, rf"{PAIR} {DECIMAL}"),
        ("geocode", 0, None, None), ("altitude", 0, 1, DECIMAL), ("ceiling", 0, 1, DECIMAL),
    ),
}  # fmt: skip


def faults(document: bytes) -> list[str]:
    """What in the document is not as the standard has it; nothing for a valid one."""
    root = ElementTree.fromstring(document)
    if root.tag != f"{NAMESPACE}alert":
        return [f"the root is {root.tag}"]
    found = _group(root, "alert")
    texts = {child.tag.removeprefix(NAMESPACE): child.text for child in root}
    if texts.get("scope") == "Restricted" and not texts.get("restriction"):
        found.append("restricted to nobody")
    if texts.get("scope") == "Private" and not texts.get("addresses"):
        found.append("private to nobody")
    if texts.get("msgType") in ("Update", "Cancel", "Ack", "Error") and not texts.get("references"):
        found.append(f"{texts['msgType']} of nothing")
    for ring in root.iter(f"{NAMESPACE}polygon"):
        corners = (ring.text or "").split()
        if corners[0] != corners[-1]:
            found.append("a polygon is not closed")
        for corner in corners:
            lat, lon = map(float, corner.split(","))
            if not (abs(lat) <= 90 and abs(lon) <= 180):
                found.append(f"{corner} is not on the earth")
    return found


def _group(element: ElementTree.Element, name: str) -> list[str]:
    found: list[str] = []
    children = list(element)
    k = 0
    for row, least, most, pattern in GROUPS[name]:
        n = 0
        while k < len(children) and children[k].tag == f"{NAMESPACE}{row}":
            found += _group(children[k], row) if row in GROUPS else _text(children[k], row, pattern)
            k, n = k + 1, n + 1
        if n < least or (most is not None and n > most):
            found.append(f"{name} has {n} {row}")
    if k < len(children):
        found.append(f"{children[k].tag} has no place here in {name}")
    return found


def _text(element: ElementTree.Element, name: str, pattern: str | None) -> list[str]:
    said = element.text or ""
    if len(element) or (pattern is not None and re.fullmatch(pattern, said) is None):
        return [f"{name} is '{said}'"]
    return []
