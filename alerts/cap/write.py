"""CAP on its way out: a message as XML in UTF-8, elements in the order of the standard's schema. What is written here,
read again, is the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain

from alerts.cap.document import NAMESPACE, Alert, Area, Info, Named, Reference, Resource, faults_of, writable


def write(alert: Alert) -> bytes:
    """The message as a document. Raises ValueError for one that is not as the standard wants it: such a one must not leave."""
    if faults := faults_of(alert):
        raise ValueError(f"the CAP message {alert.identifier} cannot leave: " + "; ".join(fault.en for fault in faults))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<alert xmlns="{NAMESPACE}">\n{"".join(_alert(alert))}</alert>\n'.encode()


def element(name: str, text: str, *, indent: str = "") -> str:
    """One element on a line of its own, its text escaped. Raises ValueError for what no XML can hold."""
    if writable(text) != text:
        raise ValueError(f"the text of {name} holds a character that no XML can: expected it without")
    return f"{indent}<{name}>{escaped(text)}</{name}>\n"


def escaped(text: str) -> str:
    """Text between tags; a carriage return would otherwise come back as a line feed."""
    for mark, name in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\r", "&#13;")):
        text = text.replace(mark, name)
    return text


def time(at: datetime) -> str:
    """A time as CAP writes it, to the second with its offset; that of UTC is -00:00, a letter is not allowed.

    >>> time(datetime(2026, 3, 2, 1, 0, tzinfo=UTC))
    '2026-03-02T01:00:00-00:00'
    """
    offset = at.utcoffset() or timedelta()
    if offset % timedelta(minutes=1):
        at, offset = at.astimezone(UTC), timedelta()
    said = at.isoformat(timespec="seconds")
    return said if offset else f"{said[:19]}-00:00"


def reference(said: Reference) -> str:
    return f"{said.sender},{said.identifier},{time(said.sent)}"


def _alert(alert: Alert) -> Iterator[str]:
    yield from _texts(
        ("identifier", alert.identifier), ("sender", alert.sender), ("sent", time(alert.sent)), ("status", alert.status),
        ("msgType", alert.msg_type), ("source", alert.source), ("scope", alert.scope), ("restriction", alert.restriction),
        ("addresses", _listed(alert.addresses)), *(("code", code) for code in alert.codes), ("note", alert.note),
        ("references", " ".join(map(reference, alert.references))), ("incidents", _listed(alert.incidents)),
    )  # fmt: skip
    for info in alert.infos:
        yield from ("<info>\n", *_info(info), "</info>\n")


def _info(info: Info) -> Iterator[str]:
    yield from _texts(
        ("language", info.language), *(("category", word) for word in info.categories), ("event", info.event),
        *(("responseType", word) for word in info.response_types), ("urgency", info.urgency), ("severity", info.severity),
        ("certainty", info.certainty), ("audience", info.audience),
    )  # fmt: skip
    yield from _named("eventCode", info.event_codes)
    times = (("effective", info.effective), ("onset", info.onset), ("expires", info.expires))
    yield from _texts(
        *((name, time(at)) for name, at in times if at), ("senderName", info.sender_name), ("headline", info.headline),
        ("description", info.description),
        ("instruction", info.instruction), ("web", info.web), ("contact", info.contact),
    )  # fmt: skip
    yield from _named("parameter", info.parameters)
    for resource in info.resources:
        yield from ("<resource>\n", *_resource(resource), "</resource>\n")
    for area in info.areas:
        yield from ("<area>\n", *_area(area), "</area>\n")


def _resource(resource: Resource) -> Iterator[str]:
    size = None if resource.size is None else str(resource.size)
    return _texts(
        ("resourceDesc", resource.words), ("mimeType", resource.mime_type), ("size", size), ("uri", resource.uri),
        ("derefUri", resource.content), ("digest", resource.digest),
    )  # fmt: skip


def _area(area: Area) -> Iterator[str]:
    rings = (" ".join(f"{_number(lat)},{_number(lon)}" for lat, lon in ring) for ring in area.polygons)
    circles = (f"{_number(c.lat)},{_number(c.lon)} {_number(c.radius_km)}" for c in area.circles)
    heights = (("altitude", area.altitude_ft), ("ceiling", area.ceiling_ft))
    return chain(
        _texts(("areaDesc", area.words), *(("polygon", ring) for ring in rings), *(("circle", circle) for circle in circles)),
        _named("geocode", area.geocodes),
        _texts(*((name, _number(feet)) for name, feet in heights if feet is not None)),
    )


def _texts(*pairs: tuple[str, str | None]) -> Iterator[str]:
    """Elements for the texts that there are."""
    return (element(name, text) for name, text in pairs if text)


def _named(name: str, pairs: Iterable[Named]) -> Iterator[str]:
    for pair in pairs:
        yield f"<{name}>\n{element('valueName', pair.name)}{element('value', pair.value)}</{name}>\n"


def _listed(words: Iterable[str]) -> str:
    return " ".join(f'"{word}"' if " " in word else word for word in words)


def _number(value: float) -> str:
    """The shortest decimal that is this number again, without an exponent, which the schema's decimals do not have."""
    said = format(Decimal(repr(value + 0.0)), "f")
    return said.removesuffix(".0")
