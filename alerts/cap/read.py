"""CAP on its way in: anything at all into a message, or the sentence that names what is wrong with it.

A message that can be told apart from others (identifier, sender, sent) and says what it is (status, msgType, scope) is taken,
whatever else it says: words that the standard does not know are kept and remarked on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ParamSpec, TypeVar

from alerts.cap.document import NAMESPACE, Alert, Area, Circle, Fault, Info, Named, Reference, Resource, Ring, faults_of
from alerts.cap.markup import ORDINARY, Element, Limits, parse, undeclared

Found = TypeVar("Found")
Parts = ParamSpec("Parts")

MOST_INFOS = 32
MOST_CORNERS = 20_000
"""Of all polygons of a message: an outline of a province has fewer."""
LONGEST_NAME = 300
"""Characters of what tells messages apart, so that an index holds them."""
_LISTED = re.compile(r'"([^"]*)"|(\S+)')


@dataclass(frozen=True, slots=True)
class Read:
    """A message, and what in it is not as the standard wants it."""

    alert: Alert
    remarks: tuple[Fault, ...] = ()


class _Bad(Exception):  # noqa: N818 - carried from a check to the answer, never further
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.en)
        self.fault = fault


def read(raw: bytes, limits: Limits = ORDINARY) -> Read | Fault:
    """The message in an XML document, or why there is none."""
    root = parse(raw, limits)
    return root if isinstance(root, Fault) else _read(root)


def read_text(text: str, limits: Limits = ORDINARY) -> Read | Fault:
    """The message in an XML document that came as characters, whatever encoding it once had."""
    return read(undeclared(text).encode(), limits)


def _read(root: Element) -> Read | Fault:
    """The message in the root of a document."""
    if root.name != "alert" or root.namespace != NAMESPACE:
        shown = f"{{{root.namespace}}}{root.name}"[:120]
        return Fault(
            "cap_namespace",
            f"文档的根元素为 {shown}：应为 CAP 1.2 的 {{{NAMESPACE}}}alert",
            f"the document is a {shown}: expected an alert of CAP 1.2, {{{NAMESPACE}}}alert",
        )
    remarks: list[Fault] = []
    try:
        alert = _alert(root, remarks)
    except _Bad as bad:
        return bad.fault
    return Read(alert, (*remarks, *faults_of(alert)))


def _alert(root: Element, remarks: list[Fault]) -> Alert:
    infos = root.all("info")
    if len(infos) > MOST_INFOS:
        raise _Bad(_odd("info", f"{len(infos)} 段", f"{len(infos)} of them", f"至多 {MOST_INFOS} 段", f"at most {MOST_INFOS}"))
    budget = [MOST_CORNERS]
    return Alert(
        identifier=_needed(root, "identifier"), sender=_needed(root, "sender"), sent=_needed_time(root, "sent"),
        status=_needed(root, "status"), msg_type=_needed(root, "msgType"), scope=_needed(root, "scope"),
        source=_text(root, "source"), restriction=_text(root, "restriction"), addresses=_list(root, "addresses"),
        codes=_texts(root, "code"),
        note=_text(root, "note"), references=_references(root, remarks), incidents=_list(root, "incidents"),
        infos=tuple(_info(info, remarks, budget) for info in infos),
    )  # fmt: skip


def _info(root: Element, remarks: list[Fault], budget: list[int]) -> Info:
    def word(name: str) -> str:
        return _text(root, name) or ""

    def moment(name: str) -> datetime | None:
        said = _text(root, name)
        return _try(remarks, _time, name, said) if said else None

    return Info(
        event=word("event"), categories=_texts(root, "category"), urgency=word("urgency"), severity=word("severity"),
        certainty=word("certainty"), language=_text(root, "language") or "en-US", response_types=_texts(root, "responseType"),
        audience=_text(root, "audience"), event_codes=_named(root, "eventCode"), effective=moment("effective"),
        onset=moment("onset"), expires=moment("expires"), sender_name=_text(root, "senderName"), headline=_text(root, "headline"),
        description=_text(root, "description"), instruction=_text(root, "instruction"), web=_text(root, "web"),
        contact=_text(root, "contact"), parameters=_named(root, "parameter"),
        resources=tuple(_resource(resource, remarks) for resource in root.all("resource")),
        areas=tuple(_area(area, remarks, budget) for area in root.all("area")),
    )  # fmt: skip


def _resource(root: Element, remarks: list[Fault]) -> Resource:
    size = _text(root, "size")
    return Resource(
        _text(root, "resourceDesc") or "", _text(root, "mimeType") or "",
        _try(remarks, _whole, "size", size) if size else None,
        _text(root, "uri"), _text(root, "derefUri"), _text(root, "digest"),
    )  # fmt: skip


def _area(root: Element, remarks: list[Fault], budget: list[int]) -> Area:
    rings = [_try(remarks, _ring, said, budget) for said in _texts(root, "polygon")]
    circles = [_try(remarks, _circle, said) for said in _texts(root, "circle")]
    return Area(
        _text(root, "areaDesc") or "", tuple(ring for ring in rings if ring), tuple(circle for circle in circles if circle),
        _named(root, "geocode"), _try(remarks, _height, root, "altitude"), _try(remarks, _height, root, "ceiling"),
    )  # fmt: skip


def _ring(said: str, budget: list[int]) -> Ring:
    pairs = said.split()
    budget[0] -= len(pairs)
    if budget[0] < 0:
        zh, en = f"超过 {MOST_CORNERS} 点", f"more than {MOST_CORNERS} corners"
        raise _Bad(_odd("polygon", zh, en, "较简的轮廓", "a plainer outline"))
    return tuple(_position("polygon", pair) for pair in pairs)


def _circle(said: str) -> Circle:
    middle, _, radius = said.strip().rpartition(" ")
    lat, lon = _position("circle", middle.strip())
    return Circle(lat, lon, _number("circle", radius))


def _position(name: str, said: str) -> tuple[float, float]:
    lat, comma, lon = said.partition(",")
    if not comma:
        raise _Bad(_odd(name, f"“{said[:40]}”", f"'{said[:40]}'", "纬度在前、以逗号相隔的一对数", "latitude,longitude"))
    return _number(name, lat), _number(name, lon)


def _height(root: Element, name: str) -> float | None:
    return _number(name, said) if (said := _text(root, name)) else None


def _number(name: str, said: str) -> float:
    try:
        value = float(said)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _Bad(_odd(name, f"“{said[:40]}”", f"'{said[:40]}'", "数字", "a number"))
    return value


def _whole(name: str, said: str) -> int:
    if not (said.isascii() and said.isdigit() and len(said) <= 18):
        raise _Bad(_odd(name, f"“{said[:40]}”", f"'{said[:40]}'", "整数", "a whole number"))
    return int(said)


def _references(root: Element, remarks: list[Fault]) -> tuple[Reference, ...]:
    found = (_try(remarks, _reference, said) for said in (_text(root, "references") or "").split())
    return tuple(reference for reference in found if reference)


def _reference(said: str) -> Reference:
    parts = said.split(",")
    if len(parts) != 3:
        raise _Bad(_odd("references", f"“{said[:80]}”", f"'{said[:80]}'", "“sender,identifier,sent”", "sender,identifier,sent"))
    return Reference(parts[0], parts[1], _time("references", parts[2]))


def _time(name: str, said: str) -> datetime:
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        zh, en = (f"{words} 2026-03-02T09:00:00+08:00" for words in ("带时差的时间，如", "a time with its offset, such as"))
        raise _Bad(_odd(name, f"“{said[:40]}”", f"'{said[:40]}'", zh, en))
    return at.replace(microsecond=0)


def _needed(root: Element, name: str) -> str:
    if (said := _text(root, name)) is None:
        zh, en = f"CAP 缺 {name}：每份报文都必须有", f"the CAP message has no {name}: expected one in every message"
        raise _Bad(Fault(f"cap_{name}", zh, en))
    if len(said) > LONGEST_NAME:
        zh, en = f"{len(said)} 个字符", f"{len(said)} characters"
        raise _Bad(_odd(name, zh, en, f"至多 {LONGEST_NAME} 个", f"at most {LONGEST_NAME}"))
    return said


def _needed_time(root: Element, name: str) -> datetime:
    return _time(name, _needed(root, name))


def _text(root: Element, name: str) -> str | None:
    found = root.child(name)
    return found.text or None if found is not None else None


def _texts(root: Element, name: str) -> tuple[str, ...]:
    return tuple(child.text for child in root.all(name) if child.text)


def _list(root: Element, name: str) -> tuple[str, ...]:
    return tuple(quoted or plain for quoted, plain in _LISTED.findall(_text(root, name) or "") if quoted or plain)


def _named(root: Element, name: str) -> tuple[Named, ...]:
    return tuple(Named(_text(pair, "valueName") or "", _text(pair, "value") or "") for pair in root.all(name))


def _try(remarks: list[Fault], reading: Callable[Parts, Found], *said: Parts.args, **more: Parts.kwargs) -> Found | None:
    """What reading gives; what it complains of becomes a remark, and the part is left out."""
    try:
        return reading(*said, **more)
    except _Bad as bad:
        remarks.append(bad.fault)
        return None


def _odd(name: str, zh: str, en: str, expected_zh: str, expected_en: str) -> Fault:
    """`zh` and `en` say how it came."""
    thing = f"{name} of the CAP message"
    return Fault(f"cap_{name}", f"CAP 的 {name} 为{zh}：应为{expected_zh}", f"{thing} is {en}: expected {expected_en}")
